//! Files of the rep that a target may paste.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use ironrdp_cliprdr::pdu::{ClipboardFileAttributes, FileDescriptor};
use jump_core::{Error, ErrorKind, Result};

use crate::client::names;

/// The most files that are offered at once: the list of them has to be a message that targets take.
const MAX_FILES: usize = 4096;
/// The longest path in a list, in units of UTF-16 (MS-RDPECLIP §2.2.5.2.3.1, `cFileName`).
const MAX_PATH: usize = 259;
/// The most bytes that a target gets at once.
pub(super) const MAX_PIECE: u32 = 4 << 20;

const OPERATION: &str = "offer files on the target's clipboard";

/// Files of one folder, chosen one by one. Nothing else in that folder can be read by the target, and nothing outside of it can
/// be offered, neither by a path nor by a symbolic link. A file is read when it is pasted.
#[derive(Debug)]
pub struct OfferedFiles {
    folder: Dir,
    files: Vec<Offered>,
}

#[derive(Debug)]
struct Offered {
    path: PathBuf,
    folder: bool,
    size: u64,
}

impl OfferedFiles {
    /// No file of a folder yet.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it cannot be opened.
    pub fn of(folder: &Path) -> Result<Self> {
        let failed = |error| Error::from_io(ErrorKind::NotFound, OPERATION, error);
        Ok(Self {
            folder: Dir::open_ambient_dir(folder, ambient_authority()).map_err(failed)?,
            files: Vec::new(),
        })
    }

    /// With one more file, or with a folder, but without what is in that.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the path leads out of the folder, has a name that not every system has or more than
    /// 259 characters, or is neither a file nor a folder; [`ErrorKind::NotFound`] if it is not there;
    /// [`ErrorKind::ResourceLimit`] beyond 4096.
    pub fn with(mut self, path: &str) -> Result<Self> {
        let wrong = |kind, message: &str| Error::new(kind, OPERATION, message);
        let invalid = |message| wrong(ErrorKind::InvalidArgument, message);
        if self.files.len() == MAX_FILES {
            return Err(wrong(
                ErrorKind::ResourceLimit,
                "at most 4096 files are offered at once",
            ));
        }
        let below = names::below(path)
            .filter(|below| !below.as_os_str().is_empty() && path.encode_utf16().count() <= MAX_PATH)
            .ok_or_else(|| {
                invalid("a path is made of names that every system has, and has at most 259 characters")
            })?;
        let metadata = self.folder.metadata(&below).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::from_io(ErrorKind::NotFound, OPERATION, error),
            _ => Error::from_io(ErrorKind::InvalidArgument, OPERATION, error),
        })?;
        if !metadata.is_file() && !metadata.is_dir() {
            return Err(invalid("only files and folders are offered"));
        }
        self.files.push(Offered {
            path: below,
            folder: metadata.is_dir(),
            size: if metadata.is_dir() { 0 } else { metadata.len() },
        });
        Ok(self)
    }

    /// What is told of them.
    pub(in crate::client) fn descriptors(&self) -> Vec<FileDescriptor> {
        let told = |file: &Offered| {
            let names: Vec<_> = file.path.iter().map(|name| name.to_string_lossy()).collect();
            let (name, folders) = names.split_last()?;
            let attributes = if file.folder {
                ClipboardFileAttributes::DIRECTORY
            } else {
                ClipboardFileAttributes::ARCHIVE
            };
            let told = FileDescriptor::new(name.clone())
                .with_attributes(attributes)
                .with_file_size(file.size);
            Some(if folders.is_empty() {
                told
            } else {
                told.with_relative_path(folders.join("\\"))
            })
        };
        self.files.iter().filter_map(told).collect()
    }

    /// How long one of them is; `None` if there is no such file.
    pub(super) fn size(&self, index: i32) -> Option<u64> {
        let file = usize::try_from(index)
            .ok()
            .and_then(|index| self.files.get(index))?;
        (!file.folder).then_some(file.size)
    }

    /// A part of one of them; `None` if it cannot be read any more. May wait for a disk.
    pub(super) fn read(&self, index: i32, position: u64, length: u32) -> Option<Vec<u8>> {
        let file = usize::try_from(index)
            .ok()
            .and_then(|index| self.files.get(index))?;
        if file.folder || length > MAX_PIECE {
            return None;
        }
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        {
            use cap_std::fs::OpenOptionsExt;
            // Should it have become a pipe by now, nobody waits for its other end.
            options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        }
        let mut open = self.folder.open_with(&file.path, &options).ok()?;
        if !open.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        open.seek(SeekFrom::Start(position)).ok()?;
        open.take(length.into()).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    #[test]
    fn s28_only_what_was_chosen_in_a_folder_is_offered() {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("folder");
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        std::fs::write(around.path().join("secret"), "secret").unwrap();
        std::fs::write(folder.join("sub/file.txt"), "some text").unwrap();
        std::fs::write(folder.join("other"), "other").unwrap();
        let offered = || OfferedFiles::of(&folder).unwrap();
        for path in [
            "../secret",
            "sub/../../secret",
            "/etc/passwd",
            "",
            ".",
            "CON",
            "a:b",
            "missing",
        ] {
            assert!(offered().with(path).is_err(), "{path}");
        }
        let files = offered().with("sub").unwrap().with("sub/file.txt").unwrap();
        let told = files.descriptors();
        assert_eq!(
            (told[0].name.as_str(), told[0].relative_path.as_deref()),
            ("sub", None)
        );
        assert_eq!(
            (told[1].name.as_str(), told[1].relative_path.as_deref()),
            ("file.txt", Some("sub"))
        );
        assert_eq!(
            (files.size(0), files.size(1), files.size(2)),
            (None, Some(9), None)
        );
        assert_eq!(files.read(1, 5, 100).unwrap(), b"text");
        assert_eq!(files.read(1, 100, 1).unwrap(), b"");
        for (index, length) in [(0, 1), (2, 1), (-1, 1), (i32::MAX, 1), (1, u32::MAX)] {
            assert_eq!(files.read(index, 0, length), None, "{index} {length}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret", folder.join("link")).unwrap();
            assert_eq!(
                offered().with("link").unwrap_err().kind(),
                ErrorKind::InvalidArgument
            );
            std::fs::remove_file(folder.join("sub/file.txt")).unwrap();
            std::os::unix::fs::symlink("../../secret", folder.join("sub/file.txt")).unwrap();
            assert_eq!(files.read(1, 0, 100), None);
        }
    }
}
