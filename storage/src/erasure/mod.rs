//! Whether what was redacted is gone: from the record, the key file, the indexes, the stored answers,
//! and from every file of the data folder, old parts of sled's log included.
//!
//! sled keeps old copies of what was overwritten until it needs their room, so what was sealed is still
//! there for a while. That it cannot be opened is shown by trying: no slot of the key file, and no copy
//! of a slot anywhere in the folder, unwraps to the session's secret; and no secret of any session
//! opens what is found.

mod raw;

use vetd_model::{Realm, SessionId, Timestamp};

use crate::api::{IdempotencySlot, StoreError};
use crate::codec::Damaged;
use crate::disk::answer::{self, AnswerV1, owner_seal, place};
use crate::disk::personal;
use crate::disk::session::SessionRecord;
use crate::keyring::bound;
use crate::keys;
use crate::read::Fault;
use crate::seal::Seal;
use crate::shared::Shared;
use crate::slots::secret_in;
use crate::store::SledStore;
use crate::table::{Direction, scan};

/// What is left of a verification whose data were to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureReport {
    /// Where it belongs.
    pub realm: Realm,
    /// Its session.
    pub session: SessionId,
    /// When it was redacted, as its record says.
    pub redacted_at: Option<Timestamp>,
    /// One for each place that was looked at.
    pub findings: Vec<ErasureFinding>,
}

impl ErasureReport {
    /// True if nothing of the person can be read anywhere.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.findings.iter().all(|finding| finding.erased)
    }
}

/// What one place still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureFinding {
    /// Which place.
    pub place: &'static str,
    /// True if nothing of the person can be read there.
    pub erased: bool,
    /// What was found, for an operator.
    pub message: String,
}

impl ErasureFinding {
    /// A finding.
    #[must_use]
    pub fn new(place: &'static str, erased: bool, message: impl Into<String>) -> Self {
        Self { place, erased, message: message.into() }
    }
}

/// Looks for what is left of a verification, in the store and in every file of its folder. The store
/// should not be written meanwhile. `None` if there is no such verification.
///
/// # Errors
/// If the store or a file cannot be read.
pub fn verify_erasure(store: &SledStore, id: SessionId) -> Result<Option<ErasureReport>, StoreError> {
    let shared = &store.shared;
    let Some((realm, record)) = find(shared, id)? else { return Ok(None) };
    let search = Search { shared, realm, id, slot: record.slot, seals: seals(shared)? };
    let findings =
        vec![of_the_record(&record), search.key_file()?, search.indexes()?, search.answers()?, search.files()?];
    Ok(Some(ErasureReport { realm, session: id, redacted_at: record.redacted_at(), findings }))
}

/// The record of a session whose realm is not known.
fn find(shared: &Shared, id: SessionId) -> Result<Option<(Realm, SessionRecord)>, StoreError> {
    let (mut from, last) = (vec![keys::SESSION], keys::last_under(&[keys::SESSION]));
    loop {
        let next = shared.table.view()?.range(&from, &last, Direction::Ascending, 1)?;
        let Some(realm) = next.first().and_then(|(key, _)| keys::realm_of(key)) else { return Ok(None) };
        let key = keys::session(realm, id);
        if let Some(record) = shared.table.view()?.record(&key)? {
            let record = SessionRecord::decode(&record);
            let record = record.map_err(|Damaged| shared.blame(&key, Fault::Damaged))?;
            return Ok(Some((realm, record)));
        }
        from = keys::last_under(&keys::sessions(realm)).to_vec();
    }
}

/// What the secrets of all sessions that still have one open.
struct Seals {
    record: Seal,
    answer: Seal,
}

fn seals(shared: &Shared) -> Result<Vec<Seals>, StoreError> {
    let mut sessions = Vec::new();
    scan(&shared.table, &[keys::SESSION], |key, _| sessions.push(key.clone()))?;
    let mut seals = Vec::new();
    for key in sessions {
        let (Some(realm), Some(id)) = (keys::realm_of(&key), keys::last_id(&key)) else { continue };
        let Some(record) = shared.table.view()?.record(&key)? else { continue };
        let Some(slot) = SessionRecord::decode(&record).ok().and_then(|record| record.slot) else { continue };
        match shared.secret(realm, SessionId::from_bytes(id), slot) {
            Ok(secret) => seals.push(Seals { record: personal::seal_of(&secret), answer: owner_seal(&secret) }),
            Err(Fault::Damaged) => {}
            Err(Fault::Store(error)) => return Err(error),
        }
    }
    Ok(seals)
}

fn of_the_record(record: &SessionRecord) -> ErasureFinding {
    let finding = |erased, message| ErasureFinding::new("record", erased, message);
    match (record.sealed(), record.redacted_at()) {
        (Some(_), _) => finding(false, "it holds the person's data, sealed: the verification is not redacted"),
        (None, None) => finding(false, "it holds nothing of the person, but does not say when it was redacted"),
        (None, Some(_)) => finding(true, "it holds nothing of the person, and says when it was redacted"),
    }
}

/// What is looked for, and with what it is tried.
struct Search<'a> {
    shared: &'a Shared,
    realm: Realm,
    id: SessionId,
    slot: Option<u32>,
    seals: Vec<Seals>,
}

impl Search<'_> {
    /// True if this is the session's secret, wrapped.
    fn unwraps(&self, wrapped: &[u8]) -> bool {
        self.shared.keyring.unwrap(self.realm, self.id, wrapped).is_ok()
    }

    /// True if some session's secret opens what was sealed as the person's part of the record.
    fn opens_record(&self, sealed: &[u8]) -> bool {
        let bound = bound(self.realm, self.id);
        self.seals.iter().any(|seals| seals.record.open(sealed, &bound).is_ok())
    }

    fn key_file(&self) -> Result<ErasureFinding, StoreError> {
        let (mut number, mut holding, mut is_blank) = (0_u32, Vec::new(), false);
        self.shared.slots.copy(1024, |piece| {
            for slot in piece.chunks(crate::slots::SLOT) {
                let secret = secret_in(slot);
                is_blank |= Some(number) == self.slot && secret.is_none();
                if secret.is_some_and(|secret| self.unwraps(secret)) {
                    holding.push(number.to_string());
                }
                number += 1;
            }
            Ok::<_, StoreError>(())
        })?;
        let finding = |erased, message| ErasureFinding::new("key file", erased, message);
        Ok(match self.slot {
            _ if !holding.is_empty() => {
                finding(false, format!("the verification's secret stands in slot {}", holding.join(", ")))
            }
            Some(slot) if is_blank => finding(true, format!("slot {slot} is zeroed, and no other holds its secret")),
            Some(slot) => finding(false, format!("slot {slot} is not zeroed")),
            None => finding(true, "the verification has no slot, and none holds its secret".to_owned()),
        })
    }

    fn indexes(&self) -> Result<ErasureFinding, StoreError> {
        let mut entries = 0;
        for letter in [keys::BY_METADATA, keys::BY_DOCUMENT] {
            let prefix = [[letter].as_slice(), &self.realm.bytes()].concat();
            scan(&self.shared.table, &prefix, |key, _| {
                entries += usize::from(keys::last_id(key).as_ref() == Some(self.id.bytes()));
            })?;
        }
        let message = match entries {
            0 => "no metadata and no document leads to it".to_owned(),
            entries => format!("{entries} entries of metadata or documents lead to it"),
        };
        Ok(ErasureFinding::new("indexes", entries == 0, message))
    }

    /// Answers that were filed for its person or for calls about it.
    fn answers(&self) -> Result<ErasureFinding, StoreError> {
        let (mut filed, mut opened) = (0, 0);
        let mut all = Vec::new();
        scan(&self.shared.table, &[keys::ANSWER], |key, _| all.push(key.clone()))?;
        for key in all {
            let Some(record) = self.shared.table.view()?.record(&key)? else { continue };
            let (Ok(record), Some(slot)) = (answer::decode(&record), keys::last_id(&key)) else { continue };
            let AnswerV1::Body { owner: Some((_, owner)), sealed, .. } = record.answer else { continue };
            if owner == *self.id.bytes() {
                let bound = place(IdempotencySlot(slot), Some((self.realm, self.id)));
                filed += 1;
                opened += usize::from(self.seals.iter().any(|seals| seals.answer.open(&sealed.0, &bound).is_ok()));
            }
        }
        let message = format!("{filed} are filed for it, {opened} of them can be opened");
        Ok(ErasureFinding::new("stored answers", opened == 0, message))
    }

    fn files(&self) -> Result<ErasureFinding, StoreError> {
        let traces = raw::scan(&self.shared.folder, self)?;
        let opened = traces.sealed.iter().filter(|sealed| self.opens_record(sealed)).count();
        let message = format!(
            "in {} files of {} bytes: {} copies of its secret; {} copies of what was sealed, and {} more in pieces, of \
             which the secrets of {} sessions open {opened}",
            traces.files,
            traces.bytes,
            traces.secrets,
            traces.sealed.len(),
            traces.cut,
            self.seals.len(),
        );
        Ok(ErasureFinding::new("files", traces.secrets == 0 && opened == 0, message))
    }
}
