//! Faces on pictures, as a machine has read them. What is read of a face tells of the person: it is
//! sealed with their data, goes with their pictures, and is never shown.

use std::fmt;

/// What was read of the faces on a picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faces {
    /// How many there are; those less than half as large as the largest do not count.
    pub count: u16,
    /// The one that stands out most, if there is any.
    pub main: Option<Face>,
}

/// One face.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    /// Where it is, in pixels of the picture.
    pub bounds: Bounds,
    /// How sure the reader is that it is one, in thousandths.
    pub confidence: u16,
    /// Where it looks.
    pub pose: Pose,
    /// What tells it from others, where the flow has faces compared.
    pub embedding: Option<Embedding>,
}

/// From eyebrows to chin and from cheek to cheek, in pixels. Parts may lie outside of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// From the left edge of the picture.
    pub left: i32,
    /// From its upper edge.
    pub top: i32,
    /// Across.
    pub width: u32,
    /// Down.
    pub height: u32,
}

/// Where a face looks, as far as a flat picture tells. In thousandths, but for the roll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pose {
    /// How far the tip of the nose is from the middle of the eyes, as a share of half their outer
    /// distance. 0 looks straight ahead; positive is a turn to the person's own left, in a picture that
    /// is not mirrored.
    pub yaw: i16,
    /// How far down the tip of the nose is on the way from the eyes to the mouth: less when the person
    /// looks up, more when they look down. About 600 straight ahead, different from face to face.
    pub pitch: i16,
    /// How far the line of the eyes is turned clockwise, in degrees.
    pub roll: i16,
}

/// The numbers that tell a face from others, each in parts of 1/8192: those of one person are near each
/// other. A biometric template.
#[derive(Clone, PartialEq, Eq)]
pub struct Embedding(Vec<i16>);

/// Shows no number.
impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({} numbers)", self.0.len())
    }
}

impl Embedding {
    /// How many parts make 1.
    const ONE: f32 = 8192.0;
    /// The most numbers of one.
    pub const LIMIT: usize = 1024;

    /// Rounds what a net has computed; numbers beyond ±4 are cut off. `None` if it is empty, too long or
    /// not finite.
    #[must_use]
    pub fn of(numbers: &[f32]) -> Option<Self> {
        let fits = (1..=Self::LIMIT).contains(&numbers.len()) && numbers.iter().all(|number| number.is_finite());
        let parts = numbers.iter().map(|number| (number * Self::ONE).round() as i16);
        fits.then(|| Self(parts.collect()))
    }

    /// Two bytes a number, the lower one first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|part| part.to_le_bytes()).collect()
    }

    /// What [`Self::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let fits = rest.is_empty() && (1..=Self::LIMIT).contains(&pairs.len());
        fits.then(|| Self(pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()))
    }

    /// The Euclidean distance of two faces in thousandths. `None` if different nets have read them.
    #[must_use]
    pub fn distance(&self, other: &Self) -> Option<u16> {
        let squares = self.0.iter().zip(&other.0).map(|(a, b)| {
            let apart = f64::from(*a) - f64::from(*b);
            apart * apart
        });
        let distance = squares.sum::<f64>().sqrt() / f64::from(Self::ONE) * 1000.0;
        (self.0.len() == other.0.len()).then_some(distance.round() as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_euclidean_and_survive_storage() {
        let (a, b) = (Embedding::of(&[0.3, 0.0, -0.4]).unwrap(), Embedding::of(&[0.0, 0.0, 0.0]).unwrap());
        assert_eq!(a.distance(&b), Some(500));
        assert_eq!(a.distance(&a), Some(0));
        assert_eq!(Embedding::from_bytes(&a.to_bytes()), Some(a));
    }

    #[test]
    fn faces_that_different_nets_have_read_are_not_compared() {
        let (a, b) = (Embedding::of(&[0.3, 0.1]).unwrap(), Embedding::of(&[0.3]).unwrap());
        assert_eq!(a.distance(&b), None);
    }

    #[test]
    fn what_is_no_embedding_is_refused() {
        assert_eq!(Embedding::of(&[]), None);
        assert_eq!(Embedding::of(&[f32::NAN]), None);
        assert_eq!(Embedding::of(&[0.0; 1025]), None);
        assert_eq!(Embedding::from_bytes(&[1, 2, 3]), None);
        assert_eq!(Embedding::from_bytes(&[]), None);
    }

    #[test]
    fn debug_shows_no_number() {
        assert_eq!(format!("{:?}", Embedding::of(&[0.125; 128]).unwrap()), "Embedding(128 numbers)");
    }
}
