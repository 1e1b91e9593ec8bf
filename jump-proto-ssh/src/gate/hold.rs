//! Keeps replies to channel requests in order.
//!
//! A channel request is answered by order only (RFC 4254 §5.4), and russh remembers only of the *last* request of a
//! channel whether an answer is wanted. So after each request the gate reads nothing more from the rep until the answer
//! has been sent.
//!
//! Window adjustments come in on the same stream. So that the target's answer never waits for one that is not read,
//! reading goes on as soon as output for the rep waits for window.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Sleep;

/// The longest that reading is held back for one answer: some devices never give one.
const LONGEST: Duration = Duration::from_secs(2);
/// How often reading is put off after an answer was queued. The answer is in the queue of russh's task, and that task
/// waits for its queue and for this reader side by side, in no order: in the first round it may have looked at the queue
/// before the answer was there, in the second it looks again. One more, because a task that has done much takes a
/// forced pause.
const ROUNDS: u8 = 3;

#[derive(Debug, Default)]
struct State {
    /// Per channel, requests seen minus requests answered.
    open: HashMap<u32, i32>,
    /// Answers given so far.
    answers: u64,
    /// Channels whose output waits for window.
    stalled: usize,
}

/// Counts requests and answers.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    state: Mutex<State>,
    waker: AtomicWaker,
}

impl Hold {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes part in a channel's requests from now on.
    pub(crate) fn register(&self, channel: u32) {
        self.with(|state| state.open.insert(channel, 0));
    }

    /// Forgets a channel and whatever was not answered.
    pub(crate) fn forget(&self, channel: u32) {
        self.with(|state| state.open.remove(&channel));
        self.waker.wake();
    }

    /// A request was read from the rep.
    pub(crate) fn asked(&self, channel: u32) {
        self.with(|state| {
            if let Some(count) = state.open.get_mut(&channel) {
                *count += 1;
            }
        });
    }

    /// An answer was queued; may come before [`Hold::asked`], because another task does it.
    pub(crate) fn answered(&self, channel: u32) {
        self.with(|state| {
            state.answers += 1;
            if let Some(count) = state.open.get_mut(&channel) {
                *count -= 1;
            }
        });
        self.waker.wake();
    }

    /// Output waits for window, until the returned value is dropped.
    pub(crate) fn stalled(&self) -> Stalled<'_> {
        self.with(|state| state.stalled += 1);
        self.waker.wake();
        Stalled(self)
    }
}

/// See [`Hold::stalled`].
#[derive(Debug)]
pub(crate) struct Stalled<'a>(&'a Hold);

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        self.0.with(|state| state.stalled -= 1);
    }
}

/// The reading side of a [`Hold`].
#[derive(Debug)]
pub(crate) struct Gatekeeper {
    hold: Arc<Hold>,
    timer: Option<Pin<Box<Sleep>>>,
    answers: u64,
    rounds: u8,
}

impl Gatekeeper {
    pub(crate) const fn new(hold: Arc<Hold>) -> Self {
        Self {
            hold,
            timer: None,
            answers: 0,
            rounds: 0,
        }
    }

    /// Ready when reading may go on.
    pub(crate) fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.hold.waker.register(cx.waker());
        let (waiting, stalled, answers) = self.hold.with(|state| {
            let waiting = state.open.values().any(|count| *count > 0);
            (waiting, state.stalled > 0, state.answers)
        });
        if waiting && !stalled {
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(LONGEST)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.hold
                .with(|state| state.open.values_mut().for_each(|count| *count = 0));
        }
        self.timer = None;
        if answers != self.answers {
            self.answers = answers;
            self.rounds = ROUNDS;
        }
        if self.rounds > 0 {
            self.rounds -= 1;
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

    #[tokio::test(start_paused = true)]
    async fn reading_goes_on_while_output_waits_for_window() {
        let hold = Arc::new(Hold::default());
        let mut gatekeeper = Gatekeeper::new(hold.clone());
        hold.register(1);
        hold.asked(1);
        let stalled = hold.stalled();
        poll_fn(|cx| gatekeeper.poll_open(cx)).await;
        drop(stalled);
        let begun = tokio::time::Instant::now();
        poll_fn(|cx| gatekeeper.poll_open(cx)).await;
        assert!(begun.elapsed() >= LONGEST);
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
