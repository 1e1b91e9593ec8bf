//! From objects by names to objects of the model. What a document does not hold stays as it is: keys, credentials.

use std::collections::{BTreeMap, BTreeSet};

use jump_core::id::{
    GroupId, GroupPolicyId, ItemId, JumpointId, PolicyId, RoleId, SessionPolicyId, TeamId, UserId,
};
use jump_core::model::{self, ItemDetails, JumpItem, World};
use jump_core::session::SealedCredential;

use super::names::Names;
use crate::document::{self, Details, setting};

/// What is wrong with an object.
type Built<T> = Result<T, String>;

/// The ids of a list of names in which none may come twice.
fn each<N: AsRef<str>, T: Ord>(
    names: &[N],
    what: &str,
    find: impl Fn(&str) -> Built<T>,
) -> Built<BTreeSet<T>> {
    let mut ids = BTreeSet::new();
    for name in names {
        if !ids.insert(find(name.as_ref())?) {
            return Err(format!("{what} `{}` is named twice", name.as_ref()));
        }
    }
    Ok(ids)
}

pub(super) fn site(names: &Names, site: &document::Site) -> Built<model::SiteSettings> {
    let document::Site {
        session_policy,
        simultaneous_jumps,
    } = site;
    Ok(model::SiteSettings {
        session_policy: names.session_policy(session_policy.as_ref())?,
        simultaneous_jumps: *simultaneous_jumps,
    })
}

pub(super) fn role(id: RoleId, role: &document::Role) -> model::Role {
    let document::Role {
        name,
        description,
        permissions,
    } = role.clone();
    model::Role {
        id,
        name,
        description,
        permissions,
    }
}

pub(super) fn session_policy(id: SessionPolicyId, policy: &document::SessionPolicy) -> model::SessionPolicy {
    let document::SessionPolicy {
        name,
        code_name,
        description,
        permissions,
        commands,
        paths,
    } = policy.clone();
    model::SessionPolicy {
        id,
        name,
        code_name,
        description,
        permissions,
        commands,
        paths,
    }
}

pub(super) fn user(names: &Names, id: UserId, user: &document::User) -> Built<model::User> {
    let document::User {
        name,
        enabled,
        administrator,
        allowed_methods,
        default_role,
        personal_role,
        team_role,
        system_role,
        session_policy,
    } = user;
    Ok(model::User {
        id,
        name: name.clone(),
        enabled: *enabled,
        administrator: *administrator,
        allowed_methods: *allowed_methods,
        default_role: names.role(default_role.as_ref())?,
        personal_role: names.role(personal_role.as_ref())?,
        team_role: names.role(team_role.as_ref())?,
        system_role: names.role(system_role.as_ref())?,
        session_policy: names.session_policy(session_policy.as_ref())?,
    })
}

pub(super) fn team(names: &Names, id: TeamId, team: &document::Team) -> Built<model::Team> {
    let document::Team { name, members } = team;
    let mut ids = BTreeMap::new();
    for document::TeamMember { user, role } in members {
        if ids.insert(names.user(user)?, *role).is_some() {
            return Err(format!("user `{user}` is named twice"));
        }
    }
    Ok(model::Team {
        id,
        name: name.clone(),
        members: ids,
    })
}

pub(super) fn jump_policy(
    names: &Names,
    id: PolicyId,
    policy: &document::JumpPolicy,
) -> Built<model::JumpPolicy> {
    let document::JumpPolicy {
        name,
        code_name,
        description,
        schedule_strict,
        reason_required,
        ticket_id_required,
        two_factor_challenge_required,
        simultaneous_jumps,
        simultaneous_jump_behavior_applies_to_copies,
        simultaneous_jumps_rdp,
        recordings_disabled,
        recording_mode,
        max_duration_seconds,
        idle_limit_seconds,
        schedule,
        approval: wanted,
        notification,
    } = policy.clone();
    Ok(model::JumpPolicy {
        id,
        name,
        code_name,
        description,
        schedule,
        schedule_strict,
        approval: wanted.as_ref().map(|one| approval(names, one)).transpose()?,
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
    })
}

fn approval(names: &Names, approval: &document::Approval) -> Built<model::Approval> {
    let document::Approval {
        max_duration_minutes,
        scope,
        approvers,
        approver_teams,
        email_addresses,
        self_approval,
    } = approval;
    Ok(model::Approval {
        max_duration_minutes: *max_duration_minutes,
        scope: *scope,
        approvers: each(&texts(approvers), "approver", |name| names.users.named(name))?,
        approver_teams: each(&texts(approver_teams), "approver team", |name| {
            names.teams.named(name)
        })?,
        email_addresses: email_addresses.clone(),
        self_approval: *self_approval,
    })
}

fn texts<T: ToString>(names: &[T]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

pub(super) fn group(id: GroupId, group: &document::Group) -> model::JumpGroup {
    let document::Group {
        name,
        code_name,
        comments,
    } = group.clone();
    model::JumpGroup {
        id,
        name,
        code_name,
        comments,
    }
}

pub(super) fn jumpoint(world: &World, id: JumpointId, jumpoint: &document::Jumpoint) -> model::Jumpoint {
    let document::Jumpoint {
        name,
        code_name,
        comments,
        enabled,
        shell_jump_enabled,
        protocol_tunnel_enabled,
    } = jumpoint.clone();
    let old = world.jumpoint(id);
    model::Jumpoint {
        id,
        name,
        code_name,
        comments,
        enabled,
        shell_jump_enabled,
        protocol_tunnel_enabled,
        key: old.and_then(|old| old.key),
        sealing_key: old.and_then(|old| old.sealing_key),
    }
}

pub(super) fn membership(names: &Names, membership: &document::Membership) -> Built<model::Membership> {
    let document::Membership {
        group,
        user,
        role,
        policy,
    } = membership;
    Ok(model::Membership {
        user: names.user(user)?,
        group: names.groups.named(group.as_str())?,
        role: names.role(role.as_ref())?,
        policy: names.policy(policy.as_ref())?,
    })
}

pub(super) fn group_policy(
    names: &Names,
    id: GroupPolicyId,
    policy: &document::GroupPolicy,
) -> Built<model::GroupPolicy> {
    let document::GroupPolicy {
        name,
        position,
        members,
        jumpoints,
        allowed_methods,
        roles,
        memberships,
    } = policy;
    let slots = |slots: &document::Slots| -> Built<model::RoleSlots> {
        let document::Slots {
            default,
            personal,
            team,
            system,
        } = slots;
        Ok(model::RoleSlots {
            default: names.role(default.as_ref())?,
            personal: names.role(personal.as_ref())?,
            team: names.role(team.as_ref())?,
            system: names.role(system.as_ref())?,
        })
    };
    let given = |list: &Vec<document::GivenMembership>| -> Built<Vec<model::PolicyMembership>> {
        list.iter()
            .map(|one| {
                let document::GivenMembership { group, role, policy } = one;
                Ok(model::PolicyMembership {
                    group: names.groups.named(group.as_str())?,
                    role: names.role(role.as_ref())?,
                    policy: names.policy(policy.as_ref())?,
                })
            })
            .collect()
    };
    Ok(model::GroupPolicy {
        id,
        name: name.clone(),
        position: *position,
        members: each(&texts(members), "member", |name| names.users.named(name))?,
        allowed_methods: allowed_methods.clone(),
        roles: setting(roles, slots)?,
        memberships: setting(memberships, given)?,
        jumpoints: each(&texts(jumpoints), "jumpoint", |name| names.jumpoints.named(name))?,
    })
}

/// An item. `original` is what its document form names as the item that it is a copy of, now.
pub(super) fn item(
    world: &World,
    names: &Names,
    original: Option<ItemId>,
    id: ItemId,
    item: &document::Item,
) -> Built<JumpItem> {
    let old = world.item(id);
    let wanted = match &item.copy_of {
        None => None,
        Some(reference) => {
            let placement = names.placement(reference.place())?;
            let found = names.item(world, placement, reference.name.as_str());
            Some(found.ok_or_else(|| format!("copy_of: there is no item named `{}` there", reference.name))?)
        }
    };
    let copy_of = if wanted == original {
        old.and_then(|old| old.copy_of)
    } else {
        wanted
    };
    let document::Item {
        group: _,
        personal: _,
        name,
        jumpoint,
        hostname,
        tag,
        comments,
        jump_policy,
        session_policy,
        recording,
        max_duration_seconds,
        copy_of: _,
        details: own,
    } = item;
    let built = JumpItem {
        id,
        name: name.clone(),
        placement: names.placement(item.place())?,
        jumpoint: names.jumpoint(jumpoint.as_ref())?,
        hostname: hostname.clone(),
        tag: tag.clone(),
        comments: comments.clone(),
        jump_policy: names.policy(jump_policy.as_ref())?,
        session_policy: names.session_policy(session_policy.as_ref())?,
        copy_of,
        recording: *recording,
        max_duration_seconds: *max_duration_seconds,
        details: details(names, own, old.and_then(|old| old.details.credential()))?,
    };
    built.validate().map_err(|error| error.context().to_owned())?;
    Ok(built)
}

fn details(names: &Names, details: &Details, credential: Option<&SealedCredential>) -> Built<ItemDetails> {
    let credential = credential.cloned();
    Ok(match details {
        Details::ShellJump(shell) => {
            let document::ShellJump {
                protocol,
                port,
                terminal,
                username,
                keep_alive_seconds,
                host_key,
                permissions,
            } = shell.clone();
            ItemDetails::ShellJump(model::ShellJump {
                protocol,
                port,
                terminal,
                username,
                keep_alive_seconds,
                host_key,
                permissions,
                credential,
            })
        }
        Details::ProtocolTunnel(tunnel) => ItemDetails::ProtocolTunnel(tunnel.clone()),
        Details::LocalRdp(one) => ItemDetails::LocalRdp(rdp(one, credential)),
        Details::RemoteRdp(one) => ItemDetails::RemoteRdp(rdp(one, credential)),
        Details::LocalVnc(one) => ItemDetails::LocalVnc(vnc(one, credential)),
        Details::RemoteVnc(one) => ItemDetails::RemoteVnc(vnc(one, credential)),
        Details::LocalJump(document::PushJump {}) => ItemDetails::LocalJump(model::PushJump { credential }),
        Details::RemoteJump(document::PushJump {}) => ItemDetails::RemoteJump(model::PushJump { credential }),
        Details::IntelVpro(document::Vpro { port, kerberos }) => ItemDetails::IntelVpro(model::IntelVpro {
            port: *port,
            kerberos: *kerberos,
            credential,
        }),
        Details::JumpClient(client) => {
            let document::JumpClient {
                connection_type,
                max_offline_minutes,
                attended_session_policy,
                unattended_session_policy,
                is_quiet,
            } = client;
            ItemDetails::JumpClient(model::JumpClient {
                connection_type: *connection_type,
                max_offline_minutes: *max_offline_minutes,
                attended_session_policy: names.session_policy(attended_session_policy.as_ref())?,
                unattended_session_policy: names.session_policy(unattended_session_policy.as_ref())?,
                is_quiet: *is_quiet,
            })
        }
    })
}

fn rdp(rdp: &document::Rdp, credential: Option<SealedCredential>) -> model::Rdp {
    let document::Rdp {
        port,
        quality,
        console,
        ignore_untrusted,
        require_nla,
        rdp_username,
        domain,
        secure_app,
        pinned_certificates,
    } = rdp.clone();
    model::Rdp {
        port,
        quality,
        console,
        ignore_untrusted,
        require_nla,
        rdp_username,
        domain,
        secure_app,
        pinned_certificates,
        credential,
    }
}

fn vnc(vnc: &document::Vnc, credential: Option<SealedCredential>) -> model::Vnc {
    let document::Vnc {
        port,
        pinned_certificates,
        trust_first_certificate,
        minimum_security,
    } = vnc.clone();
    model::Vnc {
        port,
        pinned_certificates,
        trust_first_certificate,
        minimum_security,
        credential,
    }
}
