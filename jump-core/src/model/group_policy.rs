//! Group policies: access settings for many users at once, in an order.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{JumpMethods, Name};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{GroupId, GroupPolicyId, JumpointId, PolicyId, RoleId, UserId};

/// One section of a group policy. Policies are read from the top down: a later one overrides an earlier one, unless
/// the earlier is final.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", content = "value", rename_all = "snake_case")]
pub enum Setting<T> {
    /// The policy says nothing.
    #[default]
    NotDefined,
    /// A later policy, or the user's own account, may say otherwise.
    Defined(T),
    /// Nothing later may say otherwise, not even the user's own account.
    Final(T),
}

impl<T> Setting<T> {
    /// What it says, and whether that is final.
    #[must_use]
    pub const fn get(&self) -> Option<(&T, bool)> {
        match self {
            Setting::NotDefined => None,
            Setting::Defined(value) => Some((value, false)),
            Setting::Final(value) => Some((value, true)),
        }
    }
}

/// The four role slots of an account or a group policy; an empty one says nothing, and where nobody says anything it is
/// No Access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoleSlots {
    /// Default: where a membership says "user's default".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<RoleId>,
    /// Personal: the user's own personal list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal: Option<RoleId>,
    /// Teams: personal lists of team members with a lower team role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<RoleId>,
    /// System: everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<RoleId>,
}

impl RoleSlots {
    /// The roles in the slots.
    pub fn iter(&self) -> impl Iterator<Item = RoleId> {
        [self.default, self.personal, self.team, self.system]
            .into_iter()
            .flatten()
    }
}

/// A membership that a group policy gives to everybody in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyMembership {
    /// In which Jump Group.
    pub group: GroupId,
    /// With which role; `None` is the user's default role.
    pub role: Option<RoleId>,
    /// Under which Jump Policy; `None` is the one set on the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyId>,
}

/// A group policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupPolicy {
    /// Its id.
    pub id: GroupPolicyId,
    /// Its name, unique in the site.
    pub name: Name,
    /// Its place in the order, from the top; of equal ones the smaller id comes first.
    pub position: u32,
    /// Whom it is about.
    #[serde(default)]
    pub members: BTreeSet<UserId>,
    /// The allowed jump methods.
    #[serde(default)]
    pub allowed_methods: Setting<JumpMethods>,
    /// The role slots; each slot on its own.
    #[serde(default)]
    pub roles: Setting<RoleSlots>,
    /// Memberships in Jump Groups, at most 10000, at most one per group.
    #[serde(default)]
    pub memberships: Setting<Vec<PolicyMembership>>,
    /// Jumpoints that its members may use, besides those granted to them.
    #[serde(default)]
    pub jumpoints: BTreeSet<JumpointId>,
}

impl GroupPolicy {
    /// A policy that says nothing, about nobody.
    #[must_use]
    pub fn new(id: GroupPolicyId, name: Name, position: u32) -> Self {
        Self {
            id,
            name,
            position,
            members: BTreeSet::new(),
            allowed_methods: Setting::NotDefined,
            roles: Setting::NotDefined,
            memberships: Setting::NotDefined,
            jumpoints: BTreeSet::new(),
        }
    }

    /// Checks what its type does not check already.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for two memberships in one group, or more than 10000.
    pub fn validate(&self) -> Result<()> {
        let wrong = |rule| {
            Err(Error::new(
                ErrorKind::InvalidArgument,
                "check a group policy",
                rule,
            ))
        };
        if let Some((memberships, _)) = self.memberships.get() {
            if memberships.len() > 10_000 {
                return wrong("it gives at most 10000 memberships");
            }
            let mut groups: Vec<GroupId> = memberships.iter().map(|one| one.group).collect();
            groups.sort_unstable();
            if groups.windows(2).any(|pair| pair.first() == pair.last()) {
                return wrong("it gives one membership per group");
            }
        }
        Ok(())
    }
}
