//! What was read of the faces on a picture.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vetd_model::face::{Bounds, Embedding, Face, Faces, Pose};

use crate::codec::Damaged;

#[derive(Serialize, Deserialize)]
pub(crate) struct FacesV4<'a> {
    count: u16,
    main: Option<FaceV4<'a>>,
}

#[derive(Serialize, Deserialize)]
struct FaceV4<'a> {
    left: i32,
    top: i32,
    width: u32,
    height: u32,
    confidence: u16,
    yaw: i16,
    pitch: i16,
    roll: i16,
    embedding: Option<Cow<'a, [u8]>>,
}

pub(crate) fn faces_to_disk(faces: &Faces) -> FacesV4<'_> {
    let main = faces.main.as_ref().map(|face| FaceV4 {
        left: face.bounds.left,
        top: face.bounds.top,
        width: face.bounds.width,
        height: face.bounds.height,
        confidence: face.confidence,
        yaw: face.pose.yaw,
        pitch: face.pose.pitch,
        roll: face.pose.roll,
        embedding: face.embedding.as_ref().map(|embedding| Cow::Owned(embedding.to_bytes())),
    });
    FacesV4 { count: faces.count, main }
}

pub(crate) fn faces_from_disk(disk: FacesV4<'_>) -> Result<Faces, Damaged> {
    let face = |face: FaceV4<'_>| {
        let embedding = face.embedding.map(|bytes| Embedding::from_bytes(&bytes).ok_or(Damaged)).transpose()?;
        Ok(Face {
            bounds: Bounds { left: face.left, top: face.top, width: face.width, height: face.height },
            confidence: face.confidence,
            pose: Pose { yaw: face.yaw, pitch: face.pitch, roll: face.roll },
            embedding,
        })
    };
    Ok(Faces { count: disk.count, main: disk.main.map(face).transpose()? })
}
