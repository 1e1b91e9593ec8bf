//! The vault in a site's folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jump_core::vault::{GivenKey, KeyFile, KeySource, MasterKey, Vault};
use jump_core::{Error, ErrorKind, Result};
use jump_store::SqliteVaultStore;

use super::SiteFolder;
use crate::state::private_folder;

/// The environment variable that may hold the master key instead of a file.
pub(crate) const KEY_VARIABLE: &str = "JUMP_VAULT_KEY";

/// The master key in the environment, if there is one.
pub(crate) fn key_from_environment() -> Result<Option<MasterKey>> {
    match std::env::var(KEY_VARIABLE) {
        Ok(text) => {
            let text = jump_core::secret::Secret::new(text);
            MasterKey::from_text(text.expose()).map(Some)
        }
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::new(
            ErrorKind::InvalidArgument,
            "read the vault's master key",
            format!("{KEY_VARIABLE} is not text"),
        )),
    }
}

impl SiteFolder {
    fn vault_path(&self) -> PathBuf {
        self.path().join("vault.db")
    }

    /// Where the master key is if nobody says otherwise.
    pub(crate) fn vault_key(&self) -> PathBuf {
        self.path().join("vault.key")
    }

    fn key_source(&self, key_file: Option<&Path>) -> Result<Arc<dyn KeySource>> {
        if let Some(path) = key_file {
            return Ok(Arc::new(KeyFile::new(path)));
        }
        Ok(match key_from_environment()? {
            Some(key) => Arc::new(GivenKey::new(key)),
            None => Arc::new(KeyFile::new(self.vault_key())),
        })
    }

    async fn vault_store(&self) -> Result<Arc<SqliteVaultStore>> {
        let path = self.vault_path();
        let opened = tokio::task::spawn_blocking(move || SqliteVaultStore::open(&path)).await;
        let failed =
            |error| Error::new(ErrorKind::Internal, "open the vault", "it failed").with_source(error);
        Ok(Arc::new(opened.map_err(failed)??))
    }

    /// The site's vault; `None` if it has none. The master key is in `key_file`, otherwise in the environment,
    /// otherwise in the site's folder.
    pub(crate) async fn vault(&self, key_file: Option<&Path>) -> Result<Option<Arc<Vault>>> {
        if !self.vault_path().exists() {
            return Ok(None);
        }
        let store = self.vault_store().await?;
        let vault = Vault::open(store, self.key_source(key_file)?).await?;
        Ok(Some(Arc::new(vault)))
    }

    /// Makes a vault. Its master key is the one in the environment, or one in a file: gives where. A key that is in
    /// the file already is taken, so that what was interrupted can be ended.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if there is a vault.
    pub(crate) async fn make_vault(&self, key_file: Option<&Path>) -> Result<Option<PathBuf>> {
        private_folder(self.path())?;
        let given = if key_file.is_none() {
            key_from_environment()?
        } else {
            None
        };
        let (key, path) = match given {
            Some(key) => (key, None),
            None => {
                let path = key_file.map_or_else(|| self.vault_key(), Path::to_path_buf);
                // The key first: a vault without a key is of no use, a key without a vault does no harm.
                let key = if path.exists() {
                    KeyFile::new(&path).load(&|_| true)?
                } else {
                    let key = MasterKey::generate()?;
                    KeyFile::create(&path, &key)?;
                    key
                };
                (key, Some(path))
            }
        };
        Vault::create(&*self.vault_store().await?, &key).await?;
        Ok(path)
    }
}
