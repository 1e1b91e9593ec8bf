//! Which role reaches a user, and through which rule: the most specific one wins.

use std::sync::Arc;

use crate::id::{GroupId, ItemId, PolicyId, RoleId, UserId};
use crate::model::{
    GroupPolicy, JumpMethods, JumpPolicy, Name, Placement, Role, RolePermission, RoleSlots, User, World,
};

use super::RoleSource;

/// The role of a user in a place, the rule that gave it, and the Jump Policy that comes with the membership.
#[derive(Debug)]
pub(super) struct Applying {
    pub(super) role: RoleId,
    pub(super) source: RoleSource,
    pub(super) policy: Option<PolicyId>,
}

/// The group policies of a user, from the top down.
fn policies_of(world: &World, user: UserId) -> impl Iterator<Item = &GroupPolicy> {
    world.group_policies_of(user).map(|policy| &**policy)
}

/// Walks a user's group policies from the top down, where a later one overrides an earlier one that is not final. The
/// second value says whether a final one was met.
fn by_group_policies<'w, T>(
    policies: impl Iterator<Item = &'w GroupPolicy>,
    say: impl Fn(&'w GroupPolicy) -> Option<(T, bool)>,
) -> Option<(T, &'w Name, bool)> {
    let mut latest = None;
    for policy in policies {
        if let Some((value, last)) = say(policy) {
            latest = Some((value, &policy.name, last));
            if last {
                break;
            }
        }
    }
    latest
}

/// What is in a role slot: the account's own, unless a group policy is final; No Access if nobody says anything.
pub(super) fn slot<'w>(
    policies: impl Iterator<Item = &'w GroupPolicy>,
    user: &User,
    pick: fn(&RoleSlots) -> Option<RoleId>,
) -> (RoleId, Option<Name>) {
    let given = by_group_policies(policies, |policy| {
        let (slots, last) = policy.roles.get()?;
        Some((pick(slots)?, last))
    });
    let own = pick(&user.slots());
    match (given, own) {
        (Some((role, name, true)), _) | (Some((role, name, false)), None) => (role, Some(name.clone())),
        (_, Some(role)) => (role, None),
        (None, None) => (Role::NO_ACCESS, None),
    }
}

/// The jump methods that a user may use, and the group policy that says so.
pub(super) fn allowed_methods(world: &World, user: &User) -> (JumpMethods, Option<Name>) {
    let given = by_group_policies(policies_of(world, user.id), |policy| {
        let (methods, last) = policy.allowed_methods.get()?;
        Some((*methods, last))
    });
    match (given, user.allowed_methods) {
        (Some((methods, name, true)), _) | (Some((methods, name, false)), None) => {
            (methods, Some(name.clone()))
        }
        (_, Some(methods)) => (methods, None),
        (None, None) => (JumpMethods::NONE, None),
    }
}

/// The role of a user in a group or on a personal list.
pub(super) fn applying(world: &World, user: &User, placement: Placement) -> Applying {
    match placement {
        Placement::Shared(group) => in_group(world, user, group),
        Placement::Personal { personal } => on_list(world, user, personal),
    }
}

fn in_group(world: &World, user: &User, group: GroupId) -> Applying {
    let default = || {
        let (role, by) = slot(policies_of(world, user.id), user, |slots| slots.default);
        (role, RoleSource::UserDefault { by })
    };
    if let Some(membership) = world.membership(user.id, group) {
        let (role, source) = membership
            .role
            .map_or_else(default, |role| (role, RoleSource::Membership));
        return Applying {
            role,
            source,
            policy: membership.policy,
        };
    }
    let given = by_group_policies(policies_of(world, user.id), |policy| policy.membership(group));
    if let Some((membership, name, _)) = given {
        let (role, source) = membership.role.map_or_else(default, |role| {
            let policy = name.clone();
            (role, RoleSource::GroupPolicy { policy })
        });
        return Applying {
            role,
            source,
            policy: membership.policy,
        };
    }
    system(world, user, RoleSource::NotAMember)
}

fn on_list(world: &World, user: &User, owner: UserId) -> Applying {
    let of_slot = |(role, by): (RoleId, Option<Name>), source: fn(Option<Name>) -> RoleSource| Applying {
        role,
        source: source(by),
        policy: None,
    };
    if owner == user.id {
        return of_slot(
            slot(policies_of(world, user.id), user, |slots| slots.personal),
            |by| RoleSource::Personal { by },
        );
    }
    let leads = world
        .teams_of(user.id)
        .any(|(team, role)| team.members.get(&owner).is_some_and(|other| *other < role));
    if leads {
        return of_slot(
            slot(policies_of(world, user.id), user, |slots| slots.team),
            |by| RoleSource::Team { by },
        );
    }
    system(world, user, RoleSource::NotOnesOwn)
}

fn system(world: &World, user: &User, otherwise: RoleSource) -> Applying {
    let (role, by) = slot(policies_of(world, user.id), user, |slots| slots.system);
    let source = if role == Role::NO_ACCESS {
        otherwise
    } else {
        RoleSource::System { by }
    };
    Applying {
        role,
        source,
        policy: None,
    }
}

/// The Jump Policy that applies when this user jumps to this item: the membership's, or else the item's.
#[must_use]
pub fn applying_policy(world: &World, user: UserId, item: ItemId) -> Option<&Arc<JumpPolicy>> {
    let (user, item) = (world.user(user)?, world.item(item)?);
    world.policy(
        applying(world, user, item.placement)
            .policy
            .or(item.jump_policy)?,
    )
}

/// Whether the role that applies to an enabled user in a place has the permission; for what is not about an item that
/// exists already, such as adding one.
#[must_use]
pub fn role_permits(
    world: &World,
    user: UserId,
    placement: impl Into<Placement>,
    permission: RolePermission,
) -> bool {
    let placement = placement.into();
    let exists = match placement {
        Placement::Shared(group) => world.group(group).is_some(),
        Placement::Personal { personal } => world.user(personal).is_some(),
    };
    exists
        && world.user(user).filter(|user| user.enabled).is_some_and(|user| {
            world
                .role(applying(world, user, placement).role)
                .is_some_and(|role| role.permissions.contains(permission))
        })
}
