//! The three kinds of descriptors that standard input and output can be.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

/// What a pipe is asked to hold: with the usual 64 KiB both ends wake for every quarter of a large read.
#[cfg(target_os = "linux")]
const PIPE_SIZE: usize = 1024 * 1024;

enum Kind {
    Pipe(OwnedFd),
    Socket(OwnedFd),
    Other,
}

/// A copy of the descriptor, by its kind.
fn kind_of(descriptor: impl AsFd) -> io::Result<Kind> {
    let copy = File::from(descriptor.as_fd().try_clone_to_owned()?);
    let kind = copy.metadata()?.file_type();
    Ok(if kind.is_fifo() {
        Kind::Pipe(copy.into())
    } else if kind.is_socket() {
        Kind::Socket(copy.into())
    } else {
        Kind::Other
    })
}

fn widen(pipe: impl AsFd) {
    // A limit of the system may forbid it: then the pipe stays as it is.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_SIZE);
    #[cfg(not(target_os = "linux"))]
    let _ = pipe;
}

fn socket(descriptor: OwnedFd) -> io::Result<UnixStream> {
    let socket = std::os::unix::net::UnixStream::from(descriptor);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

#[derive(Debug)]
pub(super) enum Input {
    Pipe(pipe::Receiver),
    Socket(UnixStream),
    Other(tokio::io::Stdin),
}

impl Input {
    pub(super) fn open() -> io::Result<Self> {
        Ok(match kind_of(io::stdin())? {
            Kind::Pipe(descriptor) => {
                widen(&descriptor);
                Self::Pipe(pipe::Receiver::from_owned_fd(descriptor)?)
            }
            Kind::Socket(descriptor) => Self::Socket(socket(descriptor)?),
            Kind::Other => Self::Other(tokio::io::stdin()),
        })
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Pipe(pipe) => Pin::new(pipe).poll_read(cx, buffer),
            Self::Socket(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Other(stdin) => Pin::new(stdin).poll_read(cx, buffer),
        }
    }
}

#[derive(Debug)]
pub(super) enum Output {
    Pipe(Pipe),
    Socket(UnixStream),
    Other(tokio::io::Stdout),
}

/// Made blocking again at its end: standard error may be the same pipe, and an error has to be written there.
#[derive(Debug)]
pub(super) struct Pipe(Option<pipe::Sender>);

impl Drop for Pipe {
    fn drop(&mut self) {
        if let Some(pipe) = self.0.take() {
            // What cannot be made blocking can still be closed.
            let _ = pipe.into_blocking_fd();
        }
    }
}

impl Output {
    pub(super) fn open() -> io::Result<Self> {
        Ok(match kind_of(io::stdout())? {
            Kind::Pipe(descriptor) => {
                widen(&descriptor);
                Self::Pipe(Pipe(Some(pipe::Sender::from_owned_fd(descriptor)?)))
            }
            Kind::Socket(descriptor) => Self::Socket(socket(descriptor)?),
            Kind::Other => Self::Other(tokio::io::stdout()),
        })
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Pipe(Pipe(Some(pipe))) => Pin::new(pipe).poll_write(cx, bytes),
            Self::Pipe(Pipe(None)) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Self::Socket(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Other(stdout) => Pin::new(stdout).poll_write(cx, bytes),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Pipe(_) => Poll::Ready(Ok(())),
            Self::Socket(socket) => Pin::new(socket).poll_flush(cx),
            Self::Other(stdout) => Pin::new(stdout).poll_flush(cx),
        }
    }

    /// No more will be written. A pipe's reader sees that only when the process ends: the descriptor itself is not
    /// ours to close.
    pub(super) fn shut_down(&mut self) {
        match self {
            Self::Pipe(pipe) => *pipe = Pipe(None),
            Self::Socket(socket) => {
                // A socket that is gone needs no shutdown.
                let _ = rustix::net::shutdown(&*socket, rustix::net::Shutdown::Write);
            }
            Self::Other(_) => {}
        }
    }
}
