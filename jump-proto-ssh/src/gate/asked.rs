//! A rep's request for a channel, and what becomes of it when the session ends meanwhile.
//!
//! A request that is dropped would be refused, and the rep could not tell that from a target that is at its limit. So
//! what the end of a session leaves without an answer stays without one: the rep's client hears why the session ended.

use std::sync::{Arc, Mutex, PoisonError};

use russh::ChannelOpenFailure;
use russh::server::ChannelOpenHandle;

/// Requests that are kept without an answer; a rep that asks for more meanwhile is refused.
const MOST: usize = 64;

/// Requests that had no answer when their task ended. They are refused when this is dropped, after the goodbye.
#[derive(Default)]
pub(super) struct Unanswered(Mutex<Vec<ChannelOpenHandle>>);

/// A request for a channel.
pub(super) struct Asked {
    reply: Option<ChannelOpenHandle>,
    unanswered: Arc<Unanswered>,
}

impl Asked {
    pub(super) const fn new(reply: ChannelOpenHandle, unanswered: Arc<Unanswered>) -> Self {
        Self {
            reply: Some(reply),
            unanswered,
        }
    }

    pub(super) async fn accept(mut self) {
        if let Some(reply) = self.reply.take() {
            reply.accept().await;
        }
    }

    pub(super) async fn reject(mut self, why: ChannelOpenFailure) {
        if let Some(reply) = self.reply.take() {
            reply.reject(why).await;
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let Some(reply) = self.reply.take() else { return };
        let mut kept = self.unanswered.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST {
            kept.push(reply);
        }
    }
}
