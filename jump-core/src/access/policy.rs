//! The gates of a Jump Policy: schedule, approval, second factor, ticket, reason, simultaneity.

use super::{Context, Need, Reason};
use crate::id::{ItemId, UserId};
use crate::model::{
    ApprovalScope, JumpMethod, JumpPolicy, Schedule, SimultaneousJumps, SimultaneousRdp, World,
};
use crate::time::Timestamp;

/// What a policy says about the end of a session.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// When the schedule closes, if it is strict.
    pub(super) schedule: Option<Timestamp>,
    /// When the approval is over.
    pub(super) approval: Option<Timestamp>,
}

pub(super) fn check(
    world: &World,
    user: UserId,
    item: ItemId,
    policy: &JumpPolicy,
    context: &Context,
    now: Timestamp,
    reasons: &mut Vec<Reason>,
) -> Ends {
    let mut ends = Ends::default();
    let name = || policy.name.clone();
    if let Some(schedule) = &policy.schedule {
        ends.schedule = check_schedule(schedule, policy, context, now, reasons);
    }
    if let Some(approval) = &policy.approval {
        let approved = world
            .approvals_for(item)
            .filter(|request| request.policy == policy.id && request.holds(now))
            .filter(|request| approval.scope == ApprovalScope::Anyone || request.requester == user)
            .max_by_key(|request| (request.end(), request.id));
        reasons.push(match approved {
            Some(request) => {
                ends.approval = Some(request.end());
                Reason::Approved {
                    policy: name(),
                    request: request.id,
                    until: request.end(),
                }
            }
            None => Reason::ApprovalRequired { policy: name() },
        });
    }
    // What is asked for at the door is not asked for again: a session that runs is not ended because of it.
    if context.session_started.is_some() {
        return ends;
    }
    let given = &context.given;
    for (asked, given, need) in [
        (
            policy.two_factor_challenge_required,
            given.second_factor,
            Need::SecondFactor,
        ),
        (policy.ticket_id_required, given.ticket, Need::Ticket),
        (policy.reason_required, given.reason, Need::Reason),
    ] {
        if asked {
            let policy = name();
            reasons.push(if given {
                Reason::Given { policy, need }
            } else {
                Reason::Missing { policy, need }
            });
        }
    }
    ends
}

/// Whether a session may start beside those that run; asked with or without a Jump Policy.
pub(super) fn check_simultaneous(
    world: &World,
    method: JumpMethod,
    policy: Option<&JumpPolicy>,
    context: &Context,
    reasons: &mut Vec<Reason>,
) {
    if context.session_started.is_some() {
        return;
    }
    let rdp = matches!(method, JumpMethod::LocalRdp | JumpMethod::RemoteRdp);
    let (disallowed, copies) = match policy {
        Some(policy) => {
            let said = if rdp {
                match policy.simultaneous_jumps_rdp {
                    SimultaneousRdp::Global => None,
                    SimultaneousRdp::NewSession => Some(false),
                    SimultaneousRdp::Disallow => Some(true),
                }
            } else {
                match policy.simultaneous_jumps {
                    SimultaneousJumps::Global => None,
                    SimultaneousJumps::Join => Some(false),
                    SimultaneousJumps::Disallow => Some(true),
                }
            };
            (
                said.unwrap_or(!world.site().simultaneous_jumps),
                policy.simultaneous_jump_behavior_applies_to_copies,
            )
        }
        None => (!world.site().simultaneous_jumps, false),
    };
    let in_use = context.live.on_item > 0 || (copies && context.live.on_copies > 0);
    if disallowed && in_use {
        reasons.push(Reason::InUse {
            policy: policy.map(|policy| policy.name.clone()),
        });
    }
}

/// The end that a strict schedule sets.
fn check_schedule(
    schedule: &Schedule,
    policy: &JumpPolicy,
    context: &Context,
    now: Timestamp,
    reasons: &mut Vec<Reason>,
) -> Option<Timestamp> {
    let name = policy.name.clone();
    if schedule.is_open(now) {
        // An advisory schedule ends nothing.
        let until = policy
            .schedule_strict
            .then(|| schedule.next_change(now))
            .flatten();
        reasons.push(Reason::ScheduleOpen { policy: name, until });
        return until;
    }
    if policy.schedule_strict {
        reasons.push(Reason::ScheduleClosed {
            policy: name,
            opens: schedule.next_change(now),
        });
    } else if context.session_started.is_some() || context.given.schedule_override {
        reasons.push(Reason::ScheduleOverridden { policy: name });
    } else {
        reasons.push(Reason::ScheduleAdvises {
            policy: name,
            opens: schedule.next_change(now),
        });
    }
    None
}
