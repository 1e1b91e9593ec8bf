//! An audit log that also tells the person at the terminal what happens.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jump_core::Result;
use jump_core::audit::{
    Actor, AuditEvent, AuditKind, AuditLog, LogPage, LogPosition, LogStart, PreparedRemoval, ReadLimits,
    RemovalBound,
};
use jump_core::id::SessionId;
use jump_core::text::Escaped;

use crate::output::{Output, moment};

/// Passes every event to a log and, once it is durable there, prints a line about sessions.
#[derive(Debug)]
pub(crate) struct Narrator<L> {
    log: L,
    output: Output,
    /// Who is on what, for the line at the end.
    running: Mutex<HashMap<SessionId, (String, String)>>,
}

impl<L: AuditLog> Narrator<L> {
    pub(crate) fn new(log: L, output: Output) -> Self {
        Self {
            log,
            output,
            running: Mutex::default(),
        }
    }

    fn tell(&self, event: &AuditEvent) -> Option<String> {
        let who = match &event.actor {
            Actor::User { name, .. } => name.clone(),
            Actor::Jumpoint { .. } => "a jumpoint".to_owned(),
            Actor::Rep { name, .. } => name.clone(),
            Actor::System => "the system".to_owned(),
            Actor::Unknown => "somebody".to_owned(),
        };
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.kind {
            AuditKind::SessionGranted {
                session, item_name, ..
            } => {
                running.insert(*session, (who.clone(), item_name.clone()));
                Some(format!("{who} started a session on {item_name} ({session})"))
            }
            AuditKind::SessionDenied { reasons, .. } => {
                Some(format!("{who} was denied a session: {reasons}"))
            }
            AuditKind::SessionEnded { session, reason, .. } => Some(match running.remove(session) {
                Some((who, item)) => format!("the session of {who} on {item} ended: {reason} ({session})"),
                None => format!("session {session} ended: {reason}"),
            }),
            AuditKind::EventsRemoved(removed) => Some(format!(
                "events {} to {} of the audit log, until {}, are removed by retention",
                removed.first,
                removed.last,
                moment(removed.newest)
            )),
            AuditKind::EventsNotRemoved { last, message, .. } => Some(format!(
                "events up to {last} of the audit log could not be removed: {message}"
            )),
            AuditKind::RecordingRemoved { session, .. } => Some(format!(
                "the recording of session {session} is removed by retention"
            )),
            AuditKind::Refused { message, .. } => {
                let peer = event.peer.as_deref().unwrap_or("an unknown address");
                Some(format!("a connection from {peer} was refused: {message}"))
            }
            _ => None,
        }
    }
}

#[async_trait]
impl<L: AuditLog> AuditLog for Narrator<L> {
    async fn checkpoint(&self) -> Result<()> {
        self.log.checkpoint().await
    }

    async fn read(&self, from: LogPosition, most: ReadLimits) -> Result<LogPage> {
        self.log.read(from, most).await
    }

    async fn wait_behind(&self, sequence: u64) -> Result<()> {
        self.log.wait_behind(sequence).await
    }

    async fn start(&self) -> Result<LogStart> {
        self.log.start().await
    }

    async fn prepare_removal(&self, bound: RemovalBound) -> Result<Option<PreparedRemoval>> {
        self.log.prepare_removal(bound).await
    }

    async fn remove(&self, removal: PreparedRemoval) -> Result<()> {
        self.log.remove(removal).await
    }

    async fn append(&self, event: &AuditEvent) -> Result<u64> {
        let sequence = self.log.append(event).await?;
        // The log is what counts; a terminal that is gone must not stop the site.
        let _ = self.output.value(event);
        if let Some(line) = self.tell(event) {
            let time = event.time.strftime("%H:%M:%SZ");
            let _ = self.output.say(format_args!("{time}  {}", Escaped(&line)));
        }
        Ok(sequence)
    }
}
