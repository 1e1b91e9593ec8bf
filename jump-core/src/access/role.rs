//! Which role reaches a user, and through which rule: the most specific one wins.

use std::sync::Arc;

use crate::id::{GroupId, ItemId, PolicyId, RoleId, UserId};
use crate::model::{
    Account, GroupPolicy, JumpMethods, JumpPolicy, Name, Placement, Role, RolePermission, RoleSlots, World,
};

use super::RoleSource;

/// The role of a user in a place, the rule that gave it, and the Jump Policy that comes with the membership.
#[derive(Debug)]
pub(super) struct Applying {
    pub(super) role: RoleId,
    pub(super) source: RoleSource,
    pub(super) policy: Option<PolicyId>,
}

/// Walks a user's group policies from the top down, where a later one overrides an earlier one that is not final. The
/// last value says whether a final one was met.
fn by_group_policies<'w, P: 'w, T>(
    policies: impl Iterator<Item = &'w P>,
    policy: impl Fn(&'w P) -> &'w GroupPolicy,
    say: impl Fn(&'w P) -> Option<(T, bool)>,
) -> Option<(T, &'w Name, bool)> {
    let mut latest = None;
    for one in policies {
        if let Some((value, last)) = say(one) {
            latest = Some((value, &policy(one).name, last));
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
    own: &RoleSlots,
    pick: fn(&RoleSlots) -> Option<RoleId>,
) -> (RoleId, Option<Name>) {
    let given = by_group_policies(
        policies,
        |policy| policy,
        |policy| {
            let (slots, last) = policy.roles.get()?;
            Some((pick(slots)?, last))
        },
    );
    match (given, pick(own)) {
        (Some((role, name, true)), _) | (Some((role, name, false)), None) => (role, Some(name.clone())),
        (_, Some(role)) => (role, None),
        (None, None) => (Role::NO_ACCESS, None),
    }
}

/// The same for an account of the world.
fn slot_of(
    world: &World,
    account: &Account,
    pick: fn(&RoleSlots) -> Option<RoleId>,
) -> (RoleId, Option<Name>) {
    let policies = world.policies_about(account).map(|entry| &*entry.policy);
    slot(policies, &account.rules.slots, pick)
}

/// The jump methods that a user may use, and the group policy that says so.
pub(super) fn allowed_methods(world: &World, account: &Account) -> (JumpMethods, Option<Name>) {
    let given = by_group_policies(
        world.policies_about(account).map(|entry| &*entry.policy),
        |policy| policy,
        |policy| {
            let (methods, last) = policy.allowed_methods.get()?;
            Some((*methods, last))
        },
    );
    match (given, account.rules.allowed_methods) {
        (Some((methods, name, true)), _) | (Some((methods, name, false)), None) => {
            (methods, Some(name.clone()))
        }
        (_, Some(methods)) => (methods, None),
        (None, None) => (JumpMethods::NONE, None),
    }
}

/// The role of a user in a group or on a personal list.
pub(super) fn applying(world: &World, account: &Account, placement: Placement) -> Applying {
    match placement {
        Placement::Shared(group) => in_group(world, account, group),
        Placement::Personal { personal } => on_list(world, account, personal),
    }
}

fn in_group(world: &World, account: &Account, group: GroupId) -> Applying {
    let default = || {
        let (role, by) = slot_of(world, account, |slots| slots.default);
        (role, RoleSource::UserDefault { by })
    };
    if let Some(membership) = account.membership(group) {
        let (role, source) = membership
            .role
            .map_or_else(default, |role| (role, RoleSource::Membership));
        return Applying {
            role,
            source,
            policy: membership.policy,
        };
    }
    let given = by_group_policies(
        world.policies_about(account),
        |entry| &entry.policy,
        |entry| entry.membership(group),
    );
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
    system(world, account, RoleSource::NotAMember)
}

fn on_list(world: &World, account: &Account, owner: UserId) -> Applying {
    let of_slot = |(role, by): (RoleId, Option<Name>), source: fn(Option<Name>) -> RoleSource| Applying {
        role,
        source: source(by),
        policy: None,
    };
    if owner == account.rules.id {
        return of_slot(slot_of(world, account, |slots| slots.personal), |by| {
            RoleSource::Personal { by }
        });
    }
    let leads = world
        .teams_of(account.rules.id)
        .any(|(team, role)| team.members.get(&owner).is_some_and(|other| *other < role));
    if leads {
        return of_slot(slot_of(world, account, |slots| slots.team), |by| {
            RoleSource::Team { by }
        });
    }
    system(world, account, RoleSource::NotOnesOwn)
}

fn system(world: &World, account: &Account, otherwise: RoleSource) -> Applying {
    let (role, by) = slot_of(world, account, |slots| slots.system);
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
    let (account, item) = (world.account(user)?, world.item_rules(item)?);
    world.policy(
        applying(world, account, item.placement)
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
        && world
            .account(user)
            .filter(|account| account.rules.enabled)
            .and_then(|account| world.role(applying(world, account, placement).role))
            .is_some_and(|role| role.permissions.contains(permission))
}
