//! The tables, and how an older file becomes a newer one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jump_core::model::{CodeName, JumpGroup, Jumpoint, folded};
use jump_core::{Error, ErrorKind, Result};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::database;
use crate::rows::{json, unreadable};

/// Each step takes a file from the version of its index to the next one. Steps are added at the end, none is changed.
const MIGRATIONS: &[&str] = &[
    include_str!("0001_begin.sql"),
    include_str!("0002_model.sql"),
    include_str!("0003_query.sql"),
];

/// The step that gives objects distinct code names; before there were none.
const CODE_NAMES: usize = 2;

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
    let outcome = migrate_by(connection, MIGRATIONS, |transaction, at| {
        if at == CODE_NAMES {
            distinct_codes::<JumpGroup>(transaction)?;
            distinct_codes::<Jumpoint>(transaction)?;
        }
        Ok(())
    });
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
    migrate_by(connection, migrations, |_, _| Ok(()))
}

/// Runs each step, then `and_then` in the same transaction with the step's index.
fn migrate_by(
    connection: &mut Connection,
    migrations: &[&str],
    and_then: impl Fn(&Transaction<'_>, usize) -> Result<()>,
) -> Result<()> {
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
        and_then(&transaction, at)?;
        transaction
            .pragma_update(None, "user_version", version + 1)
            .map_err(database)?;
        transaction.commit().map_err(database)?;
    }
}

/// An object that got a code name only later.
trait Coded: Serialize + DeserializeOwned {
    const WHAT: &'static str;
    const ALL: &'static str;
    const PUT: &'static str;
    fn id(&self) -> u32;
    fn code(&self) -> CodeName;
    fn given(&mut self) -> &mut Option<CodeName>;
}

macro_rules! coded {
    ($object:ty, $what:literal, $table:literal) => {
        impl Coded for $object {
            const WHAT: &'static str = $what;
            const ALL: &'static str = concat!("SELECT body FROM ", $table, " ORDER BY id");
            const PUT: &'static str = concat!("UPDATE ", $table, " SET body = ?2 WHERE id = ?1");

            fn id(&self) -> u32 {
                self.id.get()
            }

            fn code(&self) -> CodeName {
                self.code_name()
            }

            fn given(&mut self) -> &mut Option<CodeName> {
                &mut self.code_name
            }
        }
    };
}

coded!(JumpGroup, "group", "groups");
coded!(Jumpoint, "jumpoint", "jumpoints");

/// Names that were distinct may give one code name, such as `web 1` and `web_1`: all but the first get another.
fn distinct_codes<T: Coded>(transaction: &Transaction<'_>) -> Result<()> {
    let mut objects: Vec<T> = Vec::new();
    {
        let mut statement = transaction.prepare(T::ALL).map_err(database)?;
        let mut rows = statement.query([]).map_err(database)?;
        while let Some(row) = rows.next().map_err(database)? {
            let body: String = row.get(0).map_err(database)?;
            objects.push(serde_json::from_str(&body).map_err(|error| unreadable(T::WHAT, error))?);
        }
    }
    let mut last: HashMap<String, u64> = HashMap::new();
    let mut clashing = Vec::new();
    for object in objects {
        let code = folded(object.code().as_str());
        match last.entry(code) {
            Entry::Vacant(place) => {
                place.insert(1);
            }
            Entry::Occupied(_) => clashing.push(object),
        }
    }
    for mut object in clashing {
        let code = folded(object.code().as_str());
        let mut number = last.get(&code).copied().unwrap_or(1);
        let free = loop {
            number += 1;
            let room = 64 - 1 - number.to_string().len();
            let start: String = code.chars().take(room).collect();
            let other = format!("{start}_{number}");
            if !last.contains_key(&other) {
                break other;
            }
        };
        last.insert(code, number);
        *object.given() = Some(CodeName::new(&free)?);
        last.insert(free, 1);
        transaction
            .execute(T::PUT, params![object.id(), json(&object)?])
            .map_err(database)?;
    }
    Ok(())
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
