//! What is asked for on a slow link, in time that only seems to pass.

use std::sync::Arc;
use std::time::Duration;

use jump_core::protocol::ScreenSession;
use jump_proto_vnc::wire::{ClientFramer, ClientMessage, Input};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::screen::options;
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
