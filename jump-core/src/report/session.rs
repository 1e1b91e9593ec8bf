//! The session report.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BY_REP, ReportFilter, actor_name};
use crate::audit::{Actor, AuditEvent, AuditKind, Fields, RecordingNote};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, JumpointId, SessionId, UserId};
use crate::protocol::{SessionEvent, TransferDirection};
use crate::session::{GatePlace, RecordingMode};
use crate::time::Timestamp;

/// The most sessions that may be open at once.
const OPEN: usize = 65_536;
/// The most removed recordings of which is known in advance.
const REMOVED: usize = 1_000_000;
/// The most events that are kept of one session.
const EVENTS: usize = 1000;

/// One session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionRow {
    /// The session.
    pub session: SessionId,
    /// Whose: the user's name at the time.
    pub user: String,
    /// That user's id.
    pub user_id: Option<UserId>,
    /// On which item: its name at the time.
    pub item: String,
    /// That item's id.
    pub item_id: ItemId,
    /// The item's type, as people call it; empty if the log does not say.
    pub item_type: String,
    /// The group or personal list it was in; empty if the log does not say.
    pub group: String,
    /// The Jumpoint's name, or its number if the log does not say; for a session that the rep served itself, words that say so.
    pub jumpoint: String,
    /// That Jumpoint's id; `None` if the rep served the session itself.
    pub jumpoint_id: Option<JumpointId>,
    /// The protocol's key, such as `ssh`; empty if the log does not say.
    pub protocol: String,
    /// When it was granted.
    pub started: Timestamp,
    /// When it ended; `None` if the log does not say: it still runs.
    pub ended: Option<Timestamp>,
    /// How long it lasted, in seconds.
    pub duration_seconds: Option<i64>,
    /// Why it ended.
    pub end_reason: Option<String>,
    /// Whether that is a natural end: the rep or the target closed it.
    pub ended_normally: Option<bool>,
    /// Payload bytes from the rep.
    pub bytes_from_rep: Option<u64>,
    /// Payload bytes from the target.
    pub bytes_from_target: Option<u64>,
    /// Why the user needed it, as the user said.
    pub reason: Option<String>,
    /// The ticket id that the user gave.
    pub ticket: Option<String>,
    /// How it was to be recorded; `None` if the log does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_mode: Option<RecordingMode>,
    /// Its recording, if one was closed properly. Missing although `recording_mode` asked for one, it was lost or withheld.
    pub recording: Option<RecordingNote>,
    /// When that recording was removed by retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_removed: Option<Timestamp>,
    /// What happened inside; at most the first 1000.
    pub events: Vec<SessionEventRow>,
    /// How many more happened.
    pub events_left_out: u64,
}

/// Something that happened in a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionEventRow {
    /// When.
    pub time: Timestamp,
    /// What, by its documented name where one fits.
    pub event_type: String,
    /// Who did it.
    pub performed_by: String,
    /// More about it, by name.
    pub data: Fields,
}

/// Puts the events of each session together.
#[derive(Debug)]
pub(crate) struct SessionReport {
    filter: ReportFilter,
    open: HashMap<SessionId, SessionRow>,
    /// When recordings were removed that later events say were.
    removed: HashMap<SessionId, Timestamp>,
}

impl SessionReport {
    pub(crate) fn new(filter: ReportFilter) -> Self {
        Self {
            filter,
            open: HashMap::new(),
            removed: HashMap::new(),
        }
    }

    /// Hears of an event in advance: a recording is removed long after its session's row was complete.
    pub(crate) fn expect(&mut self, event: &AuditEvent) -> Result<()> {
        if let AuditKind::RecordingRemoved { session, .. } = &event.kind {
            if self.removed.len() >= REMOVED {
                return Err(Error::new(
                    ErrorKind::ResourceLimit,
                    "report sessions",
                    "more than 1000000 recordings were removed: ask the broker for the report",
                ));
            }
            self.removed.entry(*session).or_insert(event.time);
        }
        Ok(())
    }

    /// The next event, and the row of the session that ends with it.
    pub(crate) fn push(&mut self, event: &AuditEvent) -> Result<Option<SessionRow>> {
        if let Some(row) = started(event) {
            let item = (row.item_id, row.item.as_str());
            if self
                .filter
                .admits_session(row.session, row.started, &row.user, item, &row.group)
            {
                if self.open.len() >= OPEN {
                    return Err(Error::new(
                        ErrorKind::ResourceLimit,
                        "report sessions",
                        "more than 65536 are open at once: choose a user, an item or a shorter time",
                    ));
                }
                self.open.insert(row.session, row);
            }
            return Ok(None);
        }
        let Some((session, name, data)) = inside(event) else {
            return Ok(None);
        };
        let Some(row) = self.open.get_mut(&session) else {
            return Ok(None);
        };
        if row.events.len() < EVENTS {
            row.events.push(SessionEventRow {
                time: event.time,
                event_type: name.to_owned(),
                performed_by: actor_name(&event.actor),
                data,
            });
        } else {
            row.events_left_out += 1;
        }
        let AuditKind::SessionEnded {
            reason,
            bytes_from_rep,
            bytes_from_target,
            recording,
            ..
        } = &event.kind
        else {
            return Ok(None);
        };
        row.ended = Some(event.time);
        row.duration_seconds = Some(event.time.duration_since(row.started).as_secs().max(0));
        row.end_reason = Some(reason.to_string());
        row.ended_normally = Some(reason.is_normal());
        row.bytes_from_rep = Some(*bytes_from_rep);
        row.bytes_from_target = Some(*bytes_from_target);
        row.recording.clone_from(recording);
        row.recording_removed = self.removed.get(&session).copied();
        Ok(self.open.remove(&session))
    }

    /// The sessions that did not end, by their start.
    pub(crate) fn finish(self) -> Vec<SessionRow> {
        let mut rows: Vec<_> = self.open.into_values().collect();
        rows.sort_by_key(|row| (row.started, row.session));
        rows
    }
}

/// The row of a session that starts with this event.
fn started(event: &AuditEvent) -> Option<SessionRow> {
    let AuditKind::SessionGranted {
        session,
        item,
        item_name,
        place,
        on,
        reasons: _,
        reason,
        ticket,
    } = &event.kind
    else {
        return None;
    };
    let on = on.as_ref();
    let said = |what: Option<&String>| what.cloned().unwrap_or_default();
    Some(SessionRow {
        session: *session,
        user: actor_name(&event.actor),
        user_id: match &event.actor {
            Actor::User { user, .. } => Some(*user),
            _ => None,
        },
        item: item_name.clone(),
        item_id: *item,
        item_type: said(on.map(|on| &on.item_type)),
        group: said(on.map(|on| &on.place.group)),
        jumpoint: match place {
            GatePlace::Jumpoint(id) => on.map_or_else(|| id.to_string(), |on| on.jumpoint_name.clone()),
            GatePlace::Rep => format!("local, {BY_REP}"),
        },
        jumpoint_id: place.jumpoint(),
        recording_mode: on.and_then(|on| on.recording),
        protocol: said(on.map(|on| &on.protocol)),
        started: event.time,
        ended: None,
        duration_seconds: None,
        end_reason: None,
        ended_normally: None,
        bytes_from_rep: None,
        bytes_from_target: None,
        reason: reason.clone(),
        ticket: ticket.clone(),
        recording: None,
        recording_removed: None,
        events: vec![SessionEventRow {
            time: event.time,
            event_type: "Session Start".to_owned(),
            performed_by: actor_name(&event.actor),
            data: Fields::new(),
        }],
        events_left_out: 0,
    })
}

/// The session that an event is about, if it is about one that was granted before.
pub(crate) const fn session_of(event: &AuditEvent) -> Option<SessionId> {
    match &event.kind {
        AuditKind::SessionEvent { session, .. }
        | AuditKind::SessionEnded { session, .. }
        | AuditKind::CredentialInjectionAttempt { session, .. } => Some(*session),
        AuditKind::CredentialInjectionFailed { session, .. } => *session,
        _ => None,
    }
}

/// An event inside a session: of which, its name, and more about it.
fn inside(event: &AuditEvent) -> Option<(SessionId, &'static str, Fields)> {
    let session = session_of(event)?;
    let (name, data) = match &event.kind {
        AuditKind::SessionEvent { event, .. } => (event_type(event), data(event)),
        AuditKind::SessionEnded { reason, .. } => (
            "Session End",
            Fields::from([("reason".to_owned(), Value::String(reason.to_string()))]),
        ),
        AuditKind::CredentialInjectionAttempt {
            provider,
            credential,
            name,
            ..
        } => (
            "Credential Injection Attempt",
            texts([
                ("provider", Some(provider)),
                ("credential_id", Some(credential)),
                ("credential_name", Some(name)),
            ]),
        ),
        AuditKind::CredentialInjectionFailed {
            provider,
            credential,
            name,
            message,
            ..
        } => (
            "Credential Injection Attempt Failed",
            texts([
                ("provider", Some(provider)),
                ("credential_id", credential.as_ref()),
                ("credential_name", name.as_ref()),
                ("failure_reason", Some(message)),
            ]),
        ),
        _ => return None,
    };
    Some((session, name, data))
}

fn texts<const N: usize>(named: [(&str, Option<&String>); N]) -> Fields {
    named
        .into_iter()
        .filter_map(|(name, text)| text.map(|text| (name.to_owned(), Value::String(text.clone()))))
        .collect()
}

/// The name of the event type, as documented where one fits; the others are named in the same way.
const fn event_type(event: &SessionEvent) -> &'static str {
    match event {
        SessionEvent::CredentialInjected { .. } => "Credential Injected",
        SessionEvent::CredentialRefused { .. } => "Credential Injection Attempt Failed",
        SessionEvent::HostKeyFirstSeen { .. } => "Host Key First Seen",
        SessionEvent::HostKeyRefused { .. } => "Host Key Refused",
        SessionEvent::CertificateFirstSeen { .. } => "Certificate First Seen",
        SessionEvent::CertificateRefused { .. } => "Certificate Refused",
        SessionEvent::ShellStarted => "Command Shell Session Started",
        SessionEvent::CommandStarted { .. } => "Command Started",
        SessionEvent::FileTransferStarted => "File Transfer Started",
        SessionEvent::FileTransferred { direction, .. } => match direction {
            TransferDirection::Upload => "File Upload",
            TransferDirection::Download => "File Download",
        },
        SessionEvent::FileTransferFailed { direction, .. } => match direction {
            TransferDirection::Upload => "File Upload Failed",
            TransferDirection::Download => "File Download Failed",
        },
        SessionEvent::FileDeleted { .. } => "File Deleted",
        SessionEvent::FileMoved { .. } => "File Moved",
        SessionEvent::DirectoryCreated { .. } => "Directory Created",
        SessionEvent::ConnectionOpened { .. } => "Connection Opened",
        SessionEvent::RequestRefused { .. } => "Request Refused",
        SessionEvent::RecordingLost { .. } => "Recording Lost",
        SessionEvent::Problem { .. } => "Problem",
    }
}

/// The event's fields by their names.
fn data(event: &SessionEvent) -> Fields {
    match serde_json::to_value(event) {
        Ok(Value::Object(mut fields)) => {
            fields.remove("event");
            fields.into_iter().collect()
        }
        _ => Fields::new(),
    }
}
