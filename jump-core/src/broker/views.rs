//! What callers are shown.

use super::Broker;
use crate::control::{GroupView, ItemView, JumpointView, LoginView, MemberView, SessionView, UserView};
use crate::id::JumpointId;
use crate::model::{JumpGroup, JumpItem, Membership, Placement, User, World};
use crate::store::SessionRecord;

pub(super) fn item(broker: &Broker, world: &World, item: &JumpItem) -> ItemView {
    let jumpoint = item.jumpoint.and_then(|id| world.jumpoint(id));
    let mut details = item.details.clone();
    // Sealed or not, it is nobody's business but the Jumpoint's.
    let has_credential = details
        .credential_mut()
        .is_some_and(|credential| credential.take().is_some());
    ItemView {
        id: item.id,
        name: item.name.to_string(),
        group: place(world, item.placement),
        jumpoint: jumpoint
            .map(|jumpoint| jumpoint.name.to_string())
            .unwrap_or_default(),
        jumpoint_id: item.jumpoint,
        sealing_key: jumpoint.and_then(|jumpoint| jumpoint.sealing_key),
        online: item.jumpoint.is_some_and(|jumpoint| broker.is_online(jumpoint)),
        hostname: item.hostname.to_string(),
        tag: item.tag.to_string(),
        comments: item.comments.to_string(),
        jump_policy: item
            .jump_policy
            .and_then(|id| world.policy(id))
            .map(|policy| policy.name.to_string()),
        session_policy: item
            .session_policy
            .and_then(|id| world.session_policy(id))
            .map(|policy| policy.name.to_string()),
        recording: item.recording,
        has_credential,
        details,
    }
}

/// What people call a place: the group's name, or `@` and the name of the personal list's owner.
pub(super) fn place(world: &World, placement: Placement) -> String {
    match placement {
        Placement::Shared(group) => world.group(group).map(|group| group.name.to_string()),
        Placement::Personal { personal } => world.user(personal).map(|user| format!("@{}", user.name)),
    }
    .unwrap_or_default()
}

pub(super) fn users(world: &World) -> Vec<UserView> {
    let mut users: Vec<UserView> = world.users().map(|user| self::user(world, user)).collect();
    users.sort_by(|a, b| a.name.cmp(&b.name));
    users
}

pub(super) fn user(world: &World, user: &User) -> UserView {
    let mut view = UserView {
        id: user.id,
        name: user.name.to_string(),
        enabled: user.enabled,
        administrator: user.administrator,
        allowed_methods: user.allowed_methods.unwrap_or_default(),
        default_role: user
            .default_role
            .and_then(|role| world.role(role))
            .map(|role| role.name.to_string())
            .unwrap_or_default(),
        jumpoints: world
            .jumpoints_granted_to(user.id)
            .filter_map(|jumpoint| world.jumpoint(jumpoint))
            .map(|jumpoint| jumpoint.name.to_string())
            .collect(),
        logins: world
            .logins_of(user.id)
            .map(|login| LoginView {
                id: login.id,
                label: login.label.to_string(),
                scope: login.scope,
                expires: login.expires,
                sources: login.sources.clone(),
            })
            .collect(),
    };
    view.jumpoints.sort();
    view.logins.sort_by_key(|login| login.id);
    view
}

pub(super) fn groups(world: &World) -> Vec<GroupView> {
    let mut groups: Vec<GroupView> = world
        .groups()
        .map(|group| self::group(world, group, usize::MAX))
        .collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    groups
}

/// A group with at most so many of its members.
pub(super) fn group(world: &World, group: &JumpGroup, most: usize) -> GroupView {
    let mut members: Vec<MemberView> = world
        .members_of(group.id)
        .map(|membership| member(world, membership))
        .collect();
    members.sort_by(|a, b| a.user.cmp(&b.user));
    let member_count = members.len();
    members.truncate(most);
    GroupView {
        id: group.id,
        name: group.name.to_string(),
        comments: group.comments.to_string(),
        items: world.items_in(Placement::Shared(group.id)).count(),
        member_count,
        members,
    }
}

pub(super) fn member(world: &World, membership: &Membership) -> MemberView {
    MemberView {
        user: world
            .user(membership.user)
            .map_or_else(String::new, |user| user.name.to_string()),
        role: membership
            .role
            .and_then(|role| world.role(role))
            .map(|role| role.name.to_string()),
        policy: membership
            .policy
            .and_then(|policy| world.policy(policy))
            .map(|policy| policy.name.to_string()),
    }
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
            items: world.items_behind(jumpoint.id).count(),
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
        local: record.place.is_rep(),
        started: record.started,
        state: record.state,
    }
}
