//! The decision itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Allowed, Decision, Effect, Obligations, Reason, RoleSource, Verdict};
use crate::id::{GroupId, ItemId, RoleId, UserId};
use crate::model::{ItemDetails, JumpItem, Role, RolePermission, User, World};
use crate::session::SessionPermissions;
use crate::time::{SignedDuration, Timestamp};

/// What a user wants to do with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Start a session, or keep one.
    Start,
    /// See that the item exists.
    View,
    /// Anything else that a Jump Item Role permits or not.
    Manage(RolePermission),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Start => f.write_str("start a session"),
            Action::View => f.write_str("view"),
            Action::Manage(permission) => permission.fmt(f),
        }
    }
}

/// What a decision depends on besides the world.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// When the session started, if it runs already; its time limit counts from there.
    pub session_started: Option<Timestamp>,
    /// The site's limit on a session's length, where the item sets none.
    pub max_session: SignedDuration,
}

impl Default for Context {
    /// No session yet; at most 12 hours.
    fn default() -> Self {
        Self {
            session_started: None,
            max_session: SignedDuration::from_hours(12),
        }
    }
}

/// Decides whether `user` may do `action` with `item` at `now`, and says why.
///
/// Every gate is checked and reported; one shut gate denies. The second value is there only if the effect is
/// [`Effect::Allow`] and the action is [`Action::Start`].
#[must_use]
pub fn decide(
    world: &World,
    user: UserId,
    item: ItemId,
    action: Action,
    context: &Context,
    now: Timestamp,
) -> (Decision, Option<Allowed>) {
    let mut reasons = Vec::with_capacity(4);
    let user = check_user(world, user, &mut reasons);
    let item = world.item(item);
    if item.is_none() {
        reasons.push(Reason::UnknownItem);
    }
    let (Some(user), Some(item)) = (user, item) else {
        return (
            Decision {
                effect: Effect::Deny,
                obligations: None,
                reasons,
            },
            None,
        );
    };
    if action == Action::Start {
        check_method(user, item, &mut reasons);
        check_jumpoint(world, user, item, &mut reasons);
    }
    check_role(world, user, item, action, &mut reasons);

    if reasons.iter().any(|reason| reason.verdict() == Verdict::Stop) {
        return (
            Decision {
                effect: Effect::Deny,
                obligations: None,
                reasons,
            },
            None,
        );
    }
    let obligations = obligations(item, context, now);
    let allowed = (action == Action::Start).then(|| Allowed {
        user: user.id,
        user_name: user.name.clone(),
        item: item.id,
        obligations,
    });
    (
        Decision {
            effect: Effect::Allow,
            obligations: allowed.as_ref().map(|_| obligations),
            reasons,
        },
        allowed,
    )
}

fn check_user<'w>(world: &'w World, user: UserId, reasons: &mut Vec<Reason>) -> Option<&'w User> {
    let Some(user) = world.user(user) else {
        reasons.push(Reason::UnknownUser);
        return None;
    };
    let name = user.name.clone();
    reasons.push(if user.enabled {
        Reason::UserEnabled { user: name }
    } else {
        Reason::UserDisabled { user: name }
    });
    Some(user)
}

fn check_method(user: &User, item: &JumpItem, reasons: &mut Vec<Reason>) {
    let method = item.details.method();
    reasons.push(if user.allowed_methods.contains(method) {
        Reason::MethodAllowed { method }
    } else {
        Reason::MethodNotAllowed { method }
    });
}

fn check_jumpoint(world: &World, user: &User, item: &JumpItem, reasons: &mut Vec<Reason>) {
    let Some(jumpoint) = world.jumpoint(item.jumpoint) else {
        reasons.push(Reason::UnknownJumpoint);
        return;
    };
    let (name, method) = (jumpoint.name.clone(), item.details.method());
    reasons.push(if !jumpoint.enabled {
        Reason::JumpointDisabled { jumpoint: name }
    } else if !World::jumpoint_allows(jumpoint, method) {
        Reason::JumpointMethodOff {
            jumpoint: name,
            method,
        }
    } else if !world.may_use_jumpoint(user.id, jumpoint.id) {
        Reason::JumpointNotGranted { jumpoint: name }
    } else {
        Reason::JumpointGranted { jumpoint: name }
    });
}

/// The role that applies to a user in a group: most specific first.
fn applying_role(world: &World, user: &User, group: GroupId) -> (RoleId, RoleSource) {
    match world.membership(user.id, group) {
        Some(membership) => match membership.role {
            Some(role) => (role, RoleSource::Membership),
            None => (user.default_role, RoleSource::UserDefault),
        },
        None => (Role::NO_ACCESS, RoleSource::NotAMember),
    }
}

/// Whether the role that applies to an enabled user in a group has the permission; for what is not about an item
/// that exists already, such as adding one.
#[must_use]
pub fn role_permits(world: &World, user: UserId, group: GroupId, permission: RolePermission) -> bool {
    world.user(user).filter(|user| user.enabled).is_some_and(|user| {
        let (role, _) = applying_role(world, user, group);
        world.group(group).is_some()
            && world
                .role(role)
                .is_some_and(|role| role.permissions.contains(permission))
    })
}

fn check_role(world: &World, user: &User, item: &JumpItem, action: Action, reasons: &mut Vec<Reason>) {
    let (role, source) = applying_role(world, user, item.group);
    let (Some(role), Some(group)) = (world.role(role), world.group(item.group)) else {
        reasons.push(Reason::UnknownRole);
        return;
    };
    // Seeing an item needs any permission at all: No Access sees nothing.
    let (permission, permitted) = match action {
        Action::Start => (
            RolePermission::Start,
            role.permissions.contains(RolePermission::Start),
        ),
        Action::Manage(permission) => (permission, role.permissions.contains(permission)),
        Action::View => match role.permissions.iter().next() {
            Some(permission) => (permission, true),
            None => (RolePermission::Start, false),
        },
    };
    let (role, group) = (role.name.clone(), group.name.clone());
    reasons.push(if permitted {
        Reason::RolePermits {
            role,
            group,
            source,
            permission,
        }
    } else {
        Reason::RoleLacks {
            role,
            group,
            source,
            permission,
        }
    });
}

fn obligations(item: &JumpItem, context: &Context, now: Timestamp) -> Obligations {
    let permissions = match &item.details {
        ItemDetails::ShellJump(shell) => shell.permissions,
        // The permitted ports are in the grant's addresses; nothing else can happen in a tunnel.
        ItemDetails::ProtocolTunnel(_) => SessionPermissions {
            shell: false,
            exec: false,
            file_transfer: false,
            port_forwarding: true,
        },
    };
    let limit = item.max_duration_seconds.map_or(context.max_session, |seconds| {
        SignedDuration::from_secs(i64::from(seconds))
    });
    let start = context.session_started.unwrap_or(now);
    let until = start.checked_add(limit).unwrap_or(Timestamp::MAX);
    Obligations {
        recording: item.recording,
        permissions,
        until,
    }
}
