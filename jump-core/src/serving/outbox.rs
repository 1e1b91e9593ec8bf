//! What is to be reported of sessions, kept until the broker says that it is on stable storage.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::control::{Connection, GateReport, Request};

/// The reports of a session wait here in order, at most this many; a session that reports more waits.
const CAPACITY: usize = 64;

/// Where sessions report; cheap to clone.
///
/// Each session has a queue of its own: one that has much to say, or whose reports the broker takes slowly, does not
/// hold up what others have to say. The broker takes it for a sign of life when a session starts.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    current: watch::Receiver<Option<Connection>>,
    /// How a report is said to the broker.
    say: fn(GateReport) -> Request,
}

/// The end into which one session reports; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Reports(mpsc::Sender<Box<GateReport>>);

impl Outbox {
    /// An outbox that delivers over whichever connection `current` holds. Once nobody is left who could put another one
    /// there, what waits for one is given up.
    pub(crate) const fn new(
        current: watch::Receiver<Option<Connection>>,
        say: fn(GateReport) -> Request,
    ) -> Self {
        Self { current, say }
    }

    /// A queue for one session. Its reports are delivered in order, until every handle is dropped and nothing is left: then
    /// the task is done.
    pub(crate) fn session(&self) -> (Reports, JoinHandle<()>) {
        let (sender, reports) = mpsc::channel(CAPACITY);
        let delivered = tokio::spawn(deliver(reports, self.clone()));
        (Reports(sender), delivered)
    }
}

impl Reports {
    /// Queues a report; waits while the queue is full.
    pub(crate) async fn report(&self, report: GateReport) {
        // Boxed: a queue holds room for 32 of what it carries, and most sessions report next to nothing.
        let _ = self.0.send(Box::new(report)).await;
    }
}

async fn deliver(mut reports: mpsc::Receiver<Box<GateReport>>, Outbox { mut current, say }: Outbox) {
    while let Some(report) = reports.recv().await {
        loop {
            let connection = match current
                .wait_for(|current| current.as_ref().is_some_and(|c| !c.is_closed()))
                .await
            {
                Ok(connection) => connection.clone(),
                Err(_) => return,
            };
            let Some(connection) = connection else { continue };
            let request = say(GateReport::clone(&report));
            // Boxed, so that a session that waits carries none of it.
            match Box::pin(connection.request(request)).await {
                Ok(_) => break,
                // The broker's own storage is in trouble, or the connection is: the report must not be lost.
                Err(error) if error.is_retryable() || error.kind() == crate::ErrorKind::Storage => {
                    tracing::warn!(%error, "a report could not be delivered; trying again");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => {
                    tracing::error!(%error, "the broker refused a report");
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;

    use super::*;
    use crate::control::{FrameDecoder, Handler, Heartbeat, JumpointRequest, MAX_FRAME, Notice, Response};
    use crate::error::Result;
    use crate::id::SessionId;

    /// A broker that never confirms what one session reports.
    #[derive(Debug)]
    struct Stuck {
        session: SessionId,
        heard: mpsc::Sender<SessionId>,
    }

    #[async_trait]
    impl Handler for Stuck {
        async fn request(&self, _: &Connection, request: Request) -> Result<Response> {
            if let Request::Jumpoint(JumpointRequest::SessionStarted { session }) = request {
                if session == self.session {
                    std::future::pending::<()>().await;
                }
                let _ = self.heard.send(session).await;
            }
            Ok(Response::Done)
        }

        async fn notice(&self, _: &Connection, _: Notice) {}
    }

    #[tokio::test]
    async fn a_session_whose_reports_are_stuck_holds_up_no_other() {
        let (stuck, other) = (SessionId::random().unwrap(), SessionId::random().unwrap());
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (heard, mut hears) = mpsc::channel(8);
        let handler = Arc::new(Stuck {
            session: stuck,
            heard,
        });
        let start = |stream, handler| {
            Connection::start(
                stream,
                FrameDecoder::new(MAX_FRAME),
                handler,
                Heartbeat::default(),
            )
        };
        let _broker = start(far, handler.clone());
        let (_current, watcher) = watch::channel(Some(start(near, handler)));
        let outbox = Outbox::new(watcher, |report| Request::Jumpoint(report.into()));
        let (noisy, _) = outbox.session();
        for _ in 0..CAPACITY {
            noisy.report(GateReport::Started { session: stuck }).await;
        }
        outbox
            .session()
            .0
            .report(GateReport::Started { session: other })
            .await;
        assert_eq!(hears.recv().await, Some(other));
    }
}
