//! What is said of an event to the outside: flat, by the documented names, without secrets.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::{AuditEvent, AuditKind, Fields, LoggedEvent};
use crate::error::Result;
use crate::report::{actor_name, change_rows};
use crate::time::Timestamp;

/// How grave it is, by the numbers of RFC 5424 §6.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// Something failed.
    Error = 3,
    /// Somebody was refused.
    Warning = 4,
    /// Something was changed.
    Notice = 5,
    /// Something happened.
    Info = 6,
}

/// One thing that happened. An event that changes several objects gives a record for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The event's number in the audit log.
    pub sequence: u64,
    /// When.
    pub time: Timestamp,
    /// What: `session_granted`, `jump_item_changed`.
    pub event: String,
    /// Who did it.
    pub who: String,
    /// From which address, if it was over the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who_ip: Option<String>,
    /// How grave it is.
    pub severity: Severity,
    /// More about it, by name.
    pub fields: Fields,
}

/// The records of a logged event. One that a newer version wrote is named and left at that.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if it has no form in JSON, which would be a bug.
pub fn records(logged: &LoggedEvent) -> Result<Vec<Record>> {
    let sequence = logged.sequence();
    let Some(event) = logged.event() else {
        return Ok(vec![Record {
            sequence,
            time: Timestamp::UNIX_EPOCH,
            event: "unknown_event".to_owned(),
            who: String::new(),
            who_ip: None,
            severity: Severity::Warning,
            fields: Fields::new(),
        }]);
    };
    let record = |name: String, fields| Record {
        sequence,
        time: event.time,
        event: name,
        who: actor_name(&event.actor),
        who_ip: event.peer.clone(),
        severity: severity(&event.kind),
        fields,
    };
    // Changes hold sealed credentials: only their rows, which do not, leave the site.
    if matches!(
        event.kind,
        AuditKind::Changed { .. } | AuditKind::ChangeFailed { .. } | AuditKind::VaultChanged(_)
    ) {
        let rows = change_rows(sequence, &event)?.into_iter().map(|row| {
            let mut fields = row.fields;
            let said = [
                ("id", Some(row.id)),
                ("name", Some(row.name)),
                ("group", row.group),
                ("remark", row.remark),
            ];
            for (name, text) in said {
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    fields.insert(name.to_owned(), Value::String(text));
                }
            }
            record(row.event, fields)
        });
        return Ok(rows.collect());
    }
    let (name, fields) = flat(&event);
    Ok(vec![record(name, fields)])
}

/// The event's name and its details by name; of an event in a session also the inner one's.
fn flat(event: &AuditEvent) -> (String, Fields) {
    let Ok(Value::Object(mut kind)) = serde_json::to_value(&event.kind) else {
        return ("unknown_event".to_owned(), Fields::new());
    };
    let name = match kind.remove("event") {
        Some(Value::String(name)) => name,
        _ => "unknown_event".to_owned(),
    };
    let mut fields = Fields::new();
    if let Some(Value::Object(detail)) = kind.remove("detail") {
        for (name, value) in detail {
            match value {
                Value::Null => {}
                Value::Object(inner) => {
                    for (inner_name, value) in inner {
                        let name = if inner_name == name {
                            name.clone()
                        } else {
                            format!("{name}_{inner_name}")
                        };
                        fields.insert(name, value);
                    }
                }
                value => drop(fields.insert(name, value)),
            }
        }
    }
    (name, fields)
}

const fn severity(kind: &AuditKind) -> Severity {
    match kind {
        AuditKind::ChangeFailed { .. }
        | AuditKind::CredentialInjectionFailed { .. }
        | AuditKind::EventsNotRemoved { .. } => Severity::Error,
        AuditKind::Refused { .. } | AuditKind::SessionDenied { .. } => Severity::Warning,
        AuditKind::Changed { .. }
        | AuditKind::VaultChanged(_)
        | AuditKind::EventsRemoved(_)
        | AuditKind::RecordingRemoved { .. } => Severity::Notice,
        _ => Severity::Info,
    }
}
