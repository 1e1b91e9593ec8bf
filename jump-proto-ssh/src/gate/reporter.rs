//! What a gate says for the audit log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jump_core::ErrorKind;
use jump_core::protocol::{EventSink, SessionEvent};

/// A session may report this many refusals; a client that keeps asking is mentioned once more, then not again.
const REFUSALS: u32 = 200;

/// The event sink, with a limit on what a misbehaving rep can make us say.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    sink: EventSink,
    refusals: Arc<AtomicU32>,
}

impl Reporter {
    pub(super) fn new(sink: EventSink) -> Self {
        Self {
            sink,
            refusals: Arc::default(),
        }
    }

    pub(super) async fn report(&self, event: SessionEvent) {
        self.sink.report(event).await;
    }

    /// Reports what happened in file transfer; what was refused, and what failed before a byte was moved, counts as
    /// a refusal.
    pub(super) async fn file(&self, event: SessionEvent) {
        match event {
            SessionEvent::RequestRefused { .. }
            | SessionEvent::FileTransferFailed { filesize: 0, .. }
            | SessionEvent::Problem { .. } => self.limited(event).await,
            event => self.report(event).await,
        }
    }

    pub(super) async fn refused(&self, what: impl Into<String>) {
        self.limited(SessionEvent::RequestRefused { what: what.into() })
            .await;
    }

    async fn limited(&self, event: SessionEvent) {
        let before = self
            .refusals
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_add(1));
        match before {
            Ok(n) if n < REFUSALS => self.report(event).await,
            Ok(REFUSALS) => {
                self.report(SessionEvent::Problem {
                    kind: ErrorKind::ResourceLimit,
                    message: format!("{REFUSALS} requests were refused; further ones are not logged"),
                })
                .await;
            }
            _ => {}
        }
    }
}
