//! What callers are shown.

use super::Broker;
use crate::control::{GroupView, ItemView, JumpointView, LoginView, MemberView, SessionView, UserView};
use crate::id::JumpointId;
use crate::model::{ItemDetails, JumpItem, World};
use crate::store::SessionRecord;

pub(super) fn item(broker: &Broker, world: &World, item: &JumpItem) -> ItemView {
    let jumpoint = world.jumpoint(item.jumpoint);
    let mut details = item.details.clone();
    let has_credential = match &mut details {
        // Sealed or not, it is nobody's business but the Jumpoint's.
        ItemDetails::ShellJump(shell) => shell.credential.take().is_some(),
        ItemDetails::ProtocolTunnel(_) => false,
    };
    ItemView {
        id: item.id,
        name: item.name.to_string(),
        group: world
            .group(item.group)
            .map(|group| group.name.to_string())
            .unwrap_or_default(),
        jumpoint: jumpoint
            .map(|jumpoint| jumpoint.name.to_string())
            .unwrap_or_default(),
        jumpoint_id: item.jumpoint,
        sealing_key: jumpoint.and_then(|jumpoint| jumpoint.sealing_key),
        online: broker.is_online(item.jumpoint),
        hostname: item.hostname.to_string(),
        tag: item.tag.to_string(),
        recording: item.recording,
        has_credential,
        details,
    }
}

pub(super) fn users(world: &World) -> Vec<UserView> {
    let mut users: Vec<UserView> = world
        .users()
        .map(|user| UserView {
            id: user.id,
            name: user.name.to_string(),
            enabled: user.enabled,
            administrator: user.administrator,
            allowed_methods: user.allowed_methods,
            default_role: world
                .role(user.default_role)
                .map(|role| role.name.to_string())
                .unwrap_or_default(),
            jumpoints: world
                .jumpoint_grants()
                .filter(|(granted, _)| *granted == user.id)
                .filter_map(|(_, jumpoint)| {
                    world.jumpoint(jumpoint).map(|jumpoint| jumpoint.name.to_string())
                })
                .collect(),
            logins: world
                .logins()
                .filter(|login| login.user == user.id)
                .map(|login| LoginView {
                    id: login.id,
                    label: login.label.to_string(),
                    scope: login.scope,
                    expires: login.expires,
                })
                .collect(),
        })
        .collect();
    users.sort_by(|a, b| a.name.cmp(&b.name));
    for user in &mut users {
        user.jumpoints.sort();
        user.logins.sort_by_key(|login| login.id);
    }
    users
}

pub(super) fn groups(world: &World) -> Vec<GroupView> {
    let mut groups: Vec<GroupView> = world
        .groups()
        .map(|group| {
            let mut members: Vec<MemberView> = world
                .memberships()
                .filter(|membership| membership.group == group.id)
                .filter_map(|membership| {
                    Some(MemberView {
                        user: world.user(membership.user)?.name.to_string(),
                        role: membership
                            .role
                            .and_then(|role| world.role(role))
                            .map(|role| role.name.to_string()),
                    })
                })
                .collect();
            members.sort_by(|a, b| a.user.cmp(&b.user));
            GroupView {
                id: group.id,
                name: group.name.to_string(),
                comments: group.comments.to_string(),
                items: world.items().filter(|item| item.group == group.id).count(),
                members,
            }
        })
        .collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    groups
}

pub(super) fn jumpoints(world: &World, online: &[JumpointId]) -> Vec<JumpointView> {
    let mut jumpoints: Vec<JumpointView> = world
        .jumpoints()
        .map(|jumpoint| JumpointView {
            id: jumpoint.id,
            name: jumpoint.name.to_string(),
            enabled: jumpoint.enabled,
            online: online.contains(&jumpoint.id),
            key: jumpoint.key,
            items: world.items().filter(|item| item.jumpoint == jumpoint.id).count(),
        })
        .collect();
    jumpoints.sort_by(|a, b| a.name.cmp(&b.name));
    jumpoints
}

pub(super) fn session(record: SessionRecord) -> SessionView {
    SessionView {
        id: record.id,
        user: record.user_name,
        item: record.item_name,
        protocol: record.protocol,
        started: record.started,
        state: record.state,
    }
}
