//! HEIC, the format of iPhones' own pictures (ISO/IEC 23008-12), where the feature `heic` is in.

use heifer::heifer_isobmff::HeifFile;
use image::{DynamicImage, RgbaImage};

use crate::picture::{MAX_PIXELS, PictureError, judge_size};

/// Decodes the file's primary picture, turned and cropped as the file says, in sRGB where its colours
/// can be converted. The size that it claims is judged first, and holds for each of its tiles, too.
pub(crate) fn decode(bytes: &[u8]) -> Result<DynamicImage, PictureError> {
    let damaged = |_| PictureError::Damaged;
    let file = HeifFile::parse(bytes).map_err(damaged)?;
    let size = file.image_size(file.primary_id).map_err(damaged)?.ok_or(PictureError::Damaged)?;
    judge_size(size)?;
    let options = heifer::Options { max_threads: 1, max_pixels: MAX_PIXELS };
    // Colours of a kind that cannot be converted are taken as they are: documents stay legible.
    let image = heifer::decode_srgb_rgba8(bytes, &options).or_else(|_| heifer::decode_rgba8(bytes, &options));
    let image = image.map_err(|_| PictureError::Damaged)?;
    judge_size((image.width, image.height))?;
    let pixels = RgbaImage::from_raw(image.width, image.height, image.data).ok_or(PictureError::Damaged)?;
    Ok(DynamicImage::ImageRgba8(pixels))
}
