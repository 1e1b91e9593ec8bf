//! What is recorded is what was seen.

use std::io::Cursor;
use std::time::Duration;

use jump_core::id::SessionId;
use jump_core::keys::SealingKey;
use jump_core::recording::codec::Encoder;
use jump_core::recording::{Record, RecordKind, RecordingInfo, RecordingReader};
use jump_core::screen::Size;
use jump_core::secret::Secret;
use jump_core::session::RecordingMode;
use jump_core::time::Timestamp;
use jump_playback::{Ending, SheetLayout, png, sheet, survey};
use jump_proto_rdp::recording::{Player, ScreenDecoder, typed};
use jump_proto_rdp::wire::Head;
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER};
use jump_testkit::vnc::Picture;

use super::corpus;
use super::desktop::{Desk, ORANGE, Terminal, orange};
use super::harness::{Item, login, soon};
use super::native::mostly;

/// A recording in memory.
pub(crate) struct Written {
    key: SealingKey,
    file: Vec<u8>,
}

impl Written {
    pub(crate) fn new(records: &[Record]) -> Self {
        let key = SealingKey::from_seed(Secret::new([1; 32]));
        let info = RecordingInfo {
            session: SessionId::from_bytes([7; 16]),
            user_name: "ada".to_owned(),
            item_name: "desk".to_owned(),
            protocol: "rdp".to_owned(),
            started: Timestamp::UNIX_EPOCH,
            mode: RecordingMode::Backpressure,
        };
        let (mut encoder, mut file) = Encoder::new(&info, &key.public()).unwrap();
        for record in records {
            encoder.push(record).unwrap();
            file.extend_from_slice(encoder.seal(0).unwrap());
            encoder.clear(1024);
        }
        file.extend_from_slice(encoder.finish(0).unwrap());
        Self { key, file }
    }

    pub(crate) fn open(&self) -> jump_core::Result<RecordingReader<Cursor<&[u8]>>> {
        RecordingReader::open(Cursor::new(&self.file), &self.key)
    }
}

/// How far the colours of two pictures are apart on average.
fn apart(one: &Picture, other: &jump_core::protocol::Picture) -> f64 {
    assert_eq!((one.width as u32, one.height as u32), (other.width, other.height));
    let sum: u64 = one
        .pixels
        .as_flattened()
        .iter()
        .zip(&other.rgba)
        .map(|(one, other)| u64::from(one.abs_diff(*other)))
        .sum();
    sum as f64 / other.rgba.len() as f64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_shows_what_the_screen_showed() {
    for graphics in [
        &["/bpp:32"][..],
        &["/rfx"],
        &["/gfx"],
        &["/gfx:AVC444"],
        &["/bpp:16"],
        &["/bpp:8"],
    ] {
        let shadow = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
        let desk = Desk::new().await;
        let mut terminal = Terminal::on(&shadow).await;
        let kinds = Picture::of_all_kinds(200, 200);
        let (address, gate) = Item::new(shadow.address()).port(login(USER, PASSWORD)).await;
        let client = desk.xfreerdp(address, &[&["/u:rep", "/p:x"], graphics].concat());
        let shown = desk.screen.until_shown(|picture| mostly(picture, [255; 3])).await;
        if shown.is_err() {
            panic!("{graphics:?}: {}\n{}", client.output(), shadow.log());
        }
        desk.type_text("Hello, world!").await;
        assert_eq!(terminal.line().await.unwrap(), "Hello, world!\n");
        // The terminal is gone; now something with many colours is there.
        let (_shown, screen) = shadow.show(&kinds).await.unwrap();
        let seen = desk
            .screen
            .until_shown(|picture| {
                let there = |at: usize| {
                    let [r, g, b, _] = picture.pixels[at];
                    let [red, green, blue, _] = screen.pixels[at];
                    r.abs_diff(red) < 40 && g.abs_diff(green) < 40 && b.abs_diff(blue) < 40
                };
                [640 * 50 + 75, 640 * 55 + 190, 640 * 400 + 400]
                    .into_iter()
                    .all(there)
            })
            .await;
        if seen.is_err() {
            panic!("{graphics:?}: {}\n{}", client.output(), shadow.log());
        }
        let gate = soon(gate).await.unwrap();
        drop(client);
        let records = gate.records.clone();
        gate.end().await;
        let records = records.lock().unwrap().clone();
        corpus::write(
            &records,
            &format!("shadow-{}", graphics[0].trim_start_matches('/').replace(':', "-")),
        );
        let written = Written::new(&records);

        let found = survey::<ScreenDecoder>(written.open().unwrap()).unwrap();
        assert_eq!(found.ending, Ending::Clean);
        let whole = Size {
            width: 640,
            height: 480,
        };
        assert_eq!((found.largest, found.missing), (whole, 0), "{graphics:?}");
        assert!(found.graphics && !found.is_unpainted());
        let mut player = Player::new(written.open().unwrap());
        player.play_to(Duration::MAX, &mut |_, _| {}).unwrap();
        let decoded = player.screen().screen().unwrap();
        let far = apart(&screen, &decoded);
        // RemoteFX and 16 bits of colour lose a little; noise loses most.
        assert!(far < 8.0, "{graphics:?}: {far}");
        let mut file = Vec::new();
        png(&decoded, &mut file).unwrap();
        assert!(file.starts_with(b"\x89PNG"));

        let layout = SheetLayout {
            columns: 2,
            pictures: 4,
            cell: Size {
                width: 160,
                height: 120,
            },
        };
        let made = sheet::<ScreenDecoder, _>(|| written.open(), layout).unwrap();
        assert_eq!((made.cell, made.picture.width), (layout.cell, 322));
        let mut lines = Vec::new();
        typed(written.open().unwrap(), &mut |line| {
            lines.push(line.text);
            Ok(())
        })
        .unwrap();
        assert_eq!(lines, ["Hello, world!<Return>"]);
    }
}

/// The same messages, with an update that paints nothing in the place of each on the fast path.
fn without_graphics(mut messages: &[u8]) -> Vec<u8> {
    let mut left = Vec::new();
    while let Some(head) = Head::read(messages).unwrap() {
        let (message, rest) = messages.split_at(head.length);
        if head.fast_path {
            // FASTPATH_UPDATETYPE_SYNCHRONIZE.
            left.extend_from_slice(&[0, 5, 3, 0, 0]);
        } else {
            left.extend_from_slice(message);
        }
        messages = rest;
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn graphics_that_paint_nothing_are_no_black_picture() {
    let shadow = orange(ShadowSecurity::Tls).await;
    let desk = Desk::new().await;
    let (address, gate) = Item::new(shadow.address()).port(login(USER, PASSWORD)).await;
    let client = desk.xfreerdp(address, &["/u:rep", "/p:x"]);
    let shown = desk.screen.until_shown(|picture| mostly(picture, ORANGE)).await;
    assert!(shown.is_ok(), "{}", client.output());
    let gate = soon(gate).await.unwrap();
    drop(client);
    let records = gate.records.clone();
    gate.end().await;
    // Every picture is taken out, and an update of nothing is left.
    let mut records = records.lock().unwrap().clone();
    for record in &mut records {
        if record.kind == RecordKind::FromTarget {
            record.payload = without_graphics(&record.payload).into();
        }
    }
    let written = Written::new(&records);
    let found = survey::<ScreenDecoder>(written.open().unwrap()).unwrap();
    assert!(found.is_unpainted(), "{found:?}");
    let layout = SheetLayout {
        columns: 1,
        pictures: 1,
        cell: Size { width: 9, height: 9 },
    };
    let error = sheet::<ScreenDecoder, _>(|| written.open(), layout).unwrap_err();
    assert_eq!(error.kind(), jump_core::ErrorKind::NotFound);
}
