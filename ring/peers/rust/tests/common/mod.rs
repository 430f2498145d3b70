//! What the tests share: places that are removed in the end, and other processes.
#![allow(dead_code)] // each test program uses a part of it

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(60);

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A name of POSIX shared memory.
pub struct Name(pub String);

impl Name {
    pub fn new() -> Self {
        let n = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(format!("annulus-rust-{}-{n}", std::process::id()))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        // There may be none, where a test was about that.
        let _ = std::fs::remove_file(Path::new("/dev/shm").join(&self.0));
    }
}

/// A file of these bytes, in shared memory.
pub struct Scratch(pub PathBuf, Name);

impl Scratch {
    pub fn of(bytes: &[u8]) -> Self {
        let name = Name::new();
        let path = Path::new("/dev/shm").join(&name.0);
        std::fs::write(&path, bytes).unwrap();
        Self(path, name)
    }

    pub fn vector(name: &str) -> Self {
        let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
        Self::of(&std::fs::read(vectors.join(name).with_extension("bin")).unwrap())
    }
}

/// The peer program, killed in the end if it lives still.
pub struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    pub fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_peer"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            input,
            output,
        }
    }

    /// Waits for its next line.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }

    /// Ends its standard input.
    pub fn hush(&mut self) {
        if let Some(mut input) = self.input.take() {
            input.flush().unwrap();
        }
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end: what it said last, and how it ended.
    pub fn end(&mut self) -> (String, ExitStatus) {
        self.hush();
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        if let Some(err) = &mut self.child.stderr {
            err.read_to_string(&mut said).unwrap();
        }
        (said.trim_end().to_string(), self.child.wait().unwrap())
    }

    /// Its last words, of one that ends well.
    pub fn done(&mut self) -> String {
        let (said, status) = self.end();
        assert!(status.success(), "{said}");
        said
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a state, not for a time.
pub fn eventually(what: &str, state: impl Fn() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !state() {
        assert!(std::time::Instant::now() < end, "never: {what}");
        std::thread::yield_now();
    }
}
