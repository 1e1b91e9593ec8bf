//! How each make of server is started.

use jump_core::Result;

use super::files::{certificates, ensure_pam, password_file, rsa_key};
use super::{Display, PASSWORD, SIZE, Shows, VncServer, display_of};
use crate::folder::Folder;
use crate::process::{Process, command};
use crate::sshd;

/// How a qemu without a machine of use lets viewers in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QemuLogin {
    /// Without a login.
    None,
    /// With [`PASSWORD`].
    Password,
    /// In TLS with a certificate, without a login.
    X509None,
    /// In TLS with a certificate, and with [`PASSWORD`].
    X509Vnc,
}

impl QemuLogin {
    const fn password(self) -> bool {
        matches!(self, Self::Password | Self::X509Vnc)
    }

    const fn tls(self) -> bool {
        matches!(self, Self::X509None | Self::X509Vnc)
    }
}

/// How x11vnc lets viewers in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum X11vncLogin {
    /// Without a login.
    None,
    /// With [`PASSWORD`].
    Password,
    /// In TLS with a certificate, without a login.
    X509None,
    /// In TLS with a certificate, and with [`PASSWORD`]; it offers anonymous TLS, too.
    X509Vnc,
    /// In TLS with a certificate, and with the system user of [`sshd`].
    X509Plain,
}

impl X11vncLogin {
    const fn tls(self) -> bool {
        matches!(self, Self::X509None | Self::X509Vnc | Self::X509Plain)
    }
}

/// A boot sector that shows 256 colours in a pattern, and halts.
///
/// ```text
/// mov ax, 0x13 ; 320×200 in 256 colours
/// int 0x10
/// push 0xa000
/// pop es
/// xor di, di
/// next: mov ax, di
/// xor al, ah
/// stosb
/// cmp di, 64000
/// jne next
/// halt: hlt
/// jmp halt
/// ```
const BOOT_SECTOR: [u8; 25] = [
    0xb8, 0x13, 0x00, 0xcd, 0x10, 0x68, 0x00, 0xa0, 0x07, 0x31, 0xff, 0x89, 0xf8, 0x30, 0xe0, 0xaa, 0x81,
    0xff, 0x00, 0xfa, 0x75, 0xf5, 0xf4, 0xeb, 0xfd,
];

impl VncServer {
    /// Xtigervnc with these security types, as its option `-SecurityTypes` names them.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](jump_core::ErrorKind::NotFound) if a program is missing,
    /// [`ErrorKind::Unavailable`](jump_core::ErrorKind::Unavailable) with what the server said if it does not start.
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
        let authority = certificates(&folder, None)?;
        password_file(&folder).await?;
        let mut server = Self::new(folder, authority, Shows::Display);
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
        Self::tightvnc_with(&[]).await
    }

    /// The same with more options of its own.
    ///
    /// # Errors
    /// As for [`tigervnc`](Self::tigervnc).
    pub async fn tightvnc_with(options: &[&str]) -> Result<Self> {
        let folder = Folder::new()?;
        password_file(&folder).await?;
        let mut server = Self::new(folder, String::new(), Shows::Display);
        server
            .listen(Display::Given, |folder, port, display| {
                let mut run = command("Xtightvnc");
                run.arg(format!(":{display}"))
                    .args(["-localhost", "-interface", "127.0.0.1"])
                    .args(["-rfbport", &port.to_string(), "-depth", "24", "-geometry"])
                    .arg(format!("{}x{}", SIZE.0, SIZE.1))
                    .args(["-ac", "-rfbauth"])
                    .arg(folder.join("passwd"))
                    .args(options);
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
        let screen = format!("{}x{}x24", SIZE.0, SIZE.1);
        Self::x11vnc_with(X11vncLogin::Password, &screen).await
    }

    /// The same with another login, and a screen that is written as Xvfb's option `-screen` wants it: width, height and
    /// depth with an `x` between them.
    ///
    /// # Errors
    /// As for [`tigervnc`](Self::tigervnc).
    pub async fn x11vnc_with(login: X11vncLogin, screen: &str) -> Result<Self> {
        sshd::ensure_user().await?;
        let folder = Folder::new()?;
        let authority = if login.tls() {
            certificates(&folder, Some(rsa_key(&folder).await?))?
        } else {
            String::new()
        };
        let mut server = Self::new(folder, authority, Shows::Display);
        let mut run = command("Xvfb");
        run.args(["-displayfd", "1", "-nolisten", "tcp", "-ac"])
            .args(["-screen", "0", screen]);
        let mut screen = Process::spawn(run)?;
        let display = display_of(&mut screen).await?;
        server.processes.push(screen);
        server.displays.push(display);
        server
            .listen(Display::Announced("PORT="), |folder, port, _| {
                let mut run = command("x11vnc");
                run.args(["-display", &format!(":{display}"), "-localhost", "-noipv6"])
                    .args(["-rfbport", &port.to_string()])
                    .args(["-shared", "-forever", "-norc", "-quiet"])
                    // It takes 27 pieces of shared memory, which stay when it is killed, out of the 4096 that Linux has.
                    .arg("-noshm");
                match login {
                    X11vncLogin::None | X11vncLogin::X509None => run.arg("-nopw"),
                    X11vncLogin::Password | X11vncLogin::X509Vnc => run.args(["-passwd", PASSWORD]),
                    X11vncLogin::X509Plain => run.args(["-unixpw", sshd::USER]),
                };
                let mode = match login {
                    X11vncLogin::None | X11vncLogin::Password => return run,
                    X11vncLogin::X509None => "nodh:force",
                    X11vncLogin::X509Vnc => "force",
                    X11vncLogin::X509Plain => "nodh:plain:force",
                };
                run.arg("-ssl").arg(folder.join("server-both.pem")).args([
                    "-vencrypt",
                    mode,
                    "-anontls",
                    "never",
                ]);
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
        Self::qemu_with(login, &["-S"]).await
    }

    /// qemu with a machine that has painted its screen, of 640×400, in 256 colours.
    ///
    /// # Errors
    /// As for [`tigervnc`](Self::tigervnc), and [`ErrorKind::Timeout`](jump_core::ErrorKind::Timeout) if it does not.
    pub async fn qemu_painted(login: QemuLogin) -> Result<Self> {
        let folder = Folder::new()?;
        let mut sector = BOOT_SECTOR.to_vec();
        sector.resize(510, 0);
        sector.extend([0x55, 0xaa]);
        let disk = folder.write("disk", sector)?;
        let drive = format!("file={},format=raw", disk.display());
        let server = Self::qemu_with(login, &["-drive", &drive]).await?;
        // The last pixel of the pattern is the last that is painted: colour 0xf9 ^ 0xff.
        server
            .until_shown(|picture| {
                (picture.width, picture.height) == (640, 400)
                    && picture.pixels.last().is_some_and(|last| *last != [0, 0, 0, 255])
            })
            .await?;
        Ok(server)
    }

    async fn qemu_with(login: QemuLogin, options: &[&str]) -> Result<Self> {
        let folder = Folder::new()?;
        let authority = certificates(&folder, None)?;
        let mut server = Self::new(folder, authority, Shows::Machine);
        server
            .listen(Display::None, |folder, port, _| {
                let mut run = command("qemu-system-x86_64");
                run.args(["-M", "pc", "-accel", "tcg", "-m", "16", "-net", "none"])
                    .args(["-monitor", "none", "-serial", "none"])
                    .arg("-qmp")
                    .arg(format!(
                        "unix:{},server=on,wait=off",
                        folder.join("qmp").display()
                    ))
                    .args(["-object", &format!("secret,id=word,data={PASSWORD}")])
                    .args(options);
                // qemu counts from port 5900.
                let mut display = format!("vnc=127.0.0.1:{}", port.saturating_sub(5900));
                if login.password() {
                    display += ",password-secret=word";
                }
                if login.tls() {
                    let keys = folder.path().display();
                    run.arg("-object").arg(format!(
                        "tls-creds-x509,id=tls,dir={keys},endpoint=server,verify-peer=off"
                    ));
                    display += ",tls-creds=tls,sasl=off";
                }
                run.args(["-display", &display]);
                run
            })
            .await?;
        Ok(server)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    /// The processes that made the pieces of System V shared memory that there are now.
    fn makers_of_shared_memory() -> Vec<u32> {
        let table = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
        let makers = table.lines().skip(1);
        makers
            .map(|line| line.split_whitespace().nth(4).unwrap().parse().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn a_server_that_is_killed_leaves_no_shared_memory_behind() {
        let servers = [
            VncServer::x11vnc().await,
            VncServer::tightvnc().await,
            VncServer::tigervnc("VncAuth").await,
        ];
        for server in servers {
            let mut server = server.unwrap();
            let mut started = Vec::new();
            for process in &mut server.processes {
                started.push(process.pid());
                process.kill().await.unwrap();
            }
            let makers = makers_of_shared_memory();
            assert!(started.iter().all(|pid| !makers.contains(pid)), "{started:?}");
        }
    }
}
