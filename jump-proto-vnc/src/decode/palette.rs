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
        let [zero, one, ..] = self.colours.map(u32::from_ne_bytes);
        for (byte, pixels) in bytes.iter().zip(row.chunks_mut(8)) {
            for (bit, pixel) in (0..8).rev().zip(pixels) {
                // All ones or all zeros: no branch on a bit that nobody can predict.
                let mask = 0u32.wrapping_sub(u32::from(byte >> bit & 1));
                *pixel = (zero ^ ((zero ^ one) & mask)).to_ne_bytes();
            }
        }
        1
    }

    fn unpack<const BITS: usize, const IN_BYTE: usize>(&self, bytes: &[u8], row: &mut [Rgba]) -> u8 {
        let mask = u8::MAX >> (8 - BITS);
        let mut greatest = 0;
        for (byte, pixels) in bytes.iter().zip(row.chunks_mut(IN_BYTE)) {
            for (number, pixel) in (0..IN_BYTE).rev().zip(pixels) {
                let place = byte >> (number * BITS) & mask;
                greatest = greatest.max(place);
                *pixel = self.colours.get(usize::from(place)).copied().unwrap_or(BLACK);
            }
        }
        greatest
    }

    fn bytes(&self, bytes: &[u8], row: &mut [Rgba]) -> u8 {
        let mut greatest = 0;
        for (place, pixel) in bytes.iter().zip(row) {
            greatest = greatest.max(*place);
            *pixel = self.colours.get(usize::from(*place)).copied().unwrap_or(BLACK);
        }
        greatest
    }
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
