//! Edits of the world, as values: what a store keeps, an audit log names and a live session is checked against.

use serde::{Deserialize, Serialize};

use super::{HostKey, JumpGroup, JumpItem, Jumpoint, Login, Membership, User};
use crate::id::{GroupId, ItemId, JumpointId, LoginId, UserId};

/// One edit of the [`World`](super::World). Several are applied together or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", content = "value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// Adds or replaces a user.
    PutUser(User),
    /// Removes a user and its memberships and Jumpoint grants.
    RemoveUser(UserId),
    /// Adds or replaces a Jump Group.
    PutGroup(JumpGroup),
    /// Removes a Jump Group, its items and its memberships.
    RemoveGroup(GroupId),
    /// Adds or replaces a Jumpoint.
    PutJumpoint(Jumpoint),
    /// Removes a Jumpoint, the items behind it and the grants to use it.
    RemoveJumpoint(JumpointId),
    /// Adds or replaces a Jump Item.
    PutItem(JumpItem),
    /// Removes a Jump Item.
    RemoveItem(ItemId),
    /// Adds or replaces a membership.
    PutMembership(Membership),
    /// Removes a user from a Jump Group.
    RemoveMembership {
        /// Who.
        user: UserId,
        /// From where.
        group: GroupId,
    },
    /// Lets a user use a Jumpoint.
    GrantJumpoint {
        /// Who.
        user: UserId,
        /// Which.
        jumpoint: JumpointId,
    },
    /// Takes that away.
    RevokeJumpoint {
        /// Who.
        user: UserId,
        /// Which.
        jumpoint: JumpointId,
    },
    /// Adds or replaces a login.
    PutLogin(Login),
    /// Removes a login: what was started through it ends.
    RemoveLogin(LoginId),
    /// Pins a host key that was seen first on an item whose policy allows it. No effect but an error if a
    /// different key is pinned already.
    PinHostKey {
        /// The item.
        item: ItemId,
        /// The key.
        key: HostKey,
    },
}
