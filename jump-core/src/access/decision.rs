//! The answer of an access decision.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ItemId, UserId};
use crate::model::{JumpMethod, Name, RolePermission, UserName};
use crate::session::{RecordingMode, SessionPermissions};
use crate::time::Timestamp;

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It may happen, under the obligations.
    Allow,
    /// It may not.
    Deny,
}

/// Whether one gate is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The gate lets it pass.
    Pass,
    /// The gate stops it.
    Stop,
}

/// Which gate a reason is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Gate {
    /// The user exists and is enabled.
    User,
    /// The item exists.
    Item,
    /// The user's allowed jump methods.
    Method,
    /// The Jumpoint: enabled, its own switches, granted to the user.
    Jumpoint,
    /// The Jump Item Role.
    Role,
}

/// Through which rule a role reached the user: the most specific one wins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RoleSource {
    /// A role set directly on the membership in the item's group.
    Membership,
    /// The membership says "user's default".
    UserDefault,
    /// The user is not in the item's group, so No Access applies.
    NotAMember,
}

/// Why one gate is open or shut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// No such user.
    UnknownUser,
    /// The user is enabled.
    UserEnabled {
        /// Who.
        user: UserName,
    },
    /// The user is disabled.
    UserDisabled {
        /// Who.
        user: UserName,
    },
    /// No such item.
    UnknownItem,
    /// The method is among the user's allowed ones.
    MethodAllowed {
        /// Which.
        method: JumpMethod,
    },
    /// The method is not among the user's allowed ones.
    MethodNotAllowed {
        /// Which.
        method: JumpMethod,
    },
    /// The item names a Jumpoint that does not exist.
    UnknownJumpoint,
    /// The Jumpoint is enabled, has the method switched on and is granted to the user.
    JumpointGranted {
        /// Which.
        jumpoint: Name,
    },
    /// The Jumpoint is disabled.
    JumpointDisabled {
        /// Which.
        jumpoint: Name,
    },
    /// The Jumpoint has the method switched off.
    JumpointMethodOff {
        /// Which.
        jumpoint: Name,
        /// The method.
        method: JumpMethod,
    },
    /// The user is not granted the Jumpoint.
    JumpointNotGranted {
        /// Which.
        jumpoint: Name,
    },
    /// The role that applies has the permission.
    RolePermits {
        /// The role.
        role: Name,
        /// The item's group.
        group: Name,
        /// How it reached the user.
        source: RoleSource,
        /// The permission.
        permission: RolePermission,
    },
    /// The role that applies lacks the permission.
    RoleLacks {
        /// The role.
        role: Name,
        /// The item's group.
        group: Name,
        /// How it reached the user.
        source: RoleSource,
        /// The permission.
        permission: RolePermission,
    },
    /// The role that applies, or the group, does not exist.
    UnknownRole,
}

impl Reason {
    /// The gate this is about.
    #[must_use]
    pub const fn gate(&self) -> Gate {
        match self {
            Reason::UnknownUser | Reason::UserEnabled { .. } | Reason::UserDisabled { .. } => Gate::User,
            Reason::UnknownItem => Gate::Item,
            Reason::MethodAllowed { .. } | Reason::MethodNotAllowed { .. } => Gate::Method,
            Reason::UnknownJumpoint
            | Reason::JumpointGranted { .. }
            | Reason::JumpointDisabled { .. }
            | Reason::JumpointMethodOff { .. }
            | Reason::JumpointNotGranted { .. } => Gate::Jumpoint,
            Reason::RolePermits { .. } | Reason::RoleLacks { .. } | Reason::UnknownRole => Gate::Role,
        }
    }

    /// Whether it lets the action pass.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Reason::UserEnabled { .. }
            | Reason::MethodAllowed { .. }
            | Reason::JumpointGranted { .. }
            | Reason::RolePermits { .. } => Verdict::Pass,
            _ => Verdict::Stop,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = |f: &mut fmt::Formatter<'_>, role: &Name, group: &Name, source: &RoleSource| match source {
            RoleSource::Membership => {
                write!(f, "role \"{role}\" (set on the membership in group \"{group}\")")
            }
            RoleSource::UserDefault => {
                write!(
                    f,
                    "role \"{role}\" (the user's default, as the membership in group \"{group}\" says)"
                )
            }
            RoleSource::NotAMember => write!(f, "role \"{role}\" (the user is not in group \"{group}\")"),
        };
        match self {
            Reason::UnknownUser => f.write_str("there is no such user"),
            Reason::UserEnabled { user } => write!(f, "user \"{user}\" is enabled"),
            Reason::UserDisabled { user } => write!(f, "user \"{user}\" is disabled"),
            Reason::UnknownItem => f.write_str("there is no such jump item"),
            Reason::MethodAllowed { method } => write!(f, "{method} is an allowed method of the user"),
            Reason::MethodNotAllowed { method } => write!(f, "{method} is not an allowed method of the user"),
            Reason::UnknownJumpoint => f.write_str("the item's jumpoint does not exist"),
            Reason::JumpointGranted { jumpoint } => {
                write!(f, "jumpoint \"{jumpoint}\" is granted to the user")
            }
            Reason::JumpointDisabled { jumpoint } => write!(f, "jumpoint \"{jumpoint}\" is disabled"),
            Reason::JumpointMethodOff { jumpoint, method } => {
                write!(f, "{method} is switched off on jumpoint \"{jumpoint}\"")
            }
            Reason::JumpointNotGranted { jumpoint } => {
                write!(f, "jumpoint \"{jumpoint}\" is not granted to the user")
            }
            Reason::RolePermits {
                role: name,
                group,
                source,
                permission,
            } => {
                role(f, name, group, source)?;
                write!(f, " has {permission}")
            }
            Reason::RoleLacks {
                role: name,
                group,
                source,
                permission,
            } => {
                role(f, name, group, source)?;
                write!(f, " lacks {permission}")
            }
            Reason::UnknownRole => f.write_str("the role or group that applies does not exist"),
        }
    }
}

/// What must hold while an allowed session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obligations {
    /// How it is recorded.
    pub recording: RecordingMode,
    /// What may happen in it.
    pub permissions: SessionPermissions,
    /// When it ends at the latest.
    pub until: Timestamp,
}

/// The answer: effect, obligations, and a reason per gate in the order the gates were checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Yes or no.
    pub effect: Effect,
    /// What must hold, if yes.
    pub obligations: Option<Obligations>,
    /// Why: one reason per gate.
    pub reasons: Vec<Reason>,
}

impl Decision {
    /// The reasons that shut a gate, joined for a message.
    #[must_use]
    pub fn why_not(&self) -> String {
        let stops: Vec<String> = self
            .reasons
            .iter()
            .filter(|reason| reason.verdict() == Verdict::Stop)
            .map(ToString::to_string)
            .collect();
        stops.join("; ")
    }
}

/// Proof that a decision was yes. Only [`decide`](super::decide) makes one, so a grant cannot be made without it.
///
/// ```compile_fail
/// let forged = jump_core::access::Allowed { user: todo!(), user_name: todo!(), item: todo!(), obligations: todo!() };
/// ```
#[derive(Clone, Debug)]
pub struct Allowed {
    pub(super) user: UserId,
    pub(super) user_name: UserName,
    pub(super) item: ItemId,
    pub(super) obligations: Obligations,
}

impl Allowed {
    /// Who was allowed.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// That user's name.
    #[must_use]
    pub fn user_name(&self) -> &str {
        self.user_name.as_str()
    }

    /// On which item.
    #[must_use]
    pub const fn item(&self) -> ItemId {
        self.item
    }

    /// What must hold.
    #[must_use]
    pub const fn obligations(&self) -> &Obligations {
        &self.obligations
    }
}
