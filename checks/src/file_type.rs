//! What kind of file was sent. Its first bytes tell, never its name or what it is said to be.

/// The kinds of file that show a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    /// ITU-T T.81.
    Jpeg,
    /// ISO/IEC 15948.
    Png,
    /// RFC 9649.
    WebP,
    /// ISO/IEC 23008-12, the format of iPhones' own pictures. Taken in builds with the feature `heic`.
    Heic,
    /// ISO 32000-2, as scanners keep documents. Taken in builds with the feature `pdf`.
    Pdf,
}

impl FileType {
    /// The brands of files that hold a picture coded as HEVC.
    const HEIC_BRANDS: [&[u8]; 4] = [b"heic", b"heix", b"mif1", b"mif2"];

    /// What a file begins as; `None` for what shows no picture.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::WebP)
        } else if bytes.get(4..8) == Some(b"ftyp")
            && bytes.get(8..12).is_some_and(|brand| Self::HEIC_BRANDS.contains(&brand))
        {
            Some(Self::Heic)
        } else {
            bytes.starts_with(b"%PDF-").then_some(Self::Pdf)
        }
    }
}

/// The media types of the pictures that are taken in (RFC 6838), of documents also as PDF where somebody
/// draws its pages.
#[must_use]
pub fn media_types(draws_pages: bool) -> Vec<&'static str> {
    let mut types = vec!["image/jpeg", "image/png", "image/webp"];
    if cfg!(feature = "heic") {
        types.push("image/heic");
    }
    if draws_pages {
        types.push("application/pdf");
    }
    types
}
