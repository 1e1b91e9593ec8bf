//! What a session has to be and to end with.

use std::sync::Arc;

use super::schedule::{closes, later, open};
use super::{Duties, Facts};
use jump_core::access::{Context, Gate, Limit};
use jump_core::model::{
    ApprovalScope, ApprovalState, ItemDetails, JumpItem, JumpPolicy, PathLimits, PathPattern, SessionPolicy,
    SimultaneousJumps, SimultaneousRdp, User,
};
use jump_core::session::{RecordingMode, SessionPermission, SessionPermissions};
use jump_core::time::{SignedDuration, Timestamp};

impl Facts {
    pub(super) fn policy_gates(
        &self,
        user: &User,
        item: &JumpItem,
        policy: &JumpPolicy,
        context: &Context,
        now: Timestamp,
        shut: &mut Vec<Gate>,
    ) {
        let running = context.session_started.is_some();
        if let Some(schedule) = &policy.schedule {
            let overridden = !policy.schedule_strict && (running || context.given.schedule_override);
            if !open(schedule, now) && !overridden {
                shut.push(Gate::Schedule);
            }
        }
        if policy.approval.is_some() && self.approved_until(user, item, policy, now).is_none() {
            shut.push(Gate::Approval);
        }
        let given = context.given;
        let lacking = (policy.reason_required && !given.reason)
            || (policy.ticket_id_required && !given.ticket)
            || (policy.two_factor_challenge_required && !given.second_factor);
        if lacking && !running {
            shut.push(Gate::Requirement);
        }
    }

    /// The latest end of the approvals that hold.
    fn approved_until(
        &self,
        user: &User,
        item: &JumpItem,
        policy: &JumpPolicy,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let approval = policy.approval.as_ref()?;
        let mut latest = None;
        for request in &self.approvals {
            let end = later(
                request.start,
                SignedDuration::from_secs(i64::from(request.duration_seconds)),
            );
            let holds = request.state == ApprovalState::Approved && now >= request.start && now < end;
            let about = request.item == item.id && request.policy == policy.id;
            let for_user = approval.scope == ApprovalScope::Anyone || request.requester == user.id;
            if holds && about && for_user {
                latest = latest.max(Some(end));
            }
        }
        latest
    }

    pub(super) fn in_use(
        &self,
        item: &JumpItem,
        policy: Option<&Arc<JumpPolicy>>,
        context: &Context,
    ) -> bool {
        if context.session_started.is_some() {
            return false;
        }
        let site = self.site.simultaneous_jumps;
        let several = match (&item.details, policy) {
            (_, None) => site,
            (ItemDetails::LocalRdp(_) | ItemDetails::RemoteRdp(_), Some(policy)) => {
                match policy.simultaneous_jumps_rdp {
                    SimultaneousRdp::Global => site,
                    SimultaneousRdp::NewSession => true,
                    SimultaneousRdp::Disallow => false,
                }
            }
            (_, Some(policy)) => match policy.simultaneous_jumps {
                SimultaneousJumps::Global => site,
                SimultaneousJumps::Join => true,
                SimultaneousJumps::Disallow => false,
            },
        };
        let copies = policy.is_some_and(|policy| policy.simultaneous_jump_behavior_applies_to_copies);
        let others = context.live.on_item > 0 || (copies && context.live.on_copies > 0);
        !several && others
    }

    pub(super) fn duties(
        &self,
        user: &User,
        item: &JumpItem,
        policy: Option<&Arc<JumpPolicy>>,
        context: &Context,
        now: Timestamp,
    ) -> Duties {
        let start = context.session_started.unwrap_or(now);
        let mut ends = vec![(later(start, context.max_session), Limit::Duration)];
        if let Some(seconds) = item.max_duration_seconds {
            let end = later(start, SignedDuration::from_secs(i64::from(seconds)));
            ends.push((end, Limit::Duration));
        }
        if let Some(policy) = policy {
            if let Some(seconds) = policy.max_duration_seconds {
                let end = later(start, SignedDuration::from_secs(i64::from(seconds)));
                ends.push((end, Limit::Duration));
            }
            ends.extend(
                self.approved_until(user, item, policy, now)
                    .map(|end| (end, Limit::Approval)),
            );
            if let Some(schedule) = policy.schedule.as_ref().filter(|_| policy.schedule_strict) {
                let needless = ends.iter().map(|(end, _)| *end).min().unwrap_or(now);
                ends.extend(closes(schedule, now, needless).map(|end| (end, Limit::Schedule)));
            }
        }
        let until = ends.iter().map(|(end, _)| *end).min().unwrap_or(now);
        ends.retain(|(end, _)| *end == until);
        let recording = match policy {
            Some(policy) if policy.recordings_disabled => RecordingMode::Off,
            Some(policy) => policy.recording_mode.unwrap_or(item.recording),
            None => item.recording,
        };
        Duties {
            recording,
            permissions: self.permissions(user, item),
            commands: self
                .session_policies_of(user, item)
                .iter()
                .find_map(|policy| policy.commands.clone()),
            paths: PathLimits {
                upload: self.paths(user, item, |limits| &limits.upload),
                download: self.paths(user, item, |limits| &limits.download),
            },
            until,
            limits: ends.into_iter().map(|(_, limit)| limit).collect(),
            idle_limit_seconds: policy.and_then(|policy| policy.idle_limit_seconds),
            policy: policy.map(|policy| policy.id),
        }
    }

    /// The item's, then the user's, then the site's.
    fn session_policies_of(&self, user: &User, item: &JumpItem) -> Vec<&Arc<SessionPolicy>> {
        [item.session_policy, user.session_policy, self.site.session_policy]
            .into_iter()
            .flatten()
            .filter_map(|id| self.session_policies.iter().find(|one| one.id == id))
            .collect()
    }

    /// The first list that is not empty.
    pub(super) fn paths(
        &self,
        user: &User,
        item: &JumpItem,
        direction: fn(&PathLimits) -> &Vec<PathPattern>,
    ) -> Vec<PathPattern> {
        let mut said = Vec::new();
        for policy in self.session_policies_of(user, item) {
            if said.is_empty() {
                said.clone_from(direction(&policy.paths));
            }
        }
        said
    }

    pub(super) fn permissions(&self, user: &User, item: &JumpItem) -> SessionPermissions {
        let possible = match &item.details {
            ItemDetails::ShellJump(shell) => shell.permissions,
            ItemDetails::ProtocolTunnel(_) => {
                let mut only = SessionPermissions::NONE;
                only.port_forwarding = true;
                only
            }
            _ => {
                let mut screen = SessionPermissions::ALL;
                (screen.shell, screen.exec, screen.port_forwarding) = (false, false, false);
                screen
            }
        };
        let policies = self.session_policies_of(user, item);
        let mut permissions = SessionPermissions::NONE;
        for permission in SessionPermission::ALL {
            let said = policies.iter().find_map(|policy| {
                let mut all = policy.permissions.iter();
                all.find(|(one, _)| *one == permission)
                    .map(|(_, allowed)| *allowed)
            });
            let allowed = said.unwrap_or(*permission != SessionPermission::Sharing);
            permissions.set(*permission, allowed && possible.get(*permission));
        }
        permissions
    }
}
