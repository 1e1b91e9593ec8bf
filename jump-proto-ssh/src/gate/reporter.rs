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

    pub(super) async fn refused(&self, what: impl Into<String>) {
        let before = self
            .refusals
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_add(1));
        match before {
            Ok(n) if n < REFUSALS => {
                self.report(SessionEvent::RequestRefused { what: what.into() })
                    .await
            }
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
