//! What the broker said about how sessions ended, for streams that want to tell their user.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::control::{Handler, Notice, Request, Response};
use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionId;
use crate::session::EndReason;

/// A watch per session that this rep has open.
#[derive(Debug, Default)]
pub(super) struct Ends(Mutex<HashMap<SessionId, watch::Sender<Option<EndReason>>>>);

impl Ends {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, watch::Sender<Option<EndReason>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a session. What the broker said before is not lost: it says it only after it granted the session, on
    /// the same connection, and [`Ends::note`] keeps it.
    pub(super) fn watch(&self, session: SessionId) -> watch::Receiver<Option<EndReason>> {
        self.lock()
            .entry(session)
            .or_insert_with(|| watch::channel(None).0)
            .subscribe()
    }

    pub(super) fn forget(&self, session: SessionId) {
        self.lock().remove(&session);
    }

    fn note(&self, session: SessionId, reason: EndReason) {
        const MOST: usize = 4096;
        let mut ends = self.lock();
        // A broker that names sessions nobody asked for must not fill the memory.
        if ends.len() < MOST || ends.contains_key(&session) {
            ends.entry(session)
                .or_insert_with(|| watch::channel(None).0)
                .send_replace(Some(reason));
        }
    }
}

#[async_trait]
impl Handler for Ends {
    async fn request(&self, _request: Request) -> Result<Response> {
        Err(Error::new(
            ErrorKind::Protocol,
            "answer a request",
            "a rep answers no requests",
        ))
    }

    async fn notice(&self, notice: Notice) {
        if let Notice::SessionEnded { session, reason } = notice {
            self.note(session, reason);
        }
    }
}
