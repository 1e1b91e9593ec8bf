//! The vault's records in a SQLite file of their own.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use jump_core::vault::{RecordKind, VaultChange, VaultImage, VaultRecord, VaultStore};
use jump_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use tokio::sync::Mutex;

use crate::rows::unreadable;
use crate::sqlite::{BUSY, database, make_private, migrate_with};

/// Steps are added at the end, none is changed.
const MIGRATIONS: &[&str] = &[include_str!("0001_begin.sql")];

/// A vault's records in one SQLite file, apart from the site's store so that what is replaced can be wiped from it.
///
/// Freed space is overwritten with zeros (`secure_delete`), and there is no write-ahead log in which old versions would
/// stay: a rollback journal is removed with each commit. The file system and the disk may keep copies of their own.
///
/// Other processes may use the same file. A write is on stable storage when its call returns.
pub struct SqliteVaultStore(Arc<Mutex<Connection>>);

impl fmt::Debug for SqliteVaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteVaultStore")
    }
}

impl SqliteVaultStore {
    /// Opens the file at `path`, or begins an empty store in it, readable by its owner only (mode 0600). Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the file cannot be used, [`ErrorKind::Integrity`] if it is damaged or is no database,
    /// [`ErrorKind::Unsupported`] if a newer version of this library wrote it.
    pub fn open(path: &Path) -> Result<Self> {
        make_private(path).map_err(|error| Error::from_io(ErrorKind::Storage, "open the vault", error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(database)?;
        connection.busy_timeout(BUSY).map_err(database)?;
        let checked = |name: &str, value: &str, wanted: &str| {
            let set: String = connection
                .pragma_update_and_check(None, name, value, |row| {
                    row.get::<_, rusqlite::types::Value>(0).map(|value| match value {
                        rusqlite::types::Value::Integer(number) => number.to_string(),
                        rusqlite::types::Value::Text(text) => text,
                        _ => String::new(),
                    })
                })
                .map_err(database)?;
            if set == wanted {
                return Ok(());
            }
            let message = format!("the database does not take {name} = {value}");
            Err(Error::new(ErrorKind::Storage, "open the vault", message))
        };
        checked("journal_mode", "delete", "delete")?;
        checked("secure_delete", "on", "1")?;
        // The folder, too, is synced after the journal was removed from it.
        connection
            .pragma_update(None, "synchronous", "extra")
            .map_err(database)?;
        // What does not fit into memory would go to files that nobody wipes.
        connection
            .pragma_update(None, "temp_store", "memory")
            .map_err(database)?;
        migrate_with(&mut connection, MIGRATIONS)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs a call on a blocking thread; calls take their turn without holding one.
    async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut connection = self.0.clone().lock_owned().await;
        tokio::task::spawn_blocking(move || call(&mut connection))
            .await
            .map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    "use the vault's store",
                    "the call was stopped",
                )
                .with_source(error)
            })?
    }
}

fn revision(connection: &Connection) -> Result<u64> {
    let revision: i64 = connection
        .prepare_cached("SELECT revision FROM meta WHERE one = 1")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(database)?;
    u64::try_from(revision).map_err(|error| unreadable("revision", error))
}

fn load(connection: &mut Connection, known: Option<u64>) -> Result<Option<VaultImage>> {
    let transaction = connection.transaction().map_err(database)?;
    let revision = revision(&transaction)?;
    if known == Some(revision) {
        return Ok(None);
    }
    let mut statement = transaction
        .prepare_cached("SELECT kind, id, body, tag FROM records ORDER BY kind, id")
        .map_err(database)?;
    let mut rows = statement.query([]).map_err(database)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(database)? {
        let kind: String = row.get(0).map_err(database)?;
        let known = RecordKind::ALL.iter().find(|known| known.as_str() == kind);
        let kind = *known.ok_or_else(|| {
            Error::new(
                ErrorKind::Integrity,
                "read the vault",
                "a record is of no known kind",
            )
        })?;
        records.push(VaultRecord {
            kind,
            id: row.get(1).map_err(database)?,
            body: row.get(2).map_err(database)?,
            tag: row.get(3).map_err(database)?,
        });
    }
    Ok(Some(VaultImage { revision, records }))
}

fn commit(connection: &mut Connection, expected: u64, changes: Vec<VaultChange>) -> Result<u64> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(database)?;
    if revision(&transaction)? != expected {
        let message = "it was changed in the meantime";
        return Err(Error::new(ErrorKind::Conflict, "change the vault", message).retryable(true));
    }
    for change in changes {
        match change {
            VaultChange::Put(record) => transaction
                .prepare_cached(
                    "INSERT INTO records (kind, id, body, tag) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body, tag = excluded.tag",
                )
                .and_then(|mut statement| {
                    statement.execute(params![record.kind.as_str(), record.id, record.body, record.tag])
                }),
            VaultChange::Remove { kind, id } => transaction
                .prepare_cached("DELETE FROM records WHERE kind = ?1 AND id = ?2")
                .and_then(|mut statement| statement.execute(params![kind.as_str(), id])),
        }
        .map_err(database)?;
    }
    transaction
        .execute("UPDATE meta SET revision = revision + 1 WHERE one = 1", [])
        .map_err(database)?;
    let next = revision(&transaction)?;
    transaction.commit().map_err(database)?;
    Ok(next)
}

#[async_trait]
impl VaultStore for SqliteVaultStore {
    async fn load(&self, known: Option<u64>) -> Result<Option<VaultImage>> {
        self.run(move |connection| load(connection, known)).await
    }

    async fn commit(&self, expected: u64, changes: Vec<VaultChange>) -> Result<u64> {
        self.run(move |connection| commit(connection, expected, changes))
            .await
    }
}
