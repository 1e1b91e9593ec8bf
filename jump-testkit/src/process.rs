//! Child processes of tests: their output, and their sudden death.

use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Output beyond this many bytes is not kept.
const KEPT: usize = 16 << 20;

/// A command to run. Besides `jump vnc` and `jump rdp`, which start a viewer, the one place of the project that starts processes.
#[allow(
    clippy::disallowed_methods,
    reason = "tests start the programs they test against"
)]
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// A running child; it is killed when this value is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: u32,
    output: Arc<Mutex<Vec<u8>>>,
    grown: watch::Receiver<u64>,
}

impl Process {
    /// Starts the command with no input; its output and error output are collected, line by line, in one buffer.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the program cannot be started.
    pub fn spawn(mut command: Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Error::from_io(ErrorKind::NotFound, "start a program", error))?;
        let pid = child
            .id()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "start a program", "it has no process id"))?;
        let output = Arc::new(Mutex::new(Vec::new()));
        let (grow, grown) = watch::channel(0u64);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(collect(stdout, output.clone(), grow.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(collect(stderr, output.clone(), grow));
        }
        Ok(Self {
            child,
            pid,
            output,
            grown,
        })
    }

    /// Its process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// What it said so far, on both outputs, as text.
    #[must_use]
    pub fn output(&self) -> String {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&output).into_owned()
    }

    /// Waits for a line that contains `text` and gives the first one. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if it does not come in time, [`ErrorKind::Closed`] if the program closed its outputs;
    /// both with what it said instead.
    pub async fn wait_for_line(&mut self, text: &str, at_most: Duration) -> Result<String> {
        let waiting = async {
            loop {
                self.grown.borrow_and_update();
                let said = self.output();
                if let Some(line) = said.lines().find(|line| line.contains(text)) {
                    return Ok(line.to_owned());
                }
                if self.grown.changed().await.is_err() {
                    let said = self.output();
                    return match said.lines().find(|line| line.contains(text)) {
                        Some(line) => Ok(line.to_owned()),
                        None => Err(ErrorKind::Closed),
                    };
                }
            }
        };
        let kind = match tokio::time::timeout(at_most, waiting).await {
            Ok(Ok(line)) => return Ok(line),
            Ok(Err(kind)) => kind,
            Err(_) => ErrorKind::Timeout,
        };
        let message = format!("no line with `{text}`; it said: {}", self.output());
        Err(Error::new(kind, "wait for a program", message))
    }

    /// Ends it at once with SIGKILL, as `kill -9`, and waits until it is gone.
    pub async fn kill(&mut self) -> Result<()> {
        self.child
            .kill()
            .await
            .map_err(|error| Error::from_io(ErrorKind::Internal, "kill a program", error))
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if it still runs after `at_most`.
    pub async fn wait(&mut self, at_most: Duration) -> Result<ExitStatus> {
        match tokio::time::timeout(at_most, self.child.wait()).await {
            Ok(ended) => {
                ended.map_err(|error| Error::from_io(ErrorKind::Internal, "wait for a program", error))
            }
            Err(_) => {
                let message = format!("it still runs; it said: {}", self.output());
                Err(Error::new(ErrorKind::Timeout, "wait for a program", message))
            }
        }
    }
}

async fn collect(from: impl AsyncRead + Unpin, output: Arc<Mutex<Vec<u8>>>, grow: watch::Sender<u64>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        if output.len() + line.len() <= KEPT {
            output.extend_from_slice(&line);
        }
        drop(output);
        line.clear();
        grow.send_modify(|lines| *lines += 1);
    }
}

/// Sends SIGKILL to any process of ours by its id.
pub fn kill_9(pid: u32) -> Result<()> {
    let missing = || Error::new(ErrorKind::NotFound, "kill a process", "there is no such process");
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(missing)?;
    kill_process(pid, Signal::KILL).map_err(|error| missing().with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Process {
        let mut command = command("sh");
        command.args(["-c", script]);
        Process::spawn(command).unwrap()
    }

    #[tokio::test]
    async fn collects_lines_of_both_outputs_and_the_exit_code() {
        let mut process = shell("echo ready on port 7; echo problem >&2; exit 3");
        assert_eq!(
            process.wait_for_line("port", LONG).await.unwrap(),
            "ready on port 7"
        );
        process.wait_for_line("problem", LONG).await.unwrap();
        assert_eq!(process.wait(LONG).await.unwrap().code(), Some(3));
        let error = process.wait_for_line("never", LONG).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
    }

    #[tokio::test]
    async fn kill_9_by_pid_ends_it() {
        use std::os::unix::process::ExitStatusExt;
        let mut process = shell("echo up; exec sleep 1000");
        process.wait_for_line("up", LONG).await.unwrap();
        kill_9(process.pid()).unwrap();
        assert_eq!(process.wait(LONG).await.unwrap().signal(), Some(9));
    }
}
