//! Asking for a report, a page at a time.

use serde::{Deserialize, Serialize};

use crate::audit::{AuditEvent, LogPosition};
use crate::report::{ChangeRow, ItemRow, ReportFilter, ReportKind};
use crate::time::Timestamp;

/// The most sessions that one may ask to be told more of.
pub const MOST_OPEN: usize = 4096;

/// The next page of a report.
///
/// An administrator is given everything. Everybody else is given their own sessions and, for groups and personal lists in
/// which their role has `perm_view_jump_item_report`, the Jump Item report and the sessions on the items that were there at
/// the time; what they may not see is not there. The changes report takes an administrator.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportRequest {
    /// Which report.
    pub kind: ReportKind,
    /// About what.
    #[serde(default)]
    pub filter: ReportFilter,
    /// Where to go on.
    #[serde(default)]
    pub from: ReportCursor,
    /// In the session report: the positions of the events that granted the sessions of which more is to come, at most 4096.
    /// They are checked again: naming one gives no right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<LogPosition>,
}

/// Where a report goes on. The default is the beginning of what is kept; a later one of which retention removed the next event
/// meanwhile is [`ErrorKind::NotFound`](crate::ErrorKind::NotFound): begin again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportCursor {
    /// The place in the audit log.
    pub position: LogPosition,
    /// How many rows of the next event were given already.
    #[serde(default)]
    pub row: u32,
}

/// A page of a report; it may well be empty.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReportPage {
    /// What it holds.
    pub content: ReportContent,
    /// Where the next page begins; `None` if this was the end of the log at the time.
    pub next: Option<ReportCursor>,
    /// With the first page, if the period that is asked for begins before the oldest event that is kept: the time of the last
    /// one that retention removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_until: Option<Timestamp>,
}

/// What a page of a report holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "report", content = "content", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReportContent {
    /// Of the session report: the events of which its rows are made.
    Sessions(Vec<ReportedEvent>),
    /// Rows of the Jump Item report.
    Items(Vec<ItemRow>),
    /// Rows of the changes report.
    Changes(Vec<ChangeRow>),
}

/// An event of a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReportedEvent {
    /// The position before it.
    pub at: LogPosition,
    /// The event.
    pub event: AuditEvent,
    /// Of the end of a session: when its recording was removed by retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_removed: Option<Timestamp>,
}
