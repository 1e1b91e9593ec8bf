//! What the vault's records are kept in.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::error::{Error, ErrorKind, Result};

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// Which vault it is; there is one, with id 0.
    Header,
    /// A group of accounts.
    Group,
    /// An account.
    Account,
    /// A check-out.
    Checkout,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Header, Self::Group, Self::Account, Self::Checkout];

    /// The word by which it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Group => "group",
            Self::Account => "account",
            Self::Checkout => "checkout",
        }
    }
}

/// One record; secrets in it are encrypted, and all of it is authenticated by its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultRecord {
    /// What it holds.
    pub kind: RecordKind,
    /// Its id among those of its kind.
    pub id: u32,
    /// JSON.
    pub body: Vec<u8>,
    /// What authenticates it: 32 bytes.
    pub tag: Vec<u8>,
}

/// A change of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultChange {
    /// Adds or replaces a record.
    Put(VaultRecord),
    /// Removes a record if it is there.
    Remove {
        /// Of which kind.
        kind: RecordKind,
        /// Its id.
        id: u32,
    },
}

/// Every record at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultImage {
    /// Counts commits; 0 is an empty store.
    pub revision: u64,
    /// In no particular order.
    pub records: Vec<VaultRecord>,
}

/// Keeps a vault's records. They mean nothing to it.
#[async_trait]
pub trait VaultStore: Debug + Send + Sync + 'static {
    /// Every record, or `None` if the store is still at revision `known`. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`], [`ErrorKind::Integrity`].
    async fn load(&self, known: Option<u64>) -> Result<Option<VaultImage>>;

    /// Makes the changes all together or not at all, and gives the new revision. They are on stable storage when this
    /// returns, and what they replaced or removed is left neither in the store's file nor in any file beside it. A
    /// cancelled call may have been done.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if the store is not at revision `expected`; [`ErrorKind::Storage`].
    async fn commit(&self, expected: u64, changes: Vec<VaultChange>) -> Result<u64>;
}

/// Keeps records in memory; gone when dropped.
#[derive(Debug, Default)]
pub struct MemoryVaultStore(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    revision: u64,
    records: BTreeMap<(RecordKind, u32), VaultRecord>,
}

impl MemoryVaultStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl VaultStore for MemoryVaultStore {
    async fn load(&self, known: Option<u64>) -> Result<Option<VaultImage>> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((known != Some(inner.revision)).then(|| VaultImage {
            revision: inner.revision,
            records: inner.records.values().cloned().collect(),
        }))
    }

    async fn commit(&self, expected: u64, changes: Vec<VaultChange>) -> Result<u64> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.revision != expected {
            return Err(Error::new(
                ErrorKind::Conflict,
                "change the vault",
                "it was changed in the meantime",
            )
            .retryable(true));
        }
        for change in changes {
            match change {
                VaultChange::Put(record) => {
                    inner.records.insert((record.kind, record.id), record);
                }
                VaultChange::Remove { kind, id } => {
                    inner.records.remove(&(kind, id));
                }
            }
        }
        inner.revision += 1;
        Ok(inner.revision)
    }
}
