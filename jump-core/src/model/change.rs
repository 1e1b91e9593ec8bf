//! Edits of the world, as values: what a store keeps, an audit log names and a live session is checked against.

use serde::{Deserialize, Serialize};

use super::{
    ApprovalRequest, Field, GroupPolicy, HostKey, JumpGroup, JumpItem, JumpPolicy, Jumpoint, Login,
    Membership, Role, SessionPolicy, SiteSettings, Team, User,
};
use crate::id::{
    ApprovalId, GroupId, GroupPolicyId, ItemId, JumpointId, LoginId, PolicyId, RoleId, SessionPolicyId,
    TeamId, UserId,
};

/// One edit of the [`World`](super::World). Several are applied together or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", content = "value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// Adds or replaces a user.
    PutUser(User),
    /// Removes a user, its personal list, memberships, Jumpoint grants, logins and approval requests.
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
    /// Adds or replaces a custom role.
    PutRole(Role),
    /// Removes a custom role that nothing refers to.
    RemoveRole(RoleId),
    /// Adds or replaces a Jump Policy.
    PutPolicy(JumpPolicy),
    /// Removes a Jump Policy that nothing refers to, and the approval requests for it.
    RemovePolicy(PolicyId),
    /// Adds or replaces a session policy.
    PutSessionPolicy(SessionPolicy),
    /// Removes a session policy that nothing refers to.
    RemoveSessionPolicy(SessionPolicyId),
    /// Adds or replaces a group policy.
    PutGroupPolicy(GroupPolicy),
    /// Removes a group policy.
    RemoveGroupPolicy(GroupPolicyId),
    /// Adds or replaces a team.
    PutTeam(Team),
    /// Removes a team.
    RemoveTeam(TeamId),
    /// Adds an approval request, or replaces one that may become what this one is.
    PutApproval(ApprovalRequest),
    /// Forgets an approval request.
    RemoveApproval(ApprovalId),
    /// Changes what holds for the whole site.
    PutSite(SiteSettings),
    /// Pins a host key that was seen first on an item whose policy allows it. No effect but an error if a
    /// different key is pinned already.
    PinHostKey {
        /// The item.
        item: ItemId,
        /// The key.
        key: HostKey,
    },
    /// Pins a certificate or RSA key that was seen first on a VNC item that allows it. No effect but an error if a
    /// different one is pinned already.
    PinCertificate {
        /// The item.
        item: ItemId,
        /// Its SHA-256, as 64 hexadecimal digits.
        sha256: Field,
    },
}
