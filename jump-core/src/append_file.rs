//! A file that grows by whole pieces: what recordings and the audit log write to.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// The calls that can fail underneath an [`AppendFile`].
pub(crate) trait Storage: Debug + Send + 'static {
    /// Writes some of `bytes` at the end and says how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts the file to `length` bytes and goes on writing there.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Brings everything written to stable storage.
    fn sync(&mut self) -> io::Result<()>;
}

impl Storage for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(drop)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Appends each piece whole or not at all: after a failed write the half-written piece is cut off, at once if that
/// works, otherwise before the next piece is written.
#[derive(Debug)]
pub(crate) struct AppendFile {
    storage: Box<dyn Storage>,
    length: u64,
    torn: bool,
}

impl AppendFile {
    /// Goes on behind the first `length` bytes, where the storage's write position stands already.
    pub(crate) fn new(storage: Box<dyn Storage>, length: u64) -> Self {
        Self {
            storage,
            length,
            torn: false,
        }
    }

    /// How many bytes were appended whole.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Appends all of `bytes`, with one write call if the system takes them at once.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.repair()?;
        let result = self.write_all(bytes);
        match result {
            Ok(()) => self.length += bytes.len() as u64,
            Err(_) => self.cut_to(self.length),
        }
        result
    }

    /// Brings everything to stable storage.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.storage.sync()
    }

    /// Takes back what was appended behind `length`.
    pub(crate) fn cut_to(&mut self, length: u64) {
        self.length = length;
        self.torn = self.storage.truncate(length).is_err();
    }

    fn repair(&mut self) -> io::Result<()> {
        if self.torn {
            self.storage.truncate(self.length)?;
            self.torn = false;
        }
        Ok(())
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.storage.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Makes a file's name durable: a new or renamed file is there after a power loss only once its folder is synced.
pub(crate) fn sync_folder_of(path: &std::path::Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => std::path::Path::new("."),
        };
        File::open(folder)?.sync_all()?;
    }
    // Elsewhere a folder cannot be opened as a file; NTFS journals names by itself.
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// The file of this name with more behind it.
pub(crate) fn beside(path: &std::path::Path, ending: &str) -> std::path::PathBuf {
    let mut name = std::ffi::OsString::from(path);
    name.push(ending);
    name.into()
}

/// Options that create files which only their owner may read and write.
pub(crate) fn private_file() -> std::fs::OpenOptions {
    #[allow(unused_mut, reason = "the mode exists on Unix only")]
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
pub(crate) mod faulty {
    //! Storage in memory that fails on demand.

    use std::sync::{Arc, Mutex, PoisonError};

    use super::{Storage, io};

    /// What a [`Faulty`] does.
    #[derive(Debug, Default)]
    pub(crate) struct Faults {
        /// The bytes that a crash would leave.
        pub(crate) bytes: Vec<u8>,
        /// The first bytes of them that a power loss would leave.
        pub(crate) synced: usize,
        /// The disk holds this many bytes, if it has a bound.
        pub(crate) room: Option<usize>,
        /// The calls that are still to come before one fails, if one is to fail.
        pub(crate) fail_in: Option<usize>,
        /// From the failing call on, everything fails.
        pub(crate) for_good: bool,
        /// Every write takes at most this many bytes.
        pub(crate) short: Option<usize>,
        /// How many calls failed.
        pub(crate) failures: usize,
    }

    /// A handle on storage that fails as its [`Faults`] say.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Faulty(pub(crate) Arc<Mutex<Faults>>);

    impl Faulty {
        pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Faults) -> T) -> T {
            change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }

    impl Faults {
        fn step(&mut self) -> io::Result<()> {
            match &mut self.fail_in {
                Some(0) => {
                    if !self.for_good {
                        self.fail_in = None;
                    }
                    self.failures += 1;
                    Err(io::Error::from_raw_os_error(5))
                }
                Some(left) => {
                    *left -= 1;
                    Ok(())
                }
                None => Ok(()),
            }
        }
    }

    impl Storage for Faulty {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.with(|faults| {
                faults.step()?;
                let mut count = bytes.len().min(faults.short.unwrap_or(usize::MAX));
                if let Some(room) = faults.room {
                    count = count.min(room.saturating_sub(faults.bytes.len()));
                }
                if count == 0 {
                    faults.failures += 1;
                    return Err(io::ErrorKind::StorageFull.into());
                }
                faults.bytes.extend_from_slice(&bytes[..count]);
                Ok(count)
            })
        }

        fn truncate(&mut self, length: u64) -> io::Result<()> {
            self.with(|faults| {
                faults.step()?;
                faults.bytes.truncate(length as usize);
                faults.synced = faults.synced.min(faults.bytes.len());
                Ok(())
            })
        }

        fn sync(&mut self) -> io::Result<()> {
            self.with(|faults| {
                faults.step()?;
                faults.synced = faults.bytes.len();
                Ok(())
            })
        }
    }
}
