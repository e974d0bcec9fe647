//! Where pictures are kept, from the settings that begin with `media`.

use std::path::PathBuf;

use vetd_storage::media::{BucketEndpoint, BucketLocation, BucketPlace, MediaLocation};
use zeroize::Zeroizing;

use super::setting::Shape;
use super::table::{Settings, secret_of};
use super::value::Value;
use crate::failure::Failure;

/// The folder of pictures in the data folder.
const FOLDER: &str = "media";
/// The region of servers that have none.
const REGION: &str = "us-east-1";

/// Where pictures are kept: a folder or a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaPlace {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket.
    Bucket(BucketPlace),
}

impl Value for MediaPlace {
    const SHAPE: Shape = Shape::Path;

    fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with(BucketPlace::SCHEME) {
            return text.parse().map(Self::Bucket).map_err(|error| format!("{error}"));
        }
        if text.contains("://") {
            return Err("give the name of a folder, or a bucket such as s3://pictures/vetd".to_owned());
        }
        PathBuf::parse(text).map(Self::Folder)
    }
}

impl Value for BucketEndpoint {
    const SHAPE: Shape = Shape::Text;

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{error}"))
    }
}

impl Settings {
    /// Where pictures are kept. The access key's secret is read here, from the environment or its
    /// file: not everyone who may speak to the server may read it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn media_location(&self) -> Result<MediaLocation, Failure> {
        let reserve_bytes = self.disk_reserve.bytes();
        let place = match &self.media {
            None => return Ok(MediaLocation::Folder { path: self.data.join(FOLDER), reserve_bytes }),
            Some(MediaPlace::Folder(path)) => return Ok(MediaLocation::Folder { path: path.clone(), reserve_bytes }),
            Some(MediaPlace::Bucket(place)) => place.clone(),
        };
        let (given, file) = (self.media_secret_access_key.as_ref(), self.media_secret_access_key_file.as_deref());
        let secret = secret_of(given, file, "media_secret_access_key_file")?;
        Ok(MediaLocation::Bucket(BucketLocation {
            place,
            endpoint: self.media_endpoint.clone(),
            region: self.media_region.clone().unwrap_or_else(|| REGION.to_owned()),
            access_key_id: self.media_access_key_id.clone().unwrap_or_default(),
            secret_access_key: secret.unwrap_or_else(|| Zeroizing::new(String::new())),
        }))
    }

    /// What does not fit together among these settings. Those of a bucket without one are refused:
    /// pictures would be kept elsewhere than was meant.
    pub(super) fn media_contradiction(&self) -> Option<String> {
        let has_secret = self.media_secret_access_key.is_some() || self.media_secret_access_key_file.is_some();
        let of_a_bucket = [
            ("media_endpoint", self.media_endpoint.is_some()),
            ("media_region", self.media_region.is_some()),
            ("media_access_key_id", self.media_access_key_id.is_some()),
            ("media_secret_access_key", has_secret),
        ];
        if !matches!(self.media, Some(MediaPlace::Bucket(_))) {
            let (name, _) = of_a_bucket.into_iter().find(|(_, is_given)| *is_given)?;
            return Some(format!(
                "{name} is of a bucket, but pictures would be kept in a folder; set media to the bucket, such as \
                 s3://pictures/vetd, or unset {name}"
            ));
        }
        let needed = (self.media_access_key_id.is_none(), !has_secret);
        match needed {
            (true, _) => Some("a bucket needs an access key; set media_access_key_id".to_owned()),
            (_, true) => Some(
                "a bucket needs the secret of its access key; set VETD_MEDIA_SECRET_ACCESS_KEY or \
                 media_secret_access_key_file"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_bucket() {
        assert_eq!(MediaPlace::parse("/srv/pictures").unwrap(), MediaPlace::Folder("/srv/pictures".into()));
        let bucket = MediaPlace::parse("s3://pictures/vetd").unwrap();
        assert_eq!(bucket, MediaPlace::Bucket("s3://pictures/vetd".parse().unwrap()));
        for wrong in ["", "s3://", "gs://pictures", "https://minio.example.com/pictures"] {
            assert!(MediaPlace::parse(wrong).is_err(), "{wrong}");
        }
    }
}
