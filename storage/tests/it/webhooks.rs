//! Webhook endpoints, their cursors and their deliveries, and what the sweep takes of them.

use std::path::Path;
use std::time::Duration;

use vetd_model::event::EventKind;
use vetd_model::signature::WebhookSecret;
use vetd_model::webhook::{Delivery, Disabled, DisabledReason, Endpoint, EventFilter, Ordering};
use vetd_model::{EndpointId, EventId, SessionId};
use vetd_storage::{DeliveryPage, Store, Stored, Write, audit};

use crate::opening::plant;
use crate::support::{NOW, OTHER, REALM, commit, make, minutes, open};

fn endpoint(number: u8) -> Endpoint {
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
        event: EventId::from_bytes([8; 16]),
        session: Some(SessionId::from_bytes([9; 16])),
        failures: 3,
        head_since: Some(NOW),
        due: (position == 4).then_some(NOW),
    }
}

#[tokio::test]
async fn damaged_entries_are_left_out_of_pages_and_read_past() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let endpoint = endpoint(1);
    commit(&store, vec![Write::Endpoint { revision: 0, endpoint: &endpoint }]).await.unwrap();
    for number in 1..=4 {
        make(&store, REALM, number).await;
        commit(&store, vec![Write::Delivery(&delivery(number))]).await.unwrap();
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
        let page = store.deliveries(endpoint.id, after, limit).unwrap();
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
    assert_eq!((store.cursor(one.id), store.cursor(two.id)), (Ok(1), Ok(2)), "a new endpoint gets what follows");

    let filed = [delivery(3), delivery(4), delivery(300)];
    commit(&store, filed.iter().map(Write::Delivery).collect()).await.unwrap();
    let writes = vec![
        Write::Cursor { endpoint: one.id, position: 300 },
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
    assert_eq!(store.cursor(one.id), Ok(300), "an edit leaves the cursor where it is");
    let page = |deliveries: &[Delivery], next| Ok(DeliveryPage { deliveries: deliveries.to_vec(), next });
    assert_eq!(store.deliveries(one.id, 0, 10), page(&filed[1..], None));
    assert_eq!(store.deliveries(one.id, 4, 10), page(&filed[2..], None));
    assert_eq!(store.deliveries(one.id, 0, 1), page(&filed[1..2], Some(4)));
    assert_eq!(store.deliveries(one.id, 4, 1), page(&filed[2..], None), "the last page says so");

    commit(&store, vec![Write::RemoveEndpoint { realm: REALM, id: one.id }]).await.unwrap();
    let late = vec![Write::Cursor { endpoint: one.id, position: 9 }, Write::Delivery(&filed[0])];
    commit(&store, late).await.unwrap();
    assert_eq!(store.deliveries(one.id, 0, 10), page(&[], None));
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
async fn the_sweep_takes_deliveries_that_were_exhausted_long_ago_and_no_others() {
    const DAYS_30: u64 = 30 * 24 * 60;
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let one = endpoint(1);
    commit(&store, vec![Write::Endpoint { revision: 0, endpoint: &one }]).await.unwrap();
    // More than one batch of them.
    let exhausted: Vec<Delivery> = (1..=2_500).map(|position| Delivery { due: None, ..delivery(position) }).collect();
    for some in exhausted.chunks(500) {
        commit(&store, some.iter().map(Write::Delivery).collect()).await.unwrap();
    }
    let kept = [
        // Due once more; waiting behind another; exhausted later.
        Delivery { due: Some(NOW), ..delivery(3_000) },
        Delivery { head_since: None, due: None, ..delivery(3_001) },
        Delivery { head_since: Some(NOW.after(minutes(1))), due: None, ..delivery(3_002) },
        // Its event would be delivered anew.
        Delivery { due: None, ..delivery(4_000) },
    ];
    commit(&store, kept.iter().map(Write::Delivery).collect()).await.unwrap();
    commit(&store, vec![Write::Cursor { endpoint: one.id, position: 3_999 }]).await.unwrap();

    assert_eq!(store.sweep(NOW.after(minutes(DAYS_30))).await, Ok(0));
    assert_eq!(store.sweep(NOW.after(minutes(DAYS_30) + Duration::from_millis(1))).await, Ok(2_500));
    let left = DeliveryPage { deliveries: kept.to_vec(), next: None };
    assert_eq!(store.deliveries(one.id, 0, 10), Ok(left));
    assert_eq!(store.sweep(NOW.after(minutes(DAYS_30 + 2))).await, Ok(1));
    commit(&store, vec![Write::Cursor { endpoint: one.id, position: 4_000 }]).await.unwrap();
    assert_eq!(store.sweep(NOW.after(minutes(DAYS_30 + 2))).await, Ok(1));

    commit(&store, vec![Write::RemoveEndpoint { realm: REALM, id: one.id }]).await.unwrap();
    assert_eq!(audit(&store).violations, [""; 0]);
}
