//! What still refers to an object that somebody wants to remove: said by names, so that it can be found and changed.

use std::fmt::Write;

use crate::error::{Error, ErrorKind, Result};
use crate::id::{PolicyId, RoleId, SessionPolicyId, TeamId};
use crate::model::{
    GroupPolicy, ItemDetails, JumpItem, JumpPolicy, Membership, Placement, Role, SessionPolicy, Team, User,
    World,
};

/// How many uses are named; the others are counted.
const NAMED: usize = 3;

/// Refuses to remove a role that something refers to.
pub(super) fn role(world: &World, role: &Role) -> Result<()> {
    let id: RoleId = role.id;
    let users = world
        .users()
        .filter(|user| user.slots().iter().any(|one| one == id))
        .map(|user| of_user(user));
    let members = world
        .memberships()
        .filter(|one| one.role == Some(id))
        .map(|one| of_membership(world, one));
    let policies = world.group_policies().filter(|policy| {
        let slots = policy
            .roles
            .get()
            .is_some_and(|(slots, _)| slots.iter().any(|one| one == id));
        let given = policy.memberships.get();
        slots || given.is_some_and(|(list, _)| list.iter().any(|one| one.role == Some(id)))
    });
    let policies = policies.map(|policy| of_group_policy(policy));
    unused(
        "role",
        role.name.as_str(),
        users.chain(members).chain(policies).collect(),
    )
}

/// Refuses to remove a Jump Policy that something refers to.
pub(super) fn jump_policy(world: &World, policy: &JumpPolicy) -> Result<()> {
    let id: PolicyId = policy.id;
    let items = world
        .items()
        .filter(|item| item.jump_policy == Some(id))
        .map(|item| of_item(world, item));
    let members = world
        .memberships()
        .filter(|one| one.policy == Some(id))
        .map(|one| of_membership(world, one));
    let policies = world.group_policies().filter(|policy| {
        let given = policy.memberships.get();
        given.is_some_and(|(list, _)| list.iter().any(|one| one.policy == Some(id)))
    });
    let policies = policies.map(|policy| of_group_policy(policy));
    unused(
        "jump policy",
        policy.name.as_str(),
        items.chain(members).chain(policies).collect(),
    )
}

/// Refuses to remove a session policy that something refers to.
pub(super) fn session_policy(world: &World, policy: &SessionPolicy) -> Result<()> {
    let id: SessionPolicyId = policy.id;
    let site = (world.site().session_policy == Some(id)).then(|| "the site's settings".to_owned());
    let items = world.items().filter(|item| {
        let client = matches!(&item.details, ItemDetails::JumpClient(client)
            if client.attended_session_policy == Some(id) || client.unattended_session_policy == Some(id));
        client || item.session_policy == Some(id)
    });
    let users = world
        .users()
        .filter(|user| user.session_policy == Some(id))
        .map(|user| of_user(user));
    let items = items.map(|item| of_item(world, item));
    unused(
        "session policy",
        policy.name.as_str(),
        site.into_iter().chain(users).chain(items).collect(),
    )
}

/// Refuses to remove a team that approves.
pub(super) fn team(world: &World, team: &Team) -> Result<()> {
    let id: TeamId = team.id;
    let approving = world.policies().filter(|policy| {
        let approval = policy.approval.as_ref();
        approval.is_some_and(|approval| approval.approver_teams.contains(&id))
    });
    let uses = approving.map(|policy| format!("the approval of jump policy `{}`", policy.name));
    unused("team", team.name.as_str(), uses.collect())
}

fn of_user(user: &User) -> String {
    format!("user `{}`", user.name)
}

fn of_membership(world: &World, membership: &Membership) -> String {
    let user = world.user(membership.user).map_or("?", |user| user.name.as_str());
    let group = world
        .group(membership.group)
        .map_or("?", |group| group.name.as_str());
    format!("the membership of `{user}` in group `{group}`")
}

fn of_group_policy(policy: &GroupPolicy) -> String {
    format!("group policy `{}`", policy.name)
}

fn of_item(world: &World, item: &JumpItem) -> String {
    let place = match item.placement {
        Placement::Shared(group) => world.group(group).map(|group| group.name.to_string()),
        Placement::Personal { personal } => world.user(personal).map(|user| format!("@{}", user.name)),
    };
    format!("item `{}/{}`", place.unwrap_or_default(), item.name)
}

/// Says what uses the object, in the order of names.
fn unused(what: &str, name: &str, mut uses: Vec<String>) -> Result<()> {
    if uses.is_empty() {
        return Ok(());
    }
    uses.sort_unstable();
    let more = uses.len().saturating_sub(NAMED);
    uses.truncate(NAMED);
    let mut message = format!("{what} `{name}` is still in use by {}", uses.join(", "));
    if more > 0 {
        // Writing to a string does not fail.
        let _ = write!(message, " and {more} more");
    }
    message.push_str(": put another in its place first");
    Err(Error::new(ErrorKind::Conflict, "change the site", message))
}
