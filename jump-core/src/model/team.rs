//! Teams: who leads whom. It matters for personal lists and approvals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Name;
use crate::id::{TeamId, UserId};

/// A user's place in a team; a later one is higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeamRole {
    /// A member.
    Member,
    /// A team lead.
    Lead,
    /// A team manager.
    Manager,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Its name, unique in the site.
    pub name: Name,
    /// Who belongs to it.
    #[serde(default)]
    pub members: BTreeMap<UserId, TeamRole>,
}
