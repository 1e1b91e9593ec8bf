//! What is inside xrdp's own mount namespace: the sockets of a session's devices, and the drives of its client.

use std::path::PathBuf;

use jump_core::{Error, ErrorKind, Result};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::Instant;

use super::{PATIENCE, RdpServer, USER, xrdp};
use crate::process::{Process, command};
use crate::vnc::output;

/// Bytes of sound that a sound server gives xrdp at once; xrdp makes pieces of as many.
const PIECE: usize = 8192;

impl RdpServer {
    /// Plays samples in the session as a sound server of xrdp's would: 16 bits, left and right, 44100 a second. Waits until
    /// the client has said that it listens.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if it does not, [`ErrorKind::Network`]; as for [`display`](Self::display).
    pub async fn play(&self, samples: &[u8]) -> Result<()> {
        const OPERATION: &str = "play sound";
        let display = self.display_number().await?;
        self.until_devices_said("sound_process_training").await?;
        let socket = self.root()?.join(format!(
            "run/xrdp/sockdir/xrdp_chansrv_audio_out_socket_{display}"
        ));
        let failed = |error| Error::from_io(ErrorKind::Network, OPERATION, error);
        let mut stream = UnixStream::connect(socket).await.map_err(failed)?;
        for piece in samples.chunks(PIECE) {
            // What it is and how long it is with its header; 0 is sound and 1 the end of it.
            let mut message = 0u32.to_le_bytes().to_vec();
            message.extend((8 + piece.len() as u32).to_le_bytes());
            message.extend(piece);
            stream.write_all(&message).await.map_err(failed)?;
        }
        stream.write_all(&[1, 0, 0, 0, 8, 0, 0, 0]).await.map_err(failed)
    }

    /// Waits until the session's device manager has logged a text.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] with what it logged; as for [`display`](Self::display).
    pub async fn until_devices_said(&self, text: &str) -> Result<()> {
        let log = Self::devices_log(self.display_number().await?);
        let end = Instant::now() + PATIENCE;
        let mut said = String::new();
        while Instant::now() < end {
            said = std::fs::read_to_string(&log).unwrap_or_default();
            if said.contains(text) {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Err(Error::new(ErrorKind::Timeout, "wait for xrdp's devices", said))
    }

    /// Runs a program as [`USER`] where the session's drives are mounted, in `~/thinclient_drives`; what it wrote.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub async fn run_inside(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut run = self.inside(program).await?;
        run.args(arguments);
        output(run).await
    }

    /// Starts a program as [`USER`] where the session's drives are mounted.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub async fn start_inside(&self, program: &str, arguments: &[&str]) -> Result<Process> {
        let mut run = self.inside(program).await?;
        run.args(arguments);
        Process::spawn(run)
    }

    async fn inside(&self, program: &str) -> Result<Command> {
        let mut run = command("nsenter");
        run.arg(format!("--target={}", self.namespace()?))
            .args(["--mount", "setpriv"])
            .arg(format!("--reuid={USER}"))
            .arg(format!("--regid={USER}"))
            .args(["--clear-groups", program])
            .env("HOME", format!("/home/{USER}"))
            .env("XAUTHORITY", self.folder.join(xrdp::AUTHORITY))
            .env("DISPLAY", self.display().await?)
            .env("LC_ALL", "C.UTF-8");
        Ok(run)
    }

    /// The process whose mount namespace it is.
    fn namespace(&self) -> Result<u32> {
        let process = self.processes.first().map(Process::pid);
        process.ok_or_else(|| Error::new(ErrorKind::NotFound, "look into xrdp", "it does not run"))
    }

    /// The root of what it sees.
    fn root(&self) -> Result<PathBuf> {
        Ok(PathBuf::from(format!("/proc/{}/root", self.namespace()?)))
    }

    async fn display_number(&self) -> Result<u32> {
        let display = self.display().await?;
        number(&display).ok_or_else(|| {
            let message = format!("{display} is no display");
            Error::new(ErrorKind::Protocol, "look for a session", message)
        })
    }

    /// Where the device manager of a session logs.
    pub(super) fn devices_log(display: u32) -> PathBuf {
        PathBuf::from(format!(
            "/home/{USER}/.local/share/xrdp/xrdp-chansrv.{display}.log"
        ))
    }
}

/// The number of a display as `DISPLAY` names it.
pub(super) fn number(display: &str) -> Option<u32> {
    let number = display.trim().strip_prefix(':')?;
    number.split('.').next()?.parse().ok()
}
