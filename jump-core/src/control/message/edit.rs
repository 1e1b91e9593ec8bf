//! Edits of a site.

use serde::{Deserialize, Serialize};

use crate::control::{ItemPatch, ModelEdit};
use crate::id::{ItemId, LoginId};
use crate::model::{
    Change, Comments, Hostname, ItemDetails, JumpMethods, LoginLimits, LoginScope, Name, Tag, UserName,
};
use crate::session::{RecordingMode, SealedCredential};

/// A change of the site, by names. All but item edits take an administrator; item edits take the matching
/// permission of one's role in the group, or an administrator.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Edit {
    /// Adds a user.
    AddUser {
        /// Its name.
        name: UserName,
        /// Whether it may administer the site.
        administrator: bool,
        /// By which methods it may jump.
        allowed_methods: JumpMethods,
        /// The name of its default role; `None` is No Access.
        default_role: Option<Name>,
    },
    /// Enables or disables a user.
    EnableUser {
        /// Whose.
        name: UserName,
        /// Which.
        enabled: bool,
    },
    /// Removes a user.
    RemoveUser {
        /// Which.
        name: UserName,
    },
    /// Makes an invitation for a new login of a user. Everybody may for themselves, with no wider scope than they use, through a
    /// login without limits.
    InviteLogin {
        /// Whose.
        user: UserName,
        /// What the login may be used for.
        scope: LoginScope,
        /// When and from where.
        #[serde(default, skip_serializing_if = "LoginLimits::are_none")]
        limits: LoginLimits,
    },
    /// Removes a login.
    RemoveLogin {
        /// Which.
        login: LoginId,
    },
    /// Adds a Jump Group.
    AddGroup {
        /// Its name.
        name: Name,
        /// What it is for.
        comments: Comments,
    },
    /// Removes a Jump Group and its items.
    RemoveGroup {
        /// Which.
        name: Name,
    },
    /// Puts a user into a group, or changes its role there.
    AddMember {
        /// The group.
        group: Name,
        /// The user.
        user: UserName,
        /// The role's name; `None` is the user's default role.
        role: Option<Name>,
        /// The name of the Jump Policy that holds in place of the items'; `None` is the items'.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<Name>,
    },
    /// Takes a user out of a group.
    RemoveMember {
        /// The group.
        group: Name,
        /// The user.
        user: UserName,
    },
    /// Adds a Jumpoint and makes the invitation for its agent.
    AddJumpoint {
        /// Its name.
        name: Name,
    },
    /// Makes a new invitation for a Jumpoint that lost its key; the old key works until the new one enrolled.
    InviteJumpoint {
        /// Which.
        name: Name,
    },
    /// Removes a Jumpoint and the items behind it.
    RemoveJumpoint {
        /// Which.
        name: Name,
    },
    /// Enables or disables a Jumpoint.
    EnableJumpoint {
        /// Which.
        name: Name,
        /// Which way.
        enabled: bool,
    },
    /// Lets a user use a Jumpoint.
    GrantJumpoint {
        /// The Jumpoint.
        jumpoint: Name,
        /// The user.
        user: UserName,
    },
    /// Takes that away.
    RevokeJumpoint {
        /// The Jumpoint.
        jumpoint: Name,
        /// The user.
        user: UserName,
    },
    /// Adds a Jump Item: takes `perm_add` there, and the Jumpoint.
    AddItem(Box<ItemDraft>),
    /// Changes a Jump Item: each field takes its own permission.
    EditItem {
        /// Which.
        item: String,
        /// What changes.
        patch: Box<ItemPatch>,
    },
    /// Moves a Jump Item to another group or personal list: takes `perm_assign_jump_group` here and there.
    MoveItem {
        /// Which.
        item: String,
        /// The name of the group, or `@` and the name of the personal list's owner.
        group: Name,
    },
    /// Copies a Jump Item, with the same permissions; the copy has no credential, because that is sealed for the original.
    CopyItem {
        /// Which.
        item: String,
        /// The name of the group, or `@` and the name of the personal list's owner.
        group: Name,
        /// The copy's name; `None` is the item's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Name>,
    },
    /// Adds, changes or removes a role, policy, team or the like, or changes a user, group, Jumpoint or the site.
    Model(ModelEdit),
    /// Makes changes as they are, all or none (administrators). New objects have ids that nobody had before.
    Change {
        /// Which.
        changes: Vec<Change>,
        /// Only check whether they could be made.
        dry_run: bool,
    },
    /// Removes a Jump Item.
    RemoveItem {
        /// Which.
        item: String,
    },
    /// Sets or removes the credential that is injected on an item.
    SetCredential {
        /// Which.
        item: ItemId,
        /// Sealed to the item's Jumpoint for the item's target.
        credential: Option<SealedCredential>,
    },
}

/// A Jump Item to be added.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemDraft {
    /// Its name.
    pub name: Name,
    /// The name of its group, or `@` and the name of the personal list's owner.
    pub group: Name,
    /// The name of its Jumpoint, if its type needs one.
    #[serde(default)]
    pub jumpoint: Option<Name>,
    /// Its host.
    pub hostname: Hostname,
    /// Its tag.
    #[serde(default)]
    pub tag: Tag,
    /// Anything worth knowing.
    #[serde(default)]
    pub comments: Comments,
    /// The name of its Jump Policy; takes `perm_edit_jump_policy`, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump_policy: Option<Name>,
    /// The name of its session policy; takes `perm_edit_session_policy`, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_policy: Option<Name>,
    /// How it is recorded.
    #[serde(default)]
    pub recording: RecordingMode,
    /// The longest a session may last, in seconds.
    #[serde(default)]
    pub max_duration_seconds: Option<u32>,
    /// What is special to its type.
    pub details: ItemDetails,
}

pub(super) const fn is_false(value: &bool) -> bool {
    !*value
}
