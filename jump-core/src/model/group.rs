//! Jump Groups, who belongs to them, and where an item is placed.

use serde::{Deserialize, Serialize};

use super::{CodeName, Comments, Name};
use crate::id::{GroupId, PolicyId, RoleId, UserId};

/// A shared Jump Group: it owns Jump Items; deleting it deletes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpGroup {
    /// Its id.
    pub id: GroupId,
    /// Its name, unique in the site.
    pub name: Name,
    /// What imports and scripts call it, unique among groups; `None` is [`CodeName::of`] its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_name: Option<CodeName>,
    /// What it is for.
    #[serde(default)]
    pub comments: Comments,
}

impl JumpGroup {
    /// A group without code name or comments.
    #[must_use]
    pub fn new(id: GroupId, name: Name) -> Self {
        Self {
            id,
            name,
            code_name: None,
            comments: Comments::default(),
        }
    }

    /// Its code name, given or made from the name.
    #[must_use]
    pub fn code_name(&self) -> CodeName {
        self.code_name.clone().unwrap_or_else(|| CodeName::of(&self.name))
    }
}

/// Where an item is: in a shared Jump Group or on a user's personal list. Written as the group's number, or as
/// `{"personal": user}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Placement {
    /// In this Jump Group.
    Shared(GroupId),
    /// On a personal list; removing the user removes the list.
    Personal {
        /// Whose.
        personal: UserId,
    },
}

impl Placement {
    /// On this user's personal list.
    #[must_use]
    pub const fn personal(user: UserId) -> Self {
        Self::Personal { personal: user }
    }

    /// The shared group, if it is one.
    #[must_use]
    pub const fn group(self) -> Option<GroupId> {
        match self {
            Placement::Shared(group) => Some(group),
            Placement::Personal { .. } => None,
        }
    }

    /// The owner of the personal list, if it is one.
    #[must_use]
    pub const fn owner(self) -> Option<UserId> {
        match self {
            Placement::Shared(_) => None,
            Placement::Personal { personal } => Some(personal),
        }
    }
}

impl From<GroupId> for Placement {
    fn from(group: GroupId) -> Self {
        Placement::Shared(group)
    }
}

/// A user's direct membership in a Jump Group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// Who.
    pub user: UserId,
    /// Where.
    pub group: GroupId,
    /// With which role; `None` means the user's default role at the time of the Jump.
    pub role: Option<RoleId>,
    /// Under which Jump Policy; `None` means the one set on the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyId>,
}
