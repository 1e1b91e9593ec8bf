//! xrdp, which starts an X server for who logs in.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use jump_core::{Error, ErrorKind, Result};

use super::{Owner, RdpServer, open};
use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::{Process, command};
use crate::sshd;
use crate::vnc::listens;

/// The file in which a session says its display.
pub(super) const SESSION: &str = "session";
/// The file with the key to it.
pub(super) const AUTHORITY: &str = "authority";

const CONFIG: &str = "/etc/xrdp";

/// What shows a session's screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XrdpBackend {
    /// Xorg with xorgxrdp.
    Xorg,
    /// Xvnc, whose screen can have another size at any time.
    Xvnc,
}

impl RdpServer {
    /// xrdp, which knows TLS only. A session's screen is of one colour, until a test starts something there.
    ///
    /// All of it runs in a PID namespace, because its sessions outlive it, and in a mount namespace with a configuration and
    /// sockets of its own, because some of it reads fixed paths. That takes root.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if a program is missing, [`ErrorKind::Unavailable`] with what the server said if it does
    /// not start.
    pub async fn xrdp(backend: XrdpBackend) -> Result<Self> {
        sshd::ensure_user().await?;
        let folder = Folder::new()?;
        open(folder.path(), 0o777)?;
        for name in [SESSION, AUTHORITY] {
            open(&folder.write(name, "")?, 0o666)?;
        }
        let place = folder.path().display();
        let manager = format!(
            "#!/bin/sh\n\
             cat \"${{XAUTHORITY:-$HOME/.Xauthority}}\" > {place}/{AUTHORITY}\n\
             xsetroot -solid '#204060'\n\
             echo \"$DISPLAY\" > {place}/{SESSION}\n\
             exec sleep infinity\n"
        );
        open(&folder.write("manager", manager)?, 0o755)?;
        let mut server = Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            processes: Vec::new(),
            displays: Vec::new(),
            certificate: Path::new(CONFIG).join("cert.pem"),
            owner: Owner::User,
            folder,
        };
        let mut last = String::new();
        // A port can be taken between its choice and the server's start.
        for _ in 0..5 {
            let (port, manager_port) = (free_port()?, free_port()?);
            server.address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            configure(&server.folder, backend, port, manager_port)?;
            let place = server.folder.path().display();
            let script = format!(
                "set -e\n\
                 mkdir -p /run/xrdp\n\
                 mount -t tmpfs tmpfs /run/xrdp\n\
                 mkdir -m 1777 /run/xrdp/sockdir\n\
                 mount --bind {place}/sesman.ini {CONFIG}/sesman.ini\n\
                 xrdp-sesman --nodaemon &\n\
                 exec xrdp --nodaemon --config {place}/xrdp.ini"
            );
            let mut run = command("unshare");
            run.args(["--mount", "--fork", "--pid", "--mount-proc", "--kill-child"])
                .args(["sh", "-c", &script]);
            let mut process = Process::spawn(run)?;
            let manager = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, manager_port));
            if listens(manager, &mut process).await && listens(server.address, &mut process).await {
                server.processes.push(process);
                return Ok(server);
            }
            last = process.output() + &server.log();
        }
        let message = format!("it does not listen; it said: {last}");
        Err(Error::new(ErrorKind::Unavailable, "start xrdp", message))
    }
}

/// Writes the package's configuration with other ports, places and displays.
fn configure(folder: &Folder, backend: XrdpBackend, port: u16, manager_port: u16) -> Result<()> {
    let place = folder.path().display();
    let backend = match backend {
        XrdpBackend::Xorg => "Xorg",
        XrdpBackend::Xvnc => "Xvnc",
    };
    // Few others have this display.
    let display = 100 + u32::from(port) % 26_000;
    let server = [
        ("port", format!("tcp://127.0.0.1:{port}")),
        ("autorun", backend.to_owned()),
        ("LogFile", format!("{place}/xrdp.log")),
        ("EnableSyslog", "false".to_owned()),
    ];
    let manager = [
        ("ListenPort", manager_port.to_string()),
        ("LogFile", format!("{place}/sesman.log")),
        ("EnableSyslog", "false".to_owned()),
        ("KillDisconnected", "true".to_owned()),
        ("EnableUserWindowManager", "false".to_owned()),
        ("DefaultWindowManager", format!("{place}/manager")),
        ("X11DisplayOffset", display.to_string()),
    ];
    folder.write("xrdp.ini", changed("xrdp.ini", &server)?)?;
    folder.write("sesman.ini", changed("sesman.ini", &manager)?)?;
    Ok(())
}

/// A file of the package with other values. Only the first `port` is the server's; the others are of its backends.
fn changed(name: &str, values: &[(&str, String)]) -> Result<String> {
    let path = Path::new(CONFIG).join(name);
    let original = std::fs::read_to_string(&path)
        .map_err(|error| Error::from_io(ErrorKind::NotFound, "configure xrdp", error))?;
    let mut left: Vec<_> = values.iter().collect();
    let lines = original.lines().map(|line| {
        let key = line.split_once('=').map(|(key, _)| key.trim());
        match left.iter().position(|(name, _)| Some(*name) == key) {
            Some(at) => {
                let (name, value) = left.remove(at);
                format!("{name}={value}\n")
            }
            None => format!("{line}\n"),
        }
    });
    Ok(lines.collect())
}
