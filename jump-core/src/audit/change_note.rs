//! What a change of the site replaced: derived here, from the world as it was, and nowhere else.
//!
//! A [`Change`] holds the new state of an object. A note adds the documented name of the event
//! (`<object>_added|changed|removed`), the object's name and place at the time, and the old values, so that a log can be
//! read by itself years later. Notes hold no secret: sealed credentials and keys stand as `***`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::change_fields::{Fields, differing, raw_fields, shorten, unwritable};
use super::change_object::{current, dependent_items, identity, replacement};
use crate::error::Result;
use crate::id::ItemId;
use crate::model::{Change, Placement, World};

/// No further note of an event has values once its notes have this many bytes: 2 MiB.
const VALUES: usize = 2 * 1024 * 1024;
/// No further note is made once an event's notes have this many bytes: 4 MiB.
const NOTES: usize = 4 * 1024 * 1024;

/// What was done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeVerb {
    /// It is new.
    Added,
    /// It was there before.
    Changed,
    /// It is gone.
    Removed,
}

impl fmt::Display for ChangeVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChangeVerb::Added => "added",
            ChangeVerb::Changed => "changed",
            ChangeVerb::Removed => "removed",
        })
    }
}

macro_rules! objects {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        /// What kind of object was changed; the names are those of the documented audit events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ChangedObject {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
        }

        impl fmt::Display for ChangedObject {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(ChangedObject::$name => $text,)+
                })
            }
        }
    };
}

objects! {
    /// A user.
    User = "user";
    /// A Jump Group.
    Group = "jump_group";
    /// A Jumpoint.
    Jumpoint = "jumpoint";
    /// A Jump Item.
    Item = "jump_item";
    /// A membership in a Jump Group.
    Membership = "jump_group_user";
    /// The right to use a Jumpoint.
    JumpointGrant = "jumpoint_user";
    /// A login.
    Login = "login";
    /// A Jump Item Role.
    Role = "jump_item_role";
    /// A Jump Policy.
    Policy = "jump_policy";
    /// A session policy.
    SessionPolicy = "session_policy";
    /// A group policy.
    GroupPolicy = "group_policy";
    /// A team.
    Team = "team";
    /// An approval request.
    Approval = "jump_approval";
    /// The settings of the site.
    Site = "site_settings";
}

/// Where an item was at the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemPlace {
    /// Its Jump Group or personal list.
    pub placement: Placement,
    /// That group's name; for a personal list its owner's, as `personal list of NAME`.
    pub group: String,
}

impl ItemPlace {
    /// The place as `world` names it.
    #[must_use]
    pub fn of(world: &World, placement: Placement) -> Self {
        let group = match placement {
            Placement::Shared(group) => world.group(group).map(|group| group.name.to_string()),
            Placement::Personal { personal } => world
                .user(personal)
                .map(|user| format!("personal list of {}", user.name)),
        };
        Self {
            placement,
            group: group.unwrap_or_default(),
        }
    }
}

/// The item that another was copied from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopySource {
    /// Which.
    pub item: ItemId,
    /// Its name.
    pub name: String,
    /// Where it was.
    pub place: ItemPlace,
}

/// What a note says of a Jump Item besides its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemNote {
    /// The item's type, as people call it: `Shell Jump`.
    pub item_type: String,
    /// Where it is now; where it was, if it was removed.
    pub place: ItemPlace,
    /// Where it was before, if it was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<ItemPlace>,
    /// What it was copied from, if it is a new copy of an item that is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied_from: Option<CopySource>,
}

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeNote {
    /// Which of the event's changes did it, counted from 0. A change that removes what depends on an object has a note for
    /// each item that goes with it.
    pub change: u32,
    /// What it is.
    pub object: ChangedObject,
    /// What was done to it.
    pub verb: ChangeVerb,
    /// Its id; of a membership or grant both ids, with a slash between them.
    pub id: String,
    /// Its name: the one it has now, or had when it was removed.
    pub name: String,
    /// More of a Jump Item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Box<ItemNote>>,
    /// The old values: of a changed object those that changed, of a removed one all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub old: Fields,
    /// The new values of a changed object, those that changed. What was added is in the change itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub new: Fields,
    /// Whether values were left out, because the event has too many.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_values: bool,
}

impl ChangeNote {
    /// The event's name as documented: `<object>_added`, `<object>_changed` or `<object>_removed`.
    #[must_use]
    pub fn event_name(&self) -> String {
        format!("{}_{}", self.object, self.verb)
    }

    /// What a change says by itself, for logs without notes: whether it added or changed an object is not known.
    pub(crate) fn of_change_alone(change: &Change) -> Result<Self> {
        let world = World::new()?;
        let (object, id, name) = identity(&world, change);
        let stays = matches!(change, Change::PinHostKey { .. } | Change::PinCertificate { .. })
            || replacement(&world, change).is_some();
        Ok(Self {
            change: 0,
            object,
            verb: if stays {
                ChangeVerb::Changed
            } else {
                ChangeVerb::Removed
            },
            id,
            name,
            item: None,
            old: Fields::new(),
            new: Fields::new(),
            without_values: false,
        })
    }

    /// The same without the old and new values.
    pub(crate) fn without_values(&self) -> Self {
        Self {
            old: Fields::new(),
            new: Fields::new(),
            without_values: true,
            ..self.clone()
        }
    }
}

/// The notes of one event, within bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChangeNotes {
    /// One for each object, as many as there is room for.
    pub(crate) notes: Vec<ChangeNote>,
    /// How many more objects were changed.
    pub(crate) unnoted: u64,
    bytes: usize,
}

impl ChangeNotes {
    /// Applies the changes to `world` and notes what each does; the world is left alone if one cannot be made.
    ///
    /// # Errors
    /// As [`World::apply`].
    pub(crate) fn apply(world: &mut World, changes: &[Change]) -> Result<Self> {
        let mut notes = Self::default();
        world.apply_watched(changes, |number, before, change| {
            notes.note(number, before, change)
        })?;
        Ok(notes)
    }

    fn note(&mut self, number: usize, before: &World, change: &Change) -> Result<()> {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let (object, id, name) = identity(before, change);
        let old = current(before, change);
        let new = replacement(before, change);
        let verb = match (&old, &new) {
            (_, None) => ChangeVerb::Removed,
            (None, Some(_)) => ChangeVerb::Added,
            (Some(_), Some(_)) => ChangeVerb::Changed,
        };
        let item = item_note(before, change, old.as_ref(), new.as_ref());
        let old = old.as_ref().map(raw_fields).transpose()?;
        let new = new.as_ref().map(raw_fields).transpose()?;
        let (mut old, mut new) = match (old, new) {
            // What was added is in the change itself.
            (None, _) => (Fields::new(), Fields::new()),
            (Some(old), None) => (old, Fields::new()),
            (Some(old), Some(new)) => differing(old, new),
        };
        shorten(&mut old);
        shorten(&mut new);
        self.push(ChangeNote {
            change: number,
            object,
            verb,
            id,
            name,
            item: item.map(Box::new),
            old,
            new,
            without_values: false,
        })?;
        for item in dependent_items(before, change) {
            self.push(ChangeNote {
                change: number,
                object: ChangedObject::Item,
                verb: ChangeVerb::Removed,
                id: item.id.to_string(),
                name: item.name.to_string(),
                item: Some(Box::new(ItemNote {
                    item_type: item.details.to_string(),
                    place: ItemPlace::of(before, item.placement),
                    moved_from: None,
                    copied_from: None,
                })),
                old: Fields::new(),
                new: Fields::new(),
                without_values: true,
            })?;
        }
        Ok(())
    }

    fn push(&mut self, mut note: ChangeNote) -> Result<()> {
        if self.unnoted > 0 || self.bytes >= NOTES {
            self.unnoted += 1;
            return Ok(());
        }
        if self.bytes >= VALUES && !(note.old.is_empty() && note.new.is_empty()) {
            note.old.clear();
            note.new.clear();
            note.without_values = true;
        }
        self.bytes += serde_json::to_vec(&note).map_err(unwritable)?.len();
        self.notes.push(note);
        Ok(())
    }
}

fn item_note(world: &World, change: &Change, old: Option<&Change>, new: Option<&Change>) -> Option<ItemNote> {
    let item = |change: Option<&Change>| match change {
        Some(Change::PutItem(item)) => Some(item.clone()),
        _ => None,
    };
    let (old, new) = (item(old), item(new));
    let now = new.as_ref().or(old.as_ref())?;
    let moved = old.as_ref().filter(|old| old.placement != now.placement);
    // Only a new item is a copy that was made now.
    let source = match (&old, change) {
        (None, Change::PutItem(new)) => new.copy_of.and_then(|source| world.item(source)),
        _ => None,
    };
    Some(ItemNote {
        item_type: now.details.to_string(),
        place: ItemPlace::of(world, now.placement),
        moved_from: moved.map(|old| ItemPlace::of(world, old.placement)),
        copied_from: source.map(|source| CopySource {
            item: source.id,
            name: source.name.to_string(),
            place: ItemPlace::of(world, source.placement),
        }),
    })
}
