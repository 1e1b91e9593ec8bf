//! The screens of servers and of clients.

use std::net::SocketAddr;
use std::path::PathBuf;

use jump_core::Result;
use jump_testkit::folder::Folder;
use jump_testkit::process::{Process, command};
use jump_testkit::rdp::{RdpServer, ShadowSecurity};
use jump_testkit::vnc::VncServer;

use super::harness::LONG;

/// A screen for clients.
pub(crate) struct Desk {
    pub(crate) screen: VncServer,
    folder: Folder,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self {
            screen: VncServer::tigervnc("None").await.unwrap(),
            folder: Folder::new().unwrap(),
        }
    }

    /// Starts an unmodified xfreerdp on a port.
    pub(crate) fn xfreerdp(&self, address: SocketAddr, arguments: &[&str]) -> Process {
        let mut run = command("xfreerdp");
        run.env("DISPLAY", self.screen.display().unwrap())
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.folder.join("config"))
            .arg(format!("/v:{address}"))
            .args([
                "/cert:ignore",
                "/size:640x480",
                "-decorations",
                "/f",
                "/log-level:INFO",
            ])
            .args(arguments);
        Process::spawn(run).unwrap()
    }

    /// Presses keys on this screen, as xdotool names them.
    pub(crate) async fn type_text(&self, text: &str) {
        self.screen
            .run("xdotool", &["mousemove", "300", "200"])
            .await
            .unwrap();
        self.screen
            .run("xdotool", &["type", "--delay", "20", text])
            .await
            .unwrap();
        self.screen.run("xdotool", &["key", "Return"]).await.unwrap();
    }
}

/// A terminal on a server's screen that waits for a line; what is typed is in a file then.
pub(crate) struct Terminal {
    process: Process,
    file: PathBuf,
}

impl Terminal {
    pub(crate) async fn on(server: &RdpServer) -> Self {
        let file = server.writable_file("line").unwrap();
        let script = format!("read line; echo \"$line\" > '{}'", file.display());
        let arguments = [
            "-geometry",
            "100x40+0+0",
            "-T",
            "typed",
            "-e",
            "sh",
            "-c",
            &script,
        ];
        let process = server.start("xterm", &arguments).await.unwrap();
        let seen = "until xwininfo -root -tree | grep -q xterm; do :; done";
        server.run("sh", &["-c", seen]).await.unwrap();
        Self { process, file }
    }

    /// Waits until a line was typed.
    pub(crate) async fn line(&mut self) -> Result<String> {
        self.process.wait(LONG).await?;
        Ok(std::fs::read_to_string(&self.file).unwrap())
    }
}

/// One colour on the whole screen that a server shows.
pub(crate) const ORANGE: [u8; 3] = [0xc0, 0x60, 0x20];

/// A shadow server whose screen is [`ORANGE`].
pub(crate) async fn orange(security: ShadowSecurity) -> RdpServer {
    let server = RdpServer::shadow(security).await.unwrap();
    server.run("xsetroot", &["-solid", "#c06020"]).await.unwrap();
    server
}
