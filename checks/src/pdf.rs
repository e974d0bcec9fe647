//! PDF (ISO 32000-2), as scanners and wallets keep documents, where the feature `pdf` is in: its one
//! page, drawn. Scripts, forms' actions and attached files are never looked at.
//!
//! Drawing has no limit of its own: a page of a few kilobytes can ask for hours and for all memory.
//! Call it only in a process of its own, which the system ends when it takes too much.

use std::panic::catch_unwind;

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::{LoadPdfError, Pdf};
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings};
use image::{DynamicImage, RgbaImage};
use vetd_model::media::MediaKind;

use crate::picture::{MAX_BYTES, Picture, PictureError};

/// The most pages: a document's front and back.
const MAX_PAGES: usize = 2;
/// The longer side of a page as it is drawn, in pixels: A4 at 300 dots an inch.
const LONGER_SIDE: f32 = 3_508.0;

/// Draws the page of a file that shows such a picture: the second of two for a document's back, and
/// the first otherwise.
///
/// # Errors
/// Why the file shows nothing that can be used.
pub fn draw(file: Vec<u8>, kind: MediaKind) -> Result<Picture, PictureError> {
    if file.len() > MAX_BYTES {
        return Err(PictureError::TooLarge);
    }
    // As for the decoders of pictures: should it panic on a crafted file, then this file is refused.
    catch_unwind(|| drawn(file, kind)).unwrap_or(Err(PictureError::Damaged))
}

fn drawn(file: Vec<u8>, kind: MediaKind) -> Result<Picture, PictureError> {
    let pdf = Pdf::new(file).map_err(|error| match error {
        LoadPdfError::Decryption(_) => PictureError::PdfEncrypted,
        LoadPdfError::Invalid => PictureError::Damaged,
    })?;
    let pages = pdf.pages();
    if pages.len() > MAX_PAGES {
        return Err(PictureError::PdfTooManyPages);
    }
    let last = kind == MediaKind::DocumentBack;
    let page = if last { pages.last() } else { pages.first() }.ok_or(PictureError::Damaged)?;
    let (width, height) = page.render_dimensions();
    let scale = LONGER_SIDE / width.max(height);
    let drawn = hayro::render(
        page,
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &RenderSettings::default(),
        &PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE },
    );
    let (width, height) = (u32::from(drawn.width()), u32::from(drawn.height()));
    let pixels = RgbaImage::from_raw(width, height, drawn.data_as_u8_slice().to_vec());
    let pixels = pixels.ok_or(PictureError::Damaged)?;
    Picture::drawn(DynamicImage::ImageRgba8(pixels))
}
