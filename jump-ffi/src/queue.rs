//! Events of one session, broker or Jumpoint, to be pulled.
//!
//! A queue is bounded, and nothing in it is dropped. What is state coalesces: of several events with one [`Key`] the newest
//! stands in the place of the oldest. What is a stream waits for room. What happens once in the life of an object, its end,
//! always has room.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jump_core::{Error, ErrorKind, Result};
use tokio::sync::Notify;

use crate::event::Event;
use crate::wake::{Signal, Wake};

/// How many events of a stream wait before it is held back.
const ROOM: usize = 16;

/// What events are about that replace each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// The announced end of a session.
    Ending,
    /// Something to read from the shell or stream with this id.
    Readable(u64),
    /// How far the transfer with this id is.
    Progress(u64),
}

struct Queued {
    key: Option<Key>,
    event: Event,
}

#[derive(Default)]
struct State {
    events: VecDeque<Queued>,
    /// Nothing will come any more.
    over: bool,
    interrupted: bool,
    signal: Option<Signal>,
}

/// The events that wait, and who waits for them.
pub(crate) struct Queue {
    wake: Arc<Wake>,
    state: Mutex<State>,
    changed: Condvar,
    room: Notify,
}

impl Queue {
    pub(crate) fn new(wake: Arc<Wake>) -> Self {
        Self {
            wake,
            state: Mutex::default(),
            changed: Condvar::new(),
            room: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and tells whoever waits or polls.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let before = !state.events.is_empty();
        let changed = change(&mut state);
        let after = !state.events.is_empty();
        if before != after {
            if let Some(signal) = &mut state.signal {
                signal.set(after);
            }
            // Under this lock, so that the count of filled queues is never behind what they are.
            self.wake.queue_is_filled(after);
        }
        drop(state);
        self.changed.notify_all();
        if after && !before {
            self.wake.call();
        }
        changed
    }

    /// An event that replaces the one before of its key.
    pub(crate) fn coalesce(&self, key: Key, event: Event) {
        self.change(|state| {
            let waiting = state.events.iter_mut().find(|queued| queued.key == Some(key));
            match waiting {
                Some(queued) => queued.event = event,
                None => {
                    let key = Some(key);
                    state.events.push_back(Queued { key, event });
                }
            }
        });
    }

    /// An event that happens once, such as the end of a transfer: there is always room for it.
    pub(crate) fn add(&self, event: Event) {
        self.change(|state| state.events.push_back(Queued { key: None, event }));
    }

    /// Waits until an event of a stream has room. Cancel-safe.
    pub(crate) async fn has_room(&self) {
        loop {
            let room = self.room.notified();
            if self.state().events.len() < ROOM {
                return;
            }
            room.await;
        }
    }

    /// The last event; none comes after it.
    pub(crate) fn end(&self, event: Event) {
        self.change(|state| {
            if !state.over {
                state.over = true;
                state.events.push_back(Queued { key: None, event });
            }
        });
    }

    /// The next event: waits for it at most so long, for ever if that is `None`. Gives `None` if there is none yet, or if
    /// somebody interrupted the wait.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] if there will be none any more.
    pub(crate) fn next(&self, at_most: Option<Duration>) -> Result<Option<Event>> {
        let until = at_most.and_then(|time| Instant::now().checked_add(time));
        let mut state = self.state();
        loop {
            if !state.events.is_empty() {
                drop(state);
                // Another reader may have been faster; then this one goes on waiting.
                let event = self.change(|state| state.events.pop_front());
                self.room.notify_one();
                if let Some(queued) = event {
                    return Ok(Some(queued.event));
                }
                state = self.state();
                continue;
            }
            if state.over {
                return Err(Error::new(
                    ErrorKind::Closed,
                    "wait for an event",
                    "there will be no more events",
                ));
            }
            if std::mem::take(&mut state.interrupted) {
                return Ok(None);
            }
            state = match until {
                // A time beyond what a clock can show is for ever, too.
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(None);
                    }
                    let (state, _) = self
                        .changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner);
                    state
                }
            };
        }
    }

    /// Ends the wait that runs, or the next one.
    pub(crate) fn interrupt(&self) {
        self.state().interrupted = true;
        self.changed.notify_all();
    }

    /// The descriptor that can be read from as long as there is an event.
    pub(crate) fn descriptor(&self) -> Result<i32> {
        let mut state = self.state();
        let filled = !state.events.is_empty();
        if state.signal.is_none() {
            let mut signal = Signal::new()?;
            signal.set(filled);
            state.signal = Some(signal);
        }
        state
            .signal
            .as_ref()
            .map(Signal::descriptor)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "make a file descriptor", "it is gone"))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if !self.state().events.is_empty() {
            self.wake.queue_is_filled(false);
        }
    }
}
