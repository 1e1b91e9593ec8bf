//! Why one gate is open or shut, in data and in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Gate, Need, Verdict};
use crate::id::ApprovalId;
use crate::model::{JumpMethod, Name, RolePermission, UserName};
use crate::time::Timestamp;

/// Through which rule a role reached the user: the most specific one wins. `by` is the group policy that filled the slot;
/// `None` is the user's own account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RoleSource {
    /// A role set directly on the membership in the item's group.
    Membership,
    /// A role set on the membership that a group policy gives.
    GroupPolicy {
        /// Which group policy.
        policy: Name,
    },
    /// The membership says "user's default": the Default slot.
    UserDefault {
        /// Who filled the slot.
        by: Option<Name>,
    },
    /// The item is on the user's own personal list: the Personal slot.
    Personal {
        /// Who filled the slot.
        by: Option<Name>,
    },
    /// The item is on the personal list of a team member with a lower team role: the Teams slot.
    Team {
        /// Who filled the slot.
        by: Option<Name>,
    },
    /// No other rule applies: the System slot.
    System {
        /// Who filled the slot.
        by: Option<Name>,
    },
    /// The user is not in the item's group, so No Access applies.
    NotAMember,
    /// The item is on somebody else's personal list, so No Access applies.
    NotOnesOwn,
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
        /// The group policy that says so; `None` is the account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Name>,
    },
    /// The method is not among the user's allowed ones.
    MethodNotAllowed {
        /// Which.
        method: JumpMethod,
        /// The group policy that says so; `None` is the account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Name>,
    },
    /// The item names a Jumpoint that does not exist.
    UnknownJumpoint,
    /// The item's type needs no Jumpoint.
    NoJumpointNeeded,
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
        /// The item's group, or the owner of the personal list it is on.
        group: Place,
        /// How it reached the user.
        source: RoleSource,
        /// The permission.
        permission: RolePermission,
    },
    /// The role that applies lacks the permission.
    RoleLacks {
        /// The role.
        role: Name,
        /// The item's group, or the owner of the personal list it is on.
        group: Place,
        /// How it reached the user.
        source: RoleSource,
        /// The permission.
        permission: RolePermission,
    },
    /// The role that applies, or the group, does not exist.
    UnknownRole,
    /// The Jump Policy that applies does not exist.
    UnknownPolicy,
    /// The schedule is open.
    ScheduleOpen {
        /// The Jump Policy.
        policy: Name,
        /// When it closes and ends sessions; `None` is never.
        until: Option<Timestamp>,
    },
    /// The schedule is closed and strict.
    ScheduleClosed {
        /// The Jump Policy.
        policy: Name,
        /// When it opens; `None` is never.
        opens: Option<Timestamp>,
    },
    /// The schedule is closed but only advises; one may choose to override it.
    ScheduleAdvises {
        /// The Jump Policy.
        policy: Name,
        /// When it opens; `None` is never.
        opens: Option<Timestamp>,
    },
    /// The schedule is closed, only advises, and was overridden.
    ScheduleOverridden {
        /// The Jump Policy.
        policy: Name,
    },
    /// An approval holds.
    Approved {
        /// The Jump Policy.
        policy: Name,
        /// The request.
        request: ApprovalId,
        /// Until when.
        until: Timestamp,
    },
    /// No approval holds.
    ApprovalRequired {
        /// The Jump Policy.
        policy: Name,
    },
    /// What the Jump Policy asks for was given.
    Given {
        /// The Jump Policy.
        policy: Name,
        /// What.
        need: Need,
    },
    /// What the Jump Policy asks for was not given.
    Missing {
        /// The Jump Policy.
        policy: Name,
        /// What.
        need: Need,
    },
    /// There is a session on the item already, and only one may be.
    InUse {
        /// The Jump Policy that says so; `None` is the site.
        policy: Option<Name>,
    },
}

/// What an item belongs to, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A Jump Group.
    Group(Name),
    /// Somebody's personal list.
    Personal(UserName),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Group(name) => write!(f, "group \"{name}\""),
            Place::Personal(user) => write!(f, "the personal list of \"{user}\""),
        }
    }
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
            | Reason::NoJumpointNeeded
            | Reason::JumpointGranted { .. }
            | Reason::JumpointDisabled { .. }
            | Reason::JumpointMethodOff { .. }
            | Reason::JumpointNotGranted { .. } => Gate::Jumpoint,
            Reason::RolePermits { .. } | Reason::RoleLacks { .. } | Reason::UnknownRole => Gate::Role,
            Reason::UnknownPolicy
            | Reason::ScheduleOpen { .. }
            | Reason::ScheduleClosed { .. }
            | Reason::ScheduleAdvises { .. }
            | Reason::ScheduleOverridden { .. } => Gate::Schedule,
            Reason::Approved { .. } | Reason::ApprovalRequired { .. } => Gate::Approval,
            Reason::Given { .. } | Reason::Missing { .. } => Gate::Requirement,
            Reason::InUse { .. } => Gate::Simultaneity,
        }
    }

    /// Whether it lets the action pass.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Reason::UserEnabled { .. }
            | Reason::MethodAllowed { .. }
            | Reason::NoJumpointNeeded
            | Reason::JumpointGranted { .. }
            | Reason::RolePermits { .. }
            | Reason::ScheduleOpen { .. }
            | Reason::ScheduleOverridden { .. }
            | Reason::Approved { .. }
            | Reason::Given { .. } => Verdict::Pass,
            _ => Verdict::Stop,
        }
    }

    /// What the user can do to open the gate without anybody's help or with an approver's.
    #[must_use]
    pub const fn need(&self) -> Option<Need> {
        match self {
            Reason::Missing { need, .. } => Some(*need),
            Reason::ApprovalRequired { .. } => Some(Need::Approval),
            Reason::ScheduleAdvises { .. } => Some(Need::ScheduleOverride),
            _ => None,
        }
    }
}

fn slot(f: &mut fmt::Formatter<'_>, slot: &str, by: Option<&Name>) -> fmt::Result {
    match by {
        Some(policy) => write!(f, "{slot} of group policy \"{policy}\""),
        None => write!(f, "{slot}"),
    }
}

fn role(f: &mut fmt::Formatter<'_>, role: &Name, place: &Place, source: &RoleSource) -> fmt::Result {
    write!(f, "role \"{role}\" (")?;
    match source {
        RoleSource::Membership => write!(f, "set on the membership in {place}"),
        RoleSource::GroupPolicy { policy } => {
            write!(f, "set on the membership in {place} by group policy \"{policy}\"")
        }
        RoleSource::UserDefault { by } => {
            slot(f, "the user's default", by.as_ref())?;
            write!(f, ", as the membership in {place} says")
        }
        RoleSource::Personal { by } => slot(f, "for one's own personal list", by.as_ref()),
        RoleSource::Team { by } => {
            slot(f, "for personal lists in the team", by.as_ref())?;
            write!(f, ", here {place}")
        }
        RoleSource::System { by } => {
            slot(f, "the user's system role", by.as_ref())?;
            write!(f, ", here {place}")
        }
        RoleSource::NotAMember => write!(f, "the user is not in {place}"),
        RoleSource::NotOnesOwn => write!(f, "{place} is not the user's own"),
    }?;
    f.write_str(")")
}

fn by(f: &mut fmt::Formatter<'_>, policy: Option<&Name>) -> fmt::Result {
    match policy {
        Some(policy) => write!(f, ", by group policy \"{policy}\""),
        None => Ok(()),
    }
}

/// To the second: what a person reads.
fn time(at: &Timestamp) -> impl fmt::Display {
    Timestamp::from_second(at.as_second()).unwrap_or(*at)
}

fn opens(f: &mut fmt::Formatter<'_>, opens: Option<&Timestamp>) -> fmt::Result {
    match opens {
        Some(at) => write!(f, "opens at {}", time(at)),
        None => f.write_str("never opens"),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::UnknownUser => f.write_str("there is no such user"),
            Reason::UserEnabled { user } => write!(f, "user \"{user}\" is enabled"),
            Reason::UserDisabled { user } => write!(f, "user \"{user}\" is disabled"),
            Reason::UnknownItem => f.write_str("there is no such jump item"),
            Reason::MethodAllowed { method, by: policy } => {
                write!(f, "{method} is an allowed method of the user")?;
                by(f, policy.as_ref())
            }
            Reason::MethodNotAllowed { method, by: policy } => {
                write!(f, "{method} is not an allowed method of the user")?;
                by(f, policy.as_ref())
            }
            Reason::UnknownJumpoint => f.write_str("the item's jumpoint does not exist"),
            Reason::NoJumpointNeeded => f.write_str("this type of item needs no jumpoint"),
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
            Reason::UnknownPolicy => f.write_str("the jump policy that applies does not exist"),
            Reason::ScheduleOpen { policy, until } => {
                write!(f, "the schedule of jump policy \"{policy}\" is open")?;
                match until {
                    Some(at) => write!(f, " until {}", time(at)),
                    None => Ok(()),
                }
            }
            Reason::ScheduleClosed { policy, opens: at } => {
                write!(f, "the schedule of jump policy \"{policy}\" is closed and ")?;
                opens(f, at.as_ref())
            }
            Reason::ScheduleAdvises { policy, opens: at } => {
                write!(f, "the schedule of jump policy \"{policy}\" is closed and ")?;
                opens(f, at.as_ref())?;
                f.write_str("; it may be overridden")
            }
            Reason::ScheduleOverridden { policy } => {
                write!(
                    f,
                    "the schedule of jump policy \"{policy}\" is closed and was overridden"
                )
            }
            Reason::Approved {
                policy,
                request,
                until,
            } => write!(
                f,
                "approval request {request} for jump policy \"{policy}\" is approved until {}",
                time(until)
            ),
            Reason::ApprovalRequired { policy } => {
                write!(f, "jump policy \"{policy}\" asks for an approval: request one")
            }
            Reason::Given { policy, need } => {
                write!(f, "{need}, which jump policy \"{policy}\" asks for, was given")
            }
            Reason::Missing { policy, need } => write!(f, "jump policy \"{policy}\" asks for {need}"),
            Reason::InUse { policy: Some(policy) } => {
                write!(
                    f,
                    "there is a session on the item, and jump policy \"{policy}\" allows one at a time"
                )
            }
            Reason::InUse { policy: None } => {
                f.write_str("there is a session on the item, and the site allows one at a time")
            }
        }
    }
}
