//! Pictures in a bucket of a server that speaks S3.

use std::error::Error as _;
use std::fmt::Write as _;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, Error, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};
use vetd_model::Timestamp;

use super::folder::{DRAFTS, draft_name};
use super::sealing::SEALED_LIMIT;
use super::{BucketLocation, Found, MediaError, MediaOpenError, ObjectName};

/// How long a call takes at most, all its tries together; for lists, one page of them.
const LIMIT: Duration = Duration::from_secs(10);
/// How long one connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);
/// How often a request is sent again.
const RETRIES: usize = 5;
/// The most letters of what a server says that are repeated.
const SAID: usize = 300;

/// An open bucket.
#[derive(Clone)]
pub(super) struct Bucket {
    store: AmazonS3,
    prefix: Path,
}

/// What of a bucket's list is an object, a draft or neither.
pub(super) enum Listed {
    /// An object.
    Object(Found),
    /// Left by a probe that was cut short.
    Draft(Path, Timestamp),
    /// Something that is not ours.
    Foreign(String),
}

impl Bucket {
    /// Prepares calls to the bucket; nothing is sent yet.
    pub(super) fn open(location: &BucketLocation) -> Result<Self, MediaOpenError> {
        let wrong = |error: Error| MediaOpenError::Bucket { place: location.place.clone(), reason: in_short(&error) };
        let retry = RetryConfig {
            backoff: BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() },
            max_retries: RETRIES,
            retry_timeout: LIMIT,
        };
        let is_http = location.endpoint.as_ref().is_some_and(super::BucketEndpoint::is_http);
        let client = ClientOptions::new().with_timeout(LIMIT).with_connect_timeout(CONNECT).with_allow_http(is_http);
        // Nothing comes from the environment: what is not set here is not looked for elsewhere.
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(location.place.bucket())
            .with_region(&location.region)
            .with_access_key_id(&location.access_key_id)
            .with_secret_access_key(location.secret_access_key.as_str())
            .with_client_options(client)
            .with_retry(retry)
            .with_disable_tagging(true)
            // Not every server that speaks S3 has the call that deletes many.
            .with_disable_bulk_delete(true);
        if let Some(endpoint) = &location.endpoint {
            builder = builder.with_endpoint(endpoint.as_str());
        }
        let store = builder.build().map_err(wrong)?;
        Ok(Self { store, prefix: Path::from(location.place.prefix()) })
    }

    pub(super) async fn put(&self, name: &ObjectName, bytes: Bytes) -> Result<(), MediaError> {
        self.put_at(&self.path_of(name), bytes).await
    }

    async fn put_at(&self, path: &Path, bytes: Bytes) -> Result<(), MediaError> {
        in_time(self.store.put(path, bytes.into())).await?.map(drop).map_err(unavailable)
    }

    pub(super) async fn get(&self, name: &ObjectName) -> Result<Option<Bytes>, MediaError> {
        self.get_at(&self.path_of(name)).await
    }

    async fn get_at(&self, path: &Path) -> Result<Option<Bytes>, MediaError> {
        let read = async {
            let found = match self.store.get(path).await {
                Err(Error::NotFound { source, .. }) if !is_about_the_bucket(&source.to_string()) => return Ok(None),
                other => other.map_err(unavailable)?,
            };
            if found.meta.size > SEALED_LIMIT as u64 {
                return Err(MediaError::TooLarge);
            }
            found.bytes().await.map(Some).map_err(unavailable)
        };
        in_time(read).await?
    }

    pub(super) async fn delete(&self, name: &ObjectName) -> Result<(), MediaError> {
        self.delete_at(&self.path_of(name)).await
    }

    async fn delete_at(&self, path: &Path) -> Result<(), MediaError> {
        match in_time(self.store.delete(path)).await? {
            Err(Error::NotFound { source, .. }) if !is_about_the_bucket(&source.to_string()) => Ok(()),
            other => other.map_err(unavailable),
        }
    }

    /// Everything under the prefix.
    pub(super) fn list(&self) -> BoxStream<'static, Result<Listed, MediaError>> {
        let prefix = self.prefix.clone();
        let listed = self.store.list(Some(&self.prefix));
        futures::stream::unfold(Some(listed), |listed| async {
            let mut listed = listed?;
            match in_time(listed.next()).await {
                Ok(found) => found.map(|found| (found.map_err(unavailable), Some(listed))),
                // After an answer that did not come there is nothing to go on from.
                Err(late) => Some((Err(late), None)),
            }
        })
        .map(move |found| found.map(|meta| classify(&prefix, meta)))
        .boxed()
    }

    /// Deletes what probes that were cut short before this time have left.
    pub(super) async fn clear_drafts(&self, older_than: Timestamp) -> Result<(), MediaError> {
        let drafts = self.prefix.clone().join(DRAFTS);
        let mut listed = self.store.list(Some(&drafts));
        while let Some(found) = in_time(listed.next()).await? {
            if let Listed::Draft(path, modified) = classify(&self.prefix, found.map_err(unavailable)?)
                && modified < older_than
            {
                self.delete_at(&path).await?;
            }
        }
        Ok(())
    }

    /// Writes, reads, lists and deletes an object: what the access key must be allowed.
    pub(super) async fn probe(&self) -> Result<(), MediaError> {
        let drafts = self.prefix.clone().join(DRAFTS);
        let path = drafts.clone().join(draft_name());
        self.put_at(&path, Bytes::from_static(super::PROBE)).await?;
        let read = self.get_at(&path).await;
        let listed = in_time(self.store.list(Some(&drafts)).next()).await;
        self.delete_at(&path).await?;
        listed?.transpose().map_err(unavailable)?;
        if read?.is_some_and(|read| read == super::PROBE) {
            Ok(())
        } else {
            Err(MediaError::Unavailable("the bucket gives back other bytes than it was given".to_owned()))
        }
    }

    fn path_of(&self, name: &ObjectName) -> Path {
        name.segments().into_iter().fold(self.prefix.clone(), Path::join)
    }
}

fn classify(prefix: &Path, meta: ObjectMeta) -> Listed {
    let modified = Timestamp::from_millis(u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or_default());
    let Some(inside) = meta.location.prefix_match(prefix) else { return Listed::Foreign(meta.location.to_string()) };
    let segments: Vec<_> = inside.collect();
    let inside = segments.iter().map(|segment| segment.as_ref()).collect::<Vec<_>>().join("/");
    match ObjectName::parse(&inside) {
        Some(name) => Listed::Object(Found { name, modified, bytes: meta.size }),
        None if segments.first().is_some_and(|first| first.as_ref() == DRAFTS) => {
            Listed::Draft(meta.location, modified)
        }
        None => Listed::Foreign(inside),
    }
}

/// A call's time-outs and tries bound each other only loosely; this bounds the whole.
async fn in_time<T>(call: impl Future<Output = T>) -> Result<T, MediaError> {
    tokio::time::timeout(LIMIT, call)
        .await
        .map_err(|_| MediaError::Unavailable(format!("the bucket has not answered for {} s", LIMIT.as_secs())))
}

/// An absent bucket is answered like an absent object, and must not be taken for one.
fn is_about_the_bucket(said: &str) -> bool {
    said.contains("NoSuchBucket")
}

fn unavailable(error: Error) -> MediaError {
    tracing::warn!(error = in_short(&error), "the bucket of pictures has failed");
    MediaError::Unavailable(match error {
        Error::NotFound { .. } => "there is no such bucket".to_owned(),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            "the bucket refuses the access key".to_owned()
        }
        other => in_short(&other),
    })
}

/// An error with its causes on one line. A server's answer is part of it and may be long.
fn in_short(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(because) = cause {
        let said = because.to_string();
        if !text.contains(&said) {
            let _ = write!(text, ": {said}");
        }
        cause = because.source();
    }
    text.chars().take(SAID).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_kept_short_and_on_one_line() {
        let said = format!("<Error>\n\u{1b}[2J{}</Error>", "x".repeat(5_000));
        let error = Error::Generic { store: "S3", source: said.into() };
        let text = in_short(&error);
        assert!(text.chars().count() <= SAID && !text.chars().any(char::is_control), "{text}");
    }
}
