//! The real program as a child process.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// A key for tests that bring their own.
pub const BOOTSTRAP_KEY: &str = "ak_test_0123456789abcdefghijklmn";

/// A running program; killed if a test ends early.
pub struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Program {
    pub fn start(command: Command) -> Self {
        Self::start_to(command, Stdio::inherit())
    }

    /// The same, with standard error in a file.
    pub fn start_logged(command: Command, log: &Path) -> Self {
        Self::start_to(command, File::create(log).unwrap().into())
    }

    fn start_to(mut command: Command, log: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// Reads lines up to and including the first one that holds `text`.
    pub fn read_to(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "the program ended before it printed {text:?}");
        }
        line
    }

    /// The address that it says it listens on.
    pub fn address(&mut self) -> String {
        let line = self.read_to("listening on");
        line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches('/').to_owned()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Asks it to end; what it still printed, and how it ended.
    pub fn end(mut self, signal: &str) -> (String, ExitStatus) {
        self.signal(signal);
        self.wait()
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), None, "it was to be killed, but had ended by itself: {status}");
    }

    pub fn wait(&mut self) -> (String, ExitStatus) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with these arguments, and nothing of the developer's own settings.
pub fn vetd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vetd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VETD_")) {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// A server over this folder, on a port that the system chooses.
pub fn serve(data: &Path) -> Command {
    let mut command = vetd(&["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data"]);
    command.arg(data);
    command
}

/// The same, with [`BOOTSTRAP_KEY`].
pub fn serve_with_key(data: &Path) -> Command {
    let mut command = serve(data);
    command.env("VETD_BOOTSTRAP_TEST_KEY", BOOTSTRAP_KEY);
    command
}

/// How a command ends that does not run on, and what it says about it.
pub fn ended(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
