//! libvncclient (Debian: libvncserver-dev) as a process of its own, built from `replay.c` when it is needed.

use std::path::Path;
use std::process::Stdio;

use jump_core::{Error, ErrorKind, Result};
use jump_testkit::folder::Folder;

use super::Replayed;
use crate::child::command;

const OPERATION: &str = "run libvncclient";
const SOURCE: &str = include_str!("replay.c");

/// The C program that replays a recording.
#[derive(Debug)]
pub(crate) struct Libvncclient {
    folder: Folder,
}

impl Libvncclient {
    /// Builds it with `cc -O2`.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if there is no compiler or no libvncclient.
    pub(crate) fn build() -> Result<Self> {
        let folder = Folder::new()?;
        let source = folder.write("replay.c", SOURCE)?;
        let built = command("cc")
            .args(["-O2", "-Wall", "-Werror", "-o"])
            .arg(folder.join("replay"))
            .arg(source)
            .arg("-lvncclient")
            .stdin(Stdio::null())
            .status()
            .map_err(failed)?;
        if !built.success() {
            let message = "replay.c does not build; Debian's libvncserver-dev has what it needs";
            return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
        }
        Ok(Self { folder })
    }

    /// Replays a recording for about so many seconds, and writes the picture if it is wanted.
    pub(crate) fn replay(&self, recording: &Path, seconds: f64, picture: Option<&Path>) -> Result<Replayed> {
        let output = command(self.folder.join("replay"))
            .arg(recording)
            .arg(seconds.to_string())
            .args(picture)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(failed)?;
        if !output.status.success() {
            let message = "it does not replay the recording; its error output says why";
            return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
        }
        Replayed::read(&String::from_utf8_lossy(&output.stdout))
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Unavailable, OPERATION, error)
}
