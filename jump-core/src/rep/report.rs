//! Reports over the network.

use std::collections::HashMap;

use super::Rep;
use super::client::surprised;
use crate::audit::{AuditKind, LogPosition};
use crate::control::{RepRequest, ReportContent, ReportCursor, ReportRequest, Response};
use crate::error::Result;
use crate::id::SessionId;
use crate::report::{ReportFilter, ReportKind, ReportRow, SessionReport};
use crate::time::Timestamp;

/// A report that is fetched a page at a time.
#[derive(Debug)]
pub struct Report {
    rep: Rep,
    kind: ReportKind,
    filter: ReportFilter,
    /// Where to go on; `None` at the end.
    from: Option<ReportCursor>,
    /// Puts the sessions together; taken at the end.
    sessions: Option<SessionReport>,
    /// Where the sessions that are not complete were granted.
    open: HashMap<SessionId, LogPosition>,
    missing_until: Option<Timestamp>,
}

impl Rep {
    /// Starts a report of what one may see: for an administrator everything, for others their own sessions and what happens
    /// in places where their role lets them view reports. The changes report takes an administrator.
    #[must_use]
    pub fn report(&self, kind: ReportKind, filter: ReportFilter) -> Report {
        Report {
            rep: self.clone(),
            kind,
            sessions: Some(SessionReport::new(filter.clone())),
            filter,
            from: Some(ReportCursor::default()),
            open: HashMap::new(),
            missing_until: None,
        }
    }
}

impl Report {
    /// If the period that is asked for begins before the oldest event that the broker keeps: the time of the last one that
    /// retention removed. Known after the first [`next`](Self::next).
    #[must_use]
    pub const fn missing_until(&self) -> Option<Timestamp> {
        self.missing_until
    }

    /// The next rows, `None` at the end. There may be none although it is not the end: the broker looks at a piece of its log
    /// at a time. Not cancel-safe: a report of which a page was lost must be begun again.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](crate::ErrorKind::Denied) if one may not ask for it,
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if events to come were removed by retention meanwhile,
    /// [`ErrorKind::ResourceLimit`](crate::ErrorKind::ResourceLimit) if more than 4096 of the sessions in it run at once;
    /// as any request.
    pub async fn next(&mut self) -> Result<Option<Vec<ReportRow>>> {
        let Some(from) = self.from else {
            // The sessions that still run come last.
            let left = self
                .sessions
                .take()
                .map(SessionReport::finish)
                .unwrap_or_default();
            let rows: Vec<_> = left
                .into_iter()
                .map(|row| ReportRow::Session(Box::new(row)))
                .collect();
            return Ok((!rows.is_empty()).then_some(rows));
        };
        let request = ReportRequest {
            kind: self.kind,
            filter: self.filter.clone(),
            from,
            open: self.open.values().copied().collect(),
        };
        let Response::Report(page) = self.rep.request(RepRequest::Report(request)).await? else {
            return Err(surprised());
        };
        self.from = page.next;
        self.missing_until = self.missing_until.or(page.missing_until);
        let rows = match page.content {
            ReportContent::Items(rows) => rows.into_iter().map(ReportRow::Item).collect(),
            ReportContent::Changes(rows) => rows.into_iter().map(ReportRow::Change).collect(),
            ReportContent::Sessions(events) => {
                let mut rows = Vec::new();
                for reported in events {
                    match &reported.event.kind {
                        AuditKind::SessionGranted { session, .. } => {
                            self.open.insert(*session, reported.at);
                        }
                        AuditKind::SessionEnded { session, .. } => {
                            self.open.remove(session);
                        }
                        _ => {}
                    }
                    let Some(sessions) = &mut self.sessions else { break };
                    rows.extend(sessions.push(&reported.event)?.map(|mut row| {
                        row.recording_removed = reported.recording_removed;
                        ReportRow::Session(Box::new(row))
                    }));
                }
                rows
            }
        };
        Ok(Some(rows))
    }
}
