//! The operator's commands against a running server.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{BOOTSTRAP_KEY, Program, serve_with_key, vetd};

/// A running server with one workspace and [`BOOTSTRAP_KEY`].
pub struct Server {
    pub dir: TempDir,
    pub address: String,
    pub program: Program,
}

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Server {
    pub fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let mut program = Program::start(serve_with_key(dir.path()));
        let address = program.address();
        Self { dir, address, program }
    }

    pub fn data(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file beside the data folder.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs a command for people.
    pub fn run(&self, arguments: &[&str]) -> Said {
        run_on(self.data(), arguments)
    }

    /// Runs a command that must succeed; what it answers as JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        serde_json::from_str(&said.out).unwrap()
    }

    /// Runs a command that the server must refuse with this code.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str], error_code: &str) -> Value {
        let said = self.run(&[arguments, &["--json"]].concat());
        let failure: Value = serde_json::from_str(&said.err).unwrap();
        assert_eq!((said.code, failure["exit_code"].as_i64()), (8, Some(8)), "{arguments:?}: {said:?}");
        assert_eq!(failure["error"]["code"], error_code, "{arguments:?}: {said:?}");
        assert_eq!(said.out, "", "{arguments:?}");
        failure
    }

    /// A call to the API: its status and its answer.
    pub async fn call(&self, method: &str, path: &str, key: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.address);
        let request = reqwest::Client::new().request(method.parse().unwrap(), url).bearer_auth(key).json(&body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// A session of test mode.
    pub async fn session(&self, body: Value) -> Value {
        let (status, session) = self.call("POST", "/v1/sessions", BOOTSTRAP_KEY, body).await;
        assert_eq!(status, 201, "{session}");
        session
    }

    pub fn end(self) {
        assert_eq!(self.program.end("TERM").1.code(), Some(0));
    }
}

/// Runs a command for the server of this folder.
pub fn run_on(data: &Path, arguments: &[&str]) -> Said {
    let mut command = vetd(arguments);
    command.arg("--data").arg(data);
    said(&command.output().unwrap())
}

pub fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Said { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
}
