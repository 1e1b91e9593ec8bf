//! Temporary folders.

use std::path::{Path, PathBuf};

use jump_core::{Error, ErrorKind, Result};

/// A folder of one test; it goes away with this value.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A fresh, empty folder that only this user may enter.
    pub fn new() -> Result<Self> {
        tempfile::Builder::new()
            .prefix("jump-test-")
            .tempdir()
            .map(Self)
            .map_err(|error| Error::from_io(ErrorKind::Storage, "make a temporary folder", error))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path inside it.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file inside it and gives its path.
    pub fn write(&self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.join(name);
        std::fs::write(&path, contents)
            .map_err(|error| Error::from_io(ErrorKind::Storage, "write a test file", error))?;
        Ok(path)
    }
}
