//! FreeRDP's libraries (Debian: freerdp2-dev) as a process of its own, built from `session.c` when it is needed.

use std::path::Path;
use std::process::Stdio;

use jump_core::{Error, ErrorKind, Result};
use jump_testkit::folder::Folder;

use super::{Measured, Order};
use crate::child::command;

const OPERATION: &str = "run FreeRDP";
const SOURCE: &str = include_str!("session.c");

/// The C program that has a session.
#[derive(Debug)]
pub(crate) struct Freerdp {
    folder: Folder,
}

impl Freerdp {
    /// Builds it with `cc -O2`.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if there is no compiler or no FreeRDP.
    pub(crate) fn build() -> Result<Self> {
        let folder = Folder::new()?;
        let source = folder.write("session.c", SOURCE)?;
        let flags = command("pkg-config")
            .args(["--cflags", "--libs", "freerdp-client2", "freerdp2", "winpr2"])
            .stdin(Stdio::null())
            .output()
            .map_err(failed)?;
        let flags = String::from_utf8_lossy(&flags.stdout).into_owned();
        let built = command("cc")
            .args(["-O2", "-Wall", "-Werror", "-o"])
            .arg(folder.join("session"))
            .arg(source)
            .args(flags.split_whitespace())
            .stdin(Stdio::null())
            .status()
            .map_err(failed)?;
        if !built.success() {
            let message = "session.c does not build; Debian's freerdp2-dev has what it needs";
            return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
        }
        Ok(Self { folder })
    }

    /// Has one session, and writes the picture if it is wanted.
    pub(crate) fn session(&self, order: &Order, picture: Option<&Path>) -> Result<Measured> {
        let output = command(self.folder.join("session"))
            .args(order.words(picture))
            .env("HOME", self.folder.path())
            .env("WLOG_LEVEL", "FATAL")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(failed)?;
        if !output.status.success() {
            let message = "it has no session; its error output says why";
            return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
        }
        Measured::read(&String::from_utf8_lossy(&output.stdout))
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Unavailable, OPERATION, error)
}
