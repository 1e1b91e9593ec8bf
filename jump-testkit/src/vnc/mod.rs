//! Real VNC servers on loopback: TigerVNC, TightVNC, x11vnc, qemu and wayvnc.
//!
//! Each has its own port, display and folder, and is killed when it is dropped. [`PASSWORD`] is the password of all of
//! them; the logins that want a system user take that of [`sshd`].

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::Instant;

use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::Process;
#[cfg(doc)]
use crate::sshd;

mod files;
mod makes;
mod screen;
mod wayvnc;
mod xwd;

pub use makes::{QemuLogin, X11vncLogin};
pub(crate) use screen::output;
pub use screen::{Picture, Shown};
pub use wayvnc::WayvncLogin;

/// The password of every server here; VNC's has at most 8 characters.
pub const PASSWORD: &str = "secret12";
/// The size of the screens of TigerVNC, TightVNC, x11vnc and wayvnc, unless they are given another.
pub const SIZE: (u16, u16) = (640, 480);

const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
#[derive(Debug)]
pub struct VncServer {
    address: SocketAddr,
    authority: String,
    /// The server, and before it the X server or compositor that it shows, if that is another.
    processes: Vec<Process>,
    displays: Vec<u32>,
    shows: Shows,
    folder: Folder,
}

/// What a server shows.
#[derive(Debug)]
enum Shows {
    /// The X display that is listed first.
    Display,
    /// This compositor's screen.
    Wayland(wayvnc::Wayland),
    /// A machine of its own.
    Machine,
}

impl VncServer {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority that signed its certificate, in PEM; the certificate is for `localhost` and 127.0.0.1. Empty if
    /// it has none.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The X display that it shows, as `DISPLAY` names it; `None` for qemu and wayvnc. Another program can show something there.
    #[must_use]
    pub fn display(&self) -> Option<String> {
        self.displays.first().map(|display| format!(":{display}"))
    }

    /// The file with [`PASSWORD`] as VNC's programs keep it; there is none for x11vnc, qemu and wayvnc.
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        self.folder.join("passwd")
    }

    /// What it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.processes.iter().map(Process::output).collect()
    }

    fn new(folder: Folder, authority: String, shows: Shows) -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            authority,
            processes: Vec::new(),
            displays: Vec::new(),
            shows,
            folder,
        }
    }

    /// Starts the server until it has a port. `run` is told the port and a display that it may take.
    async fn listen(&mut self, display: Display, run: impl Fn(&Folder, u16, u32) -> Command) -> Result<()> {
        let mut last = String::new();
        // A port can be taken between its choice and the server's start.
        for _ in 0..5 {
            let port = free_port()?;
            // Few others have this display; old X servers add 6000 and want that to be below 32768.
            let given = 100 + u32::from(port) % 26_000;
            let mut process = Process::spawn(run(&self.folder, port, given))?;
            self.address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            match display {
                Display::Chosen => match display_of(&mut process).await {
                    Ok(display) => self.displays.push(display),
                    Err(_) => {
                        last = process.output();
                        continue;
                    }
                },
                Display::Given => self.displays.push(given),
                Display::None | Display::Announced(_) => {}
            }
            let up = match display {
                Display::Announced(line) => process.wait_for_line(line, PATIENCE).await.is_ok(),
                _ => listens(self.address, &mut process).await,
            };
            if up {
                self.processes.push(process);
                return Ok(());
            }
            last = process.output();
        }
        let message = format!("it does not listen; it said: {last}");
        Err(Error::new(ErrorKind::Unavailable, "start a VNC server", message))
    }
}

/// Where a server's X display comes from.
#[derive(Clone, Copy)]
enum Display {
    /// It chooses one itself and says which.
    Chosen,
    /// It takes the one it is given.
    Given,
    /// It is no X server.
    None,
    /// It is no X server, and says this when it listens. To try it by a connection would keep the first viewer waiting.
    Announced(&'static str),
}

impl Drop for VncServer {
    /// An X server that is killed leaves its lock and its socket behind.
    fn drop(&mut self) {
        for display in &self.displays {
            let left = [
                format!("/tmp/.X{display}-lock"),
                format!("/tmp/.X11-unix/X{display}"),
            ];
            for path in left {
                // Whoever is not an X server leaves nothing.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// The display that an X server says it has taken, on a line of its own.
pub(crate) async fn display_of(process: &mut Process) -> Result<u32> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let said = process.output();
        if let Some(display) = said.lines().find_map(|line| line.trim().parse().ok()) {
            return Ok(display);
        }
        if process.wait(Duration::from_millis(5)).await.is_ok() {
            break;
        }
    }
    let message = format!("it has no display; it said: {}", process.output());
    Err(Error::new(ErrorKind::Unavailable, "start an X server", message))
}

pub(crate) async fn listens(address: SocketAddr, process: &mut Process) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if process.wait(Duration::from_millis(5)).await.is_ok() {
            return false;
        }
        if TcpStream::connect(address).await.is_ok() {
            return true;
        }
    }
    false
}
