//! Files that the operator has imported: lists and certificates, which belong to the whole server and
//! say nothing of a tenant's persons. They stand in a folder beside the store, each written whole or not
//! at all, and are carried by backups.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::open::free_space;

/// The folder in the data folder.
pub(crate) const FOLDER: &str = "imported";
/// What the names of files begin with that are not whole yet.
const DRAFT: &str = ".draft-";

/// What kind of file it is: a folder of its own for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShelfKind {
    /// A list that people are looked for on.
    Watchlist,
}

impl ShelfKind {
    const ALL: [Self; 1] = [Self::Watchlist];

    const fn folder(self) -> &'static str {
        match self {
            Self::Watchlist => "watchlists",
        }
    }
}

/// The place of imported files. Every call blocks.
#[derive(Debug, Clone)]
pub struct Shelf {
    data: PathBuf,
    reserve_bytes: u64,
}

impl Shelf {
    /// In this data folder; nothing is made before something is put there. Writes leave so much of the
    /// disk free.
    pub(crate) const fn new(data: PathBuf, reserve_bytes: u64) -> Self {
        Self { data, reserve_bytes }
    }

    /// Puts a file there, in place of an earlier one of its name. Once this returns it is durable; until
    /// then the earlier one stands.
    ///
    /// # Errors
    /// The disk's, and those of a name that is not of a-z, 0-9, `-` and `_`.
    pub fn put(&self, kind: ShelfKind, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(kind, name)?;
        if free_space(&self.data)? < self.reserve_bytes.saturating_add(bytes.len() as u64) {
            return Err(io::Error::new(ErrorKind::StorageFull, "the disk is full up to its reserve"));
        }
        let folder = self.folder(kind);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        write_whole(&folder, &path, bytes)?;
        [folder.as_path(), &self.data.join(FOLDER), &self.data].into_iter().try_for_each(sync)
    }

    /// Removes a file; false if there is none. Durable once this returns.
    ///
    /// # Errors
    /// The disk's.
    pub fn remove(&self, kind: ShelfKind, name: &str) -> io::Result<bool> {
        match fs::remove_file(self.path(kind, name)?) {
            Ok(()) => sync(&self.folder(kind)).map(|()| true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The names of all files of a kind, in order.
    ///
    /// # Errors
    /// The disk's.
    pub fn names(&self, kind: ShelfKind) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.folder(kind)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()));
        let mut names: Vec<String> = names.collect::<io::Result<_>>()?;
        names.retain(|name| is_name(name));
        names.sort();
        Ok(names)
    }

    /// What is in a file.
    ///
    /// # Errors
    /// The disk's.
    pub fn read(&self, kind: ShelfKind, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path(kind, name)?)
    }

    /// Every file of every kind: its name under the folder of all, and where it is.
    pub(crate) fn files(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let mut files = Vec::new();
        for kind in ShelfKind::ALL {
            for name in self.names(kind)? {
                files.push((format!("{}/{name}", kind.folder()), self.path(kind, &name)?));
            }
        }
        Ok(files)
    }

    fn folder(&self, kind: ShelfKind) -> PathBuf {
        self.data.join(FOLDER).join(kind.folder())
    }

    fn path(&self, kind: ShelfKind, name: &str) -> io::Result<PathBuf> {
        if is_name(name) { Ok(self.folder(kind).join(name)) } else { Err(ErrorKind::InvalidInput.into()) }
    }
}

/// Whether this is the name of a file under the folder of all, as a backup has it.
pub(crate) fn is_file(path: &str) -> bool {
    path.split_once('/')
        .is_some_and(|(folder, name)| is_name(name) && ShelfKind::ALL.iter().any(|kind| kind.folder() == folder))
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=40).contains(&name.len()) && name.bytes().all(plain)
}

/// Writes aside and renames. One name is written by one caller at a time: whoever comes second begins
/// the draft anew.
fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!("{DRAFT}{name}"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: ShelfKind = ShelfKind::Watchlist;

    #[test]
    fn files_are_put_replaced_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(dir.path().to_owned(), 0);
        assert!(shelf.names(KIND).unwrap().is_empty() && !dir.path().join(FOLDER).exists());
        shelf.put(KIND, "un", b"one").unwrap();
        shelf.put(KIND, "eu", b"two").unwrap();
        shelf.put(KIND, "un", b"three").unwrap();
        assert_eq!(shelf.names(KIND).unwrap(), ["eu", "un"]);
        assert_eq!(shelf.read(KIND, "un").unwrap(), b"three");
        assert_eq!((shelf.remove(KIND, "eu").unwrap(), shelf.remove(KIND, "eu").unwrap()), (true, false));
        assert_eq!(shelf.files().unwrap()[0].0, "watchlists/un");
    }

    #[test]
    fn a_draft_that_a_crash_left_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(dir.path().to_owned(), 0);
        shelf.put(KIND, "un", b"whole").unwrap();
        fs::write(dir.path().join(FOLDER).join("watchlists/.draft-un"), b"ha").unwrap();
        assert_eq!(
            (shelf.names(KIND).unwrap(), shelf.read(KIND, "un").unwrap()),
            (vec!["un".to_owned()], b"whole".to_vec())
        );
        shelf.put(KIND, "un", b"new").unwrap();
        assert_eq!(shelf.read(KIND, "un").unwrap(), b"new");
    }

    #[test]
    fn no_name_leads_elsewhere_and_the_reserve_stays_free() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(dir.path().to_owned(), 0);
        for name in ["", "..", "a/b", "../keys", "A", ".draft-a"] {
            assert!(shelf.put(KIND, name, b"").is_err() && shelf.read(KIND, name).is_err(), "{name}");
        }
        for (path, good) in
            [("watchlists/un", true), ("watchlists/../keys", false), ("keys", false), ("other/un", false)]
        {
            assert_eq!(is_file(path), good, "{path}");
        }
        let full = Shelf::new(dir.path().to_owned(), u64::MAX);
        assert_eq!(full.put(KIND, "un", b"one").unwrap_err().kind(), ErrorKind::StorageFull);
        assert!(!dir.path().join(FOLDER).exists());
    }
}
