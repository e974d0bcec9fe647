//! The chains of sessions, proved as any receiver can prove them: that no event is missing, and
//! that none was changed.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;

use serde_json::Value;
use sha2::{Digest, Sha256};
use vetd_model::event::Hash;

/// How many sessions are remembered; the one seen first is forgotten first.
const SESSIONS: usize = 10_000;
/// How many events of one session are remembered, the last ones.
const EVENTS: usize = 64;
/// The most bytes of a text that is remembered.
const TEXT: usize = 128;
/// What an event's hash is made of, in this order.
const HASHED: [&str; 9] =
    ["id", "type", "api_version", "created", "livemode", "session_id", "sequence", "prev_hash", "data_hash"];

/// Where an event stands among those that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is of no session, so of no chain.
    Apart,
    /// It follows the last one that came, or is its session's first.
    Next,
    /// Nothing came of its session before, but it is not the session's first.
    Begins,
    /// Those from the one number to the other did not come.
    Gap(u64, u64),
    /// The one with this number, which is later in the chain, came before.
    Late(u64),
    /// It came before.
    Again,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apart => f.write_str("of no chain"),
            Self::Next => f.write_str("chain ok"),
            Self::Begins => f.write_str("chain followed from here"),
            Self::Gap(from, to) if from == to => write!(f, "WARNING: #{from} did not come"),
            Self::Gap(from, to) => write!(f, "WARNING: #{from} to #{to} did not come"),
            Self::Late(last) => write!(f, "WARNING: came after #{last}"),
            Self::Again => f.write_str("again"),
        }
    }
}

/// The chains that were seen.
#[derive(Debug, Default)]
pub struct Chains {
    /// By session. An event of no session stands under its own identifier, without links.
    seen: HashMap<String, BTreeMap<u64, Link>>,
    /// The keys of `seen`, in the order in which they came.
    order: VecDeque<String>,
}

/// What is remembered of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Link {
    id: String,
    prev_hash: String,
    hash: String,
}

impl Chains {
    /// Checks an event against its own hashes and against what came before, without remembering
    /// it.
    ///
    /// # Errors
    /// What of it cannot be right, for the person at the terminal.
    pub fn check(&self, event: &Value) -> Result<Place, String> {
        if event["session_id"].is_null() {
            let came = event["id"].as_str().is_some_and(|id| self.seen.contains_key(id));
            return Ok(if came { Place::Again } else { Place::Apart });
        }
        let (session, sequence, link) = read(event)?;
        place(self.seen.get(&session), sequence, &link)
    }

    /// Checks an event as [`Self::check`] does, and remembers it.
    ///
    /// # Errors
    /// As [`Self::check`]; such an event is not remembered.
    pub fn take(&mut self, event: &Value) -> Result<Place, String> {
        let place = self.check(event)?;
        if !event["session_id"].is_null() {
            let (session, sequence, link) = read(event)?;
            let links = self.remember(session);
            links.insert(sequence, link);
            if links.len() > EVENTS {
                links.pop_first();
            }
        } else if let Ok(id) = part(event, "id") {
            self.remember(id);
        }
        Ok(place)
    }

    /// What is remembered under this key, made room for if there is nothing.
    fn remember(&mut self, key: String) -> &mut BTreeMap<u64, Link> {
        if !self.seen.contains_key(&key) {
            self.order.push_back(key.clone());
            if self.order.len() > SESSIONS
                && let Some(first) = self.order.pop_front()
            {
                self.seen.remove(&first);
            }
        }
        self.seen.entry(key).or_default()
    }
}

/// The session, the sequence and the link of an event whose own hashes are right.
fn read(event: &Value) -> Result<(String, u64, Link), String> {
    let sequence = event["sequence"].as_u64().filter(|number| *number > 0);
    let sequence = sequence.ok_or("sequence is not a number from 1")?;
    let parts = HASHED.into_iter().map(|name| part(event, name)).collect::<Result<Vec<_>, _>>()?;
    if let Some(salt) = salt(&event["data_salt"])? {
        let data = serde_json_canonicalizer::to_vec(&event["data"]);
        let data = data.map_err(|_| "data has no canonical form (RFC 8785)")?;
        if event["data_hash"] != sha256(&[&salt, &data]) {
            return Err("data_hash is not the hash of data: it was changed".to_owned());
        }
    }
    let hash = sha256(&[parts.join("\n").as_bytes()]);
    if event["hash"] != *hash {
        return Err("hash is not the hash of this event: it was changed".to_owned());
    }
    let link = Link { id: part(event, "id")?, prev_hash: part(event, "prev_hash")?, hash };
    Ok((part(event, "session_id")?, sequence, link))
}

/// Where an event stands among those of its session that came before.
fn place(links: Option<&BTreeMap<u64, Link>>, sequence: u64, link: &Link) -> Result<Place, String> {
    let at = |sequence: u64| links.and_then(|links| links.get(&sequence));
    if let Some(known) = at(sequence) {
        let again = (known == link).then_some(Place::Again);
        return again.ok_or_else(|| format!("#{sequence} of this session came as another event before"));
    }
    let zeros = Hash::default().to_string();
    let before = if sequence == 1 { Some(&zeros) } else { at(sequence - 1).map(|before| &before.hash) };
    if before.is_some_and(|hash| *hash != link.prev_hash) {
        return Err("prev_hash is not the hash of the event before it".to_owned());
    }
    if at(sequence.saturating_add(1)).is_some_and(|after| after.prev_hash != link.hash) {
        return Err("hash is not the prev_hash of the event after it".to_owned());
    }
    let last = links.and_then(|links| links.last_key_value()).map(|(last, _)| *last);
    Ok(match last {
        None if sequence == 1 => Place::Next,
        None => Place::Begins,
        Some(last) if sequence < last => Place::Late(last),
        Some(last) if sequence == last + 1 => Place::Next,
        Some(last) => Place::Gap(last + 1, sequence - 1),
    })
}

/// A member as it stands in the text under the hash.
fn part(event: &Value, name: &str) -> Result<String, String> {
    match &event[name] {
        Value::String(text) if text.len() <= TEXT => Ok(text.clone()),
        plain @ (Value::Number(_) | Value::Bool(_)) => Ok(plain.to_string()),
        Value::Null => Err(format!("there is no {name}")),
        _ => Err(format!("{name} cannot be what it is")),
    }
}

/// The 16 bytes of a salt; `None` once the person's data was erased.
fn salt(value: &Value) -> Result<Option<[u8; 16]>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let text = value.as_str().filter(|text| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let number = text.and_then(|text| u128::from_str_radix(text, 16).ok());
    number.map(|number| Some(number.to_be_bytes())).ok_or_else(|| "data_salt is not 16 bytes in hexadecimal".to_owned())
}

/// SHA-256 of these bytes one after the other, in hexadecimal.
fn sha256(bytes: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    bytes.iter().for_each(|bytes| digest.update(bytes));
    Hash(digest.finalize().into()).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Hashes an event again, as somebody would who changes it and has no secret.
    fn hashed(mut event: Value) -> Value {
        let parts = HASHED.map(|name| part(&event, name).unwrap()).join("\n");
        event["hash"] = sha256(&[parts.as_bytes()]).into();
        event
    }

    /// The first events of a session, chained.
    fn chain(session: &str, length: u64) -> Vec<Value> {
        let mut prev_hash = json!("0".repeat(64));
        let event = |sequence| {
            let canonical = format!("{{\"a\":{sequence},\"b\":\"é\"}}");
            let event = hashed(json!({
                "id": format!("evt_{session}_{sequence}"), "type": "verification.updated",
                "api_version": "2025-01", "created": 1000, "livemode": false, "session_id": session,
                "sequence": sequence, "prev_hash": prev_hash,
                "data_salt": "000102030405060708090a0b0c0d0e0f",
                "data_hash": sha256(&[&(0..16).collect::<Vec<u8>>(), canonical.as_bytes()]),
                "data": { "b": "é", "a": sequence },
            }));
            prev_hash = event["hash"].clone();
            event
        };
        (1..=length).map(event).collect()
    }

    #[test]
    fn an_event_hashes_to_what_any_sha_256_says() {
        // sha256sum of the nine lines, computed outside of this program.
        let event = json!({
            "id": "evt_1", "type": "verification.created", "api_version": "2025-01", "created": 1,
            "livemode": true, "session_id": "ses_1", "sequence": 1, "prev_hash": "0".repeat(64),
            "data_salt": null, "data_hash": "ab".repeat(32),
        });
        assert_eq!(hashed(event)["hash"], "04a8f89242f4295e940fe0ec7d59de4b4841a48ff810c9e07206c5061dcbea96");
    }

    #[test]
    fn what_comes_in_order_is_next_and_what_comes_twice_is_again() {
        let mut chains = Chains::default();
        for event in chain("ses_1", 3) {
            assert_eq!(chains.check(&event), Ok(Place::Next));
            assert_eq!(chains.take(&event), Ok(Place::Next));
            assert_eq!(chains.take(&event), Ok(Place::Again));
        }
        assert_eq!(chains.take(&chain("ses_1", 1)[0]), Ok(Place::Again));
        assert_eq!(chains.take(&chain("ses_2", 1)[0]), Ok(Place::Next));
    }

    #[test]
    fn listening_may_begin_in_the_middle_and_gaps_are_told() {
        let mut chains = Chains::default();
        let events = chain("ses_1", 8);
        let places = [(2, Place::Begins), (6, Place::Gap(4, 6)), (7, Place::Next), (4, Place::Late(8))];
        for (index, place) in places {
            assert_eq!(chains.take(&events[index]), Ok(place));
        }
        assert_eq!(chains.take(&events[4]), Ok(Place::Again));
        assert_eq!(Place::Gap(4, 6).to_string(), "WARNING: #4 to #6 did not come");
        assert_eq!(Place::Gap(4, 4).to_string(), "WARNING: #4 did not come");
    }

    #[test]
    fn whatever_is_changed_is_found() {
        let event = chain("ses_1", 1).remove(0);
        for (name, value) in [
            ("id", json!("evt_x")),
            ("type", json!("verification.completed")),
            ("created", json!(1001)),
            ("livemode", json!(true)),
            ("session_id", json!("ses_2")),
            ("sequence", json!(2)),
            ("prev_hash", json!("1".repeat(64))),
            ("data_hash", json!("1".repeat(64))),
            ("hash", json!("1".repeat(64))),
            ("hash", Value::Null),
            ("data", json!({ "a": 2, "b": "é" })),
            ("data_salt", json!("100102030405060708090a0b0c0d0e0f")),
            ("data_salt", json!("+00102030405060708090a0b0c0d0e0f")),
            ("sequence", json!(0)),
            ("sequence", json!("1")),
            ("id", json!("x".repeat(TEXT + 1))),
            ("session_id", json!({})),
        ] {
            let mut changed = event.clone();
            changed[name] = value;
            let mut chains = Chains::default();
            assert!(chains.take(&changed).is_err(), "{changed}");
            assert_eq!(chains.take(&event), Ok(Place::Next), "what is refused is not remembered");
        }
    }

    #[test]
    fn the_links_must_hold_even_where_the_hashes_are_made_again() {
        let events = chain("ses_1", 3);
        let changed = |index: usize, name: &str, value: Value| {
            let mut event = events[index].clone();
            event[name] = value;
            hashed(event)
        };
        let mut chains = Chains::default();
        assert!(chains.take(&changed(0, "prev_hash", json!("1".repeat(64)))).is_err());
        chains.take(&events[0]).unwrap();
        assert!(chains.take(&changed(1, "prev_hash", json!("1".repeat(64)))).is_err());
        assert!(chains.take(&changed(0, "created", json!(1))).is_err());
        chains.take(&events[2]).unwrap();
        assert!(chains.take(&changed(1, "created", json!(1))).is_err());
        assert_eq!(chains.take(&events[1]), Ok(Place::Late(3)));
    }

    #[test]
    fn an_erased_event_still_has_its_place() {
        let events = chain("ses_1", 2);
        let mut erased = events[0].clone();
        (erased["data"], erased["data_salt"]) = (json!({ "redacted": true }), Value::Null);
        let mut chains = Chains::default();
        assert_eq!(chains.take(&erased), Ok(Place::Next));
        assert_eq!(chains.take(&events[0]), Ok(Place::Again));
        assert_eq!(chains.take(&events[1]), Ok(Place::Next));
    }

    #[test]
    fn events_of_no_session_have_no_chain_but_come_again_too() {
        let mut chains = Chains::default();
        let event = json!({ "id": "evt_1", "type": "webhook_endpoint.test", "session_id": null });
        assert_eq!(chains.check(&event), Ok(Place::Apart));
        assert_eq!(chains.take(&event), Ok(Place::Apart));
        assert_eq!(chains.take(&event), Ok(Place::Again));
        assert_eq!(chains.take(&json!({})), Ok(Place::Apart));
        assert_eq!(chains.take(&json!({})), Ok(Place::Apart));
        assert_eq!(chains.take(&Value::Null), Ok(Place::Apart));
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let mut chains = Chains::default();
        let first = chain("ses_first", 1).remove(0);
        chains.take(&first).unwrap();
        for number in 1..SESSIONS {
            chains.take(&json!({ "id": format!("evt_{number}") })).unwrap();
        }
        assert_eq!(chains.take(&first), Ok(Place::Again));
        chains.take(&json!({ "id": "evt_more" })).unwrap();
        assert_eq!((chains.seen.len(), chains.order.len()), (SESSIONS, SESSIONS));
        assert_eq!(chains.take(&first), Ok(Place::Next));

        let long = chain("ses_long", EVENTS as u64 + 2);
        long.iter().for_each(|event| assert_eq!(chains.take(event), Ok(Place::Next)));
        assert_eq!(chains.seen["ses_long"].len(), EVENTS);
        assert_eq!(chains.take(&long[EVENTS + 1]), Ok(Place::Again));
    }
}
