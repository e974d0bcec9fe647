//! A restored store under another master key: whatever the old one sealed is sealed anew, whatever it
//! indexed is indexed anew. Done to a store that nobody uses yet, so that a crash leaves nothing half
//! done. Pictures are sealed under the sessions' own secrets, which stay what they are.

use rand::Rng;
use sled::{Batch, Db};
use vetd_model::audit_log::{Actor, AuditAction, AuditEntry};
use vetd_model::{AuditEntryId, Mode, Realm, Session, SessionId, Timestamp};

use crate::api::{IdempotencySlot, StoreError};
use crate::disk::{answer, audit_log, provider, webhook};
use crate::keyring::Keyring;
use crate::keys::{self, Key};
use crate::shared::Shared;
use crate::store::SledStore;
use crate::table::{cut, scan, unavailable};

/// How many changes are applied at a time.
const AT_ONCE: usize = 2_000;

/// Changes every record of the store, and the key file, from its own master key to `new`. The store
/// must not be used for anything else, and has to be opened again afterwards.
///
/// # Errors
/// The store's. What does not decode is left as it is, for the audit to find.
pub(super) fn rekey(store: &SledStore, new: &Keyring, at: Timestamp) -> Result<(), StoreError> {
    let shared = store.shared.as_ref();
    let mut rekey = Rekey { shared, new, tree: shared.table.tree()?, batch: Batch::default(), changes: 0 };
    rekey.sessions()?;
    rekey.endpoints()?;
    rekey.tenants(at)?;
    rekey.answers()?;
    rekey.put(keys::META_KEY_CHECK.into(), &new.check())?;
    rekey.apply()?;
    shared.slots.sync().map_err(key_file)
}

struct Rekey<'a> {
    shared: &'a Shared,
    new: &'a Keyring,
    tree: Db,
    batch: Batch,
    changes: usize,
}

impl Rekey<'_> {
    fn sessions(&mut self) -> Result<(), StoreError> {
        for key in self.keys(keys::SESSION)? {
            let id = keys::last_id(&key).map(SessionId::from_bytes);
            let (Some(realm), Some(id)) = (keys::realm_of(&key), id) else { continue };
            match self.shared.session(realm, id) {
                Ok(Some((session, handle))) => {
                    self.secret(&session, handle.slot)?;
                    self.indexes(&session)?;
                }
                Ok(None) | Err(StoreError::Inconsistent { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn secret(&self, session: &Session, slot: Option<u32>) -> Result<(), StoreError> {
        let (Some(personal), Some(slot)) = (&session.personal, slot) else { return Ok(()) };
        let wrapped = self.new.wrap(session.realm, session.id, &personal.secret)?;
        self.shared.slots.replace(slot, &wrapped).map_err(key_file)
    }

    fn indexes(&mut self, session: &Session) -> Result<(), StoreError> {
        let (realm, id, old, new) = (session.realm, session.id, &self.shared.keyring, self.new);
        let metadata = session.personal.iter().flat_map(|personal| &personal.metadata);
        let by_metadata = metadata.map(|(name, value)| {
            let [before, after] = [old, new].map(|keyring| keyring.metadata_hash(realm, name, value));
            (keys::by_metadata(realm, before, id), keys::by_metadata(realm, after, id))
        });
        let by_document = session.indexed_document().map(|(issuer, number)| {
            let [before, after] = [old, new].map(|keyring| keyring.document_hash(realm, issuer, number));
            (keys::by_document(realm, before, id), keys::by_document(realm, after, id))
        });
        let moved: Vec<(Key, Key)> = by_metadata.chain(by_document).collect();
        for (before, after) in moved {
            self.batch.remove(before);
            self.batch.insert(after, &[]);
            self.counted(2)?;
        }
        Ok(())
    }

    fn endpoints(&mut self) -> Result<(), StoreError> {
        for stored in self.shared.endpoints(None)? {
            let endpoint = &stored.value;
            let value = webhook::encode_endpoint(endpoint, stored.revision, self.new.endpoint_seal())?;
            self.record(&keys::endpoint(endpoint.realm, endpoint.id), &value)?;
        }
        Ok(())
    }

    /// Providers, and the note in each audit log.
    fn tenants(&mut self, at: Timestamp) -> Result<(), StoreError> {
        for workspace in self.shared.workspaces()? {
            for mode in [Mode::Test, Mode::Live] {
                let realm = Realm { workspace: workspace.value.id, mode };
                for stored in self.shared.providers(realm)? {
                    let value = provider::encode(&stored.value, stored.revision, self.new.endpoint_seal())?;
                    self.record(&keys::provider(realm, stored.value.id), &value)?;
                }
                let mut entropy = [0; 10];
                rand::rng().fill_bytes(&mut entropy);
                let id = AuditEntryId::new(at, entropy);
                let entry = AuditEntry::new(id, Actor::Operator, AuditAction::MasterKeyRotated);
                self.put(keys::audit_entry(realm, id), &audit_log::encode(&entry)?)?;
            }
        }
        Ok(())
    }

    /// The answers that belong to no session; the others are sealed under their session's secret.
    fn answers(&mut self) -> Result<(), StoreError> {
        for key in self.keys(keys::ANSWER)? {
            let Some(slot) = key.last_chunk::<16>().copied().map(IdempotencySlot) else { continue };
            let Some(record) = self.shared.table.view()?.record(&key)? else { continue };
            let (old, new) = (self.shared.keyring.answer_seal(), self.new.answer_seal());
            if let Ok(Some(value)) = answer::resealed(&record, slot, old, new) {
                self.record(&key, &value)?;
            }
        }
        Ok(())
    }

    fn keys(&self, letter: u8) -> Result<Vec<Key>, StoreError> {
        let mut found = Vec::new();
        scan(&self.shared.table, &[letter], |key, _| found.push(key.clone()))?;
        Ok(found)
    }

    /// A record that has as many pieces as before: seals do not change lengths.
    fn record(&mut self, key: &Key, value: &[u8]) -> Result<(), StoreError> {
        let (head, rest) = cut(value);
        for (number, piece) in rest {
            self.put(keys::continuation(key, number), piece)?;
        }
        self.put(key.clone(), &head)
    }

    fn put(&mut self, key: Key, value: &[u8]) -> Result<(), StoreError> {
        self.batch.insert(key, value);
        self.counted(1)
    }

    fn counted(&mut self, changes: usize) -> Result<(), StoreError> {
        self.changes += changes;
        if self.changes >= AT_ONCE { self.apply() } else { Ok(()) }
    }

    fn apply(&mut self) -> Result<(), StoreError> {
        self.changes = 0;
        self.tree.apply_batch(std::mem::take(&mut self.batch)).map_err(unavailable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn key_file(error: std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("the key file: {error}"))
}
