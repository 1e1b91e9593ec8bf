//! The client half: a shell session over a stream that is already authenticated.

mod channel;
mod copy;
mod disk;
mod link;
mod notes;
mod sftp;
mod starting;
mod write_behind;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jump_core::protocol::{ConnectOptions, Progress, Session, ShellChannel, ShellSession, Terminal};
use jump_core::session::SessionPermissions;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use russh::{Disconnect, client};
use tokio::sync::oneshot;
use tokio::time::timeout;

use self::channel::Open;
use self::notes::{ClientHandler, Notes};
use self::starting::{Starting, silent};
use crate::config;
use crate::failure::from_russh;
use crate::leg::{Leg, Scissors};

/// How long a target may take to open a channel, and to start a program on it.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the other side may take to close after we said goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// The user name we give; whoever is at the other end knows the rep from the tunnel.
const NAME: &str = "rep";

/// Starts an SSH connection over `stream`.
pub(crate) async fn connect(stream: BoxStream, options: &ConnectOptions) -> Result<Session> {
    let (leg, scissors) = Leg::new(stream, None);
    let notes = Arc::new(Notes::default());
    let handler = ClientHandler::new(notes.clone());
    let settings = Arc::new(config::client(&[], None));
    let connecting = async {
        let mut handle = client::connect_stream(settings, leg, handler)
            .await
            .map_err(|error| notes.failure("start the shell session", error))?;
        let accepted = handle
            .authenticate_none(NAME)
            .await
            .map_err(|error| notes.failure("start the shell session", error))?;
        if !accepted.success() {
            return Err(notes.ended().unwrap_or_else(|| {
                Error::new(
                    ErrorKind::Unauthenticated,
                    "start the shell session",
                    "the other end asks for a proof of its own: it is not a gate",
                )
            }));
        }
        Ok(handle)
    };
    let handle = tokio::time::timeout(options.handshake_timeout, connecting)
        .await
        .map_err(|_| {
            Error::new(
                ErrorKind::Timeout,
                "start the shell session",
                "the other end did not finish its SSH handshake in time",
            )
        })??;
    Ok(Session::Shell(Box::new(SshSession {
        handle: Arc::new(handle),
        notes,
        permissions: options.grant.permissions(),
        scissors,
    })))
}

/// An SSH connection to a gate.
struct SshSession {
    handle: Arc<client::Handle<ClientHandler>>,
    notes: Arc<Notes>,
    permissions: SessionPermissions,
    scissors: Scissors,
}

impl std::fmt::Debug for SshSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SshSession")
            .field("closed", &self.handle.is_closed())
            .finish_non_exhaustive()
    }
}

impl SshSession {
    /// Opens a channel. If this is dropped, what is opened after all is closed.
    async fn open(&self) -> Result<Starting> {
        let what = "open a channel";
        let (handle, notes) = (self.handle.clone(), self.notes.clone());
        let (give, opened) = oneshot::channel();
        tokio::spawn(async move {
            let opened = handle.channel_open_session().await;
            // Nobody may be waiting any more.
            let _ = give.send(opened.map(|channel| Starting::new(channel, notes)));
        });
        let opened = timeout(PATIENCE, opened).await.map_err(|_| silent(what))?;
        let opened = opened.map_err(|_| self.notes.lost(what))?;
        opened.map_err(|error| match error {
            russh::Error::ChannelOpenFailure(why) => {
                // How many channels a target allows at once is its own matter, and sshd gives no better reason.
                let message = format!("the other end refused it: {}", why.description());
                Error::new(ErrorKind::ResourceLimit, what, message)
            }
            other => self.notes.failure(what, other),
        })
    }

    async fn terminal(&self, starting: &mut Starting, terminal: &Terminal) -> Result<()> {
        let what = "open a terminal";
        let asked = starting
            .channel()?
            .request_pty(true, &terminal.kind, terminal.columns, terminal.rows, 0, 0, &[])
            .await;
        asked.map_err(|error| self.notes.failure(what, error))?;
        starting.answer(what, true).await
    }

    async fn files(&self) -> Result<sftp::Files> {
        let what = "open the file transfer";
        let mut starting = self.open().await?;
        let asked = starting.channel()?.request_subsystem(true, "sftp").await;
        asked.map_err(|error| self.notes.failure(what, error))?;
        starting.answer(what, self.permissions.moves_files()).await?;
        let channel = starting.started()?;
        self.notes.forget(channel.id());
        sftp::Files::start(channel).await
    }
}

#[async_trait]
impl ShellSession for SshSession {
    async fn shell(&self, terminal: &Terminal) -> Result<ShellChannel> {
        let what = "open a shell";
        let mut starting = self.open().await?;
        self.terminal(&mut starting, terminal).await?;
        let asked = starting.channel()?.request_shell(true).await;
        asked.map_err(|error| self.notes.failure(what, error))?;
        starting.answer(what, self.permissions.shell).await?;
        Ok(Open::split(starting.started()?, &self.notes))
    }

    async fn exec(&self, command: &[u8], terminal: Option<&Terminal>) -> Result<ShellChannel> {
        let what = "run a command";
        let mut starting = self.open().await?;
        if let Some(terminal) = terminal {
            self.terminal(&mut starting, terminal).await?;
        }
        let asked = starting.channel()?.exec(true, command).await;
        asked.map_err(|error| self.notes.failure(what, error))?;
        starting.answer(what, self.permissions.exec).await?;
        Ok(Open::split(starting.started()?, &self.notes))
    }

    async fn upload(
        &self,
        local: &Path,
        remote: &str,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<u64> {
        copy::upload(&mut self.files().await?, local, remote, progress).await
    }

    async fn download(
        &self,
        remote: &str,
        local: &Path,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<u64> {
        copy::download(&mut self.files().await?, remote, local, progress).await
    }

    async fn close(&self) -> Result<()> {
        let goodbye = async {
            let said = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
            if said.is_ok() {
                self.notes.wait_for_end().await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        self.scissors.cut();
        Ok(())
    }
}

impl Notes {
    /// What an error of russh means here: if the other end said why it left, that.
    fn failure(&self, operation: &'static str, error: russh::Error) -> Error {
        self.ended()
            .unwrap_or_else(|| from_russh(ErrorKind::Closed, operation, error))
    }

    /// The connection ended while something was awaited.
    fn lost(&self, operation: &'static str) -> Error {
        self.ended()
            .unwrap_or_else(|| Error::new(ErrorKind::Closed, operation, "the session is closed"))
    }
}
