//! Reports: what the audit log says about sessions, Jump Items and changes.
//!
//! A report is a pure function over audit events in their order: [`Reporter`] takes one event after the other and gives rows,
//! so that a log of any length is reported with little memory. [`ReportWriter`] writes rows as a table, JSON or CSV. Who may
//! see which events is decided before they come here.

mod change;
mod filter;
mod item;
mod session;
mod write;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::audit::{Actor, AuditEvent};
use crate::error::Result;

pub use change::ChangeRow;
pub use filter::ReportFilter;
pub use item::{ItemEvent, ItemRow};
pub use session::{SessionEventRow, SessionRow};
pub use write::{ReportFormat, ReportWriter};

pub(crate) use change::change_rows;
pub(crate) use item::item_rows;
pub(crate) use session::{SessionReport, session_of};
pub(crate) use write::harmless_json;

/// Which report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReportKind {
    /// One row for each session: who was on what, when, how it ended and what happened inside.
    Sessions,
    /// The Jump Item report: items created, deleted, copied and moved, and sessions started on them.
    Items,
    /// Who changed what, with old and new values.
    Changes,
}

/// A row of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ReportRow {
    /// Of [`ReportKind::Sessions`].
    Session(Box<SessionRow>),
    /// Of [`ReportKind::Items`].
    Item(ItemRow),
    /// Of [`ReportKind::Changes`].
    Change(ChangeRow),
}

/// Makes the rows of one report out of audit events.
#[derive(Debug)]
pub struct Reporter(State);

#[derive(Debug)]
enum State {
    Sessions(SessionReport),
    Items(ReportFilter),
    Changes(ReportFilter),
}

impl Reporter {
    /// A report of what `filter` admits.
    #[must_use]
    pub fn new(kind: ReportKind, filter: ReportFilter) -> Self {
        Self(match kind {
            ReportKind::Sessions => State::Sessions(SessionReport::new(filter)),
            ReportKind::Items => State::Items(filter),
            ReportKind::Changes => State::Changes(filter),
        })
    }

    /// Hears of an event before the report begins. The session report wants to know in advance which recordings were removed;
    /// nothing else is kept of what it is told so.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`](crate::ErrorKind::ResourceLimit) if more than a million recordings were removed.
    pub fn expect(&mut self, event: &AuditEvent) -> Result<()> {
        match &mut self.0 {
            State::Sessions(sessions) => sessions.expect(event),
            State::Items(_) | State::Changes(_) => Ok(()),
        }
    }

    /// Takes the next event of the log and gives the rows that are complete with it. A session's row comes with its end.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`](crate::ErrorKind::ResourceLimit) if more than 65,536 sessions are open at once.
    pub fn push(&mut self, sequence: u64, event: &AuditEvent) -> Result<Vec<ReportRow>> {
        Ok(match &mut self.0 {
            State::Sessions(sessions) => sessions
                .push(event)?
                .map(|row| ReportRow::Session(Box::new(row)))
                .into_iter()
                .collect(),
            State::Items(filter) => item_rows(event)
                .into_iter()
                .filter(|row| filter.admits_item(row))
                .map(ReportRow::Item)
                .collect(),
            State::Changes(filter) => change_rows(sequence, event)?
                .into_iter()
                .filter(|row| filter.admits_change(row))
                .map(ReportRow::Change)
                .collect(),
        })
    }

    /// The rows that are left at the end of the log: the sessions that still run, by their start.
    #[must_use]
    pub fn finish(self) -> Vec<ReportRow> {
        match self.0 {
            State::Sessions(sessions) => sessions
                .finish()
                .into_iter()
                .map(|row| ReportRow::Session(Box::new(row)))
                .collect(),
            State::Items(_) | State::Changes(_) => Vec::new(),
        }
    }
}

/// Marks what nobody but a rep's own process has said.
pub(crate) const BY_REP: &str = "reported by the rep";

/// What a report calls who did it: a user's name, `jumpoint N`, `system` or `unknown`. What a rep says of a session that it
/// serves itself is marked as its word.
#[must_use]
pub fn actor_name(actor: &Actor) -> String {
    match actor {
        Actor::User { name, .. } => name.clone(),
        Actor::Jumpoint { jumpoint } => format!("jumpoint {jumpoint}"),
        Actor::Rep { name, .. } => format!("{name}, {BY_REP}"),
        Actor::System => "system".to_owned(),
        Actor::Unknown => "unknown".to_owned(),
    }
}
