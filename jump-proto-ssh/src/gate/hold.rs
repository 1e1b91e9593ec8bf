//! Keeps replies to channel requests in order.
//!
//! A channel request is answered by order only (RFC 4254 §5.4), and russh remembers only of the *last* request of a
//! channel whether an answer is wanted. So after each request that the target answers, the gate reads nothing more
//! from the rep until the answer has passed. If it does not come soon (the target's output to a slow rep may be in
//! its way), reading goes on.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Sleep;

/// The longest that reading is held back for one answer.
const LONGEST: Duration = Duration::from_millis(250);

/// Counts, per channel, requests seen minus requests answered.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    open: Mutex<HashMap<u32, i32>>,
    waker: AtomicWaker,
}

impl Hold {
    fn with<T>(&self, change: impl FnOnce(&mut HashMap<u32, i32>) -> T) -> T {
        change(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes part in a channel's requests from now on.
    pub(crate) fn register(&self, channel: u32) {
        self.with(|open| open.insert(channel, 0));
    }

    /// Forgets a channel and whatever was not answered.
    pub(crate) fn forget(&self, channel: u32) {
        self.with(|open| open.remove(&channel));
        self.waker.wake();
    }

    /// A request was read from the rep.
    pub(crate) fn asked(&self, channel: u32) {
        self.with(|open| {
            if let Some(count) = open.get_mut(&channel) {
                *count += 1;
            }
        });
    }

    /// A request was answered; may come before [`Hold::asked`], because another task sends the answer.
    pub(crate) fn answered(&self, channel: u32) {
        self.with(|open| {
            if let Some(count) = open.get_mut(&channel) {
                *count -= 1;
            }
        });
        self.waker.wake();
    }

    fn is_waiting(&self) -> bool {
        self.with(|open| open.values().any(|count| *count > 0))
    }
}

/// The reading side of a [`Hold`].
#[derive(Debug)]
pub(crate) struct Gatekeeper {
    hold: Arc<Hold>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Gatekeeper {
    pub(crate) const fn new(hold: Arc<Hold>) -> Self {
        Self { hold, timer: None }
    }

    /// Ready when reading may go on.
    pub(crate) fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.hold.waker.register(cx.waker());
        if self.hold.is_waiting() {
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(LONGEST)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.hold
                .with(|open| open.values_mut().for_each(|count| *count = 0));
        }
        if self.timer.take().is_some() {
            // The answer is queued for russh's task but perhaps not sent. That task polls its queue right after this:
            // one more round, and the answer is out before the next request is in.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn reading_waits_for_the_answer_but_not_for_ever() {
        let hold = Arc::new(Hold::default());
        let mut gatekeeper = Gatekeeper::new(hold.clone());
        hold.register(1);
        poll_fn(|cx| gatekeeper.poll_open(cx)).await;

        hold.asked(1);
        let waiting = tokio::spawn(async move {
            poll_fn(|cx| gatekeeper.poll_open(cx)).await;
            gatekeeper
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        hold.answered(1);
        let mut gatekeeper = waiting.await.unwrap();

        hold.asked(1);
        let begun = tokio::time::Instant::now();
        poll_fn(|cx| gatekeeper.poll_open(cx)).await;
        assert_eq!(begun.elapsed().as_millis() / 10, LONGEST.as_millis() / 10);
        poll_fn(|cx| gatekeeper.poll_open(cx)).await;
    }

    #[tokio::test]
    async fn an_answer_may_come_before_the_question_was_counted() {
        let hold = Arc::new(Hold::default());
        let mut gatekeeper = Gatekeeper::new(hold.clone());
        hold.register(1);
        hold.answered(1);
        hold.asked(1);
        poll_fn(|cx| gatekeeper.poll_open(cx)).await;
        hold.asked(1);
        hold.forget(1);
        poll_fn(|cx| gatekeeper.poll_open(cx)).await;
        hold.asked(7);
        poll_fn(|cx| gatekeeper.poll_open(cx)).await;
    }
}
