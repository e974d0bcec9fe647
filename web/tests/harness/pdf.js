// PDF files as apps write them that scan with a phone: pages of a picture each, and nothing else.

/**
 * @param {Buffer[]} jpegs
 * @param {{ width: number, height: number }} size of each of them, in pixels
 */
export function scan(jpegs, { width, height }) {
  const page = (/** @type {number} */ place) => 3 + 3 * place;
  const stream = (/** @type {string} */ entries, /** @type {Buffer} */ data) =>
    Buffer.concat([Buffer.from(`<< ${entries} /Length ${data.length} >>\nstream\n`), data, Buffer.from("\nendstream")]);
  const objects = [
    Buffer.from("<< /Type /Catalog /Pages 2 0 R >>"),
    Buffer.from(`<< /Type /Pages /Kids [${jpegs.map((_, place) => `${page(place)} 0 R`).join(" ")}] /Count ${jpegs.length} >>`),
    ...jpegs.flatMap((jpeg, place) => [
      Buffer.from(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents ${page(place) + 2} 0 R
        /Resources << /XObject << /Picture ${page(place) + 1} 0 R >> >> >>`),
      stream(`/Type /XObject /Subtype /Image /Width ${width} /Height ${height} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode`, jpeg),
      stream("", Buffer.from(`q ${width} 0 0 ${height} 0 0 cm /Picture Do Q`)),
    ]),
  ];
  const parts = [Buffer.from("%PDF-1.7\n")];
  const places = objects.map((object, at) => {
    const place = parts.reduce((sum, { length }) => sum + length, 0);
    parts.push(Buffer.from(`${at + 1} 0 obj\n`), object, Buffer.from("\nendobj\n"));
    return place;
  });
  const end = parts.reduce((sum, { length }) => sum + length, 0);
  const table = places.map((place) => `${String(place).padStart(10, "0")} 00000 n \n`).join("");
  const size = objects.length + 1;
  parts.push(Buffer.from(`xref\n0 ${size}\n0000000000 65535 f \n${table}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${end}\n%%EOF\n`));
  return Buffer.concat(parts);
}
