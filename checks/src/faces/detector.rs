//! Where faces are: from the detector's numbers to boxes.

use std::sync::Arc;

use image::RgbImage;
use rten::ThreadPool;

use super::nets::{BOX_NUMBERS, BOXES, CELL, FaceNets};
use super::view::{self, Point};

/// The sizes of the boxes that the detector looks at, in cells across and down: what its output is
/// relative to.
const ANCHORS: [(f32, f32); BOXES] = [
    (1.603_231, 2.094_468),
    (6.041_143, 7.080_126),
    (2.882_459, 3.518_061),
    (4.266_906, 5.178_857),
    (9.041_765, 10.663_08),
];
/// Boxes that share more than this of what they cover together show one face.
const OVERLAP: f32 = 0.4;
/// No picture has more faces that matter.
const MOST: usize = 32;

/// A face as the detector sees it, in pixels of what it looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// From 0 to 1.
    pub(super) score: f32,
    /// The upper left corner.
    pub(super) corner: Point,
    pub(super) width: f32,
    pub(super) height: f32,
}

impl Found {
    /// How much of what both cover is common to both.
    fn overlap(&self, other: &Self) -> f32 {
        let shared = |a: f32, a_length: f32, b: f32, b_length: f32| (a + a_length).min(b + b_length) - a.max(b);
        let across = shared(self.corner.x, self.width, other.corner.x, other.width).max(0.0);
        let down = shared(self.corner.y, self.height, other.corner.y, other.height).max(0.0);
        let common = across * down;
        common / (self.width * self.height + other.width * other.height - common).max(1.0)
    }
}

/// The faces of a picture with at least this score, the surest first. `None` if the net fails.
pub(super) fn find(nets: &FaceNets, worker: &Arc<ThreadPool>, picture: &RgbImage, least: f32) -> Option<Vec<Found>> {
    let ((width, height), planes) = view::padded(picture, CELL);
    let said = nets.detect(worker, (width, height), planes).ok()?;
    let (columns, rows) = (width / CELL, height / CELL);
    let mut found = Vec::new();
    for (which, anchor) in ANCHORS.iter().enumerate() {
        for row in 0..rows {
            for column in 0..columns {
                let number = |index: usize| said[((which * BOX_NUMBERS + index) * rows + row) * columns + column];
                let score = sigmoid(number(4));
                if score >= least {
                    let cell = CELL as f32;
                    // Beyond that no picture is large.
                    let size = |index, anchor: f32| number(index).min(6.0).exp() * anchor * cell;
                    let (across, down) = (size(2, anchor.0), size(3, anchor.1));
                    let x = (column as f32 + sigmoid(number(0))) * cell - across / 2.0;
                    let y = (row as f32 + sigmoid(number(1))) * cell - down / 2.0;
                    found.push(Found { score, corner: Point { x, y }, width: across, height: down });
                }
            }
        }
    }
    Some(distinct(found))
}

/// The surest of each heap of boxes.
fn distinct(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Found> = Vec::new();
    for one in found {
        if kept.len() < MOST && kept.iter().all(|other| one.overlap(other) < OVERLAP) {
            kept.push(one);
        }
    }
    kept
}

fn sigmoid(number: f32) -> f32 {
    1.0 / (1.0 + (-number).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_boxes_on_one_face_the_surest_is_kept() {
        let at = |x: f32, score: f32| Found { score, corner: Point { x, y: 0.0 }, width: 100.0, height: 100.0 };
        let kept = distinct(vec![at(0.0, 0.6), at(10.0, 0.9), at(300.0, 0.7)]);
        let kept: Vec<_> = kept.iter().map(|one| (one.corner.x, one.score)).collect();
        assert_eq!(kept, [(10.0, 0.9), (300.0, 0.7)]);
    }
}
