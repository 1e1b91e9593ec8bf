//! The Jump Item report.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::actor_name;
use crate::audit::{AuditEvent, AuditKind, ChangeNote, ChangeVerb, ItemPlace};
use crate::id::ItemId;
use crate::model::{Change, Placement};
use crate::time::Timestamp;

/// What happened to an item, by its documented name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ItemEvent {
    /// It was added.
    Created,
    /// It was removed, or went with its group, Jumpoint or owner.
    Deleted,
    /// Another item is a new copy of it.
    #[serde(rename = "Copied From")]
    CopiedFrom,
    /// It is a new copy.
    #[serde(rename = "Copied To")]
    CopiedTo,
    /// It left this group.
    #[serde(rename = "Moved From")]
    MovedFrom,
    /// It came into this group.
    #[serde(rename = "Moved To")]
    MovedTo,
    /// A session on it was granted.
    #[serde(rename = "Session Started")]
    SessionStarted,
    /// A change of it that was logged just before could not be made.
    #[serde(rename = "Change Failed")]
    ChangeFailed,
}

impl fmt::Display for ItemEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ItemEvent::Created => "Created",
            ItemEvent::Deleted => "Deleted",
            ItemEvent::CopiedFrom => "Copied From",
            ItemEvent::CopiedTo => "Copied To",
            ItemEvent::MovedFrom => "Moved From",
            ItemEvent::MovedTo => "Moved To",
            ItemEvent::SessionStarted => "Session Started",
            ItemEvent::ChangeFailed => "Change Failed",
        })
    }
}

/// One event of one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRow {
    /// When.
    pub time: Timestamp,
    /// Who did it.
    pub actor: String,
    /// What happened.
    pub event: ItemEvent,
    /// The item's type, as people call it; empty if the log does not say.
    pub item_type: String,
    /// The item's name at the time; empty if the log does not say.
    pub item: String,
    /// Its id.
    pub item_id: ItemId,
    /// The group or personal list that the event is about; empty if the log does not say.
    pub group: String,
    /// The same as an id; who may see the row depends on it.
    pub placement: Option<Placement>,
}

/// The rows of an event.
pub(crate) fn item_rows(event: &AuditEvent) -> Vec<ItemRow> {
    let row = |what, id, name: &str, item_type: &str, place: Option<&ItemPlace>| ItemRow {
        time: event.time,
        actor: actor_name(&event.actor),
        event: what,
        item_type: item_type.to_owned(),
        item: name.to_owned(),
        item_id: id,
        group: place.map_or_else(String::new, |place| place.group.clone()),
        placement: place.map(|place| place.placement),
    };
    let of_note = |note: &ChangeNote, failed: bool| {
        let (Some(item), Some(id)) = (note.item.as_deref(), item_id(&note.id)) else {
            return Vec::new();
        };
        let row = |what, place| row(what, id, &note.name, &item.item_type, Some(place));
        let here = &item.place;
        if failed {
            return vec![row(ItemEvent::ChangeFailed, here)];
        }
        match (note.verb, &item.moved_from, &item.copied_from) {
            (ChangeVerb::Added, _, Some(source)) => vec![
                ItemRow {
                    item: source.name.clone(),
                    item_id: source.item,
                    ..row(ItemEvent::CopiedFrom, &source.place)
                },
                row(ItemEvent::CopiedTo, here),
            ],
            (ChangeVerb::Added, _, None) => vec![row(ItemEvent::Created, here)],
            (ChangeVerb::Changed, Some(from), _) => {
                vec![row(ItemEvent::MovedFrom, from), row(ItemEvent::MovedTo, here)]
            }
            (ChangeVerb::Changed, None, _) => Vec::new(),
            (ChangeVerb::Removed, _, _) => vec![row(ItemEvent::Deleted, here)],
        }
    };
    match &event.kind {
        AuditKind::SessionGranted {
            item, item_name, on, ..
        } => {
            let item_type = on.as_ref().map_or("", |on| on.item_type.as_str());
            let place = on.as_ref().map(|on| &on.place);
            vec![row(ItemEvent::SessionStarted, *item, item_name, item_type, place)]
        }
        // Written before there were notes: what was there is not known, only what was removed.
        AuditKind::Changed { changes, notes, .. } if notes.is_empty() => changes
            .iter()
            .filter_map(|change| match change {
                Change::RemoveItem(id) => Some(row(ItemEvent::Deleted, *id, "", "", None)),
                _ => None,
            })
            .collect(),
        AuditKind::Changed { notes, .. } => notes.iter().flat_map(|note| of_note(note, false)).collect(),
        AuditKind::ChangeFailed { notes, .. } => notes.iter().flat_map(|note| of_note(note, true)).collect(),
        _ => Vec::new(),
    }
}

fn item_id(text: &str) -> Option<ItemId> {
    text.parse().ok().and_then(|number: u32| ItemId::new(number).ok())
}
