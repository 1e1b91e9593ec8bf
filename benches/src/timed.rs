//! Runs a command to its end and says what it took, its descendants included.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use jump_core::{Error, ErrorKind, Result};
use rustix::io::Errno;
use rustix::process::{WaitOptions, getpid, set_child_subreaper, wait};
use serde::{Deserialize, Serialize};

use crate::child::{Part, command};
use crate::usage;

const OPERATION: &str = "time a command";

/// What a command took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Took {
    /// Until it ended.
    pub(crate) wall: Duration,
    /// User and system time, its descendants included.
    pub(crate) cpu: Duration,
}

/// Runs a command, its output thrown away, under a process of its own that takes in orphans: ssh does not wait for its
/// proxy.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the command fails.
pub(crate) fn timed(words: &[String]) -> Result<Took> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let answer = Part::start("timed", &words)?.hear()?;
    serde_json::from_str(&answer)
        .map_err(|error| Error::new(ErrorKind::Internal, OPERATION, "bad answer").with_source(error))
}

/// The process between.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let failed = |error: std::io::Error| Error::from_io(ErrorKind::Internal, OPERATION, error);
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, OPERATION, "there is no command"))?;
    set_child_subreaper(Some(getpid())).map_err(|error| failed(error.into()))?;
    let begun = Instant::now();
    let status = command(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(failed)?;
    let wall = begun.elapsed();
    if !status.success() {
        let message = format!("{program} ended with {status}");
        return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
    }
    // Every orphan that it leaves.
    loop {
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::CHILD) => break,
            Err(error) => return Err(failed(error.into())),
        }
    }
    let cpu = usage::ended_children()?;
    let took = serde_json::to_string(&Took { wall, cpu })
        .map_err(|error| Error::new(ErrorKind::Internal, OPERATION, "no json").with_source(error))?;
    writeln!(std::io::stdout(), "{took}").map_err(failed)
}
