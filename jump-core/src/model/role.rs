//! Jump Item Roles: what a user may do with the items of a Jump Group.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Description, Name};
use crate::error::Result;
use crate::id::RoleId;

macro_rules! role_permissions {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        /// One thing a Jump Item Role may allow; the codes are the reference model's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum RolePermission {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $name,)+
        }

        impl RolePermission {
            /// Every permission.
            pub const ALL: &'static [RolePermission] = &[$(RolePermission::$name,)+];

            /// Its code, such as `perm_start`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(RolePermission::$name => $code,)+
                }
            }
        }
    };
}

role_permissions! {
    /// Start sessions.
    Start = "perm_start";
    /// Create items.
    Add = "perm_add";
    /// Move or copy items; needed on the origin and the destination.
    AssignJumpGroup = "perm_assign_jump_group";
    /// Delete items.
    Remove = "perm_remove";
    /// Edit tags.
    EditTag = "perm_edit_tag";
    /// Edit comments.
    EditComments = "perm_edit_comments";
    /// Edit an item's Jump Policy.
    EditJumpPolicy = "perm_edit_jump_policy";
    /// Edit an item's session policy.
    EditSessionPolicy = "perm_edit_session_policy";
    /// Edit name, host, port, Jumpoint, credentials: connectivity and authentication.
    EditIdentity = "perm_edit_identity";
    /// Edit behaviour and experience, such as the terminal type.
    EditBehavior = "perm_edit_behavior";
    /// View reports and recordings of the group's items.
    ViewReports = "perm_view_jump_item_report";
}

impl fmt::Display for RolePermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A set of [`RolePermission`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<RolePermission>", into = "Vec<RolePermission>")]
pub struct RolePermissions(u32);

impl RolePermissions {
    /// No permission.
    pub const NONE: Self = Self(0);

    /// Every permission.
    pub const ALL: Self = Self((1 << RolePermission::ALL.len()) - 1);

    /// The set of one permission.
    #[must_use]
    pub const fn only(permission: RolePermission) -> Self {
        Self(1 << permission as u32)
    }

    /// Whether the permission is in the set.
    #[must_use]
    pub const fn contains(self, permission: RolePermission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// The permissions in the set.
    pub fn iter(self) -> impl Iterator<Item = RolePermission> {
        RolePermission::ALL
            .iter()
            .copied()
            .filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<RolePermission> for RolePermissions {
    fn from_iter<I: IntoIterator<Item = RolePermission>>(permissions: I) -> Self {
        Self(
            permissions
                .into_iter()
                .fold(0, |set, permission| set | (1 << permission as u32)),
        )
    }
}

impl From<Vec<RolePermission>> for RolePermissions {
    fn from(permissions: Vec<RolePermission>) -> Self {
        permissions.into_iter().collect()
    }
}

impl From<RolePermissions> for Vec<RolePermission> {
    fn from(permissions: RolePermissions) -> Self {
        permissions.iter().collect()
    }
}

/// A named set of permissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: Name,
    /// What it is for.
    #[serde(default)]
    pub description: Description,
    /// What it allows.
    pub permissions: RolePermissions,
}

impl Role {
    /// "No Access": allows nothing, and is what every slot holds until somebody changes it.
    pub const NO_ACCESS: RoleId = RoleId::builtin(1);
    /// "Start Sessions Only".
    pub const START_SESSIONS_ONLY: RoleId = RoleId::builtin(2);
    /// "Administrator": everything in the group.
    pub const ADMINISTRATOR: RoleId = RoleId::builtin(3);
    /// "Auditor": view reports, nothing else.
    pub const AUDITOR: RoleId = RoleId::builtin(4);

    /// Whether a role is one of the four built-in ones.
    #[must_use]
    pub const fn is_built_in(id: RoleId) -> bool {
        id.get() <= 4
    }

    /// The four built-in roles; every world has them and they cannot be changed.
    pub fn built_in() -> Result<Vec<Role>> {
        [
            (Self::NO_ACCESS, "No Access", RolePermissions::NONE),
            (
                Self::START_SESSIONS_ONLY,
                "Start Sessions Only",
                RolePermissions::only(RolePermission::Start),
            ),
            (Self::ADMINISTRATOR, "Administrator", RolePermissions::ALL),
            (
                Self::AUDITOR,
                "Auditor",
                RolePermissions::only(RolePermission::ViewReports),
            ),
        ]
        .into_iter()
        .map(|(id, name, permissions)| {
            Ok(Role {
                id,
                name: Name::new(name)?,
                description: Description::default(),
                permissions,
            })
        })
        .collect()
    }
}
