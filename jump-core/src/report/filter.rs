//! What a report is about.

use serde::{Deserialize, Serialize};

use super::{ChangeRow, ItemRow};
use crate::audit::RemovedEvents;
use crate::id::{ItemId, SessionId};
use crate::time::Timestamp;

/// What a report is about; what is `None` does not narrow it. Names are those of the time, and case does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportFilter {
    /// From this moment on. Of the session report: sessions that started then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// What this user did: whose sessions, whose changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// About the item of this name, `group/name` or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// About items in the group of this name, and about the group itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// About this session; only in the session report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
}

fn same(wanted: Option<&String>, name: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.to_lowercase() == name.to_lowercase())
}

impl ReportFilter {
    pub(super) fn admits_time(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }

    /// If the period that is asked for begins before the oldest event that is kept: the time of the last one that was removed.
    #[must_use]
    pub fn missing_until(&self, removed: Option<&RemovedEvents>) -> Option<Timestamp> {
        let newest = removed?.newest;
        self.from.is_none_or(|from| from <= newest).then_some(newest)
    }

    pub(super) fn admits_user(&self, name: &str) -> bool {
        same(self.user.as_ref(), name)
    }

    pub(super) fn admits_group(&self, name: &str) -> bool {
        same(self.group.as_ref(), name)
    }

    pub(super) fn admits_named_item(&self, id: &str, name: &str, group: &str) -> bool {
        self.item.as_ref().is_none_or(|wanted| {
            wanted == id || same(Some(wanted), name) || same(Some(wanted), &format!("{group}/{name}"))
        })
    }

    /// Whether a session that started then is in the report.
    pub(crate) fn admits_session(
        &self,
        session: SessionId,
        started: Timestamp,
        user: &str,
        item: (ItemId, &str),
        group: &str,
    ) -> bool {
        self.session.is_none_or(|wanted| wanted == session)
            && self.admits_time(started)
            && self.admits_user(user)
            && self.admits_named_item(&item.0.to_string(), item.1, group)
            && self.admits_group(group)
    }

    pub(crate) fn admits_item(&self, row: &ItemRow) -> bool {
        self.session.is_none()
            && self.admits_time(row.time)
            && self.admits_user(&row.actor)
            && self.admits_named_item(&row.item_id.to_string(), &row.item, &row.group)
            && self.admits_group(&row.group)
    }

    pub(crate) fn admits_change(&self, row: &ChangeRow) -> bool {
        let item = row.object == "jump_item";
        let group = match row.object.as_str() {
            "jump_item" => row.group.as_deref(),
            "jump_group" => Some(row.name.as_str()),
            _ => None,
        };
        self.session.is_none()
            && self.admits_time(row.time)
            && self.admits_user(&row.actor)
            && (self.item.is_none()
                || item
                    && self.admits_named_item(&row.id, &row.name, row.group.as_deref().unwrap_or_default()))
            && (self.group.is_none() || group.is_some_and(|group| self.admits_group(group)))
    }
}
