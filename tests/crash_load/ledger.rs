//! What the server has acknowledged, and what therefore must hold whatever happens to it.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde_json::Value;

/// The moves that the load makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Load,
    Consent,
    DataEntry,
    Cancel,
    PersonCancels,
    Simulate,
}

/// What is known of one session, by its idempotency key.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: String,
    /// What its checks will say.
    outcome: &'static str,
    /// The furthest status that was acknowledged, as [`rank`] counts.
    furthest: u8,
    /// The terminal status that was acknowledged.
    ended: Option<String>,
    /// True if the last step was acknowledged: from there on it cannot expire.
    submitted: bool,
    cancel_tried: bool,
}

#[derive(Debug, Default)]
pub struct Ledger {
    records: Mutex<HashMap<String, Record>>,
}

fn rank(status: &str) -> u8 {
    match status {
        "created" => 0,
        "requires_input" => 1,
        "in_progress" => 2,
        _ => 3,
    }
}

impl Ledger {
    /// A create was acknowledged; every further answer to the same key must name the same session.
    pub fn created(&self, key: &str, id: &str, outcome: &'static str) {
        let record =
            Record { id: id.to_owned(), outcome, furthest: 0, ended: None, submitted: false, cancel_tried: false };
        let known = self.records.lock().entry(key.to_owned()).or_insert(record).id.clone();
        assert_eq!(known, id, "the key {key} has two sessions");
    }

    /// A move is about to be asked for: it may happen from here on.
    pub fn tries(&self, key: &str, asked: Move) {
        let cancels = matches!(asked, Move::Cancel | Move::PersonCancels);
        self.change(key, |record| record.cancel_tried |= cancels);
    }

    /// A move was acknowledged with this status.
    pub fn moved(&self, key: &str, asked: Move, status: &str) {
        self.change(key, |record| {
            record.furthest = record.furthest.max(rank(status));
            record.submitted |= asked == Move::DataEntry;
            if rank(status) == 3 {
                record.ended = Some(status.to_owned());
            }
        });
    }

    /// A move was refused because the session has ended.
    pub fn has_ended(&self, key: &str) {
        self.change(key, |record| record.furthest = 3);
    }

    fn change(&self, key: &str, change: impl FnOnce(&mut Record)) {
        if let Some(record) = self.records.lock().get_mut(key) {
            change(record);
        }
    }

    pub fn snapshot(&self) -> Vec<(String, Record)> {
        let mut all: Vec<_> = self.records.lock().iter().map(|(key, record)| (key.clone(), record.clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

impl Record {
    /// Asserts that the session, as it is read now, has lost nothing of what was acknowledged.
    pub fn check(&self, key: &str, read: &Value) {
        assert_eq!(read["id"], self.id.as_str(), "{key}: another session");
        assert_eq!(read["metadata"]["key"], key, "another key's session");
        let status = read["status"].as_str().unwrap_or_default();
        assert!(rank(status) >= self.furthest, "{key}: an acknowledged move is lost, it is {status}: {self:?}");
        if let Some(ended) = &self.ended {
            assert_eq!(status, ended, "{key}: it had ended: {self:?}");
        }
        if self.submitted {
            let decided = [self.outcome, "in_progress"].contains(&status);
            let canceled = self.cancel_tried && status == "canceled";
            assert!(decided || canceled, "{key}: all steps were accepted, and now it is {status}: {self:?}");
        }
    }
}
