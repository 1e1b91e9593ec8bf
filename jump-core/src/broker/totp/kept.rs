//! Secrets on disk: encrypted, each under a key of its own.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use ring::aead;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::Enrolled;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{LoginId, UserId};
use crate::keys::{SigningKey, base64_bytes, random_bytes};
use crate::secret::Secret;
use crate::time::Timestamp;

const KEY: &str = "jump second factor v1";
/// The longest record that is read.
const LONGEST: u64 = 64 * 1024;

/// Keeps one record per user. They mean nothing to it.
#[async_trait]
pub trait FactorStore: Debug + Send + Sync + 'static {
    /// A user's record; `None` if there is none. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    async fn load(&self, user: UserId) -> Result<Option<Vec<u8>>>;

    /// Replaces a user's record, whole or not at all; it is on stable storage when this returns. A cancelled call may have
    /// been done.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    async fn save(&self, user: UserId, record: Vec<u8>) -> Result<()>;

    /// Removes a user's record, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    async fn remove(&self, user: UserId) -> Result<()>;
}

/// Encrypts records. From the site's key and 32 fresh random bytes a key is derived that encrypts one record, with
/// ChaCha20-Poly1305 (RFC 8439) and the user's id as associated data: records cannot be exchanged by writing to the store.
/// Putting back an older record of the same user is not noticed.
#[derive(Debug)]
pub(super) struct Keeper {
    store: Arc<dyn FactorStore>,
    site: SigningKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    #[serde(with = "base64_bytes")]
    salt: Vec<u8>,
    #[serde(with = "base64_bytes")]
    ciphertext: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    #[serde(with = "base64_bytes")]
    secret: Vec<u8>,
    since: Timestamp,
    used: Vec<i64>,
    proven: Vec<LoginId>,
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

fn damaged() -> Error {
    let rule = "it does not open under the site's key: the file was changed by somebody else";
    Error::new(ErrorKind::Integrity, "read a second factor", rule)
}

fn unusual(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        ErrorKind::Internal,
        "keep a second factor",
        "it cannot be written",
    )
    .with_source(error)
}

impl Keeper {
    pub(super) const fn new(store: Arc<dyn FactorStore>, site: SigningKey) -> Self {
        Self { store, site }
    }

    fn key(&self, salt: &[u8]) -> Result<aead::LessSafeKey> {
        let key = self.site.derive(KEY, salt)?;
        aead::UnboundKey::new(&aead::CHACHA20_POLY1305, key.expose())
            .map(aead::LessSafeKey::new)
            .map_err(unusual)
    }

    /// The key is used once, so one nonce serves.
    fn nonce() -> aead::Nonce {
        aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN])
    }

    pub(super) async fn save(&self, user: UserId, enrolled: &Enrolled) -> Result<()> {
        let plain = Plain {
            secret: enrolled.secret.expose().clone(),
            since: enrolled.since,
            used: enrolled.used.clone(),
            proven: enrolled.proven.clone(),
        };
        // Reserved in full, so that growing never leaves an unwiped copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(8 * 1024));
        serde_json::to_writer(&mut *bytes, &plain).map_err(unusual)?;
        let salt = random_bytes::<32>()?;
        let aad = aead::Aad::from(user.get().to_be_bytes());
        self.key(&salt)?
            .seal_in_place_append_tag(Self::nonce(), aad, &mut *bytes)
            .map_err(unusual)?;
        let record = Record {
            salt: salt.to_vec(),
            ciphertext: bytes.to_vec(),
        };
        self.store
            .save(user, serde_json::to_vec(&record).map_err(unusual)?)
            .await
    }

    pub(super) async fn load(&self, user: UserId) -> Result<Option<Enrolled>> {
        let Some(bytes) = self.store.load(user).await? else {
            return Ok(None);
        };
        let record: Record = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let mut bytes = Zeroizing::new(record.ciphertext);
        let aad = aead::Aad::from(user.get().to_be_bytes());
        let plain = self
            .key(&record.salt)?
            .open_in_place(Self::nonce(), aad, &mut bytes)
            .map_err(|_| damaged())?;
        let mut plain: Plain = serde_json::from_slice(plain).map_err(|_| damaged())?;
        Ok(Some(Enrolled {
            secret: Secret::new(std::mem::take(&mut plain.secret)),
            since: plain.since,
            used: std::mem::take(&mut plain.used),
            proven: std::mem::take(&mut plain.proven),
        }))
    }

    pub(super) async fn remove(&self, user: UserId) -> Result<()> {
        self.store.remove(user).await
    }
}

/// One file per user in a folder, mode 0600 in 0700, replaced as a whole.
#[derive(Clone, Debug)]
pub struct FactorFolder(PathBuf);

fn failed(error: io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, "keep a second factor", error)
}

async fn beside<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(unusual)?.map_err(failed)
}

impl FactorFolder {
    /// In this folder, which is made when it is needed.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn file(&self, user: UserId) -> PathBuf {
        self.0.join(format!("{user}.factor"))
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    // The name itself is only safe once its folder is.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn replace(folder: &Path, path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    // One broker runs on a site, and one call at a time on a user: nobody else writes this draft.
    let draft = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_folder(folder)
}

#[async_trait]
impl FactorStore for FactorFolder {
    async fn load(&self, user: UserId) -> Result<Option<Vec<u8>>> {
        let path = self.file(user);
        beside(move || {
            let file = match File::open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                file => file?,
            };
            let mut bytes = Vec::new();
            file.take(LONGEST).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        })
        .await
    }

    async fn save(&self, user: UserId, record: Vec<u8>) -> Result<()> {
        let (folder, path) = (self.0.clone(), self.file(user));
        beside(move || replace(&folder, &path, &record)).await
    }

    async fn remove(&self, user: UserId) -> Result<()> {
        let (folder, path) = (self.0.clone(), self.file(user));
        beside(move || match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| sync_folder(&folder)),
        })
        .await
    }
}
