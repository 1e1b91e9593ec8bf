//! What the task that owns the stream and the callers of a session share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jump_core::session::SessionPermissions;
use jump_core::{Error, ErrorKind, Result};
use tokio::sync::{RwLock, oneshot, watch};

use super::coverage::Coverage;
use super::events::Events;
use super::exact::Exact;
use super::outbox::{MAX_WAITING, Outbox};
use crate::decode::{Screen, UpdateDecoder};
use crate::wire::clipboard::Actions;
use crate::wire::{ClientMessage, Encoding, Size};

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

/// What the server can do beyond RFC 6143.
#[derive(Debug, Default)]
pub(super) struct Abilities {
    /// Marks in the stream.
    pub(super) fences: bool,
    /// Scan codes.
    pub(super) extended_keys: bool,
    /// Its screens, once it has said them: it may then be asked for others.
    pub(super) screens: Option<Vec<Screen>>,
    /// The extended clipboard, and what it does with it.
    pub(super) clipboard: Option<Actions>,
}

/// Everything but the picture. Locked for moments only.
#[derive(Debug)]
pub(super) struct State {
    pub(super) size: Size,
    pub(super) name: String,
    pub(super) events: Events,
    pub(super) outbox: Outbox,
    pub(super) server: Abilities,
    /// What of the encodings the link's speed decides.
    pub(super) hints: Vec<Encoding>,
    /// What the callers may do.
    pub(super) permissions: SessionPermissions,
    /// JPEG was allowed since every pixel was exact.
    pub(super) lossy: bool,
    /// Somebody wants exact pixels.
    pub(super) exact: Option<Exact>,
    /// Until the whole screen has been painted.
    pub(super) unpainted: Option<Coverage>,
    /// Where the pointer was last sent to, and its buttons.
    pub(super) pointer: (u16, u16, u16),
    /// The text that the server may ask for.
    pub(super) clipboard: Option<Arc<str>>,
    /// Who waits for the answer to a wish for another size.
    pub(super) resizing: Option<oneshot::Sender<u16>>,
    pub(super) closing: bool,
    pub(super) end: Option<End>,
}

/// The state, the picture, and who is to look at them again.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) picture: Arc<RwLock<UpdateDecoder>>,
    state: Mutex<State>,
    /// For who waits for events, the first picture or the end.
    pub(super) news: watch::Sender<()>,
    /// For who sends: there is something, or the session is to be closed.
    pub(super) outgoing: watch::Sender<()>,
    /// For who waits for room in the outbox.
    pub(super) room: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new(
        decoder: UpdateDecoder,
        name: String,
        hints: Vec<Encoding>,
        permissions: SessionPermissions,
    ) -> Self {
        let size = decoder.screen().size();
        let state = State {
            size,
            name,
            events: Events::default(),
            outbox: Outbox::default(),
            server: Abilities::default(),
            hints,
            permissions,
            lossy: false,
            exact: None,
            unpainted: Some(Coverage::new(size)).filter(|coverage| !coverage.is_whole()),
            pointer: (0, 0, 0),
            clipboard: None,
            resizing: None,
            closing: false,
            end: None,
        };
        Self {
            picture: Arc::new(RwLock::new(decoder)),
            state: Mutex::new(state),
            news: watch::Sender::new(()),
            outgoing: watch::Sender::new(()),
            room: watch::Sender::new(()),
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
                None => (state.outbox.len() <= MAX_WAITING).then(|| write(state)),
            })
            .await;
        self.outgoing.send_replace(());
        written
    }

    /// Lets go of what is held, and lets the sender end behind that; whether there is something for it to let go. Once
    /// closed, it stays so.
    pub(super) fn close(&self) -> bool {
        let mut state = self.lock();
        let held = !state.closing && state.outbox.release();
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
        state.resizing = None;
        drop(state);
        self.news.send_replace(());
        self.room.send_replace(());
        self.outgoing.send_replace(());
    }
}

impl State {
    /// Appends a message of a caller.
    pub(super) fn push(&mut self, operation: &'static str, message: &ClientMessage<'_>) -> Result<()> {
        self.outbox
            .push(message)
            .map_err(|error| error.into_error(operation))
    }
}
