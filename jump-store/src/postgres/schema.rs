//! The tables, and how an older schema becomes a newer one.

use jump_core::{Error, ErrorKind, Result};

use super::SchemaName;
use super::connection::Connection;
use super::world::column;

/// Each step takes a schema from the version of its index to the next one. Steps are added at the end, none is changed.
const MIGRATIONS: &[&str] = &[include_str!("0001_begin.sql"), include_str!("0002_changes.sql")];

/// Brings the schema to the newest version, one step at a time, each whole or not at all. Programs that do so at the
/// same time wait for each other; where there is nothing to do, nobody waits, and no right to create is needed.
///
/// Gives whether there was something to do; such a connection has no limits of time any more.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if the schema is of a newer version than this knows; it is left as it was.
/// [`ErrorKind::Denied`] if the database user may not create it.
pub(super) async fn migrate(connection: &mut Connection, schema: &SchemaName) -> Result<bool> {
    migrate_with(connection, schema, MIGRATIONS).await
}

async fn migrate_with(connection: &mut Connection, schema: &SchemaName, migrations: &[&str]) -> Result<bool> {
    if next_step(version(connection).await?, migrations)?.is_none() {
        return Ok(false);
    }
    connection.without_limit().await?;
    // Held by the session, not by a transaction: one that began before the lock was given would not see all of what
    // was made before it was given. A connection that fails is closed, and the lock with it.
    connection
        .query("SELECT pg_advisory_lock($1)", &[&schema.lock()])
        .await?;
    loop {
        connection
            .run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
            .await?;
        // The version is read again under the lock: another program may have been faster.
        let at = version(connection).await?;
        let Some(step) = next_step(at, migrations)? else {
            break;
        };
        if at == 0 {
            begin(connection, schema).await?;
        }
        connection.run(step).await?;
        connection
            .execute("UPDATE schema_version SET version = version + 1", &[])
            .await?;
        connection.run("COMMIT").await?;
    }
    connection.run("COMMIT").await?;
    connection
        .query("SELECT pg_advisory_unlock($1)", &[&schema.lock()])
        .await?;
    Ok(true)
}

/// Makes the schema, if the administrator has not done so, and the place of its version.
async fn begin(connection: &Connection, schema: &SchemaName) -> Result<()> {
    let known = connection
        .first(
            "SELECT 1 FROM pg_namespace WHERE nspname = $1",
            &[&schema.as_str()],
        )
        .await?;
    if known.is_none() {
        connection
            .run(&format!("CREATE SCHEMA {}", schema.quoted()))
            .await?;
    }
    connection
        .run(
            "CREATE TABLE schema_version (one INT4 PRIMARY KEY CHECK (one = 1), version INT4 NOT NULL);
             INSERT INTO schema_version (one, version) VALUES (1, 0)",
        )
        .await
}

/// The schema's version; 0 if there is none.
async fn version(connection: &Connection) -> Result<i32> {
    let there = connection
        .ask("SELECT to_regclass('schema_version') IS NOT NULL", &[], |row| {
            column(row, 0)
        })
        .await?;
    if there.first() != Some(&true) {
        return Ok(0);
    }
    let version = connection
        .ask("SELECT version FROM schema_version", &[], |row| column(row, 0))
        .await?;
    Ok(version.first().copied().unwrap_or(0))
}

fn next_step<'a>(version: i32, migrations: &[&'a str]) -> Result<Option<&'a str>> {
    let newest = migrations.len();
    let at = usize::try_from(version).ok().filter(|at| *at <= newest).ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            "open the store",
            format!("the schema is of version {version}, this program knows up to {newest}; use a newer program"),
        )
    })?;
    Ok(migrations.get(at).copied())
}

#[cfg(test)]
mod tests {
    use jump_testkit::postgres::Postgres;

    use super::*;
    use crate::PostgresOptions;

    async fn connect(server: &Postgres) -> Connection {
        let options = PostgresOptions::parse(&server.socket_address()).unwrap();
        Connection::open(&options).await.unwrap()
    }

    #[tokio::test]
    async fn steps_are_run_once_each_and_in_order() {
        let server = Postgres::start().await.unwrap();
        let mut connection = connect(&server).await;
        let schema = SchemaName::new("jump").unwrap();
        let steps = [
            "CREATE TABLE a (x INT4); INSERT INTO a VALUES (1);",
            "UPDATE a SET x = x + 10;",
        ];
        for steps in [&steps[..1], &steps, &steps] {
            migrate_with(&mut connection, &schema, steps).await.unwrap();
        }
        assert_eq!(version(&connection).await.unwrap(), 2);
        let row = connection.first("SELECT x FROM jump.a", &[]).await.unwrap();
        assert_eq!(row.unwrap().get::<_, i32>(0), 11);
        let held = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'";
        assert!(connection.first(held, &[]).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_step_that_fails_leaves_nothing_behind() {
        let server = Postgres::start().await.unwrap();
        let schema = SchemaName::new("jump").unwrap();
        let steps = ["CREATE TABLE a (x INT4); INSERT INTO nowhere VALUES (1);"];
        let mut first = connect(&server).await;
        assert!(migrate_with(&mut first, &schema, &steps).await.is_err());
        first.cut();
        let mut second = connect(&server).await;
        assert_eq!(version(&second).await.unwrap(), 0);
        let left = "SELECT 1 FROM pg_namespace WHERE nspname = 'jump'";
        assert!(second.first(left, &[]).await.unwrap().is_none());
        // The lock went with the connection.
        migrate(&mut second, &schema).await.unwrap();
    }
}
