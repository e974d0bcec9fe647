//! The status index: one entry for each session, under a code. For a live session it says when
//! the session must be rung, so that recovery reads nothing else.

use vetd_model::review::Decision;
use vetd_model::{Session, Status, Timestamp};

use crate::codec::{Damaged, take};
use crate::disk::parts::status_tag;
use crate::query::StatusFilter;

/// A session that ended in review, whose verification was approved.
const REVIEW_APPROVED: u8 = 8;
/// A session that ended in review, whose verification was declined.
const REVIEW_DECLINED: u8 = 9;

const VERSION: u8 = 1;

/// The codes of sessions that have not ended.
pub(crate) const LIVE: [u8; 3] =
    [status_tag(Status::Created), status_tag(Status::RequiresInput), status_tag(Status::InProgress)];

/// Where a session stands in the status index, and what is said of it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatusEntry {
    /// The code that the entry is filed under.
    pub code: u8,
    /// Of a live session: when it must be rung, and whether checks run.
    pub live: Option<(Timestamp, bool)>,
}

impl StatusEntry {
    pub(crate) fn of(session: &Session) -> Self {
        let checking = session.state.is_checked();
        let code = match session.review.as_ref().map(|review| review.decision) {
            None => status_tag(session.status()),
            Some(Decision::Approved) => REVIEW_APPROVED,
            Some(Decision::Declined) => REVIEW_DECLINED,
        };
        Self { code, live: session.deadline().map(|deadline| (deadline, checking)) }
    }

    /// True if this is the code of sessions with this status.
    pub(crate) fn is(code: u8, status: Status) -> bool {
        codes(StatusFilter::Session(status)).contains(&code)
    }

    pub(crate) fn value(&self) -> Vec<u8> {
        let Some((deadline, checking)) = self.live else { return vec![VERSION] };
        let mut value = vec![VERSION];
        value.extend_from_slice(&deadline.millis().to_be_bytes());
        value.push(u8::from(checking));
        value
    }

    /// What an entry of a live session says.
    pub(crate) fn live(value: &[u8]) -> Result<(Timestamp, bool), Damaged> {
        let ([version], rest) = take::<1>(value)?;
        let (deadline, rest) = take::<8>(rest)?;
        match (version, rest) {
            (VERSION, [checking @ (0 | 1)]) => {
                Ok((Timestamp::from_millis(u64::from_be_bytes(deadline)), *checking == 1))
            }
            _ => Err(Damaged),
        }
    }
}

/// The codes whose union a filter asks for.
pub(crate) fn codes(filter: StatusFilter) -> Vec<u8> {
    match filter {
        StatusFilter::Session(Status::RequiresReview) => {
            vec![status_tag(Status::RequiresReview), REVIEW_APPROVED, REVIEW_DECLINED]
        }
        StatusFilter::Verification(Status::Completed) => vec![status_tag(Status::Completed), REVIEW_APPROVED],
        StatusFilter::Verification(Status::Failed) => vec![status_tag(Status::Failed), REVIEW_DECLINED],
        StatusFilter::Session(status) | StatusFilter::Verification(status) => vec![status_tag(status)],
    }
}
