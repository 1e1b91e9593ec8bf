//! The world in SQLite's tables.

use jump_core::Result;
use jump_core::model::{Change, Revision, World};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, ToSql, Transaction, params_from_iter};

use super::error::database;
use crate::rows::{self, TABLES, Value, unreadable};

/// The revision in the file.
pub(super) fn revision(connection: &Connection) -> Result<Revision> {
    let number: i64 = connection
        .prepare_cached("SELECT revision FROM meta")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(database)?;
    Revision::try_from(number).map_err(|error| unreadable("revision", error))
}

/// The whole world; call it inside a transaction, so that all rows are of one revision.
pub(super) fn load(connection: &Connection) -> Result<World> {
    let mut changes = Vec::new();
    for table in TABLES {
        read(connection, table.all, &mut changes, |row| {
            let body = row.get_ref(0).map_err(database)?;
            let body = body.as_str().map_err(|error| unreadable(table.what, error))?;
            table.change(body)
        })?;
    }
    let memberships = "SELECT user_id, group_id, role_id, policy_id FROM memberships";
    read(connection, memberships, &mut changes, |row| {
        rows::membership(
            row.get(0).map_err(database)?,
            row.get(1).map_err(database)?,
            row.get(2).map_err(database)?,
            row.get(3).map_err(database)?,
        )
    })?;
    let grants = "SELECT user_id, jumpoint_id FROM jumpoint_grants";
    read(connection, grants, &mut changes, |row| {
        rows::grant(row.get(0).map_err(database)?, row.get(1).map_err(database)?)
    })?;
    World::restore(changes, revision(connection)?).map_err(|error| unreadable("site", error))
}

fn read(
    connection: &Connection,
    query: &'static str,
    changes: &mut Vec<Change>,
    change: impl Fn(&Row<'_>) -> Result<Change>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(query).map_err(database)?;
    let mut rows = statement.query([]).map_err(database)?;
    while let Some(row) = rows.next().map_err(database)? {
        changes.push(change(row)?);
    }
    Ok(())
}

/// Writes the changes that a world accepts.
pub(super) fn write(transaction: &Transaction<'_>, world: &World, changes: &[Change]) -> Result<()> {
    for write in rows::writes(world, changes)? {
        // SQLite numbers `$1`, `$2` and so on in the order in which they first stand in the statement.
        transaction
            .prepare_cached(write.statement)
            .and_then(|mut statement| statement.execute(params_from_iter(&write.values)))
            .map_err(database)?;
    }
    Ok(())
}

/// Raises the revision in the file.
pub(super) fn set_revision(transaction: &Transaction<'_>, revision: Revision) -> Result<()> {
    let number = i64::try_from(revision).map_err(|error| unreadable("revision", error))?;
    transaction
        .prepare_cached("UPDATE meta SET revision = ?1")
        .and_then(|mut statement| statement.execute([number]))
        .map(drop)
        .map_err(database)
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Id(Some(id)) => ValueRef::Integer(i64::from(*id)),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(Some(bytes)) => ValueRef::Blob(bytes),
            Value::Id(None) | Value::Bytes(None) => ValueRef::Null,
        }))
    }
}
