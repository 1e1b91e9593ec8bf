//! Pixels that are places in a palette, one after the other or several in a byte.

use crate::framebuffer::{BLACK, Rgba};
use crate::{RfbError, RfbResult};

/// Up to 256 colours.
#[derive(Clone, Debug)]
pub(crate) struct Palette {
    colours: [Rgba; 256],
    count: usize,
}

impl Default for Palette {
    fn default() -> Self {
        Self {
            colours: [BLACK; 256],
            count: 0,
        }
    }
}

impl Palette {
    /// Replaces the colours. Those after the 256th are left out.
    pub(crate) fn set(&mut self, colours: impl Iterator<Item = Rgba>) {
        self.count = 0;
        for (place, colour) in self.colours.iter_mut().zip(colours) {
            *place = colour;
            self.count += 1;
        }
    }

    /// How many colours: 0 to 256.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// The colour at a place.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if there is none.
    #[inline]
    pub(crate) fn get(&self, place: u8) -> RfbResult<Rgba> {
        let place = usize::from(place);
        match self.colours.get(place) {
            Some(colour) if place < self.count => Ok(*colour),
            _ => Err(OUTSIDE),
        }
    }

    /// Paints a row whose pixels have `bits` bits each, 1, 2, 4 or 8, the first in the highest ones.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if a pixel has no colour.
    pub(crate) fn paint(&self, bits: usize, bytes: &[u8], row: &mut [Rgba]) -> RfbResult<()> {
        let greatest = match bits {
            1 if self.count >= 2 => self.two(bytes, row),
            1 => self.unpack::<1, 8>(bytes, row),
            2 => self.unpack::<2, 4>(bytes, row),
            4 => self.unpack::<4, 2>(bytes, row),
            _ => self.bytes(bytes, row),
        };
        if usize::from(greatest) < self.count || row.is_empty() {
            return Ok(());
        }
        Err(OUTSIDE)
    }

    fn two(&self, bytes: &[u8], row: &mut [Rgba]) -> u8 {
        let [zero, one, ..] = self.colours;
        let (zero, one) = (u32::from_ne_bytes(zero), u32::from_ne_bytes(one));
        // Arrays, and no branch on a bit that nobody can predict: eight pixels are made at once.
        let eight = |byte: u8| -> [Rgba; 8] {
            std::array::from_fn(|number| {
                let is_one = u32::from(byte) & (0x80 >> number) != 0;
                (if is_one { one } else { zero }).to_ne_bytes()
            })
        };
        let (whole, rest) = row.as_chunks_mut::<8>();
        let (full, last) = split(bytes, whole.len());
        for (byte, pixels) in full.iter().zip(whole) {
            *pixels = eight(*byte);
        }
        for (pixel, new) in rest.iter_mut().zip(eight(last)) {
            *pixel = new;
        }
        1
    }

    fn unpack<const BITS: usize, const IN_BYTE: usize>(&self, bytes: &[u8], row: &mut [Rgba]) -> u8 {
        let mask = u8::MAX >> (8 - BITS);
        let places = |byte: u8| -> [u8; IN_BYTE] {
            std::array::from_fn(|number| byte >> ((IN_BYTE - 1 - number) * BITS) & mask)
        };
        let (whole, rest) = row.as_chunks_mut::<IN_BYTE>();
        let (full, last) = split(bytes, whole.len());
        for (byte, pixels) in full.iter().zip(whole) {
            *pixels = places(*byte).map(|place| self.colour(place));
        }
        // By itself, so that many bytes are looked at at once. What fills up the last one is no place.
        let mut greatest = 0;
        for byte in full {
            greatest = places(*byte).into_iter().fold(greatest, u8::max);
        }
        for (pixel, place) in rest.iter_mut().zip(places(last)) {
            *pixel = self.colour(place);
            greatest = greatest.max(place);
        }
        greatest
    }

    fn bytes(&self, bytes: &[u8], row: &mut [Rgba]) -> u8 {
        let bytes = bytes.get(..row.len()).unwrap_or(bytes);
        for (place, pixel) in bytes.iter().zip(row) {
            *pixel = self.colour(*place);
        }
        bytes.iter().copied().fold(0, u8::max)
    }

    /// The colour at a place; black if there is none.
    #[inline]
    fn colour(&self, place: u8) -> Rgba {
        self.colours.get(usize::from(place)).copied().unwrap_or(BLACK)
    }
}

/// The bytes of which every pixel is wanted, and the one after them.
fn split(bytes: &[u8], full: usize) -> (&[u8], u8) {
    let (full, rest) = bytes.split_at_checked(full).unwrap_or((bytes, &[]));
    (full, rest.first().copied().unwrap_or_default())
}

const OUTSIDE: RfbError = RfbError::Protocol("a pixel is not in the palette");

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: u8) -> Palette {
        let mut palette = Palette::default();
        palette.set((0..count).map(|n| [n, 0, 0, 255]));
        palette
    }

    #[test]
    fn pixels_stand_in_a_byte_from_its_highest_bit_on() {
        for (count, bits, bytes, expected) in [
            (
                2,
                1,
                vec![0b0110_0001, 0b1000_0000],
                vec![0, 1, 1, 0, 0, 0, 0, 1, 1],
            ),
            (3, 2, vec![0b0010_0100, 0b1000_0000], vec![0, 2, 1, 0, 2]),
            (11, 4, vec![0x0a, 0x50], vec![0, 10, 5]),
            (256u16 as u8, 8, vec![], vec![]),
            (200, 8, vec![0, 199, 3], vec![0, 199, 3]),
        ] {
            let mut row = vec![BLACK; expected.len()];
            of(count).paint(bits, &bytes, &mut row).unwrap();
            assert_eq!(row, expected.iter().map(|n| [*n, 0, 0, 255]).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_place_without_a_colour_is_an_error() {
        for (count, bits, bytes) in [(1, 1, [0x80]), (3, 2, [0xc0]), (5, 4, [0x50]), (9, 8, [9])] {
            assert!(of(count).paint(bits, &bytes, &mut [BLACK]).is_err());
            assert!(of(count).paint(bits, &[0], &mut [BLACK]).is_ok());
        }
        assert!(of(0).get(0).is_err() && of(1).get(0).is_ok() && of(255).get(255).is_err());
    }
}
