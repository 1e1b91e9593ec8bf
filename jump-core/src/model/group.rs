//! Jump Groups and who belongs to them.

use serde::{Deserialize, Serialize};

use super::{Comments, Name};
use crate::id::{GroupId, RoleId, UserId};

/// A shared Jump Group: it owns Jump Items; deleting it deletes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpGroup {
    /// Its id.
    pub id: GroupId,
    /// Its name, unique in the site.
    pub name: Name,
    /// What it is for.
    #[serde(default)]
    pub comments: Comments,
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
}
