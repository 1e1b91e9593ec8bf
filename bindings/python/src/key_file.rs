//! Files that hold keys: for their owner only, there as a whole or not at all. They are those of the `jump` command.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use jump_core::secret::Secret;
use jump_core::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// The longest key file.
const LONGEST: u64 = 64 * 1024;

/// A 32-byte seed as base64url text; wiped when dropped.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Seed(String);

impl Seed {
    pub(crate) fn new(seed: &Secret<[u8; 32]>) -> Self {
        Self(BASE64URL_NOPAD.encode(seed.expose()))
    }

    pub(crate) fn open(&self) -> Result<Secret<[u8; 32]>> {
        let bytes = BASE64URL_NOPAD.decode(self.0.as_bytes()).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Secret::new)
            .ok_or_else(|| damaged("its key"))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

fn damaged(what: &str) -> Error {
    Error::new(
        ErrorKind::Storage,
        "read a key file",
        format!("{what} is damaged"),
    )
}

fn failed(what: &'static str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Storage,
    };
    Error::new(kind, what, path.display().to_string()).with_source(error)
}

/// Makes the folder, and those above it, if there is none; mode 0700.
pub(crate) fn folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .map_err(|error| failed("make a folder", path, error))
}

/// Reads a file of JSON that only its owner may read.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is none; [`ErrorKind::Storage`] if others may read it, or it is damaged.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = read_text(path)?;
    // The parser's own message could repeat a part of the file.
    serde_json::from_str(&text).map_err(|_| damaged(&path.display().to_string()))
}

/// Writes what [`read`] reads.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec(value).map_err(|_| damaged("what was to be written"))?;
    write_text(path, &Zeroizing::new(text))
}

/// Reads a site's own key: `kind`, a space, the seed.
pub(crate) fn read_seed(path: &Path, kind: &str) -> Result<Secret<[u8; 32]>> {
    let text = read_text(path)?;
    match text.trim_end().split_once(' ') {
        Some((found, seed)) if found == kind => Seed(seed.to_owned()).open(),
        _ => Err(damaged(&path.display().to_string())),
    }
}

/// Writes what [`read_seed`] reads.
pub(crate) fn write_seed(path: &Path, kind: &str, seed: &Secret<[u8; 32]>) -> Result<()> {
    let text = Zeroizing::new(format!("{kind} {}", Seed::new(seed).0));
    write_text(path, text.as_bytes())
}

fn read_text(path: &Path) -> Result<Zeroizing<String>> {
    const WHAT: &str = "read a file";
    let file = File::open(path).map_err(|error| failed(WHAT, path, error))?;
    #[cfg(unix)]
    {
        let metadata = file.metadata().map_err(|error| failed(WHAT, path, error))?;
        if std::os::unix::fs::MetadataExt::mode(&metadata) & 0o077 != 0 {
            let message = format!(
                "{} can be read by others: make it yours alone with chmod 600",
                path.display()
            );
            return Err(Error::new(ErrorKind::Storage, WHAT, message));
        }
    }
    // Reserved in full, so that growing leaves no unwiped copy behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize + 1));
    file.take(LONGEST + 1)
        .read_to_string(&mut text)
        .map_err(|error| failed(WHAT, path, error))?;
    if text.len() as u64 > LONGEST {
        let message = format!("{} is too long", path.display());
        return Err(Error::new(ErrorKind::Storage, WHAT, message));
    }
    Ok(text)
}

/// After a crash the file holds either all of `text` or what it held before. A new one has mode 0600.
fn write_text(path: &Path, text: &[u8]) -> Result<()> {
    const WHAT: &str = "write a file";
    let parent = path
        .parent()
        .ok_or_else(|| failed(WHAT, path, io::ErrorKind::InvalidInput.into()))?;
    folder(parent)?;
    let write = || {
        let mut draft = tempfile::NamedTempFile::new_in(parent)?;
        draft.write_all(text)?;
        draft.write_all(b"\n")?;
        draft.as_file().sync_all()?;
        draft.persist(path).map_err(|error| error.error)?;
        // The name itself is only safe once its folder is.
        #[cfg(unix)]
        fs::File::open(parent)?.sync_all()?;
        Ok(())
    };
    write().map_err(|error| failed(WHAT, path, error))
}
