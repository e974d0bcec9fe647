//! Lists: one envelope, and pages of what is kept in memory.

use serde::Serialize;
use vetd_model::Refusal;

use super::error::Answer;
use super::query::Place;
use super::reply;

#[derive(Serialize)]
struct Envelope<T> {
    object: &'static str,
    data: Vec<T>,
    has_more: bool,
}

/// A page as every list answers it.
pub(super) fn list<T: Serialize>(data: Vec<T>, has_more: bool) -> Answer {
    reply::ok(&Envelope { object: "list", data, has_more })
}

/// A page of items that are JSON already, each as it is.
pub(super) fn list_of_json(items: &[Vec<u8>], has_more: bool) -> Answer {
    let mut body = br#"{"object":"list","data":["#.to_vec();
    body.extend(items.join(&b','));
    body.extend(format!(r#"],"has_more":{has_more}}}"#).into_bytes());
    reply::json(body)
}

/// The page of `items` (newest first) that begins at `place`, and whether there are more beyond
/// it in that direction.
///
/// # Errors
/// `validation_error` if `place` is not in the list.
pub(super) fn cut<T, K: PartialEq>(
    items: Vec<T>,
    key: impl Fn(&T) -> K,
    place: &Place<K>,
    limit: usize,
) -> Result<(Vec<T>, bool), Refusal> {
    let find = |name: &str, wanted: &K| {
        let found = items.iter().position(|item| key(item) == *wanted);
        found.ok_or_else(|| unknown_place(name))
    };
    let (range, has_more) = match place {
        Place::Before(wanted) => {
            let end = find("ending_before", wanted)?;
            let start = end.saturating_sub(limit);
            (start..end, start > 0)
        }
        Place::Start => (0..items.len().min(limit), items.len() > limit),
        Place::After(wanted) => {
            let start = find("starting_after", wanted)? + 1;
            let end = items.len().min(start + limit);
            (start..end, end < items.len())
        }
    };
    Ok((items.into_iter().skip(range.start).take(range.len()).collect(), has_more))
}

/// The refusal of a place that is not in the list.
pub(super) fn unknown_place(parameter: &str) -> Refusal {
    Refusal::field(parameter, "must name an object of this workspace and mode")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(place: Place<u8>, limit: usize) -> Result<(Vec<u8>, bool), Refusal> {
        cut(vec![5, 4, 3, 2, 1], |item| *item, &place, limit)
    }

    #[test]
    fn pages_meet_without_gap_or_overlap() {
        assert_eq!(page(Place::Start, 2), Ok((vec![5, 4], true)));
        assert_eq!(page(Place::After(4), 2), Ok((vec![3, 2], true)));
        assert_eq!(page(Place::After(2), 2), Ok((vec![1], false)));
        assert_eq!(page(Place::After(1), 2), Ok((vec![], false)));
        assert_eq!(page(Place::Before(1), 2), Ok((vec![3, 2], true)));
        assert_eq!(page(Place::Before(3), 2), Ok((vec![5, 4], false)));
        assert_eq!(page(Place::Start, 5), Ok((vec![5, 4, 3, 2, 1], false)));
        assert!(page(Place::After(9), 2).is_err());
    }
}
