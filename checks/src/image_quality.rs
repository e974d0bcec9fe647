//! `image_quality`: whether the pictures can be read. What is wrong with one the person is told when
//! it is sent; this is what becomes of it if they go on all the same.

use serde_json::json;
use vetd_model::check::Finding;
use vetd_model::media::Media;

use crate::Evidence;

/// Codes: `picture_blurred`, `picture_glare`, `picture_dark`, `picture_overexposed`,
/// `picture_too_small` (failed); `no_pictures` (skipped).
///
/// A document whose zone or barcode was read can be read, whatever else the figures say.
pub(crate) fn run(evidence: &Evidence<'_>) -> Finding {
    if evidence.media.is_empty() {
        return Finding::skipped("no_pictures", "The flow asks for no pictures.");
    }
    let is_read =
        |media: &&Media| media.reading.barcode.is_some() || media.reading.mrz.as_ref().is_some_and(|mrz| mrz.proven);
    let flawed = evidence
        .media
        .iter()
        .filter(|media| !is_read(media))
        .find_map(|media| media.reading.quality.flaw.map(|flaw| (media, flaw)));
    let finding = match flawed {
        Some((media, flaw)) => Finding::failed(flaw.code(), flaw.message()).with("picture", media.kind.as_str()),
        None => Finding::passed(),
    };
    let figures = evidence.media.iter().map(|media| {
        let quality = &media.reading.quality;
        let figures = json!({
            "width": quality.width, "height": quality.height, "sharpness": quality.sharpness,
            "glare": f64::from(quality.glare) / 1000.0, "brightness": quality.brightness,
        });
        (media.kind.as_str().to_owned(), figures)
    });
    finding.with("pictures", figures.collect::<serde_json::Map<_, _>>())
}
