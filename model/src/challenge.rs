//! What a liveness step asks of the person in front of the camera: a few moves, chosen by the server, so
//! that a picture that was ready beforehand does not show them.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::secret::SessionSecret;

/// How many challenges a person gets in each attempt: one picture for each.
pub const CHALLENGES: usize = 4;
/// How long the person has for each, from the moment on at which it can be known: when the picture before
/// it was taken in.
pub const CHALLENGE_TIME: Duration = Duration::from_secs(60);

/// One move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// Look straight at the camera. Always the first: the others are measured against it.
    LookStraight,
    /// Turn the head to the own left.
    TurnLeft,
    /// Turn the head to the own right.
    TurnRight,
    /// Lift the chin.
    LookUp,
    /// Come closer to the camera.
    ComeCloser,
}

impl Challenge {
    /// Those that may follow the first one.
    const MOVES: [Self; 4] = [Self::TurnLeft, Self::TurnRight, Self::LookUp, Self::ComeCloser];

    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LookStraight => "look_straight",
            Self::TurnLeft => "turn_left",
            Self::TurnRight => "turn_right",
            Self::LookUp => "look_up",
            Self::ComeCloser => "come_closer",
        }
    }

    /// The challenges of an attempt: nothing of them is stored, and only who has the session's secret can
    /// name them. Three of the four moves, in one of 24 orders.
    #[must_use]
    pub fn of_attempt(secret: &SessionSecret, attempt: u32) -> [Self; CHALLENGES] {
        let number = u64::from_be_bytes(secret.derive_short("liveness challenges", u64::from(attempt)));
        // The remainders of 2^64 are as good as even.
        let mut left = Self::MOVES.to_vec();
        let mut number = (number % 24) as usize;
        let mut next = || {
            let place = number % left.len();
            number /= left.len();
            left.remove(place)
        };
        [Self::LookStraight, next(), next(), next()]
    }
}

impl Serialize for Challenge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_order_comes_up_about_as_often() {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for attempt in 0..24_000 {
            let challenges = Challenge::of_attempt(&SessionSecret::new([7; 32]), attempt);
            assert_eq!(challenges[0], Challenge::LookStraight);
            let names: Vec<_> = challenges.iter().map(|challenge| challenge.as_str()).collect();
            *seen.entry(names.join(" ")).or_default() += 1;
        }
        assert_eq!(seen.len(), 24);
        assert!(seen.values().all(|times| (800..1_200).contains(times)), "{seen:?}");
    }

    #[test]
    fn they_follow_from_the_secret_and_the_attempt() {
        let (one, other) = (SessionSecret::new([1; 32]), SessionSecret::new([2; 32]));
        let of =
            |secret: &SessionSecret| (0..8).map(|attempt| Challenge::of_attempt(secret, attempt)).collect::<Vec<_>>();
        assert_eq!(of(&one), of(&one));
        assert_ne!(of(&one), of(&other));
    }
}
