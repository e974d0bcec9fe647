//! Where eyes, nose and mouth are (the 68 points of the iBUG scheme), and what follows from it: how the
//! head is held, and how the face is cut out for comparison.

use std::sync::Arc;

use image::RgbImage;
use rten::ThreadPool;
use vetd_model::face::{Bounds, Pose};

use super::nets::{CHIP_SIDE, FaceNets, LANDMARK_SIDE, LANDMARKS};
use super::view::{self, Point, Similarity};

/// The outer corner of the eye on the picture's left, the other one's, the tip of the nose.
const LEFT_CORNER: usize = 36;
const RIGHT_CORNER: usize = 45;
const NOSE_TIP: usize = 30;
const LEFT_EYE: std::ops::Range<usize> = 36..42;
const RIGHT_EYE: std::ops::Range<usize> = 42..48;
const MOUTH: std::ops::Range<usize> = 48..68;
/// Where the eyes and the mouth lie in what the embedding net looks at, as shares of its side.
const CHIP: [(f32, f32); 3] = [(0.325, 0.311), (0.675, 0.311), (0.5, 0.735)];
/// A second look at a face gives it about the size of the first: what shrinks or grows further is none.
const STEADY: std::ops::RangeInclusive<f32> = 0.7..=1.3;

/// The landmarks of one face, in pixels of the picture.
pub(super) struct Landmarks {
    points: Vec<Point>,
}

impl Landmarks {
    /// Finds them in a box around a face, and then once more in the box that they themselves fill.
    /// `None` if the two differ so much that this is no face.
    pub(super) fn find(
        nets: &FaceNets,
        worker: &Arc<ThreadPool>,
        picture: &RgbImage,
        corner: Point,
        (width, height): (f32, f32),
    ) -> Option<Self> {
        let first = Self::look(nets, worker, picture, corner, (width, height))?;
        let (corner, size) = first.extent();
        let second = Self::look(nets, worker, picture, corner, size)?;
        STEADY.contains(&(second.extent().1.0 / size.0.max(1.0))).then_some(second)
    }

    fn look(
        nets: &FaceNets,
        worker: &Arc<ThreadPool>,
        picture: &RgbImage,
        corner: Point,
        (width, height): (f32, f32),
    ) -> Option<Self> {
        let side = width.max(height);
        let corner = Point { x: corner.x - (side - width) / 2.0, y: corner.y - (side - height) / 2.0 };
        let square = Similarity::of_square(corner, side, LANDMARK_SIDE);
        let said = nets.mark(worker, view::cut(picture, &square, LANDMARK_SIDE)).ok()?;
        let points: Vec<_> = said
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[x, y]| Point { x: corner.x + x * side, y: corner.y + y * side })
            .collect();
        let fits = points.len() == LANDMARKS && points.iter().all(|point| point.x.is_finite() && point.y.is_finite());
        fits.then_some(Self { points })
    }

    /// The corner and the size of the box that they fill.
    fn extent(&self) -> (Point, (f32, f32)) {
        let ends = |of: fn(&Point) -> f32| {
            let values = self.points.iter().map(of);
            (values.clone().fold(f32::INFINITY, f32::min), values.fold(f32::NEG_INFINITY, f32::max))
        };
        let ((left, right), (top, bottom)) = (ends(|point| point.x), ends(|point| point.y));
        (Point { x: left, y: top }, (right - left, bottom - top))
    }

    /// The box that they fill.
    pub(super) fn bounds(&self) -> Bounds {
        let (corner, (width, height)) = self.extent();
        Bounds { left: corner.x as i32, top: corner.y as i32, width: width as u32, height: height as u32 }
    }

    /// How the head is held.
    pub(super) fn pose(&self) -> Pose {
        let (left, right) = (self.points[LEFT_CORNER], self.points[RIGHT_CORNER]);
        let eyes = right.minus(left);
        let half = (eyes.length() / 2.0).max(1.0);
        let middle = Point::middle(&[left, right]);
        let (nose, mouth) = (self.points[NOSE_TIP].minus(middle), self.middle(MOUTH).minus(middle));
        // Along the line of the eyes, and down from it.
        let along = |way: Point| (way.x * eyes.x + way.y * eyes.y) / (2.0 * half);
        let down = |way: Point| (way.y * eyes.x - way.x * eyes.y) / (2.0 * half);
        Pose {
            yaw: thousandths(along(nose) / half),
            pitch: thousandths(down(nose) / down(mouth).max(1.0)),
            roll: eyes.y.atan2(eyes.x).to_degrees().round() as i16,
        }
    }

    /// The face as the embedding net wants it: upright, eyes and mouth in their places.
    pub(super) fn chip(&self, picture: &RgbImage) -> Option<Vec<f32>> {
        let side = CHIP_SIDE as f32;
        let places = CHIP.map(|(x, y)| Point { x: x * side, y: y * side });
        let here = [self.middle(LEFT_EYE), self.middle(RIGHT_EYE), self.middle(MOUTH)];
        let fit = Similarity::fitting(&places, &here)?;
        Some(view::cut(picture, &fit, CHIP_SIDE))
    }

    fn middle(&self, part: std::ops::Range<usize>) -> Point {
        Point::middle(&self.points[part])
    }
}

fn thousandths(share: f32) -> i16 {
    (share.clamp(-3.0, 3.0) * 1000.0).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face of which only eyes, nose and mouth are told, turned clockwise by an angle in degrees.
    fn face(nose: (f32, f32), degrees: f32) -> Landmarks {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        let turned = |(x, y): (f32, f32)| Point { x: cosine * x - sine * y + 500.0, y: sine * x + cosine * y + 500.0 };
        let mut points = vec![turned((0.0, 0.0)); LANDMARKS];
        points[LEFT_CORNER] = turned((-50.0, 0.0));
        points[RIGHT_CORNER] = turned((50.0, 0.0));
        points[NOSE_TIP] = turned(nose);
        points[MOUTH].fill(turned((0.0, 100.0)));
        Landmarks { points }
    }

    #[test]
    fn a_pose_does_not_depend_on_the_tilt() {
        for degrees in [-40.0, 0.0, 25.0] {
            let Pose { yaw, pitch, roll } = face((20.0, 60.0), degrees).pose();
            assert!((yaw - 400).abs() <= 1 && (pitch - 600).abs() <= 1, "{yaw} {pitch}");
            assert_eq!(f32::from(roll), degrees);
        }
    }

    #[test]
    fn a_turn_to_the_own_left_is_positive() {
        assert!(face((-30.0, 60.0), 0.0).pose().yaw < -500);
        assert!(face((30.0, 60.0), 0.0).pose().yaw > 500);
    }

    #[test]
    fn looking_up_moves_the_nose_towards_the_eyes() {
        assert!(face((0.0, 30.0), 0.0).pose().pitch < face((0.0, 60.0), 0.0).pose().pitch);
    }
}
