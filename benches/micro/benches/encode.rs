//! From values to bytes and back: sealed records, events, answers, webhooks.

#![expect(clippy::expect_used, reason = "these inputs are encodable, and their bytes readable")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use vetd_benches::{Creation, Stations};
use vetd_model::signature::{WebhookSecret, kyc_signature, standard_signature};
use vetd_model::verification::{DetailShape, ListShape, Moment};
use vetd_storage::measure;

fn records(criterion: &mut Criterion) {
    let stations = Stations::walk().expect("a plain success");
    let mut group = criterion.benchmark_group("record");
    for (name, session) in [("created", &stations.created), ("completed", &stations.completed)] {
        group.bench_function(format!("seal and encode {name} session"), |bencher| {
            bencher.iter(|| black_box(measure::encode_session(black_box(session))));
        });
        let bytes = measure::encode_session(session).expect("a record");
        group.bench_function(format!("decode and open {name} session"), |bencher| {
            bencher.iter(|| black_box(measure::decode_session(black_box(&bytes), session)));
        });
    }
    let event = Creation::new(1).event;
    group.bench_function("encode event", |bencher| {
        bencher.iter(|| black_box(measure::encode_event(black_box(&event))));
    });
    let bytes = measure::encode_event(&event).expect("a record");
    group.bench_function("decode event", |bencher| {
        bencher.iter(|| black_box(measure::decode_event(event.realm, black_box(&bytes))));
    });
    group.finish();
}

fn answers(criterion: &mut Criterion) {
    let session = Stations::walk().expect("a plain success").completed;
    let created = Creation::new(1);
    let mut group = criterion.benchmark_group("answer");
    let moment = Moment::of(&session);
    group.bench_function("verification in a list", |bencher| {
        bencher.iter(|| black_box(serde_json::to_vec(&ListShape::new(black_box(&session), &moment))));
    });
    group.bench_function("verification in full", |bencher| {
        bencher.iter(|| {
            black_box(serde_json::to_vec(&DetailShape::new(black_box(&session), &moment, |_| unreachable!())))
        });
    });
    let envelope = || serde_json::to_vec(&created.event.envelope(black_box(&created.session)));
    group.bench_function("event", |bencher| bencher.iter(|| black_box(envelope())));
    let (body, secret) = (envelope().expect("an event"), WebhookSecret::new([7; 32]));
    group.bench_function("both signatures of a webhook", |bencher| {
        bencher.iter(|| {
            let body = black_box(&body);
            black_box((kyc_signature([&secret], 1, body), standard_signature([&secret], "evt_1", 1, body)))
        });
    });
    group.finish();
}

fn short() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1))
}

criterion_group! { name = benches; config = short(); targets = records, answers }
criterion_main!(benches);
