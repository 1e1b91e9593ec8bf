//! File transfer in a channel: the bytes of both directions go through the filter.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use jump_core::Result;
use jump_core::protocol::SessionEvent;
use jump_core::recording::RecordKind;
use russh::{ChannelWriteHalf, client, server};
use tokio::sync::{Notify, watch};

use super::bridge::Bridge;
use crate::sftp::{Filter, Output, Rules, Violation};

/// The filter of one channel, which both of its directions use.
pub(super) struct Files {
    filter: Mutex<Filter>,
    /// The filter may go on with what the client sent.
    moved: Notify,
}

impl Files {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            filter: Mutex::new(Filter::new(rules)),
            moved: Notify::new(),
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Filter) -> T) -> T {
        change(&mut self.filter.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is to be said of files that were never closed.
    pub(super) fn unfinished(&self) -> Vec<SessionEvent> {
        self.with(|filter| {
            let mut events = std::mem::take(&mut filter.output().events);
            events.extend(filter.unfinished());
            events
        })
    }

    /// The client sends nothing more.
    pub(super) fn client_ended(&self) -> Result<(), Violation> {
        self.with(|filter| filter.client_ended())
    }
}

impl Bridge<'_> {
    /// Gives the target what it may get of the client's data. Returns when the client may go on: `false` if it may not,
    /// because the protocol was broken.
    pub(super) async fn filter_up(
        &self,
        files: &Files,
        data: Bytes,
        target: &ChannelWriteHalf<client::Msg>,
    ) -> bool {
        let mut done = files.with(|filter| filter.from_client(data));
        loop {
            let (to_target, events, answers, waiting) = files.with(|filter| {
                let waiting = filter.is_waiting();
                let Output {
                    to_target,
                    events,
                    answers,
                    ..
                } = filter.output();
                let answers = !answers.is_empty();
                (
                    std::mem::take(to_target),
                    std::mem::take(events),
                    answers,
                    waiting,
                )
            });
            if answers {
                self.answers.notify_one();
            }
            for event in events {
                self.shared.reporter.file(event).await;
            }
            for bytes in to_target {
                // If the target is gone, its own direction says so.
                let _ = target.data_bytes(bytes).await;
            }
            if let Err(violation) = done {
                self.break_off(violation.into()).await;
                return false;
            }
            if !waiting {
                return true;
            }
            files.moved.notified().await;
            done = files.with(Filter::advance);
        }
    }

    /// Gives the rep what it may get of the target's data, and the filter's own answers. `false` when it is gone.
    ///
    /// # Errors
    /// The recording failed.
    pub(super) async fn filter_down(
        &self,
        files: &Files,
        data: Option<Bytes>,
        rep: &ChannelWriteHalf<server::Msg>,
        rep_closed: &mut watch::Receiver<bool>,
    ) -> Result<bool> {
        let (done, output) = files.with(|filter| {
            let done = data.map_or(Ok(()), |data| filter.from_target(data));
            let between = filter.client_between_packets();
            let whole = filter.output();
            let output = Output {
                to_client: std::mem::take(&mut whole.to_client),
                events: std::mem::take(&mut whole.events),
                answers: if between {
                    std::mem::take(&mut whole.answers)
                } else {
                    Vec::new()
                },
                to_target: Vec::new(),
            };
            (done, output)
        });
        files.moved.notify_one();
        for event in output.events {
            self.shared.reporter.file(event).await;
        }
        for bytes in output.to_client.into_iter().chain(output.answers) {
            self.record(RecordKind::FromTarget, bytes.clone()).await?;
            if self
                .pass_down(rep.data_bytes(bytes), rep, rep_closed)
                .await
                .is_err()
            {
                return Ok(false);
            }
        }
        if let Err(violation) = done {
            self.break_off(violation.into()).await;
            return Ok(false);
        }
        Ok(true)
    }
}
