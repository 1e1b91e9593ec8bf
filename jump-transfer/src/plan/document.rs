//! Making a site equal to a document.

use std::collections::{BTreeMap, HashMap, HashSet};

use jump_core::error::{Error, ErrorKind, Result};
use jump_core::id::{
    GroupId, GroupPolicyId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId,
};
use jump_core::model::{Change, Role, World};
use jump_core::store::IdKind;

use super::build;
use super::names::Names;
use super::{FreshIds, Plan};
use crate::diff::diff;
use crate::document::{self, Document, Originals, VERSION};
use crate::names::fold;
use crate::problem::Problems;
use crate::refusal::Refusal;

/// How a document is imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DocumentOptions {
    /// Whether objects that a section of the document lacks are removed. Sections that are absent as a whole are left
    /// alone.
    pub prune: bool,
}

/// Plans to make the site equal to the document for what the document holds.
///
/// # Errors
/// [`Refusal::Problems`] with everything that is wrong with the document; nothing of it can be made then.
pub fn plan_document(
    world: &World,
    wanted: &Document,
    options: DocumentOptions,
    ids: &FreshIds,
) -> Result<Plan, Refusal> {
    if wanted.version != VERSION {
        let message = format!("a document has version {VERSION}");
        return Err(Error::new(ErrorKind::Unsupported, "import a site", message).into());
    }
    let mut planner = Planner {
        world,
        after: world.clone(),
        names: Names::of(world, false),
        ids: ids.clone(),
        changes: Vec::new(),
        problems: Problems::default(),
        failed: false,
    };
    let known = planner.identify(wanted)?;
    // What is wrong so far would only be said again in other words.
    if planner.problems.is_empty() {
        if options.prune {
            planner.remove_leaves(wanted, &known);
        }
        planner.put(wanted, &known)?;
        if options.prune {
            planner.remove_roots(wanted, &known);
        }
    }
    planner.finish()
}

/// The ids of the objects in the document, in its order; those of existing objects or fresh ones.
#[derive(Debug, Default)]
struct Known {
    roles: Vec<RoleId>,
    session_policies: Vec<SessionPolicyId>,
    users: Vec<UserId>,
    teams: Vec<TeamId>,
    jump_policies: Vec<PolicyId>,
    groups: Vec<GroupId>,
    jumpoints: Vec<JumpointId>,
    group_policies: Vec<GroupPolicyId>,
    items: Vec<ItemId>,
}

struct Planner<'w> {
    world: &'w World,
    after: World,
    names: Names,
    ids: FreshIds,
    changes: Vec<Change>,
    problems: Problems,
    failed: bool,
}

fn label(section: &str, name: impl std::fmt::Display) -> String {
    format!("{section} \"{name}\"")
}

fn objects<T>(section: Option<&Vec<T>>) -> &[T] {
    section.map(Vec::as_slice).unwrap_or_default()
}

macro_rules! identify {
    ($self:ident, $known:ident, $section:ident, $wanted:ident, $id:ident, $kind:ident, $index:ident) => {
        let mut seen = HashSet::new();
        for one in objects($wanted.$section.as_ref()) {
            let name = one.name.as_str();
            if !seen.insert(fold(name)) {
                $self
                    .problems
                    .object(label(stringify!($section), name), "it is there twice");
                continue;
            }
            let id = match $self.names.$index.find(name) {
                Some(id) => id,
                None => {
                    let id = $self.ids.next(IdKind::$kind, $id::new)?;
                    $self.names.$index.add(name, id);
                    id
                }
            };
            $known.$section.push(id);
        }
    };
}

impl Planner<'_> {
    /// Finds the objects that exist, and gives the others ids.
    fn identify(&mut self, wanted: &Document) -> Result<Known> {
        let mut known = Known::default();
        identify!(self, known, roles, wanted, RoleId, Role, roles);
        for role in objects(wanted.roles.as_ref()) {
            let id = self.names.roles.find(role.name.as_str());
            if id.is_some_and(Role::is_built_in) {
                self.problems.object(
                    label("roles", &role.name),
                    "it is built in: it is not changed, and not in a document",
                );
            }
        }
        identify!(
            self,
            known,
            session_policies,
            wanted,
            SessionPolicyId,
            SessionPolicy,
            session_policies
        );
        identify!(self, known, users, wanted, UserId, User, users);
        identify!(self, known, teams, wanted, TeamId, Team, teams);
        identify!(self, known, jump_policies, wanted, PolicyId, Policy, policies);
        identify!(self, known, groups, wanted, GroupId, Group, groups);
        identify!(self, known, jumpoints, wanted, JumpointId, Jumpoint, jumpoints);
        let existing: HashMap<String, GroupPolicyId> = self
            .world
            .group_policies()
            .map(|policy| (fold(policy.name.as_str()), policy.id))
            .collect();
        let mut seen = HashSet::new();
        for policy in objects(wanted.group_policies.as_ref()) {
            let name = fold(policy.name.as_str());
            if !seen.insert(name.clone()) {
                let label = label("group_policies", &policy.name);
                self.problems.object(label, "it is there twice");
                continue;
            }
            let id = match existing.get(&name) {
                Some(id) => *id,
                None => self.ids.next(IdKind::GroupPolicy, GroupPolicyId::new)?,
            };
            known.group_policies.push(id);
        }
        self.identify_items(wanted, &mut known)?;
        Ok(known)
    }

    fn identify_items(&mut self, wanted: &Document, known: &mut Known) -> Result<()> {
        let mut seen = HashSet::new();
        for item in objects(wanted.items.as_ref()) {
            let placement = match self.names.placement(item.place()) {
                Ok(placement) => placement,
                Err(reason) => {
                    self.problems.object(label("items", &item.name), reason);
                    continue;
                }
            };
            let name = item.name.as_str();
            if !seen.insert((placement, fold(name))) {
                self.problems
                    .object(label("items", name), "it is there twice, in one place");
                continue;
            }
            let id = match self.world.item_in(placement, name) {
                Some(item) => item.id,
                None => {
                    let id = self.ids.next(IdKind::Item, ItemId::new)?;
                    self.names.new_items.insert((placement, fold(name)), id);
                    id
                }
            };
            known.items.push(id);
        }
        Ok(())
    }

    /// Makes one change, if there is something to change.
    fn one<T: PartialEq>(
        &mut self,
        label: String,
        built: Result<T, String>,
        old: Option<&T>,
        change: fn(T) -> Change,
    ) {
        match built {
            Ok(built) if old == Some(&built) => {}
            Ok(built) => self.change(label, change(built)),
            Err(reason) => self.problems.object(label, reason),
        }
    }

    fn change(&mut self, label: String, change: Change) {
        match self.after.apply(std::slice::from_ref(&change)) {
            Ok(_) => self.changes.push(change),
            // What refers to something that could not be made is not wrong by itself.
            Err(error) if self.failed && error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                self.failed = true;
                self.problems.object(label, error.context());
            }
        }
    }

    fn put(&mut self, wanted: &Document, known: &Known) -> Result<()> {
        let world = self.world;
        for (one, id) in objects(wanted.roles.as_ref()).iter().zip(&known.roles) {
            let built = Ok(build::role(*id, one));
            let old = world.role(*id).map(|old| &**old);
            self.one(label("roles", &one.name), built, old, Change::PutRole);
        }
        for (one, id) in objects(wanted.session_policies.as_ref())
            .iter()
            .zip(&known.session_policies)
        {
            let built = Ok(build::session_policy(*id, one));
            let old = world.session_policy(*id).map(|old| &**old);
            self.one(
                label("session_policies", &one.name),
                built,
                old,
                Change::PutSessionPolicy,
            );
        }
        if let Some(site) = &wanted.site {
            let built = build::site(&self.names, site);
            self.one("site".to_owned(), built, Some(world.site()), Change::PutSite);
        }
        for (one, id) in objects(wanted.users.as_ref()).iter().zip(&known.users) {
            let built = build::user(&self.names, *id, one);
            let old = world.user(*id).map(|old| &**old);
            self.one(label("users", &one.name), built, old, Change::PutUser);
        }
        for (one, id) in objects(wanted.teams.as_ref()).iter().zip(&known.teams) {
            let built = build::team(&self.names, *id, one);
            let old = world.team(*id).map(|old| &**old);
            self.one(label("teams", &one.name), built, old, Change::PutTeam);
        }
        for (one, id) in objects(wanted.jump_policies.as_ref())
            .iter()
            .zip(&known.jump_policies)
        {
            let built = build::jump_policy(&self.names, *id, one);
            let old = world.policy(*id).map(|old| &**old);
            self.one(label("jump_policies", &one.name), built, old, Change::PutPolicy);
        }
        for (one, id) in objects(wanted.groups.as_ref()).iter().zip(&known.groups) {
            let built = Ok(build::group(*id, one));
            let old = world.group(*id).map(|old| &**old);
            self.one(label("groups", &one.name), built, old, Change::PutGroup);
        }
        for (one, id) in objects(wanted.jumpoints.as_ref()).iter().zip(&known.jumpoints) {
            let built = Ok(build::jumpoint(world, *id, one));
            let old = world.jumpoint(*id).map(|old| &**old);
            self.one(label("jumpoints", &one.name), built, old, Change::PutJumpoint);
        }
        self.put_relations(wanted);
        self.put_group_policies(wanted, known);
        let originals = Originals::of(world)?;
        for (one, id) in objects(wanted.items.as_ref()).iter().zip(&known.items) {
            let old = world.item(*id).map(|old| &**old);
            let original = old.and_then(|old| originals.named(world, old));
            let built = build::item(world, &self.names, original, *id, one);
            self.one(label("items", &one.name), built, old, Change::PutItem);
        }
        Ok(())
    }

    fn put_relations(&mut self, wanted: &Document) {
        let world = self.world;
        let mut seen = HashSet::new();
        for one in objects(wanted.memberships.as_ref()) {
            let label = label("memberships", format_args!("{}/{}", one.group, one.user));
            let built = build::membership(&self.names, one);
            let key = built.as_ref().ok().map(|one| (one.user, one.group));
            if key.is_some_and(|key| !seen.insert(key)) {
                self.problems.object(label, "it is there twice");
                continue;
            }
            let old = key.and_then(|(user, group)| world.membership(user, group));
            self.one(label, built, old, Change::PutMembership);
        }
        let granted: HashSet<(UserId, JumpointId)> = world.jumpoint_grants().collect();
        for one in objects(wanted.jumpoint_grants.as_ref()) {
            let label = label("jumpoint_grants", format_args!("{}/{}", one.jumpoint, one.user));
            match self.grant(one) {
                Ok((user, jumpoint)) if granted.contains(&(user, jumpoint)) => {}
                Ok((user, jumpoint)) => self.change(label, Change::GrantJumpoint { user, jumpoint }),
                Err(reason) => self.problems.object(label, reason),
            }
        }
    }

    /// Of group policies at one position the smallest id comes first: where the document's order is another, they change
    /// their ids, which nothing refers to.
    fn put_group_policies(&mut self, wanted: &Document, known: &Known) {
        let world = self.world;
        let policies = objects(wanted.group_policies.as_ref());
        let mut at: BTreeMap<u32, Vec<GroupPolicyId>> = BTreeMap::new();
        for (one, id) in policies.iter().zip(&known.group_policies) {
            at.entry(one.position).or_default().push(*id);
        }
        for ids in at.values_mut().filter(|ids| !ids.is_sorted()) {
            for id in &*ids {
                if let Some(old) = world.group_policy(*id) {
                    self.change(label("group_policies", &old.name), Change::RemoveGroupPolicy(*id));
                }
            }
            ids.sort_unstable();
        }
        let mut next: BTreeMap<u32, std::vec::IntoIter<GroupPolicyId>> = at
            .into_iter()
            .map(|(position, ids)| (position, ids.into_iter()))
            .collect();
        for one in policies {
            let Some(id) = next.get_mut(&one.position).and_then(Iterator::next) else {
                continue;
            };
            let built = build::group_policy(&self.names, id, one);
            let now = self.after.group_policy(id).cloned();
            self.one(
                label("group_policies", &one.name),
                built,
                now.as_deref(),
                Change::PutGroupPolicy,
            );
        }
    }

    fn grant(&self, grant: &document::JumpointGrant) -> Result<(UserId, JumpointId), String> {
        let user = self.names.user(&grant.user)?;
        Ok((user, self.names.jumpoints.named(grant.jumpoint.as_str())?))
    }

    /// Removes what nothing refers to, before names are given to others.
    fn remove_leaves(&mut self, wanted: &Document, known: &Known) {
        let world = self.world;
        if wanted.items.is_some() {
            let kept: HashSet<ItemId> = known.items.iter().copied().collect();
            let mut gone: Vec<_> = world.items().filter(|item| !kept.contains(&item.id)).collect();
            gone.sort_by_key(|item| item.id);
            for item in gone {
                self.change(label("items", &item.name), Change::RemoveItem(item.id));
            }
        }
        if wanted.group_policies.is_some() {
            let mut gone: Vec<_> = world.group_policies().collect();
            gone.retain(|policy| !known.group_policies.contains(&policy.id));
            gone.sort_by_key(|policy| policy.id);
            for policy in gone {
                let label = label("group_policies", &policy.name);
                self.change(label, Change::RemoveGroupPolicy(policy.id));
            }
        }
        if let Some(memberships) = &wanted.memberships {
            let kept: HashSet<(UserId, GroupId)> = memberships
                .iter()
                .filter_map(|one| {
                    Some((
                        self.names.users.find(one.user.as_str())?,
                        self.names.groups.find(one.group.as_str())?,
                    ))
                })
                .collect();
            let mut gone: Vec<_> = world.memberships().map(|one| (one.user, one.group)).collect();
            gone.retain(|key| !kept.contains(key));
            gone.sort_unstable();
            for (user, group) in gone {
                let label = label("memberships", format_args!("{user}/{group}"));
                self.change(label, Change::RemoveMembership { user, group });
            }
        }
        if let Some(grants) = &wanted.jumpoint_grants {
            let kept: HashSet<_> = grants.iter().filter_map(|one| self.grant(one).ok()).collect();
            let mut gone: Vec<_> = world
                .jumpoint_grants()
                .filter(|key| !kept.contains(key))
                .collect();
            gone.sort_unstable();
            for (user, jumpoint) in gone {
                let label = label("jumpoint_grants", format_args!("{user}/{jumpoint}"));
                self.change(label, Change::RevokeJumpoint { user, jumpoint });
            }
        }
    }

    /// Removes the rest, after nothing refers to it any more: what still does is an error.
    fn remove_roots(&mut self, wanted: &Document, known: &Known) {
        let world = self.world;
        macro_rules! remove {
            ($section:ident, $all:ident, $remove:expr) => {
                if wanted.$section.is_some() {
                    let kept: HashSet<_> = known.$section.iter().copied().collect();
                    let mut gone: Vec<_> = world.$all().filter(|one| !kept.contains(&one.id)).collect();
                    gone.sort_by_key(|one| one.id);
                    for one in gone {
                        self.change(label(stringify!($section), &one.name), $remove(one.id));
                    }
                }
            };
        }
        remove!(jump_policies, policies, Change::RemovePolicy);
        remove!(groups, groups, Change::RemoveGroup);
        remove!(jumpoints, jumpoints, Change::RemoveJumpoint);
        remove!(teams, teams, Change::RemoveTeam);
        remove!(users, users, Change::RemoveUser);
        remove!(session_policies, session_policies, Change::RemoveSessionPolicy);
        if wanted.roles.is_some() {
            let mut gone: Vec<_> = world.roles().collect();
            gone.retain(|role| !Role::is_built_in(role.id) && !known.roles.contains(&role.id));
            gone.sort_by_key(|role| role.id);
            for role in gone {
                self.change(label("roles", &role.name), Change::RemoveRole(role.id));
            }
        }
    }

    fn finish(mut self) -> Result<Plan, Refusal> {
        let administrators = |world: &World| {
            world
                .users()
                .filter(|user| user.enabled && user.administrator)
                .count()
        };
        if self.problems.is_empty() && administrators(self.world) > 0 && administrators(&self.after) == 0 {
            self.problems
                .whole("no enabled administrator would be left: nobody could change the site any more");
        }
        if !self.problems.is_empty() {
            return Err(Refusal::Problems(self.problems));
        }
        Ok(Plan {
            differences: diff(&Document::of(self.world)?, &Document::of(&self.after)?)?,
            changes: self.changes,
            skipped: 0,
        })
    }
}
