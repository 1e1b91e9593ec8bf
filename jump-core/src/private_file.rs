//! Files and folders that only their owner may read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use zeroize::Zeroize;

use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// The longest key or login file.
const LONGEST: u64 = 64 * 1024;

fn failed(what: &'static str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Storage,
    };
    Error::new(kind, what, path.display().to_string()).with_source(error)
}

/// Makes the folder, and those above it, if there is none; mode 0700.
///
/// # Errors
/// [`ErrorKind::Storage`] if the disk fails.
pub fn private_folder(path: &Path) -> Result<()> {
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

/// Writes a file of mode 0600 so that after a crash it holds either all of `contents` or what it held before.
///
/// # Errors
/// [`ErrorKind::Storage`] if the disk fails or is full.
pub fn write_private(path: &Path, contents: &[u8]) -> Result<()> {
    let what = "write a file";
    let folder = path
        .parent()
        .ok_or_else(|| failed(what, path, io::ErrorKind::InvalidInput.into()))?;
    private_folder(folder)?;
    // Two writers must not share a draft: the later rename wins, each with a whole file.
    let tag = data_encoding::HEXLOWER.encode(&crate::keys::random_bytes::<8>()?);
    let draft = path.with_extension(format!("{tag}.new"));
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        // The name itself is only safe once its folder is.
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        Ok(())
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&draft);
        failed(what, path, error)
    })
}

/// Reads a file that holds a secret.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is none; [`ErrorKind::Storage`] if others than the owner may read or write it.
pub fn read_private(path: &Path) -> Result<Secret<String>> {
    let what = "read a file";
    let file = File::open(path).map_err(|error| failed(what, path, error))?;
    #[cfg(unix)]
    {
        let metadata = file.metadata().map_err(|error| failed(what, path, error))?;
        if std::os::unix::fs::MetadataExt::mode(&metadata) & 0o077 != 0 {
            let message = format!(
                "{} can be read by others: make it yours alone with chmod 600",
                path.display()
            );
            return Err(Error::new(ErrorKind::Storage, what, message));
        }
    }
    // Reserved in full, so that growing never leaves an unwiped copy behind.
    let mut text = String::with_capacity(LONGEST as usize + 1);
    let read = file.take(LONGEST + 1).read_to_string(&mut text);
    if read.is_err() || text.len() as u64 > LONGEST {
        text.zeroize();
        read.map_err(|error| failed(what, path, error))?;
        return Err(Error::new(
            ErrorKind::Storage,
            what,
            format!("{} is too long", path.display()),
        ));
    }
    Ok(Secret::new(text))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[test]
    fn files_are_for_their_owner_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/key");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(read_private(&path).unwrap().expose(), "two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(
            fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777,
            0o700
        );
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "no draft is left behind"
        );
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_private(&path, b"secret").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = read_private(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.to_string().contains("chmod 600") && !error.to_string().contains("secret"));
    }
}
