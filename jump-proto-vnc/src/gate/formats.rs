//! When a change of the pixel format is passed on, and what it means for whoever follows the target.
//!
//! A server changes its format when it reads SetPixelFormat, and says nothing. Where its messages begin and end is found out
//! by the [`Follower`](crate::walk::Follower) nevertheless. What the pixels between them mean it cannot find out, and a recording
//! is to know: so a change of the format waits until every update that was asked for has begun and continuous updates are off.
//! Viewers wait for that themselves, because they could not tell either. They may know better, though: a server can answer
//! several requests with one update, and one for what has changed only when something has. So the wait is short, and what
//! was asked for counts as answered then.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::wire::PixelFormat;

/// How long a change of the format waits for updates that may never come.
const PATIENCE: Duration = Duration::from_millis(250);
/// The most changes that wait for the target's next message; beyond them it is not told of another one.
const MAX_CHANGES: usize = 8;

/// What was asked for and not answered, and the formats that may come next.
#[derive(Debug, Default)]
pub(super) struct Formats {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Requests without an update.
    asked: u32,
    continuous: bool,
    /// What the target may be writing in and its follower was not told yet.
    changes: Vec<PixelFormat>,
}

impl Formats {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The viewer asks for an update; to be called before the target gets it.
    pub(super) fn asked(&self) {
        let mut state = self.state();
        state.asked = state.asked.saturating_add(1);
    }

    /// The viewer switches continuous updates on or off; to be called before the target gets it.
    pub(super) fn continuous(&self, enabled: bool) {
        self.state().continuous = enabled;
    }

    /// Waits until nothing is under way in the old format; whether that is known, and not just to be expected.
    /// Cancel-safe. For one task.
    pub(super) async fn quiet(&self) -> bool {
        let quiet = async {
            while !self.is_quiet() {
                self.changed.notified().await;
            }
        };
        let known = timeout(PATIENCE, quiet).await.is_ok();
        self.state().asked = 0;
        known
    }

    fn is_quiet(&self) -> bool {
        let state = self.state();
        state.asked == 0 && !state.continuous
    }

    /// The viewer changes the format; to be called before the target gets it. Whether it may get it: not if it has said
    /// nothing since it got many of them.
    pub(super) fn change(&self, format: PixelFormat) -> bool {
        let mut state = self.state();
        let room = state.changes.len() < MAX_CHANGES;
        if room {
            state.changes.push(format);
        }
        room
    }

    /// So many updates began.
    pub(super) fn began(&self, updates: u32) {
        if updates > 0 {
            let mut state = self.state();
            state.asked = state.asked.saturating_sub(updates);
            drop(state);
            self.changed.notify_one();
        }
    }

    /// What the target was told, since this was asked last.
    pub(super) fn changes(&self) -> Vec<PixelFormat> {
        std::mem::take(&mut self.state().changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn now<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_waits_for_what_was_asked_for() {
        let formats = Formats::default();
        assert!(formats.quiet().await, "nothing was asked for");
        formats.asked();
        formats.asked();
        let mut waiting = pin!(formats.quiet());
        assert_eq!(now(waiting.as_mut()), None);
        formats.began(1);
        assert_eq!(now(waiting.as_mut()), None);
        formats.began(1);
        assert_eq!(now(waiting.as_mut()), Some(true));
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_is_not_waited_for_long_and_counts_as_answered() {
        let formats = Formats::default();
        formats.asked();
        assert!(!formats.quiet().await);
        assert!(formats.quiet().await);
        formats.continuous(true);
        assert!(!formats.quiet().await);
        formats.continuous(false);
        assert!(formats.quiet().await);
    }

    #[test]
    fn only_so_many_changes_wait_for_the_target() {
        let formats = Formats::default();
        for _ in 0..MAX_CHANGES {
            assert!(formats.change(PixelFormat::BGR233));
        }
        assert!(!formats.change(PixelFormat::BGR233));
        assert_eq!(formats.changes().len(), MAX_CHANGES);
        assert!(formats.change(PixelFormat::BGR233));
    }
}
