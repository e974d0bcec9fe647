//! What a picture is filed under: identifiers alone, nothing personal.

use std::fmt;

use vetd_model::{MediaId, Mode, Realm, SessionId, WorkspaceId};

/// The length of [`ObjectName::bytes`].
pub(super) const NAME_BYTES: usize = 5 + 16 + 16;

/// Names one object. Its path is `<mode>/<workspace>/<session>/<picture>`, the last three as
/// lower-case hexadecimal of fixed length, so that each name has one path and each path one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    /// Whose.
    pub realm: Realm,
    /// Of which session.
    pub session: SessionId,
    /// Which of its pictures.
    pub media: MediaId,
}

impl ObjectName {
    /// The name with this path; `None` if it is not one that [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let mut segments = path.split('/');
        let mut next = || segments.next();
        let (mode, workspace, session, media) = (next()?, next()?, next()?, next()?);
        if segments.next().is_some() {
            return None;
        }
        let workspace = WorkspaceId(u32::from_be_bytes(hexadecimal(workspace)?));
        Some(Self {
            realm: Realm { workspace, mode: parse_mode(mode)? },
            session: SessionId::from_bytes(hexadecimal(session)?),
            media: MediaId::from_bytes(hexadecimal(media)?),
        })
    }

    /// The bytes that a sealed object is bound to: realm, session, picture.
    pub(super) fn bytes(&self) -> [u8; NAME_BYTES] {
        let mut bytes = [0; NAME_BYTES];
        bytes[..5].copy_from_slice(&self.realm.bytes());
        bytes[5..21].copy_from_slice(self.session.bytes());
        bytes[21..].copy_from_slice(self.media.bytes());
        bytes
    }

    /// The folders that it stands in, the outermost first, and its file.
    pub(super) fn segments(&self) -> [String; 4] {
        let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        [
            mode_name(self.realm.mode).to_owned(),
            hexadecimal(&self.realm.workspace.0.to_be_bytes()),
            hexadecimal(self.session.bytes()),
            hexadecimal(self.media.bytes()),
        ]
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segments().join("/"))
    }
}

/// Whether a name can be the segment of a path that stands at this depth, from 0.
pub(super) fn is_segment(depth: usize, name: &str) -> bool {
    match depth {
        0 => parse_mode(name).is_some(),
        1 => hexadecimal::<4>(name).is_some(),
        2 | 3 => hexadecimal::<16>(name).is_some(),
        _ => false,
    }
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Test => "test",
        Mode::Live => "live",
    }
}

fn parse_mode(name: &str) -> Option<Mode> {
    [Mode::Test, Mode::Live].into_iter().find(|mode| mode_name(*mode) == name)
}

/// Exactly `N` bytes as lower-case digits.
fn hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_made_of_identifiers() {
        let name = ObjectName {
            realm: Realm { workspace: WorkspaceId(0x1f), mode: Mode::Live },
            session: SessionId::from_bytes([0xab; 16]),
            media: MediaId::from_bytes([7; 16]),
        };
        let path = format!("live/0000001f/{}/{}", "ab".repeat(16), "07".repeat(16));
        assert_eq!(name.to_string(), path);
        assert_eq!(ObjectName::parse(&path), Some(name));
    }

    #[test]
    fn what_is_no_name_is_not_read_as_one() {
        let (session, media) = ("ab".repeat(16), "07".repeat(16));
        for wrong in [
            String::new(),
            "live".to_owned(),
            format!("both/0000001f/{session}/{media}"),
            format!("live/1f/{session}/{media}"),
            format!("live/0000001F/{session}/{media}"),
            format!("live/0000001f/{session}/{media}.jpg"),
            format!("live/0000001f/{session}/{media}/x"),
            format!("/live/0000001f/{session}/{media}"),
            format!("live/0000001f/../{media}"),
            format!("live/+000001f/{session}/{media}"),
        ] {
            assert_eq!(ObjectName::parse(&wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back_from_its_path(workspace: u32, live: bool, session: [u8; 16], media: [u8; 16]) {
            let name = ObjectName {
                realm: Realm { workspace: WorkspaceId(workspace), mode: Mode::from_livemode(live) },
                session: SessionId::from_bytes(session),
                media: MediaId::from_bytes(media),
            };
            prop_assert_eq!(ObjectName::parse(&name.to_string()), Some(name));
            for (depth, segment) in name.segments().iter().enumerate() {
                prop_assert!(is_segment(depth, segment));
            }
        }

        #[test]
        fn whatever_is_read_is_written_the_same(path in "(test|live|drafts)/[0-9a-fA-F]{7,9}/[0-9a-g]{32}/[0-9a-f]{31,32}") {
            if let Some(name) = ObjectName::parse(&path) {
                prop_assert_eq!(name.to_string(), path);
            }
        }
    }
}
