//! What one side of a running connection can do to the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::io::AsyncWriteExt;

use super::{
    Connection, FrameDecoder, Handler, Heartbeat, MAX_FRAME, Message, Notice, RepRequest, Request, Response,
    WireSecret, encode_frame,
};
use crate::error::{ErrorKind, Result};

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

fn start(stream: tokio::io::DuplexStream, handler: Arc<dyn Handler>) -> Connection {
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
