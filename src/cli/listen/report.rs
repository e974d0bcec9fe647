//! What is printed about each delivery.

use serde_json::Value;
use vetd_model::Timestamp;

use crate::failure::Failure;
use crate::out;

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Taken, for the first time. A remark stands beside it if a person should look.
    Taken {
        /// What was checked and done.
        note: String,
        /// Whether a person should see the note in any case.
        warning: bool,
    },
    /// Taken before, and now again.
    Again(String),
    /// Not taken, though nothing is wrong with it: it will come again.
    NotTaken(String),
    /// Not to be trusted.
    Refused(String),
}

/// Prints a delivery.
///
/// # Errors
/// If standard output is closed or full.
pub fn print(as_json: bool, now: Timestamp, outcome: &Outcome, event: &Value, body: &[u8]) -> Result<(), Failure> {
    let line = line(now, outcome, event);
    let (output, error) = if as_json { apart(line, outcome, event, body) } else { (Some(line), None) };
    error.iter().for_each(|line| out::complain(line));
    output.map_or(Ok(()), |line| out::say(&line))
}

/// What goes to standard output and to standard error where programs read: each event that was
/// taken, once, and whatever else is to be said.
fn apart(line: String, outcome: &Outcome, event: &Value, body: &[u8]) -> (Option<String>, Option<String>) {
    match outcome {
        Outcome::Taken { warning, .. } if !event.is_null() => {
            // Valid JSON holds no raw control characters but those between its parts.
            let body = String::from_utf8_lossy(body).replace(['\n', '\r'], " ");
            (Some(body), warning.then_some(line))
        }
        _ => (None, Some(line)),
    }
}

/// Time of day (UTC), type, session, sequence, and what became of it.
fn line(now: Timestamp, outcome: &Outcome, event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
    let sequence = event["sequence"].as_u64();
    let sequence = sequence.map_or_else(|| "-".to_owned(), |number| format!("#{number}"));
    let second = now.seconds() % 86_400;
    let time = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    let outcome = match outcome {
        Outcome::Taken { note, .. } | Outcome::Again(note) => note.clone(),
        Outcome::NotTaken(why) => format!("NOT TAKEN: {why}"),
        Outcome::Refused(why) => format!("REFUSED: {why}"),
    };
    let (kind, session) = (text("type"), text("session_id"));
    out::harmless(&format!("{time}  {kind:<28}  {session:<30}  {sequence:<3}  {outcome}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = json!({ "type": "verification.updated", "session_id": "ses_1", "sequence": 2 });
        let taken = Outcome::Taken { note: "signature ok".to_owned(), warning: false };
        let line = line(Timestamp::from_seconds(86_400 + 3_661), &taken, &event);
        assert_eq!(
            line.split_whitespace().collect::<Vec<_>>(),
            ["01:01:01", "verification.updated", "ses_1", "#2", "signature", "ok"]
        );
    }

    #[test]
    fn a_body_that_is_no_event_is_one_line_too() {
        let line = line(Timestamp::from_seconds(0), &Outcome::Refused("a\nb".to_owned()), &Value::Null);
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["00:00:00", "-", "-", "-", "REFUSED:", "a?b"]);
    }

    #[test]
    fn programs_read_each_event_that_was_taken_once() {
        let event = json!({ "id": "evt_1" });
        let body = b"{\n\"id\": \"evt_1\"}";
        let lines = |outcome, event| apart("line".to_owned(), &outcome, event, body);
        let taken = |warning| Outcome::Taken { note: String::new(), warning };
        let (body, line) = (Some("{ \"id\": \"evt_1\"}".to_owned()), Some("line".to_owned()));
        assert_eq!(lines(taken(false), &event), (body.clone(), None));
        assert_eq!(lines(taken(true), &event), (body, line.clone()));
        assert_eq!(lines(taken(false), &Value::Null), (None, line.clone()));
        for outcome in [Outcome::Again, Outcome::NotTaken, Outcome::Refused] {
            assert_eq!(lines(outcome(String::new()), &event), (None, line.clone()));
        }
    }
}
