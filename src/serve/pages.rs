//! Pages of PDF files: each drawn by this program in a process of its own, which holds no secret, opens
//! nothing, and ends when it takes too much.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use vetd_actors::{Clock, MAX_BYTES, PageDrawer, PageError, PictureError};
use vetd_model::media::MediaKind;

/// How long a page may take by the clock, whatever keeps its process from the processor.
const PATIENCE: Duration = Duration::from_secs(30);
/// How a process ends that takes too much time, memory, or stack.
const TOO_MUCH: [Signal; 5] = [Signal::XCPU, Signal::KILL, Signal::ABORT, Signal::SEGV, Signal::BUS];

/// Who draws pages; nobody in a build without the feature `pdf`.
pub fn drawer(clock: &Arc<dyn Clock>) -> Option<Arc<dyn PageDrawer>> {
    cfg!(feature = "pdf").then(|| Arc::new(Pages::of(own_program(), Arc::clone(clock))) as Arc<dyn PageDrawer>)
}

/// The program that runs, also if its file has been replaced by a newer version since.
fn own_program() -> OsString {
    let path = if cfg!(target_os = "linux") { None } else { std::env::current_exe().ok() };
    path.map_or_else(|| "/proc/self/exe".into(), OsString::from)
}

/// Draws pages by starting the program.
pub struct Pages {
    program: OsString,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Pages {
    /// Starts the program of this file.
    #[must_use]
    pub const fn of(program: OsString, clock: Arc<dyn Clock>) -> Self {
        Self { program, clock }
    }

    fn start(&self, kind: MediaKind) -> io::Result<Child> {
        Command::new(&self.program)
            .args(["draw-page", kind.as_str()])
            .env_clear()
            // In KiB. By itself the allocator begins with a gigabyte of addresses, which are limited here.
            .env("MIMALLOC_ARENA_RESERVE", "32768")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
    }
}

impl PageDrawer for Pages {
    fn draw(&self, file: Bytes, kind: MediaKind) -> BoxFuture<'_, Result<Vec<u8>, PageError>> {
        let drawn = async move {
            let unavailable = |error: io::Error| PageError::Unavailable(error.to_string());
            let mut child = self.start(kind).map_err(unavailable)?;
            let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
            let fed = async move {
                // Who has read enough closes the pipe; what it says then counts.
                if let Some(mut stdin) = stdin {
                    let _ = stdin.write_all(&file).await;
                }
            };
            let said = async move {
                let mut said = Vec::new();
                if let Some(stdout) = stdout {
                    stdout.take(MAX_BYTES as u64 + 1).read_to_end(&mut said).await?;
                }
                // The pipe closes here, so who says more than that ends, too.
                Ok(said)
            };
            let ((), said) = futures::join!(fed, said);
            let status = child.wait().await.map_err(unavailable)?;
            understood(status, said.map_err(unavailable)?)
        };
        async move {
            tokio::select! {
                drawn = drawn => drawn,
                () = self.clock.sleep(PATIENCE) => Err(PageError::Unavailable("nothing was drawn in time".to_owned())),
            }
        }
        .boxed()
    }
}

/// What a process that has ended has said.
fn understood(status: ExitStatus, said: Vec<u8>) -> Result<Vec<u8>, PageError> {
    if said.len() > MAX_BYTES {
        return Err(PictureError::PdfTooComplex.into());
    }
    if status.success() {
        return Ok(said);
    }
    let code = std::str::from_utf8(&said).ok().and_then(PictureError::of_code);
    let took_too_much = || status.signal().is_some_and(|signal| TOO_MUCH.iter().any(|known| known.as_raw() == signal));
    Err(match code {
        Some(error) => error.into(),
        None if took_too_much() => PictureError::PdfTooComplex.into(),
        // Also where somebody ends all processes of the server together.
        None => PageError::Unavailable(format!("the process that draws has ended: {status}")),
    })
}
