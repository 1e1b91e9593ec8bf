//! Real VNC servers on loopback: TigerVNC, TightVNC, x11vnc and qemu.
//!
//! Each has its own port, display and folder, and is killed when it is dropped. [`PASSWORD`] is the password of all of
//! them; the logins that want a system user take that of [`sshd`].

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::Instant;

use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::{Process, command};
use crate::sshd;

/// The password of every server here; VNC's has at most 8 characters.
pub const PASSWORD: &str = "secret12";
/// The size of the screens of TigerVNC, TightVNC and x11vnc.
pub const SIZE: (u16, u16) = (640, 480);

const PATIENCE: Duration = Duration::from_secs(60);
const PAM: &str = "/etc/pam.d/jumpvnc";

/// How a qemu without a machine of use lets viewers in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QemuLogin {
    /// Without a login.
    None,
    /// With [`PASSWORD`].
    Password,
    /// In TLS with a certificate, and with [`PASSWORD`].
    X509Vnc,
}

/// A running server.
#[derive(Debug)]
pub struct VncServer {
    address: SocketAddr,
    authority: String,
    /// The server, and the X server that it shows, if that is another.
    processes: Vec<Process>,
    displays: Vec<u32>,
    folder: Folder,
}

impl VncServer {
    /// Xtigervnc with these security types, as its option `-SecurityTypes` names them.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if a program is missing, [`ErrorKind::Unavailable`] with what the server said if it
    /// does not start.
    pub async fn tigervnc(security_types: &str) -> Result<Self> {
        Self::tigervnc_with(security_types, &[]).await
    }

    /// The same with more options of its own.
    ///
    /// # Errors
    /// As for [`tigervnc`](Self::tigervnc).
    pub async fn tigervnc_with(security_types: &str, options: &[&str]) -> Result<Self> {
        sshd::ensure_user().await?;
        ensure_pam()?;
        let folder = Folder::new()?;
        let authority = certificates(&folder)?;
        password_file(&folder).await?;
        let mut server = Self::new(folder, authority);
        server
            .listen(Display::Chosen, |folder, port, _| {
                let mut run = command("Xtigervnc");
                run.args(["-displayfd", "1", "-localhost=1", "-interface", "127.0.0.1"])
                    .args(["-rfbport", &port.to_string(), "-SecurityTypes", security_types])
                    .args(["-UseBlacklist=0", "-AlwaysShared=1", "-depth", "24", "-geometry"])
                    .arg(format!("{}x{}", SIZE.0, SIZE.1))
                    .args(["-PlainUsers", sshd::USER, "-pam_service", "jumpvnc"])
                    .args(["-nolisten", "tcp", "-ac", "-desktop", "jump test"])
                    .arg("-rfbauth")
                    .arg(folder.join("passwd"))
                    .arg("-X509Key")
                    .arg(folder.join("server-key.pem"))
                    .arg("-X509Cert")
                    .arg(folder.join("server-cert.pem"))
                    .args(options);
                run
            })
            .await?;
        Ok(server)
    }

    /// Xtightvnc, which has TightVNC's extensions and VNC authentication.
    ///
    /// # Errors
    /// As for [`tigervnc`](Self::tigervnc).
    pub async fn tightvnc() -> Result<Self> {
        Self::tightvnc_of(SIZE).await
    }

    /// The same with a screen of this width and height.
    ///
    /// # Errors
    /// As for [`tigervnc`](Self::tigervnc).
    pub async fn tightvnc_of((width, height): (u16, u16)) -> Result<Self> {
        let folder = Folder::new()?;
        password_file(&folder).await?;
        let mut server = Self::new(folder, String::new());
        server
            .listen(Display::Given, |folder, port, display| {
                let mut run = command("Xtightvnc");
                run.arg(format!(":{display}"))
                    .args(["-localhost", "-interface", "127.0.0.1"])
                    .args(["-rfbport", &port.to_string(), "-depth", "24", "-geometry"])
                    .arg(format!("{width}x{height}"))
                    .args(["-ac", "-rfbauth"])
                    .arg(folder.join("passwd"));
                run
            })
            .await?;
        Ok(server)
    }

    /// x11vnc with VNC authentication, on an Xvfb of its own.
    ///
    /// # Errors
    /// As for [`tigervnc`](Self::tigervnc).
    pub async fn x11vnc() -> Result<Self> {
        let folder = Folder::new()?;
        let mut server = Self::new(folder, String::new());
        let mut run = command("Xvfb");
        run.args(["-displayfd", "1", "-nolisten", "tcp", "-ac", "-screen", "0"])
            .arg(format!("{}x{}x24", SIZE.0, SIZE.1));
        let mut screen = Process::spawn(run)?;
        let display = display_of(&mut screen).await?;
        server.processes.push(screen);
        server.displays.push(display);
        server
            .listen(Display::None, |_, port, _| {
                let mut run = command("x11vnc");
                run.args(["-display", &format!(":{display}"), "-localhost", "-noipv6"])
                    .args(["-rfbport", &port.to_string(), "-passwd", PASSWORD])
                    .args(["-shared", "-forever", "-norc", "-quiet"]);
                run
            })
            .await?;
        Ok(server)
    }

    /// qemu with the screen of a machine that has nothing to start.
    ///
    /// # Errors
    /// As for [`tigervnc`](Self::tigervnc).
    pub async fn qemu(login: QemuLogin) -> Result<Self> {
        let folder = Folder::new()?;
        let authority = certificates(&folder)?;
        let mut server = Self::new(folder, authority);
        server
            .listen(Display::None, |folder, port, _| {
                let mut run = command("qemu-system-x86_64");
                run.args(["-M", "pc", "-accel", "tcg", "-m", "16", "-net", "none"])
                    .args(["-monitor", "none", "-serial", "none", "-S"])
                    .args(["-object", &format!("secret,id=word,data={PASSWORD}")]);
                // qemu counts from port 5900.
                let mut display = format!("vnc=127.0.0.1:{}", port.saturating_sub(5900));
                if login != QemuLogin::None {
                    display += ",password-secret=word";
                }
                if login == QemuLogin::X509Vnc {
                    let keys = folder.path().display();
                    run.arg("-object").arg(format!(
                        "tls-creds-x509,id=tls,dir={keys},endpoint=server,verify-peer=off"
                    ));
                    display += ",tls-creds=tls";
                }
                run.args(["-display", &display]);
                run
            })
            .await?;
        Ok(server)
    }

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

    /// The X display that it shows, as `DISPLAY` names it; `None` for qemu. Another program can show something there.
    #[must_use]
    pub fn display(&self) -> Option<String> {
        self.displays.first().map(|display| format!(":{display}"))
    }

    /// The file with [`PASSWORD`] as VNC's programs keep it; there is none for x11vnc and qemu.
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        self.folder.join("passwd")
    }

    /// What it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.processes.iter().map(Process::output).collect()
    }

    fn new(folder: Folder, authority: String) -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            authority,
            processes: Vec::new(),
            displays: Vec::new(),
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
                Display::None => {}
            }
            if listens(self.address, &mut process).await {
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
async fn display_of(process: &mut Process) -> Result<u32> {
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

async fn listens(address: SocketAddr, process: &mut Process) -> bool {
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

/// The file that VNC servers read the password from.
async fn password_file(folder: &Folder) -> Result<PathBuf> {
    let path = folder.join("passwd");
    let mut run = command("sh");
    run.args([
        "-c",
        "umask 077; echo \"$1\" | tigervncpasswd -f > \"$2\"",
        "sh",
        PASSWORD,
    ])
    .arg(&path);
    let mut process = Process::spawn(run)?;
    if process.wait(PATIENCE).await?.success() {
        return Ok(path);
    }
    Err(Error::new(
        ErrorKind::Unavailable,
        "make a VNC password file",
        process.output(),
    ))
}

/// The PAM service of TigerVNC's logins with a system user.
fn ensure_pam() -> Result<()> {
    if Path::new(PAM).exists() {
        return Ok(());
    }
    let failed = |error| Error::from_io(ErrorKind::Storage, "prepare the VNC tests", error);
    // Several test programs may come here at once, and none may see half of it.
    let fresh = format!("{PAM}-{}", std::process::id());
    std::fs::write(
        &fresh,
        "auth required pam_unix.so\naccount required pam_unix.so\n",
    )
    .map_err(failed)?;
    std::fs::rename(fresh, PAM).map_err(failed)
}

/// An authority and a server's certificate, under the names that qemu wants; the authority in PEM.
fn certificates(folder: &Folder) -> Result<String> {
    let make = || {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &authority)?;
        Ok::<_, rcgen::Error>((authority.pem(), certificate.pem(), key.serialize_pem()))
    };
    let (authority, certificate, key) = make()
        .map_err(|error| Error::new(ErrorKind::Internal, "make a test certificate", error.to_string()))?;
    folder.write("ca-cert.pem", &authority)?;
    folder.write("server-cert.pem", certificate)?;
    folder.write("server-key.pem", key)?;
    Ok(authority)
}
