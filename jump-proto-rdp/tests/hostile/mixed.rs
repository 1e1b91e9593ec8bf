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

/// What is sent, and how all of it looks.
struct Screen {
    stream: Vec<u8>,
    pixels: Vec<u8>,
}

impl Screen {
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
        update(part, 32, &[blue, green, red, 0].repeat((SIDE * SIDE) as usize))
    }

    fn send(&mut self, update: &[u8]) {
        self.stream.extend(fast_path(0, 1, update));
    }
}

/// A bitmap update of one uncompressed bitmap (MS-RDPBCGR §2.2.9.1.1.3.1.2).
fn update(part: Area, depth: u16, data: &[u8]) -> Vec<u8> {
    let (left, top) = (part.x as u16, part.y as u16);
    let (width, height) = (part.width as u16, part.height as u16);
    let (right, bottom) = (left + width - 1, top + height - 1);
    let length = u16::try_from(data.len()).unwrap();
    let fields = [1, 1, left, top, right, bottom, width, height, depth, 0, length];
    let mut update: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
    update.extend_from_slice(data);
    update
}

/// A message of the fast path with one update (MS-RDPBCGR §2.2.9.1.2.1).
fn fast_path(fragmentation: u8, code: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 6).unwrap();
    assert!(length < 0x8000);
    let mut message = vec![0];
    message.extend((length | 0x8000).to_be_bytes());
    message.push(fragmentation << 4 | code);
    message.extend((data.len() as u16).to_le_bytes());
    message.extend_from_slice(data);
    message
}

/// The same update as a Share Data PDU (MS-RDPBCGR §2.2.8.1.1.1.2).
fn slow_path(update: &[u8]) -> Vec<u8> {
    let length = (update.len() + 18) as u16;
    let mut content = Vec::new();
    content.extend(length.to_le_bytes());
    content.extend([0x17, 0, 0xea, 3, 0xea, 3, 1, 0, 0, 1]);
    content.extend((update.len() as u16 + 4).to_le_bytes());
    content.extend([number::UPDATE, 0, 0, 0]);
    content.extend_from_slice(update);
    send_data_indication(1002, 1003, &content).unwrap()
}

/// The server's stream up to where it may paint.
fn handshake(recorded: &Recorded) -> &[u8] {
    let places = recorded.messages();
    let end = places.windows(2).find(|pair| {
        let message = &recorded.bytes[pair[0]..pair[1]];
        let Ok(Domain::SendDataIndication(data)) = domain(message) else {
            return false;
        };
        let parts = share::parts(&message[data.range]).unwrap_or_default();
        parts
            .iter()
            .any(|part| part.control == Control::Data(number::FONT_MAP))
    });
    &recorded.bytes[..end.unwrap()[1]]
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
    const POINTER_HIDDEN: u8 = 5;
    let recorded = Recorded::new().await;
    let tiles = (WIDTH / SIDE) * (HEIGHT / SIDE);
    for between in [
        "nothing",
        "palette",
        "slow path",
        "broken fragments",
        "beyond the screen",
    ] {
        let mut screen = Screen {
            stream: handshake(&recorded).to_vec(),
            pixels: vec![0; (WIDTH * HEIGHT * 4) as usize],
        };
        for number in 0..tiles {
            let tile = screen.tile(number, 20);
            screen.send(&tile);
        }
        screen.stream.extend(fast_path(0, POINTER_HIDDEN, &[]));
        let part = Area {
            x: 100,
            y: 60,
            width: 88,
            height: 44,
        };
        match between {
            "palette" => {
                screen.fill(part, [255, 0, 0]);
                screen.send(&update(part, 8, &[RED; 88 * 44]));
            }
            "slow path" => {
                screen.fill(part, [1, 2, 3]);
                let update = update(part, 24, &[3, 2, 1].repeat(88 * 44));
                screen.stream.extend(slow_path(&update));
            }
            "broken fragments" => {
                let tile = screen.tile(7, 90);
                let (begin, end) = tile.split_at(1000);
                screen.stream.extend(fast_path(2, 1, begin));
                screen.stream.extend(fast_path(0, POINTER_HIDDEN, &[]));
                screen.stream.extend(fast_path(2, 1, begin));
                screen.stream.extend(fast_path(1, 1, end));
            }
            "beyond the screen" => {
                let beyond = Area { x: 600, ..part };
                screen.send(&update(beyond, 32, &[9; 88 * 44 * 4]));
            }
            _ => {}
        }
        for number in (0..tiles).step_by(5) {
            let tile = screen.tile(number, 200);
            let (begin, end) = tile.split_at(tile.len() / 2);
            screen.stream.extend(fast_path(2, 1, begin));
            screen.stream.extend(fast_path(1, 1, end));
        }
        println!("{between}");
        let (session, _open) = recorded.session(&screen.stream).await;
        shows(&*session, &screen.pixels).await;
        session.close().await.unwrap();
    }
}
