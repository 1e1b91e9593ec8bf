//! The changes report: who changed what.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::actor_name;
use crate::audit::{AuditEvent, AuditKind, ChangeNote, ChangeVerb, Fields, REDACTED, VaultNote, fields_of};
use crate::error::Result;
use crate::model::Change;
use crate::time::Timestamp;
use crate::vault::GroupOrAccount;

/// One change of one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// The sequence number of its event in the audit log.
    pub sequence: u64,
    /// When.
    pub time: Timestamp,
    /// Who made it.
    pub actor: String,
    /// The event's documented name, such as `jump_item_changed`; `change_failed` if a logged change could not be made.
    pub event: String,
    /// What kind of object, such as `jump_item`.
    pub object: String,
    /// Its id, if it has one.
    pub id: String,
    /// Its name at the time, if the log says.
    pub name: String,
    /// Of an item: the group or personal list it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The values: `old_NAME` and `new_NAME` for each field that changed. Secrets are `***`.
    pub fields: Fields,
    /// What else there is to say: that values or objects were left out, or why a change failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// The rows of an event; none if it is no change.
pub(crate) fn change_rows(sequence: u64, event: &AuditEvent) -> Result<Vec<ChangeRow>> {
    let row = |name: String, object: String| ChangeRow {
        sequence,
        time: event.time,
        actor: actor_name(&event.actor),
        event: name,
        object,
        id: String::new(),
        name: String::new(),
        group: None,
        fields: Fields::new(),
        remark: None,
    };
    let of_note = |note: &ChangeNote| ChangeRow {
        id: note.id.clone(),
        name: note.name.clone(),
        group: note.item.as_ref().map(|item| item.place.group.clone()),
        remark: note
            .without_values
            .then(|| "the values are not in the log: the event changed too much at once".to_owned()),
        ..row(note.event_name(), note.object.to_string())
    };
    let mut rows = Vec::new();
    match &event.kind {
        AuditKind::Changed {
            changes,
            notes,
            unnoted,
        } => {
            for note in notes {
                let mut row = of_note(note);
                row.fields.extend(prefixed("old_", note.old.clone()));
                row.fields.extend(prefixed("new_", note.new.clone()));
                if let (ChangeVerb::Added, Some(change)) = (note.verb, changes.get(note.change as usize)) {
                    row.fields.extend(prefixed("new_", fields_of(change)?));
                }
                // What goes with a removed object is named, no more.
                if note.verb == ChangeVerb::Removed && is_dependent(note, changes) {
                    row.remark = Some("removed with what it depended on".to_owned());
                }
                rows.push(row);
            }
            // Written before there were notes: the change alone says what it can.
            if notes.is_empty() {
                for change in changes {
                    let note = ChangeNote::of_change_alone(change)?;
                    let mut row = ChangeRow {
                        remark: None,
                        ..of_note(&note)
                    };
                    row.fields.extend(prefixed("new_", fields_of(change)?));
                    rows.push(row);
                }
            }
            if *unnoted > 0 {
                let remark = format!("{unnoted} more objects were changed by this event");
                rows.push(ChangeRow {
                    remark: Some(remark),
                    ..row("changes_left_out".to_owned(), String::new())
                });
            }
        }
        AuditKind::ChangeFailed { message, notes, .. } => {
            let failed = || row("change_failed".to_owned(), String::new());
            if notes.is_empty() {
                rows.push(ChangeRow {
                    remark: Some(message.clone()),
                    ..failed()
                });
            }
            rows.extend(notes.iter().map(|note| ChangeRow {
                event: "change_failed".to_owned(),
                remark: Some(format!("{} was not made: {message}", note.event_name())),
                ..of_note(note)
            }));
        }
        AuditKind::VaultChanged(note) => rows.push(of_vault(note, &row)),
        _ => {}
    }
    Ok(rows)
}

fn prefixed(prefix: &'static str, fields: Fields) -> impl Iterator<Item = (String, Value)> + use<> {
    fields
        .into_iter()
        .map(move |(name, value)| (format!("{prefix}{name}"), value))
}

/// Whether the note is of an item that went with another object.
fn is_dependent(note: &ChangeNote, changes: &[Change]) -> bool {
    matches!(
        changes.get(note.change as usize),
        Some(Change::RemoveUser(_) | Change::RemoveGroup(_) | Change::RemoveJumpoint(_))
    ) && note.item.is_some()
}

fn of_vault(note: &VaultNote, row: &impl Fn(String, String) -> ChangeRow) -> ChangeRow {
    let mut fields = match serde_json::to_value(note) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let mut take = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    take("change");
    let (object, verb, name) = match note {
        VaultNote::AccountAdded { .. } => ("account", "added", take("account")),
        VaultNote::SecretSet { .. } => ("account", "changed", take("account")),
        VaultNote::AccountRemoved { .. } => ("account", "removed", take("account")),
        VaultNote::GroupAdded { .. } => ("account_group", "added", take("group")),
        VaultNote::GroupRemoved { .. } => ("account_group", "removed", take("group")),
        VaultNote::KeyChanged => ("vault_key", "changed", String::new()),
        VaultNote::Granted { on, role, .. } => (
            of_kind(on, "account_user", "account_group_user"),
            if role.is_some() { "changed" } else { "removed" },
            name_of(on),
        ),
        VaultNote::Associated { on, .. } => (of_kind(on, "account", "account_group"), "changed", name_of(on)),
    };
    fields.remove("on");
    let mut fields: Fields = prefixed("new_", fields.into_iter().collect()).collect();
    if matches!(note, VaultNote::SecretSet { .. }) {
        for name in ["old_secret", "new_secret"] {
            fields.insert(name.to_owned(), Value::String(REDACTED.to_owned()));
        }
    }
    ChangeRow {
        name,
        fields,
        ..row(format!("{object}_{verb}"), object.to_owned())
    }
}

fn of_kind(on: &GroupOrAccount, account: &'static str, group: &'static str) -> &'static str {
    match on {
        GroupOrAccount::Account(_) => account,
        GroupOrAccount::Group(_) => group,
    }
}

fn name_of(on: &GroupOrAccount) -> String {
    match on {
        GroupOrAccount::Account(name) | GroupOrAccount::Group(name) => name.to_string(),
    }
}
