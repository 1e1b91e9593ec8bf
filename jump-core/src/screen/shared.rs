//! What the task that owns the stream and the callers of a session share.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedRwLockReadGuard, RwLock, watch};
use tokio::task::AbortHandle;

use super::{Events, MAX_WAITING, Outbox, Size};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{BYTES_PER_PIXEL, Frame, ScreenEvent};

const WATCH: &str = "wait for the target's screen";

/// Why a session is over.
#[derive(Clone, Debug)]
pub enum End {
    /// One of both sides closed it between two messages.
    Closed,
    /// It failed.
    Failed(Arc<Error>),
}

impl End {
    /// The error of a call that needs the session.
    #[must_use]
    pub fn error(&self, operation: &'static str) -> Error {
        match self {
            End::Closed => Error::new(ErrorKind::Closed, operation, "the session is closed"),
            End::Failed(error) => {
                Error::new(error.kind(), operation, error.to_string()).retryable(error.is_retryable())
            }
        }
    }
}

/// How far a session is with its end.
#[derive(Debug, Default)]
pub struct Ending {
    /// A caller wants it to end.
    pub(super) closing: bool,
    /// It has ended.
    pub(super) end: Option<End>,
}

impl Ending {
    /// Why the session is over, once it is.
    #[must_use]
    pub const fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Whether it is over, or a caller wants it to be.
    #[must_use]
    pub const fn is_near(&self) -> bool {
        self.closing || self.end.is_some()
    }
}

/// The picture of a session.
pub trait Painted: Send + Sync + 'static {
    /// Its size.
    fn size(&self) -> Size;

    /// Its pixels, RGBA, row by row without gaps, alpha 255.
    fn bytes(&self) -> &[u8];
}

/// What a protocol's client keeps of a session, all but the picture.
pub trait ClientState: Send {
    /// How far it is with its end.
    fn ending(&mut self) -> &mut Ending;

    /// What nobody has heard of yet.
    fn events(&mut self) -> &mut Events;

    /// What is to be sent.
    fn outbox(&mut self) -> &mut Outbox;

    /// Whether the whole screen has been painted once.
    fn is_painted(&self) -> bool;

    /// Whether a caller may add what it wants to send.
    fn has_room(&mut self) -> bool {
        self.outbox().len() <= MAX_WAITING
    }

    /// Adds what lets go of all keys and buttons that are held, and what is said at the end; whether any were held.
    fn leave(&mut self) -> bool;

    /// The session is over: lets go of who waits for an answer.
    fn ended(&mut self);
}

/// The state, the picture, and who is to look at them again.
#[derive(Debug)]
pub struct Shared<P, S> {
    /// The picture. Whoever holds it holds up the target.
    pub picture: Arc<RwLock<P>>,
    state: Mutex<S>,
    /// For who waits for events, the first picture or the end.
    pub news: watch::Sender<()>,
    /// For who sends: there is something, or the session is to be closed.
    pub outgoing: watch::Sender<()>,
    /// For who waits for room in the outbox.
    pub room: watch::Sender<()>,
}

/// The picture, for as long as somebody looks at it.
struct Pixels<P>(OwnedRwLockReadGuard<P>);

impl<P: Painted> Deref for Pixels<P> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl<P: Painted, S: ClientState> Shared<P, S> {
    /// Of a session that begins with this picture.
    pub fn new(picture: P, state: S) -> Self {
        Self {
            picture: Arc::new(RwLock::new(picture)),
            state: Mutex::new(state),
            news: watch::Sender::new(()),
            outgoing: watch::Sender::new(()),
            room: watch::Sender::new(()),
        }
    }

    /// The state, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state each time that `bell` rings until there is an answer. Cancel-safe.
    pub async fn until<T>(&self, bell: &watch::Sender<()>, mut look: impl FnMut(&mut S) -> Option<T>) -> T {
        let mut rung = bell.subscribe();
        loop {
            if let Some(answer) = look(&mut self.lock()) {
                return answer;
            }
            // Its sender lives as long as this borrow.
            let _ = rung.changed().await;
        }
    }

    /// Waits until `look` finds something in a session that goes on. Cancel-safe.
    ///
    /// # Errors
    /// Why the session is over, if nothing is found in it.
    pub async fn found<T>(
        &self,
        operation: &'static str,
        mut look: impl FnMut(&mut S) -> Option<T>,
    ) -> Result<T> {
        self.until(&self.news, |state| match (look(state), state.ending().end()) {
            (Some(found), _) => Some(Ok(found)),
            (None, Some(end)) => Some(Err(end.error(operation))),
            (None, None) => None,
        })
        .await
    }

    /// Waits for room and lets `write` append its messages, all or none. Cancel-safe until it has appended.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] or why the session is over; what `write` returns.
    pub async fn send<T>(
        &self,
        operation: &'static str,
        mut write: impl FnMut(&mut S) -> Result<T>,
    ) -> Result<T> {
        let written = self
            .until(&self.room, |state| {
                let ending = state.ending();
                match &ending.end {
                    Some(end) => Some(Err(end.error(operation))),
                    None if ending.closing => Some(Err(End::Closed.error(operation))),
                    None => state.has_room().then(|| write(state)),
                }
            })
            .await;
        self.outgoing.send_replace(());
        written
    }

    /// Appends what the task has to say.
    pub fn say(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.lock().outbox().push(bytes);
            self.outgoing.send_replace(());
        }
    }

    /// Says how the session ended, to all who wait. The first reason stays.
    pub fn finish(&self, end: End) {
        let mut state = self.lock();
        state.ending().end.get_or_insert(end);
        state.ended();
        drop(state);
        self.news.send_replace(());
        self.room.send_replace(());
        self.outgoing.send_replace(());
    }

    /// As [`ScreenSession::painted`](crate::protocol::ScreenSession::painted).
    ///
    /// # Errors
    /// Why the session is over, if that came first.
    pub async fn painted(&self) -> Result<()> {
        self.found(WATCH, |state| state.is_painted().then_some(())).await
    }

    /// As [`ScreenSession::frame`](crate::protocol::ScreenSession::frame).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the picture has fewer bytes than its size needs.
    pub async fn frame(&self) -> Result<Frame> {
        let picture = self.picture.clone().read_owned().await;
        let Size { width, height } = picture.size();
        Frame::new(width, height, width as usize * BYTES_PER_PIXEL, Pixels(picture))
    }

    /// As [`ScreenSession::next_event`](crate::protocol::ScreenSession::next_event).
    ///
    /// # Errors
    /// Why the session failed.
    pub async fn next_event(&self) -> Result<Option<ScreenEvent>> {
        self.until(&self.news, |state| {
            if let Some(event) = state.events().take() {
                return Some(Ok(Some(event)));
            }
            match state.ending().end()? {
                End::Closed => Some(Ok(None)),
                end => Some(Err(end.error(WATCH))),
            }
        })
        .await
    }

    /// Lets go of what is held, and lets the sender end behind that; waits for that, for a while.
    pub async fn close(&self, task: &AbortHandle) {
        self.leave();
        let ended = self.until(&self.news, |state| state.ending().end.clone());
        if tokio::time::timeout(super::task::CLOSE_TIMEOUT, ended)
            .await
            .is_err()
        {
            self.finish(End::Closed);
            task.abort();
        }
    }

    /// The session was dropped. What is held is let go first: nobody else would, and the task ends by itself then.
    pub fn dropped(&self, task: &AbortHandle) {
        let held = self.leave();
        self.finish(End::Closed);
        if !held {
            task.abort();
        }
    }

    /// Whether there is something to let go. Once closing, it stays so.
    fn leave(&self) -> bool {
        let mut state = self.lock();
        let held = !state.ending().closing && state.leave();
        state.ending().closing = true;
        drop(state);
        self.outgoing.send_replace(());
        self.room.send_replace(());
        held
    }
}
