//! The folder of a site: keys, store, audit log.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jump_core::audit::FileAuditLog;
use jump_core::broker::FactorFolder;
use jump_core::keys::{PublicKey, SealingKey, SigningKey};
use jump_core::{Error, ErrorKind, Result};

use crate::state::{private_folder, read_seed, write_private, write_seed};

const BROKER_KEY: &str = "jump-broker-key-1";
const RECORDING_KEY: &str = "jump-recording-key-1";

/// The folder of a site.
#[derive(Clone, Debug)]
pub(crate) struct SiteFolder(PathBuf);

/// Held while a broker runs on the folder; the operating system lets go of it however the process ends.
#[derive(Debug)]
pub(crate) struct SiteLock(#[allow(dead_code, reason = "it is held, not read")] File);

impl SiteFolder {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self(std::path::absolute(&path).unwrap_or(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Takes the folder for one broker, and makes it if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if another broker runs on it.
    pub(crate) fn lock(&self) -> Result<SiteLock> {
        let what = "open the site's folder";
        private_folder(&self.0)?;
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.0.join("lock"));
        let file = file.map_err(|error| Error::from_io(ErrorKind::Storage, what, error))?;
        match file.try_lock() {
            Ok(()) => Ok(SiteLock(file)),
            Err(TryLockError::WouldBlock) => {
                let message = format!("another broker runs on {}", self.0.display());
                Err(Error::new(ErrorKind::Conflict, what, message))
            }
            Err(TryLockError::Error(error)) => Err(Error::from_io(ErrorKind::Storage, what, error)),
        }
    }

    /// The broker's identity, made at the first call.
    pub(crate) fn broker_key(&self) -> Result<SigningKey> {
        let path = self.0.join("broker.key");
        match read_seed(&path, BROKER_KEY) {
            Ok(seed) => SigningKey::from_seed(seed),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = SigningKey::generate()?;
                write_seed(&path, BROKER_KEY, key.seed())?;
                Ok(key)
            }
            Err(error) => Err(error),
        }
    }

    /// The key that opens recordings, made at the first call of a broker.
    pub(crate) fn recording_key(&self) -> Result<SealingKey> {
        match Self::read_recording_key(&self.recording_key_path()) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = SealingKey::generate()?;
                write_seed(&self.recording_key_path(), RECORDING_KEY, key.seed())?;
                Ok(key)
            }
            key => key,
        }
    }

    pub(crate) fn recording_key_path(&self) -> PathBuf {
        self.0.join("recording.key")
    }

    /// Reads a recording key from wherever it is.
    pub(crate) fn read_recording_key(path: &Path) -> Result<SealingKey> {
        read_seed(path, RECORDING_KEY).map(SealingKey::from_seed)
    }

    /// The second factors that users enrolled, encrypted under a key that is derived from the broker's.
    pub(crate) fn second_factors(&self) -> Arc<FactorFolder> {
        Arc::new(FactorFolder::new(self.0.join("second-factors")))
    }

    pub(crate) fn audit_path(&self) -> PathBuf {
        self.0.join("audit.log")
    }

    /// The public key of the broker that was first started on this folder, if it can be read.
    pub(crate) fn public_key(&self) -> Option<PublicKey> {
        let seed = read_seed(&self.0.join("broker.key"), BROKER_KEY).ok()?;
        SigningKey::from_seed(seed).ok().map(|key| key.public())
    }

    /// Opens the audit log and checks all of it, against the checkpoints that the broker signed.
    pub(crate) async fn audit(&self) -> Result<FileAuditLog> {
        let (path, key) = (self.audit_path(), self.broker_key()?);
        let opened = tokio::task::spawn_blocking(move || FileAuditLog::open_signed(&path, key)).await;
        opened.map_err(|error| {
            Error::new(ErrorKind::Internal, "open the audit log", "it failed").with_source(error)
        })?
    }

    /// The folder of the Jumpoint that runs in the same process.
    pub(crate) fn jumpoint(&self) -> PathBuf {
        self.0.join("jumpoint")
    }

    /// Where that Jumpoint records.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.jumpoint().join("recordings")
    }

    pub(crate) fn invitation(&self) -> PathBuf {
        self.0.join("invitation")
    }

    /// Whether the first start came to its end.
    pub(crate) fn is_set_up(&self) -> bool {
        self.address_path().exists()
    }

    /// Notes where the broker is reached; once this is there, the site is set up.
    pub(crate) fn note_address(&self, address: &str) -> Result<()> {
        write_private(&self.address_path(), format!("{address}\n").as_bytes())
    }

    fn address_path(&self) -> PathBuf {
        self.0.join("address")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_takes_one_broker_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let site = SiteFolder::new(folder.path().join("site"));
        let first = site.lock().unwrap();
        assert_eq!(site.lock().unwrap_err().kind(), ErrorKind::Conflict);
        drop(first);
        site.lock().unwrap();
    }

    #[test]
    fn keys_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let site = SiteFolder::new(folder.path());
        assert_eq!(
            site.broker_key().unwrap().public(),
            site.broker_key().unwrap().public()
        );
        assert_eq!(
            site.recording_key().unwrap().public(),
            site.recording_key().unwrap().public()
        );
        assert!(
            SiteFolder::read_recording_key(&folder.path().join("broker.key")).is_err(),
            "it is another kind of key"
        );
    }
}
