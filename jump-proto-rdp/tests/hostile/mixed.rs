//! Servers that send bitmaps and, among them, what is decoded elsewhere: the picture is one.

use std::time::Duration;

use jump_core::protocol::{Area, ScreenSession};
use jump_proto_rdp::wire::share::{self, Control, number};
use jump_proto_rdp::wire::{Domain, domain, send_data_indication};

use crate::recorded::Recorded;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
const SIDE: u32 = 40;
/// Bright red in the palette that a server need not send (MS-RDPBCGR §2.2.9.1.1.3.1.1).
const RED: u8 = 249;

const TILES: u32 = (WIDTH / SIDE) * (HEIGHT / SIDE);
/// `FASTPATH_UPDATETYPE_BITMAP` and `FASTPATH_UPDATETYPE_PTR_NULL` (MS-RDPBCGR §2.2.9.1.2.1).
const BITMAP: u8 = 1;
const POINTER_HIDDEN: u8 = 5;
/// `FASTPATH_FRAGMENT_SINGLE`, `LAST` and `FIRST` (ibidem).
const SINGLE: u8 = 0;
const LAST: u8 = 1;
const FIRST: u8 = 2;

/// What is sent, and how all of it looks.
struct Screen {
    stream: Vec<u8>,
    pixels: Vec<u8>,
}

impl Screen {
    /// After the handshake, and painted whole.
    fn new(recorded: &Recorded) -> Self {
        let mut screen = Self {
            stream: handshake(recorded),
            pixels: vec![0; (WIDTH * HEIGHT * 4) as usize],
        };
        for number in 0..TILES {
            let tile = screen.tile(number, 20);
            screen.send(&tile);
        }
        screen
    }

    fn fill(&mut self, part: Area, color: [u8; 3]) {
        for y in part.y..part.y + part.height {
            for x in part.x..part.x + part.width {
                let at = ((y * WIDTH + x) * 4) as usize;
                self.pixels[at..at + 3].copy_from_slice(&color);
                self.pixels[at + 3] = 255;
            }
        }
    }

    /// A square of 32 bits a pixel; `number` chooses where and which colour.
    fn tile(&mut self, number: u32, shade: u8) -> Vec<u8> {
        let columns = WIDTH / SIDE;
        let part = Area {
            x: number % columns * SIDE,
            y: number / columns % (HEIGHT / SIDE) * SIDE,
            width: SIDE,
            height: SIDE,
        };
        let color = [number as u8, shade, (number >> 3) as u8];
        self.fill(part, color);
        let [red, green, blue] = color;
        let pixels = [blue, green, red, 0].repeat((SIDE * SIDE) as usize);
        update(&[(part, 32, &pixels)])
    }

    /// Two opposite corners, in one update: what is between them stays.
    fn corners(&mut self, color: [u8; 3]) -> Vec<u8> {
        let corner = |x, y| Area {
            x,
            y,
            width: 4,
            height: 4,
        };
        let corners = [corner(0, 0), corner(WIDTH - 4, HEIGHT - 4)];
        let [red, green, blue] = color;
        let pixels = [blue, green, red].repeat(16);
        update(&corners.map(|part| {
            self.fill(part, color);
            (part, 24, &pixels[..])
        }))
    }

    fn send(&mut self, update: &[u8]) {
        self.stream.extend(fast_path(&[(SINGLE, BITMAP, update)]));
    }
}

/// A bitmap update of uncompressed bitmaps: where, of how many bits a pixel, and these (MS-RDPBCGR §2.2.9.1.1.3.1.2).
fn update(bitmaps: &[(Area, u16, &[u8])]) -> Vec<u8> {
    let mut update = vec![1, 0];
    update.extend((bitmaps.len() as u16).to_le_bytes());
    for (part, depth, data) in bitmaps {
        let (left, top) = (part.x as u16, part.y as u16);
        let (width, height) = (part.width as u16, part.height as u16);
        let (right, bottom) = (left + width - 1, top + height - 1);
        let length = u16::try_from(data.len()).unwrap();
        let fields = [left, top, right, bottom, width, height, *depth, 0, length];
        update.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
        update.extend_from_slice(data);
    }
    update
}

/// A message of the fast path: of each update whether it is a fragment, what it is, and its data (MS-RDPBCGR §2.2.9.1.2.1).
fn fast_path(updates: &[(u8, u8, &[u8])]) -> Vec<u8> {
    let mut message = vec![0, 0, 0];
    for (fragmentation, code, data) in updates {
        message.push(fragmentation << 4 | code);
        message.extend((data.len() as u16).to_le_bytes());
        message.extend_from_slice(data);
    }
    let length = u16::try_from(message.len()).unwrap();
    assert!(length < 0x8000, "it is one message");
    message[1..3].copy_from_slice(&(length | 0x8000).to_be_bytes());
    message
}

/// A Share Data PDU (MS-RDPBCGR §2.2.8.1.1.1.2).
fn share_data(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut pdu = ((data.len() + 18) as u16).to_le_bytes().to_vec();
    pdu.extend([0x17, 0, 0xea, 3, 0xea, 3, 1, 0, 0, 1]);
    pdu.extend((data.len() as u16 + 4).to_le_bytes());
    pdu.extend([kind, 0, 0, 0]);
    pdu.extend_from_slice(data);
    pdu
}

/// The same update on the channel of input and output, alone or before something else.
fn slow_path(update: &[u8], more: &[u8]) -> Vec<u8> {
    let content = [&share_data(number::UPDATE, update), more].concat();
    send_data_indication(1002, 1003, &content).unwrap()
}

fn messages(recorded: &Recorded) -> Vec<&[u8]> {
    let places = recorded.messages();
    places
        .windows(2)
        .map(|pair| &recorded.bytes[pair[0]..pair[1]])
        .collect()
}

/// The first message that says this on the channel of input and output.
fn first(messages: &[&[u8]], wanted: Control) -> usize {
    let says = |message: &&[u8]| {
        let Ok(Domain::SendDataIndication(data)) = domain(message) else {
            return false;
        };
        let parts = share::parts(&message[data.range]).unwrap_or_default();
        parts.iter().any(|part| part.control == wanted)
    };
    messages.iter().position(says).unwrap()
}

/// The server's stream up to where it may paint.
fn handshake(recorded: &Recorded) -> Vec<u8> {
    let messages = messages(recorded);
    messages[..=first(&messages, Control::Data(number::FONT_MAP))].concat()
}

/// A server's change of settings, to what they are (MS-RDPBCGR §1.3.1.3).
fn change_of_settings(recorded: &Recorded) -> Vec<u8> {
    let messages = messages(recorded);
    let begins = first(&messages, Control::DemandActive);
    let ends = first(&messages, Control::Data(number::FONT_MAP));
    // Deactivate All PDU (§2.2.3.1): header, share and an empty descriptor.
    let content = [13, 0, 0x16, 0, 0xea, 3, 0xea, 3, 1, 0, 1, 0, 0];
    let mut change = send_data_indication(1002, 1003, &content).unwrap();
    change.extend(messages[begins..=ends].concat());
    change
}

async fn shows(session: &dyn ScreenSession, pixels: &[u8]) {
    let shown = async {
        while session.frame().await.unwrap().to_picture().rgba != pixels {
            session.next_event().await.unwrap().expect("it is open");
        }
    };
    let timeout = Duration::from_secs(60);
    tokio::time::timeout(timeout, shown).await.expect("it is painted");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_between_bitmaps_the_picture_is_one() {
    let recorded = Recorded::new().await;
    let part = Area {
        x: 100,
        y: 60,
        width: 88,
        height: 44,
    };
    for between in [
        "nothing",
        "a palette's colours",
        "the slow path",
        "a palette's colours on the slow path",
        "the slow path with something else in a message",
        "the slow path in a message of another priority",
        "a change of settings",
        "fragments of which the first is sent anew",
        "a last fragment and something else in a message",
        "what is beyond the screen",
    ] {
        let mut screen = Screen::new(&recorded);
        let hidden = (SINGLE, POINTER_HIDDEN, &[][..]);
        screen.stream.extend(fast_path(&[hidden]));
        match between {
            "a palette's colours" => {
                screen.fill(part, [255, 0, 0]);
                screen.send(&update(&[(part, 8, &[RED; 88 * 44])]));
            }
            "the slow path" => {
                let corners = screen.corners([1, 2, 3]);
                screen.stream.extend(slow_path(&corners, &[]));
            }
            "a palette's colours on the slow path" => {
                screen.fill(part, [255, 0, 0]);
                let update = update(&[(part, 8, &[RED; 88 * 44])]);
                screen.stream.extend(slow_path(&update, &[]));
            }
            "the slow path with something else in a message" => {
                let corners = screen.corners([1, 2, 3]);
                let lights = share_data(number::KEYBOARD_INDICATORS, &[0; 4]);
                screen.stream.extend(slow_path(&corners, &lights));
            }
            "the slow path in a message of another priority" => {
                let corners = screen.corners([1, 2, 3]);
                let mut message = slow_path(&corners, &[]);
                // `dataPriority` and `segmentation` (T.125 §7), behind the head, the initiator and the channel.
                assert_eq!(message[12], 0x70);
                message[12] = 0x40;
                screen.stream.extend(message);
            }
            "a change of settings" => {
                screen.stream.extend(change_of_settings(&recorded));
                screen.fill(part, [255, 0, 0]);
                screen.send(&update(&[(part, 8, &[RED; 88 * 44])]));
            }
            "fragments of which the first is sent anew" => {
                let tile = screen.tile(7, 90);
                let (begin, end) = tile.split_at(1000);
                for updates in [
                    (FIRST, BITMAP, begin),
                    hidden,
                    (FIRST, BITMAP, begin),
                    (LAST, BITMAP, end),
                ] {
                    screen.stream.extend(fast_path(&[updates]));
                }
            }
            "a last fragment and something else in a message" => {
                let tile = screen.tile(7, 90);
                let (begin, end) = tile.split_at(1000);
                screen.stream.extend(fast_path(&[(FIRST, BITMAP, begin)]));
                screen.stream.extend(fast_path(&[(LAST, BITMAP, end), hidden]));
            }
            "what is beyond the screen" => {
                let beyond = Area { x: 600, ..part };
                screen.send(&update(&[(beyond, 32, &[9; 88 * 44 * 4])]));
            }
            _ => {}
        }
        for number in (0..TILES).step_by(5) {
            let tile = screen.tile(number, 200);
            let (begin, end) = tile.split_at(tile.len() / 2);
            screen.stream.extend(fast_path(&[(FIRST, BITMAP, begin)]));
            screen.stream.extend(fast_path(&[(LAST, BITMAP, end)]));
        }
        let corners = screen.corners([4, 5, 6]);
        screen.send(&corners);
        println!("{between}");
        let (session, _) = recorded.session(&screen.stream).await;
        shows(&*session, &screen.pixels).await;
        session.close().await.unwrap();
    }
}

/// The id of the message channel, which a server gives in its settings (MS-RDPBCGR §2.2.1.4.5).
fn message_channel(recorded: &Recorded) -> u16 {
    let block = [4, 0x0c, 6, 0];
    let at = recorded.bytes.windows(4).position(|window| window == block);
    let at = at.expect("the server has a message channel") + 4;
    u16::from_le_bytes([recorded.bytes[at], recorded.bytes[at + 1]])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_measures_hears_of_every_byte_of_bitmaps() {
    let recorded = Recorded::new().await;
    let channel = message_channel(&recorded);
    let mut screen = Screen::new(&recorded);
    // Bandwidth Measure Start and Stop over TCP within a session (MS-RDPBCGR §2.2.14.1.2, §2.2.14.1.4).
    let ask = |kind: [u8; 2]| {
        let request = [0, 0x10, 0, 0, 6, 0, 9, 0, kind[0], kind[1]];
        send_data_indication(1002, channel, &request).unwrap()
    };
    screen.stream.extend(ask([0x14, 0]));
    let mut sent = 0;
    for shade in [77, 78] {
        let before = screen.stream.len();
        for number in 0..TILES {
            let tile = screen.tile(number, shade);
            screen.send(&tile);
        }
        sent += screen.stream.len() - before;
        screen.stream.extend(change_of_settings(&recorded));
    }
    screen.stream.extend(ask([0x29, 4]));
    let (session, mut said) = recorded.session(&screen.stream).await;
    shows(&*session, &screen.pixels).await;
    // Bandwidth Measure Results (§2.2.14.2.2), with a time and the number of bytes.
    let results = [0, 0x20, 0, 0, 14, 1, 9, 0, 0x0b, 0];
    let place = |said: &Vec<u8>| said.windows(10).position(|window| window == results);
    let heard = said.wait_for(|said| place(said).is_some_and(|at| said.len() >= at + 18));
    let heard = tokio::time::timeout(Duration::from_secs(60), heard).await;
    let heard = heard.expect("it answers").unwrap();
    let at = place(&heard).unwrap() + 14;
    let counted = u32::from_le_bytes(heard[at..at + 4].try_into().unwrap());
    assert!(counted as usize >= sent, "{counted} of {sent} bytes");
    drop(heard);
    session.close().await.unwrap();
}
