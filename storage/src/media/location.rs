//! Where pictures are kept: a folder, or a bucket of a server that speaks S3.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::{Host, Url};
use zeroize::Zeroizing;

/// Where pictures are kept.
#[derive(Debug, Clone)]
pub enum MediaLocation {
    /// A folder of this machine.
    Folder {
        /// The folder; made if it is absent, for its owner alone.
        path: PathBuf,
        /// How much space must be left on its disk for an object to be accepted, in bytes.
        reserve_bytes: u64,
    },
    /// A bucket.
    Bucket(BucketLocation),
}

/// A bucket, and how it is reached.
#[derive(Clone)]
pub struct BucketLocation {
    /// Which bucket, and where in it.
    pub place: BucketPlace,
    /// The server; Amazon's own of the region without one.
    pub endpoint: Option<BucketEndpoint>,
    /// The region that requests are signed for.
    pub region: String,
    /// The identifier of the access key.
    pub access_key_id: String,
    /// The access key's secret; never shown.
    pub secret_access_key: Zeroizing<String>,
}

impl fmt::Debug for BucketLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, endpoint, region, .. } = self;
        f.debug_struct("BucketLocation")
            .field("place", place)
            .field("endpoint", endpoint)
            .field("region", region)
            .finish_non_exhaustive()
    }
}

/// A bucket and where in it: `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketPlace {
    bucket: String,
    prefix: String,
}

impl BucketPlace {
    /// How such a place begins.
    pub const SCHEME: &str = "s3://";

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// What stands in front of every object's name, without slashes around it; may be empty.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Display for BucketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, prefix } = self;
        let slash = if prefix.is_empty() { "" } else { "/" };
        write!(f, "{}{bucket}{slash}{prefix}", Self::SCHEME)
    }
}

/// The text is not the place of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BucketPlaceError {
    /// It begins differently.
    #[error("it must begin with s3://, such as s3://pictures/vetd")]
    Scheme,
    /// The bucket's name is none.
    #[error("a bucket's name has 3 to 63 small letters, digits, dots and dashes, and a letter or digit at both ends")]
    Bucket,
    /// The prefix cannot be one.
    #[error("what follows the bucket may have letters, digits, dots, dashes and underscores between single slashes")]
    Prefix,
}

impl FromStr for BucketPlace {
    type Err = BucketPlaceError;

    fn from_str(text: &str) -> Result<Self, BucketPlaceError> {
        let rest = text.strip_prefix(Self::SCHEME).ok_or(BucketPlaceError::Scheme)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if !is_bucket(bucket) {
            return Err(BucketPlaceError::Bucket);
        }
        if !prefix.is_empty() && (prefix.len() > 200 || !prefix.split('/').all(is_prefix_segment)) {
            return Err(BucketPlaceError::Prefix);
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

fn is_bucket(name: &str) -> bool {
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
        && is_end(name.bytes().next())
        && is_end(name.bytes().last())
        && !name.contains("..")
}

fn is_prefix_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// The address of a server that speaks S3: over https, or over http on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketEndpoint(Url);

impl BucketEndpoint {
    /// The address, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// True if nothing protects what is said to it on its way; then it is on this machine.
    #[must_use]
    pub fn is_http(&self) -> bool {
        self.0.scheme() == "http"
    }
}

/// The text is not an address of a server that speaks S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BucketEndpointError {
    /// It is no address, or has parts that it must not have.
    #[error(
        "give the server's address without a path, a query and a user name, such as https://minio.example.com:9000"
    )]
    Address,
    /// It would send pictures and signatures through a network as they are.
    #[error("http:// is for loopback addresses alone; give an address with https://")]
    Unprotected,
}

impl FromStr for BucketEndpoint {
    type Err = BucketEndpointError;

    fn from_str(text: &str) -> Result<Self, BucketEndpointError> {
        let url = Url::parse(text).map_err(|_| BucketEndpointError::Address)?;
        let has_more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
        if has_more || !url.username().is_empty() || url.password().is_some() {
            return Err(BucketEndpointError::Address);
        }
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(BucketEndpointError::Address),
        };
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_loopback => Ok(Self(url)),
            "http" => Err(BucketEndpointError::Unprotected),
            _ => Err(BucketEndpointError::Address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_a_name_and_perhaps_a_prefix() {
        for (text, bucket, prefix) in [
            ("s3://pictures", "pictures", ""),
            ("s3://pictures/", "pictures", ""),
            ("s3://my.pictures-1/vetd/eu_1", "my.pictures-1", "vetd/eu_1"),
            ("s3://pictures/vetd/", "pictures", "vetd"),
        ] {
            let place: BucketPlace = text.parse().unwrap();
            assert_eq!((place.bucket(), place.prefix()), (bucket, prefix));
            assert_eq!(place.to_string(), text.trim_end_matches('/'));
        }
    }

    #[test]
    fn what_can_be_no_bucket_is_refused() {
        use BucketPlaceError::{Bucket, Prefix, Scheme};
        for (text, error) in [
            ("/pictures", Scheme),
            ("S3://pictures", Scheme),
            ("s3://", Bucket),
            ("s3://ab", Bucket),
            ("s3://Pictures", Bucket),
            ("s3://-pictures", Bucket),
            ("s3://pic..tures", Bucket),
            ("s3://user@pictures", Bucket),
            ("s3://pictures/a//", Prefix),
            ("s3://pictures/a//b", Prefix),
            ("s3://pictures/../b", Prefix),
            ("s3://pictures/a b", Prefix),
        ] {
            assert_eq!(text.parse::<BucketPlace>(), Err(error), "{text}");
        }
    }

    #[test]
    fn http_is_spoken_on_this_machine_alone() {
        use BucketEndpointError::{Address, Unprotected};
        let endpoint = |text: &str| text.parse::<BucketEndpoint>();
        assert_eq!(endpoint("https://minio.example.com:9000/").unwrap().as_str(), "https://minio.example.com:9000");
        assert!(!endpoint("https://minio.example.com").unwrap().is_http());
        for text in ["http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost:9000"] {
            assert!(endpoint(text).unwrap().is_http(), "{text}");
        }
        for (text, error) in [
            ("http://minio.example.com", Unprotected),
            ("http://10.0.0.7:9000", Unprotected),
            ("http://localhost.example.com", Unprotected),
            ("ftp://127.0.0.1", Address),
            ("minio:9000", Address),
            ("https://minio.example.com/bucket", Address),
            ("https://key:secret@minio.example.com", Address),
            ("https://minio.example.com/?x=1", Address),
        ] {
            assert_eq!(endpoint(text), Err(error), "{text}");
        }
    }

    #[test]
    fn the_secret_is_never_shown() {
        let location = MediaLocation::Bucket(BucketLocation {
            place: "s3://pictures".parse().unwrap(),
            endpoint: None,
            region: "auto".to_owned(),
            access_key_id: "id-of-the-key".to_owned(),
            secret_access_key: Zeroizing::new("hidden".to_owned()),
        });
        let shown = format!("{location:?}");
        assert!(!shown.contains("hidden") && !shown.contains("id-of-the-key"), "{shown}");
    }
}
