//! Standard input and output as one stream, without a thread in between where the system allows it.
//!
//! A ProxyCommand's pipes or socket pair carry gigabytes: they are made non-blocking and driven by the runtime.
//! Terminals and files are not (their other users would notice); they take the slower way through a thread.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use jump_core::tunnel::{Scratch, Side};
use jump_core::{Error, ErrorKind};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

#[cfg(unix)]
mod descriptors;
#[cfg(not(unix))]
#[path = "stdio/threads.rs"]
mod descriptors;

use descriptors::{Input, Output};

/// The operation of an error that means: whoever was at the other end of standard output went away.
pub(crate) const LISTENER_GONE: &str = "write to standard output";

/// Standard input.
#[derive(Debug)]
pub(crate) struct StandardInput(Input);

/// Standard output.
#[derive(Debug)]
pub(crate) struct StandardOutput(Output);

impl StandardInput {
    /// Opens it. Must be called within a tokio runtime.
    pub(crate) fn open() -> io::Result<Self> {
        Input::open().map(Self)
    }
}

impl StandardOutput {
    /// Opens it. Must be called within a tokio runtime.
    pub(crate) fn open() -> io::Result<Self> {
        Output::open().map(Self)
    }
}

impl AsyncRead for StandardInput {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, buffer)
    }
}

impl AsyncWrite for StandardOutput {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(self.0.poll_write(cx, bytes)) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Poll::Ready(Err(Error::new(
                ErrorKind::Closed,
                LISTENER_GONE,
                "nobody reads it any more",
            )
            .into())),
            result => Poll::Ready(result),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.poll_flush(cx))?;
        self.0.shut_down();
        Poll::Ready(Ok(()))
    }
}

/// Both as one side of a pump.
#[derive(Debug)]
pub(crate) struct Stdio {
    input: StandardInput,
    output: StandardOutput,
    ended: Option<oneshot::Sender<()>>,
}

impl Stdio {
    /// Opens both; the receiver is told when everything has been written to standard output.
    pub(crate) fn open() -> io::Result<(Self, oneshot::Receiver<()>)> {
        let (sender, receiver) = oneshot::channel();
        let (input, output) = (StandardInput::open()?, StandardOutput::open()?);
        Ok((
            Self {
                input,
                output,
                ended: Some(sender),
            },
            receiver,
        ))
    }
}

impl AsyncRead for Stdio {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stdio {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.output).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.output).poll_shutdown(cx))?;
        if let Some(ended) = self.ended.take() {
            // Nobody may be waiting for it.
            let _ = ended.send(());
        }
        Poll::Ready(Ok(()))
    }
}

impl Side for Stdio {}

/// A session's stream as one side of a pump: its bytes are handed out from where they were decrypted.
#[derive(Debug)]
pub(crate) struct SessionSide(pub(crate) jump_core::rep::SessionStream);

impl AsyncRead for SessionSide {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for SessionSide {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Side for SessionSide {
    fn poll_fill<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
        _scratch: &'a mut Scratch,
    ) -> Poll<io::Result<&'a [u8]>> {
        tokio::io::AsyncBufRead::poll_fill_buf(Pin::new(&mut self.0), cx)
    }

    fn consume(&mut self, _scratch: &mut Scratch, amount: usize) {
        tokio::io::AsyncBufRead::consume(Pin::new(&mut self.0), amount);
    }
}
