//! A session's byte stream at the rep, which says why when it is cut.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::Rep;
use super::ends::EndWatch;
use super::wire::Wire;
use crate::id::SessionId;
use crate::session::EndReason;
use crate::tunnel::{Buffers, Scratch, Side};

/// The stream of a session: end-to-end encrypted to the Jumpoint, or to a gate in this process.
///
/// A stream that is cut fails with the reason the broker gave: [`Error::from_io`](crate::Error::from_io) takes it out of the I/O error,
/// with the kind [`SessionEnded`](crate::ErrorKind::SessionEnded) if the session was ended by a decision.
pub struct SessionStream {
    wire: Wire,
    session: SessionId,
    /// Keeps the connection to the broker up, over which the reason comes.
    _rep: Rep,
    end: EndWatch,
    /// Set once the stream is cut.
    cut: Option<Cut>,
}

/// A stream that was cut: how it failed, and the wait for the reason.
struct Cut {
    failure: io::ErrorKind,
    message: String,
    /// A wait for each half: reader and writer may be two tasks, and a wait wakes only who asked last.
    reader: Why,
    writer: Why,
    known: Option<Option<EndReason>>,
}

type Why = Pin<Box<dyn Future<Output = Option<EndReason>> + Send>>;

#[derive(Clone, Copy)]
enum Half {
    Reader,
    Writer,
}

impl fmt::Debug for SessionStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionStream({})", self.session)
    }
}

impl SessionStream {
    pub(super) fn new(wire: Wire, session: SessionId, end: EndWatch, rep: Rep) -> Self {
        Self {
            wire,
            session,
            _rep: rep,
            end,
            cut: None,
        }
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Waits for the broker to say why the session is over, at most three seconds; `None` if it does not say. For whoever
    /// drives the session with a client of another make: such a client may be gone before that word has come. Cancel-safe.
    pub async fn why_over(&self) -> Option<EndReason> {
        self.end.clone().why().await
    }

    /// Notes how the stream failed, and waits for the reason of the session's end as far as anybody knows it.
    fn poll_failure(&mut self, half: Half, cx: &mut Context<'_>, failure: &io::Error) -> Poll<io::Error> {
        if self.cut.is_none() {
            let why = || -> Why {
                let mut end = self.end.clone();
                Box::pin(async move { end.why().await })
            };
            let (failure, message) = (failure.kind(), failure.to_string());
            self.cut = Some(Cut {
                failure,
                message,
                reader: why(),
                writer: why(),
                known: None,
            });
        }
        self.poll_why(half, cx)
            .unwrap_or_else(|| Poll::Ready(io::ErrorKind::Other.into()))
    }

    /// The error of a stream that was cut; `None` if it was not.
    fn poll_why(&mut self, half: Half, cx: &mut Context<'_>) -> Option<Poll<io::Error>> {
        let cut = self.cut.as_mut()?;
        if cut.known.is_none() {
            let why = match half {
                Half::Reader => &mut cut.reader,
                Half::Writer => &mut cut.writer,
            };
            match why.as_mut().poll(cx) {
                Poll::Ready(reason) => cut.known = Some(reason),
                Poll::Pending => return Some(Poll::Pending),
            }
        }
        Some(Poll::Ready(match cut.known.as_ref().and_then(Option::as_ref) {
            Some(reason) => reason.to_error().into(),
            None => io::Error::new(cut.failure, cut.message.clone()),
        }))
    }

    /// The reason, if the end of the stream that looks normal is not: the broker ended the session.
    fn not_normal(&self) -> Option<io::Error> {
        let reason = self.end.known();
        reason
            .filter(|reason| !reason.is_normal())
            .map(|reason| reason.to_error().into())
    }
}

impl AsyncRead for SessionStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(error) = self.poll_why(Half::Reader, cx) {
            return error.map(Err);
        }
        let before = buffer.filled().len();
        match ready!(Pin::new(&mut self.wire).poll_read(cx, buffer)) {
            Ok(()) if buffer.filled().len() == before && buffer.remaining() > 0 => match self.not_normal() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Ready(Ok(())),
            },
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => self.poll_failure(Half::Reader, cx, &error).map(Err),
        }
    }
}

impl AsyncBufRead for SessionStream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if let Some(error) = this.poll_why(Half::Reader, cx) {
            return error.map(Err);
        }
        match ready!(Pin::new(&mut this.wire).poll_fill_buf(cx)) {
            Ok([]) => match this.not_normal() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Ready(Ok(&[])),
            },
            // Asked again for the sake of the borrow checker: what is buffered is given at once.
            Ok(_) => Pin::new(&mut this.wire).poll_fill_buf(cx),
            Err(error) => this.poll_failure(Half::Reader, cx, &error).map(Err),
        }
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        Pin::new(&mut self.wire).consume(amount);
    }
}

impl Side for SessionStream {
    fn poll_fill<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
        _scratch: &'a mut Scratch,
    ) -> Poll<io::Result<&'a [u8]>> {
        Pin::new(self).poll_fill_buf(cx)
    }

    fn consume(&mut self, _scratch: &mut Scratch, amount: usize) {
        AsyncBufRead::consume(Pin::new(self), amount);
    }

    fn pool(&self) -> Option<Arc<Buffers>> {
        self.wire.pool()
    }
}

impl AsyncWrite for SessionStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(error) = self.poll_why(Half::Writer, cx) {
            return error.map(Err);
        }
        match ready!(Pin::new(&mut self.wire).poll_write(cx, bytes)) {
            Ok(written) => Poll::Ready(Ok(written)),
            Err(error) => self.poll_failure(Half::Writer, cx, &error).map(Err),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.poll_why(Half::Writer, cx) {
            return error.map(Err);
        }
        match ready!(Pin::new(&mut self.wire).poll_flush(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => self.poll_failure(Half::Writer, cx, &error).map(Err),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}
