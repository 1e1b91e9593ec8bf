//! What a Jumpoint has to report, kept until the broker says that it is on stable storage.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::control::{Connection, JumpointRequest, Request};

/// Reports wait here in order, at most this many; who reports more waits, and with it the session.
const CAPACITY: usize = 1024;

/// The end into which sessions report; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Outbox(mpsc::Sender<JumpointRequest>);

impl Outbox {
    /// An outbox that delivers over whichever connection `current` holds, until every handle is dropped.
    pub(super) fn start(current: watch::Receiver<Option<Connection>>) -> Self {
        let (sender, reports) = mpsc::channel(CAPACITY);
        tokio::spawn(deliver(reports, current));
        Self(sender)
    }

    /// Queues a report; waits while the outbox is full.
    pub(super) async fn report(&self, report: JumpointRequest) {
        let _ = self.0.send(report).await;
    }
}

async fn deliver(
    mut reports: mpsc::Receiver<JumpointRequest>,
    mut current: watch::Receiver<Option<Connection>>,
) {
    while let Some(report) = reports.recv().await {
        let report = Arc::new(report);
        loop {
            let connection = match current
                .wait_for(|current| current.as_ref().is_some_and(|c| !c.is_closed()))
                .await
            {
                Ok(connection) => connection.clone(),
                Err(_) => return,
            };
            let Some(connection) = connection else { continue };
            match connection
                .request(Request::Jumpoint(JumpointRequest::clone(&report)))
                .await
            {
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
