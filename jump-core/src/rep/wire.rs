//! What carries a session's bytes at the rep.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::local_stream::LocalStream;
use crate::tunnel::{Buffers, RelayedSocket, TlsStream};

/// The way to a session's gate.
pub(super) enum Wire {
    /// To the Jumpoint, encrypted end to end.
    Relayed(Box<TlsStream<RelayedSocket>>),
    /// To a gate in this process.
    Local(LocalStream),
}

macro_rules! either {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Wire::Relayed($stream) => $call,
            Wire::Local($stream) => $call,
        }
    };
}

impl Wire {
    /// The pool of large buffers that it uses.
    pub(super) fn pool(&self) -> Option<Arc<Buffers>> {
        match self {
            Wire::Relayed(stream) => Some(Arc::clone(stream.buffers())),
            Wire::Local(_) => None,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncBufRead for Wire {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        either!(self, stream => Pin::new(stream).poll_fill_buf(cx))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        either!(self, stream => Pin::new(stream).consume(amount));
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
