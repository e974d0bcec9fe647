//! Pictures on their way in: what has arrived of uploads that a client may resume, in memory and
//! within bounds.
//!
//! The rules are those of resumable uploads over HTTP (draft-ietf-httpbis-resumable-upload): the
//! bytes of a part belong at `Upload-Offset`; where that is not how far the upload has come, the
//! part is refused and the client is told where to go on; with `Upload-Complete` the caller takes
//! the whole. Nothing here is durable, and nothing here acknowledges more than that so many bytes
//! have arrived: after a restart, or when room is needed, a client goes on at 0.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use vetd_model::{SessionId, Timestamp};

/// The most bytes of one upload.
pub const UPLOAD_BYTES: usize = 16 * 1024 * 1024;
/// The most bytes of all uploads together, if nothing else is configured.
pub const UPLOADS_BYTES: usize = 64 * 1024 * 1024;
/// How long an upload is kept after its last part.
pub const UPLOAD_LIFE: Duration = Duration::from_secs(10 * 60);

/// What arrives is copied into segments of this size, so that it holds on to no buffer of a
/// connection, and growing copies nothing that is large.
const SEGMENT: usize = 64 * 1024;
/// The first segment begins with this size and doubles: small uploads take little.
const SMALLEST: usize = 4 * 1024;
/// What an upload takes besides its segments: its places in the maps and its list of segments.
const OVERHEAD: usize = 512;

/// Names an upload: of one session, and of what kind its picture is (the caller's number).
pub type UploadKey = (SessionId, u8);

/// How far an upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// So many bytes have arrived: where the next part begins.
    pub offset: u64,
    /// The most that may arrive in all.
    pub limit: u64,
}

/// Why a part was not taken. Nothing of it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UploadRefusal {
    /// The part does not follow what has arrived; what is kept of that may have been dropped.
    #[error("the upload has arrived up to byte {expected}; go on there")]
    Offset {
        /// Where to go on.
        expected: u64,
    },
    /// The upload would have more bytes than it may.
    #[error("an upload has at most {limit} bytes")]
    TooLarge {
        /// The most that it may have.
        limit: u64,
    },
}

/// What has arrived of all uploads.
pub struct Uploads {
    limit: usize,
    held: usize,
    uploads: HashMap<UploadKey, Upload>,
    /// By their last part, the oldest first: counts rather than times, which may be set back.
    order: BTreeMap<u64, UploadKey>,
    parts: u64,
}

struct Upload {
    segments: Vec<Vec<u8>>,
    length: usize,
    touched: Timestamp,
    place: u64,
}

impl Default for Uploads {
    fn default() -> Self {
        Self::new(UPLOADS_BYTES)
    }
}

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploads")
            .field("held", &self.held)
            .field("uploads", &self.uploads.len())
            .finish_non_exhaustive()
    }
}

impl Uploads {
    /// No uploads, of which all together may take so many bytes of memory.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, held: 0, uploads: HashMap::new(), order: BTreeMap::new(), parts: 0 }
    }

    /// How many bytes of memory are in use; never more than the limit.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// How many bytes of an upload have arrived: where its next part begins. 0 for one that is
    /// unknown, has been dropped, or has lain for too long.
    #[must_use]
    pub fn offset(&self, key: UploadKey, now: Timestamp) -> u64 {
        self.uploads.get(&key).filter(|upload| upload.is_alive(now)).map_or(0, |upload| upload.length as u64)
    }

    /// Takes in a part that begins at `offset`; in all, the upload may have `total_limit` bytes
    /// (and never more than [`UPLOAD_BYTES`]). Others are dropped to make room, those first whose
    /// last part is longest ago. A part without bytes keeps an upload alive.
    ///
    /// # Errors
    /// [`UploadRefusal`], and nothing of the part was taken.
    pub fn append(
        &mut self,
        key: UploadKey,
        offset: u64,
        total_limit: usize,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<Progress, UploadRefusal> {
        self.expire(now);
        let limit = total_limit.min(UPLOAD_BYTES);
        let before = self.offset(key, now);
        if before == 0 {
            // One that has lain for too long while the clock was set back.
            self.forget(key);
        }
        if offset != before {
            return Err(UploadRefusal::Offset { expected: before });
        }
        let before = self.uploads.get(&key).map_or(0, |upload| upload.length);
        let length = before.saturating_add(bytes.len());
        if length > limit || cost(length) > self.limit {
            return Err(UploadRefusal::TooLarge { limit: limit as u64 });
        }
        if length > 0 {
            self.make_room(key, cost(length) - if before == 0 { 0 } else { cost(before) });
            self.take_in(key, bytes, now);
        }
        Ok(Progress { offset: length as u64, limit: limit as u64 })
    }

    /// Everything that has arrived of an upload, which is forgotten here; `None` if nothing has.
    #[must_use]
    pub fn take(&mut self, key: UploadKey, now: Timestamp) -> Option<Bytes> {
        let upload = self.remove(key).filter(|upload| upload.is_alive(now))?;
        let mut whole = Vec::with_capacity(upload.length);
        // Each segment goes as soon as it is copied.
        upload.segments.into_iter().for_each(|segment| whole.extend_from_slice(&segment));
        Some(Bytes::from(whole))
    }

    /// Forgets an upload: the client begins again.
    pub fn forget(&mut self, key: UploadKey) {
        drop(self.remove(key));
    }

    /// Forgets the uploads of a session.
    pub fn forget_session(&mut self, session: SessionId) {
        let keys: Vec<UploadKey> = self.uploads.keys().filter(|key| key.0 == session).copied().collect();
        keys.into_iter().for_each(|key| self.forget(key));
    }

    /// Forgets the uploads that have lain for [`UPLOAD_LIFE`]. Every part does this too; called now
    /// and then, it frees memory while no part comes.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some((_, &oldest)) = self.order.first_key_value() {
            if self.uploads.get(&oldest).is_some_and(|upload| upload.is_alive(now)) {
                return;
            }
            self.order.pop_first();
            self.forget(oldest);
        }
    }

    /// Drops the oldest others until so many bytes more fit in.
    fn make_room(&mut self, key: UploadKey, more: usize) {
        while self.held.saturating_add(more) > self.limit {
            let Some(oldest) = self.order.values().find(|other| **other != key).copied() else { return };
            self.forget(oldest);
        }
    }

    fn take_in(&mut self, key: UploadKey, bytes: &[u8], now: Timestamp) {
        self.parts += 1;
        let place = self.parts;
        let is_new = !self.uploads.contains_key(&key);
        let new = || Upload { segments: Vec::new(), length: 0, touched: now, place };
        let upload = self.uploads.entry(key).or_insert_with(new);
        let before = if is_new { 0 } else { cost(upload.length) };
        upload.push(bytes);
        self.held = self.held - before + cost(upload.length);
        self.order.remove(&upload.place);
        (upload.touched, upload.place) = (now, place);
        self.order.insert(place, key);
    }

    fn remove(&mut self, key: UploadKey) -> Option<Upload> {
        let upload = self.uploads.remove(&key)?;
        self.order.remove(&upload.place);
        self.held -= cost(upload.length);
        Some(upload)
    }
}

impl Upload {
    fn is_alive(&self, now: Timestamp) -> bool {
        now.since(self.touched) < UPLOAD_LIFE
    }

    fn push(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len();
        while !bytes.is_empty() {
            let wanted = if self.segments.len() > 1 { SEGMENT } else { capacity(self.length).min(SEGMENT) };
            match self.segments.last_mut() {
                Some(last) if last.len() < SEGMENT => {
                    let (now, later) = bytes.split_at(bytes.len().min(SEGMENT - last.len()));
                    last.reserve_exact(wanted.saturating_sub(last.len()));
                    last.extend_from_slice(now);
                    bytes = later;
                }
                _ => self.segments.push(Vec::with_capacity(if self.segments.is_empty() { wanted } else { SEGMENT })),
            }
        }
    }
}

/// How much the segments of so many bytes take.
const fn capacity(length: usize) -> usize {
    if length <= SMALLEST {
        SMALLEST
    } else if length <= SEGMENT {
        length.next_power_of_two()
    } else {
        length.next_multiple_of(SEGMENT)
    }
}

/// How much memory an upload of so many bytes takes.
const fn cost(length: usize) -> usize {
    // The list of segments doubles as it grows: twice 24 bytes for each.
    OVERHEAD + capacity(length) + capacity(length) / SEGMENT * 48
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_763_800_000);

    fn key(session: u8, kind: u8) -> UploadKey {
        (SessionId::from_bytes([session; 16]), kind)
    }

    fn progress(offset: u64) -> Result<Progress, UploadRefusal> {
        Ok(Progress { offset, limit: UPLOAD_BYTES as u64 })
    }

    fn after(minutes: u64) -> Timestamp {
        START.after(Duration::from_secs(60 * minutes))
    }

    #[test]
    fn parts_follow_one_another() {
        let mut uploads = Uploads::default();
        let key = key(1, 1);
        assert_eq!(uploads.append(key, 0, UPLOAD_BYTES, b"one ", START), progress(4));
        let refused = Err(UploadRefusal::Offset { expected: 4 });
        assert_eq!(uploads.append(key, 0, UPLOAD_BYTES, b"one ", START), refused, "sent again");
        assert_eq!(uploads.append(key, 5, UPLOAD_BYTES, b"three", START), refused, "too far ahead");
        assert_eq!(uploads.offset(key, START), 4);
        assert_eq!(uploads.append(key, 4, UPLOAD_BYTES, b"two", START), progress(7));
        assert_eq!(uploads.take(key, START).unwrap(), "one two");
        assert_eq!((uploads.offset(key, START), uploads.take(key, START), uploads.held()), (0, None, 0));
    }

    #[test]
    fn uploads_are_apart() {
        let mut uploads = Uploads::default();
        for (session, kind) in [(1, 1), (1, 2), (2, 1)] {
            uploads.append(key(session, kind), 0, UPLOAD_BYTES, &[session, kind], START).unwrap();
        }
        uploads.forget_session(key(1, 0).0);
        assert_eq!((uploads.offset(key(1, 1), START), uploads.offset(key(1, 2), START)), (0, 0));
        assert_eq!(uploads.take(key(2, 1), START).unwrap(), &[2, 1][..]);
        assert_eq!(uploads.held(), 0);
    }

    #[test]
    fn an_upload_has_a_largest_size() {
        let mut uploads = Uploads::default();
        let key = key(1, 1);
        let refused = |limit| Err(UploadRefusal::TooLarge { limit });
        assert_eq!(uploads.append(key, 0, 3, b"four", START), refused(3));
        assert_eq!(uploads.append(key, 0, 4, b"four", START), Ok(Progress { offset: 4, limit: 4 }));
        assert_eq!(uploads.append(key, 4, 4, b"+", START), refused(4));
        assert_eq!(uploads.append(key, 4, usize::MAX, &vec![0; UPLOAD_BYTES], START), refused(UPLOAD_BYTES as u64));
        assert_eq!(
            uploads.append(key, 4, usize::MAX, &vec![0; UPLOAD_BYTES - 4], START),
            progress(UPLOAD_BYTES as u64)
        );
        assert_eq!(uploads.take(key, START).unwrap().len(), UPLOAD_BYTES);
        // Also one that no dropping of others makes room for.
        let mut small = Uploads::new(10_000);
        assert_eq!(small.append(key, 0, UPLOAD_BYTES, &[0; 10_000], START), refused(UPLOAD_BYTES as u64));
        assert_eq!(small.held(), 0);
    }

    #[test]
    fn the_one_whose_last_part_is_longest_ago_makes_room() {
        let mut uploads = Uploads::new(3 * cost(SEGMENT));
        let part = vec![7; SEGMENT];
        for session in 1..=3 {
            uploads.append(key(session, 1), 0, UPLOAD_BYTES, &part, START).unwrap();
        }
        // A sign of life of the first.
        uploads.append(key(1, 1), SEGMENT as u64, UPLOAD_BYTES, b"", START).unwrap();
        uploads.append(key(4, 1), 0, UPLOAD_BYTES, b"x", START).unwrap();
        let offsets = [1, 2, 3, 4].map(|session| uploads.offset(key(session, 1), START));
        assert_eq!(offsets, [SEGMENT as u64, 0, SEGMENT as u64, 1]);
        // Whoever was dropped is told to begin again.
        let resumed = uploads.append(key(2, 1), SEGMENT as u64, UPLOAD_BYTES, b"x", START);
        assert_eq!(resumed, Err(UploadRefusal::Offset { expected: 0 }));
    }

    #[test]
    fn an_upload_dies_ten_minutes_after_its_last_part() {
        let mut uploads = Uploads::default();
        uploads.append(key(1, 1), 0, UPLOAD_BYTES, b"old", START).unwrap();
        uploads.append(key(1, 1), 3, UPLOAD_BYTES, b"er", after(9)).unwrap();
        assert_eq!(uploads.offset(key(1, 1), after(18)), 5);
        assert_eq!(uploads.offset(key(1, 1), after(19)), 0);
        assert_eq!(uploads.take(key(1, 1), after(19)), None);
        uploads.append(key(1, 1), 0, UPLOAD_BYTES, b"old", START).unwrap();
        let refused = Err(UploadRefusal::Offset { expected: 0 });
        assert_eq!(uploads.append(key(1, 1), 3, UPLOAD_BYTES, b"er", after(10)), refused);
        assert_eq!(uploads.held(), 0, "every part makes the dead ones go");
        // A clock that was set back keeps nothing for good, and what is dead stays dead.
        uploads.append(key(1, 1), 0, UPLOAD_BYTES, b"later", after(60)).unwrap();
        uploads.append(key(2, 1), 0, UPLOAD_BYTES, b"now", START).unwrap();
        assert_eq!(uploads.append(key(2, 1), 0, UPLOAD_BYTES, b"n", after(30)), progress(1));
        uploads.expire(after(70));
        assert_eq!(uploads.held(), 0);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Append { session: u8, kind: u8, ahead: i64, length: usize },
        Take { session: u8, kind: u8 },
        Forget { session: u8 },
        Wait { minutes: u64 },
    }

    fn step() -> impl Strategy<Value = Step> {
        let length = prop_oneof![0..40_usize, 3_000..5_000_usize, 50_000..140_000_usize];
        let ahead = prop_oneof![8 => Just(0), 1 => -3..3_i64];
        prop_oneof![
            12 => (0..4_u8, 0..2_u8, ahead, length)
                .prop_map(|(session, kind, ahead, length)| Step::Append { session, kind, ahead, length }),
            2 => (0..4_u8, 0..2_u8).prop_map(|(session, kind)| Step::Take { session, kind }),
            1 => (0..4_u8).prop_map(|session| Step::Forget { session }),
            1 => (0..12_u64).prop_map(|minutes| Step::Wait { minutes }),
        ]
    }

    /// The memory that is really in use.
    fn in_use(uploads: &Uploads) -> usize {
        let of = |upload: &Upload| {
            let bytes: usize = upload.segments.iter().map(Vec::capacity).sum();
            assert_eq!(bytes, capacity(upload.length));
            bytes + upload.segments.capacity() * size_of::<Vec<u8>>() + size_of::<(UploadKey, Upload)>()
        };
        uploads.uploads.values().map(of).sum()
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_or_out_of_order_and_memory_is_bounded(
            limit in 10_000..600_000_usize,
            steps in prop::collection::vec(step(), 1..50),
        ) {
            let mut uploads = Uploads::new(limit);
            let mut sent: HashMap<UploadKey, Vec<u8>> = HashMap::new();
            let (mut now, mut next) = (START, 0_u8);
            for step in steps {
                match step {
                    Step::Append { session, kind, ahead, length } => {
                        let key = key(session, kind);
                        let part: Vec<u8> = (0..length).map(|_| { next = next.wrapping_mul(5).wrapping_add(3); next }).collect();
                        let before = uploads.offset(key, now);
                        let sent = sent.entry(key).or_default();
                        // Either everything that was acknowledged is there, or nothing is.
                        prop_assert!(before == sent.len() as u64 || before == 0);
                        sent.truncate(usize::try_from(before).unwrap());
                        let offset = before.saturating_add_signed(ahead);
                        match uploads.append(key, offset, UPLOAD_BYTES, &part, now) {
                            Ok(progress) => {
                                prop_assert_eq!(offset, before);
                                sent.extend_from_slice(&part);
                                prop_assert_eq!(progress.offset, sent.len() as u64);
                            }
                            Err(UploadRefusal::Offset { expected }) => {
                                prop_assert!(offset != before);
                                prop_assert_eq!(expected, before);
                            }
                            Err(UploadRefusal::TooLarge { .. }) => prop_assert!(cost(sent.len() + length) > limit),
                        }
                        prop_assert_eq!(uploads.offset(key, now), sent.len() as u64);
                    }
                    Step::Take { session, kind } => {
                        let key = key(session, kind);
                        let there = uploads.offset(key, now);
                        let taken = uploads.take(key, now);
                        let sent = sent.remove(&key).unwrap_or_default();
                        match taken {
                            Some(taken) => prop_assert!(taken == sent, "{} bytes taken, {} sent", taken.len(), sent.len()),
                            None => prop_assert_eq!(there, 0),
                        }
                    }
                    Step::Forget { session } => uploads.forget_session(key(session, 0).0),
                    Step::Wait { minutes } => now = now.after(Duration::from_secs(60 * minutes)),
                }
                prop_assert!(uploads.held() <= limit && in_use(&uploads) <= uploads.held());
                prop_assert_eq!(uploads.order.len(), uploads.uploads.len());
            }
        }
    }
}
