//! Moves a session's bytes: one reader and one writer on one stream, in one task.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use jump_core::error::{Error, ErrorKind};
use jump_core::stream::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use crate::batch::Batch;
use crate::link::{SessionEnd, Shared};
use crate::wire::{Failure, Frame};

/// How much is read at once.
const READ: usize = 256 << 10;
/// After moving this many bytes the driver lets other tasks run.
const TURN: usize = 1 << 20;
/// How long a goodbye may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The only one who touches the session's stream. A write that waits never keeps it from reading.
pub(crate) struct Driver {
    stream: BoxStream,
    shared: Arc<Shared>,
    batch: Batch,
    /// Something was written since the last flush.
    unflushed: bool,
    /// Room to read into; only while bytes arrive.
    buffer: BytesMut,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Drop for Driver {
    /// If its task did not come to an end, perhaps by a panic, nobody may wait for it any longer.
    fn drop(&mut self) {
        let failure = Failure::new(ErrorKind::Internal, "the session's task ended without a reason");
        self.shared.end(&SessionEnd::Failed(failure));
    }
}

impl Driver {
    pub(crate) fn new(stream: BoxStream, shared: Arc<Shared>) -> Self {
        Self {
            stream,
            shared,
            batch: Batch::default(),
            unflushed: false,
            buffer: BytesMut::new(),
            timer: None,
        }
    }

    /// Moves bytes until the session ends, tells everybody, and gives the end. Cancel-safe: it can be called again.
    pub(crate) async fn run(&mut self) -> SessionEnd {
        let end = poll_fn(|cx| self.poll(cx)).await;
        self.shared.end(&end);
        end
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<SessionEnd> {
        let mut moved = 0;
        loop {
            match self.poll_once(cx) {
                Err(end) => return Poll::Ready(end),
                Ok(0) => {
                    self.buffer = BytesMut::new();
                    return Poll::Pending;
                }
                Ok(progress) => moved += progress,
            }
            if moved >= TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Does what can be done now; gives about how much that was, 0 if there is nothing to do but wait.
    fn poll_once(&mut self, cx: &mut Context<'_>) -> Result<usize, SessionEnd> {
        self.gather(cx)?;
        let written = self.poll_write(cx).map_err(|error| lost(&error))?;
        let read = self.poll_read(cx)?;
        Ok(written + read)
    }

    /// Fills the batch if it is empty, and sees to the time.
    fn gather(&mut self, cx: &mut Context<'_>) -> Result<(), SessionEnd> {
        let now = Instant::now();
        let mut state = self.shared.lock();
        if !state
            .driver
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            state.driver = Some(cx.waker().clone());
        }
        if state.closing {
            return Err(SessionEnd::Closed);
        }
        while let Some(deadline) = state.mux.deadline().map(Instant::from_std) {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                break;
            }
            state
                .mux
                .on_time(now.into_std())
                .map_err(|error| failed(&error))?;
            // The session was not silent up to here, so the time that counts is later.
            let later = state.mux.deadline().map_or(now, Instant::from_std);
            timer.as_mut().reset(later.max(now + Duration::from_millis(1)));
        }
        if state.mux.deadline().is_none() {
            self.timer = None;
        }
        if self.batch.is_empty() && state.mux.wants_to_send() {
            state.mux.transmit(&mut self.batch, now.into_std());
            if !self.stream.is_write_vectored() {
                self.batch.join();
            }
            return self.shared.dispatch(state);
        }
        Ok(())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<usize> {
        let mut written = 0;
        while !self.batch.is_empty() {
            let polled = if self.stream.is_write_vectored() {
                let mut slices = [IoSlice::new(&[]); 64];
                let filled = self.batch.slices(&mut slices);
                Pin::new(&mut *self.stream).poll_write_vectored(cx, slices.get(..filled).unwrap_or_default())
            } else {
                Pin::new(&mut *self.stream).poll_write(cx, self.batch.first())
            };
            match polled? {
                Poll::Pending => return Ok(written),
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(count) => {
                    self.batch.advance(count);
                    self.unflushed = true;
                    written += count;
                }
            }
        }
        if self.unflushed && Pin::new(&mut *self.stream).poll_flush(cx)?.is_ready() {
            self.unflushed = false;
        }
        Ok(written)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<usize, SessionEnd> {
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(READ);
        }
        self.buffer.clear();
        let read = std::pin::pin!(self.stream.read_buf(&mut self.buffer)).poll(cx);
        match read {
            Poll::Pending => Ok(0),
            Poll::Ready(Err(error)) => Err(lost(&error)),
            Poll::Ready(Ok(0)) => {
                let inside = self.shared.lock().mux.receive_end();
                Err(inside.map_or_else(|error| failed(&error), |()| SessionEnd::Lost))
            }
            Poll::Ready(Ok(count)) => {
                let now = Instant::now().into_std();
                let mut state = self.shared.lock();
                let received = state.mux.receive(&self.buffer, now);
                // What came before a violation still counts.
                self.shared.dispatch(state)?;
                received.map_err(|error| failed(&error))?;
                Ok(count)
            }
        }
    }

    /// Tells the peer why the session is over and ends the stream; gives up after a second. What was gathered goes out
    /// first only if `finish` says so. Without that, a frame that was cut stays cut.
    pub(crate) async fn farewell(&mut self, why: Failure, finish: bool) {
        if !self.batch.is_empty() && !finish {
            return;
        }
        self.batch.put(&Frame::Bye(why));
        self.batch.close();
        let goodbye = async {
            while !self.batch.is_empty() {
                let count = self.stream.write(self.batch.first()).await?;
                if count == 0 {
                    break;
                }
                self.batch.advance(count);
            }
            self.stream.shutdown().await
        };
        // Whether the peer hears it or not, the session is over.
        let _ = timeout(FAREWELL, goodbye).await;
    }

    /// What to tell the peer at the end of the session; `None` if it knows or is gone.
    pub(crate) fn last_word(end: &SessionEnd) -> Option<Failure> {
        match end {
            SessionEnd::Closed => Some(Failure::new(ErrorKind::Closed, "the session was closed")),
            SessionEnd::Failed(failure) => Some(failure.clone()),
            SessionEnd::Bye(_) | SessionEnd::Lost => None,
        }
    }
}

fn failed(error: &Error) -> SessionEnd {
    SessionEnd::Failed(Failure::new(error.kind(), &error.to_string()))
}

/// The end that a failure of the stream below means. One of ours keeps its kind; a bare one means that the peer is gone.
fn lost(error: &io::Error) -> SessionEnd {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => failed(error),
        None => SessionEnd::Lost,
    }
}
