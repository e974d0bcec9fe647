//! Where the pictures of documents and faces are kept: sealed objects, in a folder of this machine
//! or in a bucket, apart from the store and under names that say nothing of anybody.
//!
//! An object is written once and never changed. The order of things is the caller's: an object is
//! put before the commit that tells of it, and deleted after the one that forgets it. What a crash
//! leaves in between is found with [`MediaStore::list`].

#[cfg(feature = "s3")]
mod bucket;
mod folder;
mod location;
mod name;
mod sealing;

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use vetd_model::Timestamp;

#[cfg(feature = "s3")]
use self::bucket::{Bucket, Listed};
use self::folder::Folder;
pub use self::location::{
    BucketEndpoint, BucketEndpointError, BucketLocation, BucketPlace, BucketPlaceError, MediaLocation,
};
pub use self::name::ObjectName;
use self::sealing::SEALED_LIMIT;
pub use self::sealing::{open, seal};
use crate::api::StoreError;

/// The most bytes of an object before it is sealed.
pub const OBJECT_LIMIT: usize = 20 * 1024 * 1024;
/// What a probe writes.
const PROBE: &[u8] = b"vetd";
/// How many names of a list wait for whoever reads it.
const LIST_AHEAD: usize = 256;

/// Why an object was not written, read or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The folder's disk is full, or full up to its reserve. Nothing was written.
    #[error("the disk of the pictures is full up to its reserve")]
    Full,
    /// The disk or the bucket failed. Whether an object that was put or deleted under way is there
    /// is unknown; putting and deleting can be tried again.
    #[error("the pictures are not available: {0}")]
    Unavailable(String),
    /// An object of more than [`OBJECT_LIMIT`] bytes.
    #[error("the picture is too large")]
    TooLarge,
    /// The object is not what was sealed for this place by this session.
    #[error("the picture {0} is damaged or not of this place")]
    Damaged(ObjectName),
    /// A later release has sealed it.
    #[error("the picture {name} is sealed in version {version}, which this program does not know")]
    UnknownVersion {
        /// Which object.
        name: ObjectName,
        /// The version that it names.
        version: u8,
    },
}

impl From<MediaError> for StoreError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::Full => Self::Full,
            MediaError::Unavailable(why) => Self::Unavailable(why),
            MediaError::TooLarge => Self::TooLarge,
            MediaError::Damaged(name) | MediaError::UnknownVersion { name, .. } => {
                Self::Inconsistent { key: format!("picture {name}") }
            }
        }
    }
}

/// Why the place of the pictures was not opened, with advice for the operator.
#[derive(Debug, thiserror::Error)]
pub enum MediaOpenError {
    /// The folder cannot be made or is not this user's.
    #[error("the folder of the pictures {} cannot be used: {source}; make it this user's own, or name another with media", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The bucket's settings do not make a client.
    #[error("the bucket {place} cannot be used: {reason}; see to the settings that begin with media")]
    Bucket {
        /// Which bucket.
        place: BucketPlace,
        /// What is wrong.
        reason: String,
    },
    /// The program was built without S3.
    #[error("the bucket {place} cannot be used: this program was built without the feature s3")]
    WithoutS3 {
        /// Which bucket.
        place: BucketPlace,
    },
}

/// An object that a list has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: ObjectName,
    /// When it was written, by the clock of the disk or bucket, which no offset moves.
    pub modified: Timestamp,
    /// How long it is, sealed.
    pub bytes: u64,
}

impl Found {
    /// Written before this time by the clock of its place, and named before it by ours: if one of
    /// the two is wrong or shifted, an object is taken for younger than it is, never for older.
    fn is_older_than(&self, at: Timestamp) -> bool {
        self.modified < at && self.name.media.born() < at
    }
}

/// Where pictures are kept. Clones share one place.
#[derive(Clone)]
pub struct MediaStore {
    place: Place,
    /// Whether something in it that is not ours has been reported.
    reported: Arc<AtomicBool>,
}

#[derive(Clone)]
enum Place {
    Folder(Arc<Folder>),
    #[cfg(feature = "s3")]
    Bucket(Bucket),
}

impl fmt::Debug for MediaStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MediaStore(..)")
    }
}

impl MediaStore {
    /// Opens the place. A folder is made if it is absent; a bucket is not asked for anything yet
    /// ([`Self::probe`] does). Blocks on the disk for a moment.
    ///
    /// # Errors
    /// If the folder cannot be used or the bucket's settings do not fit together.
    pub fn open(location: MediaLocation) -> Result<Self, MediaOpenError> {
        let place = match location {
            MediaLocation::Folder { path, reserve_bytes } => {
                Place::Folder(Arc::new(Folder::open(path, reserve_bytes)?))
            }
            #[cfg(feature = "s3")]
            MediaLocation::Bucket(location) => Place::Bucket(Bucket::open(&location)?),
            #[cfg(not(feature = "s3"))]
            MediaLocation::Bucket(BucketLocation { place, .. }) => return Err(MediaOpenError::WithoutS3 { place }),
        };
        Ok(Self { place, reported: Arc::default() })
    }

    /// Writes an object, in place of one that has the name already; resolves once it is durable.
    /// A call that was begun may go on after its future is dropped.
    ///
    /// # Errors
    /// [`MediaError::Full`] and [`MediaError::TooLarge`] if nothing was written, and
    /// [`MediaError::Unavailable`].
    pub async fn put(&self, name: &ObjectName, bytes: Bytes) -> Result<(), MediaError> {
        if bytes.len() > SEALED_LIMIT {
            return Err(MediaError::TooLarge);
        }
        let name = *name;
        match &self.place {
            Place::Folder(folder) => blocking(folder, move |folder| folder.put(&name, &bytes)).await,
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => bucket.put(&name, bytes).await,
        }
    }

    /// Reads an object; `None` if there is none.
    ///
    /// # Errors
    /// [`MediaError::Unavailable`], and [`MediaError::TooLarge`] for what was not written by vetd.
    pub async fn get(&self, name: &ObjectName) -> Result<Option<Bytes>, MediaError> {
        let name = *name;
        let found = match &self.place {
            Place::Folder(folder) => blocking(folder, move |folder| folder.get(&name)).await?.map(Bytes::from),
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => bucket.get(&name).await?,
        };
        match found {
            Some(bytes) if bytes.len() > SEALED_LIMIT => Err(MediaError::TooLarge),
            found => Ok(found),
        }
    }

    /// Deletes an object, durably; one that is absent already is fine.
    ///
    /// # Errors
    /// [`MediaError::Unavailable`].
    pub async fn delete(&self, name: &ObjectName) -> Result<(), MediaError> {
        let name = *name;
        match &self.place {
            Place::Folder(folder) => blocking(folder, move |folder| folder.delete(&name)).await,
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => bucket.delete(&name).await,
        }
    }

    /// Every object that was written, and whose [`vetd_model::MediaId`] was made, before this time;
    /// in no order. What is written or deleted meanwhile may be among them or not. What is no
    /// object of vetd's is left out, and reported once.
    ///
    /// An item that is an error is the last one.
    pub fn list(&self, older_than: Timestamp) -> BoxStream<'static, Result<Found, MediaError>> {
        let reported = Arc::clone(&self.reported);
        match &self.place {
            Place::Folder(folder) => list_folder(Arc::clone(folder), older_than, reported),
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => list_bucket(bucket, older_than, reported),
        }
    }

    /// Deletes what calls that were cut short before this time have left behind. To be called now
    /// and then, with a time well over a minute ago.
    ///
    /// # Errors
    /// [`MediaError::Unavailable`].
    pub async fn clear_drafts(&self, older_than: Timestamp) -> Result<(), MediaError> {
        match &self.place {
            Place::Folder(folder) => blocking(folder, move |folder| folder.clear_drafts(older_than)).await,
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => bucket.clear_drafts(older_than).await,
        }
    }

    /// Whether objects can be written, read and deleted: does it with a small one. In a bucket these
    /// are four requests, so do not ask more often than needed.
    ///
    /// # Errors
    /// What is wrong with the place.
    pub async fn probe(&self) -> Result<(), MediaError> {
        match &self.place {
            Place::Folder(folder) => blocking(folder, Folder::probe).await,
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => bucket.probe().await,
        }
    }
}

/// Calls the file system where it may block.
async fn blocking<T: Send + 'static>(
    folder: &Arc<Folder>,
    call: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
) -> Result<T, MediaError> {
    let folder = Arc::clone(folder);
    match spawn_blocking(move || call(&folder)).await {
        Ok(done) => done.map_err(|error| failed(&error)),
        Err(error) => Err(MediaError::Unavailable(error.to_string())),
    }
}

fn failed(error: &io::Error) -> MediaError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => MediaError::Full,
        _ => {
            tracing::error!(%error, "the folder of the pictures has failed");
            MediaError::Unavailable(error.to_string())
        }
    }
}

/// Goes through the folder on a thread of its own, as fast as the list is read.
fn list_folder(
    folder: Arc<Folder>,
    older_than: Timestamp,
    reported: Arc<AtomicBool>,
) -> BoxStream<'static, Result<Found, MediaError>> {
    let (sender, receiver) = mpsc::channel(LIST_AHEAD);
    // Begun by the first item that is asked for: a stream that nobody reads costs nothing.
    let begin = move || {
        spawn_blocking(move || {
            let mut each = |found| match sender.blocking_send(Ok(found)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
            let walked = folder.walk(older_than, &mut each, &|path| report(&reported, path));
            if let Err(error) = walked {
                let _ = sender.blocking_send(Err(failed(&error)));
            }
        });
    };
    let state = (Some(begin), receiver);
    stream::unfold(state, |(begin, mut receiver)| async move {
        if let Some(begin) = begin {
            begin();
        }
        let found = receiver.recv().await?;
        Some((found, (None, receiver)))
    })
    .boxed()
}

#[cfg(feature = "s3")]
fn list_bucket(
    bucket: &Bucket,
    older_than: Timestamp,
    reported: Arc<AtomicBool>,
) -> BoxStream<'static, Result<Found, MediaError>> {
    let listed = bucket.list().filter_map(move |listed| {
        let found = match listed {
            Ok(Listed::Object(found)) => found.is_older_than(older_than).then_some(Ok(found)),
            Ok(Listed::Draft(..)) => None,
            Ok(Listed::Foreign(path)) => {
                report(&reported, &path);
                None
            }
            Err(error) => Some(Err(error)),
        };
        std::future::ready(found)
    });
    listed.boxed()
}

/// Says that there is something else among the pictures: once, because there may be much of it.
fn report(reported: &AtomicBool, path: &str) {
    if !reported.swap(true, Ordering::Relaxed) {
        tracing::warn!(?path, "what vetd has not written is among the pictures; it and others like it are left alone");
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_full_disk_is_told_from_one_that_fails() {
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(failed(&full.write_all(b"x").unwrap_err()), MediaError::Full);
        let quota = io::Error::from(io::ErrorKind::QuotaExceeded);
        assert_eq!(failed(&quota), MediaError::Full);
        let other = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(matches!(failed(&other), MediaError::Unavailable(_)));
    }
}
