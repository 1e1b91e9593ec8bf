//! The tour's folder.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use jump_core::Result;
use jump_core::keys::random_bytes;

use crate::state::private_folder;

/// A folder that only this user may enter; it goes away with this value.
#[derive(Debug)]
pub(super) struct DemoFolder(PathBuf);

impl DemoFolder {
    pub(super) fn make() -> Result<Self> {
        let name = format!("jump-demo-{}", HEXLOWER.encode(&random_bytes::<8>()?));
        let path = std::env::temp_dir().join(name);
        private_folder(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        // What cannot be removed holds nothing but the tour.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
