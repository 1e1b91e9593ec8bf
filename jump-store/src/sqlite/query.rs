//! Listing, searching and what decisions read: from rows, without the rest of the site.

use std::collections::BTreeSet;
use std::sync::Arc;

use jump_core::Result;
use jump_core::access::{Facts, FactsBuilder, Standing, Visible};
use jump_core::id::{GroupId, ItemId, JumpointId, PolicyId, RoleId, UserId};
use jump_core::model::{Change, GroupPolicy, JumpItem, Membership, Placement, Role, Team, User, folded};
use jump_core::store::{ItemPage, ItemQuery};
use rusqlite::types::Value;
use rusqlite::{Connection, Params, Row, Transaction};
use serde::de::DeserializeOwned;

use super::error::database;
use super::world;
use crate::rows::{self, json, unreadable};

/// Up to so many groups and lists are looked through one by one where each of their items has to be looked at; with more,
/// all items are looked through by name.
const FEW: usize = 256;

/// A page of items.
pub(super) fn items(connection: &mut Connection, query: &ItemQuery) -> Result<ItemPage> {
    query.validate()?;
    let transaction = connection.transaction().map_err(database)?;
    let visible = match query.viewer {
        Some(user) => Some(visible(&transaction, user)?),
        None => None,
    };
    let found = Search::new(query)?.find(&transaction, query, visible.as_ref())?;
    let items = found
        .into_iter()
        .filter_map(|(_, id)| item(&transaction, id).transpose())
        .map(|item| item.map(Arc::new))
        .collect::<Result<Vec<Arc<JumpItem>>>>()?;
    Ok(ItemPage::new(world::revision(&transaction)?, items, query.limit))
}

/// What decisions about a user and these items read.
pub(super) fn facts(connection: &mut Connection, user: UserId, items: &[ItemId]) -> Result<Facts> {
    let transaction = connection.transaction().map_err(database)?;
    let mut facts = FactsBuilder::new(user);
    let site = one(&transaction, "SELECT body FROM site", [], "site")?;
    site.map(Change::PutSite)
        .into_iter()
        .for_each(|site| facts.add(site));
    if let Some(account) = account(&transaction, user)? {
        facts.add(Change::PutUser(account));
    }
    for policy in group_policies(&transaction, user)? {
        facts.add(Change::PutGroupPolicy(policy));
    }
    let (mut groups, mut jumpoints, mut others) = (BTreeSet::new(), BTreeSet::new(), false);
    for id in items.iter().collect::<BTreeSet<_>>() {
        let Some(item) = item(&transaction, id.get())? else {
            continue;
        };
        groups.extend(item.placement.group());
        jumpoints.extend(item.jumpoint);
        others |= item.placement.owner().is_some_and(|owner| owner != user);
        facts.add(Change::PutItem(item));
        let approved = "SELECT body FROM approvals WHERE item_id = ?1 AND body ->> '$.state' = 'approved'";
        for request in all(&transaction, approved, [id.get()], |row| {
            object(row, "approval request")
        })? {
            facts.add(Change::PutApproval(request));
        }
    }
    if others {
        for team in teams(&transaction, user)? {
            facts.add(Change::PutTeam(team));
        }
    }
    for group in groups {
        if let Some(membership) = membership(&transaction, user, group)? {
            facts.add(Change::PutMembership(membership));
        }
    }
    for jumpoint in jumpoints {
        if is_granted(&transaction, user, jumpoint)? {
            facts.add(Change::GrantJumpoint { user, jumpoint });
        }
    }
    let wanted = facts.wanted();
    macro_rules! add {
        ($($ids:ident, $what:literal, $table:literal, $change:path;)+) => {
            $(for id in &wanted.$ids {
                let query = concat!("SELECT body FROM ", $table, " WHERE id = ?1");
                if let Some(object) = one(&transaction, query, [id.get()], $what)? {
                    facts.add($change(object));
                }
            })+
        };
    }
    add! {
        users, "user", "users", Change::PutUser;
        groups, "group", "groups", Change::PutGroup;
        jumpoints, "jumpoint", "jumpoints", Change::PutJumpoint;
        roles, "role", "roles", Change::PutRole;
        policies, "jump policy", "policies", Change::PutPolicy;
        session_policies, "session policy", "session_policies", Change::PutSessionPolicy;
    }
    facts
        .finish(world::revision(&transaction)?)
        .map_err(|error| unreadable("fact", error))
}

/// Where a user may view items.
fn visible(transaction: &Transaction<'_>, user: UserId) -> Result<Visible> {
    let Some(account) = account(transaction, user)? else {
        return Ok(Visible::Only(BTreeSet::new()));
    };
    let policies = group_policies(transaction, user)?;
    let memberships = "SELECT group_id, role_id, policy_id FROM memberships WHERE user_id = ?1";
    let standing = Standing::new(
        Arc::new(account),
        policies.into_iter().map(Arc::new).collect(),
        all(transaction, memberships, [user.get()], |row| {
            membership_of(user, row)
        })?,
        &teams(transaction, user)?,
    );
    let mut roles: Vec<Role> = Vec::new();
    for role in standing.roles() {
        let query = "SELECT body FROM roles WHERE id = ?1";
        roles.extend(one(transaction, query, [role.get()], "role")?);
    }
    Ok(standing.visible(&roles))
}

fn account(transaction: &Transaction<'_>, user: UserId) -> Result<Option<User>> {
    one(
        transaction,
        "SELECT body FROM users WHERE id = ?1",
        [user.get()],
        "user",
    )
}

fn item(transaction: &Transaction<'_>, id: u32) -> Result<Option<JumpItem>> {
    one(transaction, "SELECT body FROM items WHERE id = ?1", [id], "item")
}

fn group_policies(transaction: &Transaction<'_>, user: UserId) -> Result<Vec<GroupPolicy>> {
    let query = "SELECT body FROM group_policies WHERE id IN
        (SELECT policy_id FROM group_policy_members WHERE user_id = ?1)";
    all(transaction, query, [user.get()], |row| {
        object(row, "group policy")
    })
}

fn teams(transaction: &Transaction<'_>, user: UserId) -> Result<Vec<Team>> {
    let query = "SELECT body FROM teams WHERE id IN (SELECT team_id FROM team_members WHERE user_id = ?1)";
    all(transaction, query, [user.get()], |row| object(row, "team"))
}

fn membership(transaction: &Transaction<'_>, user: UserId, group: GroupId) -> Result<Option<Membership>> {
    let query = "SELECT group_id, role_id, policy_id FROM memberships WHERE user_id = ?1 AND group_id = ?2";
    let found = all(transaction, query, [user.get(), group.get()], |row| {
        membership_of(user, row)
    })?;
    Ok(found.into_iter().next())
}

/// The membership of a row of group, role and Jump Policy.
fn membership_of(user: UserId, row: &Row<'_>) -> Result<Membership> {
    let group: u32 = row.get(0).map_err(database)?;
    let role: Option<u32> = row.get(1).map_err(database)?;
    let policy: Option<u32> = row.get(2).map_err(database)?;
    Ok(Membership {
        user,
        group: GroupId::new(group)?,
        role: role.map(RoleId::new).transpose()?,
        policy: policy.map(PolicyId::new).transpose()?,
    })
}

/// The object whose body is the first column.
fn object<T: DeserializeOwned>(row: &Row<'_>, what: &'static str) -> Result<T> {
    let body = row.get_ref(0).map_err(database)?;
    let body = body.as_str().map_err(|error| unreadable(what, error))?;
    serde_json::from_str(body).map_err(|error| unreadable(what, error))
}

fn is_granted(transaction: &Transaction<'_>, user: UserId, jumpoint: JumpointId) -> Result<bool> {
    transaction
        .prepare_cached("SELECT 1 FROM jumpoint_grants WHERE user_id = ?1 AND jumpoint_id = ?2")
        .and_then(|mut statement| statement.exists([user.get(), jumpoint.get()]))
        .map_err(database)
}

fn all<T>(
    connection: &Connection,
    query: &'static str,
    values: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(query).map_err(database)?;
    let mut rows = statement.query(values).map_err(database)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(database)? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The object whose body the query gives.
fn one<T: DeserializeOwned>(
    connection: &Connection,
    query: &'static str,
    values: impl Params,
    what: &'static str,
) -> Result<Option<T>> {
    Ok(all(connection, query, values, |row| object(row, what))?
        .into_iter()
        .next())
}

/// An item by the order of listings: folded name and id.
type Place = (String, u32);

/// The conditions of a query, and the values in them: no value is ever part of a statement's text.
struct Search {
    conditions: String,
    values: Vec<(&'static str, Value)>,
    most: usize,
}

impl Search {
    fn new(query: &ItemQuery) -> Result<Self> {
        let mut search = Self {
            conditions: "TRUE".to_owned(),
            values: Vec::new(),
            most: query.limit as usize + 1,
        };
        if let Some(after) = &query.after {
            search.also("name_lower >= :after", ":after", Value::Text(after.name.clone()));
            let id = Value::Integer(after.id.get().into());
            search.also("(name_lower > :after OR id > :after_id)", ":after_id", id);
        }
        let text = |text: &str| Value::Text(folded(text));
        if let Some(name) = &query.name {
            search.also("name_lower = :name", ":name", text(name.as_str()));
        }
        if let Some(host) = &query.hostname {
            search.also("host_lower = :host", ":host", text(host.as_str()));
        }
        if let Some(tag) = &query.tag {
            search.also("tag_lower = :tag", ":tag", text(tag.as_str()));
        }
        if let Some(jumpoint) = query.jumpoint {
            let id = Value::Integer(jumpoint.get().into());
            search.also("jumpoint_id = :jumpoint", ":jumpoint", id);
        }
        if let Some(methods) = query.methods {
            let names = methods.iter().map(rows::method).collect::<Result<Vec<_>>>()?;
            let names = Value::Text(json(&names)?);
            search.also(
                "method IN (SELECT value FROM json_each(:methods))",
                ":methods",
                names,
            );
        }
        if !query.text.is_empty() {
            search.also(
                "(instr(name_lower, :text) OR instr(host_lower, :text) OR instr(tag_lower, :text)
                  OR instr(comments_lower, :text))",
                ":text",
                text(&query.text),
            );
        }
        Ok(search)
    }

    fn also(&mut self, condition: &'static str, name: &'static str, value: Value) {
        self.conditions.push_str(" AND ");
        self.conditions.push_str(condition);
        self.values.push((name, value));
    }

    /// The first items that the viewer may see, one more than fits on a page.
    fn find(
        mut self,
        transaction: &Transaction<'_>,
        query: &ItemQuery,
        visible: Option<&Visible>,
    ) -> Result<Vec<Place>> {
        if let Some(place) = query.placement {
            if visible.is_some_and(|visible| !visible.contains(place)) {
                return Ok(Vec::new());
            }
            return self.in_places(transaction, &BTreeSet::from([place]));
        }
        if query.name.is_none()
            && query.hostname.is_none()
            && let Some(Visible::Only(places)) = visible
        {
            let any = query.text.is_empty()
                && query.tag.is_none()
                && query.jumpoint.is_none()
                && query.methods.is_none();
            if any || places.len() <= FEW {
                return self.in_places(transaction, places);
            }
        }
        // What finds fewest; each index continues with the name.
        let index = if query.name.is_some() {
            "items_by_name"
        } else if query.hostname.is_some() {
            "items_by_host"
        } else if query.tag.is_some() {
            "items_by_tag"
        } else if query.jumpoint.is_some() {
            "items_behind_jumpoints"
        } else {
            "items_by_name"
        };
        self.by_index(transaction, index, visible)
    }

    /// Looks through the items in their order until there are enough.
    fn by_index(
        &self,
        transaction: &Transaction<'_>,
        index: &'static str,
        visible: Option<&Visible>,
    ) -> Result<Vec<Place>> {
        let statement = format!(
            "SELECT name_lower, id, group_id, owner_id FROM items INDEXED BY {index} WHERE {} ORDER BY name_lower, id",
            self.conditions
        );
        let mut statement = transaction.prepare_cached(&statement).map_err(database)?;
        let mut rows = statement.query(&*self.named()).map_err(database)?;
        let mut found = Vec::new();
        while found.len() < self.most
            && let Some(row) = rows.next().map_err(database)?
        {
            if let Some(visible) = visible
                && !visible.contains(placement(row)?)
            {
                continue;
            }
            found.push((row.get(0).map_err(database)?, row.get(1).map_err(database)?));
        }
        Ok(found)
    }

    /// The first of each place, and of these the first of all.
    fn in_places(
        &mut self,
        transaction: &Transaction<'_>,
        places: &BTreeSet<Placement>,
    ) -> Result<Vec<Place>> {
        let statement = |column: &str, index: &str| {
            let text = format!(
                "SELECT name_lower, id FROM items INDEXED BY {index} WHERE {column} = :place AND {}
                 ORDER BY name_lower LIMIT :most",
                self.conditions
            );
            transaction.prepare_cached(&text).map_err(database)
        };
        let mut in_groups = statement("group_id", "items_in_groups")?;
        let mut on_lists = statement("owner_id", "items_on_lists")?;
        let most = i64::try_from(self.most).map_err(|error| unreadable("limit", error))?;
        self.values.push((":most", Value::Integer(most)));
        let mut first: BTreeSet<Place> = BTreeSet::new();
        for place in places {
            let (statement, id) = match place {
                Placement::Shared(group) => (&mut in_groups, group.get()),
                Placement::Personal { personal } => (&mut on_lists, personal.get()),
            };
            self.values.push((":place", Value::Integer(id.into())));
            let mut rows = statement.query(&*self.named()).map_err(database)?;
            while let Some(row) = rows.next().map_err(database)? {
                let name = row.get_ref(0).map_err(database)?;
                let name = name.as_str().map_err(|error| unreadable("item", error))?;
                let id: u32 = row.get(1).map_err(database)?;
                if first.len() == self.most {
                    // Those that follow in this place come later still.
                    if first
                        .last()
                        .is_some_and(|(last, other)| (last.as_str(), *other) < (name, id))
                    {
                        break;
                    }
                    first.pop_last();
                }
                first.insert((name.to_owned(), id));
            }
            self.values.pop();
        }
        Ok(first.into_iter().collect())
    }

    fn named(&self) -> Vec<(&str, &dyn rusqlite::ToSql)> {
        let values = self.values.iter();
        values
            .map(|(name, value)| (*name, value as &dyn rusqlite::ToSql))
            .collect()
    }
}

fn placement(row: &Row<'_>) -> Result<Placement> {
    let group: Option<u32> = row.get(2).map_err(database)?;
    match group {
        Some(group) => GroupId::new(group).map(Placement::Shared),
        None => UserId::new(row.get(3).map_err(database)?).map(Placement::personal),
    }
}
