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
use image::{DynamicImage, RgbImage, RgbaImage, imageops};
use vetd_model::media::MediaKind;

use crate::picture::{MAX_BYTES, MIN_SIDE, Picture, PictureError};

/// The most pages: a document's front and back.
const MAX_PAGES: usize = 2;
/// The longer side of a page as it is drawn, in pixels: A4 at 300 dots an inch.
const LONGER_SIDE: f32 = 3_508.0;
/// From here on a pixel is paper, of 255.
const PAPER: u8 = 250;
/// How much paper stays around a document, in pixels: 2 mm.
const MARGIN: usize = 24;

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
    let page = DynamicImage::ImageRgba8(pixels.ok_or(PictureError::Damaged)?).into_rgb8();
    Picture::drawn(DynamicImage::ImageRgb8(trimmed(page)))
}

/// The page without the white paper around what is on it: a document seldom fills a page, and a picture
/// that is mostly white counts as glare. The whole page if next to nothing is on it.
fn trimmed(page: RgbImage) -> RgbImage {
    let (width, height) = page.dimensions();
    let (mut rows, mut columns) = (vec![0_u32; height as usize], vec![0_u32; width as usize]);
    for (x, y, _) in page.enumerate_pixels().filter(|(_, _, pixel)| pixel.0.iter().any(|part| *part < PAPER)) {
        rows[y as usize] += 1;
        columns[x as usize] += 1;
    }
    let (Some((left, right)), Some((top, bottom))) = (printed(&columns, height), printed(&rows, width)) else {
        return page;
    };
    if right - left < MIN_SIDE || bottom - top < MIN_SIDE {
        return page;
    }
    imageops::crop_imm(&page, left, top, right - left, bottom - top).to_image()
}

/// From where to where lines of pixels have something on them, and a little more: `counts` says how many of
/// each line's `length` pixels are no paper. Dust is nothing.
fn printed(counts: &[u32], length: u32) -> Option<(u32, u32)> {
    let has_print = |count: &u32| *count > length / 500;
    let (first, last) = (counts.iter().position(has_print)?, counts.iter().rposition(has_print)?);
    let end = (last + 1 + MARGIN).min(counts.len());
    Some((u32::try_from(first.saturating_sub(MARGIN)).ok()?, u32::try_from(end).ok()?))
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn paper_around_a_document_goes() {
        let page = |printed: [u32; 4]| {
            RgbImage::from_fn(1_000, 1_400, |x, y| {
                let [left, top, right, bottom] = printed;
                let is_printed = (left..right).contains(&x) && (top..bottom).contains(&y);
                // Dust in a corner of the page.
                Rgb([if is_printed || (x < 2 && y < 2) { 90 } else { 254 }; 3])
            })
        };
        let card = trimmed(page([100, 600, 500, 900]));
        assert_eq!(card.dimensions(), (400 + 2 * MARGIN as u32, 300 + 2 * MARGIN as u32));
        assert_eq!((card.get_pixel(0, 0).0[0], card.get_pixel(MARGIN as u32, MARGIN as u32).0[0]), (254, 90));
        let to_the_edge = trimmed(page([0, 0, 1_000, 700]));
        assert_eq!(to_the_edge.dimensions(), (1_000, 700 + MARGIN as u32));
        for nothing in [[0; 4], [400, 400, 430, 430]] {
            assert_eq!(trimmed(page(nothing)).dimensions(), (1_000, 1_400));
        }
    }
}
