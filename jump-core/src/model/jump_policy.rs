//! Jump Policies: when one may jump, and what must be done first.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{CodeName, Description, Field, Name, Schedule};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{PolicyId, TeamId, UserId};
use crate::session::RecordingMode;

/// A Jump Policy; set on an item, or on a membership and then instead of the item's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpPolicy {
    /// Its id.
    pub id: PolicyId,
    /// Its name, unique in the site.
    pub name: Name,
    /// What imports and scripts call it, unique among Jump Policies; `None` is [`CodeName::of`] its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_name: Option<CodeName>,
    /// What it is for; at most 1000 characters.
    #[serde(default)]
    pub description: Description,
    /// When one may jump; `None` is always. Not together with an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Whether the schedule also ends sessions and cannot be overridden; an advisory one must be asked for.
    #[serde(default = "yes")]
    pub schedule_strict: bool,
    /// Whose approval is needed; `None` is nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Whether a reason must be given.
    #[serde(default)]
    pub reason_required: bool,
    /// Whether a ticket id must be given and be approved by the ticket system.
    #[serde(default)]
    pub ticket_id_required: bool,
    /// Whether a second factor must be shown for every Jump.
    #[serde(default)]
    pub two_factor_challenge_required: bool,
    /// Several sessions on one item at once.
    #[serde(default)]
    pub simultaneous_jumps: SimultaneousJumps,
    /// Whether copies of an item count as the item.
    #[serde(default)]
    pub simultaneous_jump_behavior_applies_to_copies: bool,
    /// The same for RDP items.
    #[serde(default)]
    pub simultaneous_jumps_rdp: SimultaneousRdp,
    /// Who hears of sessions.
    #[serde(default)]
    pub notification: Notification,
    /// Whether nothing is recorded.
    #[serde(default)]
    pub recordings_disabled: bool,
    /// What happens when a recording fails or cannot keep up; `None` is as the item says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_mode: Option<RecordingMode>,
    /// The longest a session may last, in seconds, at least 1; the shortest limit of item, policy and site holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_seconds: Option<u32>,
    /// After how many seconds without a byte from the rep a session ends, at least 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_limit_seconds: Option<u32>,
}

const fn yes() -> bool {
    true
}

/// Whether several sessions may run on one item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SimultaneousJumps {
    /// As the site says.
    #[default]
    Global,
    /// Others may start sessions beside a running one.
    Join,
    /// One session at a time.
    Disallow,
}

/// Whether several sessions may run on one RDP item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SimultaneousRdp {
    /// As the site says.
    #[default]
    Global,
    /// Each gets a session of its own on the target.
    NewSession,
    /// One session at a time.
    Disallow,
}

/// An approval before the Jump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The longest that may be approved, in minutes, 1..=524160.
    #[serde(default = "Approval::default_duration")]
    pub max_duration_minutes: u32,
    /// For whom an approval holds.
    #[serde(default)]
    pub scope: ApprovalScope,
    /// Users who may approve, at most 100.
    #[serde(default)]
    pub approvers: BTreeSet<UserId>,
    /// Teams whose members may approve, at most 100.
    #[serde(default)]
    pub approver_teams: BTreeSet<TeamId>,
    /// E-mail addresses that hear of requests, at most 100; they need not be users'.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub email_addresses: Vec<Field>,
    /// Whether one may approve one's own request.
    #[serde(default)]
    pub self_approval: bool,
}

impl Approval {
    /// Minutes that may be approved at most where nothing is said.
    pub const DEFAULT_DURATION_MINUTES: u32 = 480;

    const fn default_duration() -> u32 {
        Self::DEFAULT_DURATION_MINUTES
    }
}

/// For whom an approval holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalScope {
    /// Who asked.
    #[default]
    Requestor,
    /// Anyone who may jump otherwise.
    Anyone,
}

/// Who hears of sessions, and of which moments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notification {
    /// When a session starts.
    pub session_start: bool,
    /// When a session ends.
    pub session_end: bool,
    /// E-mail addresses, at most 100.
    pub email_addresses: Vec<Field>,
    /// The name to show instead of the address, at most 255 characters.
    pub display_name: Field,
}

impl JumpPolicy {
    /// A policy that asks for nothing.
    #[must_use]
    pub fn new(id: PolicyId, name: Name) -> Self {
        Self {
            id,
            name,
            code_name: None,
            description: Description::default(),
            schedule: None,
            schedule_strict: true,
            approval: None,
            reason_required: false,
            ticket_id_required: false,
            two_factor_challenge_required: false,
            simultaneous_jumps: SimultaneousJumps::Global,
            simultaneous_jump_behavior_applies_to_copies: false,
            simultaneous_jumps_rdp: SimultaneousRdp::Global,
            notification: Notification::default(),
            recordings_disabled: false,
            recording_mode: None,
            max_duration_seconds: None,
            idle_limit_seconds: None,
        }
    }

    /// Its code name, given or made from the name.
    #[must_use]
    pub fn code_name(&self) -> CodeName {
        self.code_name.clone().unwrap_or_else(|| CodeName::of(&self.name))
    }

    /// Checks what its type does not check already.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`], naming the first field out of range.
    pub fn validate(&self) -> Result<()> {
        let wrong = |rule| {
            Err(Error::new(
                ErrorKind::InvalidArgument,
                "check a jump policy",
                rule,
            ))
        };
        if self.description.as_str().chars().count() > 1000 {
            return wrong("a jump policy's description has at most 1000 characters");
        }
        if self.schedule.is_some() && self.approval.is_some() {
            return wrong("a jump policy has a schedule or an approval, not both");
        }
        if let Some(approval) = &self.approval {
            if !(1..=524_160).contains(&approval.max_duration_minutes) {
                return wrong("an approval's max_duration_minutes is 1 to 524160");
            }
            let lists = [
                approval.approvers.len(),
                approval.approver_teams.len(),
                approval.email_addresses.len(),
            ];
            if lists.into_iter().any(|length| length > 100) {
                return wrong("an approval names at most 100 users, 100 teams and 100 addresses");
            }
        }
        if self.simultaneous_jump_behavior_applies_to_copies
            && self.simultaneous_jumps == SimultaneousJumps::Global
        {
            return wrong("simultaneous_jump_behavior_applies_to_copies needs join or disallow");
        }
        let notification = &self.notification;
        if notification.email_addresses.len() > 100 {
            return wrong("a jump policy notifies at most 100 addresses");
        }
        if notification.display_name.as_str().chars().count() > 255 {
            return wrong("notification.display_name has at most 255 characters");
        }
        let address = |text: &Field| {
            text.as_str().split_once('@').is_some_and(|(user, host)| {
                !user.is_empty() && !host.is_empty() && !text.as_str().contains([' ', '<', '>', ',', ';'])
            })
        };
        let mut approvals = self
            .approval
            .iter()
            .flat_map(|approval| &approval.email_addresses);
        if !notification.email_addresses.iter().all(address) || !approvals.all(address) {
            return wrong("an e-mail address is user@host");
        }
        if self.max_duration_seconds == Some(0) {
            return wrong("max_duration_seconds is at least 1");
        }
        if self.idle_limit_seconds.is_some_and(|seconds| seconds < 10) {
            return wrong("idle_limit_seconds is at least 10");
        }
        Ok(())
    }
}
