//! Pieces that several shapes share.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vetd_model::Status;
use vetd_model::audit_log::AuditAction;
use vetd_model::check::{CheckKind, CheckStatus, LastError};
use vetd_model::delivery::Fault;
use vetd_model::event::EventKind;
use vetd_model::field::Source;
use vetd_model::flow::DocumentKind;
use vetd_model::media::{Flaw, MediaKind};
use vetd_model::review::Decision;
use vetd_model::session::CanceledBy;
use vetd_model::webhook::DisabledReason;

use crate::codec::Damaged;

/// Gives each variant of a model's enum its number on disk, both ways.
macro_rules! tags {
    ($to:ident, $from:ident, $type:ident { $($variant:ident = $tag:literal),* $(,)? }) => {
        pub(crate) const fn $to(value: $type) -> u8 {
            match value { $($type::$variant => $tag),* }
        }

        pub(crate) const fn $from(tag: u8) -> Result<$type, Damaged> {
            match tag { $($tag => Ok($type::$variant),)* _ => Err(Damaged) }
        }
    };
}

tags!(status_tag, status_from, Status {
    Created = 0, RequiresInput = 1, InProgress = 2, Completed = 3, Failed = 4, RequiresReview = 5, Canceled = 6,
    Expired = 7,
});
tags!(event_tag, event_from, EventKind {
    Created = 0, Updated = 1, Completed = 2, Failed = 3, ReviewRequired = 4, Canceled = 5, Expired = 6,
    Reviewed = 7, Redacted = 8,
});
tags!(fault_tag, fault_from, Fault { TimedOut = 0, AddressRefused = 1, NotConnected = 2, Broken = 3 });
tags!(reason_tag, reason_from, DisabledReason { Gone = 0, Failing = 1 });
tags!(check_tag, check_from, CheckKind {
    DataCompleteness = 0, Age = 1, ImageQuality = 2, DocumentMrz = 3, DocumentBarcode = 4, DocumentConsistency = 5,
    DocumentExpiry = 6, DocumentType = 7, IssuingCountry = 8, DataMatch = 9, DuplicateDocument = 10, Provider = 11,
    Watchlist = 12, DocumentChip = 13, FaceMatch = 14, Liveness = 15,
});
tags!(finding_tag, finding_from, CheckStatus { Passed = 0, Failed = 1, NeedsReview = 2, Pending = 3, Skipped = 4 });
tags!(document_tag, document_from, DocumentKind { Passport = 0, IdCard = 1, DrivingLicense = 2 });
tags!(media_tag, media_from, MediaKind { DocumentFront = 0, DocumentBack = 1, Selfie = 2 });
tags!(flaw_tag, flaw_from, Flaw { Blurred = 0, Glare = 1, Dark = 2, Overexposed = 3, TooSmall = 4 });
tags!(source_tag, source_from, Source {
    MrzProven = 0, Barcode = 1, Mrz = 2, Typed = 3, Chip = 4,
});
tags!(decision_tag, decision_from, Decision { Approved = 0, Declined = 1 });
tags!(canceled_tag, canceled_from, CanceledBy { Person = 0, Tenant = 1 });
tags!(action_tag, action_from, AuditAction {
    VerificationReviewed = 0, VerificationRedacted = 1, MediaViewed = 2, MediaDeleted = 3, RetentionApplied = 4,
    WatchlistImported = 5, MasterKeyRotated = 6, WatchlistRemoved = 7,
});

/// Why an attempt did not complete.
#[derive(Serialize, Deserialize)]
pub(crate) struct LastErrorV1<'a> {
    code: Cow<'a, str>,
    message: Cow<'a, str>,
    check: Option<u8>,
}

impl<'a> From<&'a LastError> for LastErrorV1<'a> {
    fn from(error: &'a LastError) -> Self {
        Self {
            code: Cow::Borrowed(&error.code),
            message: Cow::Borrowed(&error.message),
            check: error.check.map(check_tag),
        }
    }
}

impl TryFrom<LastErrorV1<'_>> for LastError {
    type Error = Damaged;

    fn try_from(disk: LastErrorV1<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            code: Cow::Owned(disk.code.into_owned()),
            message: Cow::Owned(disk.message.into_owned()),
            check: disk.check.map(check_from).transpose()?,
        })
    }
}
