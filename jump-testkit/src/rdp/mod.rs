//! Real RDP servers on loopback: xrdp with both of its backends, and FreeRDP's shadow server.
//!
//! Each has its own port, display and folder, and is killed when it is dropped. All of them let in the system user of
//! [`sshd`](crate::sshd), [`USER`] with [`PASSWORD`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};
use tokio::process::Command;
use tokio::time::Instant;

use crate::folder::Folder;
use crate::process::{Process, command};
pub use crate::sshd::{PASSWORD, USER};
use crate::vnc::{Picture, output};

mod inside;
mod shadow;
mod xrdp;

pub use shadow::ShadowSecurity;
pub use xrdp::XrdpBackend;

/// The size of the screens of shadow servers; xrdp's have the size that a client asks for.
pub const SIZE: (u16, u16) = (640, 480);

const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
#[derive(Debug)]
pub struct RdpServer {
    address: SocketAddr,
    /// The server, and the X server that it shows, if that is another.
    processes: Vec<Process>,
    displays: Vec<u32>,
    /// Its certificate, in PEM.
    certificate: PathBuf,
    owner: Owner,
    folder: Folder,
}

/// Whose the shown display is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// Whoever runs the test.
    Tester,
    /// [`USER`], once it has logged in.
    User,
}

impl RdpServer {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its certificate, in PEM.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be read.
    pub fn certificate(&self) -> Result<String> {
        std::fs::read_to_string(&self.certificate)
            .map_err(|error| Error::from_io(ErrorKind::Storage, "read a certificate", error))
    }

    /// What it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        let said: String = self.processes.iter().map(Process::output).collect();
        let logs = ["xrdp.log", "sesman.log"].map(|name| std::fs::read_to_string(self.folder.join(name)));
        logs.into_iter().flatten().fold(said, |said, log| said + &log)
    }

    /// The X display that it shows, as `DISPLAY` names it. xrdp has one as soon as a user has logged in: waits for that.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if nobody logs in.
    pub async fn display(&self) -> Result<String> {
        if let Some(display) = self.displays.first() {
            return Ok(format!(":{display}"));
        }
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let written = std::fs::read_to_string(self.folder.join(xrdp::SESSION)).unwrap_or_default();
            if let Some(display) = written.strip_suffix('\n') {
                return Ok(display.to_owned());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let message = format!("nobody logged in; it said: {}", self.log());
        Err(Error::new(ErrorKind::Timeout, "look for a session", message))
    }

    /// What is on the screen now, as `xwd` sees it.
    ///
    /// # Errors
    /// As for [`run`](Self::run), and [`ErrorKind::Protocol`] if that is no picture.
    pub async fn screen(&self) -> Result<Picture> {
        let dump = self.run("xwd", &["-root", "-silent"]).await?;
        Picture::from_xwd(&dump).ok_or_else(|| {
            let message = "xwd wrote no picture of a known kind";
            Error::new(ErrorKind::Protocol, "look at a server's screen", message)
        })
    }

    /// Waits until the screen is as `wanted` says; what is on it then.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if it does not become so; as for [`screen`](Self::screen).
    pub async fn until_shown(&self, wanted: impl Fn(&Picture) -> bool) -> Result<Picture> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let picture = self.screen().await?;
            if wanted(&picture) {
                return Ok(picture);
            }
        }
        let message = "it did not become what was waited for";
        Err(Error::new(
            ErrorKind::Timeout,
            "look at a server's screen",
            message,
        ))
    }

    /// Shows a picture in the upper left corner until the process is dropped. What is on the screen then comes back, too.
    ///
    /// # Errors
    /// As for [`until_shown`](Self::until_shown).
    pub async fn show(&self, picture: &Picture) -> Result<(Process, Picture)> {
        let dump = self.run("xwd", &["-root", "-silent"]).await?;
        let file = self.folder.write("picture.xwd", picture.to_xwd(&dump))?;
        let process = self
            .start("xwud", &["-geometry", "+0+0", "-in", &file.display().to_string()])
            .await?;
        let rows = picture.pixels.chunks_exact(picture.width);
        let shown = self.until_shown(|screen| {
            let shown = screen.pixels.chunks_exact(screen.width);
            shown.len() >= rows.len() && rows.clone().zip(shown).all(|(row, shown)| shown.starts_with(row))
        });
        match shown.await {
            Ok(screen) => Ok((process, screen)),
            Err(error) => {
                let message = format!("{}; xwud said: {}", error.context(), process.output());
                Err(Error::new(error.kind(), "show a picture", message))
            }
        }
    }

    /// Runs a client of the screen to its end; what it wrote. At xrdp it is run as [`USER`].
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] with what it said if it fails, [`ErrorKind::NotFound`] if it is not there; as for
    /// [`display`](Self::display).
    pub async fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut run = self.client(program).await?;
        run.args(arguments);
        output(run).await
    }

    /// Starts a client of the screen. At xrdp it is run as [`USER`].
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it is not there; as for [`display`](Self::display).
    pub async fn start(&self, program: &str, arguments: &[&str]) -> Result<Process> {
        let mut run = self.client(program).await?;
        run.args(arguments);
        Process::spawn(run)
    }

    /// A file that the clients of the screen may write.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be made.
    pub fn writable_file(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.write(name, "")?;
        open(&path, 0o666)?;
        Ok(path)
    }

    /// A script that a session may start.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be made.
    pub fn program(&self, name: &str, script: &str) -> Result<PathBuf> {
        let path = self.folder.write(name, script)?;
        open(&path, 0o755)?;
        Ok(path)
    }

    async fn client(&self, program: &str) -> Result<Command> {
        let mut run = match self.owner {
            Owner::Tester => command(program),
            Owner::User => {
                let mut run = command("setpriv");
                run.arg(format!("--reuid={USER}"))
                    .arg(format!("--regid={USER}"))
                    .args(["--clear-groups", program])
                    .env("HOME", format!("/home/{USER}"))
                    .env("XAUTHORITY", self.folder.join(xrdp::AUTHORITY));
                run
            }
        };
        run.env("DISPLAY", self.display().await?).env("LC_ALL", "C.UTF-8");
        Ok(run)
    }
}

fn open(path: &std::path::Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(|error| Error::from_io(ErrorKind::Storage, "open a test file to others", error))
}

impl Drop for RdpServer {
    /// An X server that is killed leaves its lock and its socket behind, and a session the log of its devices.
    fn drop(&mut self) {
        let shown = std::fs::read_to_string(self.folder.join(xrdp::SESSION)).unwrap_or_default();
        let displays = self.displays.iter().copied().chain(inside::number(&shown));
        for display in displays {
            let left = [
                format!("/tmp/.X{display}-lock"),
                format!("/tmp/.X11-unix/X{display}"),
                Self::devices_log(display).display().to_string(),
            ];
            for path in left {
                // It may have gone in order.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}
