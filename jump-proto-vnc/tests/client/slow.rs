//! What is asked for on a slow link: in time that only seems to pass, and of a real server.

use std::sync::Arc;
use std::time::Duration;

use jump_core::protocol::{PointerButtons, ScreenSession};
use jump_proto_vnc::client::VncClient;
use jump_proto_vnc::wire::{ClientFramer, ClientMessage, Input};
use jump_testkit::fault_proxy::{Direction, FaultProxy};
use jump_testkit::vnc::VncServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;

use crate::screen::{dump, in_time, next, options, show_picture};
use crate::scripted::scripted;

const SIZE: [u8; 2] = [200, 100];

/// An update of the whole screen in one grey, Raw: 80 kB.
fn update(grey: u8) -> Vec<u8> {
    let [width, height] = SIZE;
    let mut update = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, width, 0, height, 0, 0, 0, 0];
    update.resize(16 + usize::from(width) * usize::from(height) * 4, grey);
    update
}

/// What a client sends.
struct Heard {
    far: DuplexStream,
    bytes: Vec<u8>,
}

#[derive(Debug, PartialEq)]
enum Said {
    /// The encodings, and whether JPEG is among them.
    Encodings {
        jpeg: bool,
    },
    Request {
        incremental: bool,
    },
    Other,
}

impl Heard {
    async fn next(&mut self) -> Said {
        loop {
            let mut input = Input::new(&self.bytes);
            if let Some(frame) = ClientFramer::new().next(&mut input).unwrap() {
                let said = match frame.message {
                    ClientMessage::SetEncodings(list) => Said::Encodings {
                        jpeg: list.iter().any(|one| (-32..=-23).contains(&one.0)),
                    },
                    ClientMessage::UpdateRequest { incremental, .. } => Said::Request { incremental },
                    _ => Said::Other,
                };
                let read = input.consumed();
                self.bytes.drain(..read);
                return said;
            }
            assert!(self.far.read_buf(&mut self.bytes).await.unwrap() > 0);
        }
    }

    async fn until(&mut self, wanted: Said) {
        while self.next().await != wanted {}
    }

    /// Sends three updates that take four seconds each: 160 kbit/s.
    async fn paint_slowly(&mut self) {
        for _ in 0..3 {
            let update = update(1);
            let (first, rest) = update.split_at(20_000);
            self.far.write_all(first).await.unwrap();
            tokio::time::sleep(Duration::from_secs(4)).await;
            self.far.write_all(rest).await.unwrap();
        }
    }
}

async fn slow(lossless: bool) -> (Arc<dyn ScreenSession>, Heard) {
    let (session, far) = scripted(SIZE, options().lossless(lossless)).await;
    let mut heard = Heard {
        far,
        bytes: Vec::new(),
    };
    heard.until(Said::Request { incremental: false }).await;
    heard.paint_slowly().await;
    (session.into(), heard)
}

#[tokio::test(start_paused = true)]
async fn a_slow_link_gets_jpeg_and_a_screenshot_is_exact_all_the_same() {
    let (session, mut server) = slow(false).await;
    server.until(Said::Encodings { jpeg: true }).await;
    let taking = tokio::spawn({
        let session = session.clone();
        async move { session.screenshot().await }
    });
    server.until(Said::Encodings { jpeg: false }).await;
    server.until(Said::Request { incremental: false }).await;
    // Written before the server knew, for all that the client can tell; so it asks again.
    server.far.write_all(&update(2)).await.unwrap();
    server.until(Said::Request { incremental: false }).await;
    server.far.write_all(&update(3)).await.unwrap();
    let picture = taking.await.unwrap().unwrap();
    assert_eq!(picture.rgba[..4], [3, 3, 3, 255]);
    server.until(Said::Encodings { jpeg: true }).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_wants_exact_pixels_gets_them_on_a_slow_link_too() {
    let (_session, mut server) = slow(true).await;
    let announced = loop {
        if let announced @ Said::Encodings { .. } = server.next().await {
            break announced;
        }
    };
    assert_eq!(announced, Said::Encodings { jpeg: false });
}

/// Whether a JPEG picture came through.
fn jpeg_came(link: &FaultProxy) -> bool {
    let captured = link.captured();
    let mut from_server = captured
        .iter()
        .filter(|captured| captured.direction == Direction::FromUpstream);
    from_server.any(|captured| captured.bytes.windows(4).any(|four| four == b"JFIF"))
}

/// Waits until the session's picture is the screen's, or JPEG came; whether it did.
async fn shows_or_jpeg(session: &dyn ScreenSession, link: &FaultProxy, wanted: &[[u8; 4]]) -> bool {
    while !jpeg_came(link) {
        if session.frame().await.unwrap().pixels() == wanted.as_flattened() {
            return false;
        }
        next(session).await;
    }
    true
}

/// 6 Mbit/s, or less where the machine is slower.
const SLOW: u64 = 800_000;

#[tokio::test(flavor = "multi_thread")]
async fn tigervnc_sends_jpeg_over_a_slow_link_and_a_screenshot_is_exact_all_the_same() {
    let server = VncServer::tigervnc("VncAuth").await.unwrap();
    let link = FaultProxy::start(server.address()).await.unwrap();
    link.change(Direction::FromUpstream, |faults| {
        faults.bytes_per_second = Some(SLOW);
    });
    let stream = TcpStream::connect(link.address()).await.unwrap();
    let session = VncClient::connect(Box::new(stream), options().lossless(false))
        .await
        .unwrap();
    session.painted().await.unwrap();
    session.pointer(320, 240, PointerButtons::NONE).await.unwrap();
    let background = dump(&server).await;
    let mut exact = 0;
    loop {
        let shown = show_picture(&server).await;
        let screen = dump(&server).await;
        if in_time(shows_or_jpeg(&*session, &link, &screen)).await {
            let picture = in_time(session.screenshot()).await.unwrap();
            assert!(picture.rgba == screen.as_flattened());
            break;
        }
        exact += 1;
        assert!(exact < 20, "every picture came exactly");
        drop(shown);
        in_time(shows_or_jpeg(&*session, &link, &background)).await;
    }
    assert!(exact > 0, "the first pictures measure the link");
    session.close().await.unwrap();
}
