//! Standard input and output as a session, for OpenSSH's `ProxyCommand`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use jump_core::Result;
use jump_core::protocol::Registry;
use jump_core::tunnel::{Side, pump};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::pipe::{Receiver, Sender};

use super::{failed, rep};

struct Pipes {
    input: Receiver,
    output: Option<Sender>,
}

impl Side for Pipes {}

impl AsyncRead for Pipes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Pipes {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.output {
            Some(output) => Pin::new(output).poll_write(cx, data),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output = None;
        Poll::Ready(Ok(()))
    }
}

/// One session on `item`.
pub(super) async fn run(login: &str, item: &str) -> Result<()> {
    // New descriptors, because those of the standard streams cannot be taken.
    let input = rustix::io::dup(rustix::stdio::stdin()).map_err(|error| failed(error.into()))?;
    let output = rustix::io::dup(rustix::stdio::stdout()).map_err(|error| failed(error.into()))?;
    let pipes = Pipes {
        input: Receiver::from_owned_fd(input).map_err(failed)?,
        output: Some(Sender::from_owned_fd(output).map_err(failed)?),
    };
    let rep = rep::connect(login, Registry::new()).await?;
    let session = Box::pin(rep.jump(item)).await?;
    pump(session.stream, pipes).await.map(|_| ())
}
