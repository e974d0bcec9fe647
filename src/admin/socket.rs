//! The server's end: a Unix domain socket that only the server's own user and root may use.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::failure::Failure;
use crate::host;
use crate::serve::Listener;

/// The name of the socket in the data folder.
pub const FILE: &str = "admin.sock";

/// The listening socket. Its file goes with it.
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of our own file: somebody else's under the same name stays.
    file: (u64, u64),
    owner: u32,
}

/// Whether the system takes this path for a socket: it has 107 bytes for one on Linux, 103 on macOS.
///
/// # Errors
/// If the path is too long.
pub fn check_path(path: &Path) -> Result<(), Failure> {
    SocketAddr::from_pathname(path).map(drop).map_err(|_| {
        Failure::configuration(format!(
            "the path of the admin socket, {}, is longer than the system allows for a socket (about 100 bytes); \
             give a shorter one with --admin-socket (VETD_ADMIN_SOCKET)",
            path.display()
        ))
    })
}

impl AdminSocket {
    /// Listens at this path. The file that a killed server has left there is replaced; a socket
    /// that answers, or anything else, is not.
    ///
    /// # Errors
    /// Why it cannot be listened at, and what to do about it.
    pub async fn bind(path: &Path) -> Result<Self, Failure> {
        check_path(path)?;
        let failed = |error: io::Error| {
            Failure::listen(format!(
                "cannot listen at the admin socket {}: {error}; see to its folder, or give another path with \
                 --admin-socket (VETD_ADMIN_SOCKET)",
                path.display()
            ))
        };
        remove_stale(path).await?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        let file = fs::symlink_metadata(path).map_err(failed)?;
        Ok(Self { listener, path: path.to_owned(), file: (file.dev(), file.ino()), owner: host::user() })
    }
}

/// Makes room for a new socket.
async fn remove_stale(path: &Path) -> Result<(), Failure> {
    let Ok(file) = fs::symlink_metadata(path) else { return Ok(()) };
    let taken = |why: &str| {
        Failure::listen(format!(
            "cannot listen at the admin socket {}: {why}; give another path with --admin-socket (VETD_ADMIN_SOCKET)",
            path.display()
        ))
    };
    if !file.file_type().is_socket() {
        return Err(taken("there is something else at this path"));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Ok(_) => return Err(taken("another server answers there")),
        Err(error) => return Err(taken(&error.to_string())),
    }
    fs::remove_file(path).map_err(|error| taken(&error.to_string()))
}

impl Listener for AdminSocket {
    type Stream = UnixStream;

    /// The next connection of somebody who may.
    async fn accept(&mut self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let user = stream.peer_cred()?.uid();
            if may_operate(user, self.owner) {
                return Ok(stream);
            }
            tracing::warn!(user, "a connection of another user to the admin socket was closed");
        }
    }
}

/// The server's own user and root may. The mode of the file says the same; this also holds where
/// a file system does not keep modes.
const fn may_operate(user: u32, owner: u32) -> bool {
    user == owner || user == 0
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.file);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the admin socket's file was not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn only_the_server_s_own_user_and_root_may() {
        assert!(may_operate(1000, 1000) && may_operate(0, 1000) && may_operate(0, 0));
        assert!(!may_operate(1001, 1000) && !may_operate(1000, 0));
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_refused_with_the_setting_to_change() {
        assert!(check_path(Path::new("vetd-data/admin.sock")).is_ok());
        let failure = check_path(&Path::new("/").join("d".repeat(120)).join(FILE)).unwrap_err();
        assert_eq!(failure.kind, Kind::Configuration);
        assert!(failure.message.contains("VETD_ADMIN_SOCKET"), "{failure}");
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_a_live_one_and_a_plain_file_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        // What a killed server leaves: the file, and nobody behind it.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let live = AdminSocket::bind(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let failure = AdminSocket::bind(&path).await.err().unwrap();
        assert!(failure.kind == Kind::Listen && failure.message.contains("another server"), "{failure}");
        drop(live);
        assert!(!path.exists(), "the file goes with the socket");
        fs::write(&path, b"precious").unwrap();
        assert!(AdminSocket::bind(&path).await.err().unwrap().message.contains("something else"));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }
}
