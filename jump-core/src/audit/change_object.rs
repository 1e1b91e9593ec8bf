//! Which object a change is about, how it was and how it will be.

use std::fmt;

use super::ChangedObject;
use crate::id::ItemId;
use crate::model::{
    ApprovalRequest, Change, GroupPolicy, ItemDetails, JumpGroup, JumpItem, JumpPolicy, Jumpoint, Login,
    Membership, Placement, Role, SessionPolicy, Team, User, World,
};

/// Which object a change is about: its kind, id and name.
pub(super) fn identity(world: &World, change: &Change) -> (ChangedObject, String, String) {
    let user = |id| {
        world
            .user(id)
            .map_or_else(String::new, |user| user.name.to_string())
    };
    let group = |id| {
        world
            .group(id)
            .map_or_else(String::new, |group| group.name.to_string())
    };
    let jumpoint = |id| {
        world
            .jumpoint(id)
            .map_or_else(String::new, |jumpoint| jumpoint.name.to_string())
    };
    let item = |id| {
        world
            .item(id)
            .map_or_else(String::new, |item| item.name.to_string())
    };
    macro_rules! named {
        ($kind:ident, $id:expr, $found:expr) => {
            (
                ChangedObject::$kind,
                $id.to_string(),
                $found.map_or_else(String::new, |found| found.name.to_string()),
            )
        };
    }
    let put = |kind, id: &dyn fmt::Display, name: &dyn fmt::Display| (kind, id.to_string(), name.to_string());
    match change {
        Change::PutUser(new) => put(ChangedObject::User, &new.id, &new.name),
        Change::RemoveUser(id) => named!(User, id, world.user(*id)),
        Change::PutGroup(new) => put(ChangedObject::Group, &new.id, &new.name),
        Change::RemoveGroup(id) => named!(Group, id, world.group(*id)),
        Change::PutJumpoint(new) => put(ChangedObject::Jumpoint, &new.id, &new.name),
        Change::RemoveJumpoint(id) => named!(Jumpoint, id, world.jumpoint(*id)),
        Change::PutItem(new) => put(ChangedObject::Item, &new.id, &new.name),
        Change::RemoveItem(id)
        | Change::PinHostKey { item: id, .. }
        | Change::PinCertificate { item: id, .. } => named!(Item, id, world.item(*id)),
        Change::PutMembership(Membership {
            user: who, group: of, ..
        })
        | Change::RemoveMembership { user: who, group: of } => (
            ChangedObject::Membership,
            format!("{who}/{of}"),
            format!("{} in {}", user(*who), group(*of)),
        ),
        Change::GrantJumpoint {
            user: who,
            jumpoint: on,
        }
        | Change::RevokeJumpoint {
            user: who,
            jumpoint: on,
        } => (
            ChangedObject::JumpointGrant,
            format!("{who}/{on}"),
            format!("{} on {}", user(*who), jumpoint(*on)),
        ),
        Change::PutLogin(new) => (
            ChangedObject::Login,
            new.id.to_string(),
            format!("{} of {}", new.label, user(new.user)),
        ),
        Change::RemoveLogin(id) => (
            ChangedObject::Login,
            id.to_string(),
            world.login(*id).map_or_else(String::new, |login| {
                format!("{} of {}", login.label, user(login.user))
            }),
        ),
        Change::PutRole(new) => put(ChangedObject::Role, &new.id, &new.name),
        Change::RemoveRole(id) => named!(Role, id, world.role(*id)),
        Change::PutPolicy(new) => put(ChangedObject::Policy, &new.id, &new.name),
        Change::RemovePolicy(id) => named!(Policy, id, world.policy(*id)),
        Change::PutSessionPolicy(new) => put(ChangedObject::SessionPolicy, &new.id, &new.name),
        Change::RemoveSessionPolicy(id) => named!(SessionPolicy, id, world.session_policy(*id)),
        Change::PutGroupPolicy(new) => put(ChangedObject::GroupPolicy, &new.id, &new.name),
        Change::RemoveGroupPolicy(id) => named!(GroupPolicy, id, world.group_policy(*id)),
        Change::PutTeam(new) => put(ChangedObject::Team, &new.id, &new.name),
        Change::RemoveTeam(id) => named!(Team, id, world.team(*id)),
        Change::PutApproval(new) => (
            ChangedObject::Approval,
            new.id.to_string(),
            format!("{} on {}", user(new.requester), item(new.item)),
        ),
        Change::RemoveApproval(id) => (
            ChangedObject::Approval,
            id.to_string(),
            world.approval(*id).map_or_else(String::new, |request| {
                format!("{} on {}", user(request.requester), item(request.item))
            }),
        ),
        Change::PutSite(_) => (ChangedObject::Site, String::new(), String::new()),
    }
}

/// The change that would make the object as it is now; `None` if there is none.
pub(super) fn current(world: &World, change: &Change) -> Option<Change> {
    let item = |id: ItemId| world.item(id).map(|old| Change::PutItem(JumpItem::clone(old)));
    let membership = |user, group| {
        world
            .membership(user, group)
            .map(|old| Change::PutMembership(*old))
    };
    let grant = |user, jumpoint| {
        world
            .is_granted(user, jumpoint)
            .then_some(Change::GrantJumpoint { user, jumpoint })
    };
    match change {
        Change::PutUser(User { id, .. }) | Change::RemoveUser(id) => {
            world.user(*id).map(|old| Change::PutUser((**old).clone()))
        }
        Change::PutGroup(JumpGroup { id, .. }) | Change::RemoveGroup(id) => {
            world.group(*id).map(|old| Change::PutGroup((**old).clone()))
        }
        Change::PutJumpoint(Jumpoint { id, .. }) | Change::RemoveJumpoint(id) => world
            .jumpoint(*id)
            .map(|old| Change::PutJumpoint((**old).clone())),
        Change::PutItem(new) => item(new.id),
        Change::RemoveItem(id)
        | Change::PinHostKey { item: id, .. }
        | Change::PinCertificate { item: id, .. } => item(*id),
        Change::PutMembership(new) => membership(new.user, new.group),
        Change::RemoveMembership { user, group } => membership(*user, *group),
        Change::GrantJumpoint { user, jumpoint } | Change::RevokeJumpoint { user, jumpoint } => {
            grant(*user, *jumpoint)
        }
        Change::PutLogin(Login { id, .. }) | Change::RemoveLogin(id) => {
            world.login(*id).map(|old| Change::PutLogin(old.clone()))
        }
        Change::PutRole(Role { id, .. }) | Change::RemoveRole(id) => {
            world.role(*id).map(|old| Change::PutRole((**old).clone()))
        }
        Change::PutPolicy(JumpPolicy { id, .. }) | Change::RemovePolicy(id) => {
            world.policy(*id).map(|old| Change::PutPolicy((**old).clone()))
        }
        Change::PutSessionPolicy(SessionPolicy { id, .. }) | Change::RemoveSessionPolicy(id) => world
            .session_policy(*id)
            .map(|old| Change::PutSessionPolicy((**old).clone())),
        Change::PutGroupPolicy(GroupPolicy { id, .. }) | Change::RemoveGroupPolicy(id) => world
            .group_policy(*id)
            .map(|old| Change::PutGroupPolicy((**old).clone())),
        Change::PutTeam(Team { id, .. }) | Change::RemoveTeam(id) => {
            world.team(*id).map(|old| Change::PutTeam((**old).clone()))
        }
        Change::PutApproval(ApprovalRequest { id, .. }) | Change::RemoveApproval(id) => world
            .approval(*id)
            .map(|old| Change::PutApproval((**old).clone())),
        Change::PutSite(_) => Some(Change::PutSite(*world.site())),
    }
}

/// The change that makes the object as it will be; `None` if it is removed.
pub(super) fn replacement(world: &World, change: &Change) -> Option<Change> {
    match change {
        Change::RemoveUser(_)
        | Change::RemoveGroup(_)
        | Change::RemoveJumpoint(_)
        | Change::RemoveItem(_)
        | Change::RemoveMembership { .. }
        | Change::RevokeJumpoint { .. }
        | Change::RemoveLogin(_)
        | Change::RemoveRole(_)
        | Change::RemovePolicy(_)
        | Change::RemoveSessionPolicy(_)
        | Change::RemoveGroupPolicy(_)
        | Change::RemoveTeam(_)
        | Change::RemoveApproval(_) => None,
        Change::PinHostKey { item, key } => world.item(*item).map(|old| {
            let mut item = JumpItem::clone(old);
            if let ItemDetails::ShellJump(shell) = &mut item.details
                && !shell.host_key.pinned.contains(key)
            {
                shell.host_key.pinned.push(key.clone());
            }
            Change::PutItem(item)
        }),
        Change::PinCertificate { item, sha256 } => world.item(*item).map(|old| {
            let mut item = JumpItem::clone(old);
            if let ItemDetails::LocalVnc(vnc) | ItemDetails::RemoteVnc(vnc) = &mut item.details
                && !vnc.pinned_certificates.contains(sha256)
            {
                vnc.pinned_certificates.push(sha256.clone());
            }
            Change::PutItem(item)
        }),
        _ => Some(change.clone()),
    }
}

/// The items that go with an object when it is removed.
pub(super) fn dependent_items<'w>(
    world: &'w World,
    change: &Change,
) -> Box<dyn Iterator<Item = &'w JumpItem> + 'w> {
    match change {
        Change::RemoveUser(user) => Box::new(world.items_in(Placement::personal(*user)).map(AsRef::as_ref)),
        Change::RemoveGroup(group) => Box::new(world.items_in(Placement::Shared(*group)).map(AsRef::as_ref)),
        Change::RemoveJumpoint(jumpoint) => Box::new(world.items_behind(*jumpoint).map(AsRef::as_ref)),
        _ => Box::new(std::iter::empty()),
    }
}
