//! The secrets that requests of ours are signed with, sealed within the record of what they belong to.

use vetd_model::Realm;
use vetd_model::signature::WebhookSecret;
use vetd_model::webhook::PreviousSecret;
use vetd_model::{Timestamp, id};

use crate::api::StoreError;
use crate::codec::{Blob, Damaged};
use crate::seal::Seal;

/// Seals and opens the secrets of one endpoint or provider: what was sealed for one opens for no other.
pub(crate) struct Secrets<'a> {
    seal: &'a Seal,
    bound: Vec<u8>,
}

impl<'a> Secrets<'a> {
    pub(crate) fn of<K: id::Kind>(seal: &'a Seal, realm: Realm, id: id::Id<K>) -> Self {
        Self { seal, bound: [realm.bytes().as_slice(), id.bytes()].concat() }
    }

    pub(crate) fn close(&self, secret: &WebhookSecret) -> Result<Blob, StoreError> {
        self.seal.close(secret.expose().as_bytes(), &self.bound).map(Blob)
    }

    pub(crate) fn open(&self, sealed: &Blob) -> Result<WebhookSecret, Damaged> {
        let secret = self.seal.open(&sealed.0, &self.bound)?;
        std::str::from_utf8(&secret).ok().and_then(WebhookSecret::parse).ok_or(Damaged)
    }

    /// One that still counts for a while, with its end in milliseconds.
    pub(crate) fn close_previous(&self, previous: &PreviousSecret) -> Result<(Blob, u64), StoreError> {
        Ok((self.close(&previous.secret)?, previous.until.millis()))
    }

    pub(crate) fn open_previous(&self, (sealed, until): &(Blob, u64)) -> Result<PreviousSecret, Damaged> {
        Ok(PreviousSecret { secret: self.open(sealed)?, until: Timestamp::from_millis(*until) })
    }
}
