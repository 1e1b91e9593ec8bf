//! How a pixel is written (RFC 6143 §7.4).

use super::Input;
use crate::{RfbError, RfbResult};

/// Where a colour stands in a true-colour pixel: `(pixel >> shift) & max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Channel {
    /// The largest value: 2^n − 1 for n bits; 1..=65535.
    pub max: u16,
    /// The distance of its lowest bit from the pixel's, 0..=31.
    pub shift: u8,
}

/// How a pixel is written (RFC 6143 §7.4). Parsed, so always one that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PixelFormat {
    bits_per_pixel: u8,
    depth: u8,
    big_endian: bool,
    channels: Option<[Channel; 3]>,
}

impl PixelFormat {
    /// Its length on the wire in bytes.
    pub const LENGTH: usize = 16;

    /// 32 bits, of which 24 say the colour, little-endian, red lowest: its bytes are R, G, B and one without meaning.
    pub const RGBX8888: Self = Self::true_colour_unchecked(32, 24, false, [(255, 0), (255, 8), (255, 16)]);

    /// 32 bits, of which 24 say the colour, little-endian, blue lowest: what most servers have by themselves.
    pub const BGRX8888: Self = Self::true_colour_unchecked(32, 24, false, [(255, 16), (255, 8), (255, 0)]);

    /// 16 bits: 5 red, 6 green, 5 blue, little-endian.
    pub const RGB565: Self = Self::true_colour_unchecked(16, 16, false, [(31, 11), (63, 5), (31, 0)]);

    /// 8 bits: 2 blue, 3 green, 3 red.
    pub const BGR233: Self = Self::true_colour_unchecked(8, 8, false, [(7, 0), (7, 3), (3, 6)]);

    const fn true_colour_unchecked(
        bits_per_pixel: u8,
        depth: u8,
        big_endian: bool,
        [(red, red_shift), (green, green_shift), (blue, blue_shift)]: [(u16, u8); 3],
    ) -> Self {
        Self {
            bits_per_pixel,
            depth,
            big_endian,
            channels: Some([
                Channel {
                    max: red,
                    shift: red_shift,
                },
                Channel {
                    max: green,
                    shift: green_shift,
                },
                Channel {
                    max: blue,
                    shift: blue_shift,
                },
            ]),
        }
    }

    /// A true-colour format with these red, green and blue channels.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if `bits_per_pixel` is not 8, 16 or 32, if the depth is 0 or larger than that, or if a
    /// channel's `max` is not 2^n − 1 or it reaches beyond the pixel.
    pub fn true_colour(
        bits_per_pixel: u8,
        depth: u8,
        big_endian: bool,
        channels: [Channel; 3],
    ) -> RfbResult<Self> {
        Self {
            bits_per_pixel,
            depth,
            big_endian,
            channels: Some(channels),
        }
        .checked()
    }

    /// A format whose pixels are places in a colour map (RFC 6143 §7.6.2).
    ///
    /// # Errors
    /// [`RfbError::Protocol`] as for [`true_colour`](Self::true_colour).
    pub fn colour_map(bits_per_pixel: u8, depth: u8, big_endian: bool) -> RfbResult<Self> {
        Self {
            bits_per_pixel,
            depth,
            big_endian,
            channels: None,
        }
        .checked()
    }

    fn checked(self) -> RfbResult<Self> {
        if !matches!(self.bits_per_pixel, 8 | 16 | 32) {
            return Err(RfbError::Protocol("a pixel has 8, 16 or 32 bits"));
        }
        if self.depth == 0 || self.depth > self.bits_per_pixel {
            return Err(RfbError::Protocol("the depth is not within the pixel"));
        }
        for Channel { max, shift } in self.channels.into_iter().flatten() {
            let bits = max.trailing_ones();
            if max == 0 || u32::from(max) + 1 != 1 << bits {
                return Err(RfbError::Protocol("the largest value of a colour is 2^n - 1"));
            }
            if u32::from(shift) + bits > u32::from(self.bits_per_pixel) {
                return Err(RfbError::Protocol("a colour reaches beyond the pixel"));
            }
        }
        Ok(self)
    }

    /// Reads the 16 bytes of a format.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] as for [`true_colour`](Self::true_colour).
    pub fn read(bytes: &[u8; Self::LENGTH]) -> RfbResult<Self> {
        let mut input = Input::new(bytes);
        let broken = RfbError::Protocol("a pixel format is incomplete");
        let read = (|| {
            let [bits_per_pixel, depth, big_endian, true_colour] = input.array()?;
            let max = [input.u16()?, input.u16()?, input.u16()?];
            let [red, green, blue] = input.array()?;
            let [red_max, green_max, blue_max] = max;
            let channel = |max, shift| Channel { max, shift };
            let channels = [
                channel(red_max, red),
                channel(green_max, green),
                channel(blue_max, blue),
            ];
            Some(Self {
                bits_per_pixel,
                depth,
                big_endian: big_endian != 0,
                channels: (true_colour != 0).then_some(channels),
            })
        })();
        read.ok_or(broken)?.checked()
    }

    /// The 16 bytes of this format.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let [red, green, blue] = self.channels.unwrap_or([Channel { max: 0, shift: 0 }; 3]);
        let [r1, r0] = red.max.to_be_bytes();
        let [g1, g0] = green.max.to_be_bytes();
        let [b1, b0] = blue.max.to_be_bytes();
        [
            self.bits_per_pixel,
            self.depth,
            u8::from(self.big_endian),
            u8::from(self.channels.is_some()),
            r1,
            r0,
            g1,
            g0,
            b1,
            b0,
            red.shift,
            green.shift,
            blue.shift,
            0,
            0,
            0,
        ]
    }

    /// 8, 16 or 32.
    #[must_use]
    pub const fn bits_per_pixel(self) -> u8 {
        self.bits_per_pixel
    }

    /// 1, 2 or 4.
    #[must_use]
    pub const fn bytes_per_pixel(self) -> usize {
        (self.bits_per_pixel / 8) as usize
    }

    /// How many bits of a pixel mean something, 1 to `bits_per_pixel`.
    #[must_use]
    pub const fn depth(self) -> u8 {
        self.depth
    }

    /// Whether the most significant byte of a pixel comes first.
    #[must_use]
    pub const fn is_big_endian(self) -> bool {
        self.big_endian
    }

    /// Red, green and blue, or `None` if pixels are places in a colour map.
    #[must_use]
    pub const fn channels(self) -> Option<[Channel; 3]> {
        self.channels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_survive_the_wire() {
        for format in [
            PixelFormat::RGBX8888,
            PixelFormat::BGRX8888,
            PixelFormat::RGB565,
            PixelFormat::BGR233,
            PixelFormat::colour_map(8, 8, false).unwrap(),
        ] {
            assert_eq!(PixelFormat::read(&format.to_bytes()), Ok(format));
        }
        // As Xtigervnc sends it.
        let sent = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
        assert_eq!(PixelFormat::read(&sent), Ok(PixelFormat::BGRX8888));
    }

    #[test]
    fn what_could_not_be_read_is_no_format() {
        let good = PixelFormat::BGRX8888.to_bytes();
        for (place, value) in [
            (0, 24),
            (0, 0),
            (1, 0),
            (1, 33),
            (5, 254),
            (4, 254),
            (10, 25),
            (11, 255),
        ] {
            let mut bad = good;
            bad[place] = value;
            assert!(PixelFormat::read(&bad).is_err(), "{bad:?}");
        }
    }
}
