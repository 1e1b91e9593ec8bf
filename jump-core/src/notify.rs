//! Telling others about sessions and approval requests: what is told, and the contract of whoever carries it.
//!
//! A Jump Policy says of which moments ([`model::Notification`](crate::model::Notification)). The broker hands each
//! [`Notification`] to every [`Notifier`] it was built with, from a bounded queue beside the sessions: a notifier that fails or
//! hangs delays no session and ends none. What fails for a while is tried again; what is given up is in the audit log and
//! counted. The queue is in memory: what waits when the process is killed is lost.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;

use crate::error::Result;
use crate::id::{ApprovalId, SessionId};
use crate::keys::random_bytes;
use crate::model::{Field, Name};
use crate::session::EndReason;
use crate::time::Timestamp;

/// Something that a Jump Policy wants others to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Notification {
    /// 128 random bits in hex, the same in every attempt: a receiver that has seen it need not act again.
    pub id: String,
    /// When it happened, by the broker's clock.
    pub time: Timestamp,
    /// The broker's public address.
    pub site: String,
    /// The Jump Policy's name.
    pub policy: Name,
    /// What happened.
    #[serde(flatten)]
    pub event: NotificationEvent,
    /// Who hears of it by e-mail, as the policy says.
    #[serde(skip)]
    pub email_addresses: Vec<Field>,
    /// The name to show instead of the addresses; may be empty.
    #[serde(skip)]
    pub display_name: Field,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", content = "detail", rename_all = "snake_case")]
#[non_exhaustive]
pub enum NotificationEvent {
    /// The rep has joined a session.
    SessionStarted(SessionFacts),
    /// A session that had started is over.
    SessionEnded {
        /// The session.
        #[serde(flatten)]
        session: SessionFacts,
        /// Why.
        end: EndReason,
        /// Payload bytes from the rep.
        bytes_from_rep: u64,
        /// Payload bytes from the target.
        bytes_from_target: u64,
    },
    /// Somebody asks for an approval.
    ApprovalRequested(ApprovalFacts),
}

/// A session, as others are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionFacts {
    /// Its id.
    pub session: SessionId,
    /// The user's name.
    pub user: String,
    /// The item's name.
    pub item: String,
    /// The protocol's key: `ssh`.
    pub protocol: String,
    /// When it was granted.
    pub started: Timestamp,
}

/// An approval request, as others are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApprovalFacts {
    /// Its id.
    pub request: ApprovalId,
    /// Who asks.
    pub requester: String,
    /// For which item.
    pub item: String,
    /// From when.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
    /// Why, as the requester says.
    pub reason: String,
    /// Who may answer, teams resolved, by name; at most 100.
    pub approvers: Vec<String>,
}

impl Notification {
    pub(crate) fn new(time: Timestamp, site: String, policy: Name, event: NotificationEvent) -> Result<Self> {
        Ok(Self {
            id: data_encoding::HEXLOWER.encode(&random_bytes::<16>()?),
            time,
            site,
            policy,
            event,
            email_addresses: Vec::new(),
            display_name: Field::default(),
        })
    }
}

impl NotificationEvent {
    /// The word for it: `session_started`, `session_ended`, `approval_requested`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::SessionStarted(_) => "session_started",
            Self::SessionEnded { .. } => "session_ended",
            Self::ApprovalRequested(_) => "approval_requested",
        }
    }
}

/// Carries notifications to others.
#[async_trait]
pub trait Notifier: Debug + Send + Sync + 'static {
    /// A name for the audit log.
    fn name(&self) -> &str;

    /// What is delivered and tried again by itself, such as one message for each recipient; nothing, if there is nobody whom
    /// this notifier would tell.
    fn parts(&self, notification: Arc<Notification>) -> Vec<Arc<Notification>> {
        vec![notification]
    }

    /// Delivers one part. Dropped after fifteen seconds; must be cancel-safe in that it may be called again.
    ///
    /// # Errors
    /// Retryable ones are tried again. The message goes to the audit log, so it must hold no secret.
    async fn deliver(&self, part: &Notification) -> Result<()>;
}

/// What became of a broker's notifications since its start, counted in parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotificationCounts {
    /// Queued, or being delivered.
    pub waiting: usize,
    /// Delivered.
    pub delivered: u64,
    /// Given up; each is in the audit log.
    pub failed: u64,
}
