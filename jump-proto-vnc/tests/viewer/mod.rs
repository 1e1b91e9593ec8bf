//! A viewer that keeps all it received, walks over it, and paints.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeSet;

use jump_core::keys::random_bytes;
use jump_core::secret::Secret;
use jump_proto_vnc::RfbError;
use jump_proto_vnc::decode::{Progress, UpdateDecoder, UpdateEvent};
use jump_proto_vnc::security::{
    ClientConfig, ClientHandshake, ClientStep, SecurityPolicy, SecurityType, VncCredential,
};
use jump_proto_vnc::walk::{ServerMessageKind, Walker};
use jump_proto_vnc::wire::{Encoding, Input, PixelFormat, Rectangle, ServerInit};
use jump_testkit::vnc::Picture;
use jump_testkit::waiting::soon;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(crate) struct Viewer<S> {
    pub(crate) stream: S,
    pub(crate) init: ServerInit,
    pub(crate) decoder: UpdateDecoder,
    walker: Walker,
    pending: Vec<u8>,
    pub(crate) received: Vec<u8>,
    /// What the updates so far did.
    pub(crate) events: Vec<UpdateEvent>,
    /// The encodings of the first rectangle in each update so far.
    pub(crate) used: BTreeSet<i32>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Viewer<S> {
    /// Starts the protocol as a viewer that knows no login but none.
    pub(crate) async fn start(mut stream: S) -> Result<Self, RfbError> {
        let mut handshake = ClientHandshake::new(ClientConfig {
            policy: SecurityPolicy::only(&[SecurityType::NONE]),
            credential: VncCredential::None,
            shared: false,
            seed: Secret::new(random_bytes().unwrap()),
            client_key: None,
        });
        let mut pending = Vec::new();
        let mut received = Vec::new();
        loop {
            let mut input = Input::new(&pending);
            let mut output = Vec::new();
            let step = handshake.advance(&mut input, &mut output)?;
            let read = input.consumed();
            pending.drain(..read);
            stream.write_all(&output).await.unwrap();
            match step {
                ClientStep::More => {
                    let before = pending.len();
                    if stream.read_buf(&mut pending).await.unwrap_or(0) == 0 {
                        return Err(handshake.closed(&pending));
                    }
                    received.extend_from_slice(&pending[before..]);
                }
                ClientStep::Done(session) => {
                    return Ok(Self {
                        received,
                        ..Self::after_login(stream, session.server_init, pending)
                    });
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Goes on where a handshake ended, with what was received behind it.
    pub(crate) fn after_login(stream: S, init: ServerInit, pending: Vec<u8>) -> Self {
        Self {
            decoder: UpdateDecoder::new(init.size, init.pixel_format).unwrap(),
            walker: Walker::new(init.pixel_format),
            init,
            stream,
            received: pending.clone(),
            pending,
            events: Vec::new(),
            used: BTreeSet::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Says what is understood, and that pixels are to be in this format.
    pub(crate) async fn prepare(&mut self, format: PixelFormat, encodings: &[Encoding]) {
        let mut messages = vec![0; 4];
        messages.extend(format.to_bytes());
        self.send(&messages).await;
        self.decoder = UpdateDecoder::new(self.init.size, format).unwrap();
        self.walker = Walker::new(format);
        self.understand(encodings).await;
    }

    /// Says what is understood; pixels stay in the server's own format.
    pub(crate) async fn understand(&mut self, encodings: &[Encoding]) {
        let mut message = vec![2, 0, 0, encodings.len() as u8];
        message.extend(encodings.iter().flat_map(|encoding| encoding.0.to_be_bytes()));
        self.send(&message).await;
    }

    /// Puts the pointer where servers that paint it do not paint it into the picture any more.
    pub(crate) async fn move_pointer(&mut self) {
        self.send(&[5, 0, 0, 9, 0, 9]).await;
    }

    pub(crate) async fn ask(&mut self, incremental: bool, part: Rectangle) {
        self.send(&[&[3, u8::from(incremental)], &part.to_bytes()[..]].concat())
            .await;
    }

    /// The next message, decoded if it is an update; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<(ServerMessageKind, Vec<u8>)> {
        let mut walked = 0;
        loop {
            let step = self.walker.walk(&self.pending[walked..]).unwrap();
            walked += step.consumed;
            if step.ends {
                let rest = self.pending.split_off(walked);
                let message = std::mem::replace(&mut self.pending, rest);
                let kind = step.message.unwrap();
                match kind {
                    ServerMessageKind::FramebufferUpdate => self.decode(&message),
                    ServerMessageKind::SetColourMapEntries => self.set_colours(&message),
                    _ => {}
                }
                return Some((kind, message));
            }
            let before = self.pending.len();
            if soon(self.stream.read_buf(&mut self.pending)).await.unwrap_or(0) == 0 {
                return None;
            }
            self.received.extend_from_slice(&self.pending[before..]);
        }
    }

    fn decode(&mut self, message: &[u8]) {
        if let Some(encoding) = message.get(12..16) {
            self.used.insert(i32::from_be_bytes(encoding.try_into().unwrap()));
        }
        self.decoder
            .start(u16::from_be_bytes([message[2], message[3]]))
            .unwrap();
        let decoded = self
            .decoder
            .decode(&message[4..], &mut |event| self.events.push(event))
            .unwrap();
        assert_eq!(
            (decoded.consumed, decoded.progress),
            (message.len() - 4, Progress::Finished)
        );
    }

    fn set_colours(&mut self, message: &[u8]) {
        let first = u16::from_be_bytes([message[2], message[3]]);
        let colour =
            |bytes: &[u8]| std::array::from_fn(|n| u16::from_be_bytes([bytes[n * 2], bytes[n * 2 + 1]]));
        let colours: Vec<[u16; 3]> = message[6..].chunks_exact(6).map(colour).collect();
        self.decoder.set_colours(first, &colours).unwrap();
    }

    /// Asks for a part of the screen and receives updates until it was painted.
    pub(crate) async fn paint(&mut self, part: Rectangle) {
        self.ask(false, part).await;
        let mut painted = 0;
        while painted < part.pixels() {
            let seen = self.events.len();
            self.next().await.expect("the screen");
            painted += self.events[seen..]
                .iter()
                .map(|event| match event {
                    UpdateEvent::Painted(place) => place.pixels(),
                    _ => 0,
                })
                .sum::<usize>();
        }
    }

    /// Asks for all of the screen and waits for it; its pixels.
    pub(crate) async fn whole(&mut self) -> Vec<u8> {
        self.paint(Rectangle::whole(self.init.size)).await;
        self.decoder.screen().bytes().to_vec()
    }

    /// The greatest difference of a channel from what is on the screen, as the format can express it.
    pub(crate) fn difference(&self, screen: &Picture) -> u8 {
        let shown = self.decoder.screen();
        assert_eq!(shown.pixels().len(), screen.pixels.len());
        let format = self.decoder.format();
        // Servers round down, or to the nearest: either is right.
        let steps = format.channels().map_or([1; 3], |channels| {
            channels.map(|channel| 255 / channel.max.min(255) as u8)
        });
        let differences = shown
            .pixels()
            .iter()
            .zip(&screen.pixels)
            .flat_map(|(got, wanted)| {
                (0..3).map(|n| {
                    let off = got[n].abs_diff(wanted[n]);
                    if steps[n] > 1 && off <= steps[n] { 0 } else { off }
                })
            });
        differences.max().unwrap()
    }

    /// How far a channel is off what is on the screen, on average.
    pub(crate) fn mean_difference(&self, screen: &Picture) -> f64 {
        let shown = self.decoder.screen().pixels();
        let off = shown.as_flattened().iter().zip(screen.pixels.as_flattened());
        let sum: f64 = off.map(|(got, wanted)| f64::from(got.abs_diff(*wanted))).sum();
        sum / (shown.len() * 3) as f64
    }
}
