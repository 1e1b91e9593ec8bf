//! Where a vault's master key comes from.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroize;

use super::cipher::MasterKey;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// The longest key file that is read: a key of 43 characters and white space.
const LONGEST: usize = 128;

/// Holds a vault's master key. It is asked when the vault is opened, and again when the vault was given a new key by
/// another process. Calls may block for as long as it takes to read a small file.
pub trait KeySource: Debug + Send + Sync + 'static {
    /// The key that `accept` takes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if no key here is accepted or none can be read as one; [`ErrorKind::NotFound`] or
    /// [`ErrorKind::Storage`] if there is none.
    fn load(&self, accept: &dyn Fn(&MasterKey) -> bool) -> Result<MasterKey>;

    /// Whether a key that is staged here is still here when the program is started the next time.
    fn is_lasting(&self) -> bool {
        true
    }

    /// Keeps the key that the vault is about to change to beside the one that it has, and keeps others from staging
    /// theirs until it is installed or abandoned.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if another process is changing the key now; [`ErrorKind::Storage`]. The vault then keeps
    /// its key.
    fn stage(&self, key: &MasterKey) -> Result<()>;

    /// Forgets the old key: the vault has changed to the staged one.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`]; the staged key is still found by [`KeySource::load`].
    fn install(&self) -> Result<()>;

    /// Says that the vault has not changed to the staged key and will not.
    fn abandon(&self);
}

fn wrong_key() -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        "open the vault",
        "the master key is not this vault's: give the key it was made with, or was last changed to",
    )
}

fn copy(key: &MasterKey) -> Result<MasterKey> {
    MasterKey::from_text(key.to_text().expose())
}

/// A key that the program was given, as from an environment variable. Whoever gave it keeps it: after a change of the
/// key the new one has to be given at the next start.
#[derive(Debug)]
pub struct GivenKey(Mutex<(MasterKey, Option<MasterKey>)>);

impl GivenKey {
    /// A source that holds this key.
    #[must_use]
    pub const fn new(key: MasterKey) -> Self {
        Self(Mutex::new((key, None)))
    }
}

impl KeySource for GivenKey {
    fn load(&self, accept: &dyn Fn(&MasterKey) -> bool) -> Result<MasterKey> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = [Some(&keys.0), keys.1.as_ref()].into_iter().flatten();
        known
            .find(|key| accept(key))
            .map_or_else(|| Err(wrong_key()), copy)
    }

    fn is_lasting(&self) -> bool {
        false
    }

    fn stage(&self, key: &MasterKey) -> Result<()> {
        let key = copy(key)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(key);
        Ok(())
    }

    fn install(&self) -> Result<()> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.1.take() {
            keys.0 = key;
        }
        Ok(())
    }

    fn abandon(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = None;
    }
}

/// A key in a file that only its owner may read (mode 0600, checked on Unix).
///
/// While the key is changed the next one is in a second file beside it, named like it with `.new` at the end; a change
/// that was interrupted is finished when the key is read next. A third, empty one, `.lock`, keeps two processes from
/// changing the key at once.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    /// Held while a key is staged.
    turn: Mutex<Option<File>>,
}

fn failed(path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => ErrorKind::Conflict,
        _ => ErrorKind::Storage,
    };
    let operation = "use the vault's key file";
    Error::new(kind, operation, path.display().to_string()).with_source(error)
}

impl KeyFile {
    /// The key in the file at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            turn: Mutex::new(None),
        }
    }

    /// Writes the key to a new file at `path`, readable by its owner only.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if there is a file; [`ErrorKind::Storage`].
    pub fn create(path: impl Into<PathBuf>, key: &MasterKey) -> Result<Self> {
        let path = path.into();
        write_new(&path, key).map_err(|error| failed(&path, error))?;
        Ok(Self::new(path))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(ending);
        path.into()
    }

    fn staged(&self) -> PathBuf {
        self.beside(".new")
    }

    /// Takes the turn to change the key.
    fn take_turn(&self) -> Result<()> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.is_some() {
            return Ok(());
        }
        let path = self.beside(".lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|error| failed(&path, error))?;
        match file.try_lock() {
            Ok(()) => {
                *turn = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(Error::new(
                ErrorKind::Conflict,
                "use the vault's key file",
                "another process is changing the key: try again when it is done",
            )
            .retryable(true)),
            Err(TryLockError::Error(error)) => Err(failed(&path, error)),
        }
    }

    fn end_turn(&self) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Puts the staged key, if there is one, into the place of the other.
    fn replace(&self) -> Result<()> {
        // Nothing is written over before it is sure that the new key can be read.
        read(&self.staged())?;
        wipe(&self.path);
        fs::rename(self.staged(), &self.path)
            .and_then(|()| sync_folder(&self.path))
            .map_err(|error| failed(&self.path, error))
    }
}

fn write_new(path: &Path, key: &MasterKey) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(key.to_text().expose().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<MasterKey> {
    let file = File::open(path).map_err(|error| failed(path, error))?;
    #[cfg(unix)]
    {
        let metadata = file.metadata().map_err(|error| failed(path, error))?;
        if std::os::unix::fs::MetadataExt::mode(&metadata) & 0o077 != 0 {
            let message = format!(
                "{} can be read by others: make it yours alone with chmod 600",
                path.display()
            );
            return Err(Error::new(
                ErrorKind::Storage,
                "use the vault's key file",
                message,
            ));
        }
    }
    // Reserved in full, so that growing never leaves an unwiped copy behind.
    let mut text = Vec::with_capacity(LONGEST + 1);
    let done = file.take(LONGEST as u64 + 1).read_to_end(&mut text);
    let text = Secret::new(text);
    done.map_err(|error| failed(path, error))?;
    let text = std::str::from_utf8(text.expose()).unwrap_or_default();
    MasterKey::from_text(text)
}

impl KeySource for KeyFile {
    fn load(&self, accept: &dyn Fn(&MasterKey) -> bool) -> Result<MasterKey> {
        let current = read(&self.path);
        if let Ok(key) = current
            && accept(&key)
        {
            return Ok(key);
        }
        if let Ok(next) = read(&self.staged())
            && accept(&next)
        {
            // If its own process is still at it, that one puts it in its place.
            if self.take_turn().is_ok() {
                let replaced = self.replace();
                self.end_turn();
                // Somebody else was quicker.
                replaced.or_else(|error| match error.kind() {
                    ErrorKind::NotFound => Ok(()),
                    _ => Err(error),
                })?;
            }
            return Ok(next);
        }
        // The change may have been finished between the two looks. Why the key itself cannot be read says more than
        // that it is the wrong one.
        let key = read(&self.path)?;
        if accept(&key) { Ok(key) } else { Err(wrong_key()) }
    }

    fn stage(&self, key: &MasterKey) -> Result<()> {
        self.take_turn()?;
        let staged = self.staged();
        match fs::remove_file(&staged) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&staged, error)),
            _ => {}
        }
        write_new(&staged, key).map_err(|error| failed(&staged, error))
    }

    fn install(&self) -> Result<()> {
        let replaced = self.replace();
        self.end_turn();
        replaced
    }

    fn abandon(&self) {
        let _ = fs::remove_file(self.staged());
        self.end_turn();
    }
}

/// Writes over the key that is about to be replaced, so that it is not left on the disk where the file system writes in
/// place. The new key is in its own file by now.
fn wipe(path: &Path) {
    let over = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let mut zeros = vec![0u8; usize::try_from(file.metadata()?.len()).unwrap_or(0).min(LONGEST)];
        file.write_all(&zeros)?;
        zeros.zeroize();
        file.sync_all()
    };
    if let Err(error) = over() {
        tracing::warn!(%error, "the old master key could not be written over");
    }
}
