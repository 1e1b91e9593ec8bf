//! The world as rows.

use jump_core::id::{GroupId, JumpointId, RoleId, UserId};
use jump_core::model::{Change, Membership, Revision, World};
use jump_core::store::IdKind;
use jump_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, Row, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{database, unreadable, unwritable};

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
    // In an order in which references lead backwards.
    bodies(
        connection,
        "user",
        "SELECT body FROM users",
        Change::PutUser,
        &mut changes,
    )?;
    bodies(
        connection,
        "group",
        "SELECT body FROM groups",
        Change::PutGroup,
        &mut changes,
    )?;
    bodies(
        connection,
        "jumpoint",
        "SELECT body FROM jumpoints",
        Change::PutJumpoint,
        &mut changes,
    )?;
    bodies(
        connection,
        "item",
        "SELECT body FROM items",
        Change::PutItem,
        &mut changes,
    )?;
    bodies(
        connection,
        "login",
        "SELECT body FROM logins",
        Change::PutLogin,
        &mut changes,
    )?;
    let memberships = "SELECT user_id, group_id, role_id FROM memberships";
    rows(connection, memberships, &mut changes, |row| {
        let role: Option<u32> = row.get(2).map_err(database)?;
        Ok(Change::PutMembership(Membership {
            user: UserId::new(row.get(0).map_err(database)?)?,
            group: GroupId::new(row.get(1).map_err(database)?)?,
            role: role.map(RoleId::new).transpose()?,
        }))
    })?;
    let grants = "SELECT user_id, jumpoint_id FROM jumpoint_grants";
    rows(connection, grants, &mut changes, |row| {
        Ok(Change::GrantJumpoint {
            user: UserId::new(row.get(0).map_err(database)?)?,
            jumpoint: JumpointId::new(row.get(1).map_err(database)?)?,
        })
    })?;
    World::restore(changes, revision(connection)?).map_err(|error| unreadable("site", error))
}

fn rows(
    connection: &Connection,
    query: &'static str,
    changes: &mut Vec<Change>,
    read: impl Fn(&Row<'_>) -> Result<Change>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(query).map_err(database)?;
    let mut rows = statement.query([]).map_err(database)?;
    while let Some(row) = rows.next().map_err(database)? {
        changes.push(read(row)?);
    }
    Ok(())
}

fn bodies<T: DeserializeOwned>(
    connection: &Connection,
    what: &'static str,
    query: &'static str,
    change: impl Fn(T) -> Change,
    changes: &mut Vec<Change>,
) -> Result<()> {
    rows(connection, query, changes, |row| {
        let body = row.get_ref(0).map_err(database)?;
        let body = body.as_str().map_err(|error| unreadable(what, error))?;
        let object = serde_json::from_str(body).map_err(|error| unreadable(what, error))?;
        Ok(change(object))
    })
}

/// Writes one change. `next` is the world after all changes of the commit, which has accepted them: what is left to
/// do is to make the rows follow.
pub(super) fn write(transaction: &Transaction<'_>, change: &Change, next: &World) -> Result<()> {
    if let Some((kind, id)) = IdKind::of_put(change) {
        raise_last_id(transaction, kind, id)?;
    }
    match change {
        Change::PutUser(user) => run(
            transaction,
            "INSERT INTO users (id, name_lower, body) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET name_lower = excluded.name_lower, body = excluded.body",
            params![user.id.get(), user.name.as_str().to_lowercase(), json(user)?],
        ),
        Change::RemoveUser(id) => run(transaction, "DELETE FROM users WHERE id = ?1", [id.get()]),
        Change::PutGroup(group) => run(
            transaction,
            "INSERT INTO groups (id, name, body) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, body = excluded.body",
            params![group.id.get(), group.name.as_str(), json(group)?],
        ),
        Change::RemoveGroup(id) => run(transaction, "DELETE FROM groups WHERE id = ?1", [id.get()]),
        Change::PutJumpoint(jumpoint) => run(
            transaction,
            "INSERT INTO jumpoints (id, name, key, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, key = excluded.key, body = excluded.body",
            params![
                jumpoint.id.get(),
                jumpoint.name.as_str(),
                jumpoint.key.map(|key| *key.as_bytes()),
                json(jumpoint)?
            ],
        ),
        Change::RemoveJumpoint(id) => run(transaction, "DELETE FROM jumpoints WHERE id = ?1", [id.get()]),
        Change::PutItem(item) => run(
            transaction,
            "INSERT INTO items (id, group_id, jumpoint_id, name_lower, body) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET group_id = excluded.group_id, jumpoint_id = excluded.jumpoint_id,
                 name_lower = excluded.name_lower, body = excluded.body",
            params![
                item.id.get(),
                item.group.get(),
                item.jumpoint.get(),
                item.name.as_str().to_lowercase(),
                json(item)?
            ],
        ),
        Change::RemoveItem(id) => run(transaction, "DELETE FROM items WHERE id = ?1", [id.get()]),
        Change::PutMembership(Membership { user, group, role }) => run(
            transaction,
            "INSERT INTO memberships (user_id, group_id, role_id) VALUES (?1, ?2, ?3)
             ON CONFLICT (user_id, group_id) DO UPDATE SET role_id = excluded.role_id",
            params![user.get(), group.get(), role.map(RoleId::get)],
        ),
        Change::RemoveMembership { user, group } => run(
            transaction,
            "DELETE FROM memberships WHERE user_id = ?1 AND group_id = ?2",
            [user.get(), group.get()],
        ),
        Change::GrantJumpoint { user, jumpoint } => run(
            transaction,
            "INSERT INTO jumpoint_grants (user_id, jumpoint_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            [user.get(), jumpoint.get()],
        ),
        Change::RevokeJumpoint { user, jumpoint } => run(
            transaction,
            "DELETE FROM jumpoint_grants WHERE user_id = ?1 AND jumpoint_id = ?2",
            [user.get(), jumpoint.get()],
        ),
        Change::PutLogin(login) => run(
            transaction,
            "INSERT INTO logins (id, user_id, key, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, key = excluded.key, body = excluded.body",
            params![
                login.id.get(),
                login.user.get(),
                login.key.as_bytes(),
                json(login)?
            ],
        ),
        Change::RemoveLogin(id) => run(transaction, "DELETE FROM logins WHERE id = ?1", [id.get()]),
        // What the item looks like with the key is the world's to say. A later change of the same commit that puts
        // or removes the item writes its row again.
        Change::PinHostKey { item, .. } => match next.item(*item) {
            Some(item) => run(
                transaction,
                "UPDATE items SET body = ?2 WHERE id = ?1",
                params![item.id.get(), json(&**item)?],
            ),
            None => Ok(()),
        },
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            "change the site",
            "this store does not know such a change",
        )),
    }
}

/// Raises the revision in the file.
pub(super) fn set_revision(transaction: &Transaction<'_>, revision: Revision) -> Result<()> {
    let number = i64::try_from(revision).map_err(|error| unreadable("revision", error))?;
    run(transaction, "UPDATE meta SET revision = ?1", [number])
}

/// The column value for a kind of id.
pub(super) const fn id_kind(kind: IdKind) -> &'static str {
    match kind {
        IdKind::User => "user",
        IdKind::Group => "group",
        IdKind::Jumpoint => "jumpoint",
        IdKind::Item => "item",
        IdKind::Login => "login",
    }
}

fn raise_last_id(transaction: &Transaction<'_>, kind: IdKind, id: u32) -> Result<()> {
    run(
        transaction,
        "INSERT INTO ids (kind, last) VALUES (?1, ?2)
         ON CONFLICT (kind) DO UPDATE SET last = max(last, excluded.last)",
        params![id_kind(kind), id],
    )
}

fn json(object: &impl Serialize) -> Result<String> {
    serde_json::to_string(object).map_err(unwritable)
}

fn run(transaction: &Transaction<'_>, statement: &'static str, values: impl rusqlite::Params) -> Result<()> {
    transaction
        .prepare_cached(statement)
        .and_then(|mut statement| statement.execute(values))
        .map(drop)
        .map_err(database)
}
