//! Which rows a change writes.

use std::collections::BTreeSet;
use std::sync::Arc;

use jump_core::id::{GroupId, JumpointId, PolicyId, RoleId, UserId};
use jump_core::model::{Change, JumpItem, JumpMethod, Membership, Team, World, folded};
use jump_core::store::IdKind;
use jump_core::{Error, ErrorKind, Result};
use serde::Serialize;

use super::{Value, Write, json};

/// The statement that puts an object into a table of names.
macro_rules! named {
    ($table:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " (id, name_lower, body) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET name_lower = excluded.name_lower, body = excluded.body"
        )
    };
}

/// What is written for changes that this world accepts, in this order.
///
/// Rows go along with the world change by change, not commit by commit: what the end of a commit calls an object may be
/// another one's name until then.
pub(crate) fn writes(world: &World, changes: &[Change]) -> Result<Vec<Write>> {
    let mut writes = Vec::with_capacity(2 * changes.len());
    let mut before = world.clone();
    for change in changes {
        let mut after = before.clone();
        after.apply(std::slice::from_ref(change))?;
        write(change, &before, &after, &mut writes)?;
        before = after;
    }
    Ok(writes)
}

/// What is written for one change, which leads from one world to the next.
fn write(change: &Change, before: &World, after: &World, writes: &mut Vec<Write>) -> Result<()> {
    if let Some((kind, id)) = IdKind::of_put(change) {
        writes.push(raise_last_id(kind, id));
    }
    writes.push(match change {
        Change::PutUser(user) => named(named!("users"), user.id.get(), user.name.as_str(), user)?,
        Change::RemoveUser(id) => run("DELETE FROM users WHERE id = $1", [number(id.get())]),
        Change::PutGroup(group) => run(
            "INSERT INTO groups (id, name, body) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, body = excluded.body",
            [number(group.id.get()), text(group.name.as_str()), body(group)?],
        ),
        Change::RemoveGroup(id) => run("DELETE FROM groups WHERE id = $1", [number(id.get())]),
        Change::PutJumpoint(jumpoint) => run(
            "INSERT INTO jumpoints (id, name, key, body) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, key = excluded.key, body = excluded.body",
            [
                number(jumpoint.id.get()),
                text(jumpoint.name.as_str()),
                Value::Bytes(jumpoint.key.map(|key| key.as_bytes().to_vec())),
                body(jumpoint)?,
            ],
        ),
        Change::RemoveJumpoint(id) => run("DELETE FROM jumpoints WHERE id = $1", [number(id.get())]),
        Change::PutItem(item) => put_item(item)?,
        Change::RemoveItem(id) => run("DELETE FROM items WHERE id = $1", [number(id.get())]),
        Change::PutMembership(Membership {
            user,
            group,
            role,
            policy,
        }) => run(
            "INSERT INTO memberships (user_id, group_id, role_id, policy_id) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_id, group_id) DO UPDATE SET role_id = excluded.role_id, policy_id = excluded.policy_id",
            [
                number(user.get()),
                number(group.get()),
                Value::Id(role.map(RoleId::get)),
                Value::Id(policy.map(PolicyId::get)),
            ],
        ),
        Change::RemoveMembership { user, group } => run(
            "DELETE FROM memberships WHERE user_id = $1 AND group_id = $2",
            [number(user.get()), number(group.get())],
        ),
        Change::GrantJumpoint { user, jumpoint } => run(
            "INSERT INTO jumpoint_grants (user_id, jumpoint_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            [number(user.get()), number(jumpoint.get())],
        ),
        Change::RevokeJumpoint { user, jumpoint } => run(
            "DELETE FROM jumpoint_grants WHERE user_id = $1 AND jumpoint_id = $2",
            [number(user.get()), number(jumpoint.get())],
        ),
        Change::PutLogin(login) => run(
            "INSERT INTO logins (id, user_id, key, body) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, key = excluded.key, body = excluded.body",
            [
                number(login.id.get()),
                number(login.user.get()),
                Value::Bytes(Some(login.key.as_bytes().to_vec())),
                body(login)?,
            ],
        ),
        Change::RemoveLogin(id) => run("DELETE FROM logins WHERE id = $1", [number(id.get())]),
        Change::PutRole(role) => named(named!("roles"), role.id.get(), role.name.as_str(), role)?,
        Change::RemoveRole(id) => run("DELETE FROM roles WHERE id = $1", [number(id.get())]),
        Change::PutPolicy(policy) => named(named!("policies"), policy.id.get(), policy.name.as_str(), policy)?,
        Change::RemovePolicy(id) => run("DELETE FROM policies WHERE id = $1", [number(id.get())]),
        Change::PutSessionPolicy(policy) => {
            named(named!("session_policies"), policy.id.get(), policy.name.as_str(), policy)?
        }
        Change::RemoveSessionPolicy(id) => {
            run("DELETE FROM session_policies WHERE id = $1", [number(id.get())])
        }
        Change::PutGroupPolicy(policy) => {
            named(named!("group_policies"), policy.id.get(), policy.name.as_str(), policy)?
        }
        Change::RemoveGroupPolicy(id) => run("DELETE FROM group_policies WHERE id = $1", [number(id.get())]),
        Change::PutTeam(team) => named(named!("teams"), team.id.get(), team.name.as_str(), team)?,
        Change::RemoveTeam(id) => run("DELETE FROM teams WHERE id = $1", [number(id.get())]),
        Change::PutApproval(request) => run(
            "INSERT INTO approvals (id, item_id, requester_id, policy_id, body) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET item_id = excluded.item_id, requester_id = excluded.requester_id,
                 policy_id = excluded.policy_id, body = excluded.body",
            [
                number(request.id.get()),
                number(request.item.get()),
                number(request.requester.get()),
                number(request.policy.get()),
                body(request)?,
            ],
        ),
        Change::RemoveApproval(id) => run("DELETE FROM approvals WHERE id = $1", [number(id.get())]),
        Change::PutSite(site) => run(
            "INSERT INTO site (one, body) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET body = excluded.body",
            [body(site)?],
        ),
        Change::PinHostKey { item, .. } | Change::PinCertificate { item, .. } => match after.item(*item) {
            Some(item) => put_item(item)?,
            None => return Ok(()),
        },
        _ => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "change the site",
                "this store does not know such a change",
            ));
        }
    });
    match change {
        Change::PutGroupPolicy(policy) => {
            let old = before.group_policy(policy.id).map(|old| &old.members);
            members(&IN_GROUP_POLICY, policy.id.get(), old, &policy.members, writes);
            Ok(())
        }
        Change::PutTeam(team) => {
            let keys = |team: &Team| team.members.keys().copied().collect::<BTreeSet<UserId>>();
            let old = before.team(team.id).map(|old| keys(old));
            members(&IN_TEAM, team.id.get(), old.as_ref(), &keys(team), writes);
            Ok(())
        }
        Change::RemoveUser(_) | Change::RemoveGroup(_) | Change::RemoveJumpoint(_) => {
            follow(before, after, writes)
        }
        _ => Ok(()),
    }
}

/// Objects that name others in their bodies change when those are removed: their rows follow.
fn follow(before: &World, after: &World, writes: &mut Vec<Write>) -> Result<()> {
    macro_rules! changed {
        ($all:ident, $one:ident, $put:path) => {
            for object in after.$all() {
                if before
                    .$one(object.id)
                    .is_some_and(|old| !Arc::ptr_eq(old, object))
                {
                    write(&$put((**object).clone()), before, after, writes)?;
                }
            }
        };
    }
    changed!(group_policies, group_policy, Change::PutGroupPolicy);
    changed!(teams, team, Change::PutTeam);
    changed!(policies, policy, Change::PutPolicy);
    Ok(())
}

/// A table that says who is in what.
struct Members {
    add: &'static str,
    remove: &'static str,
}

const IN_GROUP_POLICY: Members = Members {
    add: "INSERT INTO group_policy_members (user_id, policy_id) VALUES ($1, $2)",
    remove: "DELETE FROM group_policy_members WHERE user_id = $1 AND policy_id = $2",
};

const IN_TEAM: Members = Members {
    add: "INSERT INTO team_members (user_id, team_id) VALUES ($1, $2)",
    remove: "DELETE FROM team_members WHERE user_id = $1 AND team_id = $2",
};

/// Writes who has come and who has gone. The rows of a user that was removed are gone already.
fn members(
    table: &Members,
    id: u32,
    old: Option<&BTreeSet<UserId>>,
    new: &BTreeSet<UserId>,
    writes: &mut Vec<Write>,
) {
    let none = BTreeSet::new();
    let old = old.unwrap_or(&none);
    let gone = old.difference(new).map(|user| (table.remove, user));
    let come = new.difference(old).map(|user| (table.add, user));
    writes.extend(
        gone.chain(come)
            .map(|(statement, user)| run(statement, [number(user.get()), number(id)])),
    );
}

/// The statement that puts an item: the columns of an [`ItemRow`] in their order.
pub(crate) const PUT_ITEM: &str =
    "INSERT INTO items (id, group_id, owner_id, jumpoint_id, method, name_lower, host_lower, tag_lower,
             comments_lower, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (id) DO UPDATE SET group_id = excluded.group_id, owner_id = excluded.owner_id,
         jumpoint_id = excluded.jumpoint_id, method = excluded.method, name_lower = excluded.name_lower,
         host_lower = excluded.host_lower, tag_lower = excluded.tag_lower,
         comments_lower = excluded.comments_lower, body = excluded.body";

/// An item as a row of `items`.
pub(crate) struct ItemRow {
    pub(crate) id: u32,
    pub(crate) group: Option<u32>,
    pub(crate) owner: Option<u32>,
    pub(crate) jumpoint: Option<u32>,
    pub(crate) method: String,
    pub(crate) name_lower: String,
    pub(crate) host_lower: String,
    pub(crate) tag_lower: String,
    pub(crate) comments_lower: String,
    pub(crate) body: String,
}

impl ItemRow {
    /// The row of this item.
    pub(crate) fn of(item: &JumpItem) -> Result<Self> {
        Ok(Self {
            id: item.id.get(),
            group: item.placement.group().map(GroupId::get),
            owner: item.placement.owner().map(UserId::get),
            jumpoint: item.jumpoint.map(JumpointId::get),
            method: method(item.details.method())?,
            name_lower: folded(item.name.as_str()),
            host_lower: folded(item.hostname.as_str()),
            tag_lower: folded(item.tag.as_str()),
            comments_lower: folded(item.comments.as_str()),
            body: json(item)?,
        })
    }
}

/// A method as it stands in `items`: as the item's type in its body.
pub(crate) fn method(method: JumpMethod) -> Result<String> {
    Ok(json(&method)?.trim_matches('"').to_owned())
}

fn put_item(item: &JumpItem) -> Result<Write> {
    let row = ItemRow::of(item)?;
    Ok(run(
        PUT_ITEM,
        [
            number(row.id),
            Value::Id(row.group),
            Value::Id(row.owner),
            Value::Id(row.jumpoint),
            Value::Text(row.method),
            Value::Text(row.name_lower),
            Value::Text(row.host_lower),
            Value::Text(row.tag_lower),
            Value::Text(row.comments_lower),
            Value::Text(row.body),
        ],
    ))
}

fn named(statement: &'static str, id: u32, name: &str, object: &impl Serialize) -> Result<Write> {
    Ok(run(
        statement,
        [number(id), Value::Text(folded(name)), body(object)?],
    ))
}

/// The statement that sees to it that an id of a kind is never given again.
pub(crate) const RAISE_LAST_ID: &str = "INSERT INTO ids (kind, last) VALUES ($1, $2)
     ON CONFLICT (kind) DO UPDATE SET last = excluded.last WHERE ids.last < excluded.last";

fn raise_last_id(kind: IdKind, id: u32) -> Write {
    run(RAISE_LAST_ID, [text(kind.name()), number(id)])
}

fn run(statement: &'static str, values: impl Into<Vec<Value>>) -> Write {
    Write {
        statement,
        values: values.into(),
    }
}

const fn number(id: u32) -> Value {
    Value::Id(Some(id))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn body(object: &impl Serialize) -> Result<Value> {
    json(object).map(Value::Text)
}
