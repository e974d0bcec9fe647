//! Pictures as people upload them: decoded under limits, turned upright, and nothing kept of them
//! but their pixels.
//!
//! What a file is called or claims to be does not matter, only its first bytes do. Sizes are read
//! from its header and judged before anything is decoded, so a file of a few kilobytes that claims
//! 200 megapixels costs nothing.

use std::fmt;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::ImageError;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, Limits, RgbImage};

use crate::file_type::FileType;
use crate::gray::Gray;

/// The most bytes of a file: 16 MiB.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The most pixels of a picture: 50 megapixels.
pub const MAX_PIXELS: u64 = 50_000_000;
/// The most pixels of a side.
pub const MAX_SIDE: u32 = 12_000;
/// The fewest pixels of a side: no document can be read on less.
pub const MIN_SIDE: u32 = 200;
/// The most bytes that a decoder may allocate: [`MAX_PIXELS`] in four channels and some room.
const MAX_MEMORY: u64 = 4 * MAX_PIXELS + 64 * 1024 * 1024;
/// A progressive JPEG is decoded once a scan, over all its pixels; cameras write about ten scans.
const MAX_SCANNED_PIXELS: u64 = 16 * MAX_PIXELS;
/// The most scans whatever the size.
const MAX_SCANS: u64 = 64;
/// The longest side of what [`Picture::to_jpeg`] writes.
const JPEG_LONGEST: u32 = 4_000;
/// The quality of what [`Picture::to_jpeg`] writes, of 100.
const JPEG_QUALITY: u8 = 90;
/// The longest side of what the readers get: a character of a passport that fills half the width
/// is then still 27 pixels wide.
const GRAY_LONGEST: u32 = 3_000;

/// Why a file is not taken as a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// It is of no type that is taken, see [`media_types`](crate::media_types).
    #[error("This is no picture of a type that is taken here.")]
    Unsupported,
    /// It begins like one, but cannot be decoded to the end.
    #[error("The picture is damaged or incomplete; send it again.")]
    Damaged,
    /// The file or the picture is larger than what is taken.
    #[error("The picture is too large: at most 16 MiB, 50 megapixels and 12000 pixels a side.")]
    TooLarge,
    /// A side has fewer than [`MIN_SIDE`] pixels.
    #[error("The picture is too small: each side needs at least 200 pixels.")]
    TooSmall,
    /// A PDF that only a password opens.
    #[error("The PDF is protected by a password; save it without one, or send a photo.")]
    PdfEncrypted,
    /// A PDF of more than two pages.
    #[error("The PDF has too many pages: send one that shows the document alone, on one page or two.")]
    PdfTooManyPages,
    /// A PDF whose page takes more time or memory than a document does.
    #[error("The PDF takes too much to draw; send a photo of the document.")]
    PdfTooComplex,
}

impl PictureError {
    const ALL: [Self; 7] = [
        Self::Unsupported,
        Self::Damaged,
        Self::TooLarge,
        Self::TooSmall,
        Self::PdfEncrypted,
        Self::PdfTooManyPages,
        Self::PdfTooComplex,
    ];

    /// The stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported_media",
            Self::Damaged => "picture_damaged",
            Self::TooLarge => "picture_too_large",
            Self::TooSmall => "picture_too_small",
            Self::PdfEncrypted => "pdf_encrypted",
            Self::PdfTooManyPages => "pdf_too_many_pages",
            Self::PdfTooComplex => "pdf_too_complex",
        }
    }

    /// The error with this code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|error| error.code() == code)
    }
}

impl From<ImageError> for PictureError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooLarge,
            _ => Self::Damaged,
        }
    }
}

/// A decoded picture, upright as its EXIF data say, without any metadata.
#[derive(Clone)]
pub struct Picture {
    pixels: RgbImage,
}

/// Shows no pixel: pictures are people's documents.
impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} x {})", self.width(), self.height())
    }
}

impl Picture {
    /// Decodes a file. What stands behind the end of the picture is ignored.
    ///
    /// # Errors
    ///
    /// See [`PictureError`]; everything that is no picture within the limits has its case there.
    pub fn decode(bytes: &[u8]) -> Result<Self, PictureError> {
        if bytes.len() > MAX_BYTES {
            return Err(PictureError::TooLarge);
        }
        let kind = FileType::of(bytes).ok_or(PictureError::Unsupported)?;
        // The decoders are not ours. Should one panic on a crafted file, then this file is refused.
        catch_unwind(AssertUnwindSafe(|| decode_as(kind, bytes))).unwrap_or(Err(PictureError::Damaged))
    }

    /// A picture that was drawn here.
    ///
    /// # Errors
    /// [`PictureError::TooLarge`] or [`PictureError::TooSmall`].
    #[cfg(feature = "pdf")]
    pub(crate) fn drawn(image: DynamicImage) -> Result<Self, PictureError> {
        judge_size((image.width(), image.height()))?;
        Ok(flattened(image))
    }

    /// Its width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.pixels.width()
    }

    /// Its height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.pixels.height()
    }

    /// The picture as a file of its own: a baseline JPEG without metadata, its longer side at most
    /// 4000 pixels.
    #[must_use]
    pub fn to_jpeg(&self) -> Vec<u8> {
        let small = self.at_most(JPEG_LONGEST);
        let pixels = small.as_ref().unwrap_or(&self.pixels);
        let mut file = Vec::new();
        let written = JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY).encode_image(pixels);
        written.expect("a picture of at most 4000 pixels a side can be written to memory");
        file
    }

    /// Its pixels.
    pub(crate) fn pixels(&self) -> &RgbImage {
        &self.pixels
    }

    /// The picture in grey for the readers, its longer side at most 3000 pixels.
    #[must_use]
    pub fn gray(&self) -> Gray {
        // The weights of ITU-R BT.601 in 256ths.
        let luma = |pixel: &image::Rgb<u8>| {
            let [red, green, blue] = pixel.0.map(u32::from);
            ((red * 77 + green * 150 + blue * 29 + 128) >> 8) as u8
        };
        let grey: Vec<u8> = self.pixels.pixels().map(luma).collect();
        Gray::new(self.width() as usize, self.height() as usize, grey)
            .expect("a picture has as many pixels as its size says")
            .at_most(GRAY_LONGEST as usize)
    }

    /// The picture with its longer side at most so many pixels; none if it is no longer already.
    fn at_most(&self, longest: u32) -> Option<RgbImage> {
        let longer = self.width().max(self.height());
        (longer > longest).then(|| {
            let side = |length: u32| {
                let scaled = u64::from(length) * u64::from(longest) / u64::from(longer);
                u32::try_from(scaled).unwrap_or(longest).max(1)
            };
            image::imageops::thumbnail(&self.pixels, side(self.width()), side(self.height()))
        })
    }
}

fn decode_as(kind: FileType, bytes: &[u8]) -> Result<Picture, PictureError> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    let source = Cursor::new(bytes);
    match kind {
        FileType::Jpeg => {
            let decoder = JpegDecoder::new(source)?;
            judge_scans(bytes, decoder.dimensions())?;
            finish(decoder, limits)
        }
        FileType::Png => finish(PngDecoder::with_limits(source, limits.clone())?, limits),
        FileType::WebP => finish(WebPDecoder::new(source)?, limits),
        #[cfg(feature = "heic")]
        FileType::Heic => crate::heic::decode(bytes).map(flattened),
        // A PDF is drawn first, elsewhere.
        _ => Err(PictureError::Unsupported),
    }
}

/// Judges the size that the header claims, and only then decodes.
fn finish(mut decoder: impl ImageDecoder, limits: Limits) -> Result<Picture, PictureError> {
    judge_size(decoder.dimensions())?;
    if decoder.total_bytes() > MAX_MEMORY {
        return Err(PictureError::TooLarge);
    }
    // A damaged EXIF block is no reason to refuse a picture that can be seen.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    decoder.set_limits(limits)?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(flattened(image))
}

fn flattened(image: DynamicImage) -> Picture {
    Picture { pixels: if image.color().has_alpha() { on_white(image) } else { image.into_rgb8() } }
}

/// Judges the width and the height that a file claims.
pub(crate) fn judge_size((width, height): (u32, u32)) -> Result<(), PictureError> {
    let pixels = u64::from(width) * u64::from(height);
    if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(PictureError::TooLarge);
    }
    if width < MIN_SIDE || height < MIN_SIDE { Err(PictureError::TooSmall) } else { Ok(()) }
}

/// Puts a picture with transparent parts on white paper, as viewers show it.
fn on_white(image: DynamicImage) -> RgbImage {
    let image = image.into_rgba8();
    let mut flat = RgbImage::new(image.width(), image.height());
    for (to, from) in flat.pixels_mut().zip(image.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        to.0 = [red, green, blue].map(|part| ((part * alpha + 255 * (255 - alpha) + 127) / 255) as u8);
    }
    flat
}

/// Refuses a JPEG that ends before its picture does, which the decoder would fill up with grey,
/// and one with so many scans that decoding it would take minutes.
fn judge_scans(bytes: &[u8], (width, height): (u32, u32)) -> Result<(), PictureError> {
    let scans = scans(bytes).filter(|scans| *scans > 0).ok_or(PictureError::Damaged)?;
    let pixels = u64::from(width) * u64::from(height);
    if scans > MAX_SCANS || scans.saturating_mul(pixels) > MAX_SCANNED_PIXELS {
        return Err(PictureError::TooLarge);
    }
    Ok(())
}

/// How many scans a JPEG has, from its beginning to the end of its picture; `None` if it has no such
/// end. What stands behind it is not looked at: phones put films there. Neither is what stands in
/// segments, such as thumbnails.
fn scans(bytes: &[u8]) -> Option<u64> {
    // ITU-T T.81, B.1.1: a marker is 0xff and a second byte; all but some stand before a length.
    const START: u8 = 0xd8;
    const END: u8 = 0xd9;
    const SCAN: u8 = 0xda;
    let (mut at, mut scans) = (0, 0);
    loop {
        let [first, second] = *bytes.get(at..at + 2)?.as_array::<2>()?;
        match (first, second) {
            (0xff, END) => return Some(scans),
            // Alone, or filling up to the next marker; in a scan's data a zero or a restart follows 0xff.
            (0xff, START | 0x00 | 0x01 | 0xd0..=0xd7) => at += 2,
            (0xff, 0xff) => at += 1,
            (0xff, _) => {
                scans += u64::from(second == SCAN);
                let length = bytes.get(at + 2..at + 4)?;
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            }
            // A scan's data.
            _ => at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgb, Rgba, RgbaImage};

    use super::*;

    /// A red picture with a blue top left corner.
    fn sample(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            if x < width / 2 && y < height / 2 { Rgb([20, 30, 220]) } else { Rgb([220, 30, 20]) }
        })
    }

    fn file(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// Puts an EXIF block with this orientation behind the first marker of a JPEG.
    fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let mut exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        [&jpeg[..2], &exif, &jpeg[2..]].concat()
    }

    #[test]
    fn the_three_kinds_of_file_are_decoded() {
        let image = DynamicImage::from(sample(400, 300));
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let picture = Picture::decode(&file(&image, format)).unwrap();
            assert_eq!((picture.width(), picture.height()), (400, 300), "{format:?}");
            assert!(picture.pixels.get_pixel(20, 20).0[2] > 180, "{format:?}");
        }
    }

    #[test]
    fn every_turn_is_undone() {
        let jpeg = file(&DynamicImage::from(sample(400, 300)), ImageFormat::Jpeg);
        // Where the blue corner of a picture comes to lie for each EXIF orientation.
        for (orientation, right, bottom) in [
            (1, false, false),
            (2, true, false),
            (3, true, true),
            (4, false, true),
            (5, false, false),
            (6, true, false),
            (7, true, true),
            (8, false, true),
        ] {
            let picture = Picture::decode(&with_orientation(&jpeg, orientation)).unwrap();
            let sideways = orientation >= 5;
            assert_eq!(picture.width() > picture.height(), !sideways, "{orientation}");
            let x = if right { picture.width() - 20 } else { 20 };
            let y = if bottom { picture.height() - 20 } else { 20 };
            assert!(picture.pixels.get_pixel(x, y).0[2] > 180, "{orientation}");
        }
    }

    #[test]
    fn what_is_written_has_no_metadata_and_a_limit() {
        let jpeg = with_orientation(&file(&DynamicImage::from(sample(400, 300)), ImageFormat::Jpeg), 6);
        let written = Picture::decode(&jpeg).unwrap().to_jpeg();
        assert!(!written.windows(4).any(|part| part == b"Exif"));
        assert!(written.windows(2).any(|pair| pair == [0xff, 0xc0]), "baseline");
        let wide = Picture { pixels: sample(6_000, 300) };
        let again = Picture::decode(&wide.to_jpeg()).unwrap();
        assert_eq!((again.width(), again.height()), (4_000, 200));
        assert_eq!(wide.gray().longest(), 3_000);
    }

    #[test]
    fn transparent_parts_are_white() {
        let image = RgbaImage::from_pixel(300, 300, Rgba([0, 0, 0, 0]));
        let picture = Picture::decode(&file(&image.into(), ImageFormat::Png)).unwrap();
        assert_eq!(picture.gray().pixels()[0], 255);
    }

    #[test]
    fn small_pictures_are_refused() {
        let small = file(&DynamicImage::from(sample(400, 199)), ImageFormat::Png);
        assert_eq!(Picture::decode(&small).unwrap_err(), PictureError::TooSmall);
    }

    #[test]
    fn a_jpeg_of_many_scans_is_refused() {
        let jpeg = file(&DynamicImage::from(sample(400, 300)), ImageFormat::Jpeg);
        let many = [&jpeg[..jpeg.len() - 2], &[0xff, 0xda, 0x00, 0x02].repeat(70), &jpeg[jpeg.len() - 2..]].concat();
        assert_eq!(Picture::decode(&many).unwrap_err(), PictureError::TooLarge);
    }

    #[test]
    fn what_a_phone_puts_behind_a_picture_does_not_count() {
        let mut bytes = Vec::new();
        let picture = DynamicImage::ImageRgb8(sample(300, 240));
        picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).unwrap();
        assert_eq!(scans(&bytes), Some(1));
        assert_eq!(scans(&bytes[..bytes.len() - 2]), None, "no end");
        // A film, with bytes of every kind.
        let mut state = 1_u32;
        bytes.extend((0..3_000_000).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }));
        assert_eq!(scans(&bytes), Some(1));
        assert_eq!(Picture::decode(&bytes).unwrap().width(), 300);
    }
}
