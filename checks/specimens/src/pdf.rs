//! PDF files as scanners write them: a picture on each page, and nothing else.

use std::fmt::Write as _;

/// A page of A4, in points.
const PAGE: (u32, u32) = (595, 842);
/// How wide a picture is on its page, in points.
const WIDTH: f64 = 475.0;

/// A file with each of these JPEG pictures on a page of its own.
///
/// # Panics
/// If one of them cannot be decoded.
#[must_use]
pub fn scan(jpegs: &[&[u8]]) -> Vec<u8> {
    scan_with(jpegs, "", "")
}

/// The same, with more entries in the catalog and in the trailer, such as a script that runs when the
/// file is opened.
///
/// # Panics
/// If a picture cannot be decoded.
#[must_use]
pub fn scan_with(jpegs: &[&[u8]], catalog: &str, trailer: &str) -> Vec<u8> {
    // The catalog, the pages, and then for each page itself, its picture and what draws it.
    let page = |place: usize| 3 + 3 * place;
    let kids: String = (0..jpegs.len()).fold(String::new(), |mut kids, place| {
        let _ = write!(kids, "{} 0 R ", page(place));
        kids
    });
    let mut objects = vec![
        format!("<< /Type /Catalog /Pages 2 0 R {catalog} >>").into_bytes(),
        format!("<< /Type /Pages /Kids [{kids}] /Count {} >>", jpegs.len()).into_bytes(),
    ];
    for (place, jpeg) in jpegs.iter().enumerate() {
        let picture = image::load_from_memory(jpeg).expect("a picture");
        let (width, height) = (picture.width(), picture.height());
        let tall = WIDTH * f64::from(height) / f64::from(width);
        let draw = format!("q {WIDTH} 0 0 {tall:.1} 60 80 cm /Picture Do Q");
        let (picture, contents) = (page(place) + 1, page(place) + 2);
        let head = format!(
            "/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB /BitsPerComponent 8 \
             /Filter /DCTDecode"
        );
        objects.push(
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Contents {contents} 0 R /Resources << /XObject << \
                 /Picture {picture} 0 R >> >> >>",
                PAGE.0, PAGE.1
            )
            .into_bytes(),
        );
        objects.push(stream(&head, jpeg));
        objects.push(stream("", draw.as_bytes()));
    }
    file(&objects, trailer)
}

/// An object with data (ISO 32000-2, 7.3.8), whose dictionary has these entries, too.
#[must_use]
pub fn stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("<< {entries} /Length {} >>\nstream\n", data.len());
    [head.as_bytes(), data, b"\nendstream"].concat()
}

/// A file of these objects, numbered from 1, the first of which is its catalog (ISO 32000-2, 7.5).
#[must_use]
pub fn file(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(objects) {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        file.extend(format!("{number} 0 obj\n").bytes().chain(object.iter().copied()).chain(*b"\nendobj\n"));
    }
    let (count, start) = (objects.len() + 1, file.len());
    file.extend(
        format!("{table}trailer\n<< /Size {count} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n").bytes(),
    );
    file
}
