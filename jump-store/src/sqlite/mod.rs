//! The store in one SQLite file.

mod error;
mod query;
mod schema;
mod world;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jump_core::access::Facts;
use jump_core::id::{ItemId, SessionId, UserId};
use jump_core::model::{Change, Revision, World};
use jump_core::store::{
    EnrolmentToken, IdKind, ItemPage, ItemQuery, SessionRecord, Store, TokenHash, check_facts,
};
use jump_core::time::Timestamp;
use jump_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use tokio::sync::Mutex;

use crate::rows::{self, LAST_ID, json, nanoseconds, unreadable};
pub(crate) use error::database;
pub(crate) use schema::migrate_with;

/// How long a call waits for another process that writes to the same file.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

/// How many prepared statements are kept.
const STATEMENTS: usize = 128;

/// A site's store in one SQLite file, or in memory.
///
/// Each call runs on a blocking thread of the current tokio runtime, one after the other; listings, searches and facts
/// have a connection of their own, so that a search of a large site keeps nobody waiting but the next one (in memory
/// there is one connection for all). Other processes may use the same file: changes are checked against what is in the file. A write is on stable storage when
/// its call returns (`synchronous = FULL`), so that a used token stays used and an id stays given.
///
/// Calls are cancel-safe in that each is done whole or not at all, but a cancelled call may have been done.
pub struct SqliteStore {
    inner: Arc<Mutex<Inner>>,
    /// Reads only; `None` in memory.
    reader: Option<Arc<Mutex<Connection>>>,
}

struct Inner {
    connection: Connection,
    /// The world at the revision of the last call that needed it; what is in the file decides.
    world: World,
}

impl SqliteStore {
    /// Opens the file at `path`, or begins a new store in it, readable by its owner only (mode 0600). Blocks while
    /// it brings an older file to the newest version. The site is read by the first call that needs the whole of it.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the file cannot be used, [`ErrorKind::Integrity`] if it is damaged or is no database,
    /// [`ErrorKind::Unsupported`] if a newer version of this library wrote it.
    pub fn open(path: &Path) -> Result<Self> {
        make_private(path).map_err(|error| Error::from_io(ErrorKind::Storage, "open the store", error))?;
        // No URI flag: a path is a path, whatever it looks like.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(database)?;
        let inner = Self::prepare(connection, "wal")?;
        let reader = Connection::open_with_flags(path, flags).map_err(database)?;
        reader.busy_timeout(BUSY).map_err(database)?;
        reader.pragma_update(None, "query_only", true).map_err(database)?;
        reader.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self {
            inner: Arc::new(Mutex::new(inner)),
            reader: Some(Arc::new(Mutex::new(reader))),
        })
    }

    /// A store in memory, gone when dropped; it speaks the same SQL as one in a file.
    pub fn open_in_memory() -> Result<Self> {
        let inner = Self::prepare(Connection::open_in_memory().map_err(database)?, "memory")?;
        Ok(Self {
            inner: Arc::new(Mutex::new(inner)),
            reader: None,
        })
    }

    fn prepare(mut connection: Connection, journal: &str) -> Result<Inner> {
        connection.busy_timeout(BUSY).map_err(database)?;
        let mode: String = connection
            .pragma_update_and_check(None, "journal_mode", journal, |row| row.get(0))
            .map_err(database)?;
        if mode != journal {
            return Err(Error::new(
                ErrorKind::Storage,
                "open the store",
                "the file system cannot hold a write-ahead log; put the store on a local disk",
            ));
        }
        connection
            .pragma_update(None, "synchronous", "full")
            .map_err(database)?;
        connection
            .pragma_update(None, "foreign_keys", true)
            .map_err(database)?;
        schema::migrate(&mut connection)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let world = World::new()?;
        Ok(Inner { connection, world })
    }

    /// Runs a call on a blocking thread; calls take their turn without holding one.
    async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut inner = self.inner.clone().lock_owned().await;
        blocking(move || call(&mut inner)).await
    }

    /// The same for what only reads rows.
    async fn read<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(reader) = &self.reader else {
            return self.run(move |inner| call(&mut inner.connection)).await;
        };
        let mut connection = reader.clone().lock_owned().await;
        blocking(move || call(&mut connection)).await
    }
}

async fn blocking<T: Send + 'static>(call: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(call).await.map_err(|error| {
        Error::new(ErrorKind::Internal, "use the store", "the call was stopped").with_source(error)
    })?
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteStore")
    }
}

/// Makes an empty file for its owner only, or takes everybody else's rights on the one that is there. SQLite gives its
/// write-ahead log the same mode.
///
/// A file that is there is not opened: closing it again would drop the locks that another store of this process holds
/// on it (POSIX `fcntl` locks).
pub(crate) fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            #[cfg(unix)]
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        }
        Err(error) => return Err(error),
    }
    #[cfg(unix)]
    {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

impl Inner {
    /// Brings the world in memory to the revision in the file.
    fn load(&mut self) -> Result<World> {
        let transaction = self.connection.transaction().map_err(database)?;
        if world::revision(&transaction)? != self.world.revision() {
            self.world = world::load(&transaction)?;
        }
        Ok(self.world.clone())
    }

    fn commit(&mut self, expected: Revision, changes: &[Change]) -> Result<Revision> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(database)?;
        let current = world::revision(&transaction)?;
        if current != expected {
            return Err(rows::changed_meanwhile());
        }
        if current != self.world.revision() {
            self.world = world::load(&transaction)?;
        }
        let mut next = self.world.clone();
        let revision = next.apply(changes)?;
        world::write(&transaction, &self.world, changes)?;
        world::set_revision(&transaction, revision)?;
        transaction.commit().map_err(database)?;
        self.world = next;
        Ok(revision)
    }

    fn next_id(&self, kind: IdKind) -> Result<u32> {
        self.connection
            .prepare_cached(
                "INSERT INTO ids (kind, last) VALUES (?1, 1)
                 ON CONFLICT (kind) DO UPDATE SET last = last + 1 WHERE last < ?2
                 RETURNING last",
            )
            .and_then(|mut statement| {
                statement
                    .query_row(params![kind.name(), LAST_ID], |row| row.get(0))
                    .optional()
            })
            .map_err(database)?
            .ok_or_else(rows::no_id_left)
    }

    fn put_token(&self, token: &EnrolmentToken) -> Result<()> {
        let body = json(token)?;
        let added = self
            .connection
            .prepare_cached(
                "INSERT INTO tokens (hash, expires, body) VALUES (?1, ?2, ?3) ON CONFLICT (hash) DO NOTHING",
            )
            .and_then(|mut statement| {
                statement.execute(params![token.hash.0, nanoseconds(token.expires), body])
            })
            .map_err(database)?;
        if added == 0 {
            return Err(rows::token_is_known());
        }
        Ok(())
    }

    fn redeem_token(&self, hash: &TokenHash, now: Timestamp) -> Result<EnrolmentToken> {
        let body: Option<String> = self
            .connection
            .prepare_cached(
                "UPDATE tokens SET used_at = ?2 WHERE hash = ?1 AND used_at IS NULL AND expires > ?2
                 RETURNING body",
            )
            .and_then(|mut statement| {
                statement
                    .query_row(params![hash.0, nanoseconds(now)], |row| row.get(0))
                    .optional()
            })
            .map_err(database)?;
        let body = body.ok_or_else(rows::token_is_no_good)?;
        serde_json::from_str(&body).map_err(|error| unreadable("token", error))
    }

    fn put_session(&self, session: &SessionRecord) -> Result<()> {
        let body = json(session)?;
        self.connection
            .prepare_cached(
                "INSERT INTO sessions (id, started, active, body) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET started = excluded.started, active = excluded.active,
                     body = excluded.body",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    session.id.as_bytes(),
                    nanoseconds(session.started),
                    session.state.is_active(),
                    body
                ])
            })
            .map(drop)
            .map_err(database)
    }

    fn session(&self, id: SessionId) -> Result<Option<SessionRecord>> {
        let body: Option<String> = self
            .connection
            .prepare_cached("SELECT body FROM sessions WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([id.as_bytes()], |row| row.get(0)).optional())
            .map_err(database)?;
        body.map(|body| read_session(&body)).transpose()
    }

    fn sessions(
        &self,
        active_only: bool,
        after: Option<(Timestamp, SessionId)>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>> {
        // The first condition is one that an index can begin at.
        let query = if active_only {
            "SELECT body FROM sessions WHERE active = 1 AND started <= ?1 AND (started < ?1 OR id > ?2)
             ORDER BY started DESC, id LIMIT ?3"
        } else {
            "SELECT body FROM sessions WHERE started <= ?1 AND (started < ?1 OR id > ?2)
             ORDER BY started DESC, id LIMIT ?3"
        };
        let (started, id) = match &after {
            Some((started, id)) => (nanoseconds(*started), id.as_bytes().as_slice()),
            None => (i64::MAX, [].as_slice()),
        };
        let mut statement = self.connection.prepare_cached(query).map_err(database)?;
        let mut rows = statement.query(params![started, id, limit]).map_err(database)?;
        let mut sessions = Vec::new();
        while let Some(row) = rows.next().map_err(database)? {
            let body: String = row.get(0).map_err(database)?;
            sessions.push(read_session(&body)?);
        }
        Ok(sessions)
    }
}

fn read_session(body: &str) -> Result<SessionRecord> {
    serde_json::from_str(body).map_err(|error| unreadable("session", error))
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self) -> Result<World> {
        self.run(Inner::load).await
    }

    async fn revision(&self) -> Result<Revision> {
        self.read(|connection| world::revision(connection)).await
    }

    async fn items(&self, query: &ItemQuery) -> Result<ItemPage> {
        let query = query.clone();
        self.read(move |connection| query::items(connection, &query))
            .await
    }

    async fn facts(&self, user: UserId, items: &[ItemId]) -> Result<Facts> {
        check_facts(items)?;
        let items = items.to_vec();
        self.read(move |connection| query::facts(connection, user, &items))
            .await
    }

    async fn commit(&self, expected: Revision, changes: &[Change]) -> Result<Revision> {
        let changes = changes.to_vec();
        self.run(move |inner| inner.commit(expected, &changes)).await
    }

    async fn next_id(&self, kind: IdKind) -> Result<u32> {
        self.run(move |inner| inner.next_id(kind)).await
    }

    async fn put_token(&self, token: &EnrolmentToken) -> Result<()> {
        let token = token.clone();
        self.run(move |inner| inner.put_token(&token)).await
    }

    async fn redeem_token(&self, hash: &TokenHash, now: Timestamp) -> Result<EnrolmentToken> {
        let hash = *hash;
        self.run(move |inner| inner.redeem_token(&hash, now)).await
    }

    async fn put_session(&self, session: &SessionRecord) -> Result<()> {
        let session = session.clone();
        self.run(move |inner| inner.put_session(&session)).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>> {
        self.run(move |inner| inner.session(id)).await
    }

    async fn sessions_after(
        &self,
        active_only: bool,
        after: Option<(Timestamp, SessionId)>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>> {
        self.run(move |inner| inner.sessions(active_only, after, limit))
            .await
    }
}

#[cfg(test)]
mod tests {
    use jump_core::id::UserId;
    use jump_core::model::{User, UserName};

    use super::*;

    fn users(ids: std::ops::Range<u32>) -> Vec<Change> {
        ids.map(|id| {
            let name = UserName::new(format!("user-{id}")).unwrap();
            Change::PutUser(User::new(UserId::new(id).unwrap(), name))
        })
        .collect()
    }

    #[tokio::test]
    async fn a_full_disk_fails_the_commit_whole_and_the_store_goes_on_when_space_returns() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("site.db")).unwrap();
        store.commit(0, &users(1..50)).await.unwrap();
        let pages = |count: u32| {
            let inner = store.inner.clone();
            async move {
                let inner = inner.lock_owned().await;
                inner
                    .connection
                    .pragma_update_and_check(None, "max_page_count", count, |_| Ok(()))
                    .unwrap();
            }
        };
        pages(1).await;
        let error = store.commit(1, &users(50..2000)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        let world = store.load().await.unwrap();
        assert_eq!((world.revision(), world.users().count()), (1, 49));
        pages(1_000_000).await;
        assert_eq!(store.commit(1, &users(50..2000)).await.unwrap(), 2);
        assert_eq!(store.load().await.unwrap().users().count(), 1999);
    }

    #[tokio::test]
    async fn a_search_that_runs_keeps_no_write_waiting_and_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("site.db")).unwrap();
        let reader = store.reader.clone().unwrap().lock_owned().await;
        let transaction = reader.unchecked_transaction().unwrap();
        assert_eq!(world::revision(&transaction).unwrap(), 0);
        assert_eq!(store.commit(0, &users(1..3)).await.unwrap(), 1);
        store.next_id(IdKind::Item).await.unwrap();
        // It goes on with what it began with.
        assert_eq!(world::revision(&transaction).unwrap(), 0);
        assert!(transaction.execute("DELETE FROM users", []).is_err());
        drop(transaction);
        drop(reader);
        let page = store.items(&ItemQuery::default()).await.unwrap();
        assert_eq!(page.revision, 1);
    }

    #[tokio::test]
    async fn every_commit_is_synced_and_references_are_enforced() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("site.db")).unwrap();
        let inner = store.inner.lock().await;
        let pragma = |name| {
            inner
                .connection
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
                .unwrap()
        };
        assert_eq!((pragma("synchronous"), pragma("foreign_keys")), (2, 1));
        let orphan = "INSERT INTO memberships (user_id, group_id) VALUES (1, 1)";
        assert!(inner.connection.execute(orphan, []).is_err());
    }
}
