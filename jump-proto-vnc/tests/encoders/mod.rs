//! Simple encoders, written from the specifications and not from the decoder: what they write is what must come back.
#![allow(dead_code, reason = "each test file uses some of it")]

pub(crate) mod rectangles;
mod tiles;

use flate2::{Compress, Compression, FlushCompress};
use jump_proto_vnc::wire::{Channel, Encoding, PixelFormat, Rectangle, RectangleHeader};

/// A picture in RGBA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) pixels: Vec<[u8; 4]>,
}

impl Picture {
    pub(crate) fn part(&self, part: Rectangle) -> Picture {
        let Rectangle { x, y, width, height } = part;
        let row = |y: u16| {
            let start = usize::from(y) * usize::from(self.width) + usize::from(x);
            &self.pixels[start..start + usize::from(width)]
        };
        Picture {
            width,
            height,
            pixels: (y..y + height).flat_map(|y| row(y).to_vec()).collect(),
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &[[u8; 4]]> {
        self.pixels.chunks(usize::from(self.width).max(1))
    }
}

/// A pixel of the format that is nearest to a colour. With a colour map the places are those of [`map`].
pub(crate) fn number(format: PixelFormat, [red, green, blue, _]: [u8; 4]) -> u32 {
    match format.channels() {
        None => u32::from(red >> 5 << 5 | green >> 5 << 2 | blue >> 6),
        Some(channels) => channels
            .iter()
            .zip([red, green, blue])
            .map(|(Channel { max, shift }, value)| {
                ((u32::from(value) * u32::from(*max) + 127) / 255) << shift
            })
            .sum(),
    }
}

/// What is left of a colour when a format has expressed it.
pub(crate) fn express(format: PixelFormat, colour: [u8; 4]) -> [u8; 4] {
    let pixel = number(format, colour);
    let Some(channels) = format.channels() else {
        let [red, green, blue] = map()[pixel as usize];
        return [red, green, blue]
            .map(|value| (value >> 8) as u8)
            .into_iter()
            .chain([255])
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
    };
    let [red, green, blue] = channels.map(|Channel { max, shift }| {
        let value = f64::from(pixel >> shift & u32::from(max)) / f64::from(max);
        (value * 255.0).round() as u8
    });
    [red, green, blue, 255]
}

/// A colour map whose places have three bits of red, three of green and two of blue.
pub(crate) fn map() -> Vec<[u16; 3]> {
    (0..=255u16)
        .map(|place| {
            [
                (place >> 5) * 0x2000,
                (place >> 2 & 7) * 0x2000,
                (place & 3) * 0x4000,
            ]
        })
        .collect()
}

/// The bytes of a pixel.
pub(crate) fn pixel(format: PixelFormat, colour: [u8; 4]) -> Vec<u8> {
    let number = number(format, colour);
    let length = format.bytes_per_pixel();
    if format.is_big_endian() {
        number.to_be_bytes()[4 - length..].to_vec()
    } else {
        number.to_le_bytes()[..length].to_vec()
    }
}

/// The bytes of a CPIXEL: without the byte that no colour reaches.
pub(crate) fn compact(format: PixelFormat, colour: [u8; 4]) -> Vec<u8> {
    let mut bytes = pixel(format, colour);
    let Some(channels) = format.channels() else {
        return bytes;
    };
    if format.bits_per_pixel() == 32 && format.depth() <= 24 {
        let lowest = channels
            .iter()
            .all(|c| u32::from(c.shift) + u32::from(c.max).count_ones() <= 24);
        let highest = channels.iter().all(|c| c.shift >= 8);
        let (first_three, last_three) = match format.is_big_endian() {
            true => (highest, lowest),
            false => (lowest, highest),
        };
        if first_three {
            bytes.remove(3);
        } else if last_three {
            bytes.remove(0);
        }
    }
    bytes
}

/// The bytes of a TPIXEL.
pub(crate) fn tight_pixel(format: PixelFormat, colour: [u8; 4]) -> Vec<u8> {
    let eights = format
        .channels()
        .is_some_and(|channels| channels.iter().all(|c| c.max == 255));
    if format.bits_per_pixel() == 32 && format.depth() == 24 && eights {
        return colour[..3].to_vec();
    }
    pixel(format, colour)
}

/// The streams of a server, and how it likes to write.
pub(crate) struct Encoder {
    pub(crate) format: PixelFormat,
    /// Chooses between what an encoding leaves to the encoder.
    pub(crate) taste: u32,
    zlib: Compress,
    zrle: Compress,
    tight: Vec<Compress>,
}

impl Encoder {
    pub(crate) fn new(format: PixelFormat, taste: u32) -> Self {
        let new = || Compress::new(Compression::fast(), true);
        Self {
            format,
            taste,
            zlib: new(),
            zrle: new(),
            tight: (0..4).map(|_| new()).collect(),
        }
    }

    fn choose(&mut self, of: u32) -> u32 {
        self.taste = self.taste.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.taste >> 16) % of
    }

    /// A rectangle with its header. CoRRE's parts are at most 255 wide and high, and Tight PNG needs true colour.
    pub(crate) fn rectangle(&mut self, encoding: Encoding, screen: &Picture, part: Rectangle) -> Vec<u8> {
        let picture = screen.part(part);
        let mut bytes = RectangleHeader {
            rectangle: part,
            encoding,
        }
        .to_bytes()
        .to_vec();
        bytes.extend(match encoding {
            Encoding::RAW => self.raw(&picture),
            Encoding::RRE => self.rre(&picture, false),
            Encoding::CORRE => self.rre(&picture, true),
            Encoding::HEXTILE => self.hextile(&picture),
            Encoding::ZLIB => {
                let raw = self.raw(&picture);
                with_length(deflate(&mut self.zlib, &raw))
            }
            Encoding::TRLE => self.tiles(&picture, 16, true),
            Encoding::ZRLE => {
                let tiles = self.tiles(&picture, 64, false);
                with_length(deflate(&mut self.zrle, &tiles))
            }
            Encoding::TIGHT => self.tight(&picture),
            Encoding::TIGHT_PNG => self.tight_png(&picture),
            _ => panic!("no encoder"),
        });
        bytes
    }

    fn raw(&self, picture: &Picture) -> Vec<u8> {
        picture
            .pixels
            .iter()
            .flat_map(|colour| pixel(self.format, *colour))
            .collect()
    }
}

fn with_length(bytes: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    length.to_be_bytes().into_iter().chain(bytes).collect()
}

pub(crate) fn deflate(stream: &mut Compress, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 2 + 1024);
    let before = stream.total_in();
    stream.compress_vec(bytes, &mut out, FlushCompress::Sync).unwrap();
    assert_eq!((stream.total_in() - before) as usize, bytes.len());
    out
}

/// Colours in the order in which they first occur.
pub(crate) fn colours(pixels: &[[u8; 4]]) -> Vec<[u8; 4]> {
    let mut colours = Vec::new();
    for pixel in pixels {
        if !colours.contains(pixel) {
            colours.push(*pixel);
        }
    }
    colours
}

/// Runs of the same value.
pub(crate) fn runs<T: PartialEq + Copy>(pixels: &[T]) -> Vec<(T, usize)> {
    pixels
        .chunk_by(|a, b| a == b)
        .map(|run| (run[0], run.len()))
        .collect()
}

/// Bits from the highest on, in whole bytes.
pub(crate) fn bits(places: impl Iterator<Item = usize>, bits: usize) -> Vec<u8> {
    let places: Vec<_> = places.collect();
    let byte = |some: &[usize]| {
        let shifts = (0..8 / bits).map(|n| 8 - bits * (n + 1));
        some.iter()
            .zip(shifts)
            .fold(0, |byte, (place, shift)| byte | (*place as u8) << shift)
    };
    places.chunks(8 / bits).map(byte).collect()
}
