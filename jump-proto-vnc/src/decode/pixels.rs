//! Pixels as they are on the wire, to RGBA.

use std::sync::Arc;

use super::colours::ColourMap;
use super::layout::{self, Compact};
use crate::framebuffer::{BLACK, Rgba};
use crate::wire::{Channel, PixelFormat};

/// Reads pixels of one format: what a pixel means is looked at once for a row, not for each of its pixels.
#[derive(Debug)]
pub(crate) struct PixelReader {
    kind: Kind,
    bytes: usize,
}

#[derive(Debug)]
enum Kind {
    /// B, G, R and a byte without meaning.
    Bgrx,
    /// Four bytes of which each colour has a whole one, or eight bits anywhere.
    Eights { big_endian: bool, shifts: [u8; 3] },
    /// Four bytes with colours of any size.
    Wide {
        big_endian: bool,
        channels: Box<[Scaled; 3]>,
    },
    /// Four bytes that are a place in the colour map.
    Mapped { big_endian: bool, map: ColourMap },
    /// 5, 6 and 5 bits, the low byte first.
    Rgb565,
    /// Two bytes, looked up as a little-endian number.
    Table16(Box<[Rgba]>),
    /// One byte, looked up.
    Table8(Box<[Rgba; 256]>),
    /// R, G, B.
    Rgb,
    /// B, G, R.
    Bgr,
    /// Three bytes of four (CPIXEL); the one that is left out is 0.
    Three { first: bool, whole: Arc<PixelReader> },
}

/// A channel and its values, scaled to 0..=255.
#[derive(Debug)]
struct Scaled {
    channel: Channel,
    values: Box<[u8]>,
}

impl Scaled {
    fn new(channel: Channel) -> Self {
        Self {
            channel,
            values: (0..=channel.max).map(|value| scale(value, channel.max)).collect(),
        }
    }

    fn get(&self, pixel: u32) -> u8 {
        let value = (pixel >> self.channel.shift) & u32::from(self.channel.max);
        self.values.get(value as usize).copied().unwrap_or(0)
    }
}

/// A channel's value as 0..=255, rounded to the nearest. `max` is not 0.
pub(crate) fn scale(value: u16, max: u16) -> u8 {
    let (value, max) = (u32::from(value), u32::from(max.max(1)));
    u8::try_from((value * 255 + max / 2) / max).unwrap_or(255)
}

impl PixelReader {
    /// Reads pixels (PIXEL).
    pub(crate) fn new(format: PixelFormat, map: &ColourMap) -> Self {
        Self {
            kind: Kind::new(format, map),
            bytes: format.bytes_per_pixel(),
        }
    }

    /// Reads the pixels of TRLE and ZRLE (CPIXEL, RFC 6143 §7.7.5); `whole` reads those of the same format.
    pub(crate) fn compact(format: PixelFormat, whole: &Arc<Self>) -> Arc<Self> {
        let first = match layout::compact(format) {
            Compact::No => return whole.clone(),
            Compact::FirstThree => true,
            Compact::LastThree => false,
        };
        let kind = match whole.kind {
            Kind::Bgrx if first => Kind::Bgr,
            Kind::Eights {
                big_endian: false,
                shifts: [0, 8, 16],
            } if first => Kind::Rgb,
            _ => Kind::Three {
                first,
                whole: whole.clone(),
            },
        };
        Arc::new(Self { kind, bytes: 3 })
    }

    /// Reads the pixels of Tight (TPIXEL, rfbproto "Tight Encoding"); `whole` reads those of the same format.
    pub(crate) fn tight(format: PixelFormat, whole: &Arc<Self>) -> Arc<Self> {
        if !layout::tight_is_rgb(format) {
            return whole.clone();
        }
        Arc::new(Self {
            kind: Kind::Rgb,
            bytes: 3,
        })
    }

    /// Bytes of a pixel: 1 to 4.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// One pixel from its bytes.
    #[inline]
    pub(crate) fn one(&self, bytes: &[u8]) -> Rgba {
        match (&self.kind, bytes) {
            (Kind::Rgb, &[red, green, blue])
            | (Kind::Bgr, &[blue, green, red])
            | (Kind::Bgrx, &[blue, green, red, _]) => [red, green, blue, 255],
            _ => {
                let mut pixel = [BLACK];
                self.span(bytes, &mut pixel);
                let [pixel] = pixel;
                pixel
            }
        }
    }

    /// As many pixels as there are both bytes and places for.
    pub(crate) fn span(&self, bytes: &[u8], to: &mut [Rgba]) {
        match &self.kind {
            Kind::Bgrx => each(bytes, to, |[blue, green, red, _]| [red, green, blue, 255]),
            Kind::Eights { big_endian, shifts } => {
                let [red, green, blue] = *shifts;
                let pick = |pixel: u32| {
                    let colour = |shift: u8| (pixel >> (shift & 31)) as u8;
                    [colour(red), colour(green), colour(blue), 255]
                };
                numbers(*big_endian, bytes, to, pick);
            }
            Kind::Wide { big_endian, channels } => {
                let [red, green, blue] = channels.as_ref();
                let pick = |pixel| [red.get(pixel), green.get(pixel), blue.get(pixel), 255];
                numbers(*big_endian, bytes, to, pick);
            }
            Kind::Mapped { big_endian, map } => numbers(*big_endian, bytes, to, |place| map.get(place)),
            Kind::Rgb565 => each(bytes, to, |pixel| {
                let pixel = u32::from(u16::from_le_bytes(pixel));
                // The nearest of 256 for each of 32 and of 64, as `scale` has it.
                let five = |value: u32| (((value & 31) * 527 + 23) >> 6) as u8;
                let six = |value: u32| (((value & 63) * 259 + 33) >> 6) as u8;
                [five(pixel >> 11), six(pixel >> 5), five(pixel), 255]
            }),
            Kind::Table16(table) => each(bytes, to, |pixel| {
                let place = usize::from(u16::from_le_bytes(pixel));
                table.get(place).copied().unwrap_or(BLACK)
            }),
            Kind::Table8(table) => each(bytes, to, |[place]| {
                table.get(usize::from(place)).copied().unwrap_or(BLACK)
            }),
            Kind::Rgb => each(bytes, to, |[red, green, blue]| [red, green, blue, 255]),
            Kind::Bgr => each(bytes, to, |[blue, green, red]| [red, green, blue, 255]),
            Kind::Three { first, whole } => three(*first, whole, bytes, to),
        }
    }
}

impl Kind {
    fn new(format: PixelFormat, map: &ColourMap) -> Self {
        let big_endian = format.is_big_endian();
        match (format.bits_per_pixel(), format.channels()) {
            (8, _) => {
                let colour = |place: u8| colour(format, map, u32::from(place));
                Self::Table8(Box::new(std::array::from_fn(|place| {
                    colour(u8::try_from(place).unwrap_or(u8::MAX))
                })))
            }
            (16, _) if format == PixelFormat::RGB565 => Self::Rgb565,
            (16, _) => Self::Table16(
                (0..=u16::MAX)
                    .map(|place| if big_endian { place.swap_bytes() } else { place })
                    .map(|pixel| colour(format, map, u32::from(pixel)))
                    .collect(),
            ),
            (_, None) => Self::Mapped {
                big_endian,
                map: map.clone(),
            },
            (_, Some(channels)) if channels.iter().all(|channel| channel.max == 255) => {
                let shifts = channels.map(|channel| channel.shift);
                if !big_endian && shifts == [16, 8, 0] {
                    Self::Bgrx
                } else {
                    Self::Eights { big_endian, shifts }
                }
            }
            (_, Some(channels)) => Self::Wide {
                big_endian,
                channels: Box::new(channels.map(Scaled::new)),
            },
        }
    }
}

/// One pixel, slowly: for tables.
fn colour(format: PixelFormat, map: &ColourMap, pixel: u32) -> Rgba {
    let Some(channels) = format.channels() else {
        return map.get(pixel);
    };
    let [red, green, blue] = channels.map(|channel| {
        let value = (pixel >> channel.shift) & u32::from(channel.max);
        scale(u16::try_from(value).unwrap_or(channel.max), channel.max)
    });
    [red, green, blue, 255]
}

#[inline(always)]
fn each<const N: usize>(bytes: &[u8], to: &mut [Rgba], convert: impl Fn([u8; N]) -> Rgba) {
    let (pixels, _) = bytes.as_chunks::<N>();
    for (pixel, to) in pixels.iter().zip(to) {
        *to = convert(*pixel);
    }
}

#[inline(always)]
fn numbers(big_endian: bool, bytes: &[u8], to: &mut [Rgba], convert: impl Fn(u32) -> Rgba) {
    if big_endian {
        each(bytes, to, |pixel| convert(u32::from_be_bytes(pixel)));
    } else {
        each(bytes, to, |pixel| convert(u32::from_le_bytes(pixel)));
    }
}

/// Gives a few pixels at a time their fourth byte.
fn three(first: bool, whole: &PixelReader, bytes: &[u8], to: &mut [Rgba]) {
    const AT_ONCE: usize = 64;
    for (bytes, to) in bytes.chunks(AT_ONCE * 3).zip(to.chunks_mut(AT_ONCE)) {
        let mut four = [[0; 4]; AT_ONCE];
        let (pixels, _) = bytes.as_chunks::<3>();
        for (four, [a, b, c]) in four.iter_mut().zip(pixels) {
            *four = if first { [*a, *b, *c, 0] } else { [0, *a, *b, *c] };
        }
        let there = four.as_flattened().get(..pixels.len() * 4).unwrap_or_default();
        whole.span(there, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_formats_say_the_same_as_slow_ones() {
        let map = ColourMap::default();
        let reader = PixelReader::new(PixelFormat::RGB565, &map);
        for pixel in 0..=u16::MAX {
            let slow = colour(PixelFormat::RGB565, &map, u32::from(pixel));
            assert_eq!(reader.one(&pixel.to_le_bytes()), slow, "{pixel:#x}");
        }
        let pixel = 0x00c0_8040u32.to_le_bytes();
        assert_eq!(
            PixelReader::new(PixelFormat::BGRX8888, &map).one(&pixel),
            [0xc0, 0x80, 0x40, 255]
        );
        assert_eq!(
            PixelReader::new(PixelFormat::RGBX8888, &map).one(&pixel),
            [0x40, 0x80, 0xc0, 255]
        );
    }

    #[test]
    fn the_smallest_and_largest_value_of_every_channel_are_dark_and_bright() {
        for max in (1..=16).map(|bits| ((1u32 << bits) - 1) as u16) {
            assert_eq!((scale(0, max), scale(max, max)), (0, 255));
        }
        assert_eq!((scale(1, 3), scale(3, 31), scale(257, 65535)), (85, 25, 1));
    }
}
