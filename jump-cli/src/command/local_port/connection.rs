//! One connection of a program, which is one session.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use std::io;

use jump_core::rep::{JumpOptions, JumpSession, Rep};
use jump_core::tunnel::{Side, pump};
use jump_core::{Error, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};

use super::super::proxy::part;
use crate::stdio::SessionSide;
use crate::warnings;

/// How long a viewer may take to hear why it gets no session.
const REFUSAL: Duration = Duration::from_secs(5);

/// Serves a viewer until it leaves, the session ends or `stopping` says so. `started` is told of the session, `refuse` tells the
/// viewer in its own protocol why there is none.
///
/// # Errors
/// Why there was no session, or what ended it, if that was not the viewer.
pub(super) async fn serve(
    rep: Rep,
    item: &str,
    options: &JumpOptions,
    local: TcpStream,
    mut stopping: watch::Receiver<bool>,
    started: impl FnOnce(&str),
    refuse: impl AsyncFn(TcpStream, &Error),
) -> Result<()> {
    // Latency only: a viewer is served without it, too.
    let _ = local.set_nodelay(true);
    let opened = Box::pin(rep.jump_with(item, options)).await;
    let JumpSession {
        stream,
        events,
        grant,
    } = match opened {
        Ok(opened) => opened,
        Err(error) => {
            // A viewer that does not want to know is gone.
            let _ = tokio::time::timeout(REFUSAL, refuse(local, &error)).await;
            return Err(error);
        }
    };
    started(&grant.session().to_string());
    let mut session = SessionSide(stream);
    let (mut viewer, told) = Viewer::new(local);
    let moved = tokio::select! {
        moved = pump(&mut viewer, &mut session) => moved.map(|_| ()),
        // RFB knows no half-open connection: once the viewer has been told the session's end, it is over.
        _ = told => Ok(()),
        _ = stopping.wait_for(|stopping| *stopping) => Ok(()),
        never = warnings::tell(events, warnings::Line::Plain) => match never {},
    };
    match moved {
        // A viewer that was killed has left, too.
        Err(error) if !viewer.broke => Err(error),
        _ => part(&mut session).await,
    }
}

/// The viewer as one side of a pump: notes when it was told the end, and whether its own connection broke.
#[derive(Debug)]
struct Viewer {
    stream: TcpStream,
    ended: Option<oneshot::Sender<()>>,
    broke: bool,
}

impl Viewer {
    /// The receiver is told when everything, and the end, has been given to the viewer.
    fn new(stream: TcpStream) -> (Self, oneshot::Receiver<()>) {
        let (ended, told) = oneshot::channel();
        let viewer = Self {
            stream,
            ended: Some(ended),
            broke: false,
        };
        (viewer, told)
    }

    fn noted<T>(&mut self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.broke |= matches!(result, Poll::Ready(Err(_)));
        result
    }
}

impl AsyncRead for Viewer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.noted(read)
    }
}

impl AsyncWrite for Viewer {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.noted(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        if shut.is_ready()
            && let Some(ended) = self.ended.take()
        {
            // Nobody may be waiting for it.
            let _ = ended.send(());
        }
        self.noted(shut)
    }
}

impl Side for Viewer {}
