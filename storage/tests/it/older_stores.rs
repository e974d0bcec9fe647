//! Stores that earlier releases left behind: each opens, is sound, and says what it said then.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use vetd_model::webhook::Ordering;
use vetd_model::{Mode, Realm, WorkspaceId};
use vetd_storage::{SessionQuery, SledStore, Store, StoreOptions, audit};
use zeroize::Zeroizing;

const MASTER_KEY: &str = "dGhlIG1hc3RlciBrZXkgb2YgYSB0ZXN0IHN0b3JlICE=";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test]
async fn schema_1() {
    let dir = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/schema-1"), dir.path());
    let options = StoreOptions {
        create: false,
        master_key: Some(Zeroizing::new(MASTER_KEY.to_owned())),
        ..StoreOptions::new(dir.path())
    };
    let store = SledStore::open(options).unwrap();
    let report = audit(&store);
    assert_eq!(report.violations, Vec::<String>::new());
    assert_eq!((report.sessions, report.events, report.answers), (7, 23, 10));

    let realm = Realm { workspace: WorkspaceId(1), mode: Mode::Test };
    let page = store.sessions(realm, SessionQuery { limit: 100, ..SessionQuery::default() }).await.unwrap();
    let found: BTreeMap<String, &str> = page
        .items
        .iter()
        .map(|session| {
            let personal = session.personal.as_ref().unwrap();
            (personal.metadata["outcome"].clone(), session.status().as_str())
        })
        .collect();
    let expected = [
        ("canceled", "canceled"),
        ("completed", "completed"),
        ("created", "created"),
        ("expired", "expired"),
        ("failed", "failed"),
        ("requires_review", "requires_review"),
        ("retry_then_completed", "requires_input"),
    ];
    assert_eq!(found, expected.map(|(outcome, status)| (outcome.to_owned(), status)).into());

    let template = store.template_by_slug(realm, "kyc").unwrap().unwrap();
    assert_eq!(store.settings(realm).await.unwrap().value.default_template, Some(template));
    let version = store.template_version(realm, template, 1).unwrap().unwrap();
    assert_eq!(version.flow.theme()["accent"], "#123456");
    assert_eq!(store.api_keys().unwrap()[0].value.prefix, "ak_test_abcdef");
    let endpoint = &store.endpoints(Some(realm)).unwrap()[0].value;
    assert_eq!((endpoint.url.as_str(), endpoint.ordering), ("https://hooks.example.com/kyc", Ordering::None));
    assert!(endpoint.secret.expose().starts_with("whsec_utQo"), "the seal opens");
    assert_eq!(endpoint.events.names(), ["verification.completed", "verification.redacted"]);
}
