//! Pictures: taken in, read, sealed and kept before the session's record names them; shown while it
//! does; deleted once it no longer does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tracing::Instrument;
use vetd_checks::{FaceReader, FileType, PictureError, Reader, TakenIn, media_types};
use vetd_model::audit_log::{Actor, AuditAction};
use vetd_model::event::Hash;
use vetd_model::media::{Media, MediaKind};
use vetd_model::simulate::Action;
use vetd_model::specimen;
use vetd_model::submission::Submission;
use vetd_model::{ErrorCode, MediaId, Realm, Refusal, Session, SessionId, Timestamp};
use vetd_storage::StoreError;
use vetd_storage::media::{self, MediaError, MediaStore, ObjectName};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::engine::{Engine, Inner};
use crate::error::EngineError;
use crate::idempotency::Claim;
use crate::meters::Meters;
use crate::pages::{PageDrawer, PageError};
use crate::reply::{Ask, Render, Reply};

/// How old an object must be before it is looked for in the record of its session: no upload takes
/// that long.
const UNCLAIMED: Duration = Duration::from_secs(86_400);

/// Reads pictures on a bounded number of threads, so that nobody else waits for a processor.
pub(crate) struct Readers {
    reader: Arc<Reader>,
    /// Draws the pages of PDF files; without it none are taken in.
    pages: Option<Arc<dyn PageDrawer>>,
    places: Semaphore,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
    /// The sessions that have a picture read, so that nobody takes all places.
    under_way: Mutex<HashSet<SessionId>>,
    /// Specimens, each read once.
    specimens: Mutex<HashMap<&'static [u8], Arc<TakenIn>>>,
}

/// A session's turn; gives it back whatever becomes of the reading.
struct Turn<'a> {
    readers: &'a Readers,
    session: SessionId,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.readers.under_way.lock().remove(&self.session);
    }
}

impl Readers {
    /// At most `threads` pictures are read at a time.
    pub(crate) fn new(
        threads: usize,
        faces: Option<Arc<FaceReader>>,
        pages: Option<Arc<dyn PageDrawer>>,
        clock: Arc<dyn Clock>,
        meters: Arc<Meters>,
    ) -> Result<Self, EngineError> {
        let reader = Reader::new(faces).map_err(|error| EngineError::internal(error.to_string()))?;
        let (reader, places) = (Arc::new(reader), Semaphore::new(threads.max(1)));
        Ok(Self { reader, pages, places, clock, meters, under_way: Mutex::default(), specimens: Mutex::default() })
    }

    /// One picture of a session at a time.
    fn turn(&self, session: SessionId) -> Result<Turn<'_>, EngineError> {
        if self.under_way.lock().insert(session) {
            return Ok(Turn { readers: self, session });
        }
        let message = "Another picture of this session is being read; send the next one once it is answered.";
        Err(EngineError::refused(ErrorCode::InvalidState, message))
    }

    /// Takes a picture in: what is kept of it, and what was read; of a face only where somebody
    /// `compares_faces`.
    async fn read(&self, kind: MediaKind, bytes: Bytes, compares_faces: bool) -> Result<TakenIn, EngineError> {
        let place = self.places.acquire().await.map_err(|error| EngineError::unavailable(error.to_string()))?;
        let reader = Arc::clone(&self.reader);
        let begun = self.clock.now();
        let bytes = self.drawn(kind, bytes).await?;
        let read = tokio::task::spawn_blocking(move || reader.take_in(kind, &bytes, compares_faces)).await;
        drop(place);
        self.meters.read_picture(self.clock.now().since(begun));
        match read {
            Ok(read) => Ok(read.map_err(|error| self.unreadable(error, kind))?),
            Err(error) => Err(EngineError::internal(format!("the reading of a picture: {error}"))),
        }
    }

    /// The file itself, or the page that it shows where it has pages and shows a document.
    async fn drawn(&self, kind: MediaKind, file: Bytes) -> Result<Bytes, EngineError> {
        let is_pdf = kind.shows_document() && FileType::of(&file) == Some(FileType::Pdf);
        let Some(pages) = self.pages.as_ref().filter(|_| is_pdf) else { return Ok(file) };
        match pages.draw(file, kind).await {
            Ok(page) => Ok(page.into()),
            Err(PageError::Refused(error)) => Err(self.unreadable(error, kind).into()),
            Err(PageError::Unavailable(for_the_log)) => Err(EngineError::unavailable(for_the_log)),
        }
    }

    /// The media types that pictures of such a kind may have.
    pub(crate) fn media_types(&self, shows_document: bool) -> Vec<&'static str> {
        media_types(shows_document && self.pages.is_some())
    }

    /// What to tell whoever has sent something that is no usable picture.
    fn unreadable(&self, error: PictureError, kind: MediaKind) -> Refusal {
        match error {
            PictureError::Unsupported => {
                let types = self.media_types(kind.shows_document()).join(", ");
                Refusal::new(ErrorCode::UnsupportedMediaType, format!("{error} Send one of {types}."))
            }
            PictureError::TooLarge => Refusal::new(ErrorCode::PayloadTooLarge, error.to_string()),
            _ => Refusal::field("body", format!("{error} ({})", error.code())),
        }
    }
}

impl Readers {
    /// The picture of a specimen that goes with a submission.
    async fn specimen(&self, submission: &Submission, kind: MediaKind) -> Result<Arc<TakenIn>, EngineError> {
        let file = vetd_checks::specimen(submission, kind);
        if let Some(known) = self.specimens.lock().get(file) {
            return Ok(Arc::clone(known));
        }
        let taken = Arc::new(self.read(kind, Bytes::from_static(file), true).await?);
        self.specimens.lock().insert(file, Arc::clone(&taken));
        Ok(taken)
    }
}

/// A picture to be shown: a JPEG.
#[derive(Debug)]
pub struct Shown {
    /// The bytes.
    pub jpeg: Zeroizing<Vec<u8>>,
    /// What the record says of it.
    pub media: Media,
}

impl Engine {
    /// The media types that pictures of documents may have; those of people are never PDF.
    #[must_use]
    pub fn media_types(&self) -> Vec<&'static str> {
        self.inner.readers.media_types(true)
    }

    /// Takes in a picture of the person or their document: it is decoded, made upright, rid of
    /// everything but its pixels, read, sealed, and written where pictures are kept; then the
    /// session's record names it.
    ///
    /// # Errors
    /// `not_found`, `invalid_state`, `session_expired`, `check_not_required`;
    /// `unsupported_media_type`, `payload_too_large` and `validation_error` for what is no picture
    /// that can be used; the stores'.
    pub async fn take_in(
        &self,
        realm: Realm,
        id: SessionId,
        kind: MediaKind,
        bytes: Bytes,
        claim: Option<Claim>,
        render: Render<Session>,
    ) -> Result<Reply, EngineError> {
        let taken = self.take_in_uncounted(realm, id, kind, bytes, claim, render).await;
        self.inner.context.meters.took_in(kind, taken.as_ref().err());
        taken
    }

    async fn take_in_uncounted(
        &self,
        realm: Realm,
        id: SessionId,
        kind: MediaKind,
        bytes: Bytes,
        claim: Option<Claim>,
        render: Render<Session>,
    ) -> Result<Reply, EngineError> {
        let turn = self.inner.readers.turn(id)?;
        let session = self.session(realm, id).await?.ok_or_else(not_found)?;
        self.wants_picture(&session, kind)?;
        // What had arrived of another picture of its kind in parts.
        self.inner.context.receiving.forget(id, kind);
        let taken = self.inner.readers.read(kind, bytes, session.flow.compares_faces()).await;
        if let Err(EngineError::Refused(_)) = taken {
            // Before the session's next turn, so that none is read beyond the limit.
            self.inner.context.receiving.was_unreadable(id, self.now());
        }
        let taken = taken?;
        drop(turn);
        let media = self.keep(&session, kind, &taken).await?;
        let kept = ObjectName { realm, session: id, media: media.id };
        let attached = self.ask(realm, id, Ask::Attach(Box::new(media)), claim, render).await;
        if let Err(EngineError::Refused(_)) = attached {
            self.inner.context.pictures.discard(kept);
        }
        attached
    }

    /// Seals and writes a picture for a session.
    pub(crate) async fn keep(&self, session: &Session, kind: MediaKind, taken: &TakenIn) -> Result<Media, EngineError> {
        let at = self.now();
        let media = Media {
            id: self.inner.entropy.id(at),
            kind,
            size: u32::try_from(taken.jpeg.len()).unwrap_or(u32::MAX),
            sha256: Hash(Sha256::digest(&taken.jpeg).into()),
            at,
            attempt: session.attempts,
            reading: taken.reading.clone(),
        };
        let name = ObjectName { realm: session.realm, session: session.id, media: media.id };
        let Some(personal) = &session.personal else { return Err(not_found()) };
        let sealed = media::seal(&personal.secret, &name, &taken.jpeg).map_err(unavailable)?;
        self.inner.context.pictures.store.put(&name, Bytes::from(sealed)).await.map_err(unavailable)?;
        self.inner.context.meters.kept_picture(media.size);
        Ok(media)
    }

    /// A picture that the session's record names, opened for whoever holds a link. `None` if it names
    /// none of this identifier, as after an erasure. The audit log tells of it first.
    ///
    /// # Errors
    /// The stores'.
    pub async fn picture(&self, realm: Realm, id: SessionId, media: MediaId) -> Result<Option<Shown>, EngineError> {
        let Some(session) = self.session(realm, id).await? else { return Ok(None) };
        let Some(personal) = &session.personal else { return Ok(None) };
        let Some(media) = personal.media.iter().find(|known| known.id == media) else { return Ok(None) };
        let name = ObjectName { realm, session: id, media: media.id };
        let sealed = self.inner.context.pictures.store.get(&name).await.map_err(unavailable)?;
        let Some(sealed) = sealed else {
            // Erased or replaced since the record was read; otherwise it is lost.
            let session = self.session(realm, id).await?;
            let personal = session.as_ref().and_then(|session| session.personal.as_ref());
            if personal.is_some_and(|personal| personal.media.iter().any(|known| known.id == media.id)) {
                return Err(EngineError::internal(format!("the picture {name} is on record and not there")));
            }
            return Ok(None);
        };
        let entry = self.audit_entry(Actor::Link, AuditAction::MediaViewed);
        self.note(realm, &entry.about(id.verification()).about_media(media.id)).await?;
        let jpeg = media::open(&personal.secret, &name, &sealed).map_err(unavailable)?;
        Ok(Some(Shown { jpeg, media: media.clone() }))
    }
}

impl Engine {
    /// Test mode: walks a session through these actions in one step. Where a step wants pictures, they
    /// are those of a specimen, taken in like any other.
    ///
    /// # Errors
    /// As for the actions themselves; the stores'.
    pub async fn simulate(
        &self,
        realm: Realm,
        id: SessionId,
        actions: Vec<Action>,
        claim: Option<Claim>,
        render: Render<Session>,
    ) -> Result<Reply, EngineError> {
        let mut pictures = Vec::new();
        if actions.contains(&Action::Submit) {
            let session = self.session(realm, id).await?.ok_or_else(not_found)?;
            for step in session.flow.steps().iter().filter(|_| !session.status().is_terminal()) {
                let submission = specimen::submission(step, self.now());
                for kind in submission.pictures(&session.flow) {
                    let taken = self.inner.readers.specimen(&submission, *kind).await?;
                    pictures.push(self.keep(&session, *kind, &taken).await?);
                }
            }
        }
        let kept: Vec<_> = pictures.iter().map(|media| ObjectName { realm, session: id, media: media.id }).collect();
        let done = self.ask(realm, id, Ask::Simulate(actions, pictures), claim, render).await;
        // Those that no step wanted go again; after an error whose outcome is open the sweep looks.
        if matches!(done, Ok(_) | Err(EngineError::Refused(_))) && !kept.is_empty() {
            let session = self.session(realm, id).await?;
            let personal = session.as_ref().and_then(|session| session.personal.as_ref());
            let is_named = |name: &ObjectName| {
                personal.is_some_and(|personal| personal.media.iter().any(|media| media.id == name.media))
            };
            let unnamed = kept.into_iter().filter(|name| !is_named(name));
            unnamed.for_each(|name| self.inner.context.pictures.discard(name));
        }
        done
    }
}

/// Where pictures are kept, for those who delete them.
#[derive(Clone)]
pub(crate) struct Pictures {
    pub(crate) store: MediaStore,
}

impl Pictures {
    /// Deletes a picture that no record names. What cannot be deleted now is found by the sweep.
    pub(crate) fn discard(&self, name: ObjectName) {
        let store = self.store.clone();
        let delete = async move {
            if let Err(error) = store.delete(&name).await {
                tracing::warn!(%error, picture = %name, "a picture could not be deleted; the sweep tries again");
            }
        };
        tokio::spawn(delete.in_current_span());
    }
}

impl Inner {
    /// Deletes every picture of more than a day that its session's record does not name; once a day,
    /// since it goes through all of them.
    pub(crate) async fn sweep_pictures(&self, now: Timestamp) -> Result<usize, EngineError> {
        {
            let mut swept = self.pictures_swept.lock();
            if swept.is_some_and(|at| now < at.after(UNCLAIMED)) {
                return Ok(0);
            }
            *swept = Some(now);
        }
        let pictures = &self.context.pictures.store;
        let before = Timestamp::from_millis(now.millis().saturating_sub(UNCLAIMED.as_millis() as u64));
        let mut found = pictures.list(before);
        let mut deleted = 0;
        while let Some(object) = found.next().await {
            let name = object.map_err(unavailable)?.name;
            let session = match self.store.session(name.realm, name.session).await {
                Ok(session) => session,
                Err(error @ StoreError::Unavailable(_)) => return Err(error.into()),
                // Nobody can tell whether the record names it.
                Err(_) => continue,
            };
            let personal = session.as_ref().and_then(|(session, _)| session.personal.as_ref());
            if personal.is_some_and(|personal| personal.media.iter().any(|media| media.id == name.media)) {
                continue;
            }
            pictures.delete(&name).await.map_err(unavailable)?;
            deleted += 1;
        }
        pictures.clear_drafts(before).await.map_err(unavailable)?;
        Ok(deleted)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn unavailable(error: MediaError) -> EngineError {
    match error {
        MediaError::Damaged(_) | MediaError::UnknownVersion { .. } => EngineError::internal(error.to_string()),
        MediaError::Full => EngineError::Unavailable { for_the_log: error.to_string(), retry_after: 30 },
        MediaError::Unavailable(_) | MediaError::TooLarge => EngineError::unavailable(error.to_string()),
    }
}

pub(crate) fn not_found() -> EngineError {
    EngineError::refused(ErrorCode::NotFound, "There is no such session in this workspace and mode.")
}
