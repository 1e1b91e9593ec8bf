//! What is logged.

use serde::{Deserialize, Serialize};

use super::{ChangeNote, FactorNote, ItemPlace, RemovedEvents, VaultNote};
use crate::error::ErrorKind;
use crate::id::{ApprovalId, ItemId, JumpointId, LoginId, SessionId, UserId, VaultAccountId};
use crate::model::{Change, Name};
use crate::protocol::SessionEvent;
use crate::session::{EndReason, GatePlace, RecordingMode};
use crate::time::Timestamp;

/// What the audit log remembers of a session's recording, so that a recording that was cut or exchanged shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingNote {
    /// The last link of the recording's hash chain, SHA-256 in hex: what [`verify`](crate::recording::verify) gives.
    pub hash: String,
    /// How many payload bytes it holds.
    pub bytes: u64,
    /// How many payload bytes were lost (only in mode `best_effort`).
    pub lost: u64,
}

/// What the log remembers of the item of a session, as it was when the session was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPlace {
    /// The item's type, as people call it: `Shell Jump`.
    pub item_type: String,
    /// The protocol's key: `ssh`.
    pub protocol: String,
    /// Where the item was.
    pub place: ItemPlace,
    /// The Jumpoint's name; empty if the gate runs in the rep's process.
    pub jumpoint_name: String,
    /// How it is to be recorded, so that a recording that is missing shows; `None` in logs that were written before this was
    /// noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingMode>,
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// A user, through one of its logins.
    User {
        /// Who.
        user: UserId,
        /// That user's name at the time.
        name: String,
        /// Through which login, if it was over the network.
        login: Option<LoginId>,
    },
    /// A Jumpoint.
    Jumpoint {
        /// Which.
        jumpoint: JumpointId,
    },
    /// A rep's own process, about a session whose gate it runs: its own word, which nobody else has checked.
    Rep {
        /// Whose.
        user: UserId,
        /// That user's name at the time.
        name: String,
        /// Through which login.
        login: Option<LoginId>,
    },
    /// The site itself: its start, a time limit, a re-check.
    System,
    /// Somebody who could not prove who they are.
    Unknown,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When, by the broker's clock; the order of events is their sequence number, not this.
    pub time: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// From which address, if it was over the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub kind: AuditKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "detail", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditKind {
    /// The broker started.
    BrokerStarted,
    /// A login or Jumpoint connected and proved its key.
    Connected,
    /// A Jumpoint connected while an older connection of its key was still up; the older one was closed.
    ConnectionReplaced,
    /// Somebody connected and was refused.
    Refused {
        /// The kind of the error.
        kind: ErrorKind,
        /// Its message.
        message: String,
    },
    /// A login or Jumpoint enrolled with a token.
    Enrolled,
    /// An enrolment token was made; what for.
    TokenCreated {
        /// For what.
        purpose: String,
    },
    /// The site was changed. Sealed credentials are part of a change; they open only at the Jumpoint.
    Changed {
        /// The changes, applied together.
        changes: Vec<Change>,
        /// What each replaced; empty in logs that were written before there were notes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<ChangeNote>,
        /// How many objects were changed besides those that are noted: more than there is room for in one event.
        #[serde(default, skip_serializing_if = "is_zero")]
        unnoted: u64,
    },
    /// A logged change could not be made after all.
    ChangeFailed {
        /// The kind of the error.
        kind: ErrorKind,
        /// Its message.
        message: String,
        /// The notes of the change that was not made, without values.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<ChangeNote>,
    },
    /// A Jump was refused.
    SessionDenied {
        /// On what.
        item: ItemId,
        /// The reasons.
        reasons: String,
    },
    /// A Jump was allowed; the session may start once this is durable.
    SessionGranted {
        /// The session.
        session: SessionId,
        /// On what.
        item: ItemId,
        /// That item's name.
        item_name: String,
        /// Where its gate runs.
        #[serde(rename = "jumpoint")]
        place: GatePlace,
        /// What else a report says of the item; `None` in logs that were written before this was noted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<SessionPlace>,
        /// The reasons.
        reasons: String,
        /// Why the user needs it, as the user says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The ticket id that the user gave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket: Option<String>,
    },
    /// A provider's credential is about to be given to the Jumpoint of a session that was granted.
    CredentialInjectionAttempt {
        /// The session.
        session: SessionId,
        /// On what.
        item: ItemId,
        /// Who keeps the credential.
        provider: String,
        /// Its id there.
        credential: String,
        /// Its name.
        name: String,
    },
    /// A provider failed, so that no session started, or the target refused its credential.
    CredentialInjectionFailed {
        /// The session, if it was granted.
        session: Option<SessionId>,
        /// On what.
        item: ItemId,
        /// Who keeps the credential.
        provider: String,
        /// Its id there, if it came to that.
        credential: Option<String>,
        /// Its name.
        name: Option<String>,
        /// The kind of the error.
        kind: ErrorKind,
        /// Its message.
        message: String,
    },
    /// A user is about to be shown a credential of the vault.
    CredentialCheckedOut {
        /// Which account's.
        account: VaultAccountId,
        /// Its name.
        name: Name,
        /// When the check-out ends by itself.
        until: Timestamp,
    },
    /// A check-out was ended.
    CredentialCheckedIn {
        /// Of the account of this name.
        name: Name,
        /// Whose.
        user: UserId,
    },
    /// The vault was changed.
    VaultChanged(VaultNote),
    /// A notification was given up.
    NotificationFailed {
        /// Who was to carry it.
        notifier: String,
        /// Its id.
        id: String,
        /// What it was about: `session_started`, `session_ended`, `approval_requested`.
        about: String,
        /// The session, if it was about one.
        session: Option<SessionId>,
        /// The approval request, if it was about one.
        request: Option<ApprovalId>,
        /// How often it was tried.
        attempts: u32,
        /// The kind of the last error.
        kind: ErrorKind,
        /// Its message.
        message: String,
    },
    /// The oldest events of this log are about to be removed by retention.
    EventsRemoved(RemovedEvents),
    /// Events that were announced as removed were not: they are still there.
    EventsNotRemoved {
        /// The number of the last of them.
        last: u64,
        /// The kind of the error.
        kind: ErrorKind,
        /// Its message.
        message: String,
    },
    /// A Jumpoint is about to remove the recording of a session that is over, by retention.
    RecordingRemoved {
        /// The session.
        session: SessionId,
        /// The last link of the recording's hash chain, SHA-256 in hex, as when the session ended.
        hash: String,
        /// How many bytes the file has.
        file_bytes: u64,
        /// For how many days recordings are kept there.
        days: u32,
    },
    /// A second factor was changed.
    SecondFactorChanged(FactorNote),
    /// Something happened inside a session.
    SessionEvent {
        /// The session.
        session: SessionId,
        /// What.
        event: SessionEvent,
    },
    /// A session ended.
    SessionEnded {
        /// The session.
        session: SessionId,
        /// Why.
        reason: EndReason,
        /// Payload bytes from the rep.
        bytes_from_rep: u64,
        /// Payload bytes from the target.
        bytes_from_target: u64,
        /// Its recording, if there is one that was closed properly.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recording: Option<RecordingNote>,
    },
}
