//! Retention rules: how long a workspace keeps a person's data in one mode, by kind of data and by
//! how the verification ended.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Refusal;
use crate::session::Status;
use crate::time::Timestamp;
use crate::validate::{Issues, Object};

/// The shortest and the longest time that a rule can name, in days.
pub const DAYS: RangeInclusive<u16> = 1..=3_650;
/// How a verification can end: each has rules of its own.
pub const OUTCOMES: [Status; 5] =
    [Status::Completed, Status::Failed, Status::RequiresReview, Status::Canceled, Status::Expired];

/// Where the rules stand in a request.
const PATH: &str = "retention";
const DAY_SECONDS: u64 = 86_400;

/// What is kept of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataKind {
    /// Pictures and recordings, and what machines have read of them and of the document's chip.
    Media,
    /// Everything of the person: typed and read data, metadata, and the media with them.
    Personal,
}

impl DataKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Media, Self::Personal];

    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Media => "media",
            Self::Personal => "personal",
        }
    }
}

/// For each outcome after how many days data goes; without a number it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Periods([Option<u16>; OUTCOMES.len()]);

impl Periods {
    /// The number of days for this outcome, if it has one. A verification that has not ended has
    /// none.
    #[must_use]
    pub fn of(self, outcome: Status) -> Option<u16> {
        place(outcome).and_then(|place| self.0[place])
    }

    /// The same with another number for this outcome. What is not an outcome changes nothing.
    #[must_use]
    pub fn with(mut self, outcome: Status, days: Option<u16>) -> Self {
        if let Some(place) = place(outcome) {
            self.0[place] = days;
        }
        self
    }

    fn read(value: &Value, path: &str, issues: &mut Issues) -> Self {
        let mut object = Object::at(value, path, issues);
        let range = u64::from(*DAYS.start())..=u64::from(*DAYS.end());
        let read = |periods: Self, outcome: Status| {
            let days = object.integer(outcome.as_str(), range.clone(), issues);
            periods.with(outcome, days.and_then(|days| u16::try_from(days).ok()))
        };
        let periods = OUTCOMES.into_iter().fold(Self::default(), read);
        object.finish(issues);
        periods
    }

    fn to_json(self) -> Value {
        let entry = |outcome: Status| (outcome.as_str().to_owned(), json!(self.of(outcome)));
        OUTCOMES.into_iter().map(entry).collect::<Map<_, _>>().into()
    }
}

fn place(outcome: Status) -> Option<usize> {
    OUTCOMES.iter().position(|known| *known == outcome)
}

/// The rules of a workspace for one mode. Without any, everything is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionPolicy {
    /// For [`DataKind::Media`].
    pub media: Periods,
    /// For [`DataKind::Personal`]. Media does not outlast it, whatever the rule for media says.
    pub personal: Periods,
}

impl RetentionPolicy {
    /// Reads the rules as they stand under `retention` in a request: for each kind of data and each
    /// outcome a number of days. What is absent or `null` is kept.
    ///
    /// # Errors
    /// `validation_error` with the path of every wrong field.
    pub fn parse(value: &Value) -> Result<Self, Refusal> {
        let mut issues = Issues::default();
        let mut object = Object::at(value, PATH, &mut issues);
        let mut read = |kind: DataKind| {
            let path = object.path_of(kind.as_str());
            object.take(kind.as_str()).map(|value| Periods::read(value, &path, &mut issues)).unwrap_or_default()
        };
        let policy = Self { media: read(DataKind::Media), personal: read(DataKind::Personal) };
        object.finish(&mut issues);
        issues.done().map(|()| policy)
    }

    /// The rules as they are read: every kind and every outcome, `null` for what is kept.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "media": self.media.to_json(), "personal": self.personal.to_json() })
    }

    /// After how many days data of this kind goes, if it does. Who erases a person's data erases
    /// the media with it, so the shorter of both rules holds for media.
    #[must_use]
    pub fn days(&self, kind: DataKind, outcome: Status) -> Option<u16> {
        let personal = self.personal.of(outcome);
        match kind {
            DataKind::Personal => personal,
            DataKind::Media => self.media.of(outcome).into_iter().chain(personal).min(),
        }
    }

    /// When data of this kind goes, of a verification that ended so and then; `None` if it stays,
    /// and for one that has not ended.
    #[must_use]
    pub fn due(&self, kind: DataKind, outcome: Status, ended_at: Timestamp) -> Option<Timestamp> {
        let days = self.days(kind, outcome)?;
        Some(ended_at.after(Duration::from_secs(u64::from(days) * DAY_SECONDS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDED: Timestamp = Timestamp::from_millis(1_763_800_000_500);

    fn policy(media: Option<u16>, personal: Option<u16>) -> RetentionPolicy {
        let all = |days| OUTCOMES.into_iter().fold(Periods::default(), |all: Periods, each| all.with(each, days));
        RetentionPolicy { media: all(media), personal: all(personal) }
    }

    #[test]
    fn media_does_not_outlast_personal_data() {
        let cases = [
            // The rules, and after how many days what goes: media, personal.
            ((None, None), (None, None)),
            ((Some(1), None), (Some(1), None)),
            ((None, Some(30)), (Some(30), Some(30))),
            ((Some(7), Some(30)), (Some(7), Some(30))),
            ((Some(30), Some(7)), (Some(7), Some(7))),
            ((Some(3_650), Some(3_650)), (Some(3_650), Some(3_650))),
        ];
        for ((media, personal), (media_goes, personal_goes)) in cases {
            let policy = policy(media, personal);
            let at = |days: Option<u64>| days.map(|days| Timestamp::from_millis(ENDED.millis() + days * 86_400_000));
            for outcome in OUTCOMES {
                let due = |kind| policy.due(kind, outcome, ENDED);
                assert_eq!(due(DataKind::Media), at(media_goes), "{media:?} {personal:?}");
                assert_eq!(due(DataKind::Personal), at(personal_goes), "{media:?} {personal:?}");
            }
        }
    }

    #[test]
    fn each_outcome_has_rules_of_its_own() {
        let personal = Periods::default().with(Status::Failed, Some(7)).with(Status::Expired, Some(1));
        let policy = RetentionPolicy { personal, ..RetentionPolicy::default() };
        let due = |outcome| policy.due(DataKind::Personal, outcome, ENDED);
        for outcome in Status::ALL {
            let days = match outcome {
                Status::Failed => Some(7),
                Status::Expired => Some(1),
                _ => None,
            };
            assert_eq!((policy.days(DataKind::Media, outcome), due(outcome).is_some()), (days, days.is_some()));
        }
    }

    #[test]
    fn what_has_not_ended_is_kept() {
        let policy = policy(Some(1), Some(1));
        for status in Status::ALL {
            let is_due = policy.due(DataKind::Personal, status, ENDED).is_some();
            assert_eq!((is_due, OUTCOMES.contains(&status)), (status.is_terminal(), status.is_terminal()), "{status}");
            assert_eq!(Periods::default().with(status, Some(9)).of(status).is_some(), status.is_terminal());
        }
    }

    #[test]
    fn rules_are_read_and_shown_whole() {
        let read = |value: Value| RetentionPolicy::parse(&value).unwrap();
        assert_eq!(read(json!({})), RetentionPolicy::default());
        assert_eq!(read(json!({ "media": null, "personal": { "completed": null } })), RetentionPolicy::default());
        let some = read(json!({ "media": { "completed": 30, "canceled": 1 }, "personal": { "completed": 3_650.0 } }));
        let none = json!(null);
        let shown = json!({
            "media": { "completed": 30, "failed": none, "requires_review": none, "canceled": 1, "expired": none },
            "personal": { "completed": 3_650, "failed": none, "requires_review": none, "canceled": none, "expired": none },
        });
        assert_eq!(some.to_json(), shown);
        assert_eq!(read(shown), some);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let paths = |value: Value| -> Vec<String> {
            let refusal = RetentionPolicy::parse(&value).unwrap_err();
            refusal.fields.into_iter().map(|field| field.path).collect()
        };
        assert_eq!(paths(json!(30)), ["retention"]);
        assert_eq!(paths(json!({ "media": 30, "events": {} })), ["retention.media", "retention.events"]);
        for wrong in [json!(0), json!(3_651), json!(-1), json!(1.5), json!("30"), json!({})] {
            assert_eq!(paths(json!({ "personal": { "failed": wrong } })), ["retention.personal.failed"], "{wrong}");
        }
        let many = json!({ "media": { "created": 1 }, "personal": { "completed": 0, "in_progress": 2 } });
        let named = ["retention.media.created", "retention.personal.completed", "retention.personal.in_progress"];
        assert_eq!(paths(many), named);
    }
}
