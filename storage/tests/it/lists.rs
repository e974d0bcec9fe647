//! Lists against a plain model of them: every filter, both directions, every page.

use proptest::prelude::*;
use std::sync::Arc;
use vetd_model::session::{CanceledBy, State, StepSet};
use vetd_model::{Session, SessionId, Status, TemplateId, Timestamp};
use vetd_storage::{Cursor, Page, SessionQuery, SledStore, StatusFilter, Store, StoreError, StoreOptions};

use crate::support::{NOW, OTHER, REALM, open, options, session, write};

fn state(kind: u8) -> State {
    match kind {
        0 => State::Created,
        1 => State::RequiresInput { accepted: StepSet::default() },
        2 => State::Collecting { accepted: StepSet::default() },
        3 => State::Checking { started: NOW },
        4 => State::Completed { at: NOW },
        5 => State::Failed { at: NOW },
        6 => State::RequiresReview { at: NOW },
        7 => State::Canceled { at: NOW, by: CanceledBy::Person },
        _ => State::Expired { at: NOW },
    }
}

fn template(number: u8) -> TemplateId {
    TemplateId::from_bytes([number; 16])
}

/// Some sessions of two realms: state before, state after a move, template, metadata, birth.
fn sessions() -> impl Strategy<Value = Vec<Session>> {
    let one = (any::<bool>(), 0..9_u8, 0..3_u8, 0..3_u8, 0..3_u8, 0..40_u64);
    proptest::collection::vec(one, 0..40).prop_map(|all| {
        let mut sessions = Vec::new();
        for (place, (foreign, kind, of, order, city, second)) in (0_u64..).zip(all) {
            let (order, city) = (order.to_string(), city.to_string());
            let metadata = [("order", order.as_str()), ("city", city.as_str())];
            let realm = if foreign { OTHER } else { REALM };
            let (mut session, _) = session(realm, second * 500 + place % 7, &metadata[..usize::from(kind % 3)]);
            // Sessions of the same millisecond too; their identifiers differ.
            let mut id = *session.id.bytes();
            id[8..].copy_from_slice(&(place.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63).to_be_bytes());
            session.id = SessionId::from_bytes(id);
            session.state = state(kind);
            session.template.id = template(of);
            sessions.push(session);
        }
        sessions
    })
}

fn queries() -> impl Strategy<Value = SessionQuery> {
    let filter = (any::<bool>(), 0..8_usize).prop_map(|(of_session, place)| {
        let status = Status::ALL[place];
        if of_session { StatusFilter::Session(status) } else { StatusFilter::Verification(status) }
    });
    let entry = (prop_oneof![Just("order"), Just("city"), Just("none")], 0..3_u8)
        .prop_map(|(name, value)| (name.to_owned(), value.to_string()));
    let second =
        || proptest::option::of((0..22_u64).prop_map(|second| Timestamp::from_seconds(NOW.seconds() + second)));
    let filters = (
        proptest::option::of(filter),
        proptest::option::of((0..3_u8).prop_map(template)),
        proptest::collection::vec(entry, 0..3),
        second(),
        second(),
        1..8_usize,
    );
    filters.prop_map(|(status, template, metadata, created_from, created_before, limit)| SessionQuery {
        status,
        template,
        metadata,
        created_from,
        created_before,
        cursor: Cursor::Start,
        limit,
    })
}

/// What the query means, said plainly.
fn expected(sessions: &[Session], query: &SessionQuery) -> Vec<SessionId> {
    let fits = |session: &&Session| {
        let metadata = &session.personal.as_ref().unwrap().metadata;
        let status = query.status.is_none_or(|filter| match filter {
            StatusFilter::Session(status) | StatusFilter::Verification(status) => session.status() == status,
        });
        session.realm == REALM
            && status
            && query.template.is_none_or(|template| session.template.id == template)
            && query.metadata.iter().all(|(name, value)| metadata.get(name) == Some(value))
            && query.created_from.is_none_or(|from| from <= session.created)
            && query.created_before.is_none_or(|before| session.created < before)
    };
    let mut ids: Vec<SessionId> = sessions.iter().filter(fits).map(|session| session.id).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids
}

async fn page(store: &SledStore, query: &SessionQuery, cursor: Cursor) -> Page<Session> {
    let page = store.sessions(REALM, SessionQuery { cursor, ..query.clone() }).await.unwrap();
    assert!(page.items.len() <= query.limit);
    assert!(page.items.is_sorted_by(|a, b| a.id > b.id), "newest first");
    page
}

async fn walk(store: &SledStore, query: &SessionQuery, all: &[SessionId]) {
    let mut seen = Vec::new();
    let mut cursor = Cursor::Start;
    loop {
        let page = page(store, query, cursor).await;
        seen.extend(page.items.iter().map(|session| session.id));
        assert_eq!(page.has_more, seen.len() < all.len());
        match page.items.last() {
            Some(last) if page.has_more => cursor = Cursor::After(last.id),
            _ => break,
        }
    }
    assert_eq!(seen, all);

    let Some(oldest) = all.last() else { return };
    let mut seen = vec![*oldest];
    let mut cursor = Cursor::Before(*oldest);
    loop {
        let page = page(store, query, cursor).await;
        let newer: Vec<SessionId> = page.items.iter().map(|session| session.id).collect();
        seen.splice(0..0, newer);
        assert_eq!(page.has_more, seen.len() < all.len());
        match page.items.first() {
            Some(first) if page.has_more => cursor = Cursor::Before(first.id),
            _ => break,
        }
    }
    assert_eq!(seen, all);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn walking_the_pages_gives_exactly_what_matches(
        sessions in sessions(),
        queries in proptest::collection::vec(queries(), 30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let store = open(dir.path());
            for session in &sessions {
                // Each is made elsewhere and moves to where the list must find it.
                let made = Session { state: State::Created, ..session.clone() };
                let handle = write(&store, None, &made, &[]).await.unwrap();
                write(&store, Some(&handle), session, &[]).await.unwrap();
            }
            for query in &queries {
                walk(&store, query, &expected(&sessions, query)).await;
            }
        });
    }
}

#[tokio::test]
async fn filters_that_would_take_too_long_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(StoreOptions { list_steps: 500, ..options(dir.path()) }).unwrap();
    // Two filters that each match every other session, and never the same one.
    let mut commits = Vec::new();
    for number in 0..600 {
        let name = if number % 2 == 0 { "even" } else { "odd" };
        let (session, _) = session(REALM, number, &[(name, "yes")]);
        let next = vetd_storage::SessionWrite {
            before: None,
            next: &Arc::new(session.clone()),
            events: &[],
            erased: None,
            claims_document: false,
        };
        let writes = vec![vetd_storage::Write::Session(next)];
        commits.push(store.commit(vetd_storage::Commit { writes, idempotency: None }));
    }
    for commit in commits {
        commit.await.unwrap();
    }
    let both = ["even", "odd"].map(|name| (name.to_owned(), "yes".to_owned())).to_vec();
    let query = SessionQuery { metadata: both, limit: 10, ..SessionQuery::default() };
    assert_eq!(store.sessions(REALM, query.clone()).await, Err(StoreError::TooBroad));
    let recent = Some(Timestamp::from_millis(NOW.millis() + 500));
    let narrow = SessionQuery { created_from: recent, ..query };
    assert_eq!(store.sessions(REALM, narrow).await.unwrap().items, []);
}
