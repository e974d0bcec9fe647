//! Every kind of record comes back as it was committed, from a store opened again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use sha2::{Digest, Sha256};
use vetd_model::check::{CheckKind, CheckResult, CheckStatus, Finding, LastError};
use vetd_model::chip::{Certified, Chip, Integrity, Revocation};
use vetd_model::event::Hash;
use vetd_model::face::{Bounds, Embedding, Face, Faces, Pose};
use vetd_model::field::{Candidate, Field, Source};
use vetd_model::flow::{DocumentKind, Flow, FlowDigest, StepKind};
use vetd_model::media::{Flaw, Media, MediaKind, MrzText, Quality, Reading};
use vetd_model::origin::Origin;
use vetd_model::retention::{Periods, RetentionPolicy};
use vetd_model::review::{Decision, Redaction, Review};
use vetd_model::session::{CanceledBy, ProviderCall, State, StepSet};
use vetd_model::submission::Submission;
use vetd_model::template::{Template, TemplateVersion};
use vetd_model::test_outcome::TestOutcome;
use vetd_model::workspace::{ApiKey, KeyHash, RealmSettings, Scopes, Workspace};
use vetd_model::{ApiKeyId, CheckId, EventId, MediaId, Mode, Session, Status, TemplateId, Timestamp, WorkspaceId};
use vetd_storage::{EventPage, LiveSession, PositionedEvent, Store, StoreError, Write, audit};

use crate::opening::plant;
use crate::support::{NOW, OTHER, REALM, commit, make, minutes, moved, open, session, write};

fn every_state() -> Vec<State> {
    vec![
        State::Created,
        State::RequiresInput { accepted: StepSet::default().with(StepKind::Consent) },
        State::Collecting { accepted: StepSet::default().with(StepKind::DataEntry) },
        State::Checking { started: NOW },
        State::Awaiting { started: NOW, calls: calls() },
        State::Completed { at: NOW },
        State::Failed { at: NOW },
        State::RequiresReview { at: NOW },
        State::Canceled { at: NOW, by: CanceledBy::Person },
        State::Canceled { at: NOW, by: CanceledBy::Tenant },
        State::Expired { at: NOW },
    ]
}

/// One that the provider has accepted, and one that is still to be made.
fn calls() -> Vec<ProviderCall> {
    [(1, true), (2, false)].map(|(id, accepted)| ProviderCall { check: CheckId::from_bytes([id; 16]), accepted }).into()
}

fn every_outcome() -> Vec<Option<TestOutcome>> {
    vec![
        None,
        Some(TestOutcome::Completed),
        Some(TestOutcome::Failed),
        Some(TestOutcome::FailedCheck { check: CheckKind::Age, code: "too_young".to_owned() }),
        Some(TestOutcome::RequiresReview),
        Some(TestOutcome::Expired),
        Some(TestOutcome::RetryThenCompleted),
    ]
}

fn picture(kind: MediaKind) -> Media {
    let flaw = (kind == MediaKind::Selfie).then_some(Flaw::Glare);
    let quality = Quality { width: 4_000, height: 3_000, sharpness: 812, glare: 12, brightness: 131, flaw };
    let mrz = MrzText { lines: vec!["P<UTO".to_owned(), "L898902C3".to_owned()], confidence: 990, proven: true };
    let barcode = (kind == MediaKind::DocumentBack).then(|| "@\nANSI 636".to_owned());
    let reading = Reading { quality, mrz: kind.shows_document().then_some(mrz), barcode, faces: faces_of(kind) };
    let id = MediaId::from_bytes([kind as u8; 16]);
    Media { id, kind, size: 123_456, sha256: Hash([3; 32]), at: NOW, attempt: 1, reading }
}

/// One picture with a face that is told apart, one with nobody, one where nobody has looked.
fn faces_of(kind: MediaKind) -> Option<Faces> {
    let bounds = Bounds { left: -7, top: 20, width: 300, height: 310 };
    let embedding = Embedding::of(&[0.5, -0.25, 0.125]);
    let face = Face { bounds, confidence: 912, pose: Pose { yaw: -210, pitch: 640, roll: 3 }, embedding };
    match kind {
        MediaKind::DocumentFront => Some(Faces { count: 1, main: Some(face) }),
        MediaKind::DocumentBack => None,
        _ => Some(Faces::default()),
    }
}

/// A chip in each of the states that it can have; every seventh session has none.
fn chip(number: u64) -> Option<Chip> {
    let certified = |country: &str| Certified {
        country: country.to_owned(),
        sha256: Hash([5; 32]),
        not_before: Timestamp::from_seconds(1_600_000_000),
        not_after: Timestamp::from_seconds(1_900_000_000),
        may_sign: country == "SE",
    };
    let integrity = [Integrity::Intact, Integrity::Altered(2), Integrity::SignatureInvalid, Integrity::Unsupported]
        [number as usize % 4];
    let next_update = number.is_multiple_of(2).then_some(Timestamp::from_seconds(1_800_000_000));
    let revocation =
        [Revocation::NoList, Revocation::NotListed { next_update }, Revocation::Listed][number as usize % 3];
    (number % 7 != 6).then(|| Chip {
        at: NOW,
        lines: vec!["P<SWE".to_owned(), "L898902C3".to_owned()],
        groups: vec![1, 2, 11],
        integrity,
        signer: certified("SE"),
        anchor: (number % 2 == 1).then(|| certified("")),
        revocation,
    })
}

/// A session with something in every field.
fn rich(number: u64) -> Session {
    let (mut rich, _) = session(REALM, number, &[("order", "A-1"), ("customer", "Grüße")]);
    rich.attempts = 2;
    rich.template.slug = "of-ours".to_owned();
    rich.template.version = 41;
    let code = Cow::Owned("blurred".to_owned());
    rich.last_error = Some(LastError { code, message: Cow::Borrowed("Too blurred."), check: Some(CheckKind::Age) });
    let statuses = [
        CheckStatus::Passed,
        CheckStatus::Failed,
        CheckStatus::NeedsReview,
        CheckStatus::Pending,
        CheckStatus::Skipped,
    ];
    let check = |(place, status): (usize, CheckStatus)| CheckResult {
        id: CheckId::from_bytes([u8::try_from(place).unwrap(); 16]),
        kind: CheckKind::DataCompleteness,
        finding: Finding { status, ..Finding::failed("gone", "It is gone.") },
        started: NOW,
        finished: NOW.after(minutes(1)),
    };
    rich.checks = statuses.into_iter().enumerate().map(check).collect();
    rich.checks[0].finding = Finding::passed().with("number", "L898902C3").with("age", 34);
    rich.review = Some(Review { decision: Decision::Declined, reviewer: "key_1".to_owned(), at: NOW, sequence: 7 });
    let personal = rich.personal.as_mut().unwrap();
    personal.redirect_url = Some("https://example.com/done?x=1".to_owned());
    let fields = BTreeMap::from([("first_name".to_owned(), "ANNA".to_owned()), ("empty".to_owned(), String::new())]);
    let submissions = [
        Submission::Consent { at: NOW },
        Submission::DataEntry { fields },
        Submission::DocumentUpload { document: DocumentKind::IdCard, country: "DE".to_owned() },
        Submission::Selfie,
        Submission::Liveness,
    ];
    personal.submissions = submissions.into_iter().map(|submission| (submission.kind(), submission)).collect();
    personal.media = MediaKind::ALL.map(picture).to_vec();
    if number.is_multiple_of(3) {
        // As earlier versions of the record have it.
        personal.media.iter_mut().for_each(|media| media.reading.faces = None);
    }
    personal.chip = chip(number).map(Box::new);
    personal.uploads = 7;
    let said = |value: &str, source| Candidate { value: value.to_owned(), source, confidence: 871 };
    let field = Field { chosen: said("ÅSA", Source::Mrz), disagreeing: vec![said("Asa", Source::Typed)] };
    personal.fields = BTreeMap::from([("first_name".to_owned(), field)]);
    personal.review_reason = Some("Looks right.".to_owned());
    rich
}

#[tokio::test]
async fn sessions_in_every_state_and_with_every_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut sessions = Vec::new();
    for state in every_state() {
        sessions.push(Session { state, ..rich(sessions.len() as u64) });
    }
    for test_outcome in every_outcome() {
        sessions.push(Session { test_outcome, ..rich(sessions.len() as u64) });
    }
    let erased = Redaction {
        at: NOW,
        sequence: 8,
        first_event: EventId::from_bytes([1; 16]),
        last_event: EventId::from_bytes([8; 16]),
    };
    let mut redacted = Session { personal: None, redaction: Some(erased), ..rich(sessions.len() as u64) };
    redacted.checks.iter_mut().for_each(|check| check.finding.details.clear());
    sessions.push(redacted);
    let mut handles = Vec::new();
    for session in &sessions {
        handles.push(write(&store, None, session, &[]).await.unwrap());
    }
    drop(store);
    let store = open(dir.path());
    for (session, handle) in sessions.iter().zip(&handles) {
        assert_eq!(store.session(REALM, session.id).await, Ok(Some((Arc::new(session.clone()), handle.clone()))));
        assert_eq!(store.session(OTHER, session.id).await, Ok(None));
    }
    let (first, _) = store.session(REALM, sessions[0].id).await.unwrap().unwrap();
    let (second, _) = store.session(REALM, sessions[1].id).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first.flow, &second.flow), "sessions share their flow");
}

#[tokio::test]
async fn events_come_back_in_commit_order_and_by_identifier() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (first, handle) = make(&store, REALM, 1).await;
    let (foreign, _) = make(&store, OTHER, 2).await;
    let (mut second, updated) = moved(&first, State::RequiresInput { accepted: StepSet::default() });
    let error = LastError { code: "late".into(), message: "Too late.".into(), check: None };
    second.last_error = Some(error);
    let handle = write(&store, Some(&handle), &second, std::slice::from_ref(&updated)).await.unwrap();
    let (third, completed) = moved(&second, State::Completed { at: NOW });
    write(&store, Some(&handle), &third, std::slice::from_ref(&completed)).await.unwrap();
    assert_eq!(*store.durable_position().borrow(), 4);
    drop(store);

    let store = open(dir.path());
    let EventPage { events, read_to } = store.events(REALM, 0, 10).unwrap();
    assert_eq!(read_to, 4);
    let positions: Vec<u64> = events.iter().map(|event| event.position).collect();
    assert_eq!(positions, [1, 3, 4]);
    assert_eq!((events[1].event.as_session(), events[2].event.as_session()), (Some(&updated), Some(&completed)));
    let page = |events: &[PositionedEvent], read_to| Ok(EventPage { events: events.to_vec(), read_to });
    assert_eq!(store.events(REALM, 1, 1), page(&events[1..2], 3));
    assert_eq!(store.events(REALM, 1, 2), page(&events[1..], 4));
    assert_eq!(store.events(REALM, 4, 10), page(&[], 4));
    assert_eq!(store.events(OTHER, 2, 10), page(&[], 4), "to the last position, whosever it is");
    assert_eq!(store.event(REALM, completed.id).unwrap().as_ref(), Some(&events[2]));
    assert_eq!(store.event(OTHER, completed.id).unwrap(), None);
    assert_eq!(store.events(OTHER, 0, 10).unwrap().events[0].event.session(), Some(foreign.id));
    assert_eq!(audit(&store).violations, [""; 0]);
}

fn template(number: u8, slug: &str) -> Template {
    let steps = json!([{ "type": "consent", "text": "Yes." }, { "type": "selfie" }]);
    // A number whose nearest neighbours differ only in its last bit.
    let config = json!({ "steps": steps, "theme": { "ratio": 0.1 + 0.2 } });
    Template {
        id: TemplateId::from_bytes([number; 16]),
        realm: REALM,
        name: format!("Template {number}"),
        slug: slug.to_owned(),
        draft: Arc::new(Flow::parse(&config, "flow_config").unwrap()),
        latest_version: 0,
        published_version: None,
        archived_at: None,
        created: NOW,
        updated: NOW,
    }
}

fn put(revision: u64, template: &Template) -> Write<'_> {
    Write::Template { revision, template, previous_slug: None, frozen: None }
}

#[tokio::test]
async fn templates_their_slugs_and_their_versions() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (one, two) = (template(1, "one"), template(2, "two"));
    commit(&store, vec![put(0, &one)]).await.unwrap();
    commit(&store, vec![put(0, &two)]).await.unwrap();
    assert_eq!(commit(&store, vec![put(0, &template(3, "one"))]).await, Err(StoreError::Conflict));

    let mut published =
        Template { slug: "uno".to_owned(), latest_version: 2, published_version: Some(2), ..one.clone() };
    published.archived_at = Some(NOW);
    for number in [1, 2] {
        let flow = vetd_model::scaffold::flow();
        let frozen = TemplateVersion { template: one.id, number, flow, created: NOW.after(minutes(u64::from(number))) };
        let revision = u64::from(number);
        let (template, previous_slug) = (&published, (number == 1).then_some("one"));
        let write = Write::Template { revision, template, previous_slug, frozen: Some(&frozen) };
        commit(&store, vec![write]).await.unwrap();
    }
    drop(store);

    let store = open(dir.path());
    let stored = store.template(REALM, one.id).await.unwrap().unwrap();
    assert_eq!((stored.value, stored.revision), (published.clone(), 3));
    assert_eq!(store.template(OTHER, one.id).await, Ok(None));
    assert_eq!(store.template_by_slug(REALM, "uno"), Ok(Some(one.id)));
    assert_eq!(store.template_by_slug(REALM, "one"), Ok(None));
    assert_eq!(store.template_by_slug(OTHER, "uno"), Ok(None));
    assert_eq!(store.template_ids(REALM), Ok(vec![two.id, one.id]), "newest first");
    assert_eq!(store.template_ids(OTHER), Ok(vec![]));
    assert_eq!(store.template_version(OTHER, one.id, 1), Ok(None));
    assert!(store.template_version(REALM, one.id, 2).unwrap().is_some());
    let first = store.template_version(REALM, one.id, 1).unwrap().unwrap();
    assert_eq!((first.flow, first.created), (vetd_model::scaffold::flow(), NOW.after(minutes(1))));
    assert_eq!(store.template_version(REALM, one.id, 3), Ok(None));
    assert_eq!(audit(&store).violations, [""; 0]);
}

/// A release with other defaults, or stricter rules, must still know its old flows.
#[tokio::test]
async fn a_flow_is_what_its_bytes_hash_to_whatever_this_release_would_make_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let one = template(1, "one");
    let store = open(dir.path());
    commit(&store, vec![put(0, &one)]).await.unwrap();
    drop(store);

    // As a release before the defaults wrote it.
    let old = br#"{"steps":[{"type":"selfie"}]}"#;
    let digest = FlowDigest(Sha256::digest(old).into());
    let place = |digest: FlowDigest| [b"f".as_slice(), &digest.0].concat();
    plant(dir.path(), |tree| {
        let stored = tree.get(place(one.draft.digest())).unwrap().unwrap();
        let stored = &stored[1..stored.len() - 1];
        assert_eq!(<[u8; 32]>::from(Sha256::digest(stored)), one.draft.digest().0, "the bytes that were hashed");
        let key = [b"p".as_slice(), &REALM.bytes(), one.id.bytes()].concat();
        let mut record = tree.get(&key).unwrap().unwrap().to_vec();
        let at = record.windows(32).position(|window| window == one.draft.digest().0).unwrap();
        record[at..at + 32].copy_from_slice(&digest.0);
        tree.insert(key, record).unwrap();
        tree.insert(place(digest), [&[1], old.as_slice(), &[0]].concat()).unwrap();
    });
    let store = open(dir.path());
    let read = store.template(REALM, one.id).await.unwrap().unwrap().value;
    assert_eq!(read.draft.digest(), digest);
    assert_eq!(read.draft.steps().len(), 1);
    drop(read);
    drop(store);

    plant(dir.path(), |tree| {
        let mut bytes = tree.get(place(digest)).unwrap().unwrap().to_vec();
        let end = bytes.len() - 2;
        bytes.insert(end, b' ');
        tree.insert(place(digest), bytes).unwrap();
    });
    let store = open(dir.path());
    assert!(matches!(store.template(REALM, one.id).await, Err(StoreError::Inconsistent { .. })));
}

#[tokio::test]
async fn workspaces_settings_and_keys() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.settings(REALM).await.unwrap().revision, 0);
    let id = WorkspaceId(1);
    let workspace = Workspace { id, name: "Acme".into(), created: NOW, live_activated: true, suspended: false };
    let settings = RealmSettings {
        default_template: Some(TemplateId::from_bytes([9; 16])),
        allowed_origins: vec![Origin::parse("https://shop.example.com", Mode::Live).unwrap()],
        retention: RetentionPolicy {
            media: Periods::default().with(Status::Failed, Some(1)),
            personal: Periods::default().with(Status::Completed, Some(3_650)).with(Status::Expired, Some(7)),
        },
    };
    let key = ApiKey {
        id: ApiKeyId::from_bytes([4; 16]),
        hash: KeyHash([5; 32]),
        prefix: "ak_test_abcd".into(),
        name: "CI".into(),
        realm: REALM,
        scopes: Scopes::READ.union(Scopes::REVIEW),
        created: NOW,
        expires_at: Some(NOW.after(minutes(5))),
        revoked_at: Some(NOW),
    };
    let all = |revision| {
        vec![
            Write::Workspace { revision, workspace: &workspace },
            Write::Settings { revision, realm: REALM, settings: &settings },
            Write::ApiKey { revision, key: &key },
            Write::KeyUse { key: key.hash, at: NOW },
        ]
    };
    commit(&store, all(0)).await.unwrap();
    commit(&store, all(1)).await.unwrap();
    assert_eq!(commit(&store, all(1)).await, Err(StoreError::Conflict));
    drop(store);

    let store = open(dir.path());
    let workspaces = store.workspaces().unwrap();
    assert_eq!((workspaces.len(), &workspaces[0].value, workspaces[0].revision), (1, &workspace, 2));
    let stored = store.settings(REALM).await.unwrap();
    assert_eq!((stored.value, stored.revision), (settings, 2));
    assert_eq!(store.settings(OTHER).await.unwrap().value, RealmSettings::default());
    let keys = store.api_keys().unwrap();
    assert_eq!((keys.len(), &keys[0].value, keys[0].revision), (1, &key, 2));
    assert_eq!(store.key_uses().unwrap(), [(key.hash, NOW)]);
    commit(&store, vec![Write::RemoveApiKey(key.hash)]).await.unwrap();
    assert_eq!((store.api_keys().unwrap().len(), store.key_uses().unwrap().len()), (0, 0));
}

#[tokio::test]
async fn recovery_sees_live_sessions_of_all_realms_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut expected = Vec::new();
    for (number, state) in (0..).zip(every_state()) {
        for realm in [REALM, OTHER] {
            let (mut session, _) = session(realm, number, &[]);
            session.state = state.clone();
            write(&store, None, &session, &[]).await.unwrap();
            let checking = matches!(state, State::Checking { .. } | State::Awaiting { .. });
            if let Some(deadline) = session.deadline() {
                expected.push(LiveSession { realm, id: session.id, deadline, checking });
            }
        }
    }
    let mut seen = Vec::new();
    store
        .live_sessions(&mut |live| {
            assert_eq!(store.health(), Ok(()), "the store may be used meanwhile");
            seen.push(live);
        })
        .unwrap();
    seen.sort_by_key(|live| (live.id, live.realm));
    expected.sort_by_key(|live| (live.id, live.realm));
    assert_eq!(seen, expected);
    assert_eq!(expected.len(), 10);
}

#[tokio::test]
async fn a_move_that_only_changes_the_deadline_is_seen_by_recovery() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (mut session, handle) = make(&store, REALM, 1).await;
    session.expires_at = Timestamp::from_seconds(5);
    let handle = write(&store, Some(&handle), &session, &[]).await.unwrap();
    let mut seen = Vec::new();
    store.live_sessions(&mut |live| seen.push(live.deadline)).unwrap();
    assert_eq!(seen, [Timestamp::from_seconds(5)]);
    let (ended, event) = moved(&session, State::Expired { at: NOW });
    write(&store, Some(&handle), &ended, &[event]).await.unwrap();
    seen.clear();
    store.live_sessions(&mut |live| seen.push(live.deadline)).unwrap();
    assert_eq!((seen.len(), ended.status()), (0, Status::Expired));
}

#[tokio::test]
async fn the_largest_sessions_come_back_and_sled_makes_no_stray_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut sessions = Vec::new();
    for number in 0..24 {
        let (mut session, event) = session(REALM, number, &[]);
        // The widest characters that the contract's limits let in.
        let metadata = (0..50).map(|entry| (format!("{entry:040}"), "𝔄".repeat(500))).collect();
        session.personal.as_mut().unwrap().metadata = metadata;
        let handle = write(&store, None, &session, &[event]).await.unwrap();
        let (mut next, event) = moved(&session, State::RequiresInput { accepted: StepSet::default() });
        if number % 2 == 0 {
            next.personal.as_mut().unwrap().submissions.insert(StepKind::Selfie, Submission::Selfie);
        }
        let handle = write(&store, Some(&handle), &next, &[event]).await.unwrap();
        if number % 4 == 0 {
            // From many pieces to one.
            let mut small = next.clone();
            small.personal = None;
            write(&store, Some(&handle), &small, &[]).await.unwrap();
            next = small;
        }
        sessions.push(next);
    }
    drop(store);
    let store = open(dir.path());
    for session in &sessions {
        assert_eq!(*store.session(REALM, session.id).await.unwrap().unwrap().0, *session);
    }
    let stray = |sentence: &String| sentence.contains("files of their own") || sentence.contains("continuation");
    assert_eq!(audit(&store).violations.iter().filter(|sentence| stray(sentence)).count(), 0);
}

#[tokio::test]
async fn a_record_beyond_the_limit_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let long = "x".repeat(300 * 1024);
    let (session, event) = session(REALM, 1, &[("long", &long)]);
    assert_eq!(write(&store, None, &session, &[event]).await, Err(StoreError::TooLarge));
    assert_eq!(store.session(REALM, session.id).await, Ok(None));
    assert_eq!(store.events(REALM, 0, 10).unwrap().events, []);
}
