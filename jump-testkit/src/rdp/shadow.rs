//! FreeRDP's shadow server, which shows an X screen that is there already.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use jump_core::{Error, ErrorKind, Result};

use super::{Owner, PASSWORD, RdpServer, SIZE, USER};
use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::{Process, command};
use crate::vnc::{display_of, listens, output};

/// How a shadow server lets clients in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShadowSecurity {
    /// With Network Level Authentication only.
    Nla,
    /// Within TLS, whoever they are.
    Tls,
    /// With Network Level Authentication where the client has it, else within TLS.
    Any,
}

impl RdpServer {
    /// A shadow server with an Xvfb of its own, of [`SIZE`].
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if a program is missing, [`ErrorKind::Unavailable`] with what the server said if it does
    /// not start.
    pub async fn shadow(security: ShadowSecurity) -> Result<Self> {
        Self::shadow_of(security, SIZE).await
    }

    /// The same with a screen of this size, in pixels.
    ///
    /// # Errors
    /// As for [`shadow`](Self::shadow).
    pub async fn shadow_of(security: ShadowSecurity, (width, height): (u16, u16)) -> Result<Self> {
        let folder = Folder::new()?;
        let mut hash = command("winpr-hash");
        hash.args(["-u", USER, "-p", PASSWORD, "-f", "sam"]);
        folder.write("sam", output(hash).await?)?;
        let mut run = command("Xvfb");
        run.args([
            "-displayfd",
            "1",
            "-nolisten",
            "tcp",
            "-ac",
            "-noreset",
            "-screen",
            "0",
        ])
        .arg(format!("{width}x{height}x24"));
        let mut screen = Process::spawn(run)?;
        let display = display_of(&mut screen).await?;
        let mut server = Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            processes: vec![screen],
            displays: vec![display],
            certificate: PathBuf::new(),
            owner: Owner::Tester,
            folder,
        };
        let mut last = String::new();
        // A port can be taken between its choice and the server's start.
        for _ in 0..5 {
            let port = free_port()?;
            server.address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut run = command("freerdp-shadow-cli");
            run.arg(format!("/port:{port}"))
                .arg("/bind-address:127.0.0.1")
                .arg(format!("/sam-file:{}", server.folder.join("sam").display()))
                .env("HOME", server.folder.path())
                .env("XDG_CONFIG_HOME", server.folder.join("config"))
                .env("DISPLAY", format!(":{display}"));
            match security {
                ShadowSecurity::Nla => run.args(["/sec:nla", "+auth"]),
                ShadowSecurity::Tls => run.args(["/sec:tls", "-auth"]),
                ShadowSecurity::Any => run.arg("-auth"),
            };
            let mut process = Process::spawn(run)?;
            if listens(server.address, &mut process).await {
                server.processes.push(process);
                server.certificate = server.folder.join("config/freerdp/shadow/shadow.crt");
                return Ok(server);
            }
            last = process.output();
        }
        let message = format!("it does not listen; it said: {last}");
        Err(Error::new(
            ErrorKind::Unavailable,
            "start a shadow server",
            message,
        ))
    }
}
