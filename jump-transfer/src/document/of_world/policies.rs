//! Roles, policies of every kind, memberships and grants as a document has them.

use jump_core::Error;
use jump_core::error::Result;
use jump_core::id::RoleId;
use jump_core::model;
use jump_core::model::Setting;

use super::{Namer, all};
use crate::document::{
    Approval, GivenMembership, GroupPolicy, JumpPolicy, JumpointGrant, Membership, Role, SessionPolicy, Slots,
};
use crate::names::fold;

pub(super) fn role(role: &model::Role) -> Role {
    let model::Role {
        id: _,
        name,
        description,
        permissions,
    } = role;
    Role {
        name: name.clone(),
        description: description.clone(),
        permissions: *permissions,
    }
}

pub(super) fn session_policy_of(policy: &model::SessionPolicy) -> SessionPolicy {
    let model::SessionPolicy {
        id: _,
        name,
        code_name,
        description,
        permissions,
        commands,
        paths,
    } = policy;
    SessionPolicy {
        name: name.clone(),
        code_name: code_name.clone(),
        description: description.clone(),
        permissions: permissions.clone(),
        commands: commands.clone(),
        paths: paths.clone(),
    }
}

pub(super) fn jump_policy(namer: Namer<'_>, policy: &model::JumpPolicy) -> Result<JumpPolicy> {
    let model::JumpPolicy {
        id: _,
        name,
        code_name,
        description,
        schedule,
        schedule_strict,
        approval: wanted,
        reason_required,
        ticket_id_required,
        two_factor_challenge_required,
        simultaneous_jumps,
        simultaneous_jump_behavior_applies_to_copies,
        simultaneous_jumps_rdp,
        notification,
        recordings_disabled,
        recording_mode,
        max_duration_seconds,
        idle_limit_seconds,
    } = policy;
    Ok(JumpPolicy {
        name: name.clone(),
        code_name: code_name.clone(),
        description: description.clone(),
        schedule: schedule.clone(),
        schedule_strict: *schedule_strict,
        approval: wanted.as_ref().map(|one| approval(namer, one)).transpose()?,
        reason_required: *reason_required,
        ticket_id_required: *ticket_id_required,
        two_factor_challenge_required: *two_factor_challenge_required,
        simultaneous_jumps: *simultaneous_jumps,
        simultaneous_jump_behavior_applies_to_copies: *simultaneous_jump_behavior_applies_to_copies,
        simultaneous_jumps_rdp: *simultaneous_jumps_rdp,
        notification: notification.clone(),
        recordings_disabled: *recordings_disabled,
        recording_mode: *recording_mode,
        max_duration_seconds: *max_duration_seconds,
        idle_limit_seconds: *idle_limit_seconds,
    })
}

fn approval(namer: Namer<'_>, approval: &model::Approval) -> Result<Approval> {
    let model::Approval {
        max_duration_minutes,
        scope,
        approvers,
        approver_teams,
        email_addresses,
        self_approval,
    } = approval;
    let mut users = all(approvers.iter(), |id| namer.user(*id))?;
    users.sort_by_cached_key(|name| fold(name.as_str()));
    let mut teams = all(approver_teams.iter(), |id| namer.team(*id))?;
    teams.sort_by_cached_key(|name| fold(name.as_str()));
    Ok(Approval {
        max_duration_minutes: *max_duration_minutes,
        scope: *scope,
        approvers: users,
        approver_teams: teams,
        email_addresses: email_addresses.clone(),
        self_approval: *self_approval,
    })
}

pub(super) fn memberships(namer: Namer<'_>) -> Result<Vec<Membership>> {
    let mut memberships = all(namer.0.memberships(), |membership| {
        let model::Membership {
            user,
            group,
            role,
            policy,
        } = membership;
        Ok(Membership {
            group: namer.group(*group)?,
            user: namer.user(*user)?,
            role: role.map(|id| namer.role(id)).transpose()?,
            policy: policy.map(|id| namer.policy(id)).transpose()?,
        })
    })?;
    memberships.sort_by_cached_key(|one| (fold(one.group.as_str()), fold(one.user.as_str())));
    Ok(memberships)
}

pub(super) fn grants(namer: Namer<'_>) -> Result<Vec<JumpointGrant>> {
    let mut grants = all(namer.0.jumpoint_grants(), |(user, jumpoint)| {
        Ok(JumpointGrant {
            jumpoint: namer.jumpoint(jumpoint)?,
            user: namer.user(user)?,
        })
    })?;
    grants.sort_by_cached_key(|one| (fold(one.jumpoint.as_str()), fold(one.user.as_str())));
    Ok(grants)
}

pub(super) fn group_policies(namer: Namer<'_>) -> Result<Vec<GroupPolicy>> {
    let mut policies: Vec<_> = namer.0.group_policies().collect();
    policies.sort_by_key(|policy| (policy.position, policy.id));
    all(policies.into_iter(), |policy| group_policy(namer, policy))
}

fn group_policy(namer: Namer<'_>, policy: &model::GroupPolicy) -> Result<GroupPolicy> {
    let model::GroupPolicy {
        id: _,
        name,
        position,
        members,
        allowed_methods,
        roles,
        memberships,
        jumpoints,
    } = policy;
    let mut users = all(members.iter(), |id| namer.user(*id))?;
    users.sort_by_cached_key(|name| fold(name.as_str()));
    let mut behind = all(jumpoints.iter(), |id| namer.jumpoint(*id))?;
    behind.sort_by_cached_key(|name| fold(name.as_str()));
    let role = |id: &Option<RoleId>| id.map(|id| namer.role(id)).transpose();
    Ok(GroupPolicy {
        name: name.clone(),
        position: *position,
        members: users,
        jumpoints: behind,
        allowed_methods: allowed_methods.clone(),
        roles: setting(roles, |slots| {
            let model::RoleSlots {
                default,
                personal,
                team,
                system,
            } = slots;
            Ok::<_, Error>(Slots {
                default: role(default)?,
                personal: role(personal)?,
                team: role(team)?,
                system: role(system)?,
            })
        })?,
        memberships: setting(memberships, |list| {
            all(list.iter(), |one| {
                let model::PolicyMembership {
                    group,
                    role: given,
                    policy,
                } = one;
                Ok(GivenMembership {
                    group: namer.group(*group)?,
                    role: role(given)?,
                    policy: policy.map(|id| namer.policy(id)).transpose()?,
                })
            })
        })?,
    })
}

/// The same setting of something else.
pub(crate) fn setting<T, U, E>(
    setting: &Setting<T>,
    convert: impl FnOnce(&T) -> std::result::Result<U, E>,
) -> std::result::Result<Setting<U>, E> {
    Ok(match setting {
        Setting::NotDefined => Setting::NotDefined,
        Setting::Defined(value) => Setting::Defined(convert(value)?),
        Setting::Final(value) => Setting::Final(convert(value)?),
    })
}
