//! Retention: what a workspace no longer wants to keep is erased when its time has come. Each erasure
//! is a command to its session's actor and leaves an entry in the audit log.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use vetd_model::audit_log::Actor;
use vetd_model::retention::{DataKind, OUTCOMES, RetentionPolicy};
use vetd_model::verification::Moment;
use vetd_model::{Mode, Realm, Session, SessionId, Status, Timestamp};
use vetd_storage::{Cursor, SessionQuery, StatusFilter, StoreError};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::reply::{Ask, Reply};

/// How many verifications are looked at in a step.
const PAGE: usize = 100;
/// Older than every session.
const OLDEST: SessionId = SessionId::from_bytes([0; 16]);

/// How long the marks of [`Progress`] hold. A session may end, or be reviewed, after a newer one was
/// erased: then it is found by the next round that begins anew.
const MARKS_HOLD: Duration = Duration::from_secs(86_400);

/// Up to which session nothing is left to do, so that what was erased is not looked at each hour. Worth
/// nothing after a day, once a policy changes, and at an end of the process.
#[derive(Default)]
pub(crate) struct Progress(Mutex<HashMap<Realm, Marks>>);

#[derive(Default)]
struct Marks {
    policy: RetentionPolicy,
    since: Timestamp,
    places: HashMap<(DataKind, Status), SessionId>,
}

impl Progress {
    fn begin(&self, realm: Realm, policy: RetentionPolicy, of: (DataKind, Status), now: Timestamp) -> SessionId {
        let mut all = self.0.lock();
        let marks = all.entry(realm).or_default();
        if marks.policy != policy || marks.since.after(MARKS_HOLD) <= now {
            *marks = Marks { policy, since: now, places: HashMap::new() };
        }
        marks.places.get(&of).copied().unwrap_or(OLDEST)
    }

    fn reached(&self, realm: Realm, of: (DataKind, Status), place: SessionId) {
        if let Some(marks) = self.0.lock().get_mut(&realm) {
            marks.places.insert(of, place);
        }
    }
}

impl Engine {
    /// Erases what every workspace no longer wants to keep. Returns how many verifications lost
    /// something.
    ///
    /// # Errors
    /// The store's; what was erased until then is erased.
    pub(crate) async fn apply_retention(&self, now: Timestamp) -> Result<usize, EngineError> {
        let mut erased = 0;
        for workspace in self.inner.store.workspaces()? {
            for mode in [Mode::Test, Mode::Live] {
                let realm = Realm { workspace: workspace.value.id, mode };
                let policy = match self.inner.store.settings(realm).await {
                    Ok(settings) => settings.value.retention,
                    Err(error @ StoreError::Unavailable(_)) => return Err(error.into()),
                    Err(error) => {
                        tracing::error!(%error, "the rules of a workspace cannot be read; nothing of it is erased");
                        continue;
                    }
                };
                // Personal data first: it takes the media with it.
                for kind in [DataKind::Personal, DataKind::Media] {
                    for outcome in OUTCOMES {
                        erased += self.apply(realm, policy, (kind, outcome), now).await?;
                    }
                }
            }
        }
        Ok(erased)
    }

    async fn apply(
        &self,
        realm: Realm,
        policy: RetentionPolicy,
        (kind, outcome): (DataKind, Status),
        now: Timestamp,
    ) -> Result<usize, EngineError> {
        let Some(days) = policy.days(kind, outcome) else { return Ok(0) };
        let mut place = self.inner.retention.begin(realm, policy, (kind, outcome), now);
        // What was made later than that has not ended long enough ago.
        let created_before = Some(Timestamp::from_millis(now.millis().saturating_sub(u64::from(days) * 86_400_000)));
        let (mut erased, mut is_settled) = (0, true);
        loop {
            let status = Some(StatusFilter::Verification(outcome));
            let query = SessionQuery {
                status,
                created_before,
                cursor: Cursor::Before(place),
                limit: PAGE,
                ..SessionQuery::default()
            };
            let page = self.inner.store.sessions(realm, query).await?;
            // A page is newest first.
            for session in page.items.iter().rev() {
                place = session.id;
                let due = Moment::of(session).ended_at(session).and_then(|ended| policy.due(kind, outcome, ended));
                if due.is_some_and(|due| due <= now) {
                    erased += usize::from(self.erase(session, kind).await?);
                } else {
                    is_settled = false;
                }
                if is_settled {
                    self.inner.retention.reached(realm, (kind, outcome), place);
                }
            }
            if !page.has_more {
                return Ok(erased);
            }
        }
    }

    /// Returns false if there is nothing left to erase.
    async fn erase(&self, session: &Session, kind: DataKind) -> Result<bool, EngineError> {
        let Some(personal) = &session.personal else { return Ok(false) };
        let seen = session.chain.sequence;
        let ask = match kind {
            DataKind::Personal => Ask::Redact { by: Actor::System, by_rule: Some(seen) },
            DataKind::Media if !personal.has_evidence() => return Ok(false),
            DataKind::Media => Ask::ForgetMedia { seen },
        };
        let done = self.ask(session.realm, session.id, ask, None, Box::new(|_| Reply::json(200, &()))).await;
        match done {
            Ok(_) => Ok(true),
            // It has changed since it was listed; the next round sees how.
            Err(EngineError::Refused(_)) => Ok(false),
            Err(error @ EngineError::Unavailable { .. }) => Err(error),
            Err(error) => {
                tracing::error!(%error, session = %session.id, "what is to be erased could not be; it is set aside");
                Ok(false)
            }
        }
    }
}
