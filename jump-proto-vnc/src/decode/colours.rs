//! The colour map of a server whose pixels are places in one (RFC 6143 §7.6.2).

use crate::framebuffer::{BLACK, Rgba};
use crate::{RfbError, RfbResult};

/// 65536 colours at most; those that nobody set are black.
#[derive(Clone, Debug, Default)]
pub(crate) struct ColourMap {
    colours: Vec<Rgba>,
}

impl ColourMap {
    /// Sets colours from a place on. Each channel is 0 to 65535.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if they reach beyond the last place, 65535.
    pub(crate) fn set(&mut self, first: u16, colours: &[[u16; 3]]) -> RfbResult<()> {
        let end = usize::from(first) + colours.len();
        if end > 1 << 16 {
            return Err(RfbError::Protocol("a colour map has 65536 places"));
        }
        if self.colours.len() < end {
            self.colours.resize(end, BLACK);
        }
        let places = self.colours.iter_mut().skip(usize::from(first));
        for (place, [red, green, blue]) in places.zip(colours) {
            *place = [scale(*red), scale(*green), scale(*blue), 255];
        }
        Ok(())
    }

    /// The colour of a pixel.
    pub(crate) fn get(&self, place: u32) -> Rgba {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        self.colours.get(place).copied().unwrap_or(BLACK)
    }
}

/// X servers make 16 bits of 8 by repeating them.
fn scale(value: u16) -> u8 {
    let [high, _] = value.to_be_bytes();
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_their_places_and_no_others() {
        let mut map = ColourMap::default();
        map.set(65535, &[[0xffff, 0x8080, 0]]).unwrap();
        assert_eq!(map.get(65535), [255, 128, 0, 255]);
        assert_eq!(
            (map.get(3), map.get(65536), map.get(u32::MAX)),
            (BLACK, BLACK, BLACK)
        );
        assert!(map.set(65535, &[[0; 3]; 2]).is_err());
        assert_eq!(map.get(65535), [255, 128, 0, 255]);
    }
}
