//! Webhook endpoints, their cursors and their deliveries, and what the sweep takes of them.

use std::path::Path;
use std::time::Duration;

use vetd_model::delivery::{Attempt, Delivery, DeliveryStatus, Failing, Fault, Outcome, Standing};
use vetd_model::event::EventKind;
use vetd_model::signature::WebhookSecret;
use vetd_model::webhook::{Disabled, DisabledReason, Endpoint, EventFilter, Ordering};
use vetd_model::{EndpointId, EventId, SessionId};
use vetd_storage::{DeliveryPage, DeliveryQuery, Mark, OnRecord, SledStore, Store, Stored, Towards, Write, audit};

use crate::opening::plant;
use crate::support::{NOW, OTHER, REALM, commit, make, minutes, open};

pub fn endpoint(number: u8) -> Endpoint {
    let only = EventFilter::of(EventKind::ALL.map(EventKind::as_str));
    Endpoint {
        id: EndpointId::from_bytes([number; 16]),
        realm: REALM,
        url: "https://example.com/hook".into(),
        events: if number == 1 { EventFilter::All } else { only },
        description: (number == 1).then(|| "Ours".into()),
        ordering: if number == 1 { Ordering::Session } else { Ordering::None },
        rate_limit: (number == 2).then(|| "50/s".parse().unwrap()),
        secret: WebhookSecret::new([number; 32]),
        previous_secrets: Vec::new(),
        disabled: (number == 2).then_some(Disabled { at: NOW, reason: DisabledReason::Gone }),
        enabled_at: None,
        created: NOW,
        updated: NOW,
    }
}

fn delivery(position: u64) -> Delivery {
    Delivery {
        endpoint: EndpointId::from_bytes([1; 16]),
        position,
        event: EventId::new(NOW, [8; 10]),
        session: Some(SessionId::from_bytes([9; 16])),
        standing: if position == 4 { Standing::Due(NOW) } else { Standing::Waits },
        attempts: 4,
        failures: 3,
        head_since: Some(NOW),
        ordered: position != 4,
    }
}

fn exhausted(position: u64) -> Delivery {
    Delivery { standing: Standing::Exhausted(NOW), ..delivery(position) }
}

fn attempt(status: u16) -> Attempt {
    Attempt { at: NOW, latency_ms: 12, outcome: Outcome::Answered { status, body: "thanks".into() } }
}

fn put(was: OnRecord, delivery: &Delivery) -> Write<'_> {
    Write::Delivery { was, delivery }
}

fn mark(endpoint: &Endpoint, position: u64) -> Write<'static> {
    Write::Mark { endpoint: endpoint.id, mark: Mark { position, failing: None } }
}

#[tokio::test]
async fn damaged_entries_are_left_out_of_pages_and_read_past() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let endpoint = endpoint(1);
    commit(&store, vec![Write::Endpoint { revision: 0, endpoint: &endpoint }]).await.unwrap();
    for number in 1..=4 {
        make(&store, REALM, number).await;
        commit(&store, vec![put(OnRecord::Absent, &delivery(number))]).await.unwrap();
    }
    drop(store);
    plant(dir.path(), |tree| {
        for position in [2_u64, 4] {
            let event = [b"e".as_slice(), &REALM.bytes(), &position.to_be_bytes()].concat();
            let delivery = [b"d".as_slice(), endpoint.id.bytes(), &position.to_be_bytes()].concat();
            for key in [event, delivery] {
                assert!(tree.insert(key, b"?").unwrap().is_some());
            }
        }
    });

    let store = open(dir.path());
    let events = |after, limit| {
        let page = store.events(REALM, after, limit).unwrap();
        (page.events.iter().map(|event| event.position).collect::<Vec<_>>(), page.read_to)
    };
    assert_eq!(events(0, 10), (vec![1, 3], 4));
    assert_eq!(events(0, 2), (vec![1], 2));
    assert_eq!(events(1, 1), (vec![], 2), "a full page of nothing that can be read");
    assert_eq!(events(2, 1), (vec![3], 3));
    assert_eq!(events(3, 1), (vec![], 4));
    let deliveries = |after, limit| {
        let page = store.deliveries(endpoint.id, OnRecord::Pending, after, limit).unwrap();
        (page.deliveries.iter().map(|delivery| delivery.position).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(deliveries(0, 10), (vec![1, 3], None));
    assert_eq!(deliveries(0, 2), (vec![1], Some(2)));
    assert_eq!(deliveries(1, 1), (vec![], Some(2)));
    assert_eq!(deliveries(2, 2), (vec![3], None));
    assert_eq!(deliveries(3, 1), (vec![], None));
}

#[tokio::test]
async fn endpoints_cursors_and_deliveries() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    make(&store, REALM, 1).await;
    let (one, two) = (endpoint(1), endpoint(2));
    commit(&store, vec![Write::Endpoint { revision: 0, endpoint: &one }]).await.unwrap();
    make(&store, REALM, 2).await;
    commit(&store, vec![Write::Endpoint { revision: 0, endpoint: &two }]).await.unwrap();
    let position = |endpoint: &Endpoint| store.mark(endpoint.id).unwrap().position;
    assert_eq!((position(&one), position(&two)), (1, 2), "a new endpoint gets what follows");

    let filed = [delivery(3), delivery(4), delivery(300)];
    commit(&store, filed.iter().map(|delivery| put(OnRecord::Absent, delivery)).collect()).await.unwrap();
    let moved = Mark { position: 300, failing: Some(Failing { since: NOW, last: NOW.after(minutes(9)) }) };
    let writes = vec![
        Write::Mark { endpoint: one.id, mark: moved },
        Write::Endpoint { revision: 1, endpoint: &one },
        Write::RemoveDelivery { endpoint: one.id, position: 3 },
    ];
    commit(&store, writes).await.unwrap();
    drop(store);

    let store = open(dir.path());
    let endpoints =
        |realm| -> Vec<Endpoint> { store.endpoints(realm).unwrap().into_iter().map(|stored| stored.value).collect() };
    assert_eq!(endpoints(None), [two.clone(), one.clone()], "newest first");
    assert_eq!((endpoints(Some(REALM)), endpoints(Some(OTHER))), (endpoints(None), vec![]));
    assert_eq!(store.endpoint(REALM, one.id), Ok(Some(Stored { value: one.clone(), revision: 2 })));
    assert_eq!(store.endpoint(OTHER, one.id), Ok(None));
    assert_eq!(store.mark(one.id), Ok(moved), "an edit leaves the mark where it is");
    let page = |deliveries: &[Delivery], next| Ok(DeliveryPage { deliveries: deliveries.to_vec(), next });
    assert_eq!(store.deliveries(one.id, OnRecord::Pending, 0, 10), page(&filed[1..], None));
    assert_eq!(store.deliveries(one.id, OnRecord::Pending, 4, 10), page(&filed[2..], None));
    assert_eq!(store.deliveries(one.id, OnRecord::Pending, 0, 1), page(&filed[1..2], Some(4)));
    assert_eq!(store.deliveries(one.id, OnRecord::Pending, 4, 1), page(&filed[2..], None), "the last page says so");

    commit(&store, vec![Write::RemoveEndpoint { realm: REALM, id: one.id }]).await.unwrap();
    let late = vec![mark(&one, 9), put(OnRecord::Absent, &filed[0])];
    commit(&store, late).await.unwrap();
    assert_eq!(store.deliveries(one.id, OnRecord::Pending, 0, 10), page(&[], None));
    assert_eq!((store.endpoint(REALM, one.id), endpoints(None).len()), (Ok(None), 1));
    assert_eq!(audit(&store).violations, [""; 0]);
}

#[tokio::test]
async fn an_endpoint_in_several_pieces_goes_with_all_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // 500 characters, each of which is twelve once it is percent-encoded.
    let long = Endpoint { url: format!("https://example.com/{}", "%F0%9D%94%84".repeat(480)), ..endpoint(1) };
    let remove = || vec![Write::RemoveEndpoint { realm: REALM, id: long.id }];
    let put = || vec![Write::Endpoint { revision: 0, endpoint: &long }];
    let pieces = |dir: &Path| {
        let mut count = 0;
        plant(dir, |tree| count = tree.scan_prefix(b"+").count());
        count
    };
    commit(&store, put()).await.unwrap();
    assert_eq!(store.endpoint(REALM, long.id).unwrap().unwrap().value, long);
    drop(store);
    assert_eq!(pieces(dir.path()), 1);

    let store = open(dir.path());
    commit(&store, remove()).await.unwrap();
    assert_eq!(store.endpoint(REALM, long.id), Ok(None));
    assert_eq!(audit(&store).violations, [""; 0]);
    // Made and removed in one group.
    let (made, removed) = (commit(&store, put()), commit(&store, remove()));
    assert_eq!(futures::join!(made, removed), (Ok(()), Ok(())));
    assert_eq!(audit(&store).violations, [""; 0]);
    drop(store);
    assert_eq!(pieces(dir.path()), 0);
}

#[tokio::test]
async fn the_sweep_takes_deliveries_that_were_settled_long_ago_and_no_others() {
    const DAYS_30: u64 = 30 * 24 * 60;
    const DAYS: Duration = Duration::from_secs(60 * DAYS_30);
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let one = endpoint(1);
    commit(&store, vec![Write::Endpoint { revision: 0, endpoint: &one }]).await.unwrap();
    // More than one batch of them.
    let old: Vec<Delivery> = (1..=2_500).map(exhausted).collect();
    for some in old.chunks(500) {
        commit(&store, some.iter().map(|old| put(OnRecord::Absent, old)).collect()).await.unwrap();
    }
    let (failed, endpoint) = (attempt(500), one.id);
    commit(&store, vec![Write::Attempt { endpoint, position: 7, number: 3, attempt: &failed }]).await.unwrap();
    let kept = [
        // A younger event's.
        Delivery { event: EventId::new(NOW.after(minutes(1)), [8; 10]), ..exhausted(3_002) },
        // Its event would be delivered anew.
        exhausted(4_000),
    ];
    commit(&store, kept.iter().map(|kept| put(OnRecord::Absent, kept)).collect()).await.unwrap();
    // Due once more; waiting behind another.
    let pending = [delivery(4), delivery(3_001)];
    commit(&store, pending.iter().map(|pending| put(OnRecord::Absent, pending)).collect()).await.unwrap();
    commit(&store, vec![mark(&one, 3_999)]).await.unwrap();

    assert_eq!(store.sweep(NOW.after(minutes(DAYS_30)), DAYS).await, Ok(0));
    assert_eq!(store.sweep(NOW.after(minutes(DAYS_30) + Duration::from_millis(1)), DAYS).await, Ok(2_500));
    let left = DeliveryPage { deliveries: kept.to_vec(), next: None };
    assert_eq!(store.deliveries(one.id, OnRecord::Settled, 0, 10), Ok(left));
    assert_eq!(store.deliveries(one.id, OnRecord::Pending, 0, 10).unwrap().deliveries, pending);
    assert_eq!(store.attempts(one.id, 7, 10), Ok(vec![]), "its attempts go with a delivery");
    assert_eq!(store.sweep(NOW.after(minutes(DAYS_30 + 2)), DAYS).await, Ok(1));
    commit(&store, vec![mark(&one, 4_000)]).await.unwrap();
    assert_eq!(store.sweep(NOW.after(minutes(DAYS_30 + 2)), DAYS).await, Ok(1));

    commit(&store, vec![Write::RemoveEndpoint { realm: REALM, id: one.id }]).await.unwrap();
    assert_eq!(audit(&store).violations, [""; 0]);
}

/// Positions of a page, and whether there are more.
async fn listed(store: &SledStore, query: &DeliveryQuery) -> (Vec<(u64, u8)>, bool) {
    let page = store.delivery_list(query.clone()).await.unwrap();
    let places = page.items.iter().map(|delivery| (delivery.position, delivery.endpoint.bytes()[0]));
    (places.collect(), page.has_more)
}

#[tokio::test]
async fn a_delivery_moves_between_pending_and_settled_and_its_attempts_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let one = endpoint(1);
    commit(&store, vec![Write::Endpoint { revision: 0, endpoint: &one }]).await.unwrap();
    let (pending, failed) = (delivery(4), attempt(500));
    let timed_out = Attempt { outcome: Outcome::Failed(Fault::TimedOut), ..failed.clone() };
    let endpoint = one.id;
    let writes = vec![
        put(OnRecord::Absent, &pending),
        Write::Attempt { endpoint, position: 4, number: 1, attempt: &failed },
        Write::Attempt { endpoint, position: 4, number: 2, attempt: &timed_out },
    ];
    commit(&store, writes).await.unwrap();
    assert_eq!(store.delivery(endpoint, 4), Ok(Some(pending.clone())));
    let settled = Delivery { standing: Standing::Succeeded(attempt(204)), session: None, ..pending.clone() };
    commit(&store, vec![put(OnRecord::Pending, &settled)]).await.unwrap();
    drop(store);

    let store = open(dir.path());
    assert_eq!(store.delivery(endpoint, 4), Ok(Some(settled.clone())));
    assert_eq!(store.attempts(endpoint, 4, 10), Ok(vec![(1, failed), (2, timed_out.clone())]));
    assert_eq!(store.attempts(endpoint, 4, 1), Ok(vec![(2, timed_out)]), "the latest");
    let on_record = |recorded| store.deliveries(endpoint, recorded, 0, 10).unwrap().deliveries;
    assert_eq!((on_record(OnRecord::Pending), on_record(OnRecord::Settled)), (vec![], vec![settled]));
    commit(&store, vec![put(OnRecord::Settled, &pending)]).await.unwrap();
    assert_eq!((on_record(OnRecord::Pending), on_record(OnRecord::Settled)), (vec![pending], vec![]));
    commit(&store, vec![Write::RemoveEndpoint { realm: REALM, id: endpoint }]).await.unwrap();
    assert_eq!(store.attempts(endpoint, 4, 10), Ok(vec![]));
    assert_eq!(audit(&store).violations, [""; 0]);
}

#[tokio::test]
async fn a_list_of_deliveries_holds_what_is_on_record_and_what_is_to_come() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (one, two) = (endpoint(1), Endpoint { disabled: None, ..endpoint(2) });
    let made = [Write::Endpoint { revision: 0, endpoint: &one }, Write::Endpoint { revision: 0, endpoint: &two }];
    commit(&store, made.into()).await.unwrap();
    for number in 1..=6 {
        make(&store, REALM, number).await;
    }
    make(&store, OTHER, 7).await;
    // Of the one: 1 exhausted, 2 succeeded, 3 pending on record, from 4 on nothing yet; 5 ahead of it.
    let succeeded = |position| Delivery { standing: Standing::Succeeded(attempt(200)), ..delivery(position) };
    let recorded = [exhausted(1), succeeded(2), delivery(3), succeeded(5)];
    let mut writes = vec![mark(&one, 3)];
    writes.extend(recorded.iter().map(|delivery| put(OnRecord::Absent, delivery)));
    commit(&store, writes).await.unwrap();

    let all = DeliveryQuery { endpoints: vec![one.clone(), two.clone()], status: None, cursor: None, limit: 100 };
    let both = |positions: &[u64]| -> Vec<(u64, u8)> { positions.iter().flat_map(|at| [(*at, 2), (*at, 1)]).collect() };
    assert_eq!(listed(&store, &all).await, (both(&[6, 5, 4, 3, 2, 1]), false), "each once, newest first");
    let of_one = DeliveryQuery { endpoints: vec![one.clone()], ..all.clone() };
    for (status, positions) in [
        (DeliveryStatus::Pending, vec![6, 4, 3]),
        (DeliveryStatus::Held, vec![]),
        (DeliveryStatus::Succeeded, vec![5, 2]),
        (DeliveryStatus::Exhausted, vec![1]),
    ] {
        let query = DeliveryQuery { status: Some(status), ..of_one.clone() };
        let expected: Vec<_> = positions.iter().map(|position| (*position, 1)).collect();
        assert_eq!(listed(&store, &query).await, (expected, false), "{status:?}");
    }
    let held = Endpoint { disabled: Some(Disabled { at: NOW, reason: DisabledReason::Gone }), ..one.clone() };
    let query = DeliveryQuery { endpoints: vec![held], status: Some(DeliveryStatus::Held), ..all.clone() };
    assert_eq!(listed(&store, &query).await.0, [(6, 1), (4, 1), (3, 1)]);

    // Page by page, both ways.
    let whole = listed(&store, &all).await.0;
    for limit in 1..=5 {
        let (mut there, mut cursor) = (Vec::new(), None);
        loop {
            let (page, has_more) = listed(&store, &DeliveryQuery { cursor, limit, ..all.clone() }).await;
            there.extend(page.iter().copied());
            let Some((position, number)) = page.last().copied().filter(|_| has_more) else { break };
            cursor = Some((Towards::Older, position, EndpointId::from_bytes([number; 16])));
        }
        assert_eq!(there, whole, "by {limit}");
        let mut back = Vec::new();
        let mut cursor = Some((Towards::Newer, 0, one.id));
        loop {
            let (page, has_more) = listed(&store, &DeliveryQuery { cursor, limit, ..all.clone() }).await;
            back.splice(0..0, page.iter().copied());
            let Some((position, number)) = page.first().copied().filter(|_| has_more) else { break };
            cursor = Some((Towards::Newer, position, EndpointId::from_bytes([number; 16])));
        }
        assert_eq!(back, whole, "back by {limit}");
    }
}
