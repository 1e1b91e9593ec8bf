//! What one side of a running connection can do to the other.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::sync::mpsc;

use super::{
    Connection, FrameDecoder, Handler, Heartbeat, MAX_FRAME, Message, Notice, RepRequest, Request, Response,
    WireSecret, encode_frame,
};
use crate::error::{Error, ErrorKind, Result};

/// Answers `Items` with something large and everything else with `Done`.
#[derive(Debug, Default)]
struct Large {
    size: usize,
    answered: AtomicUsize,
}

#[async_trait]
impl Handler for Large {
    async fn request(&self, _: &Connection, request: Request) -> Result<Response> {
        self.answered.fetch_add(1, Ordering::Relaxed);
        Ok(match request {
            Request::Rep(RepRequest::Items) => {
                Response::Invitation(WireSecret::from_bytes(&vec![0; self.size]))
            }
            _ => Response::Done,
        })
    }

    async fn notice(&self, _: &Connection, _: Notice) {}
}

fn start<S>(stream: S, handler: Arc<dyn Handler>) -> Connection
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    Connection::start(
        stream,
        FrameDecoder::new(MAX_FRAME),
        handler,
        Heartbeat::default(),
    )
}

#[tokio::test]
async fn who_asks_and_never_reads_waits_with_a_bounded_number_of_answers() {
    let (ours, theirs) = tokio::io::duplex(1024);
    let handler = Arc::new(Large {
        size: 100_000,
        answered: AtomicUsize::new(0),
    });
    let _connection = start(ours, handler.clone());
    let (_unread, mut writer) = tokio::io::split(theirs);
    let asking = tokio::spawn(async move {
        for id in 0..2000 {
            let request = Request::Rep(RepRequest::Items);
            let json = serde_json::to_vec(&Message::Request { id, request }).unwrap();
            let mut frame = Vec::new();
            encode_frame(&json, &mut frame).unwrap();
            writer.write_all(&frame).await.unwrap();
        }
    });
    // Long enough for every request, were they all taken.
    for _ in 0..20_000 {
        tokio::task::yield_now().await;
    }
    let answered = handler.answered.load(Ordering::Relaxed);
    assert!((1..=40).contains(&answered), "{answered} answers were made");
    assert!(!asking.is_finished());
    asking.abort();
}

#[tokio::test]
async fn an_answer_that_fits_no_frame_is_an_error_to_its_asker_and_nothing_else() {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let handler = Arc::new(Large {
        size: 2 * MAX_FRAME,
        answered: AtomicUsize::new(0),
    });
    let _ours = start(ours, handler.clone());
    let connection = start(theirs, handler);
    let error = connection
        .request(Request::Rep(RepRequest::Items))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit, "{error}");
    let answer = connection.request(Request::Rep(RepRequest::Users)).await.unwrap();
    assert!(matches!(answer, Response::Done));
}

/// A stream that reads what the peer sent and on which every write fails, as when the peer has closed; each failure is told.
#[derive(Debug)]
struct Unwritable {
    reads: DuplexStream,
    failed: mpsc::Sender<()>,
}

impl AsyncRead for Unwritable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reads).poll_read(context, buffer)
    }
}

impl AsyncWrite for Unwritable {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        let _ = self.failed.try_send(());
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A connection on which a write has failed, and the peer's end of what it still reads.
async fn after_a_failed_write() -> (Connection, DuplexStream) {
    let (reads, peer) = tokio::io::duplex(64 * 1024);
    let (failed, mut failures) = mpsc::channel(1);
    let connection = start(Unwritable { reads, failed }, Arc::new(Large::default()));
    failures.recv().await.unwrap();
    (connection, peer)
}

#[tokio::test(start_paused = true)]
async fn the_peers_reason_counts_even_if_a_write_failed_before_it_was_read() {
    let (connection, mut peer) = after_a_failed_write().await;
    let asking = tokio::spawn({
        let connection = connection.clone();
        async move { connection.request(Request::Rep(RepRequest::Items)).await }
    });
    tokio::task::yield_now().await;
    let ended = Error::new(ErrorKind::Unauthenticated, "use a login", "it has expired");
    let farewell = Message::Notice(Notice::Closing((&ended).into()));
    let mut frame = Vec::new();
    encode_frame(&serde_json::to_vec(&farewell).unwrap(), &mut frame).unwrap();
    peer.write_all(&frame).await.unwrap();
    drop(peer);
    let error = connection.closed().await;
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert!(error.to_string().contains("it has expired"), "{error}");
    let error = asking.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_failed_is_the_reason_if_the_peer_gives_none() {
    let (connection, _silent) = after_a_failed_write().await;
    let error = connection.closed().await;
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
}
