//! Other processes: this executable again in another role, and stock programs.
//!
//! A part talks to its starter in lines on its standard input and output, and ends when its input ends, so that nothing
//! outlives the harness however that ends.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use jump_core::{Error, ErrorKind, Result};

/// The word on the command line that makes the executable a part.
pub(crate) const ROLE: &str = "role";

/// How long a part may take to tidy up before it is killed.
const TIDY_UP: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(1);
const OPERATION: &str = "run a part of the benchmark";

fn failed(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Internal, OPERATION, error)
}

/// A program to start.
#[allow(
    clippy::disallowed_methods,
    reason = "the benchmark runs every part as a process"
)]
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// This executable, for programs that start a part themselves.
pub(crate) fn own_executable() -> Result<PathBuf> {
    std::env::current_exe().map_err(failed)
}

/// Any program that runs until it is killed, at the latest when this value is dropped.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    /// Starts a program with these words and no input.
    pub(crate) fn start(words: &[String]) -> Result<Self> {
        let (program, arguments) = words
            .split_first()
            .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, OPERATION, "there is no program"))?;
        Self::spawn(command(program).args(arguments).stdin(Stdio::null()))
    }

    fn spawn(command: &mut Command) -> Result<Self> {
        command
            .spawn()
            .map(Self)
            .map_err(|error| Error::from_io(ErrorKind::NotFound, OPERATION, error))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has not ended by itself.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A child in one of our roles. Dropping it closes its input, upon which it tidies up and ends.
#[derive(Debug)]
pub(crate) struct Part {
    name: &'static str,
    process: Running,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Part {
    /// Starts a role.
    pub(crate) fn start(role: &'static str, arguments: &[&str]) -> Result<Self> {
        let mut own = command(own_executable()?);
        own.arg(ROLE).arg(role).args(arguments);
        Self::of(role, own)
    }

    /// Starts another program that talks in lines and ends when its input ends.
    pub(crate) fn of(name: &'static str, mut program: Command) -> Result<Self> {
        let mut process = Running::spawn(program.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let (Some(input), Some(output)) = (process.0.stdin.take(), process.0.stdout.take()) else {
            return Err(Error::new(ErrorKind::Internal, OPERATION, "a pipe is missing"));
        };
        Ok(Self {
            name,
            process,
            input: Some(input),
            output: BufReader::new(output),
        })
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Tells it a line.
    pub(crate) fn tell(&mut self, line: &str) -> Result<()> {
        match &mut self.input {
            Some(input) => writeln!(input, "{line}").map_err(failed),
            None => Err(Error::new(
                ErrorKind::Closed,
                OPERATION,
                "the part was told to end",
            )),
        }
    }

    /// The next line that it says.
    pub(crate) fn hear(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line).map_err(failed)? == 0 {
            let message = format!("the {} ended; its error output says why", self.name);
            return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
        }
        Ok(line.trim_end().to_owned())
    }

    /// The next line, which is an address.
    pub(crate) fn hear_address(&mut self) -> Result<SocketAddr> {
        self.hear()?
            .parse()
            .map_err(|_| Error::new(ErrorKind::Internal, OPERATION, "this line is not an address"))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.input = None;
        let begun = Instant::now();
        while begun.elapsed() < TIDY_UP && matches!(self.process.0.try_wait(), Ok(None)) {
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}
