//! A folder of the rep that a target sees as a drive (MS-RDPEFS), and nothing of what is around it.
//!
//! What a target may do in it follows from the session's permissions: it reads with `file_upload`, because then a file goes to
//! the target, and writes with `file_download`. Names and sizes are seen with either.

mod answers;
mod disk;
mod facts;
mod host;
mod listing;
mod opening;
#[cfg(test)]
mod tests;

use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use jump_core::session::SessionPermissions;
use jump_core::{Error, ErrorKind, Result};

use self::host::Requests;
pub(super) use self::host::{Drive, channel, encode};

/// The most that a target may write, and the longest file that it may make, if nothing else is said: 4 GiB.
const MAX_WRITTEN: u64 = 4 << 30;

/// A folder that a target may use as a drive. It is opened once: whatever happens to its path later, it stays this folder.
///
/// Nothing outside of it can be reached, neither by `..` nor by a symbolic link in it. Only files and folders are seen, and
/// only those with a name that every system has. A target may have 256 of them open.
#[derive(Debug)]
pub struct SharedFolder {
    name: String,
    folder: Dir,
    read_only: bool,
    max_written: u64,
    max_file_size: u64,
    /// What the target asks for.
    requests: Requests,
}

impl SharedFolder {
    /// The folder at `path`, as a drive with this name: 1 to 7 letters, digits, `-` and `_` of ASCII (MS-RDPEFS §2.2.1.3,
    /// `PreferredDosName`).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another name, [`ErrorKind::NotFound`] or [`ErrorKind::Storage`] if the folder
    /// cannot be opened.
    pub fn open(name: &str, path: &Path) -> Result<Self> {
        const OPERATION: &str = "open a folder to share";
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(1..=7).contains(&name.len()) || !name.bytes().all(plain) {
            let message = "a drive's name has 1 to 7 letters, digits, `-` and `_`";
            return Err(Error::new(ErrorKind::InvalidArgument, OPERATION, message));
        }
        let folder = Dir::open_ambient_dir(path, ambient_authority()).map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                _ => ErrorKind::Storage,
            };
            Error::from_io(kind, OPERATION, error)
        })?;
        Ok(Self {
            name: name.to_owned(),
            folder,
            read_only: false,
            max_written: MAX_WRITTEN,
            max_file_size: MAX_WRITTEN,
            requests: Requests::default(),
        })
    }

    /// Whether the target may only read, whatever the session permits.
    #[must_use]
    pub fn read_only(self, read_only: bool) -> Self {
        Self { read_only, ..self }
    }

    /// The most bytes that the target may write within the session, 4 GiB by default. It sees what is left as the free space.
    #[must_use]
    pub fn max_written(self, max_written: u64) -> Self {
        Self { max_written, ..self }
    }

    /// The longest file that the target may make, in bytes; 4 GiB by default.
    #[must_use]
    pub fn max_file_size(self, max_file_size: u64) -> Self {
        Self {
            max_file_size,
            ..self
        }
    }
}

/// What a target may do.
#[derive(Clone, Copy, Debug)]
struct Rights {
    read: bool,
    write: bool,
}

impl Rights {
    fn new(folder: &SharedFolder, permissions: SessionPermissions) -> Self {
        Self {
            read: permissions.file_upload,
            write: permissions.file_download && !folder.read_only,
        }
    }
}
