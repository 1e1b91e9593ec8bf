//! Approval requests: asking somebody to be let in for a while.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Remark;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApprovalId, ItemId, PolicyId, UserId};
use crate::time::{SignedDuration, Timestamp};

/// A request to be allowed to jump to one item for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// Its id.
    pub id: ApprovalId,
    /// The Jump Policy that asks for it.
    pub policy: PolicyId,
    /// The item.
    pub item: ItemId,
    /// Who asks.
    pub requester: UserId,
    /// From when.
    pub start: Timestamp,
    /// For how long, in seconds, at least 60, at most what the policy says.
    pub duration_seconds: u32,
    /// Why.
    #[serde(default)]
    pub reason: Remark,
    /// Where it stands.
    pub state: ApprovalState,
    /// Who answered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<UserId>,
    /// What they said.
    #[serde(default)]
    pub comments: Remark,
}

/// Where an approval request stands. That an approved one is in use shows in the live sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Nobody answered yet.
    Pending,
    /// It holds from its start for its duration.
    Approved,
    /// No.
    Denied,
    /// Taken back by who asked.
    Cancelled,
    /// Taken back by an approver after it was approved.
    Revoked,
}

impl ApprovalState {
    /// Whether a request may go from here to there.
    #[must_use]
    pub const fn may_become(self, next: ApprovalState) -> bool {
        matches!(
            (self, next),
            (
                ApprovalState::Pending,
                ApprovalState::Approved | ApprovalState::Denied | ApprovalState::Cancelled
            ) | (
                ApprovalState::Approved,
                ApprovalState::Cancelled | ApprovalState::Revoked
            )
        )
    }
}

impl fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ApprovalState::Pending => "pending",
            ApprovalState::Approved => "approved",
            ApprovalState::Denied => "denied",
            ApprovalState::Cancelled => "cancelled",
            ApprovalState::Revoked => "revoked",
        })
    }
}

impl ApprovalRequest {
    /// Seconds that are asked for where nothing is said.
    pub const DEFAULT_DURATION_SECONDS: u32 = 7200;

    /// When the approved time is over.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.start
            .checked_add(SignedDuration::from_secs(i64::from(self.duration_seconds)))
            .unwrap_or(Timestamp::MAX)
    }

    /// Whether it is approved and its time has come and is not over.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.state == ApprovalState::Approved && self.start <= now && now < self.end()
    }

    /// Checks what its type does not check already.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for less than 60 seconds.
    pub fn validate(&self) -> Result<()> {
        if self.duration_seconds < 60 {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "check an approval request",
                "duration_seconds is at least 60",
            ));
        }
        Ok(())
    }
}
