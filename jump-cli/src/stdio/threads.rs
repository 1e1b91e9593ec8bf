//! Standard input and output where the system has no better way than a thread each.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Debug)]
pub(super) struct Input(tokio::io::Stdin);

impl Input {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self(tokio::io::stdin()))
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

#[derive(Debug)]
pub(super) struct Output(tokio::io::Stdout);

impl Output {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self(tokio::io::stdout()))
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    pub(super) fn shut_down(&mut self) {}
}
