//! From which update on a server writes pixels in another format.
//!
//! A server changes its format when it reads SetPixelFormat, and says nothing. An update that was asked for before may be
//! written in the old format or in the new one; neither a viewer nor a gate can tell. So viewers change the format only
//! when they have asked for nothing that is not on its way already, and here that is a rule: SetPixelFormat, and with it all
//! that follows, waits until every update that was asked for has begun, and with continuous updates until they are
//! switched off. The update that is under way is in the old format; the next one is in the new one, or, while updates were
//! still continuous, the one after EndOfContinuousUpdates.
//!
//! A server sends an update for every request at least, or none: one that answers several with one update keeps a change
//! of the format waiting, and the session then ends with an error rather than pass on what cannot be understood.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::wire::PixelFormat;

/// What was asked for and not answered, and the format that comes next.
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
    /// Ends of continuous updates that were asked for and have not come.
    ends: u32,
    next: Option<PixelFormat>,
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
        let mut state = self.state();
        if !enabled {
            state.ends = state.ends.saturating_add(1);
        }
        state.continuous = enabled;
    }

    /// The viewer changes the format: returns when the target may get that. Cancel-safe. For one task.
    pub(super) async fn change(&self, format: PixelFormat) {
        loop {
            {
                let mut state = self.state();
                if state.asked == 0 && !state.continuous {
                    state.next = Some(format);
                    return;
                }
            }
            self.changed.notified().await;
        }
    }

    /// An update begins; the format that it and all that follow are in, if that changes.
    pub(super) fn update_begins(&self) -> Option<PixelFormat> {
        let mut state = self.state();
        state.asked = state.asked.saturating_sub(1);
        let next = if state.ends == 0 { state.next.take() } else { None };
        drop(state);
        self.changed.notify_one();
        next
    }

    /// Continuous updates have ended; the format of all that follow, if that changes.
    pub(super) fn continuous_ended(&self) -> Option<PixelFormat> {
        let mut state = self.state();
        // A server says it once unasked, to show that it can (rfbproto "ContinuousUpdates Pseudo-encoding").
        state.ends = state.ends.saturating_sub(1);
        let next = if state.ends == 0 { state.next.take() } else { None };
        drop(state);
        self.changed.notify_one();
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn is_ready(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn a_format_waits_for_what_was_asked_for_and_starts_with_the_next_update() {
        let formats = Formats::default();
        let mut first = pin!(formats.change(PixelFormat::RGB565));
        assert!(is_ready(first.as_mut()), "nothing was asked for");
        formats.asked();
        assert_eq!(formats.update_begins(), Some(PixelFormat::RGB565));
        formats.asked();
        let mut second = pin!(formats.change(PixelFormat::BGR233));
        assert!(!is_ready(second.as_mut()));
        assert_eq!(
            formats.update_begins(),
            None,
            "it was asked for in the old format"
        );
        assert!(is_ready(second.as_mut()));
        assert_eq!(formats.update_begins(), Some(PixelFormat::BGR233));
    }

    #[test]
    fn a_format_starts_where_continuous_updates_end() {
        let formats = Formats::default();
        assert_eq!(formats.continuous_ended(), None, "the server says that it can");
        formats.continuous(true);
        let mut early = pin!(formats.change(PixelFormat::RGB565));
        assert!(!is_ready(early.as_mut()));
        formats.continuous(false);
        let mut change = pin!(formats.change(PixelFormat::RGB565));
        assert!(is_ready(change.as_mut()));
        assert_eq!(formats.update_begins(), None, "it was on its way already");
        assert_eq!(formats.continuous_ended(), Some(PixelFormat::RGB565));
    }
}
