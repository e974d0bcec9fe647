//! How a picture is sealed: under a key of its session's secret, so that it cannot be read any
//! more once the session's slot in the key file is zeroed, wherever copies of it are.

use vetd_model::secret::SessionSecret;
use zeroize::Zeroizing;

use super::{MediaError, OBJECT_LIMIT, ObjectName};
use crate::seal::{OVERHEAD, Seal};

/// The only version so far. It stands in front of the sealed bytes and is bound with them.
const VERSION: u8 = 1;
/// What is bound with the bytes: the version and the object's name.
const BOUND: usize = 1 + super::name::NAME_BYTES;
/// The most bytes of a sealed object.
pub(super) const SEALED_LIMIT: usize = OBJECT_LIMIT + 1 + OVERHEAD;

/// Seals a picture for the place with this name, where alone it opens again.
///
/// # Errors
/// [`MediaError::TooLarge`] beyond [`OBJECT_LIMIT`].
pub fn seal(secret: &SessionSecret, name: &ObjectName, plain: &[u8]) -> Result<Vec<u8>, MediaError> {
    if plain.len() > OBJECT_LIMIT {
        return Err(MediaError::TooLarge);
    }
    seal_of(secret).close_after(&[VERSION], plain, &bound(VERSION, name)).map_err(|_| MediaError::TooLarge)
}

/// Opens what [`seal`] has sealed for the place with this name.
///
/// # Errors
/// [`MediaError::UnknownVersion`] if a later release has sealed it, [`MediaError::TooLarge`], and
/// [`MediaError::Damaged`] if a bit of it has changed, or it is another session's or another
/// place's.
pub fn open(secret: &SessionSecret, name: &ObjectName, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, MediaError> {
    if sealed.len() > SEALED_LIMIT {
        return Err(MediaError::TooLarge);
    }
    match sealed.split_first() {
        Some((&VERSION, rest)) => {
            seal_of(secret).open(rest, &bound(VERSION, name)).map_err(|_| MediaError::Damaged(*name))
        }
        Some((&version, _)) => Err(MediaError::UnknownVersion { name: *name, version }),
        None => Err(MediaError::Damaged(*name)),
    }
}

fn seal_of(secret: &SessionSecret) -> Seal {
    Seal::new(&Zeroizing::new(secret.derive("media seal", 0)))
}

fn bound(version: u8, name: &ObjectName) -> [u8; BOUND] {
    let mut bytes = [version; BOUND];
    bytes[1..].copy_from_slice(&name.bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use vetd_model::{MediaId, Mode, Realm, SessionId, WorkspaceId};

    use super::*;

    const PLAIN: &[u8] = b"\xff\xd8 a face";

    fn secret(byte: u8) -> SessionSecret {
        SessionSecret::new([byte; 32])
    }

    fn name() -> ObjectName {
        ObjectName {
            realm: Realm { workspace: WorkspaceId(1), mode: Mode::Live },
            session: SessionId::from_bytes([2; 16]),
            media: MediaId::from_bytes([3; 16]),
        }
    }

    #[test]
    fn what_was_sealed_opens_in_its_place() {
        let sealed = seal(&secret(1), &name(), PLAIN).unwrap();
        assert_eq!(sealed.len(), PLAIN.len() + 1 + OVERHEAD);
        assert_eq!(open(&secret(1), &name(), &sealed).unwrap().as_slice(), PLAIN);
        assert_ne!(seal(&secret(1), &name(), PLAIN).unwrap(), sealed, "a nonce of its own");
        assert!(
            seal(&secret(1), &name(), b"").is_ok_and(|empty| open(&secret(1), &name(), &empty).unwrap().is_empty())
        );
    }

    #[test]
    fn an_object_in_another_place_does_not_open() {
        let sealed = seal(&secret(1), &name(), PLAIN).unwrap();
        let mut others = [name(); 4];
        others[0].media = MediaId::from_bytes([4; 16]);
        others[1].session = SessionId::from_bytes([3; 16]);
        others[2].realm.workspace = WorkspaceId(2);
        others[3].realm.mode = Mode::Test;
        for other in others {
            assert_eq!(open(&secret(1), &other, &sealed).unwrap_err(), MediaError::Damaged(other));
        }
    }

    #[test]
    fn another_sessions_secret_does_not_open_it() {
        let sealed = seal(&secret(1), &name(), PLAIN).unwrap();
        assert_eq!(open(&secret(2), &name(), &sealed).unwrap_err(), MediaError::Damaged(name()));
    }

    #[test]
    fn every_bit_counts() {
        let sealed = seal(&secret(1), &name(), PLAIN).unwrap();
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(open(&secret(1), &name(), &changed).is_err(), "byte {at}, bit {bit}");
            }
        }
        for length in 0..sealed.len() {
            assert!(open(&secret(1), &name(), &sealed[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_version_that_nobody_knows_is_said_to_be_one() {
        let mut sealed = seal(&secret(1), &name(), PLAIN).unwrap();
        sealed[0] = 2;
        let refused = MediaError::UnknownVersion { name: name(), version: 2 };
        assert_eq!(open(&secret(1), &name(), &sealed).unwrap_err(), refused);
    }

    #[test]
    fn an_object_has_a_largest_size() {
        assert_eq!(seal(&secret(1), &name(), &vec![7; OBJECT_LIMIT + 1]).unwrap_err(), MediaError::TooLarge);
        assert_eq!(open(&secret(1), &name(), &vec![1; SEALED_LIMIT + 1]).unwrap_err(), MediaError::TooLarge);
        let sealed = seal(&secret(1), &name(), PLAIN).unwrap();
        assert_eq!(sealed.len() - PLAIN.len(), SEALED_LIMIT - OBJECT_LIMIT, "the largest fits, sealed");
    }
}
