//! Whoever decodes the pictures of an update, what is painted, said and refused is the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod encoders;

use encoders::{Encoder, Picture};
use jump_core::protocol::Area;
use jump_proto_vnc::RfbResult;
use jump_proto_vnc::decode::{Helpers, Progress, UpdateDecoder, UpdateEvent};
use jump_proto_vnc::wire::{Encoding, PixelFormat, Rectangle, RectangleHeader, Size};
use jump_testkit::seeded::Seeded;
use proptest::prelude::*;

const SIZE: Size = Size {
    width: 120,
    height: 90,
};
const FORMAT: PixelFormat = PixelFormat::BGRX8888;

/// A server that paints at random.
struct Server {
    random: Seeded,
    encoder: Encoder,
    size: Size,
    resizes: u8,
}

impl Server {
    fn new(seed: u64) -> Self {
        Self {
            random: Seeded::new(seed),
            encoder: Encoder::new(FORMAT, seed as u32),
            size: SIZE,
            resizes: 0,
        }
    }

    fn below(&mut self, limit: u16) -> u16 {
        self.random.below(limit.into()) as u16
    }

    /// Somewhere on the screen.
    fn place(&mut self) -> Rectangle {
        let Size { width, height } = self.size;
        let (width, height) = (1 + self.below(width), 1 + self.below(height));
        Rectangle {
            x: self.below(self.size.width - width + 1),
            y: self.below(self.size.height - height + 1),
            width,
            height,
        }
    }

    /// Soft colours, as large as the screen.
    fn picture(&mut self) -> Picture {
        let Size { width, height } = self.size;
        let (a, b, c) = (self.below(256), self.below(9), self.below(7));
        let pixel = |n: u16| {
            let (x, y) = (n % width, n / width);
            [(x * b + a) as u8, (y * c + x) as u8, (a ^ y) as u8, 255]
        };
        Picture {
            width,
            height,
            pixels: (0..width * height).map(pixel).collect(),
        }
    }

    /// Any rectangle.
    fn rectangle(&mut self) -> Vec<u8> {
        let (part, picture) = (self.place(), self.picture());
        match self.below(12) {
            0..5 => self.jpeg(part, &picture),
            5 => self.encoder.rectangle(Encoding::TIGHT_PNG, &picture, part),
            6 => self.encoder.rectangle(Encoding::RAW, &picture, part),
            7 => self.encoder.rectangle(Encoding::ZRLE, &picture, part),
            8 => self.encoder.rectangle(Encoding::TIGHT, &picture, part),
            9 => {
                let from = self.place();
                let (width, height) = (from.width.min(part.width), from.height.min(part.height));
                let to = Rectangle {
                    width,
                    height,
                    ..part
                };
                let source = [from.x.to_be_bytes(), from.y.to_be_bytes()].concat();
                [header(to, Encoding::COPY_RECT), source].concat()
            }
            10 if self.resizes < 3 => {
                self.resizes += 1;
                self.size = Size {
                    width: 40 + self.below(100),
                    height: 40 + self.below(60),
                };
                header(Rectangle::whole(self.size), Encoding::DESKTOP_SIZE)
            }
            _ => header(part, Encoding::POINTER_POSITION),
        }
    }

    fn jpeg(&mut self, part: Rectangle, picture: &Picture) -> Vec<u8> {
        let grey = self.below(4) == 0;
        let bytes = if grey { 1..2 } else { 0..3 };
        let picture = picture.part(part);
        let pixels: Vec<u8> = picture
            .pixels
            .iter()
            .flat_map(|pixel| pixel[bytes.clone()].to_vec())
            .collect();
        let mut jpeg = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 60);
        encoder.set_progressive(self.below(5) == 0);
        let colours = if grey {
            jpeg_encoder::ColorType::Luma
        } else {
            jpeg_encoder::ColorType::Rgb
        };
        encoder.encode(&pixels, part.width, part.height, colours).unwrap();
        let length = encoders::rectangles::compact_length(jpeg.len());
        [header(part, Encoding::TIGHT), vec![0x90], length, jpeg].concat()
    }

    /// An update of so many rectangles.
    fn update(&mut self, count: u16) -> Vec<u8> {
        self.resizes = 0;
        (0..count).flat_map(|_| self.rectangle()).collect()
    }
}

fn header(rectangle: Rectangle, encoding: Encoding) -> Vec<u8> {
    RectangleHeader { rectangle, encoding }.to_bytes().to_vec()
}

/// What came of an update.
#[derive(Debug, PartialEq)]
struct Came {
    result: RfbResult<Progress>,
    said: Vec<UpdateEvent>,
    /// Where a picture is right; after an error it is not said how much of it is there.
    screen: Option<Vec<[u8; 4]>>,
    damage: Vec<Area>,
}

fn decode(decoder: &mut UpdateDecoder, count: u16, bytes: &[u8], piece: usize) -> Came {
    decoder.start(count).unwrap();
    let mut said = Vec::new();
    let (mut from, mut to) = (0, 0);
    let result = loop {
        to = bytes.len().min(to + piece);
        match decoder.decode(&bytes[from..to], &mut |event| said.push(event)) {
            Ok(decoded) => {
                from += decoded.consumed;
                if decoded.progress == Progress::Finished || to == bytes.len() {
                    break Ok(decoded.progress);
                }
            }
            Err(error) => break Err(error),
        }
    };
    Came {
        screen: result.is_ok().then(|| decoder.screen().pixels().to_vec()),
        damage: decoder.screen_mut().take_damage().areas().to_vec(),
        result,
        said,
    }
}

fn alone() -> UpdateDecoder {
    UpdateDecoder::new(SIZE, FORMAT).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_updates_paint_the_same_with_helpers(
        seed in any::<u64>(),
        counts in prop::collection::vec(1u16..20, 1..4),
        threads in 1usize..5,
        piece in prop_oneof![Just(usize::MAX / 2), 1usize..4000],
    ) {
        let mut server = Server::new(seed);
        let (mut one, mut other) = (alone(), alone().with_helpers(Helpers::new(threads)));
        for count in counts {
            let update = server.update(count);
            let expected = decode(&mut one, count, &update, piece);
            prop_assert_eq!(&expected.result, &Ok(Progress::Finished));
            prop_assert!(decode(&mut other, count, &update, piece) == expected);
        }
    }

    #[test]
    fn what_is_damaged_is_refused_the_same_with_helpers(
        seed in any::<u64>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..4),
        threads in 1usize..5,
    ) {
        let mut server = Server::new(seed);
        let mut update = server.update(12);
        for (place, flip) in damage {
            let place = place.index(update.len());
            update[place] ^= flip;
        }
        let (mut one, mut other) = (alone(), alone().with_helpers(Helpers::new(threads)));
        let expected = decode(&mut one, 12, &update, usize::MAX / 2);
        prop_assert_eq!(decode(&mut other, 12, &update, usize::MAX / 2), expected);
    }
}

#[test]
fn what_is_cut_off_or_damaged_anywhere_is_the_same_with_helpers() {
    let helpers = Helpers::new(3);
    let mut server = Server::new(11);
    let picture = server.picture();
    let tile = |x, y| Rectangle {
        x,
        y,
        width: 33,
        height: 32,
    };
    let update = [
        server.jpeg(tile(0, 0), &picture),
        server.jpeg(tile(40, 0), &picture),
        server.encoder.rectangle(Encoding::TIGHT, &picture, tile(20, 20)),
        server.jpeg(tile(60, 40), &picture),
        header(tile(7, 7), Encoding::COPY_RECT),
        vec![0, 20, 0, 0],
        server.jpeg(tile(0, 50), &picture),
    ]
    .concat();
    let both = |bytes: &[u8]| {
        let one = decode(&mut alone(), 6, bytes, usize::MAX / 2);
        let mut helped = alone().with_helpers(helpers.clone());
        assert_eq!(decode(&mut helped, 6, bytes, usize::MAX / 2), one);
        one.result
    };
    assert_eq!(both(&update), Ok(Progress::Finished));
    let mut refused = 0;
    for place in 0..update.len() {
        assert!(
            matches!(both(&update[..place]), Ok(Progress::Needs(_))),
            "{place}"
        );
        let mut damaged = update.clone();
        damaged[place] ^= 0x55;
        refused += usize::from(both(&damaged).is_err());
    }
    assert!(refused > 100, "{refused} of {}", update.len());
}
