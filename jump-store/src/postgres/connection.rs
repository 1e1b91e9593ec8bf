//! One connection to the server.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;

use jump_core::{Error, ErrorKind, Result};
use tokio::task::AbortHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};

use super::PostgresOptions;
use super::error::{database, late, within};

/// The oldest server that is supported.
const OLDEST: u32 = 15;

/// How many statements are remembered.
const STATEMENTS: usize = 200;

/// The value of a parameter, and its type.
pub(super) type Typed<'a> = (&'a (dyn ToSql + Sync), Type);

/// How much longer than the server itself we wait for it to say that a statement took too long.
const GRACE: Duration = Duration::from_secs(5);

/// A connection that is logged in and set up. Dropping it closes it; an open transaction is undone by the server.
pub(super) struct Connection {
    client: Client,
    driver: AbortHandle,
    /// Those that were asked, and prepared if they were asked again.
    statements: Mutex<HashMap<String, Option<Statement>>>,
    limit: Duration,
}

impl Connection {
    /// Connects, logs in, checks what is there, and makes the session what the store counts on.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if nothing answers, [`ErrorKind::Unauthenticated`], [`ErrorKind::NotFound`] for a
    /// database that is not there, [`ErrorKind::UntrustedPeer`] for a certificate that is not vouched for,
    /// [`ErrorKind::Unsupported`] for a server that is too old or has another encoding than UTF-8.
    pub(super) async fn open(options: &PostgresOptions) -> Result<Self> {
        match tokio::time::timeout(options.longest_connect(), Self::open_now(options)).await {
            Ok(opened) => opened,
            Err(_) => Err(Error::new(
                ErrorKind::Unavailable,
                "connect to the database",
                "it did not answer in time",
            )),
        }
    }

    async fn open_now(options: &PostgresOptions) -> Result<Self> {
        let (config, tls) = options.connecting()?;
        let (client, connection) = config.connect(tls).await.map_err(database)?;
        drop(config);
        let version = connection
            .parameter("server_version")
            .unwrap_or_default()
            .to_owned();
        let limit = options.longest_statement().saturating_add(GRACE);
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the database ended");
            }
        });
        let opened = Self {
            client,
            driver: driver.abort_handle(),
            statements: Mutex::default(),
            limit,
        };
        check_version(&version)?;
        opened.set_up(options).await?;
        Ok(opened)
    }

    async fn set_up(&self, options: &PostgresOptions) -> Result<()> {
        // Nothing else: where the schema cannot be used, nothing is found and nothing made elsewhere, such as in `pg_temp`.
        let path = options.schema_name().quoted();
        let timeout = options.longest_statement().as_millis().to_string();
        // Whoever keeps the lock of the revision and says nothing any more, such as a machine that lost its power,
        // must not keep it for long.
        let idle = (options.longest_statement().saturating_add(GRACE))
            .as_millis()
            .to_string();
        let values: [Typed<'_>; 3] = [(&path, Type::TEXT), (&timeout, Type::TEXT), (&idle, Type::TEXT)];
        let rows = within(
            self.limit,
            self.client.query_typed(
                "SELECT current_setting('server_encoding'), current_setting('fsync'),
                     set_config('search_path', $1, false), set_config('statement_timeout', $2, false),
                     set_config('idle_in_transaction_session_timeout', $3, false), set_config('jit', 'off', false),
                     set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                         WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)",
                &values,
            ),
        )
        .await?;
        let row = rows.first().ok_or_else(late)?;
        let encoding: &str = row.try_get(0).map_err(database)?;
        if encoding != "UTF8" {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "connect to the database",
                format!("the database's encoding is {encoding}; make one with UTF8"),
            ));
        }
        let fsync: &str = row.try_get(1).map_err(database)?;
        if fsync != "on" {
            tracing::warn!(
                "the database runs with fsync = {fsync}: a power failure can lose what was acknowledged"
            );
        }
        Ok(())
    }

    /// From now on statements take as long as they take. A connection for something special, not to be given back.
    pub(super) async fn without_limit(&mut self) -> Result<()> {
        self.limit = Duration::MAX;
        self.run("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
            .await
    }

    /// Whether it is known to be closed.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Closes it at once, also while something runs on it.
    pub(super) fn cut(self) {
        self.driver.abort();
    }

    fn statements(&self) -> MutexGuard<'_, HashMap<String, Option<Statement>>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, statement: &str, prepared: Option<Statement>) {
        let mut statements = self.statements();
        // Searches are of so many forms that they may not all be kept.
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(statement.to_owned(), prepared);
    }

    async fn prepared(&self, statement: &str) -> Result<Statement> {
        if let Some(Some(known)) = self.statements().get(statement) {
            return Ok(known.clone());
        }
        let prepared = within(self.limit, self.client.prepare(statement)).await?;
        self.remember(statement, Some(prepared.clone()));
        Ok(prepared)
    }

    /// What is read from each row of a query, while further ones are on their way. What is asked for the first time takes one
    /// round trip; what comes again is prepared, which takes one more, once.
    ///
    /// Several questions may be on their way at once: the server answers them in the order in which they were first polled.
    /// Nothing may follow that ends the transaction before their answers are here.
    pub(super) async fn ask<T>(
        &self,
        statement: &str,
        values: &[Typed<'_>],
        mut read: impl FnMut(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let asked = async {
            let known = self.statements().contains_key(statement);
            let rows = if known {
                let prepared = self.prepared(statement).await?;
                let values = values.iter().map(|(value, _)| *value);
                self.client.query_raw(&prepared, values).await
            } else {
                self.remember(statement, None);
                let values = values.iter().map(|(value, kind)| (*value, kind.clone()));
                self.client.query_typed_raw(statement, values).await
            };
            let mut rows = pin!(rows.map_err(database)?);
            let mut all = Vec::new();
            while let Some(row) = rows.try_next().await.map_err(database)? {
                all.push(read(&row)?);
            }
            Ok(all)
        };
        match tokio::time::timeout(self.limit, asked).await {
            Ok(answered) => answered,
            Err(_) => Err(late()),
        }
    }

    /// The rows of a query.
    pub(super) async fn query(
        &self,
        statement: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        let prepared = self.prepared(statement).await?;
        within(self.limit, self.client.query(&prepared, values)).await
    }

    /// The first row of a query, if there is one.
    pub(super) async fn first(
        &self,
        statement: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>> {
        Ok(self.query(statement, values).await?.into_iter().next())
    }

    /// How many rows a statement wrote.
    pub(super) async fn execute(
        &self,
        statement: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64> {
        let prepared = self.prepared(statement).await?;
        within(self.limit, self.client.execute(&prepared, values)).await
    }

    /// Runs statements that hold no values: the ends of a transaction, the steps of a migration.
    pub(super) async fn run(&self, statements: &str) -> Result<()> {
        within(self.limit, self.client.batch_execute(statements)).await
    }
}

/// # Errors
/// [`ErrorKind::Unsupported`] if the server is older than [`OLDEST`].
fn check_version(version: &str) -> Result<()> {
    let digits = version
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap_or_default();
    match digits.parse::<u32>() {
        Ok(major) if major >= OLDEST => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            "connect to the database",
            format!("it is PostgreSQL {version}; version {OLDEST} is the oldest that is supported"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_first_number() {
        for good in [
            "15.18 (Debian 15.18-0+deb12u1)",
            "15",
            "16beta1",
            "17devel",
            "100.1",
        ] {
            check_version(good).unwrap();
        }
        for bad in ["14.99", "9.6.24", "", "x", "-15"] {
            let error = check_version(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{bad}");
        }
    }
}
