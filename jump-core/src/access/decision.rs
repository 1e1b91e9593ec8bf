//! The answer of an access decision.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Reason;
use crate::id::{ItemId, PolicyId, UserId};
use crate::model::{CommandFilter, PathLimits, UserName};
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
    /// The Jump Policy's schedule.
    Schedule,
    /// The Jump Policy's approval.
    Approval,
    /// What the Jump Policy asks for at the door: reason, ticket, second factor.
    Requirement,
    /// Other sessions on the same item.
    Simultaneity,
}

/// What a user can supply to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Need {
    /// A reason.
    Reason,
    /// A ticket id that the ticket system approves.
    Ticket,
    /// A second factor.
    SecondFactor,
    /// The choice to override an advisory schedule.
    ScheduleOverride,
    /// Somebody's approval.
    Approval,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Reason => "a reason",
            Need::Ticket => "a ticket id",
            Need::SecondFactor => "a second factor",
            Need::ScheduleOverride => "the choice to override its schedule",
            Need::Approval => "an approval",
        })
    }
}

/// What ends a session that nobody ends before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The longest duration of a session.
    Duration,
    /// The end of a strict schedule's window.
    Schedule,
    /// The end of an approval.
    Approval,
}

/// What must hold while an allowed session runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obligations {
    /// How it is recorded.
    pub recording: RecordingMode,
    /// What may happen in it.
    pub permissions: SessionPermissions,
    /// Which commands may run without a shell; `None` is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<CommandFilter>,
    /// Between which paths files may move.
    #[serde(default, skip_serializing_if = "PathLimits::is_empty")]
    pub paths: PathLimits,
    /// When it ends at the latest.
    pub until: Timestamp,
    /// What ends it then.
    pub limit: Limit,
    /// After how many seconds without a byte from the rep it ends; `None` is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_limit_seconds: Option<u32>,
    /// The Jump Policy that applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyId>,
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

    /// What the user would have to supply, if nothing else is in the way; empty if it is allowed, or if supplying it
    /// would not help.
    #[must_use]
    pub fn needs(&self) -> Vec<Need> {
        let stops = self
            .reasons
            .iter()
            .filter(|reason| reason.verdict() == Verdict::Stop);
        stops.map(Reason::need).collect::<Option<_>>().unwrap_or_default()
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
