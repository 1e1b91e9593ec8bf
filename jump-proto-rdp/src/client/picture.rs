//! The picture that callers share.

use ironrdp_pdu::geometry::InclusiveRectangle;
use jump_core::protocol::{Area, BYTES_PER_PIXEL};
use jump_core::screen::{self, Painted};
use jump_core::{Error, ErrorKind, Result};

use super::size::Size;

const BLACK: [u8; BYTES_PER_PIXEL] = [0, 0, 0, 255];
/// Alpha of a pixel read as little-endian.
const OPAQUE: u32 = 0xff00_0000;

/// RGBA8888, row by row without gaps, every pixel opaque: what a codec leaves in the alpha channel is seen by nobody.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) size: Size,
    pixels: Vec<u8>,
}

impl Picture {
    /// A black picture.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if there is no memory for it.
    pub(super) fn new(size: Size) -> Result<Self> {
        let mut picture = Self {
            size: Size::default(),
            pixels: Vec::new(),
        };
        picture.resize(size)?;
        Ok(picture)
    }

    /// Gives it another size; all of it is black then.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if there is no memory for it.
    pub(super) fn resize(&mut self, size: Size) -> Result<()> {
        let bytes = size.pixels() as usize * BYTES_PER_PIXEL;
        // Both at once would be twice as much.
        self.pixels = Vec::new();
        self.size = Size::default();
        if self.pixels.try_reserve_exact(bytes).is_err() {
            let message = "there is no memory for the screen";
            return Err(Error::new(
                ErrorKind::ResourceLimit,
                super::receive::OPERATION,
                message,
            ));
        }
        let row = BLACK.repeat(size.width.into());
        for _ in 0..size.height {
            self.pixels.extend_from_slice(&row);
        }
        self.size = size;
        Ok(())
    }

    /// Paints a part that is on the screen, by rows from its highest, which may be longer than it.
    pub(super) fn paint_rows<'a, const BYTES: usize>(
        &mut self,
        part: Area,
        new: impl Iterator<Item = &'a [u8]>,
        rgba: impl Fn([u8; BYTES]) -> [u8; BYTES_PER_PIXEL],
    ) {
        let stride = usize::from(self.size.width) * BYTES_PER_PIXEL;
        let start = part.x as usize * BYTES_PER_PIXEL;
        let end = start + part.width as usize * BYTES_PER_PIXEL;
        let rows = self.pixels.chunks_exact_mut(stride.max(1)).skip(part.y as usize);
        for (row, new) in rows.zip(new).take(part.height as usize) {
            let Some(row) = row.get_mut(start..end) else {
                return;
            };
            let (pixels, _) = row.as_chunks_mut::<BYTES_PER_PIXEL>();
            for (pixel, new) in pixels.iter_mut().zip(new.as_chunks::<BYTES>().0) {
                *pixel = rgba(*new);
            }
        }
    }

    /// Copies a part of a picture of the same size.
    pub(super) fn paint(&mut self, from: &[u8], part: Area) {
        let stride = usize::from(self.size.width) * BYTES_PER_PIXEL;
        let start = part.x as usize * BYTES_PER_PIXEL;
        let end = start + part.width as usize * BYTES_PER_PIXEL;
        let rows = self.pixels.chunks_exact_mut(stride.max(1));
        let source = from.chunks_exact(stride.max(1));
        for (row, new) in rows.zip(source).skip(part.y as usize).take(part.height as usize) {
            let (Some(row), Some(new)) = (row.get_mut(start..end), new.get(start..end)) else {
                return;
            };
            let (pixels, _) = row.as_chunks_mut::<BYTES_PER_PIXEL>();
            // By whole pixels, which the compiler makes several at once of; by channels it does not.
            for (pixel, new) in pixels.iter_mut().zip(new.as_chunks::<BYTES_PER_PIXEL>().0) {
                *pixel = (u32::from_le_bytes(*new) | OPAQUE).to_le_bytes();
            }
        }
    }
}

impl Painted for Picture {
    fn size(&self) -> screen::Size {
        self.size.into()
    }

    fn bytes(&self) -> &[u8] {
        &self.pixels
    }
}

/// What of a rectangle, whose right and bottom belong to it, is on the screen.
pub(super) fn area(rectangle: &InclusiveRectangle, size: Size) -> Area {
    let side = |start: u16, end: u16, length: u16| {
        let end = end.saturating_add(1).min(length);
        u32::from(end.saturating_sub(start))
    };
    Area {
        x: rectangle.left.into(),
        y: rectangle.top.into(),
        width: side(rectangle.left, rectangle.right, size.width),
        height: side(rectangle.top, rectangle.bottom, size.height),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a step that fails is a test that fails"
    )]

    use super::*;

    #[test]
    fn a_painted_part_is_opaque_and_nothing_else_changes() {
        let size = Size { width: 5, height: 4 };
        let mut picture = Picture::new(size).unwrap();
        assert!(picture.bytes().as_chunks().0.iter().all(|pixel| *pixel == BLACK));
        let from: Vec<u8> = (0..5 * 4 * 4).collect();
        let part = area(
            &InclusiveRectangle {
                left: 1,
                top: 2,
                right: 9,
                bottom: 2,
            },
            size,
        );
        assert_eq!(
            part,
            Area {
                x: 1,
                y: 2,
                width: 4,
                height: 1
            }
        );
        picture.paint(&from, part);
        for (at, pixel) in picture.bytes().as_chunks::<4>().0.iter().enumerate() {
            let (x, y, first) = (at % 5, at / 5, at as u8 * 4);
            let painted = y == 2 && x >= 1;
            let wanted = if painted {
                [first, first + 1, first + 2, 255]
            } else {
                BLACK
            };
            assert_eq!(*pixel, wanted, "{x}, {y}");
        }
    }

    #[test]
    fn what_lies_beyond_the_screen_has_no_area() {
        let size = Size { width: 5, height: 4 };
        let beyond = InclusiveRectangle {
            left: 5,
            top: 9,
            right: u16::MAX,
            bottom: u16::MAX,
        };
        let part = area(&beyond, size);
        assert_eq!((part.width, part.height), (0, 0));
        Picture::new(size).unwrap().paint(&[0; 80], part);
    }
}
