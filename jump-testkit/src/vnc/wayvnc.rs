//! wayvnc, which shows a Wayland compositor: sway without a screen or a graphics card.
//!
//! sway refuses to run as root, so for root both run as the test user of [`sshd`].

use std::os::unix::fs::chown;
use std::path::Path;

use jump_core::{Error, ErrorKind, Result};
use rustix::process::geteuid;
use tokio::process::Command;

use super::files::certificates;
use super::screen::output;
use super::{Display, PATIENCE, SIZE, Shows, VncServer};
use crate::folder::Folder;
use crate::process::{Process, command};
use crate::sshd;

/// How wayvnc lets viewers in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayvncLogin {
    /// Without a login.
    None,
    /// In TLS with a certificate, and with the user and password of [`sshd`].
    X509Plain,
}

/// Where programs find the compositor.
#[derive(Clone, Debug)]
pub(super) struct Wayland {
    display: String,
    socket: String,
}

/// A program that runs as whom the compositor runs.
pub(super) fn wayland_command(program: &str, folder: &Path, wayland: Option<&Wayland>) -> Command {
    let mut run = if geteuid().is_root() {
        let mut run = command("setpriv");
        run.args([
            "--reuid",
            sshd::USER,
            "--regid",
            sshd::USER,
            "--clear-groups",
            program,
        ]);
        run
    } else {
        command(program)
    };
    run.env_remove("DISPLAY")
        .env("HOME", folder)
        .env("XCURSOR_PATH", folder)
        .env("XDG_RUNTIME_DIR", folder)
        .env("WLR_BACKENDS", "headless")
        .env("WLR_RENDERER", "pixman")
        .env("WLR_LIBINPUT_NO_DEVICES", "1");
    if let Some(wayland) = wayland {
        run.env("WAYLAND_DISPLAY", &wayland.display)
            .env("SWAYSOCK", &wayland.socket);
    }
    run
}

/// Cursors that are not to be seen, as the compositor paints them into what wayvnc gets (Xcursor(3), "CURSOR FILES"): one
/// picture of one pixel.
fn blank_cursors(folder: &Folder) -> Result<()> {
    const PICTURE: u32 = 0xfffd_0002;
    const SIZE: u32 = 24;
    let header = [16, 0x1_0000, 1];
    let contents = [PICTURE, SIZE, 28];
    let picture = [36, PICTURE, SIZE, 1, 1, 1, 0, 0, 0, 0];
    let numbers = header.iter().chain(&contents).chain(&picture);
    let mut bytes = b"Xcur".to_vec();
    bytes.extend(numbers.flat_map(|number| number.to_le_bytes()));
    std::fs::create_dir_all(folder.join("blank/cursors"))
        .map_err(|error| Error::from_io(ErrorKind::Storage, "prepare a Wayland test", error))?;
    folder.write("blank/cursors/left_ptr", bytes).map(drop)
}

/// Gives the folder and what is in it to whom the compositor runs as.
async fn hand_over(folder: &Folder) -> Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let mut run = command("id");
    run.args(["-u", sshd::USER]);
    let user = String::from_utf8_lossy(&output(run).await?)
        .trim()
        .parse()
        .map_err(|_| {
            Error::new(
                ErrorKind::NotFound,
                "prepare a Wayland test",
                "there is no test user",
            )
        })?;
    let failed = |error| Error::from_io(ErrorKind::Storage, "prepare a Wayland test", error);
    for entry in std::fs::read_dir(folder.path()).map_err(failed)? {
        chown(entry.map_err(failed)?.path(), Some(user), None).map_err(failed)?;
    }
    chown(folder.path(), Some(user), None).map_err(failed)
}

impl VncServer {
    /// wayvnc on a sway of its own, with a screen of [`SIZE`].
    ///
    /// # Errors
    /// As for [`tigervnc`](Self::tigervnc).
    pub async fn wayvnc(login: WayvncLogin) -> Result<Self> {
        sshd::ensure_user().await?;
        let folder = Folder::new()?;
        let authority = certificates(&folder, None)?;
        let configuration = folder.write(
            "sway",
            format!(
                "output HEADLESS-1 resolution {}x{}\nxwayland disable\nseat * xcursor_theme blank 24\n\
                 exec echo \"wayland $WAYLAND_DISPLAY $SWAYSOCK\"\n",
                SIZE.0, SIZE.1
            ),
        )?;
        blank_cursors(&folder)?;
        hand_over(&folder).await?;
        let mut run = wayland_command("sway", folder.path(), None);
        run.arg("-c").arg(configuration);
        let mut compositor = Process::spawn(run)?;
        let line = compositor.wait_for_line("wayland ", PATIENCE).await?;
        let mut words = line.split(' ').skip(1).map(str::to_owned);
        let wayland = Wayland {
            display: words.next().unwrap_or_default(),
            socket: words.next().unwrap_or_default(),
        };
        let mut server = Self::new(folder, authority, Shows::Wayland(wayland.clone()));
        server.processes.push(compositor);
        server
            .listen(Display::None, |folder, port, _| {
                let mut lines = format!("address=127.0.0.1\nport={port}\n");
                if login == WayvncLogin::X509Plain {
                    let keys = folder.path().display();
                    lines += &format!(
                        "enable_auth=true\nusername={}\npassword={}\n\
                         private_key_file={keys}/server-key.pem\ncertificate_file={keys}/server-cert.pem\n",
                        sshd::USER,
                        sshd::PASSWORD
                    );
                }
                let mut run = wayland_command("wayvnc", folder.path(), Some(&wayland));
                let written = folder.write("wayvnc", lines);
                run.arg("-C").arg(written.unwrap_or_default());
                run
            })
            .await?;
        Ok(server)
    }
}
