//! The master key, and every key derived from it (HKDF-SHA-256, RFC 5869; a label each).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;
use vetd_model::secret::SessionSecret;
use vetd_model::{Realm, SessionId};
use zeroize::Zeroizing;

use crate::api::StoreError;
use crate::codec::Damaged;
use crate::open::OpenError;
use crate::seal::Seal;

/// The master key's file in the data folder.
pub(crate) const MASTER_KEY_FILE: &str = "master.key";

/// The keys of an open store.
pub(crate) struct Keyring {
    extracted: Hkdf<Sha256>,
    wrap: Seal,
    endpoint: Seal,
    answer: Seal,
    metadata: Hmac<Sha256>,
    document: Hmac<Sha256>,
}

impl Keyring {
    pub(crate) fn new(master: &[u8; 32]) -> Self {
        let extracted = Hkdf::<Sha256>::new(Some(b"vetd"), master);
        let key = |label: &str| expand(&extracted, &["storage: ", label]);
        Self {
            wrap: Seal::new(&key("session secrets")),
            endpoint: Seal::new(&key("endpoint secrets")),
            answer: Seal::new(&key("answers")),
            metadata: keyed(key("metadata index").as_slice()),
            document: keyed(key("document index").as_slice()),
            extracted,
        }
    }

    /// A key for a purpose outside of storage.
    pub(crate) fn derived(&self, label: &str) -> Zeroizing<[u8; 32]> {
        expand(&self.extracted, &["purpose: ", label])
    }

    /// What a store keeps to recognise its master key by.
    pub(crate) fn check(&self) -> [u8; 32] {
        let key = expand(&self.extracted, &["storage: ", "key check"]);
        keyed(key.as_slice()).chain_update(b"vetd key check").finalize().into_bytes().into()
    }

    /// Seals the secrets of webhook endpoints.
    pub(crate) const fn endpoint_seal(&self) -> &Seal {
        &self.endpoint
    }

    /// Seals stored answers that belong to no session.
    pub(crate) const fn answer_seal(&self) -> &Seal {
        &self.answer
    }

    /// The short keyed hash that a metadata entry is indexed under.
    pub(crate) fn metadata_hash(&self, realm: Realm, name: &str, value: &str) -> [u8; 8] {
        let mut mac = self.metadata.clone();
        mac.update(&realm.bytes());
        mac.update(&(name.len() as u64).to_be_bytes());
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let mut short = [0; 8];
        short.copy_from_slice(&full[..8]);
        short
    }

    /// The keyed hash that a document is indexed under.
    pub(crate) fn document_hash(&self, realm: Realm, issuer: &str, number: &str) -> [u8; 16] {
        let mut mac = self.document.clone();
        mac.update(&realm.bytes());
        mac.update(&(issuer.len() as u64).to_be_bytes());
        mac.update(issuer.as_bytes());
        mac.update(number.as_bytes());
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let mut short = [0; 16];
        short.copy_from_slice(&full[..16]);
        short
    }

    /// Wraps a session's secret for the key file.
    pub(crate) fn wrap(&self, realm: Realm, id: SessionId, secret: &SessionSecret) -> Result<Vec<u8>, StoreError> {
        self.wrap.close(secret.expose(), &bound(realm, id))
    }

    /// Unwraps a session's secret.
    pub(crate) fn unwrap(&self, realm: Realm, id: SessionId, wrapped: &[u8]) -> Result<SessionSecret, Damaged> {
        let plain = self.wrap.open(wrapped, &bound(realm, id))?;
        let bytes: [u8; 32] = plain.as_slice().try_into().map_err(|_| Damaged)?;
        Ok(SessionSecret::new(bytes))
    }
}

/// What binds sealed data to its session.
pub(crate) fn bound(realm: Realm, id: SessionId) -> [u8; 21] {
    let mut bytes = [0; 21];
    bytes[..5].copy_from_slice(&realm.bytes());
    bytes[5..].copy_from_slice(id.bytes());
    bytes
}

fn expand(extracted: &Hkdf<Sha256>, label: &[&str]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    #[expect(clippy::expect_used, reason = "32 bytes are fewer than the 255 blocks that HKDF can make")]
    extracted.expand(label.concat().as_bytes(), key.as_mut_slice()).expect("32 bytes");
    key
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// Finds the master key: the given one, else the file's, else (for a new store only) makes one.
pub(crate) fn master_key(dir: &Path, given: Option<&str>, is_new: bool) -> Result<Zeroizing<[u8; 32]>, OpenError> {
    if let Some(text) = given {
        return given_key(text, "VETD_MASTER_KEY (or the file that master_key_file names)");
    }
    let path = dir.join(MASTER_KEY_FILE);
    match fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(text) => {
            warn_if_open_to_others(&path);
            parse(&text).ok_or_else(|| OpenError::InvalidMasterKey { place: path.display().to_string() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_new => make(&path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::MissingMasterKey { path }),
        Err(error) => Err(OpenError::io("reading", &path, error)),
    }
}

/// A master key from text that was given as `place` says.
pub(crate) fn given_key(text: &str, place: &str) -> Result<Zeroizing<[u8; 32]>, OpenError> {
    parse(text).ok_or_else(|| OpenError::InvalidMasterKey { place: place.to_owned() })
}

/// 32 bytes as 64 hexadecimal digits or as base64, with or without padding, of either alphabet.
fn parse(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let text = text.trim();
    let bytes = if text.len() == 64 {
        let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        text.as_bytes().chunks(2).map(digits).collect::<Option<Vec<u8>>>()
    } else {
        [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|engine| engine.decode(text).ok())
    };
    let bytes = Zeroizing::new(bytes?);
    let mut key = Zeroizing::new([0; 32]);
    (bytes.len() == key.len()).then(|| key.copy_from_slice(&bytes))?;
    Some(key)
}

/// Makes a master key and its file, whole or not at all.
fn make(path: &PathBuf) -> Result<Zeroizing<[u8; 32]>, OpenError> {
    let mut key = Zeroizing::new([0; 32]);
    rand::rng().fill_bytes(key.as_mut_slice());
    let text = Zeroizing::new(STANDARD.encode(key.as_slice()) + "\n");
    let draft = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    };
    write().map_err(|error| OpenError::io("writing", path, error))?;
    tracing::info!(path = %path.display(), "made a master key; keep a copy apart from the backups");
    Ok(key)
}

fn warn_if_open_to_others(path: &Path) {
    if fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0) {
        tracing::warn!(path = %path.display(), "the master key can be read by others; chmod it to 600");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_key_is_read_as_hex_or_base64() {
        let key = [0xa5; 32];
        let hex = "a5".repeat(32);
        for text in [hex.clone(), format!("{hex}\n"), STANDARD.encode(key), URL_SAFE_NO_PAD.encode(key)] {
            assert_eq!(parse(&text).as_deref(), Some(&key), "{text}");
        }
        for text in ["", "a5", &"zz".repeat(32), &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33])] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn labels_and_realms_separate() {
        let ring = Keyring::new(&[1; 32]);
        assert_ne!(ring.derived("a"), ring.derived("b"));
        assert_ne!(ring.check(), Keyring::new(&[2; 32]).check());
        let realm = |byte| Realm::from_bytes([0, 0, 0, byte, 0]).unwrap();
        assert_eq!(ring.metadata_hash(realm(1), "a", "bc"), ring.metadata_hash(realm(1), "a", "bc"));
        assert_ne!(ring.metadata_hash(realm(1), "a", "bc"), ring.metadata_hash(realm(1), "ab", "c"));
        assert_ne!(ring.metadata_hash(realm(1), "a", "bc"), ring.metadata_hash(realm(2), "a", "bc"));
    }
}
