//! The actor of one session: loads, decides, commits, replies, performs effects.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tracing::{Instrument, Span, debug_span};
use vetd_model::audit_log::AuditEntry;
use vetd_model::decide::{CheckFinding, Command, Effect, Transition, decide, pending_effects};
use vetd_model::field::Fields;
use vetd_model::provider::{NoAnswer, parse_answer};
use vetd_model::simulate::simulate;
use vetd_model::submission::Submission;
use vetd_model::{CheckId, ErrorCode, Refusal, Session, Timestamp};
use vetd_storage::media::ObjectName;
use vetd_storage::{Commit, IdempotencyRecord, SessionWrite, Store, StoreError, StoredSession, Write};

use crate::check_pool::{CheckPool, run_checks};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::error::EngineError;
use crate::idempotency::Claim;
use crate::mailbox::Mailbox;
use crate::meters::Meters;
use crate::pictures::Pictures;
use crate::providers::{Providers, Said};
use crate::receiving::Receiving;
use crate::registry::SessionKey;
use crate::reply::{Ask, Render, Reply};
use crate::shard::{RING_AGAIN, ShardMsg};
use crate::watching::Watchers;
use crate::watchlists::Lists;

/// What every session's actor works with.
pub(crate) struct Context {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) pictures: Pictures,
    pub(crate) receiving: Arc<Receiving>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) checks: CheckPool,
    pub(crate) providers: Providers,
    pub(crate) lists: Arc<Lists>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) watchers: Arc<Watchers>,
}

type ReplyPort = oneshot::Sender<Result<Reply, EngineError>>;

pub(crate) enum SessionMsg {
    /// A command from outside.
    Ask { ask: Ask, claim: Option<Claim>, render: Render<Session>, reply: ReplyPort, span: Span },
    /// A run of checks has ended.
    ChecksDone { run: u32, findings: Vec<CheckFinding>, fields: Fields },
    /// A provider was asked for a check.
    Provider { check: CheckId, said: Said },
    /// The deadline may have come, or something was left unfinished.
    Ring,
    /// The server has started again, and the session's checks were running when it ended.
    Resume,
}

impl std::fmt::Debug for SessionMsg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ask { .. } => "Ask",
            Self::ChecksDone { .. } => "ChecksDone",
            Self::Provider { .. } => "Provider",
            Self::Ring => "Ring",
            Self::Resume => "Resume",
        })
    }
}

impl SessionMsg {
    /// The span that the work belongs to: of a request, or of the engine's own.
    fn span(&self) -> Span {
        match self {
            Self::Ask { span, .. } => span.clone(),
            Self::ChecksDone { .. } => debug_span!("session.checks_done"),
            Self::Provider { .. } => debug_span!("session.provider"),
            Self::Ring | Self::Resume => debug_span!("session.ring"),
        }
    }

    /// Tells whoever waits for an answer that there will be none.
    pub(crate) fn refuse(self, error: &EngineError) {
        if let Self::Ask { reply, .. } = self {
            answer(reply, Err(error.clone()));
        }
    }
}

pub(crate) struct SessionArguments {
    pub(crate) key: SessionKey,
    pub(crate) context: Arc<Context>,
    pub(crate) shard: Mailbox,
}

/// What the actor holds: nothing until its first message, and nothing again after an error
/// whose outcome is unknown.
pub(crate) struct SessionState {
    key: SessionKey,
    context: Arc<Context>,
    shard: Mailbox,
    known: Option<StoredSession>,
    /// True until an interrupted run of checks has begun anew.
    interrupted: bool,
}

pub(crate) struct SessionActor;

impl Actor for SessionActor {
    type Msg = SessionMsg;
    type State = SessionState;
    type Arguments = SessionArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<SessionMsg>,
        arguments: SessionArguments,
    ) -> Result<SessionState, ActorProcessingErr> {
        let SessionArguments { key, context, shard } = arguments;
        Ok(SessionState { key, context, shard, known: None, interrupted: false })
    }

    async fn handle(
        &self,
        _myself: ActorRef<SessionMsg>,
        message: SessionMsg,
        state: &mut SessionState,
    ) -> Result<(), ActorProcessingErr> {
        let revived = state.known.is_none();
        let span = message.span();
        let rearm = state.carry_out(message).instrument(span).await;
        if revived {
            state.perform_pending();
        }
        let deadline = match rearm {
            Rearm::AsDecided => state.known.as_ref().and_then(|(session, _)| session.deadline()),
            Rearm::Again(at) => Some(at),
        };
        if state.shard.send(ShardMsg::Settled { key: state.key, deadline }).is_err() {
            tracing::debug!("the shard has stopped before its session's actor");
        }
        Ok(())
    }
}

/// When the session must be rung next.
enum Rearm {
    /// At the deadline of its state.
    AsDecided,
    /// At this time, because something could not be carried out.
    Again(Timestamp),
}

impl SessionState {
    async fn carry_out(&mut self, message: SessionMsg) -> Rearm {
        let at = self.context.clock.now();
        let done = match message {
            SessionMsg::Ask { ask, claim, render, reply, .. } => {
                let asked = self.ask(ask, claim, render, at).await;
                let failed = asked.as_ref().err().cloned();
                answer(reply, asked);
                failed
            }
            SessionMsg::ChecksDone { run, findings, fields } => {
                self.command(Command::FinishChecks { run, findings, fields }, at).await.err()
            }
            SessionMsg::Provider { check, said } => {
                let command = match said {
                    Said::Later => Command::AcceptCall { check },
                    Said::Found(finding) => Command::AnswerCall { check, finding },
                };
                self.command(command, at).await.err()
            }
            SessionMsg::Ring => self.ring(at).await.err(),
            SessionMsg::Resume => {
                self.interrupted = true;
                self.ring(at).await.err()
            }
        };
        match done {
            None | Some(EngineError::Refused(_)) => Rearm::AsDecided,
            Some(EngineError::Unavailable { for_the_log, .. }) => {
                tracing::warn!(session = %self.key.id, for_the_log, "a session could not be written; it is rung again");
                Rearm::Again(at.after(RING_AGAIN))
            }
            Some(EngineError::Internal { for_the_log }) => {
                tracing::error!(session = %self.key.id, for_the_log, "a session could not be served; it is set aside");
                Rearm::AsDecided
            }
        }
    }

    async fn ask(
        &mut self,
        ask: Ask,
        claim: Option<Claim>,
        render: Render<Session>,
        at: Timestamp,
    ) -> Result<Reply, EngineError> {
        loop {
            let session = Arc::clone(self.load().await?);
            let transition = decide_ask(&session, &ask, at, &self.context)?;
            if let Some(refusal) = transition.refused.clone() {
                self.commit(transition, None, None).await?;
                return Err(refusal.into());
            }
            let reply = render(&transition.next);
            let sealed = claim.as_ref().filter(|_| ask.tells_of_person());
            let secret = sealed.and_then(|_| Some(transition.next.personal.as_ref()?.secret.clone()));
            let owner = secret.as_ref().map(|secret| (self.key.realm, self.key.id, secret));
            let record = claim.as_ref().map(|claim| claim.file(&reply, owner));
            let entry = ask.audited().filter(|_| transition.changed).map(|(actor, action)| {
                let entry = AuditEntry::new(Entropy.id(at), actor, action).about(session.id.verification());
                with_what_goes(entry, &session, &transition)
            });
            match self.commit(transition, record, entry.as_ref()).await {
                // Its checks look again, and find whoever has used the document.
                Err(StoreError::DocumentTaken) => {}
                committed => return Ok(committed.map(|()| reply)?),
            }
        }
    }

    async fn ring(&mut self, at: Timestamp) -> Result<(), EngineError> {
        let command = if self.interrupted { Command::Resume } else { Command::Ring };
        self.command(command, at).await?;
        self.interrupted = false;
        Ok(())
    }

    /// Carries out one of the engine's own commands.
    async fn command(&mut self, command: Command, at: Timestamp) -> Result<(), EngineError> {
        let transition = match self.load().await {
            Ok(session) => decide(session, command, at)?,
            Err(EngineError::Refused(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        match self.commit(transition, None, None).await {
            // The session is as it was: its checks run again, and find whoever has used the document.
            Err(StoreError::DocumentTaken) => self.perform_pending(),
            committed => committed?,
        }
        Ok(())
    }

    async fn load(&mut self) -> Result<&Arc<Session>, EngineError> {
        let known = match self.known.take() {
            Some(known) => known,
            None => self.context.store.session(self.key.realm, self.key.id).await?.ok_or_else(not_found)?,
        };
        Ok(&self.known.insert(known).0)
    }

    /// Makes a transition durable, adopts it, and performs its effects. After an error the
    /// session is read again before anything else is decided: what could not be written may have
    /// been the checks' result, and only a session that is read again has its checks run again.
    async fn commit(
        &mut self,
        transition: Transition,
        idempotency: Option<IdempotencyRecord<'_>>,
        entry: Option<&AuditEntry>,
    ) -> Result<(), StoreError> {
        let before = self.known.take();
        let next = Arc::new(transition.next);
        let handle = before.as_ref().map(|(_, handle)| handle);
        let (events, erased) = (&transition.events, transition.erased.as_deref());
        let claims_document = transition.claims_document;
        let write = SessionWrite { before: handle, next: &next, events, erased, claims_document };
        let mut writes = if transition.changed { vec![Write::Session(write)] } else { Vec::new() };
        writes.extend(entry.map(|entry| Write::Audit { realm: self.key.realm, entry }));
        if writes.is_empty() && idempotency.is_none() {
            self.known = before;
            return Ok(());
        }
        let committed = self.context.store.commit(Commit { writes, idempotency }).await;
        match committed {
            Ok(receipt) => {
                if next.status().is_terminal() {
                    self.context.receiving.forget_session(self.key.id);
                }
                if receipt.session.is_some() {
                    self.context.watchers.changed(self.key);
                }
                let handle = receipt.session.or(before.map(|(_, handle)| handle));
                self.known = handle.map(|handle| (next, handle));
                self.perform(transition.effects);
                Ok(())
            }
            Err(error @ (StoreError::TooLarge | StoreError::DocumentTaken)) => {
                self.known = before;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Does what must still be done for the session as it stands.
    fn perform_pending(&self) {
        self.perform(self.known.as_ref().map_or_else(Vec::new, |(session, _)| pending_effects(session)));
    }

    fn perform(&self, effects: Vec<Effect>) {
        for effect in effects {
            match (effect, &self.known) {
                (Effect::RunChecks { run }, Some((session, _))) => {
                    self.context.checks.order(self.key, run, Arc::clone(session), self.shard.clone());
                }
                (Effect::RunChecks { .. }, None) => {}
                (Effect::AskProvider { check }, _) => {
                    self.context.providers.ask(self.key, check, self.shard.clone());
                }
                (Effect::Discard { media }, _) => {
                    let (realm, session) = (self.key.realm, self.key.id);
                    self.context.pictures.discard(ObjectName { realm, session, media });
                }
            }
        }
    }
}

/// The entry, with how many pictures and chips the move forgets.
fn with_what_goes(entry: AuditEntry, before: &Session, transition: &Transition) -> AuditEntry {
    let chips = |session: &Session| u64::from(session.personal.as_ref().is_some_and(|known| known.chip.is_some()));
    let gone = [
        ("pictures", transition.effects.len() as u64),
        ("chips", chips(before).saturating_sub(chips(&transition.next))),
    ];
    gone.into_iter().filter(|(_, count)| *count > 0).fold(entry, |entry, (name, count)| entry.with(name, count))
}

fn decide_ask(session: &Session, ask: &Ask, at: Timestamp, context: &Context) -> Result<Transition, Refusal> {
    match ask {
        Ask::Load => decide(session, Command::Load, at),
        Ask::Renew => decide(session, Command::Renew, at),
        Ask::Cancel(by) => decide(session, Command::Cancel(*by), at),
        Ask::Simulate(actions, pictures) => {
            let check = |session: &Session| {
                simulated(run_checks(session, context.store.as_ref(), &context.lists, &|| at, &|_| {}), session, at)
            };
            simulate(session, actions, pictures, at, &check)
        }
        Ask::Answer { check, answer } => {
            let kind = session.checks.iter().find(|result| result.id == *check).map(|result| result.kind);
            let spec = session.flow.checks().iter().find(|spec| Some(spec.kind) == kind);
            let provider = spec.and_then(|spec| spec.provider.as_deref()).unwrap_or_default();
            decide(session, Command::AnswerCall { check: *check, finding: parse_answer(answer, provider)? }, at)
        }
        Ask::Attach(media) => decide(session, Command::Attach((**media).clone()), at),
        Ask::AttachChip(chip) => decide(session, Command::AttachChip(chip.clone()), at),
        Ask::Review { review, by } => {
            decide(session, Command::Review { review: review.clone(), reviewer: by.to_string() }, at)
        }
        Ask::Redact { by_rule: Some(seen), .. } | Ask::ForgetMedia { seen } if *seen != session.chain.sequence => {
            Err(Refusal::new(ErrorCode::InvalidState, "The verification has changed since it was judged."))
        }
        Ask::Redact { .. } => decide(session, Command::Redact, at),
        Ask::ForgetMedia { .. } => decide(session, Command::ForgetMedia, at),
        Ask::Submit { step, body } => {
            // That the session has ended comes before what is wrong with the body.
            let ended = session.status().is_terminal() || session.is_overdue(at);
            match Submission::parse(&session.flow, *step, body, at) {
                Ok(submission) => decide(session, Command::Submit(submission), at),
                Err(_) if ended => decide(session, Command::Load, at),
                Err(refusal) => Err(refusal),
            }
        }
    }
}

/// With what the checks of providers come to where nobody is asked.
fn simulated(
    (mut findings, fields): (Vec<CheckFinding>, Fields),
    session: &Session,
    at: Timestamp,
) -> (Vec<CheckFinding>, Fields) {
    let of_providers = session.flow.checks().iter().filter(|_| session.test_outcome.is_none());
    let not_asked = of_providers.filter_map(|spec| Some((spec.kind, spec.provider.as_deref()?)));
    findings.extend(not_asked.map(|(kind, provider)| {
        let finding = NoAnswer::NotAsked.finding(provider);
        CheckFinding { kind, finding, started: at, finished: at }
    }));
    (findings, fields)
}

fn not_found() -> EngineError {
    EngineError::refused(ErrorCode::NotFound, "There is no such session in this workspace and mode.")
}

fn answer(reply: ReplyPort, outcome: Result<Reply, EngineError>) {
    if reply.send(outcome).is_err() {
        tracing::debug!("nobody waits for this answer any more");
    }
}
