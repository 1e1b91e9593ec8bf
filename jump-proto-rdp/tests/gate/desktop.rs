//! X screens: one that a server shows, and one that a client draws on.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use jump_core::Result;
use jump_testkit::folder::Folder;
use jump_testkit::ports::free_port;
use jump_testkit::process::{Process, command};
use jump_testkit::sshd;
use jump_testkit::vnc::VncServer;
use tokio::net::TcpStream;

use super::harness::LONG;

/// A FreeRDP shadow server and the screen that it shows.
pub(crate) struct Shadow {
    pub(crate) screen: VncServer,
    pub(crate) address: SocketAddr,
    pub(crate) folder: Folder,
    process: Process,
}

/// How it lets clients in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    Tls,
    Nla,
}

impl Shadow {
    pub(crate) async fn start(security: Security) -> Self {
        let screen = VncServer::tigervnc("None").await.unwrap();
        let folder = Folder::new().unwrap();
        let mut hash = command("winpr-hash");
        hash.args(["-u", sshd::USER, "-p", sshd::PASSWORD, "-f", "sam"]);
        let hash = hash.output().await.unwrap();
        let sam = folder.join("sam");
        std::fs::write(&sam, hash.stdout).unwrap();
        let (address, process) = Self::run(&screen, &folder, &sam, security).await;
        Self {
            screen,
            address,
            folder,
            process,
        }
    }

    async fn run(
        screen: &VncServer,
        folder: &Folder,
        sam: &Path,
        security: Security,
    ) -> (SocketAddr, Process) {
        loop {
            let port = free_port().unwrap();
            let mut run = command("freerdp-shadow-cli");
            run.env("DISPLAY", screen.display().unwrap())
                .env("HOME", folder.path())
                .env("XDG_CONFIG_HOME", folder.join("config"))
                .arg(format!("/port:{port}"))
                .arg("/bind-address:127.0.0.1")
                .arg(format!("/sam-file:{}", sam.display()));
            match security {
                Security::Tls => run.args(["/sec:tls", "-auth"]),
                Security::Nla => run.args(["/sec:nla", "+auth"]),
            };
            let mut process = Process::spawn(run).unwrap();
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            if listens(address, &mut process).await {
                return (address, process);
            }
        }
    }

    pub(crate) fn log(&self) -> String {
        self.process.output()
    }
}

async fn listens(address: SocketAddr, process: &mut Process) -> bool {
    loop {
        if process.wait(std::time::Duration::from_millis(5)).await.is_ok() {
            return false;
        }
        if TcpStream::connect(address).await.is_ok() {
            return true;
        }
    }
}

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

/// A terminal on a screen that waits for a line; what is typed is in a file then.
pub(crate) struct Terminal {
    pub(crate) process: Process,
    pub(crate) file: PathBuf,
}

impl Terminal {
    pub(crate) async fn on(screen: &VncServer, folder: &Folder, name: &str) -> Self {
        let file = folder.join(name);
        let script = format!(
            "read line; echo \"$line\" > '{0}.part'; mv '{0}.part' '{0}'",
            file.display()
        );
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
        let process = screen.start("xterm", &arguments).unwrap();
        let seen = "until xwininfo -root -tree | grep -q xterm; do :; done";
        screen.run("sh", &["-c", seen]).await.unwrap();
        Self { process, file }
    }

    /// Waits until a line was typed.
    pub(crate) async fn line(&mut self) -> Result<String> {
        self.process.wait(LONG).await?;
        Ok(std::fs::read_to_string(&self.file).unwrap())
    }
}
