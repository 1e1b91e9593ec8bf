//! The store in a schema of a PostgreSQL database.

mod connection;
mod error;
mod following;
mod options;
mod pool;
mod query;
mod schema;
mod schema_name;
mod tls;
mod world;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jump_core::access::Facts;
use jump_core::id::{ItemId, SessionId, UserId};
use jump_core::model::{Change, Revision, World};
use jump_core::store::{
    EnrolmentToken, IdKind, ItemPage, ItemQuery, SessionRecord, Store, TokenHash, check_facts,
};
use jump_core::time::Timestamp;
use jump_core::{Error, ErrorKind, Result};
use tokio::sync::Mutex as AsyncMutex;

use crate::rows::{self, LAST_ID, json, nanoseconds, unreadable};
use connection::Connection;
use pool::Pool;
use world::{Plan, Version, column, number};

pub use options::PostgresOptions;
pub use schema_name::SchemaName;

/// Begins a transaction in which nothing changes. How a page is found best depends on what is asked for, every time.
const READ: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = force_custom_plan";

/// A site's store in a schema of a PostgreSQL database, version 15 or newer.
///
/// Several brokers may use one schema: a commit holds a row lock on the revision from its first to its last statement,
/// so that the commits of all of them come one after the other. Several sites may share a database, each in a schema
/// of its own. A write is on stable storage when its call returns, as far as the server is set up for that
/// (`fsync`); `synchronous_commit = off` is overridden.
///
/// Each call takes a connection of a small pool. A call that finds the server gone fails with
/// [`ErrorKind::Unavailable`], which can be tried again; as soon as the server is back, calls succeed, without a new
/// store. There must be no pooler between that exchanges connections between transactions: the session's settings and
/// prepared statements belong to the connection.
///
/// Calls are cancel-safe in that each is done whole or not at all, but a cancelled call may have been done; so may
/// one that failed because the connection broke or the time was up while the server's answer was awaited.
pub struct PostgresStore {
    pool: Pool,
    /// The world at the last version that was read or written; what is in the database decides.
    world: Mutex<Option<(Version, World)>>,
    /// Held while the world is read: one reads it, the others wait and take it.
    reading: AsyncMutex<()>,
}

impl PostgresStore {
    /// Connects, and makes the site's tables or brings those of an older version up to date. Must be called in a tokio
    /// runtime. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the server cannot be reached, [`ErrorKind::Unauthenticated`] if it refuses user
    /// or password, [`ErrorKind::UntrustedPeer`] if it is not the one it should be or has no TLS,
    /// [`ErrorKind::NotFound`] if there is no such database, [`ErrorKind::Denied`] if the user may not create or use
    /// the schema, [`ErrorKind::Unsupported`] if server or encoding are not fit, or a newer version of this library
    /// made the schema, [`ErrorKind::InvalidArgument`] if TLS is needed and no authorities are given.
    pub async fn open(options: PostgresOptions) -> Result<Self> {
        let store = Self {
            pool: Pool::new(options),
            world: Mutex::default(),
            reading: AsyncMutex::default(),
        };
        let mut lease = store.pool.lease().await?;
        let migrated = schema::migrate(lease.connection()?, store.pool.options().schema_name()).await?;
        if migrated {
            drop(lease);
        } else {
            lease.give_back();
        }
        Ok(store)
    }

    /// The world in memory, if it is of this version.
    fn known(&self, version: &Version) -> Option<World> {
        let world = self.world();
        let (known, world) = world.as_ref()?;
        (known == version).then(|| world.clone())
    }

    /// The world at this version, from the one in memory if the way from there is known; call it inside a transaction in
    /// which it stays.
    async fn read(&self, connection: &Connection, version: Version) -> Result<World> {
        let known = self.world().clone();
        let mut world = None;
        if let Some((from, known)) = known {
            if from == version {
                return Ok(known);
            }
            world = following::follow(connection, from, known, &version).await?;
        }
        let world = match world {
            Some(world) => world,
            None => world::load(connection, version.revision).await?,
        };
        self.remember(version, world.clone());
        Ok(world)
    }

    fn remember(&self, version: Version, world: World) {
        *self.world() = Some((version, world));
    }

    fn world(&self) -> MutexGuard<'_, Option<(Version, World)>> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything inside the transaction of a commit, up to its end.
    ///
    /// `Err` outside: the connection is not to be used any more. `Err` inside: the answer is no, and nothing failed.
    async fn change(
        &self,
        connection: &mut Connection,
        expected: Revision,
        changes: &[Change],
    ) -> Result<Result<(Version, Plan)>> {
        let current = world::lock_version(connection).await?;
        if current.revision != expected {
            return Ok(Err(rows::changed_meanwhile()));
        }
        // The lock keeps everybody from changing it in between.
        let world = self.read(connection, current.clone()).await?;
        let changes = changes.to_vec();
        let plan = tokio::task::spawn_blocking(move || Plan::new(&world, &changes))
            .await
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "use the store", "the call was stopped").with_source(error)
            })?;
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => return Ok(Err(error)),
        };
        let version = plan.write(connection, &current).await?;
        Ok(Ok((version, plan)))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresStore").field(self.pool.options()).finish()
    }
}

fn read_session(body: &str) -> Result<SessionRecord> {
    serde_json::from_str(body).map_err(|error| unreadable("session", error))
}

#[async_trait]
impl Store for PostgresStore {
    async fn load(&self) -> Result<World> {
        let mut lease = self.pool.lease().await?;
        let version = world::version(lease.connection()?).await?;
        if let Some(world) = self.known(&version) {
            lease.give_back();
            return Ok(world);
        }
        // Whoever waits here holds a connection; the one that reads has one already.
        let _reading = self.reading.lock().await;
        let connection = lease.connection()?;
        connection.run(READ).await?;
        let version = world::version(connection).await?;
        let world = self.read(connection, version).await?;
        connection.run("COMMIT").await?;
        lease.give_back();
        Ok(world)
    }

    async fn revision(&self) -> Result<Revision> {
        let mut lease = self.pool.lease().await?;
        let version = world::version(lease.connection()?).await?;
        lease.give_back();
        Ok(version.revision)
    }

    async fn items(&self, query: &ItemQuery) -> Result<ItemPage> {
        query.validate()?;
        let mut lease = self.pool.lease().await?;
        let connection = lease.connection()?;
        let (begun, page) = tokio::join!(biased; connection.run(READ), query::items(connection, query));
        begun?;
        let page = page?;
        connection.run("COMMIT").await?;
        lease.give_back();
        Ok(page)
    }

    async fn facts(&self, user: UserId, items: &[ItemId]) -> Result<Facts> {
        check_facts(items)?;
        let mut lease = self.pool.lease().await?;
        let connection = lease.connection()?;
        let (begun, facts) =
            tokio::join!(biased; connection.run(READ), query::facts(connection, user, items));
        begun?;
        let facts = facts?;
        connection.run("COMMIT").await?;
        lease.give_back();
        Ok(facts)
    }

    async fn commit(&self, expected: Revision, changes: &[Change]) -> Result<Revision> {
        let mut lease = self.pool.lease().await?;
        let connection = lease.connection()?;
        // Each statement sees what was committed before it: after waiting for the lock, that is the newest.
        connection
            .run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
            .await?;
        let result = match self.change(connection, expected, changes).await? {
            Ok((version, plan)) => {
                connection.run("COMMIT").await?;
                self.remember(version, plan.next);
                Ok(plan.revision)
            }
            Err(error) => {
                connection.run("ROLLBACK").await?;
                Err(error)
            }
        };
        lease.give_back();
        result
    }

    async fn next_id(&self, kind: IdKind) -> Result<u32> {
        let mut lease = self.pool.lease().await?;
        let row = lease
            .connection()?
            .first(
                "INSERT INTO ids (kind, last) VALUES ($1, 1)
                 ON CONFLICT (kind) DO UPDATE SET last = ids.last + 1 WHERE ids.last < $2
                 RETURNING last",
                &[&kind.name(), &number(LAST_ID)?],
            )
            .await?;
        lease.give_back();
        let last: i32 = column(&row.ok_or_else(rows::no_id_left)?, 0)?;
        u32::try_from(last).map_err(|error| unreadable("number", error))
    }

    async fn put_token(&self, token: &EnrolmentToken) -> Result<()> {
        let body = json(token)?;
        let mut lease = self.pool.lease().await?;
        let added = lease
            .connection()?
            .execute(
                "INSERT INTO tokens (hash, expires, body) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING",
                &[&token.hash.0.as_slice(), &nanoseconds(token.expires), &body],
            )
            .await?;
        lease.give_back();
        if added == 0 {
            return Err(rows::token_is_known());
        }
        Ok(())
    }

    async fn redeem_token(&self, hash: &TokenHash, now: Timestamp) -> Result<EnrolmentToken> {
        let mut lease = self.pool.lease().await?;
        let row = lease
            .connection()?
            .first(
                "UPDATE tokens SET used_at = $2 WHERE hash = $1 AND used_at IS NULL AND expires > $2
                 RETURNING body",
                &[&hash.0.as_slice(), &nanoseconds(now)],
            )
            .await?;
        lease.give_back();
        let row = row.ok_or_else(rows::token_is_no_good)?;
        serde_json::from_str(column(&row, 0)?).map_err(|error| unreadable("token", error))
    }

    async fn put_session(&self, session: &SessionRecord) -> Result<()> {
        let body = json(session)?;
        let mut lease = self.pool.lease().await?;
        lease
            .connection()?
            .execute(
                "INSERT INTO sessions (id, started, active, body) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (id) DO UPDATE SET started = excluded.started, active = excluded.active,
                     body = excluded.body",
                &[
                    &session.id.as_bytes().as_slice(),
                    &nanoseconds(session.started),
                    &session.state.is_active(),
                    &body,
                ],
            )
            .await?;
        lease.give_back();
        Ok(())
    }

    async fn session(&self, id: SessionId) -> Result<Option<SessionRecord>> {
        let mut lease = self.pool.lease().await?;
        let row = lease
            .connection()?
            .first(
                "SELECT body FROM sessions WHERE id = $1",
                &[&id.as_bytes().as_slice()],
            )
            .await?;
        lease.give_back();
        row.map(|row| read_session(column(&row, 0)?)).transpose()
    }

    async fn sessions_after(
        &self,
        active_only: bool,
        after: Option<(Timestamp, SessionId)>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>> {
        let mut lease = self.pool.lease().await?;
        // The first condition is one that an index can begin at.
        let statement = if active_only {
            "SELECT body FROM sessions WHERE active AND started <= $1 AND (started < $1 OR id > $2)
             ORDER BY started DESC, id LIMIT $3"
        } else {
            "SELECT body FROM sessions WHERE started <= $1 AND (started < $1 OR id > $2)
             ORDER BY started DESC, id LIMIT $3"
        };
        let (started, id) = match &after {
            Some((started, id)) => (nanoseconds(*started), id.as_bytes().as_slice()),
            None => (i64::MAX, [].as_slice()),
        };
        let rows = lease
            .connection()?
            .query(statement, &[&started, &id, &i64::from(limit)])
            .await?;
        lease.give_back();
        rows.iter().map(|row| read_session(column(row, 0)?)).collect()
    }
}
