//! Sessions as a store keeps them.

use serde::{Deserialize, Serialize};

use crate::id::{ItemId, SessionId, UserId};
use crate::keys::PublicKey;
use crate::session::{EndReason, GatePlace};
use crate::time::Timestamp;

/// A session, running or over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// Who.
    pub user: UserId,
    /// That user's name at the time.
    pub user_name: String,
    /// On what.
    pub item: ItemId,
    /// That item's name at the time.
    pub item_name: String,
    /// Where its gate runs.
    #[serde(rename = "jumpoint")]
    pub place: GatePlace,
    /// By which protocol.
    pub protocol: String,
    /// The broker that runs it, by its key; records of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<PublicKey>,
    /// When it was granted.
    pub started: Timestamp,
    /// Where it stands.
    pub state: SessionState,
    /// When its recording was removed by retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_removed: Option<Timestamp>,
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SessionState {
    /// It was granted and may be running.
    Active,
    /// It is over.
    Ended {
        /// When.
        at: Timestamp,
        /// Why.
        reason: EndReason,
        /// Payload bytes from the rep.
        bytes_from_rep: u64,
        /// Payload bytes from the target.
        bytes_from_target: u64,
    },
}

impl SessionState {
    /// Whether the session may be running.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self, SessionState::Active)
    }
}
