//! The world in PostgreSQL's tables.

use std::collections::HashSet;

use bytes::BytesMut;
use jump_core::id::ItemId;
use jump_core::model::{Change, Revision, World};
use jump_core::store::IdKind;
use jump_core::{Error, Result};
use tokio_postgres::Row;

use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::connection::Connection;
use super::error::database;
use super::following;
use crate::rows::{self, PUT_ITEM, RAISE_LAST_ID, TABLES, Value, Write, unreadable};

/// How many rows are fetched, and how many items are written, by one statement.
const BATCH: usize = 2000;

/// Which world: the revision, and the stamp of the commit that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) revision: Revision,
    pub(super) stamp: String,
}

/// The version in the database.
pub(super) async fn version(connection: &Connection) -> Result<Version> {
    let rows = connection
        .ask("SELECT revision, stamp FROM meta", &[], read_version)
        .await?;
    rows.into_iter().next().ok_or_else(no_version)
}

/// The version in the database, which stays until the end of this transaction: others that want to change the world
/// wait here.
pub(super) async fn lock_version(connection: &Connection) -> Result<Version> {
    let row = connection
        .first("SELECT revision, stamp FROM meta FOR UPDATE", &[])
        .await?;
    read_version(&row.ok_or_else(no_version)?)
}

fn no_version() -> Error {
    unreadable("revision", std::io::Error::from(std::io::ErrorKind::NotFound))
}

fn read_version(row: &Row) -> Result<Version> {
    let revision: i64 = column(row, 0)?;
    Ok(Version {
        revision: Revision::try_from(revision).map_err(|error| unreadable("revision", error))?,
        stamp: column(row, 1)?,
    })
}

/// A column of a row.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T> {
    row.try_get(index).map_err(database)
}

/// A column with an id.
pub(super) fn id(row: &Row, index: usize) -> Result<u32> {
    let number: i32 = column(row, index)?;
    u32::try_from(number).map_err(|error| unreadable("number", error))
}

/// A column with an id or none.
pub(super) fn maybe_id(row: &Row, index: usize) -> Result<Option<u32>> {
    let number: Option<i32> = column(row, index)?;
    number
        .map(u32::try_from)
        .transpose()
        .map_err(|error| unreadable("number", error))
}

/// An id, as PostgreSQL holds it.
pub(super) fn number(id: u32) -> Result<i32> {
    i32::try_from(id).map_err(|error| unreadable("number", error))
}

/// The whole world; call it inside a transaction in which it cannot change, so that all rows are of one revision.
pub(super) async fn load(connection: &Connection, revision: Revision) -> Result<World> {
    let most = BATCH as i64;
    let mut changes = Vec::new();
    for table in TABLES {
        let mut last = 0i32;
        loop {
            let rows = connection.query(table.page, &[&last, &most]).await?;
            for row in &rows {
                last = column(row, 0)?;
                changes.push(table.change(column(row, 1)?)?);
            }
            if rows.len() < BATCH {
                break;
            }
        }
    }
    let (mut user, mut group) = (0i32, 0i32);
    loop {
        let statement = "SELECT user_id, group_id, role_id, policy_id FROM memberships
             WHERE (user_id, group_id) > ($1, $2) ORDER BY user_id, group_id LIMIT $3";
        let rows = connection.query(statement, &[&user, &group, &most]).await?;
        for row in &rows {
            (user, group) = (column(row, 0)?, column(row, 1)?);
            let change = rows::membership(id(row, 0)?, id(row, 1)?, maybe_id(row, 2)?, maybe_id(row, 3)?)?;
            changes.push(change);
        }
        if rows.len() < BATCH {
            break;
        }
    }
    let (mut user, mut jumpoint) = (0i32, 0i32);
    loop {
        let statement = "SELECT user_id, jumpoint_id FROM jumpoint_grants
             WHERE (user_id, jumpoint_id) > ($1, $2) ORDER BY user_id, jumpoint_id LIMIT $3";
        let rows = connection.query(statement, &[&user, &jumpoint, &most]).await?;
        for row in &rows {
            (user, jumpoint) = (column(row, 0)?, column(row, 1)?);
            changes.push(rows::grant(id(row, 0)?, id(row, 1)?)?);
        }
        if rows.len() < BATCH {
            break;
        }
    }
    World::restore(changes, revision).map_err(|error| unreadable("site", error))
}

/// What a commit does, worked out before the first statement runs.
pub(super) struct Plan {
    pub(super) next: World,
    pub(super) revision: Revision,
    steps: Vec<Step>,
    /// For other brokers.
    kept: Option<String>,
}

enum Step {
    Write(Write),
    /// New items, in one statement.
    Items(Box<ItemBatch>),
}

/// The rows of items, column by column.
#[derive(Default)]
struct ItemBatch {
    rows: usize,
    ids: [Vec<Option<i32>>; 4],
    texts: [Vec<String>; 6],
}

/// Puts new items, the columns as in [`PUT_ITEM`].
const PUT_ITEMS: &str =
    "INSERT INTO items (id, group_id, owner_id, jumpoint_id, method, name_lower, host_lower, tag_lower,
         comments_lower, body)
     SELECT * FROM unnest($1::int4[], $2::int4[], $3::int4[], $4::int4[], $5::text[], $6::text[], $7::text[],
         $8::text[], $9::text[], $10::text[])";

impl ItemBatch {
    /// Adds the values of a [`PUT_ITEM`].
    fn push(&mut self, values: Vec<Value>) -> Result<()> {
        let (mut ids, mut texts) = (self.ids.iter_mut(), self.texts.iter_mut());
        for value in values {
            match value {
                Value::Id(id) => {
                    if let Some(column) = ids.next() {
                        column.push(id.map(number).transpose()?);
                    }
                }
                Value::Text(text) => {
                    if let Some(column) = texts.next() {
                        column.push(text);
                    }
                }
                Value::Bytes(_) => {}
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        let ids = self.ids.iter().map(|column| column as &(dyn ToSql + Sync));
        ids.chain(self.texts.iter().map(|column| column as &(dyn ToSql + Sync)))
            .collect()
    }
}

impl Plan {
    /// Works out what the changes make of the world, and what is to be written.
    ///
    /// # Errors
    /// What [`World::apply`] says.
    pub(super) fn new(world: &World, changes: &[Change]) -> Result<Self> {
        let mut next = world.clone();
        let revision = next.apply(changes)?;
        Ok(Self {
            steps: steps(world, rows::writes(world, changes)?)?,
            kept: following::kept(changes)?,
            next,
            revision,
        })
    }

    /// Writes it; call it in a transaction that holds the lock of the version, which is `from`.
    pub(super) async fn write(&self, connection: &Connection, from: &Version) -> Result<Version> {
        for step in &self.steps {
            match step {
                Step::Write(write) => {
                    let values: Vec<&(dyn ToSql + Sync)> = write
                        .values
                        .iter()
                        .map(|value| value as &(dyn ToSql + Sync))
                        .collect();
                    connection.execute(write.statement, &values).await?;
                }
                Step::Items(batch) => {
                    connection.execute(PUT_ITEMS, &batch.values()).await?;
                }
            }
        }
        let stamp = following::advance(connection, from, self.revision, self.kept.as_deref()).await?;
        Ok(Version {
            revision: self.revision,
            stamp: stamp.ok_or_else(no_version)?,
        })
    }
}

/// Puts together what can be one statement: new items in a row, as an import brings them. An item that is there already
/// may be about to give its name to another: those are written one by one, in their order.
fn steps(world: &World, writes: Vec<Write>) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut put = HashSet::new();
    let mut batch = ItemBatch::default();
    // What was said last about the ids of items; it counts for the items before it, too.
    let mut raise: Option<Write> = None;
    for write in writes {
        let new = write.statement == PUT_ITEM
            && matches!(write.values.first(), Some(Value::Id(Some(id)))
                if put.insert(*id) && !ItemId::new(*id).is_ok_and(|id| world.item(id).is_some()));
        if new {
            batch.push(write.values)?;
        } else if write.statement == RAISE_LAST_ID && write.values.first() == Some(&item_kind()) {
            let higher = |last: &Write| last.values.get(1).map(id_of) < write.values.get(1).map(id_of);
            if raise.as_ref().is_none_or(higher) {
                raise = Some(write);
            }
            continue;
        } else {
            end(&mut batch, &mut steps);
            steps.push(Step::Write(write));
        }
        if batch.rows == BATCH {
            end(&mut batch, &mut steps);
        }
    }
    end(&mut batch, &mut steps);
    steps.extend(raise.map(Step::Write));
    Ok(steps)
}

fn item_kind() -> Value {
    Value::Text(IdKind::Item.name().to_owned())
}

const fn id_of(value: &Value) -> Option<u32> {
    match value {
        Value::Id(id) => *id,
        Value::Text(_) | Value::Bytes(_) => None,
    }
}

fn end(batch: &mut ItemBatch, steps: &mut Vec<Step>) {
    let batch = std::mem::take(batch);
    if batch.rows > 0 {
        steps.push(Step::Items(Box::new(batch)));
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Id(Some(id)) => i32::try_from(*id)?.to_sql(kind, out),
            Value::Text(text) => text.to_sql(kind, out),
            Value::Bytes(Some(bytes)) => bytes.to_sql(kind, out),
            Value::Id(None) | Value::Bytes(None) => Ok(IsNull::Yes),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT4 | Type::TEXT | Type::BYTEA)
    }

    to_sql_checked!();
}
