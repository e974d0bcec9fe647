//! Faces: found, located and, where a flow has them compared, told apart. What three nets guess is
//! no proof: see `docs/checks.md` for what they miss.

mod detector;
mod landmarks;
mod nets;
mod view;

use std::fmt;
use std::sync::{Arc, OnceLock};

use image::RgbImage;
use rten::ThreadPool;
use vetd_model::face::{Embedding, Face, Faces};

use crate::nets::{NetError, Workers};
use crate::picture::Picture;
use detector::Found;
use landmarks::Landmarks;
pub use nets::FaceFiles;
use nets::FaceNets;
use view::{Part, Point};

/// What a picture is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A person in front of a camera.
    Person,
    /// A document with a portrait on it.
    Portrait,
}

impl Subject {
    /// The least score of a face. Faint portraits score low, and somebody looks at a document with
    /// the wrong one anyway.
    const fn least(self) -> f32 {
        match self {
            Self::Person => 0.5,
            Self::Portrait => 0.4,
        }
    }

    /// How large the picture is looked at, in pixels of its longer side, until something is found: what
    /// the detector misses in one size it often sees in another.
    const fn sizes(self) -> [u32; 3] {
        match self {
            Self::Person => [416, 608, 256],
            Self::Portrait => [800, 608, 416],
        }
    }
}

/// Finds and tells apart faces. Threads may share one; each call takes one core. The nets of the
/// program are loaded when the first picture comes.
pub struct FaceReader {
    nets: OnceLock<Option<FaceNets>>,
    workers: Workers,
}

impl fmt::Debug for FaceReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaceReader")
    }
}

impl FaceReader {
    /// With the nets of the program; `None` if it was built without (feature `faces`).
    #[must_use]
    pub fn built_in() -> Option<Self> {
        cfg!(feature = "faces").then(|| Self { nets: OnceLock::new(), workers: Workers::default() })
    }

    /// With nets of the operator's own, which are tried at once.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn own(files: FaceFiles) -> Result<Self, NetError> {
        let workers = Workers::default();
        let nets = FaceNets::load(files)?;
        workers.on_one_thread(|worker| nets.try_out(worker))?;
        Ok(Self { nets: OnceLock::from(Some(nets)), workers })
    }

    /// The faces on a picture; `tell_apart` says whether to compute what compares them. `None` if the nets
    /// cannot be used. Takes 20 to 60 ms of one core where a face stands out, and at most about 1 s.
    #[must_use]
    pub fn read(&self, picture: &Picture, subject: Subject, tell_apart: bool) -> Option<Faces> {
        let picture = picture.pixels();
        let nets = self.nets.get_or_init(|| FaceNets::load(FaceFiles::default()).ok()).as_ref()?;
        self.workers.on_one_thread(|worker| Look { nets, worker, picture, subject }.run(tell_apart))
    }
}

/// One look at one picture.
struct Look<'a> {
    nets: &'a FaceNets,
    worker: &'a Arc<ThreadPool>,
    picture: &'a RgbImage,
    subject: Subject,
}

/// A face with its landmarks.
struct Seen {
    score: f32,
    landmarks: Landmarks,
    side: u32,
}

impl Look<'_> {
    fn run(&self, tell_apart: bool) -> Option<Faces> {
        let mut seen = self.first_that_shows_any()?;
        // The surest and largest first.
        let weight = |one: &Seen| one.score * one.side as f32;
        seen.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
        let largest = seen.iter().map(|one| one.side).max().unwrap_or(0);
        let count = seen.iter().filter(|one| one.side * 2 >= largest).count();
        let main = seen.first().map(|one| Face {
            bounds: one.landmarks.bounds(),
            confidence: (one.score * 1000.0).round() as u16,
            pose: one.landmarks.pose(),
            embedding: tell_apart.then(|| self.embedding(&one.landmarks)).flatten(),
        });
        Some(Faces { count: u16::try_from(count).unwrap_or(u16::MAX), main })
    }

    /// The whole picture in one size after another, and then, since a portrait may be small, quarters of it.
    fn first_that_shows_any(&self) -> Option<Vec<Seen>> {
        let size = (self.picture.width(), self.picture.height());
        let whole = self.subject.sizes().into_iter().map(|longest| ((0, 0), size, longest));
        let quarters = quarters(size).into_iter().filter(|_| self.subject == Subject::Portrait);
        for (corner, size, longest) in whole.chain(quarters.map(|(corner, size)| (corner, size, 800))) {
            let part = Part::of(self.picture, corner, size, longest);
            let found = detector::find(self.nets, self.worker, &part.pixels, self.subject.least())?;
            let seen: Vec<_> = found.iter().filter_map(|found| self.located(&part, found)).collect();
            if !seen.is_empty() {
                return Some(seen);
            }
        }
        Some(Vec::new())
    }

    fn located(&self, part: &Part, found: &Found) -> Option<Seen> {
        let corner: Point = part.place(found.corner.x, found.corner.y);
        let size = (part.length(found.width), part.length(found.height));
        let landmarks = Landmarks::find(self.nets, self.worker, self.picture, corner, size)?;
        let bounds = landmarks.bounds();
        Some(Seen { score: found.score, side: bounds.width.max(bounds.height), landmarks })
    }

    fn embedding(&self, landmarks: &Landmarks) -> Option<Embedding> {
        Embedding::of(&self.nets.embed(self.worker, landmarks.chip(self.picture)?).ok()?)
    }
}

/// Four parts of a picture that overlap, each of six tenths of its sides: corner and size.
fn quarters((width, height): (u32, u32)) -> [((u32, u32), (u32, u32)); 4] {
    let share = |length: u32| (u64::from(length) * 6 / 10) as u32;
    let size = (share(width).max(1), share(height).max(1));
    let (right, bottom) = (width - size.0, height - size.1);
    [((0, 0), size), ((right, 0), size), ((0, bottom), size), ((right, bottom), size)]
}

#[cfg(all(test, feature = "faces"))]
mod tests {
    use super::*;

    #[test]
    fn the_nets_of_the_program_fit() {
        let nets = FaceNets::load(FaceFiles::default()).unwrap();
        Workers::default().on_one_thread(|worker| nets.try_out(worker)).unwrap();
    }

    #[test]
    fn nothing_has_no_face() {
        let reader = FaceReader::built_in().unwrap();
        for subject in [Subject::Person, Subject::Portrait] {
            let mut file = std::io::Cursor::new(Vec::new());
            let grey = RgbImage::from_pixel(1_000, 700, image::Rgb([128; 3]));
            grey.write_to(&mut file, image::ImageFormat::Png).unwrap();
            let picture = Picture::decode(file.get_ref()).unwrap();
            assert_eq!(reader.read(&picture, subject, true), Some(Faces::default()));
        }
    }

    #[test]
    fn quarters_cover_the_picture() {
        let parts = quarters((1_001, 203));
        assert_eq!(parts[0], ((0, 0), (600, 121)));
        assert_eq!(parts[3], ((401, 82), (600, 121)));
    }
}
