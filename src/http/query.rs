//! Query parameters: each known one is taken once, what is left over is an error.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use vetd_model::Refusal;
use vetd_model::Timestamp;
use vetd_model::validate::Issues;

use super::error::Problem;

/// The items on a page that names no limit.
const DEFAULT_LIMIT: usize = 10;
/// The longest part of a foreign name that an error repeats, in characters.
const NAME_SHOWN: usize = 60;
/// The latest time that a parameter can name, in unix seconds: the end of the year 9999.
pub(super) const LAST_SECOND: u64 = 253_402_300_799;

/// Where a page of a list begins. Lists run from the newest to the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<T> {
    /// At the newest.
    Start,
    /// With the next one older than this.
    After(T),
    /// Ending with the next one newer than this.
    Before(T),
}

impl<T: PartialEq> Place<T> {
    /// True if the page begins beside this one.
    pub(super) fn names(&self, id: &T) -> bool {
        matches!(self, Self::After(named) | Self::Before(named) if named == id)
    }
}

/// The parameters of one request under reading.
#[derive(Debug, Default)]
pub(super) struct Params {
    pairs: Vec<(String, String)>,
    issues: Issues,
}

impl Params {
    /// Decodes a query string; what cannot be decoded is noted.
    pub(super) fn read(query: Option<&str>) -> Self {
        let mut params = Self::default();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (decode(name), decode(value)) {
                (Some(name), Some(value)) => params.pairs.push((name, value)),
                (decoded, _) => {
                    let name = decoded.as_deref().unwrap_or(name);
                    params.issues.add(shown(name), "must be percent-encoded UTF-8");
                }
            }
        }
        params
    }

    /// Takes a parameter that `read` accepts. An empty one counts as absent.
    pub(super) fn take<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let mut values = self.pairs.extract_if(.., |(each, _)| each == name).map(|(_, value)| value);
        let value = values.next()?;
        if values.next().is_some() {
            self.issues.add(name, "must be given once");
            return None;
        }
        if value.is_empty() {
            return None;
        }
        read(&value).map_err(|message| self.issues.add(name, message)).ok()
    }

    /// Takes all parameters `family[key]`, as key and value.
    pub(super) fn take_family(&mut self, family: &str) -> Vec<(String, String)> {
        let key_of = |name: &str| {
            let key = name.strip_prefix(family)?.strip_prefix('[')?.strip_suffix(']')?;
            (!key.is_empty()).then(|| key.to_owned())
        };
        let mut taken: Vec<(String, String)> = Vec::new();
        for (name, value) in self.pairs.extract_if(.., |(name, _)| key_of(name).is_some()) {
            let key = key_of(&name).unwrap_or_default();
            if taken.iter().any(|(each, _)| *each == key) {
                self.issues.add(shown(&name), "must be given once");
            } else {
                taken.push((key, value));
            }
        }
        taken
    }

    /// Takes what a signed link ends in, and nothing else: its end in unix seconds and its signature.
    ///
    /// # Errors
    /// `validation_error`.
    pub(super) fn signature(mut self) -> Result<(u64, String), Refusal> {
        let message = "must be a time in unix seconds";
        let expires = self.take("exp", |text| text.parse::<u64>().map_err(|_| message.to_owned()));
        let signature = self.take("sig", |text| Ok(text.to_owned()));
        self.finish()?;
        Ok((expires.unwrap_or_default(), signature.unwrap_or_default()))
    }

    /// Takes `limit`, 1 to 100.
    pub(super) fn limit(&mut self) -> usize {
        let read = |text: &str| {
            let limit = number(text).and_then(|limit| usize::try_from(limit).ok());
            limit
                .filter(|limit| (1..=100).contains(limit))
                .ok_or_else(|| "must be a whole number from 1 to 100".to_owned())
        };
        self.take("limit", read).unwrap_or(DEFAULT_LIMIT)
    }

    /// Takes a time in unix seconds.
    pub(super) fn time(&mut self, name: &str) -> Option<Timestamp> {
        let message = "must be a time in unix seconds";
        let read = |text: &str| number(text).filter(|second| *second <= LAST_SECOND).map(Timestamp::from_seconds);
        self.take(name, |text| read(text).ok_or_else(|| message.to_owned()))
    }

    /// Takes `starting_after` or `ending_before`.
    pub(super) fn place<T: FromStr<Err: ToString>>(&mut self) -> Place<T> {
        let read = |text: &str| text.parse::<T>().map_err(|error| error.to_string());
        let after = self.take("starting_after", read);
        match (after, self.take("ending_before", read)) {
            (None, None) => Place::Start,
            (Some(id), None) => Place::After(id),
            (None, Some(id)) => Place::Before(id),
            (Some(_), Some(_)) => {
                self.issues.add("ending_before", "must be absent when starting_after is given");
                Place::Start
            }
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// `validation_error` that names every parameter that is wrong or unknown.
    pub(super) fn finish(mut self) -> Result<(), Refusal> {
        for (name, _) in &self.pairs {
            self.issues.add(shown(name), "is not a known parameter");
        }
        self.issues.done()
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::read(parts.uri.query()))
    }
}

/// Extracted where a route takes no parameters.
pub(super) struct NoParams;

impl<S: Sync> FromRequestParts<S> for NoParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Params::read(parts.uri.query()).finish()?;
        Ok(Self)
    }
}

/// A whole number of plain digits: no sign, no space.
pub(super) fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn shown(name: &str) -> String {
    name.chars().take(NAME_SHOWN).collect()
}

/// Undoes `application/x-www-form-urlencoded`; `None` for a broken escape or what is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            b'+' => b' ',
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use vetd_model::SessionId;

    use super::*;

    fn paths(params: Params) -> Vec<String> {
        let fields = params.finish().map_err(|refusal| refusal.fields).err().unwrap_or_default();
        fields.into_iter().map(|field| field.path).collect()
    }

    #[test]
    fn decodes_and_takes_each_name_once() {
        let mut params = Params::read(Some("a=x%20y+z&created%5Bgte%5D=12&&b"));
        assert_eq!(params.take("a", |text| Ok(text.to_owned())).as_deref(), Some("x y z"));
        assert_eq!(params.time("created[gte]"), Some(Timestamp::from_seconds(12)));
        assert_eq!(params.take("b", |text| Ok(text.to_owned())), None, "an empty one is absent");
        assert!(params.finish().is_ok());
    }

    #[test]
    fn names_what_is_unknown_doubled_or_broken() {
        let mut params = Params::read(Some("what=1&limit=2&limit=3&x=%zz&y=%ff&z=%4"));
        params.limit();
        assert_eq!(paths(params), ["x", "y", "z", "limit", "what"]);
    }

    #[test]
    fn limits_are_plain_numbers_from_1_to_100() {
        for (text, limit) in [("", 10), ("limit=1", 1), ("limit=100", 100)] {
            assert_eq!(Params::read(Some(text)).limit(), limit);
        }
        for text in ["0", "101", "-1", "+1", "1.0", "ten", "99999999999999999999"] {
            let mut params = Params::read(Some("limit=")); // absent
            assert_eq!(params.limit(), 10);
            let query = format!("limit={}", text.replace('+', "%2B"));
            let mut params = Params::read(Some(&query));
            params.limit();
            assert_eq!(paths(params), ["limit"], "{text}");
        }
    }

    #[test]
    fn families_keep_empty_values_and_refuse_a_doubled_key() {
        let mut params = Params::read(Some("metadata[a]=1&metadata%5Bb%5D=&metadata[]=x&metadata[a]=2"));
        let taken = params.take_family("metadata");
        assert_eq!(taken, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())]);
        assert_eq!(paths(params), ["metadata[a]", "metadata[]"]);
    }

    #[test]
    fn one_place_at_a_time() {
        let id = "ses_01jdf2myt0fzzvzzzzzzzzzzzz";
        let mut params = Params::read(Some(&format!("starting_after={id}")));
        assert_eq!(params.place::<SessionId>(), Place::After(id.parse().unwrap()));
        let mut params = Params::read(Some(&format!("starting_after={id}&ending_before={id}")));
        params.place::<SessionId>();
        assert_eq!(paths(params), ["ending_before"]);
        let mut params = Params::read(Some("ending_before=ver_1"));
        params.place::<SessionId>();
        assert_eq!(paths(params), ["ending_before"]);
    }
}
