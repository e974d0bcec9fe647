//! The rules: each command on a session that it suits.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use vetd_benches::{DURING, REALM, Stations, passed, request, request_body, submissions};
use vetd_model::decide::{CanceledBy, Command, decide};
use vetd_model::new_session::NewSession;
use vetd_model::{Session, Timestamp};

fn commands(criterion: &mut Criterion) {
    #[expect(clippy::expect_used, reason = "the rules allow a plain success")]
    let at = Stations::walk().expect("a plain success");
    let [consent, data]: [_; 2] = {
        #[expect(clippy::expect_used, reason = "the scaffold has two steps")]
        submissions(&at.created.flow).try_into().expect("two steps")
    };
    let overdue = at.created.expires_at.after(Duration::from_secs(1));
    let cases: [(&str, &Session, Command, Timestamp); 12] = [
        ("load", &at.created, Command::Load, DURING),
        ("load again", &at.loaded, Command::Load, DURING),
        ("renew", &at.loaded, Command::Renew, DURING),
        ("submit consent", &at.loaded, Command::Submit(consent), DURING),
        ("submit data entry", &at.halfway, Command::Submit(data), DURING),
        ("finish checks", &at.checking, passed(&at.checking), DURING),
        ("resume", &at.checking, Command::Resume, DURING),
        ("cancel", &at.halfway, Command::Cancel(CanceledBy::Tenant), DURING),
        ("cancel refused", &at.completed, Command::Cancel(CanceledBy::Tenant), DURING),
        ("ring early", &at.loaded, Command::Ring, DURING),
        ("ring in time", &at.loaded, Command::Ring, overdue),
        ("lapse", &at.halfway, Command::Lapse, DURING),
    ];
    let mut group = criterion.benchmark_group("decide");
    for (name, session, command, now) in cases {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || command.clone(),
                |command| black_box(decide(black_box(session), command, now)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn creation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("new session");
    let body = request_body();
    group.bench_function("parse", |bencher| {
        bencher.iter(|| {
            let value = serde_json::from_str(black_box(&body)).unwrap_or_default();
            black_box(NewSession::parse(&value, REALM.mode))
        });
    });
    group.bench_function("build", |bencher| bencher.iter(|| black_box(vetd_benches::Creation::new(black_box(1)))));
    group.bench_function("request", |bencher| bencher.iter(|| black_box(request())));
    group.finish();
}

fn short() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1))
}

criterion_group! { name = benches; config = short(); targets = commands, creation }
criterion_main!(benches);
