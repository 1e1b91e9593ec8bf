//! The world as rows.

use jump_core::id::{GroupId, JumpointId, PolicyId, RoleId, UserId};
use jump_core::model::{Change, JumpItem, Membership, Name, Revision, World};
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
    // In an order in which references lead backwards. A session policy refers to nothing; a Jump Policy to users and teams;
    // users to roles and session policies; items to all of them.
    macro_rules! load {
        ($($what:literal, $table:literal, $change:expr;)+) => {
            $(bodies(connection, $what, concat!("SELECT body FROM ", $table), $change, &mut changes)?;)+
        };
    }
    load! {
        "role", "roles", Change::PutRole;
        "session policy", "session_policies", Change::PutSessionPolicy;
        "site", "site", Change::PutSite;
        "user", "users", Change::PutUser;
        "team", "teams", Change::PutTeam;
        "jump policy", "policies", Change::PutPolicy;
        "group", "groups", Change::PutGroup;
        "jumpoint", "jumpoints", Change::PutJumpoint;
        "group policy", "group_policies", Change::PutGroupPolicy;
        "item", "items", Change::PutItem;
        "approval request", "approvals", Change::PutApproval;
        "login", "logins", Change::PutLogin;
    }
    let memberships = "SELECT user_id, group_id, role_id, policy_id FROM memberships";
    rows(connection, memberships, &mut changes, |row| {
        let role: Option<u32> = row.get(2).map_err(database)?;
        let policy: Option<u32> = row.get(3).map_err(database)?;
        Ok(Change::PutMembership(Membership {
            user: UserId::new(row.get(0).map_err(database)?)?,
            group: GroupId::new(row.get(1).map_err(database)?)?,
            role: role.map(RoleId::new).transpose()?,
            policy: policy.map(PolicyId::new).transpose()?,
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

/// The statement that puts an object into a table of names.
macro_rules! named {
    ($table:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " (id, name_lower, body) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET name_lower = excluded.name_lower, body = excluded.body"
        )
    };
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
        Change::PutItem(item) => put_item(transaction, item),
        Change::RemoveItem(id) => run(transaction, "DELETE FROM items WHERE id = ?1", [id.get()]),
        Change::PutMembership(Membership {
            user,
            group,
            role,
            policy,
        }) => run(
            transaction,
            "INSERT INTO memberships (user_id, group_id, role_id, policy_id) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (user_id, group_id) DO UPDATE SET role_id = excluded.role_id, policy_id = excluded.policy_id",
            params![user.get(), group.get(), role.map(RoleId::get), policy.map(PolicyId::get)],
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
        Change::PutRole(role) => put_named(transaction, named!("roles"), role.id.get(), &role.name, role),
        Change::RemoveRole(id) => run(transaction, "DELETE FROM roles WHERE id = ?1", [id.get()]),
        Change::PutPolicy(policy) => {
            put_named(transaction, named!("policies"), policy.id.get(), &policy.name, policy)
        }
        Change::RemovePolicy(id) => run(transaction, "DELETE FROM policies WHERE id = ?1", [id.get()]),
        Change::PutSessionPolicy(policy) => put_named(
            transaction,
            named!("session_policies"),
            policy.id.get(),
            &policy.name,
            policy,
        ),
        Change::RemoveSessionPolicy(id) => run(
            transaction,
            "DELETE FROM session_policies WHERE id = ?1",
            [id.get()],
        ),
        Change::PutGroupPolicy(policy) => put_named(
            transaction,
            named!("group_policies"),
            policy.id.get(),
            &policy.name,
            policy,
        ),
        Change::RemoveGroupPolicy(id) => {
            run(transaction, "DELETE FROM group_policies WHERE id = ?1", [id.get()])
        }
        Change::PutTeam(team) => put_named(transaction, named!("teams"), team.id.get(), &team.name, team),
        Change::RemoveTeam(id) => run(transaction, "DELETE FROM teams WHERE id = ?1", [id.get()]),
        Change::PutApproval(request) => run(
            transaction,
            "INSERT INTO approvals (id, item_id, requester_id, policy_id, body) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET item_id = excluded.item_id, requester_id = excluded.requester_id,
                 policy_id = excluded.policy_id, body = excluded.body",
            params![
                request.id.get(),
                request.item.get(),
                request.requester.get(),
                request.policy.get(),
                json(request)?
            ],
        ),
        Change::RemoveApproval(id) => run(transaction, "DELETE FROM approvals WHERE id = ?1", [id.get()]),
        Change::PutSite(site) => run(
            transaction,
            "INSERT INTO site (one, body) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET body = excluded.body",
            [json(site)?],
        ),
        // What the item looks like with the key is the world's to say. A later change of the same commit that puts
        // or removes the item writes its row again.
        Change::PinHostKey { item, .. } => match next.item(*item) {
            Some(item) => put_item(transaction, item),
            None => Ok(()),
        },
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            "change the site",
            "this store does not know such a change",
        )),
    }?;
    follow(transaction, change, next)
}

/// Objects that name others in their bodies change when those are removed: their rows follow.
fn follow(transaction: &Transaction<'_>, change: &Change, next: &World) -> Result<()> {
    if !matches!(
        change,
        Change::RemoveUser(_) | Change::RemoveGroup(_) | Change::RemoveJumpoint(_)
    ) {
        return Ok(());
    }
    for policy in next.group_policies() {
        write(transaction, &Change::PutGroupPolicy((**policy).clone()), next)?;
    }
    if matches!(change, Change::RemoveUser(_)) {
        for team in next.teams() {
            write(transaction, &Change::PutTeam((**team).clone()), next)?;
        }
        for policy in next.policies() {
            write(transaction, &Change::PutPolicy((**policy).clone()), next)?;
        }
    }
    Ok(())
}

fn put_item(transaction: &Transaction<'_>, item: &JumpItem) -> Result<()> {
    run(
        transaction,
        "INSERT INTO items (id, group_id, owner_id, jumpoint_id, name_lower, host_lower, tag_lower, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET group_id = excluded.group_id, owner_id = excluded.owner_id,
             jumpoint_id = excluded.jumpoint_id, name_lower = excluded.name_lower, host_lower = excluded.host_lower,
             tag_lower = excluded.tag_lower, body = excluded.body",
        params![
            item.id.get(),
            item.placement.group().map(GroupId::get),
            item.placement.owner().map(UserId::get),
            item.jumpoint.map(JumpointId::get),
            item.name.as_str().to_lowercase(),
            item.hostname.as_str().to_lowercase(),
            item.tag.as_str().to_lowercase(),
            json(item)?
        ],
    )
}

fn put_named(
    transaction: &Transaction<'_>,
    statement: &'static str,
    id: u32,
    name: &Name,
    object: &impl Serialize,
) -> Result<()> {
    run(
        transaction,
        statement,
        params![id, name.as_str().to_lowercase(), json(object)?],
    )
}

/// Raises the revision in the file.
pub(super) fn set_revision(transaction: &Transaction<'_>, revision: Revision) -> Result<()> {
    let number = i64::try_from(revision).map_err(|error| unreadable("revision", error))?;
    run(transaction, "UPDATE meta SET revision = ?1", [number])
}

fn raise_last_id(transaction: &Transaction<'_>, kind: IdKind, id: u32) -> Result<()> {
    run(
        transaction,
        "INSERT INTO ids (kind, last) VALUES (?1, ?2)
         ON CONFLICT (kind) DO UPDATE SET last = max(last, excluded.last)",
        params![kind.name(), id],
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
