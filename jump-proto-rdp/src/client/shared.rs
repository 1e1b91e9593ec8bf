//! What the task that owns the stream and the callers of a session share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jump_core::{Error, ErrorKind, Result};
use tokio::sync::{RwLock, watch};

use super::coverage::Coverage;
use super::events::Events;
use super::input::{Channel, Input};
use super::outbox::{MAX_WAITING, Outbox};
use super::picture::Picture;
use super::size::Size;

/// Wishes that only the task can fulfil, at most so many.
const MAX_WISHES: usize = 4;

/// Why a session is over.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// One of both sides closed it between two messages.
    Closed,
    /// It failed.
    Failed(Arc<Error>),
}

impl End {
    /// The error of a call that needs the session.
    pub(super) fn error(&self, operation: &'static str) -> Error {
        match self {
            End::Closed => Error::new(ErrorKind::Closed, operation, "the session is closed"),
            End::Failed(error) => {
                Error::new(error.kind(), operation, error.to_string()).retryable(error.is_retryable())
            }
        }
    }
}

/// What a caller wants and only the owner of the channels can do.
#[derive(Debug)]
pub(super) enum Wish {
    /// The server's clipboard is to have this text.
    Clipboard(String),
    /// The screen is to have another size.
    Resize(Size),
}

/// Whether the server's screen can have another size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resizing {
    /// It has not said so yet.
    Unknown,
    /// It can.
    Possible,
}

/// Everything but the picture. Locked for moments only.
pub(super) struct State {
    pub(super) size: Size,
    /// How often the screen has got another size.
    pub(super) sizes: u64,
    pub(super) events: Events,
    pub(super) outbox: Outbox,
    pub(super) input: Input,
    pub(super) wishes: VecDeque<Wish>,
    pub(super) resizing: Resizing,
    /// Until the whole screen has been painted.
    pub(super) unpainted: Option<Coverage>,
    pub(super) closing: bool,
    pub(super) end: Option<End>,
}

/// The state, the picture, and who is to look at them again.
pub(super) struct Shared {
    pub(super) picture: Arc<RwLock<Picture>>,
    state: Mutex<State>,
    /// For who waits for events, the first picture or the end.
    pub(super) news: watch::Sender<()>,
    /// For who sends: there is something, or the session is to be closed.
    pub(super) outgoing: watch::Sender<()>,
    /// For who waits for room in the outbox.
    pub(super) room: watch::Sender<()>,
    /// For the task: there are wishes.
    pub(super) wished: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new(picture: Picture, channel: Channel) -> Self {
        let size = picture.size();
        let state = State {
            size,
            sizes: 0,
            events: Events::default(),
            outbox: Outbox::default(),
            input: Input::new(channel),
            wishes: VecDeque::new(),
            resizing: Resizing::Unknown,
            unpainted: Some(Coverage::new(size)),
            closing: false,
            end: None,
        };
        Self {
            picture: Arc::new(RwLock::new(picture)),
            state: Mutex::new(state),
            news: watch::Sender::new(()),
            outgoing: watch::Sender::new(()),
            room: watch::Sender::new(()),
            wished: watch::Sender::new(()),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state each time that `bell` rings until there is an answer. Cancel-safe.
    pub(super) async fn until<T>(
        &self,
        bell: &watch::Sender<()>,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> T {
        let mut rung = bell.subscribe();
        loop {
            if let Some(answer) = look(&mut self.lock()) {
                return answer;
            }
            // Its sender lives as long as this borrow.
            let _ = rung.changed().await;
        }
    }

    /// Waits for room and lets `write` append its messages, all or none. Cancel-safe until it has appended.
    pub(super) async fn send<T>(
        &self,
        operation: &'static str,
        mut write: impl FnMut(&mut State) -> Result<T>,
    ) -> Result<T> {
        let written = self
            .until(&self.room, |state| match &state.end {
                Some(end) => Some(Err(end.error(operation))),
                None if state.closing => Some(Err(End::Closed.error(operation))),
                None => {
                    let room = state.outbox.len() <= MAX_WAITING && state.wishes.len() < MAX_WISHES;
                    room.then(|| write(state))
                }
            })
            .await;
        self.outgoing.send_replace(());
        self.wished.send_replace(());
        written
    }

    /// Appends what the task has to say.
    pub(super) fn say(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.lock().outbox.push(bytes);
            self.outgoing.send_replace(());
        }
    }

    /// Lets go of what is held, says goodbye, and lets the sender end behind that; whether it is still to be sent. Once
    /// closed, it stays so.
    pub(super) fn close(&self, goodbye: &[u8]) -> bool {
        let mut state = self.lock();
        let held = !state.closing && state.input.holds_anything();
        if !state.closing {
            // Events of a fixed length can always be written.
            if let Ok(released) = state.input.release() {
                state.outbox.push(&released);
            }
            state.outbox.push(goodbye);
        }
        state.closing = true;
        drop(state);
        self.outgoing.send_replace(());
        self.room.send_replace(());
        held
    }

    /// Says how the session ended, to all who wait. The first reason stays.
    pub(super) fn finish(&self, end: End) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.end = Some(end);
        }
        state.wishes.clear();
        drop(state);
        self.news.send_replace(());
        self.room.send_replace(());
        self.outgoing.send_replace(());
    }
}
