//! Listing, searching and what decisions read: from rows, without the rest of the site.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jump_core::Result;
use jump_core::access::{Facts, FactsBuilder, Standing, Visible};
use jump_core::id::{ItemId, UserId};
use jump_core::model::{Change, GroupPolicy, JumpItem, Placement, Role, Team, User, folded};
use jump_core::store::{ItemPage, ItemQuery};
use serde::de::DeserializeOwned;
use tokio_postgres::types::ToSql;

use super::connection::Connection;
use super::world::{self, column, id, maybe_id, number};
use crate::rows::{self, unreadable};

/// Up to so many groups and lists are looked through one by one where each of their items has to be looked at; with more,
/// all items are looked through by name.
const FEW: usize = 256;

/// A page of items; call it inside a transaction in which nothing changes.
pub(super) async fn items(connection: &mut Connection, query: &ItemQuery) -> Result<ItemPage> {
    query.validate()?;
    let visible = match query.viewer {
        Some(user) => Some(visible(connection, user).await?),
        None => None,
    };
    let revision = world::version(connection).await?.revision;
    let search = Search::new(query, visible.as_ref())?;
    let mut items = Vec::new();
    if let Some(search) = search {
        let found: Vec<i32> = connection
            .query_built(&search.statement, &search.values())
            .await?
            .iter()
            .map(|row| column(row, 0))
            .collect::<Result<_>>()?;
        let bodies = "SELECT body FROM items WHERE id = ANY($1)";
        let mut there: BTreeMap<ItemId, JumpItem> = objects(connection, bodies, &[&found], "item")
            .await?
            .into_iter()
            .map(|item: JumpItem| (item.id, item))
            .collect();
        for id in found {
            let id = ItemId::new(u32::try_from(id).map_err(|error| unreadable("number", error))?)?;
            items.extend(there.remove(&id).map(Arc::new));
        }
    }
    Ok(ItemPage::new(revision, items, query.limit))
}

/// What decisions about a user and these items read; call it inside a transaction in which nothing changes.
pub(super) async fn facts(connection: &mut Connection, user: UserId, items: &[ItemId]) -> Result<Facts> {
    let mut facts = FactsBuilder::new(user);
    for site in objects(connection, "SELECT body FROM site", &[], "site").await? {
        facts.add(Change::PutSite(site));
    }
    for account in account(connection, user).await? {
        facts.add(Change::PutUser(account));
    }
    for policy in group_policies(connection, user).await? {
        facts.add(Change::PutGroupPolicy(policy));
    }
    let (mut groups, mut jumpoints, mut others) = (BTreeSet::new(), BTreeSet::new(), false);
    let wanted = numbers(items.iter().map(|id| id.get()))?;
    let query = "SELECT body FROM items WHERE id = ANY($1)";
    for item in objects::<JumpItem>(connection, query, &[&wanted], "item").await? {
        groups.extend(item.placement.group());
        jumpoints.extend(item.jumpoint);
        others |= item.placement.owner().is_some_and(|owner| owner != user);
        facts.add(Change::PutItem(item));
    }
    let query = "SELECT body FROM approvals WHERE item_id = ANY($1) AND body::json ->> 'state' = 'approved'";
    for request in objects(connection, query, &[&wanted], "approval request").await? {
        facts.add(Change::PutApproval(request));
    }
    if others {
        for team in teams(connection, user).await? {
            facts.add(Change::PutTeam(team));
        }
    }
    let groups = numbers(groups.iter().map(|id| id.get()))?;
    let query = "SELECT user_id, group_id, role_id, policy_id FROM memberships
         WHERE user_id = $1 AND group_id = ANY($2)";
    for change in memberships(connection, query, &[&number(user.get())?, &groups]).await? {
        facts.add(change);
    }
    let jumpoints = numbers(jumpoints.iter().map(|id| id.get()))?;
    let query =
        "SELECT user_id, jumpoint_id FROM jumpoint_grants WHERE user_id = $1 AND jumpoint_id = ANY($2)";
    for row in connection
        .query(query, &[&number(user.get())?, &jumpoints])
        .await?
    {
        facts.add(rows::grant(id(&row, 0)?, id(&row, 1)?)?);
    }
    let wanted = facts.wanted();
    macro_rules! add {
        ($($ids:ident, $what:literal, $table:literal, $change:path;)+) => {
            $(if !wanted.$ids.is_empty() {
                let ids = numbers(wanted.$ids.iter().map(|id| id.get()))?;
                let query = concat!("SELECT body FROM ", $table, " WHERE id = ANY($1)");
                for object in objects(connection, query, &[&ids], $what).await? {
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
        .finish(world::version(connection).await?.revision)
        .map_err(|error| unreadable("fact", error))
}

/// Where a user may view items.
async fn visible(connection: &mut Connection, user: UserId) -> Result<Visible> {
    let Some(account) = account(connection, user).await?.into_iter().next() else {
        return Ok(Visible::Only(BTreeSet::new()));
    };
    let policies = group_policies(connection, user).await?;
    let query = "SELECT user_id, group_id, role_id, policy_id FROM memberships WHERE user_id = $1";
    let memberships = memberships(connection, query, &[&number(user.get())?]).await?;
    let standing = Standing::new(
        Arc::new(account),
        policies.into_iter().map(Arc::new).collect(),
        memberships
            .into_iter()
            .filter_map(|change| match change {
                Change::PutMembership(membership) => Some(membership),
                _ => None,
            })
            .collect(),
        &teams(connection, user).await?,
    );
    let roles = numbers(standing.roles().iter().map(|id| id.get()))?;
    let query = "SELECT body FROM roles WHERE id = ANY($1)";
    let roles: Vec<Role> = objects(connection, query, &[&roles], "role").await?;
    Ok(standing.visible(&roles))
}

async fn account(connection: &mut Connection, user: UserId) -> Result<Vec<User>> {
    let query = "SELECT body FROM users WHERE id = $1";
    objects(connection, query, &[&number(user.get())?], "user").await
}

async fn group_policies(connection: &mut Connection, user: UserId) -> Result<Vec<GroupPolicy>> {
    let query = "SELECT body FROM group_policies WHERE id IN
        (SELECT policy_id FROM group_policy_members WHERE user_id = $1)";
    objects(connection, query, &[&number(user.get())?], "group policy").await
}

async fn teams(connection: &mut Connection, user: UserId) -> Result<Vec<Team>> {
    let query = "SELECT body FROM teams WHERE id IN (SELECT team_id FROM team_members WHERE user_id = $1)";
    objects(connection, query, &[&number(user.get())?], "team").await
}

async fn memberships(
    connection: &mut Connection,
    query: &'static str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Change>> {
    let rows = connection.query(query, values).await?;
    rows.iter()
        .map(|row| rows::membership(id(row, 0)?, id(row, 1)?, maybe_id(row, 2)?, maybe_id(row, 3)?))
        .collect()
}

/// The objects whose bodies a query gives.
async fn objects<T: DeserializeOwned>(
    connection: &mut Connection,
    query: &'static str,
    values: &[&(dyn ToSql + Sync)],
    what: &'static str,
) -> Result<Vec<T>> {
    let rows = connection.query(query, values).await?;
    rows.iter()
        .map(|row| serde_json::from_str(column(row, 0)?).map_err(|error| unreadable(what, error)))
        .collect()
}

fn numbers(ids: impl Iterator<Item = u32>) -> Result<Vec<i32>> {
    ids.map(number).collect()
}

/// A statement that finds the first items of a page, one more than fits, and the values in it: no value is ever part of a
/// statement's text.
struct Search {
    statement: String,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Search {
    /// `None` if nothing can be found.
    fn new(query: &ItemQuery, visible: Option<&Visible>) -> Result<Option<Self>> {
        // No text of an item holds this character, and the database takes none with it.
        if query.text.contains('\0') {
            return Ok(None);
        }
        let mut search = Self {
            statement: String::new(),
            values: Vec::new(),
        };
        let conditions = search.conditions(query)?;
        let most = search.value(i64::from(query.limit) + 1);
        if let Some(place) = query.placement {
            if visible.is_some_and(|visible| !visible.contains(place)) {
                return Ok(None);
            }
            search.in_places(&BTreeSet::from([place]), &conditions, &most)?;
            return Ok(Some(search));
        }
        let any = query.text.is_empty()
            && query.tag.is_none()
            && query.jumpoint.is_none()
            && query.methods.is_none();
        match visible {
            Some(Visible::Only(places)) if places.is_empty() => return Ok(None),
            Some(Visible::Only(places))
                if query.name.is_none() && query.hostname.is_none() && (any || places.len() <= FEW) =>
            {
                search.in_places(places, &conditions, &most)?;
            }
            Some(Visible::Only(places)) => {
                let (groups, owners) = split(places)?;
                let (groups, owners) = (search.value(groups), search.value(owners));
                search.statement = format!(
                    "SELECT id FROM items WHERE {conditions} AND (group_id = ANY({groups}) OR owner_id = ANY({owners}))
                     ORDER BY name_lower, id LIMIT {most}"
                );
            }
            Some(Visible::AllBut(places)) => {
                let (groups, owners) = split(places)?;
                let (groups, owners) = (search.value(groups), search.value(owners));
                search.statement = format!(
                    "SELECT id FROM items WHERE {conditions} AND (group_id IS NULL OR group_id <> ALL({groups}))
                         AND (owner_id IS NULL OR owner_id <> ALL({owners}))
                     ORDER BY name_lower, id LIMIT {most}"
                );
            }
            None => {
                search.statement =
                    format!("SELECT id FROM items WHERE {conditions} ORDER BY name_lower, id LIMIT {most}");
            }
        }
        Ok(Some(search))
    }

    /// The first of each place, and of these the first of all.
    fn in_places(&mut self, places: &BTreeSet<Placement>, conditions: &str, most: &str) -> Result<()> {
        let (groups, owners) = split(places)?;
        let (groups, owners) = (self.value(groups), self.value(owners));
        let first = |column: &str, of: &str| {
            format!(
                "SELECT first.name_lower, first.id FROM unnest({of}::int4[]) AS place (id), LATERAL (
                     SELECT name_lower, id FROM items WHERE {column} = place.id AND {conditions}
                     ORDER BY name_lower LIMIT {most}) AS first"
            )
        };
        self.statement = format!(
            "SELECT id FROM ({} UNION ALL {}) AS found ORDER BY name_lower, id LIMIT {most}",
            first("group_id", &groups),
            first("owner_id", &owners)
        );
        Ok(())
    }

    fn conditions(&mut self, query: &ItemQuery) -> Result<String> {
        let mut conditions = "TRUE".to_owned();
        let mut also = |condition: String| {
            conditions.push_str(" AND ");
            conditions.push_str(&condition);
        };
        if let Some(after) = &query.after {
            match after.name.split_once('\0') {
                // No name holds this character: all that follow the part before it follow the whole.
                Some((begin, _)) => also(format!("name_lower > {}", self.value(begin.to_owned()))),
                None => {
                    let name = self.value(after.name.clone());
                    let id = self.value(number(after.id.get())?);
                    also(format!(
                        "name_lower >= {name} AND (name_lower > {name} OR id > {id})"
                    ));
                }
            }
        }
        if let Some(name) = &query.name {
            also(format!("name_lower = {}", self.value(folded(name.as_str()))));
        }
        if let Some(host) = &query.hostname {
            also(format!("host_lower = {}", self.value(folded(host.as_str()))));
        }
        if let Some(tag) = &query.tag {
            also(format!("tag_lower = {}", self.value(folded(tag.as_str()))));
        }
        if let Some(jumpoint) = query.jumpoint {
            also(format!("jumpoint_id = {}", self.value(number(jumpoint.get())?)));
        }
        if let Some(methods) = query.methods {
            let names = methods.iter().map(rows::method).collect::<Result<Vec<_>>>()?;
            also(format!("method = ANY({})", self.value(names)));
        }
        if !query.text.is_empty() {
            let text = self.value(folded(&query.text));
            also(format!(
                "(strpos(name_lower, {text}) > 0 OR strpos(host_lower, {text}) > 0 OR strpos(tag_lower, {text}) > 0
                  OR strpos(comments_lower, {text}) > 0)"
            ));
        }
        Ok(conditions)
    }

    /// A further value, as it stands in the statement: `$1`, `$2` and so on.
    fn value(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values
            .iter()
            .map(|value| &**value as &(dyn ToSql + Sync))
            .collect()
    }
}

/// The groups, and the owners of the personal lists.
fn split(places: &BTreeSet<Placement>) -> Result<(Vec<i32>, Vec<i32>)> {
    let groups = places.iter().filter_map(|place| place.group());
    let owners = places.iter().filter_map(|place| place.owner());
    Ok((
        numbers(groups.map(|id| id.get()))?,
        numbers(owners.map(|id| id.get()))?,
    ))
}
