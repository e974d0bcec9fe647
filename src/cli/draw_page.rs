//! `vetd draw-page`: one page of a PDF, drawn in a process that may do nothing else.
//!
//! The server starts it for each file, see [`crate::serve`]. The file comes on standard input; a JPEG
//! goes to standard output, or the code of what is wrong with the file and exit code 1. Where a limit ends
//! the process, the server says that the file takes too much.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use clap::Args;
use vetd_actors::pdf;
use vetd_model::media::MediaKind;

use crate::failure::Failure;
use crate::host;

/// Seconds of processor time: a scanned page takes a fraction of one.
const PROCESSOR_SECONDS: u64 = 5;
/// Bytes of addresses, those of the program itself included. A scanned page of A4 needs less than 400 MB.
const MEMORY_BYTES: u64 = 512 * 1024 * 1024;

#[derive(Debug, Args)]
pub struct DrawPageArgs {
    /// What the page shows: document_front or document_back
    #[arg(value_parser = |text: &str| MediaKind::parse(text).ok_or("no kind of picture"))]
    kind: MediaKind,
}

pub fn run(args: &DrawPageArgs) -> Result<ExitCode, Failure> {
    let confined = host::confine(PROCESSOR_SECONDS, MEMORY_BYTES);
    confined.map_err(|error| Failure::other(format!("the process cannot be confined: {error}")))?;
    let mut file = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut file);
    read.map_err(|error| Failure::other(format!("the file cannot be read: {error}")))?;
    let (answer, code) = match pdf::draw(file, args.kind) {
        Ok(picture) => (picture.to_jpeg(), ExitCode::SUCCESS),
        Err(error) => (error.code().as_bytes().to_vec(), ExitCode::FAILURE),
    };
    let mut out = io::stdout().lock();
    let written = out.write_all(&answer).and_then(|()| out.flush());
    written.map_err(|error| Failure::other(format!("cannot write to standard output: {error}")))?;
    Ok(code)
}
