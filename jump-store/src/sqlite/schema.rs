//! The tables, and how an older file becomes a newer one.

use jump_core::model::folded;
use jump_core::{Error, ErrorKind, Result};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, TransactionBehavior};

use super::error::database;

/// Each step takes a file from the version of its index to the next one. Steps are added at the end, none is changed.
const MIGRATIONS: &[&str] = &[
    include_str!("0001_begin.sql"),
    include_str!("0002_model.sql"),
    include_str!("0003_query.sql"),
];

/// Brings the file to the newest version, one step at a time, each whole or not at all.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if the file is of a newer version than this knows; it is left as it was.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    if is_at(connection, MIGRATIONS.len())? {
        return Ok(());
    }
    // SQLite's own `lower` knows ASCII only.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection
        .create_scalar_function("folded", 1, flags, |context| {
            let text: String = context.get(0)?;
            Ok(folded(&text))
        })
        .map_err(database)?;
    let outcome = migrate_with(connection, MIGRATIONS);
    connection.remove_function("folded", 1).map_err(database)?;
    outcome
}

/// Whether the file is of this version: then nobody is kept from writing. Versions only rise.
fn is_at(connection: &Connection, newest: usize) -> Result<bool> {
    let version: u32 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(database)?;
    Ok(usize::try_from(version).is_ok_and(|version| version == newest))
}

/// The same with other steps, for another file.
///
/// # Errors
/// As [`migrate`].
pub(crate) fn migrate_with(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    loop {
        // The version is read under the write lock: another process may be migrating the same file.
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(database)?;
        let version: u32 = transaction
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(database)?;
        let newest = migrations.len();
        let at = usize::try_from(version)
            .ok()
            .filter(|at| *at <= newest)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Unsupported,
                    "open the store",
                    format!(
                        "the database is of version {version}, this program knows up to {newest}; use a newer program"
                    ),
                )
            })?;
        let Some(step) = migrations.get(at) else {
            return Ok(());
        };
        transaction.execute_batch(step).map_err(database)?;
        transaction
            .pragma_update(None, "user_version", version + 1)
            .map_err(database)?;
        transaction.commit().map_err(database)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> u32 {
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn steps_are_run_once_each_and_in_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = [
            "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);",
            "UPDATE a SET x = x + 10;",
        ];
        migrate_with(&mut connection, &steps[..1]).unwrap();
        assert_eq!(version(&connection), 1);
        migrate_with(&mut connection, &steps).unwrap();
        migrate_with(&mut connection, &steps).unwrap();
        assert_eq!(version(&connection), 2);
        let x: i64 = connection
            .query_row("SELECT x FROM a", [], |row| row.get(0))
            .unwrap();
        assert_eq!(x, 11);
    }

    #[test]
    fn a_step_that_fails_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE a (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);"];
        assert!(migrate_with(&mut connection, &steps).is_err());
        assert_eq!(version(&connection), 0);
        assert!(connection.execute_batch("SELECT x FROM a").is_err());
    }

    #[test]
    fn a_newer_file_is_refused_and_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        let error = migrate(&mut connection).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("999"), "{error}");
        assert_eq!(version(&connection), 999);
    }
}
