//! The decision itself.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::policy::{self, Ends};
use super::role::{Applying, allowed_methods, applying};
use super::{
    Allowed, Decision, Effect, Limit, Obligations, Place, Reason, Verdict, path_limits, permissions,
};
use crate::id::{ItemId, UserId};
use crate::model::{Account, ItemRules, JumpPolicy, Placement, RolePermission, World};
use crate::session::RecordingMode;
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
    /// The site's limit on a session's length: items and Jump Policies can only shorten it.
    pub max_session: SignedDuration,
    /// What the user supplied and somebody checked.
    pub given: Given,
    /// The other sessions that run.
    pub live: Live,
}

/// What a user supplied to be let in. Each is true only after it was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// A reason that is not empty.
    pub reason: bool,
    /// A ticket id that the ticket system approved.
    pub ticket: bool,
    /// A second factor.
    pub second_factor: bool,
    /// The choice to override an advisory schedule.
    pub schedule_override: bool,
}

impl Given {
    /// Everything.
    pub const ALL: Self = Self {
        reason: true,
        ticket: true,
        second_factor: true,
        schedule_override: true,
    };
}

/// How many other sessions run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// On the same item.
    pub on_item: u32,
    /// On the item that it is a copy of, and on other copies of that.
    pub on_copies: u32,
}

impl Default for Context {
    /// No session yet; at most 12 hours; nothing supplied; no other session.
    fn default() -> Self {
        Self {
            session_started: None,
            max_session: SignedDuration::from_hours(12),
            given: Given::default(),
            live: Live::default(),
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
    // A session under every rule has a reason for user, method, Jumpoint, role, schedule or approval, and up to three more.
    let mut reasons = Vec::with_capacity(8);
    // Both before anything is made of either: on a large site each waits for memory, and so they wait together.
    let (account, rules) = (world.account(user), world.item_rules(item));
    check_user(account, &mut reasons);
    if rules.is_none() {
        reasons.push(Reason::UnknownItem);
    }
    let (Some(account), Some(rules)) = (account, rules) else {
        return (denied(reasons), None);
    };
    // Neither answer is needed before both are on their way.
    let granted = rules
        .jumpoint
        .is_some_and(|jumpoint| account.is_granted(jumpoint));
    let role = applying(world, account, rules.placement);
    if action != Action::Start {
        check_role(world, rules, role, action, &mut reasons);
        if shut(&reasons) {
            return (denied(reasons), None);
        }
        let decision = Decision {
            effect: Effect::Allow,
            obligations: None,
            reasons,
        };
        return (decision, None);
    }
    check_method(world, account, rules, &mut reasons);
    check_jumpoint(world, account, rules, granted, &mut reasons);
    let policy_id = role.policy.or(rules.jump_policy);
    check_role(world, rules, role, action, &mut reasons);
    let policy = policy_id.and_then(|id| world.policy(id)).map(|policy| &**policy);
    if policy_id.is_some() && policy.is_none() {
        reasons.push(Reason::UnknownPolicy);
    }
    let ends = policy.map_or_else(Ends::default, |policy| {
        policy::check(world, user, item, policy, context, now, &mut reasons)
    });
    policy::check_simultaneous(world, rules.method, policy, context, &mut reasons);
    if shut(&reasons) {
        return (denied(reasons), None);
    }
    let obligations = obligations(world, account, rules, policy, &ends, context, now);
    let allowed = Allowed {
        user,
        user_name: account.rules.name.clone(),
        item,
        obligations: obligations.clone(),
    };
    let decision = Decision {
        effect: Effect::Allow,
        obligations: Some(obligations),
        reasons,
    };
    (decision, Some(allowed))
}

fn shut(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| reason.verdict() == Verdict::Stop)
}

fn denied(reasons: Vec<Reason>) -> Decision {
    Decision {
        effect: Effect::Deny,
        obligations: None,
        reasons,
    }
}

fn check_user(account: Option<&Account>, reasons: &mut Vec<Reason>) {
    reasons.push(match account {
        Some(Account { rules, .. }) if rules.enabled => Reason::UserEnabled {
            user: rules.name.clone(),
        },
        Some(Account { rules, .. }) => Reason::UserDisabled {
            user: rules.name.clone(),
        },
        None => Reason::UnknownUser,
    });
}

fn check_method(world: &World, account: &Account, item: &ItemRules, reasons: &mut Vec<Reason>) {
    let method = item.method;
    let (methods, by) = allowed_methods(world, account);
    reasons.push(if methods.contains(method) {
        Reason::MethodAllowed { method, by }
    } else {
        Reason::MethodNotAllowed { method, by }
    });
}

/// `granted` is whether the account itself has the Jumpoint.
fn check_jumpoint(
    world: &World,
    account: &Account,
    item: &ItemRules,
    granted: bool,
    reasons: &mut Vec<Reason>,
) {
    let method = item.method;
    let Some(id) = item.jumpoint else {
        reasons.push(if method.needs_jumpoint() {
            Reason::UnknownJumpoint
        } else {
            Reason::NoJumpointNeeded
        });
        return;
    };
    let Some(jumpoint) = world.jumpoint(id) else {
        reasons.push(Reason::UnknownJumpoint);
        return;
    };
    let name = jumpoint.name.clone();
    reasons.push(if !jumpoint.enabled {
        Reason::JumpointDisabled { jumpoint: name }
    } else if !World::jumpoint_allows(jumpoint, method) {
        Reason::JumpointMethodOff {
            jumpoint: name,
            method,
        }
    } else if !granted && !world.gives_jumpoint(account, id) {
        Reason::JumpointNotGranted { jumpoint: name }
    } else {
        Reason::JumpointGranted { jumpoint: name }
    });
}

fn check_role(
    world: &World,
    item: &ItemRules,
    applying: Applying,
    action: Action,
    reasons: &mut Vec<Reason>,
) {
    let place = match item.placement {
        Placement::Shared(group) => world.group(group).map(|group| Place::Group(group.name.clone())),
        Placement::Personal { personal } => world
            .account(personal)
            .map(|owner| Place::Personal(owner.rules.name.clone())),
    };
    let (Some(role), Some(group)) = (world.role(applying.role), place) else {
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
    let (role, source) = (role.name.clone(), applying.source);
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

fn obligations(
    world: &World,
    account: &Account,
    item: &ItemRules,
    policy: Option<&JumpPolicy>,
    ends: &Ends,
    context: &Context,
    now: Timestamp,
) -> Obligations {
    let seconds = |seconds: u32| SignedDuration::from_secs(i64::from(seconds));
    let by_item = item.max_duration_seconds.map(NonZeroU32::get);
    let by_policy = policy.and_then(|policy| policy.max_duration_seconds);
    let longest = [by_item, by_policy]
        .into_iter()
        .flatten()
        .map(seconds)
        .fold(context.max_session, SignedDuration::min);
    let start = context.session_started.unwrap_or(now);
    let mut until = start.checked_add(longest).unwrap_or(Timestamp::MAX);
    let mut limit = Limit::Duration;
    for (end, cause) in [(ends.schedule, Limit::Schedule), (ends.approval, Limit::Approval)] {
        if let Some(end) = end.filter(|end| *end < until) {
            until = end;
            limit = cause;
        }
    }
    let recording = match policy {
        Some(policy) if policy.recordings_disabled => RecordingMode::Off,
        Some(policy) => policy.recording_mode.unwrap_or(item.recording),
        None => item.recording,
    };
    let (permissions, commands) = permissions::resolve(world, account.rules.session_policy, item);
    Obligations {
        recording,
        permissions,
        commands,
        paths: path_limits::resolve(world, account.rules.session_policy, item.session_policy),
        until,
        limit,
        idle_limit_seconds: policy.and_then(|policy| policy.idle_limit_seconds),
        policy: policy.map(|policy| policy.id),
    }
}
