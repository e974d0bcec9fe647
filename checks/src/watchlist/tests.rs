//! The check over what a session knows of a person.

use std::collections::BTreeMap;

use vetd_model::Timestamp;
use vetd_model::check::CheckStatus;
use vetd_model::flow::{Flow, StepKind};
use vetd_model::submission::Submission;

use super::*;

const AT: Timestamp = Timestamp::from_seconds(1_763_800_000);
const LIST: &str = "id,schema,name,aliases,birth_date,countries,last_seen\n\
    Q1,Person,Ivan Sergeyevich Testov,Iwan Testoff,1960-02-01,ru,2025-11-01\n";

fn lists() -> Watchlists {
    let imported = import::import(vec![LIST.as_bytes()], None, Some("mine"), AT).unwrap();
    Watchlists {
        unreadable: Vec::new(),
        lists: vec![Arc::new(Watchlist::load(&imported.bytes).unwrap())],
        fresh_for: Some(Duration::from_secs(30 * 86_400)),
    }
}

fn check(lists: &Watchlists, typed: &[(&str, &str)], min_match: Option<u8>, at: Timestamp) -> Finding {
    let fields: Vec<Value> =
        typed.iter().map(|(name, _)| json!({ "name": name, "type": "string", "required": true })).collect();
    let mut spec = json!({ "type": "watchlist" });
    if let Some(percent) = min_match {
        spec["min_match"] = percent.into();
    }
    let steps = json!([{ "type": "data_entry", "fields": fields }]);
    let flow = Flow::parse(&json!({ "steps": steps, "checks": [spec] }), "").unwrap();
    let fields = typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let submissions = BTreeMap::from([(StepKind::DataEntry, Submission::DataEntry { fields })]);
    let evidence = Evidence {
        flow: &flow,
        submissions: &submissions,
        media: &[],
        challenges: &[],
        chip: None,
        used_before: Some(false),
        watchlists: lists,
        at,
    };
    crate::run(&flow.checks()[0], &evidence)
}

const TYPED: [(&str, &str); 3] = [("first_name", "Ivan"), ("last_name", "Testov"), ("date_of_birth", "1960-02-01")];

#[test]
fn a_hit_is_for_review_and_names_list_and_entry_but_not_the_person() {
    let finding = check(&lists(), &TYPED, None, AT);
    assert_eq!((finding.status, finding.code.as_deref()), (CheckStatus::NeedsReview, Some("watchlist_match")));
    let hit = &finding.details["matches"][0];
    assert_eq!((&hit["list"], &hit["entry"], &hit["date"]), (&json!("mine"), &json!("Q1"), &json!("2025-11-01")));
    assert_eq!((&hit["date_of_birth"], &hit["country"]), (&json!("same"), &json!("unknown")));
    assert!(hit["score"].as_f64().unwrap() > 0.95, "{hit}");
    let all = serde_json::to_string(&finding.details).unwrap().to_lowercase();
    assert!(!all.contains("testo") && !all.contains("ivan") && !all.contains("1960"), "{all}");
}

#[test]
fn nobody_found_is_a_pass_that_says_what_was_looked_at() {
    let finding = check(&lists(), &[("full_name", "Anna Maria Eriksson")], None, AT);
    assert_eq!(finding.status, CheckStatus::Passed);
    let list = &finding.details["lists"][0];
    assert_eq!((&list["list"], &list["date"], &list["entries"]), (&json!("mine"), &json!("2025-11-01"), &json!(1)));
    assert_eq!((list["sha256"].as_str().unwrap().len(), &list["stale"]), (64, &json!(false)));
}

#[test]
fn an_old_list_is_said_to_be_old() {
    let later = AT.after(Duration::from_secs(10 * 86_400));
    let finding = check(&lists(), &[("full_name", "Anna Maria Eriksson")], None, later);
    assert_eq!(finding.details["lists"][0]["stale"], json!(true));
}

#[test]
fn without_lists_or_a_name_nobody_is_cleared() {
    let unavailable = check(&Watchlists::default(), &TYPED, None, AT);
    assert_eq!(
        (unavailable.status, unavailable.code.as_deref()),
        (CheckStatus::NeedsReview, Some("watchlist_unavailable"))
    );
    let damaged = Watchlists { unreadable: vec!["un".to_owned()], ..lists() };
    let missing = check(&damaged, &[("full_name", "Anna Maria Eriksson")], None, AT);
    assert_eq!((missing.status, missing.code.as_deref()), (CheckStatus::NeedsReview, Some("watchlist_unavailable")));
    assert_eq!(missing.details["unreadable"], json!(["un"]));
    assert_eq!(check(&damaged, &TYPED, None, AT).code.as_deref(), Some("watchlist_match"));
    let nameless = check(&lists(), &[("city", "Testov")], None, AT);
    assert_eq!((nameless.status, nameless.code.as_deref()), (CheckStatus::NeedsReview, Some("name_missing")));
}

#[test]
fn the_template_says_how_alike_is_alike() {
    let typed = [("first_name", "Ivan"), ("last_name", "Testow")];
    assert_eq!(check(&lists(), &typed, None, AT).status, CheckStatus::NeedsReview);
    assert_eq!(check(&lists(), &typed, Some(100), AT).status, CheckStatus::Passed);
}
