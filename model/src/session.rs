//! A session: one attempt of one person, as a value.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::challenge::Challenge;
use crate::check::{CheckResult, LastError};
use crate::chip::Chip;
use crate::event::Chain;
use crate::field::{Fields, document_of};
use crate::flow::{Flow, StepKind};
use crate::id::{CheckId, SessionId, TemplateId};
use crate::media::{Media, MediaKind};
use crate::realm::Realm;
use crate::review::{Redaction, Review};
use crate::secret::SessionSecret;
use crate::submission::Submission;
use crate::test_outcome::TestOutcome;
use crate::time::Timestamp;

/// How long a run of checks may take before what is unfinished goes to a reviewer.
pub const RUN_LIMIT: Duration = Duration::from_secs(600);

/// The statuses that callers see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// The session exists, the iframe has not loaded.
    Created,
    /// The iframe has loaded and waits for the person.
    RequiresInput,
    /// The person submits, or checks run.
    InProgress,
    /// All checks passed.
    Completed,
    /// A check failed decisively, or the attempts are used up.
    Failed,
    /// A person of the tenant must decide.
    RequiresReview,
    /// Ended by the person or the tenant.
    Canceled,
    /// The time ran out before a decision.
    Expired,
}

impl Status {
    /// All of them, in the order of the lifecycle.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::RequiresInput,
        Self::InProgress,
        Self::Completed,
        Self::Failed,
        Self::RequiresReview,
        Self::Canceled,
        Self::Expired,
    ];

    /// The status as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::RequiresInput => "requires_input",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::RequiresReview => "requires_review",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// True for the six that a session never leaves.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Created | Self::RequiresInput | Self::InProgress)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The template that a session was made from, as it stood then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateRef {
    /// The template.
    pub id: TemplateId,
    /// Its slug when the session was made.
    pub slug: String,
    /// The published version that was taken.
    pub version: u32,
}

/// Which steps of the flow have been accepted, by kind: a flow asks for each kind at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepSet(u8);

impl StepSet {
    /// The set with this bit pattern; what storage keeps.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The bit pattern; what storage keeps.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// True if steps of this kind have been accepted.
    #[must_use]
    pub const fn contains(self, kind: StepKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// The set with this kind in it.
    #[must_use]
    pub const fn with(self, kind: StepKind) -> Self {
        Self(self.0 | kind.bit())
    }

    /// What the two sets share.
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// Who ended a session before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanceledBy {
    /// The person being verified.
    Person,
    /// The tenant.
    Tenant,
}

/// A check that a provider carries out, and whose answer is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderCall {
    /// The result that the answer goes into.
    pub check: CheckId,
    /// True once the provider has said that it will answer later: then it is not asked again.
    pub accepted: bool,
}

/// Where a session stands. Each variant owns just what is true in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Made; nobody has loaded it.
    Created,
    /// Loaded; the next step is the person's. After a retry some steps may still count.
    RequiresInput {
        /// The steps that need not be given again.
        accepted: StepSet,
    },
    /// At least one step of this attempt has been accepted, and at least one is missing.
    Collecting {
        /// The steps accepted so far.
        accepted: StepSet,
    },
    /// All steps are in and the checks of run `Session::attempts` run.
    Checking {
        /// When this run began.
        started: Timestamp,
    },
    /// The checks of our own have run, and providers are asked for the rest.
    Awaiting {
        /// When this run began.
        started: Timestamp,
        /// The calls that have no answer yet; never empty.
        calls: Vec<ProviderCall>,
    },
    /// All checks passed.
    Completed {
        /// When that was decided.
        at: Timestamp,
    },
    /// A check failed decisively, or the attempts are used up.
    Failed {
        /// When that was decided.
        at: Timestamp,
    },
    /// A person of the tenant must decide.
    RequiresReview {
        /// When that was found.
        at: Timestamp,
    },
    /// Ended by the person or the tenant.
    Canceled {
        /// When.
        at: Timestamp,
        /// By whom.
        by: CanceledBy,
    },
    /// The time ran out.
    Expired {
        /// The deadline that passed.
        at: Timestamp,
    },
}

impl State {
    /// The status that callers see.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Created => Status::Created,
            Self::RequiresInput { .. } => Status::RequiresInput,
            Self::Collecting { .. } | Self::Checking { .. } | Self::Awaiting { .. } => Status::InProgress,
            Self::Completed { .. } => Status::Completed,
            Self::Failed { .. } => Status::Failed,
            Self::RequiresReview { .. } => Status::RequiresReview,
            Self::Canceled { .. } => Status::Canceled,
            Self::Expired { .. } => Status::Expired,
        }
    }

    /// When a terminal state was reached; for an expired session that is its deadline.
    #[must_use]
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Completed { at }
            | Self::Failed { at }
            | Self::RequiresReview { at }
            | Self::Canceled { at, .. }
            | Self::Expired { at } => Some(*at),
            Self::Created
            | Self::RequiresInput { .. }
            | Self::Collecting { .. }
            | Self::Checking { .. }
            | Self::Awaiting { .. } => None,
        }
    }

    /// True while a run of checks is under way.
    #[must_use]
    pub const fn is_checked(&self) -> bool {
        matches!(self, Self::Checking { .. } | Self::Awaiting { .. })
    }
}

/// What belongs to the person, and the secret that seals it. Redaction erases exactly this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Personal {
    /// Seals this part at rest, salts the event hashes.
    pub secret: SessionSecret,
    /// The tenant's own labels.
    pub metadata: BTreeMap<String, String>,
    /// Where the person goes afterwards.
    pub redirect_url: Option<String>,
    /// What the person has submitted, by step.
    pub submissions: BTreeMap<StepKind, Submission>,
    /// The pictures on record, at most one of a kind: the one that was taken last.
    pub media: Vec<Media>,
    /// What the document's chip said, the last time that it was sent in.
    pub chip: Option<Box<Chip>>,
    /// How many pictures were taken in, those that were taken again included.
    pub uploads: u32,
    /// What the last ended run resolved of the person and their document.
    pub fields: Fields,
    /// Why a reviewer has decided so, in the reviewer's words.
    pub review_reason: Option<String>,
}

impl Personal {
    /// With nothing from the person yet.
    #[must_use]
    pub const fn new(secret: SessionSecret, metadata: BTreeMap<String, String>, redirect_url: Option<String>) -> Self {
        Self {
            secret,
            metadata,
            redirect_url,
            submissions: BTreeMap::new(),
            media: Vec::new(),
            chip: None,
            uploads: 0,
            fields: Fields::new(),
            review_reason: None,
        }
    }

    /// The picture of this kind.
    #[must_use]
    pub fn medium(&self, kind: MediaKind) -> Option<&Media> {
        self.media.iter().find(|media| media.kind == kind)
    }

    /// True if there are pictures, or what a chip said: what goes when the time of media is over.
    #[must_use]
    pub const fn has_evidence(&self) -> bool {
        !self.media.is_empty() || self.chip.is_some()
    }

    /// The document's issuer and number, as [`document_of`] says.
    #[must_use]
    pub fn document(&self) -> Option<(&str, &str)> {
        document_of(&self.fields)
    }
}

/// One verification attempt, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Shares its UUID with its verification.
    pub id: SessionId,
    /// Whose it is.
    pub realm: Realm,
    /// Where its flow comes from.
    pub template: TemplateRef,
    /// The flow as it was when the session was made; no later edit reaches it.
    pub flow: Arc<Flow>,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed; no later command is dated before this.
    pub updated: Timestamp,
    /// The deadline, a whole second.
    pub expires_at: Timestamp,
    /// How many runs of checks have begun; the number of the last one.
    pub attempts: u32,
    /// Why the last attempt did not complete.
    pub last_error: Option<LastError>,
    /// In test mode: what the checks will say.
    pub test_outcome: Option<TestOutcome>,
    /// The head of the event chain.
    pub chain: Chain,
    /// What the last ended run found.
    pub checks: Vec<CheckResult>,
    /// The person's data; `None` once redacted.
    pub personal: Option<Box<Personal>>,
    /// What a reviewer decided, if one has.
    pub review: Option<Review>,
    /// When the person's data was erased, if it was.
    pub redaction: Option<Redaction>,
    /// Where it stands.
    pub state: State,
}

impl Session {
    /// The status that callers see.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.state.status()
    }

    /// The status of the verification: a review moves it on, while the session's stays.
    #[must_use]
    pub fn verification_status(&self) -> Status {
        self.review.as_ref().map_or_else(|| self.status(), |review| review.decision.status())
    }

    /// The document that the verification is found by, its issuer and number: once it has ended, and while
    /// it awaits providers alone. A further attempt may be with another one.
    #[must_use]
    pub fn indexed_document(&self) -> Option<(&str, &str)> {
        let keeps = matches!(self.state, State::Awaiting { .. }) || self.status().is_terminal();
        self.personal.as_ref().filter(|_| keeps)?.document()
    }

    /// The next moment at which the session must be rung: its deadline, or the limit of the run
    /// of checks under way. `None` once it has ended.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.state {
            State::Checking { started } | State::Awaiting { started, .. } => Some(started.after(RUN_LIMIT)),
            state if state.status().is_terminal() => None,
            _ => Some(self.expires_at),
        }
    }

    /// The pictures that the run of checks under way looks at: those that were asked for and taken in
    /// this attempt. What an earlier one left behind is no evidence.
    pub fn pictures_of_run(&self) -> impl Iterator<Item = &Media> {
        let wanted = |personal: &Personal, media: &Media| {
            let asked = personal.submissions.values().flat_map(|submission| submission.pictures(&self.flow));
            media.attempt + 1 == self.attempts && asked.into_iter().any(|kind| *kind == media.kind)
        };
        let all = self.personal.iter().flat_map(|personal| personal.media.iter().map(move |media| (personal, media)));
        all.filter(move |(personal, media)| wanted(personal, media)).map(|(_, media)| media)
    }

    /// What the liveness step asks for in the attempt that so many runs of checks came before; nothing if the
    /// flow asks for no moves, or the person's data is gone.
    #[must_use]
    pub fn challenges(&self, attempt: u32) -> Vec<Challenge> {
        let personal = self.personal.as_ref().filter(|_| self.flow.has_challenges());
        personal.map(|personal| Challenge::of_attempt(&personal.secret, attempt).to_vec()).unwrap_or_default()
    }

    /// How many of this attempt's challenges have their picture.
    #[must_use]
    pub fn answered_challenges(&self) -> usize {
        let is_there = |kind: &&MediaKind| {
            let media = self.personal.as_ref().and_then(|personal| personal.medium(**kind));
            media.is_some_and(|media| media.attempt == self.attempts)
        };
        MediaKind::LIVENESS.iter().take_while(is_there).count()
    }

    /// The challenges that the person may know: those they have answered, and the next one.
    #[must_use]
    pub fn shown_challenges(&self) -> Vec<Challenge> {
        let mut challenges = if self.next_step().is_some() { self.challenges(self.attempts) } else { Vec::new() };
        challenges.truncate(self.answered_challenges() + 1);
        challenges
    }

    /// True if the deadline has passed without a decision, and none is under way: checks that
    /// were running at the deadline still decide the session.
    #[must_use]
    pub fn is_overdue(&self, at: Timestamp) -> bool {
        !self.state.is_checked() && !self.status().is_terminal() && at >= self.expires_at
    }

    /// The steps accepted so far in this attempt; all of them once checks run.
    #[must_use]
    pub fn accepted(&self) -> StepSet {
        match &self.state {
            State::RequiresInput { accepted } | State::Collecting { accepted } => *accepted,
            State::Checking { .. }
            | State::Awaiting { .. }
            | State::Completed { .. }
            | State::Failed { .. }
            | State::RequiresReview { .. } => self.flow.step_set(),
            State::Created | State::Canceled { .. } | State::Expired { .. } => StepSet::default(),
        }
    }

    /// The step that the person must give next, while it is the person's turn.
    #[must_use]
    pub fn next_step(&self) -> Option<StepKind> {
        match &self.state {
            State::RequiresInput { accepted } | State::Collecting { accepted } => self.flow.next_after(*accepted),
            _ => None,
        }
    }
}
