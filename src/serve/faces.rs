//! The nets that faces are read with: those of the program, or the operator's own.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use vetd_actors::{FaceFiles, FaceReader};

use crate::failure::Failure;

/// The most bytes of a net.
const NET_BYTES: u64 = 256 * 1024 * 1024;

/// The reader of faces; none if this build has no nets and the operator has none either.
///
/// # Errors
/// Which of the operator's files cannot be used, and why.
pub fn reader(folder: Option<&Path>) -> Result<Option<Arc<FaceReader>>, Failure> {
    let Some(folder) = folder else { return Ok(FaceReader::built_in().map(Arc::new)) };
    let wrong = |why: String| Failure::configuration(format!("face_models: {}: {why}", folder.display()));
    let mut files = FaceFiles::default();
    for (name, place) in files.slots() {
        *place = read(&folder.join(name)).map_err(|why| wrong(format!("{name} {why}")))?;
    }
    if files.slots().iter().all(|(_, place)| place.is_none()) {
        let names = files.slots().map(|(name, _)| name);
        return Err(wrong(format!("the folder has none of {}; put your nets there, or unset it", names.join(", "))));
    }
    let reader = FaceReader::own(files).map_err(|error| wrong(error.to_string()))?;
    Ok(Some(Arc::new(reader)))
}

/// The bytes of a file; `None` if there is no such file.
fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let mut bytes = Vec::new();
    file.take(NET_BYTES + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > NET_BYTES {
        return Err("is larger than 256 MiB".to_owned());
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::failure::Kind;

    fn refused(files: &[(&str, &[u8])]) -> String {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes).unwrap());
        let failure = reader(Some(folder.path())).err().unwrap();
        assert_eq!(failure.kind, Kind::Configuration);
        failure.message
    }

    const NETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/checks/models/faces");

    #[test]
    fn a_folder_without_nets_is_refused() {
        assert!(refused(&[]).contains("none of detector.onnx, landmarks.onnx, embedding.onnx"));
        assert!(refused(&[("Detector.onnx", b"")]).contains("none of"));
    }

    #[cfg(feature = "faces")]
    #[test]
    fn what_is_no_net_is_named() {
        let message = refused(&[("landmarks.onnx", b"no net")]);
        assert!(message.contains("landmarks.onnx"), "{message}");
    }

    #[test]
    fn a_net_of_another_shape_is_told_what_is_expected() {
        let nets = |name: &str| fs::read(Path::new(NETS).join(name)).unwrap();
        let all = [("detector.onnx", nets("detector.onnx")), ("landmarks.onnx", nets("landmarks.onnx"))];
        let mut files: Vec<(&str, &[u8])> = all.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        files.push(("embedding.onnx", &all[1].1));
        let message = refused(&files);
        assert!(message.contains("embedding.onnx") && message.contains("1 x 3 x 150 x 150"), "{message}");
    }

    #[test]
    fn nets_of_ones_own_are_taken() {
        assert!(reader(Some(Path::new(NETS))).unwrap().is_some());
    }
}
