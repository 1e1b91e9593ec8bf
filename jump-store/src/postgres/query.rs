//! Listing, searching and what decisions read: from rows, without the rest of the site.

use std::collections::BTreeSet;
use std::sync::Arc;

use jump_core::Result;
use jump_core::access::{Facts, FactsBuilder, Standing, Visible};
use jump_core::id::{ItemId, UserId};
use jump_core::model::{Change, GroupPolicy, JumpItem, Placement, Role, Team, User, folded};
use jump_core::store::{ItemPage, ItemQuery};
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::connection::{Connection, Typed};
use super::world::{self, column, id, maybe_id, number};
use crate::rows::{self, unreadable};

/// Up to so many groups and lists are looked through one by one where each of their items has to be looked at; with more,
/// all items are looked through by name.
const FEW: usize = 256;

/// A page of items; call it inside a transaction in which nothing changes.
pub(super) async fn items(connection: &Connection, query: &ItemQuery) -> Result<ItemPage> {
    query.validate()?;
    let (visible, version) = tokio::join!(
        biased;
        async {
            match query.viewer {
                Some(user) => visible(connection, user).await.map(Some),
                None => Ok(None),
            }
        },
        world::version(connection),
    );
    let (visible, revision) = (visible?, version?.revision);
    let items = match Search::new(query, visible.as_ref())? {
        Some(search) => {
            let values = search.values();
            let found = connection.ask(&search.statement, &values, |row| object(row, "item"));
            found.await?.into_iter().map(Arc::new).collect()
        }
        None => Vec::new(),
    };
    Ok(ItemPage::new(revision, items, query.limit))
}

/// What decisions about a user and these items read; call it inside a transaction in which nothing changes.
pub(super) async fn facts(connection: &Connection, user: UserId, items: &[ItemId]) -> Result<Facts> {
    let mut facts = FactsBuilder::new(user);
    let wanted = numbers(items.iter().map(|id| id.get()))?;
    let wanted: [Typed<'_>; 1] = [(&wanted, Type::INT4_ARRAY)];
    let of_items = "SELECT body FROM items WHERE id = ANY($1)";
    let approved =
        "SELECT body FROM approvals WHERE item_id = ANY($1) AND body::json ->> 'state' = 'approved'";
    let (site, accounts, policies, items, approvals) = tokio::join!(
        biased;
        objects(connection, "SELECT body FROM site", &[], "site"),
        account(connection, user),
        group_policies(connection, user),
        objects::<JumpItem>(connection, of_items, &wanted, "item"),
        objects(connection, approved, &wanted, "approval request"),
    );
    let (mut groups, mut jumpoints, mut others) = (BTreeSet::new(), BTreeSet::new(), false);
    let items = items?;
    for item in &items {
        groups.extend(item.placement.group());
        jumpoints.extend(item.jumpoint);
        others |= item.placement.owner().is_some_and(|owner| owner != user);
    }
    let all = (site?.into_iter().map(Change::PutSite))
        .chain(accounts?.into_iter().map(Change::PutUser))
        .chain(policies?.into_iter().map(Change::PutGroupPolicy))
        .chain(items.into_iter().map(Change::PutItem))
        .chain(approvals?.into_iter().map(Change::PutApproval));
    all.for_each(|change| facts.add(change));

    let number = number(user.get())?;
    let groups = numbers(groups.iter().map(|id| id.get()))?;
    let jumpoints = numbers(jumpoints.iter().map(|id| id.get()))?;
    let user_and_groups: [Typed<'_>; 2] = [(&number, Type::INT4), (&groups, Type::INT4_ARRAY)];
    let user_and_jumpoints: [Typed<'_>; 2] = [(&number, Type::INT4), (&jumpoints, Type::INT4_ARRAY)];
    let in_groups = "SELECT user_id, group_id, role_id, policy_id FROM memberships
         WHERE user_id = $1 AND group_id = ANY($2)";
    let granted =
        "SELECT user_id, jumpoint_id FROM jumpoint_grants WHERE user_id = $1 AND jumpoint_id = ANY($2)";
    let (memberships, grants, teams) = tokio::join!(
        biased;
        connection.ask(in_groups, &user_and_groups, membership),
        connection.ask(granted, &user_and_jumpoints, |row| rows::grant(id(row, 0)?, id(row, 1)?)),
        async {
            if others {
                teams(connection, user).await
            } else {
                Ok(Vec::new())
            }
        },
    );
    let all = (teams?.into_iter().map(Change::PutTeam))
        .chain(memberships?)
        .chain(grants?);
    all.for_each(|change| facts.add(change));

    let wanted = facts.wanted();
    macro_rules! changes {
        ($ids:ident, $what:literal, $table:literal, $change:path) => {
            async {
                if wanted.$ids.is_empty() {
                    return Ok(Vec::new());
                }
                let ids = numbers(wanted.$ids.iter().map(|id| id.get()))?;
                let query = concat!("SELECT body FROM ", $table, " WHERE id = ANY($1)");
                let values: [Typed<'_>; 1] = [(&ids, Type::INT4_ARRAY)];
                connection
                    .ask(query, &values, |row| object(row, $what).map($change))
                    .await
            }
        };
    }
    let (users, groups, jumpoints, roles, policies, session_policies, version) = tokio::join!(
        biased;
        changes!(users, "user", "users", Change::PutUser),
        changes!(groups, "group", "groups", Change::PutGroup),
        changes!(jumpoints, "jumpoint", "jumpoints", Change::PutJumpoint),
        changes!(roles, "role", "roles", Change::PutRole),
        changes!(policies, "jump policy", "policies", Change::PutPolicy),
        changes!(session_policies, "session policy", "session_policies", Change::PutSessionPolicy),
        world::version(connection),
    );
    for change in [users, groups, jumpoints, roles, policies, session_policies] {
        change?.into_iter().for_each(|change| facts.add(change));
    }
    facts
        .finish(version?.revision)
        .map_err(|error| unreadable("fact", error))
}

/// Where a user may view items.
async fn visible(connection: &Connection, user: UserId) -> Result<Visible> {
    let number = number(user.get())?;
    let memberships = "SELECT user_id, group_id, role_id, policy_id FROM memberships WHERE user_id = $1";
    let user_and: [Typed<'_>; 1] = [(&number, Type::INT4)];
    // All on their way at once.
    let (account, policies, memberships, teams) = tokio::join!(
        biased;
        account(connection, user),
        group_policies(connection, user),
        connection.ask(memberships, &user_and, membership),
        teams(connection, user),
    );
    let (policies, memberships, teams) = (policies?, memberships?, teams?);
    let Some(account) = account?.into_iter().next() else {
        return Ok(Visible::Only(BTreeSet::new()));
    };
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
        &teams,
    );
    let roles = numbers(standing.roles().iter().map(|id| id.get()))?;
    let roles: Vec<Role> = if roles.is_empty() {
        Vec::new()
    } else {
        let query = "SELECT body FROM roles WHERE id = ANY($1)";
        objects(connection, query, &[(&roles, Type::INT4_ARRAY)], "role").await?
    };
    Ok(standing.visible(&roles))
}

async fn account(connection: &Connection, user: UserId) -> Result<Vec<User>> {
    let query = "SELECT body FROM users WHERE id = $1";
    objects(connection, query, &[(&number(user.get())?, Type::INT4)], "user").await
}

async fn group_policies(connection: &Connection, user: UserId) -> Result<Vec<GroupPolicy>> {
    let query = "SELECT body FROM group_policies WHERE id IN
        (SELECT policy_id FROM group_policy_members WHERE user_id = $1)";
    objects(
        connection,
        query,
        &[(&number(user.get())?, Type::INT4)],
        "group policy",
    )
    .await
}

async fn teams(connection: &Connection, user: UserId) -> Result<Vec<Team>> {
    let query = "SELECT body FROM teams WHERE id IN (SELECT team_id FROM team_members WHERE user_id = $1)";
    objects(connection, query, &[(&number(user.get())?, Type::INT4)], "team").await
}

fn membership(row: &Row) -> Result<Change> {
    rows::membership(id(row, 0)?, id(row, 1)?, maybe_id(row, 2)?, maybe_id(row, 3)?)
}

/// The objects whose bodies a query gives.
async fn objects<T: DeserializeOwned>(
    connection: &Connection,
    query: &'static str,
    values: &[Typed<'_>],
    what: &'static str,
) -> Result<Vec<T>> {
    connection.ask(query, values, |row| object(row, what)).await
}

fn object<T: DeserializeOwned>(row: &Row, what: &'static str) -> Result<T> {
    serde_json::from_str(column(row, 0)?).map_err(|error| unreadable(what, error))
}

fn numbers(ids: impl Iterator<Item = u32>) -> Result<Vec<i32>> {
    ids.map(number).collect()
}

/// The pattern for `LIKE` that fits whatever has this text in it.
fn pattern(text: &str) -> String {
    let mut pattern = "%".to_owned();
    for character in text.chars() {
        if matches!(character, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// A statement that gives the first items of a page, one more than fits, and the values in it: no value is ever part of a
/// statement's text.
struct Search {
    statement: String,
    values: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
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
        let Some(found) = search.found(query, visible)? else {
            return Ok(None);
        };
        // Only what stands on the page is read whole, and it is given as it is read.
        search.statement = format!(
            "SELECT items.body FROM ({found}) AS found JOIN items ON items.id = found.id
             ORDER BY found.name_lower, found.id"
        );
        Ok(Some(search))
    }

    /// What finds names and ids.
    fn found(&mut self, query: &ItemQuery, visible: Option<&Visible>) -> Result<Option<String>> {
        let conditions = self.conditions(query)?;
        let most = self.value(i64::from(query.limit) + 1, Type::INT8);
        if let Some(place) = query.placement {
            if visible.is_some_and(|visible| !visible.contains(place)) {
                return Ok(None);
            }
            return self.in_places(&BTreeSet::from([place]), &conditions, &most);
        }
        let any = query.text.is_empty()
            && query.tag.is_none()
            && query.jumpoint.is_none()
            && query.methods.is_none();
        let seen = match visible {
            Some(Visible::Only(places)) if places.is_empty() => return Ok(None),
            Some(Visible::Only(places))
                if query.name.is_none() && query.hostname.is_none() && (any || places.len() <= FEW) =>
            {
                return self.in_places(places, &conditions, &most);
            }
            Some(Visible::Only(places)) => {
                let (groups, owners) = self.split(places)?;
                format!("(group_id = ANY({groups}) OR owner_id = ANY({owners}))")
            }
            Some(Visible::AllBut(places)) => {
                let (groups, owners) = self.split(places)?;
                format!(
                    "(group_id IS NULL OR group_id <> ALL({groups})) AND (owner_id IS NULL OR owner_id <> ALL({owners}))"
                )
            }
            None => "TRUE".to_owned(),
        };
        Ok(Some(format!(
            "SELECT name_lower, id FROM items WHERE {conditions} AND {seen} ORDER BY name_lower, id LIMIT {most}"
        )))
    }

    /// The first of each place, and of these the first of all.
    fn in_places(
        &mut self,
        places: &BTreeSet<Placement>,
        conditions: &str,
        most: &str,
    ) -> Result<Option<String>> {
        let first = |column: &str, of: &str| {
            format!(
                "SELECT first.name_lower, first.id FROM unnest({of}::int4[]) AS place (id), LATERAL (
                     SELECT name_lower, id FROM items WHERE {column} = place.id AND {conditions}
                     ORDER BY name_lower LIMIT {most}) AS first"
            )
        };
        let groups = numbers(places.iter().filter_map(|place| place.group()).map(|id| id.get()))?;
        let owners = numbers(places.iter().filter_map(|place| place.owner()).map(|id| id.get()))?;
        let mut parts = Vec::new();
        for (column, of) in [("group_id", groups), ("owner_id", owners)] {
            if !of.is_empty() {
                parts.push(first(column, &self.value(of, Type::INT4_ARRAY)));
            }
        }
        Ok((!parts.is_empty()).then(|| {
            format!(
                "SELECT name_lower, id FROM ({}) AS any_place ORDER BY name_lower, id LIMIT {most}",
                parts.join(" UNION ALL ")
            )
        }))
    }

    /// The groups, and the owners of the personal lists, as further values.
    fn split(&mut self, places: &BTreeSet<Placement>) -> Result<(String, String)> {
        let groups = places.iter().filter_map(|place| place.group());
        let owners = places.iter().filter_map(|place| place.owner());
        let groups = numbers(groups.map(|id| id.get()))?;
        let owners = numbers(owners.map(|id| id.get()))?;
        Ok((
            self.value(groups, Type::INT4_ARRAY),
            self.value(owners, Type::INT4_ARRAY),
        ))
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
                Some((begin, _)) => also(format!(
                    "name_lower > {}",
                    self.value(begin.to_owned(), Type::TEXT)
                )),
                None => {
                    let name = self.value(after.name.clone(), Type::TEXT);
                    let id = self.value(number(after.id.get())?, Type::INT4);
                    also(format!(
                        "name_lower >= {name} AND (name_lower > {name} OR id > {id})"
                    ));
                }
            }
        }
        if let Some(name) = &query.name {
            also(format!(
                "name_lower = {}",
                self.value(folded(name.as_str()), Type::TEXT)
            ));
        }
        if let Some(host) = &query.hostname {
            also(format!(
                "host_lower = {}",
                self.value(folded(host.as_str()), Type::TEXT)
            ));
        }
        if let Some(tag) = &query.tag {
            also(format!(
                "tag_lower = {}",
                self.value(folded(tag.as_str()), Type::TEXT)
            ));
        }
        if let Some(jumpoint) = query.jumpoint {
            also(format!(
                "jumpoint_id = {}",
                self.value(number(jumpoint.get())?, Type::INT4)
            ));
        }
        if let Some(methods) = query.methods {
            let names = methods.iter().map(rows::method).collect::<Result<Vec<_>>>()?;
            also(format!("method = ANY({})", self.value(names, Type::TEXT_ARRAY)));
        }
        if !query.text.is_empty() {
            // The planner guesses how many items have a pattern, and so whether to read all of them in parallel, or in their
            // order until the page is full. How many a function is true for it does not guess.
            let text = self.value(pattern(&folded(&query.text)), Type::TEXT);
            also(format!(
                "(name_lower LIKE {text} OR host_lower LIKE {text} OR tag_lower LIKE {text} OR comments_lower LIKE {text})"
            ));
        }
        Ok(conditions)
    }

    /// A further value, as it stands in the statement: `$1`, `$2` and so on.
    fn value(&mut self, value: impl ToSql + Sync + Send + 'static, kind: Type) -> String {
        self.values.push((Box::new(value), kind));
        format!("${}", self.values.len())
    }

    fn values(&self) -> Vec<Typed<'_>> {
        self.values
            .iter()
            .map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone()))
            .collect()
    }
}
