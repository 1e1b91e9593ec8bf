//! A session as its users see it: shared state, streams, and how it ended.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::model::TargetAddress;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::mux::{Event, Mux, Role, Taken, Usage};
use crate::wire::{Failure, StreamId};

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    /// We closed it.
    Closed,
    /// The peer said goodbye, and why.
    Bye(Failure),
    /// The peer went away without a word.
    Lost,
    /// It failed here: the peer broke the protocol or fell silent, or the stream below failed.
    Failed(Failure),
}

impl SessionEnd {
    /// The error for those who still use the session.
    pub(crate) fn to_error(&self) -> Error {
        let operation = "tunnel session";
        match self {
            SessionEnd::Closed => Error::new(ErrorKind::Closed, operation, "the session is closed"),
            SessionEnd::Bye(failure) | SessionEnd::Failed(failure) => failure.to_error(operation),
            SessionEnd::Lost => Error::new(ErrorKind::Closed, operation, "the other side went away"),
        }
    }
}

/// How far a session is.
#[derive(Clone, Debug)]
enum Stage {
    Starting,
    Ready,
    Ended(SessionEnd),
}

/// Who is to be woken for a stream.
#[derive(Debug, Default)]
struct Slot {
    read: Option<Waker>,
    write: Option<Waker>,
    fate: Option<Waker>,
}

pub(crate) struct State {
    pub(crate) mux: Mux,
    slots: HashMap<StreamId, Slot>,
    /// Opens that the gate has not looked at; each is a live stream, so there are no more of them than streams.
    opens: VecDeque<(StreamId, TargetAddress)>,
    opens_waker: Option<Waker>,
    pub(crate) driver: Option<Waker>,
    end: Option<SessionEnd>,
    /// Set when the session is to be closed from here.
    pub(crate) closing: bool,
    /// Whether somebody can still open streams.
    owned: bool,
}

/// What the driver, the owner and the streams of a session share.
pub(crate) struct Shared {
    state: Mutex<State>,
    stage: watch::Sender<Stage>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tunnel({:?})", self.lock().mux.usage())
    }
}

impl Shared {
    pub(crate) fn new(role: Role, streams: usize) -> Arc<Self> {
        let state = State {
            mux: Mux::new(role, streams, Instant::now().into_std()),
            slots: HashMap::new(),
            opens: VecDeque::new(),
            opens_waker: None,
            driver: None,
            end: None,
            closing: false,
            owned: true,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            stage: watch::Sender::new(Stage::Starting),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the events of the state machine to those who wait for them.
    ///
    /// # Errors
    /// The end of the session, if the peer said goodbye.
    pub(crate) fn dispatch(&self, mut state: MutexGuard<'_, State>) -> Result<(), SessionEnd> {
        let mut wake = Vec::new();
        let mut ready = false;
        let mut bye = None;
        while let Some(event) = state.mux.next_event() {
            let state = &mut *state;
            match &event {
                Event::Ready => ready = true,
                Event::OpenRequested { stream, target } => {
                    state.slots.insert(*stream, Slot::default());
                    state.opens.push_back((*stream, target.clone()));
                    wake.extend(state.opens_waker.take());
                }
                Event::Answered { stream } | Event::Readable { stream } => {
                    wake.extend(state.slots.get_mut(stream).and_then(|slot| slot.read.take()));
                }
                Event::Writable { stream } => {
                    wake.extend(state.slots.get_mut(stream).and_then(|slot| slot.write.take()));
                }
                Event::Reset { stream } => {
                    if let Some(slot) = state.slots.get_mut(stream) {
                        let all = [slot.read.take(), slot.write.take(), slot.fate.take()];
                        wake.extend(all.into_iter().flatten());
                    }
                }
                Event::Bye(failure) => bye = Some(SessionEnd::Bye(failure.clone())),
            }
        }
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        if ready {
            self.stage.send_replace(Stage::Ready);
        }
        bye.map_or(Ok(()), Err)
    }

    /// Ends the session for everybody. The first end stays.
    pub(crate) fn end(&self, end: &SessionEnd) {
        let mut state = self.lock();
        if state.end.is_some() {
            return;
        }
        state.end = Some(end.clone());
        let mut wake: Vec<Waker> = state.opens_waker.take().into_iter().collect();
        for slot in state.slots.values_mut() {
            let all = [slot.read.take(), slot.write.take(), slot.fate.take()];
            wake.extend(all.into_iter().flatten());
        }
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        self.stage.send_replace(Stage::Ended(end.clone()));
    }

    /// Asks the driver to close the session.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closing = true;
        wake_driver(state);
    }

    /// Says that nobody opens streams any more: the session closes with its last stream.
    pub(crate) fn disown(&self) {
        let mut state = self.lock();
        state.owned = false;
        state.closing |= state.slots.is_empty();
        wake_driver(state);
    }

    /// Waits for the peer's hello. Cancel-safe.
    ///
    /// # Errors
    /// Why the session ended before that.
    pub(crate) async fn ready(&self) -> Result<()> {
        let mut stage = self.stage.subscribe();
        match stage
            .wait_for(|stage| !matches!(stage, Stage::Starting))
            .await
            .as_deref()
        {
            Ok(Stage::Ended(end)) => Err(end.to_error()),
            Ok(_) => Ok(()),
            Err(_) => Err(SessionEnd::Lost.to_error()),
        }
    }

    /// Waits until the session has ended. Cancel-safe.
    pub(crate) async fn ended(&self) -> SessionEnd {
        let mut stage = self.stage.subscribe();
        match stage
            .wait_for(|stage| matches!(stage, Stage::Ended(_)))
            .await
            .as_deref()
        {
            Ok(Stage::Ended(end)) => end.clone(),
            _ => SessionEnd::Lost,
        }
    }

    /// How much the session holds now.
    pub(crate) fn usage(&self) -> Usage {
        self.lock().mux.usage()
    }

    /// Opens a stream and waits for the answer. Dropping the future resets the stream.
    pub(crate) async fn open(self: &Arc<Self>, target: &TargetAddress) -> Result<Handle> {
        let handle = {
            let mut state = self.lock();
            if let Some(end) = &state.end {
                return Err(end.to_error());
            }
            let id = state.mux.open(target, Instant::now().into_std())?;
            state.slots.insert(id, Slot::default());
            wake_driver(state);
            Handle {
                shared: self.clone(),
                id,
            }
        };
        std::future::poll_fn(|cx| handle.poll_open(cx)).await?;
        Ok(handle)
    }

    /// The next stream that the rep asks for. Cancel-safe. Never ends: the session's end is told by the driver.
    pub(crate) async fn next_open(self: &Arc<Self>) -> (Handle, TargetAddress) {
        std::future::poll_fn(|cx| {
            let mut state = self.lock();
            let Some((id, target)) = state.opens.pop_front() else {
                state.opens_waker = Some(cx.waker().clone());
                return Poll::Pending;
            };
            Poll::Ready((
                Handle {
                    shared: self.clone(),
                    id,
                },
                target,
            ))
        })
        .await
    }
}

fn wake_driver(mut state: MutexGuard<'_, State>) {
    let waker = state.driver.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Keeps the newest waker.
fn keep(place: &mut Option<Waker>, cx: &Context<'_>) {
    if !place.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        *place = Some(cx.waker().clone());
    }
}

/// A stream of a session. Dropping it releases the stream. One task may read, one write and one watch its fate.
#[derive(Debug)]
pub(crate) struct Handle {
    shared: Arc<Shared>,
    id: StreamId,
}

impl Handle {
    /// The stream's number.
    pub(crate) const fn id(&self) -> StreamId {
        self.id
    }

    /// Changes the stream and lets the driver send what follows from it.
    fn with<T>(&self, change: impl FnOnce(&mut Mux) -> T) -> T {
        let mut state = self.shared.lock();
        let result = change(&mut state.mux);
        if state.mux.wants_to_send() {
            wake_driver(state);
        }
        result
    }

    fn poll_open(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = self.shared.lock();
        if let Some(end) = &state.end {
            return Poll::Ready(Err(end.to_error()));
        }
        if let Err(error) = state.mux.check(self.id) {
            return Poll::Ready(Err(error));
        }
        if state.mux.is_open(self.id) {
            return Poll::Ready(Ok(()));
        }
        if let Some(slot) = state.slots.get_mut(&self.id) {
            keep(&mut slot.read, cx);
        }
        Poll::Pending
    }

    /// Answers "opened". Gate only.
    pub(crate) fn accept(&self) -> Result<()> {
        self.with(|mux| mux.accept(self.id))
    }

    /// Answers with a refusal. Gate only.
    pub(crate) fn refuse(self, error: &Error) {
        self.with(|mux| mux.refuse(self.id, Failure::from(error)));
    }

    /// The next bytes from the peer; `None` at their end.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let mut state = self.shared.lock();
        match state.mux.take(self.id) {
            Ok(Taken::Bytes(bytes)) => return Poll::Ready(Ok(Some(bytes))),
            Ok(Taken::End) => return Poll::Ready(Ok(None)),
            Err(error) => return Poll::Ready(Err(error)),
            Ok(Taken::Nothing) => {}
        }
        if let Some(end) = &state.end {
            return Poll::Ready(Err(end.to_error()));
        }
        if let Some(slot) = state.slots.get_mut(&self.id) {
            keep(&mut slot.read, cx);
        }
        Poll::Pending
    }

    /// Says that bytes of [`Handle::poll_take`] were written to where they go.
    pub(crate) fn delivered(&self, bytes: usize) {
        self.with(|mux| mux.delivered(self.id, bytes, Instant::now().into_std()));
    }

    /// How many bytes can be sent, at least one.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let mut state = self.shared.lock();
        if let Some(end) = &state.end {
            return Poll::Ready(Err(end.to_error()));
        }
        match state.mux.room(self.id) {
            Ok(0) => {}
            room => return Poll::Ready(room),
        }
        if let Some(slot) = state.slots.get_mut(&self.id) {
            keep(&mut slot.write, cx);
        }
        Poll::Pending
    }

    /// Sends bytes, at most as many as there is room for.
    pub(crate) fn send(&self, bytes: Bytes) -> Result<()> {
        self.with(|mux| mux.send(self.id, bytes))
    }

    /// Says that no more is sent.
    pub(crate) fn finish(&self) {
        self.with(|mux| mux.finish(self.id));
    }

    /// Resets the stream.
    pub(crate) fn reset(&self, kind: ErrorKind) {
        self.with(|mux| mux.reset(self.id, kind));
    }

    /// Ready once the stream was reset or the session has ended.
    pub(crate) fn poll_fate(&self, cx: &mut Context<'_>) -> Poll<Error> {
        let mut state = self.shared.lock();
        if let Some(end) = &state.end {
            return Poll::Ready(end.to_error());
        }
        if let Err(error) = state.mux.check(self.id) {
            return Poll::Ready(error);
        }
        if let Some(slot) = state.slots.get_mut(&self.id) {
            keep(&mut slot.fate, cx);
        }
        Poll::Pending
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.mux.release(self.id);
        state.slots.remove(&self.id);
        state.closing |= !state.owned && state.slots.is_empty();
        wake_driver(state);
    }
}
