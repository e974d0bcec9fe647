//! Pictures that arrive: whether one is wanted, and who may add to an upload that comes in parts. What
//! has arrived of those is in [`Uploads`], which knows neither sessions nor requests.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use vetd_model::decide::may_attach;
use vetd_model::media::MediaKind;
use vetd_model::{Realm, Refusal, Session, SessionId, Timestamp};
use vetd_storage::IdempotencySlot;

use crate::clock::Clock;
use crate::engine::{Engine, Inner};
use crate::error::EngineError;
use crate::pictures::not_found;
use crate::uploads::{UploadKey, UploadRefusal, Uploads};

/// How often memory is looked through for uploads that nobody goes on with.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);

/// How long it is known what a session has sent in vain: longer than any session takes pictures, since
/// its time is a day at most.
const REMEMBERED: Duration = Duration::from_secs(2 * 86_400);

/// Where a part says that it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// So many bytes of the picture come before the part.
    pub offset: u64,
    /// So many bytes the picture has in all.
    pub length: u64,
}

/// All uploads, and which request adds to each. The latest does: one before it, whose connection is
/// broken although nobody has noticed yet, must not mix its bytes in.
#[derive(Default)]
pub(crate) struct Receiving(Mutex<State>);

#[derive(Default)]
struct State {
    uploads: Uploads,
    arriving: HashMap<UploadKey, u64>,
    requests: u64,
    /// How many files each session has sent that were no pictures, and when the last one came.
    unreadable: HashMap<SessionId, (u32, Timestamp)>,
}

impl Receiving {
    /// Forgets what has arrived for a session.
    pub(crate) fn forget_session(&self, session: SessionId) {
        let mut state = self.0.lock();
        state.uploads.forget_session(session);
        state.arriving.retain(|key, _| key.0 != session);
        state.unreadable.remove(&session);
    }

    /// A file of this session was looked at and was no picture.
    pub(crate) fn was_unreadable(&self, session: SessionId, now: Timestamp) {
        let mut state = self.0.lock();
        let (count, last) = state.unreadable.entry(session).or_default();
        (*count, *last) = (count.saturating_add(1), now);
    }

    /// How many such files the session has sent since the server was started.
    fn unreadable(&self, session: SessionId) -> u32 {
        self.0.lock().unreadable.get(&session).map_or(0, |(count, _)| *count)
    }

    /// Frees the memory of what nobody comes back to.
    fn expire(&self, now: Timestamp) {
        let mut state = self.0.lock();
        state.uploads.expire(now);
        state.unreadable.retain(|_, (_, last)| now < last.after(REMEMBERED));
    }

    /// Forgets one upload.
    pub(crate) fn forget(&self, session: SessionId, kind: MediaKind) {
        let mut state = self.0.lock();
        let key = (session, number(kind));
        state.uploads.forget(key);
        state.arriving.remove(&key);
    }
}

/// A part that is arriving. Whatever has been pushed is kept when this is dropped.
pub struct Part {
    receiving: Arc<Receiving>,
    clock: Arc<dyn Clock>,
    key: UploadKey,
    request: u64,
    place: Place,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Part {
    /// Takes the next bytes of the part.
    ///
    /// # Errors
    /// [`UploadRefusal`], and none of these bytes are taken: another request has taken the upload
    /// over, others needed the room, or the part goes beyond the length that it has named.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        let (now, mut state) = (self.clock.now(), self.receiving.0.lock());
        if state.arriving.get(&self.key) != Some(&self.request) {
            return Err(UploadRefusal::Offset { expected: state.uploads.offset(self.key, now) });
        }
        let limit = usize::try_from(self.place.length).unwrap_or(usize::MAX);
        self.place.offset = state.uploads.append(self.key, self.place.offset, limit, bytes, now)?.offset;
        Ok(())
    }

    /// The part has ended where its request does: the whole picture if it has arrived, which is
    /// forgotten here, or else how far it has come.
    ///
    /// # Errors
    /// [`UploadRefusal::Offset`] as for [`Part::push`].
    pub fn end(mut self) -> Result<Arrived, UploadRefusal> {
        self.push(&[])?;
        if self.place.offset < self.place.length {
            return Ok(Arrived::UpTo(self.place.offset));
        }
        let whole = self.receiving.0.lock().uploads.take(self.key, self.clock.now());
        whole.map(Arrived::Whole).ok_or(UploadRefusal::Offset { expected: 0 })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut state = self.receiving.0.lock();
        if state.arriving.get(&self.key) == Some(&self.request) {
            state.arriving.remove(&self.key);
        }
    }
}

/// What is there at the end of a part.
#[derive(Debug)]
pub enum Arrived {
    /// All of the picture.
    Whole(Bytes),
    /// Its first bytes, so many.
    UpTo(u64),
}

impl Engine {
    /// Whether a picture of this kind is wanted of the session.
    pub(crate) fn wants_picture(&self, session: &Session, kind: MediaKind) -> Result<(), Refusal> {
        may_attach(session, kind, self.inner.context.receiving.unreadable(session.id), self.now())
    }

    /// Whether parts of a picture are wanted: as pictures are, or because an answer is filed under
    /// the request's key, so that a client that has missed it can send everything again and hear it.
    ///
    /// # Errors
    /// `not_found`, `invalid_state`, `session_expired`, `check_not_required`; the store's.
    pub async fn wants_part(
        &self,
        realm: Realm,
        id: SessionId,
        kind: MediaKind,
        slot: Option<IdempotencySlot>,
    ) -> Result<(), EngineError> {
        let session = self.session(realm, id).await?.ok_or_else(not_found)?;
        let Err(refusal) = self.wants_picture(&session, kind) else { return Ok(()) };
        if let Some(slot) = slot
            && self.inner.store.answer(slot, self.now()).await?.is_some()
        {
            return Ok(());
        }
        Err(refusal.into())
    }

    /// Begins to take a part in. One at 0 begins a new picture, whatever had arrived of another; a
    /// request that still sends for the same upload may add nothing more.
    ///
    /// # Errors
    /// [`UploadRefusal::Offset`] if that is not how far the picture has come.
    pub fn begin_part(&self, session: SessionId, kind: MediaKind, place: Place) -> Result<Part, UploadRefusal> {
        let (key, now) = ((session, number(kind)), self.now());
        let receiving = &self.inner.context.receiving;
        let mut state = receiving.0.lock();
        if place.offset == 0 {
            state.uploads.forget(key);
        }
        let expected = state.uploads.offset(key, now);
        if place.offset != expected {
            return Err(UploadRefusal::Offset { expected });
        }
        state.requests += 1;
        let request = state.requests;
        state.arriving.insert(key, request);
        let clock = Arc::clone(&self.inner.clock);
        Ok(Part { receiving: Arc::clone(receiving), clock, key, request, place })
    }

    /// How many bytes of a picture have arrived in parts. Whoever asks has lost a connection: what
    /// still comes over that one is not taken any more, so the number holds.
    ///
    /// # Errors
    /// `not_found`; the store's.
    pub async fn arrived(&self, realm: Realm, id: SessionId, kind: MediaKind) -> Result<u64, EngineError> {
        self.session(realm, id).await?.ok_or_else(not_found)?;
        let (key, mut state) = ((id, number(kind)), self.inner.context.receiving.0.lock());
        state.arriving.remove(&key);
        Ok(state.uploads.offset(key, self.now()))
    }
}

/// Frees the memory of uploads that nobody goes on with, as long as the engine lives.
pub(crate) async fn expire_uploads(engine: Weak<Inner>) {
    loop {
        let Some(inner) = engine.upgrade() else { return };
        inner.context.receiving.expire(inner.clock.now());
        let pause = inner.clock.sleep(EXPIRE_EVERY);
        drop(inner);
        pause.await;
    }
}

/// What tells the uploads of a session apart.
const fn number(kind: MediaKind) -> u8 {
    match kind {
        MediaKind::DocumentFront => 0,
        MediaKind::DocumentBack => 1,
        MediaKind::Selfie => 2,
        MediaKind::Liveness1 => 3,
        MediaKind::Liveness2 => 4,
        MediaKind::Liveness3 => 5,
        MediaKind::Liveness4 => 6,
    }
}
