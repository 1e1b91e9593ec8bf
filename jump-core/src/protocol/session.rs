//! What an embedder drives: a shell, a tunnel or a screen.

use std::fmt::{Debug, Display};
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use super::ScreenSession;
use crate::error::Result;
use crate::model::TargetAddress;
use crate::stream::BoxStream;

/// A session of one of the kinds. A method enters a kind only if every backend of that kind can mean it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Session {
    /// A shell with commands and files.
    Shell(Box<dyn ShellSession>),
    /// Byte streams to permitted ports.
    Tunnel(Box<dyn TunnelSession>),
    /// A screen with keyboard and pointer.
    Screen(Box<dyn ScreenSession>),
}

/// The size and kind of a terminal, in character cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// The terminal type, such as `xterm-256color`.
    pub kind: String,
    /// Columns, 1..=65535.
    pub columns: u32,
    /// Rows, 1..=65535.
    pub rows: u32,
}

/// How a command or shell ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It returned this code.
    Code(u32),
    /// A signal ended it: its name without `SIG` (RFC 4254 §6.10).
    Signal(String),
}

impl Display for ExitStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ExitStatus::Code(code) => write!(f, "exit code {code}"),
            ExitStatus::Signal(name) => write!(f, "signal {name}"),
        }
    }
}

/// Something that a shell or command said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShellEvent {
    /// Standard output, or everything if there is a terminal.
    Output(Bytes),
    /// Standard error.
    ErrorOutput(Bytes),
    /// It ended; no output follows.
    Exit(ExitStatus),
}

/// How far a file transfer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes moved so far.
    pub done: u64,
    /// Bytes in all, if known.
    pub total: Option<u64>,
}

/// A shell session. Several channels can be open at once.
#[async_trait]
pub trait ShellSession: Send + Sync + Debug {
    /// Opens an interactive shell on a terminal.
    async fn shell(&self, terminal: &Terminal) -> Result<ShellChannel>;

    /// Runs a command, on a terminal if one is given.
    async fn exec(&self, command: &[u8], terminal: Option<&Terminal>) -> Result<ShellChannel>;

    /// Copies a local file to the target. `progress` is called after each piece; the remote file is complete when
    /// this returns `Ok`.
    async fn upload(
        &self,
        local: &Path,
        remote: &str,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<u64>;

    /// Copies a file of the target to a local path; it is written under a temporary name and renamed when complete.
    async fn download(
        &self,
        remote: &str,
        local: &Path,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<u64>;

    /// Says goodbye and closes the session.
    async fn close(&self) -> Result<()>;
}

/// The source of an error that is about one shell, command or stream while its session goes on: nobody has to find out why the session
/// ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionGoesOn;

impl std::fmt::Display for SessionGoesOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the session goes on")
    }
}

impl std::error::Error for SessionGoesOn {}

/// A running shell or command: its two directions can be driven by two tasks.
#[derive(Debug)]
pub struct ShellChannel {
    /// From the target.
    pub reader: Box<dyn ShellReader>,
    /// To the target.
    pub writer: Box<dyn ShellWriter>,
}

/// What comes from a shell.
#[async_trait]
pub trait ShellReader: Send + Debug {
    /// The next event; `None` after the channel closed. Cancel-safe. Events are never dropped: an unread channel
    /// holds the sender back.
    async fn next(&mut self) -> Result<Option<ShellEvent>>;
}

/// What goes to a shell.
#[async_trait]
pub trait ShellWriter: Send + Debug {
    /// Writes all of `data`; waits while the target does not take it. Not cancel-safe: a part may have been sent.
    async fn write(&mut self, data: Bytes) -> Result<()>;

    /// Says that no more input follows.
    async fn finish(&mut self) -> Result<()>;

    /// Changes the size of the terminal.
    async fn resize(&mut self, columns: u32, rows: u32) -> Result<()>;

    /// Sends a signal by its name without `SIG`, such as `INT` (RFC 4254 §6.9).
    async fn signal(&mut self, name: &str) -> Result<()>;
}

/// A tunnel session: many byte streams to permitted addresses.
#[async_trait]
pub trait TunnelSession: Send + Sync + Debug {
    /// Opens a stream to one of the grant's addresses.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](crate::ErrorKind::Denied) if the address is not in the grant,
    /// [`ErrorKind::TargetUnreachable`](crate::ErrorKind::TargetUnreachable) if nobody answers there.
    async fn open(&self, target: &TargetAddress) -> Result<BoxStream>;

    /// Waits until the session has ended.
    async fn closed(&self) -> Result<()>;

    /// Closes the session and every stream in it.
    async fn close(&self) -> Result<()>;
}
