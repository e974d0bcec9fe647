//! Pages of PDF files: each drawn by this program in a process of its own, which holds no secret, opens
//! nothing, and ends when it takes too much.

use std::ffi::OsString;
use std::fmt;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use vetd_actors::{Clock, PageDrawer, PageError, PictureError};
use vetd_model::media::MediaKind;

/// How long a page may take by the clock, whatever keeps its process from the processor.
const PATIENCE: Duration = Duration::from_secs(60);

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

    fn start(&self, kind: MediaKind) -> std::io::Result<Child> {
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
        let unavailable = |error: std::io::Error| PageError::Unavailable(error.to_string());
        async move {
            let mut child = self.start(kind).map_err(unavailable)?;
            let stdin = child.stdin.take();
            let fed = async move {
                // Who has read enough closes the pipe; what it says then counts.
                if let Some(mut stdin) = stdin {
                    let _ = stdin.write_all(&file).await;
                }
            };
            let drawn = async { futures::join!(fed, child.wait_with_output()).1 };
            tokio::select! {
                drawn = drawn => understood(drawn.map_err(unavailable)?),
                () = self.clock.sleep(PATIENCE) => Err(PictureError::PdfTooComplex.into()),
            }
        }
        .boxed()
    }
}

/// What a process that has ended says.
fn understood(output: Output) -> Result<Vec<u8>, PageError> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let code = std::str::from_utf8(&output.stdout).ok().and_then(PictureError::of_code);
    Err(match (code, output.status.code()) {
        (Some(error), _) => error.into(),
        // Killed: it has taken more than it may.
        (None, None) => PictureError::PdfTooComplex.into(),
        (None, Some(code)) => PageError::Unavailable(format!("the process ended with code {code}")),
    })
}
