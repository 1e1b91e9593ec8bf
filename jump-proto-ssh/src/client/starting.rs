//! A channel on which nothing runs yet.

use std::sync::Arc;

use jump_core::{Error, ErrorKind, Result};
use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use tokio::time::timeout;

use super::PATIENCE;
use super::notes::Notes;

/// The target did not answer in time.
pub(super) fn silent(what: &'static str) -> Error {
    Error::new(ErrorKind::Timeout, what, "the target does not answer")
}

/// An open channel; it is closed when this is dropped, so that who gives up on a target leaves nothing there.
pub(super) struct Starting {
    /// Taken when something runs on it.
    channel: Option<Channel<Msg>>,
    notes: Arc<Notes>,
}

impl Starting {
    pub(super) fn new(channel: Channel<Msg>, notes: Arc<Notes>) -> Self {
        notes.register(channel.id());
        Self {
            channel: Some(channel),
            notes,
        }
    }

    /// To make a request on.
    pub(super) fn channel(&mut self) -> Result<&mut Channel<Msg>> {
        self.channel
            .as_mut()
            .ok_or_else(|| self.notes.lost("open a channel"))
    }

    /// Waits for the answer to the request just made.
    pub(super) async fn answer(&mut self, what: &'static str, permitted: bool) -> Result<()> {
        let answered = timeout(PATIENCE, self.next_answer(what)).await;
        if answered.map_err(|_| silent(what))?? {
            return Ok(());
        }
        Err(if permitted {
            Error::new(ErrorKind::Unsupported, what, "the target refused it")
        } else {
            Error::new(ErrorKind::Denied, what, "the grant does not permit it")
        })
    }

    /// Whether the next answer is a good one.
    async fn next_answer(&mut self, what: &'static str) -> Result<bool> {
        loop {
            match self.channel()?.wait().await {
                Some(ChannelMsg::Success) => return Ok(true),
                Some(ChannelMsg::Failure) => return Ok(false),
                Some(ChannelMsg::Close) => {
                    let message = "the other end closed the channel and gave no answer";
                    return Err(Error::new(ErrorKind::Closed, what, message));
                }
                Some(_) => {}
                None => return Err(self.notes.lost(what)),
            }
        }
    }

    /// Something runs on it.
    pub(super) fn started(mut self) -> Result<Channel<Msg>> {
        self.channel
            .take()
            .ok_or_else(|| self.notes.lost("open a channel"))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let Some(channel) = self.channel.take() else {
            return;
        };
        self.notes.forget(channel.id());
        // Outside a runtime the connection is gone as well.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = channel.close().await;
            });
        }
    }
}
