//! The picture of a screen.

use jump_core::protocol::Picture;
use jump_core::screen::Damage;

use crate::wire::{Rectangle, Size};
use crate::{RfbError, RfbResult};

/// Red, green, blue and opacity, 0 to 255 each.
pub type Rgba = [u8; 4];

/// What nobody has painted.
pub const BLACK: Rgba = [0, 0, 0, 255];

const NO_MEMORY: RfbError = RfbError::Limit("there is no memory for the framebuffer");
const OUTSIDE: RfbError = RfbError::Protocol("a rectangle reaches beyond the screen");

/// A picture in RGBA8888, row by row without gaps, and which of its places changed. Every pixel is opaque.
///
/// It has at most [`MAX_SIDE`](crate::wire::limits::MAX_SIDE) pixels either way and
/// [`MAX_FRAMEBUFFER_BYTES`](crate::wire::limits::MAX_FRAMEBUFFER_BYTES). Reading borrows and copies nothing; who shares
/// it between threads puts it behind a lock of their own.
#[derive(Clone, Debug, Default)]
pub struct Framebuffer {
    size: Size,
    pixels: Vec<Rgba>,
    damage: Damage,
}

impl Framebuffer {
    /// A black picture.
    ///
    /// # Errors
    /// [`RfbError::Limit`] if it would be too large, or if there is no memory for it.
    pub fn new(size: Size) -> RfbResult<Self> {
        Ok(Self {
            size: size.as_framebuffer()?,
            pixels: black(size.pixels())?,
            damage: Damage::default(),
        })
    }

    /// Its width and height.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Every pixel, row by row from the top.
    #[must_use]
    pub fn pixels(&self) -> &[Rgba] {
        &self.pixels
    }

    /// The same as bytes: R, G, B, A, R, …
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.pixels.as_flattened()
    }

    /// The rows of a part of the picture, each as wide as that.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if it is not wholly on the screen.
    pub fn rows(&self, part: Rectangle) -> RfbResult<impl Iterator<Item = &[Rgba]>> {
        let start = self.start(part)?;
        let rows = self.pixels.get(start..).ok_or(OUTSIDE)?;
        Ok(rows
            .chunks(usize::from(self.size.width).max(1))
            .take(height_of(part))
            .filter_map(move |row| row.get(..usize::from(part.width))))
    }

    /// The rows of a part of the picture, each as wide as that, to be painted. The damage is the caller's to
    /// [`mark`](Self::mark).
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if it is not wholly on the screen.
    pub fn rows_mut(&mut self, part: Rectangle) -> RfbResult<impl Iterator<Item = &mut [Rgba]>> {
        let start = self.start(part)?;
        let rows = self.pixels.get_mut(start..).ok_or(OUTSIDE)?;
        Ok(rows
            .chunks_mut(usize::from(self.size.width).max(1))
            .take(height_of(part))
            .filter_map(move |row| row.get_mut(..usize::from(part.width))))
    }

    /// The place of the first pixel of a part that is on the screen.
    fn start(&self, part: Rectangle) -> RfbResult<usize> {
        if !part.is_within(self.size) {
            return Err(OUTSIDE);
        }
        // A part without pixels may stand behind the last one.
        let start = usize::from(part.y) * usize::from(self.size.width) + usize::from(part.x);
        Ok(start.min(self.pixels.len()))
    }

    /// Paints a part in one colour, and marks it.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if it is not wholly on the screen.
    pub fn fill(&mut self, part: Rectangle, colour: Rgba) -> RfbResult<()> {
        self.paint_one_colour(part, colour)?;
        self.mark(part);
        Ok(())
    }

    /// The same, and does not mark it. For parts of a few pixels, of which an update may have a million.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if it is not wholly on the screen.
    #[inline]
    pub(crate) fn paint_one_colour(&mut self, part: Rectangle, colour: Rgba) -> RfbResult<()> {
        if !part.is_within(self.size) {
            return Err(OUTSIDE);
        }
        fill(&mut self.pixels, self.size.width, part, colour);
        Ok(())
    }

    /// Paints a part with pixels that stand row by row without gaps, and does not mark it. Pixels that are missing
    /// leave what is there.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if it is not wholly on the screen.
    pub fn paint(&mut self, part: Rectangle, pixels: &[Rgba]) -> RfbResult<()> {
        let width = usize::from(part.width).max(1);
        for (row, new) in self.rows_mut(part)?.zip(pixels.chunks_exact(width)) {
            row.copy_from_slice(new);
        }
        Ok(())
    }

    /// Copies what is seen at `x`, `y` into a part of the same size (RFC 6143 §7.7.2), and marks that. They may overlap.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if either is not wholly on the screen.
    pub fn copy_within(&mut self, x: u16, y: u16, part: Rectangle) -> RfbResult<()> {
        let source = self.start(Rectangle { x, y, ..part })?;
        let target = self.start(part)?;
        let (width, stride) = (usize::from(part.width), usize::from(self.size.width));
        let mut copy = |row: usize| {
            let (from, to) = (source + row * stride, target + row * stride);
            self.pixels.copy_within(from..from + width, to);
        };
        // A row must be read before it is painted over.
        if width > 0 && y < part.y {
            (0..usize::from(part.height)).rev().for_each(&mut copy);
        } else if width > 0 {
            (0..usize::from(part.height)).for_each(&mut copy);
        }
        self.mark(part);
        Ok(())
    }

    /// Gives the picture another size. What has a place in both stays, what is new is black, and all of it is marked.
    ///
    /// # Errors
    /// [`RfbError::Limit`] if it would be too large, or if there is no memory for it; the picture is then as it was.
    pub fn resize(&mut self, size: Size) -> RfbResult<()> {
        if size == self.size {
            return Ok(());
        }
        let (old, new) = (self.size, size.as_framebuffer()?);
        // In place: two of the largest pictures at once would be half a gigabyte.
        let more = new.pixels().saturating_sub(self.pixels.len());
        if self.pixels.try_reserve_exact(more).is_err() {
            return Err(NO_MEMORY);
        }
        self.pixels.resize(new.pixels().max(old.pixels()), BLACK);
        let rows = usize::from(old.height.min(new.height));
        let (before, after) = (usize::from(old.width), usize::from(new.width));
        let both = before.min(after);
        let mut place = |row: usize| {
            let from = row * before;
            self.pixels.copy_within(from..from + both, row * after);
            let rest = self.pixels.get_mut(row * after + both..(row + 1) * after);
            rest.unwrap_or_default().fill(BLACK);
        };
        // A row must be read before another one takes its place.
        if after > before {
            (0..rows).rev().for_each(&mut place);
        } else if after < before {
            (0..rows).for_each(&mut place);
        }
        self.pixels.truncate(new.pixels());
        self.pixels
            .get_mut(rows * after..)
            .unwrap_or_default()
            .fill(BLACK);
        self.pixels.shrink_to_fit();
        self.size = new;
        self.damage = Damage::default();
        self.mark(Rectangle::whole(new));
        Ok(())
    }

    /// Says that a part changed. What lies beyond the screen is left out.
    pub fn mark(&mut self, part: Rectangle) {
        self.damage.add(part);
        if !part.is_within(self.size) {
            self.damage.clip(self.size);
        }
    }

    /// What changed since the damage was last taken.
    #[must_use]
    pub const fn damage(&self) -> &Damage {
        &self.damage
    }

    /// Takes what changed, so that from here on only what is new is told.
    pub fn take_damage(&mut self) -> Damage {
        std::mem::take(&mut self.damage)
    }
}

impl From<Framebuffer> for Picture {
    /// The pixels as they are: nothing is copied.
    fn from(screen: Framebuffer) -> Self {
        Self {
            width: screen.size.width.into(),
            height: screen.size.height.into(),
            rgba: screen.pixels.into_flattened(),
        }
    }
}

/// Paints a part of a picture of this width in one colour. Pixels that the picture does not have are left out.
#[inline]
pub(crate) fn fill(pixels: &mut [Rgba], width: u16, part: Rectangle, colour: Rgba) {
    let mut start = usize::from(part.y) * usize::from(width) + usize::from(part.x);
    // Half of what text is made of: without a loop over one pixel each row takes less than half the time.
    if part.width == 1 {
        let column = pixels.get_mut(start..).unwrap_or_default().iter_mut();
        for pixel in column.step_by(width.max(1).into()).take(part.height.into()) {
            *pixel = colour;
        }
        return;
    }
    for _ in 0..height_of(part) {
        let row = pixels.get_mut(start..start + usize::from(part.width));
        for pixel in row.unwrap_or_default() {
            *pixel = colour;
        }
        start += usize::from(width);
    }
}

/// A part without width has no rows, though its height may be any.
fn height_of(part: Rectangle) -> usize {
    if part.width == 0 {
        0
    } else {
        usize::from(part.height)
    }
}

fn black(count: usize) -> RfbResult<Vec<Rgba>> {
    let mut pixels = Vec::new();
    if pixels.try_reserve_exact(count).is_err() {
        return Err(NO_MEMORY);
    }
    pixels.resize(count, BLACK);
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use jump_core::protocol::Area;

    use super::*;

    fn at(x: u16, y: u16, width: u16, height: u16) -> Rectangle {
        Rectangle { x, y, width, height }
    }

    fn numbered(width: u16, height: u16) -> Framebuffer {
        let mut screen = Framebuffer::new(Size { width, height }).unwrap();
        for (number, pixel) in (0u16..).zip(&mut screen.pixels) {
            let [high, low] = number.to_be_bytes();
            *pixel = [high, low, 0, 255];
        }
        screen
    }

    #[test]
    fn every_overlapping_copy_moves_what_was_there_before() {
        let before = numbered(9, 7);
        for (x, y) in (0..5).flat_map(|x| (0..4).map(move |y| (x, y))) {
            for to in (0..5).flat_map(|x| (0..4).map(move |y| at(x, y, 4, 3))) {
                let mut screen = before.clone();
                screen.copy_within(x, y, to).unwrap();
                let from: Vec<_> = before.rows(at(x, y, 4, 3)).unwrap().collect();
                let copied: Vec<_> = screen.rows(to).unwrap().collect();
                assert_eq!(from, copied);
                assert_eq!(screen.take_damage().areas(), [Area::from(to)]);
            }
        }
    }

    #[test]
    fn a_part_of_any_size_is_filled_and_nothing_else() {
        let size = Size { width: 9, height: 7 };
        for (x, y) in (0..9).flat_map(|x| (0..7).map(move |y| (x, y))) {
            for part in (0..=9 - x).flat_map(|width| (0..=7 - y).map(move |height| at(x, y, width, height))) {
                let mut screen = Framebuffer::new(size).unwrap();
                screen.fill(part, [1, 2, 3, 255]).unwrap();
                for (place, pixel) in (0..).zip(screen.pixels()) {
                    let inside = at(place % 9, place / 9, 1, 1).overlaps(part);
                    assert_eq!(*pixel != BLACK, inside, "{part:?}, {place}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_painted_beyond_the_screen() {
        let mut screen = numbered(9, 7);
        for part in [
            at(9, 0, 1, 1),
            at(0, 7, 1, 1),
            at(8, 6, 2, 1),
            at(65535, 65535, 65535, 65535),
        ] {
            assert!(screen.fill(part, BLACK).is_err());
            assert!(screen.paint(part, &[BLACK]).is_err());
            assert!(screen.copy_within(0, 0, part).is_err());
            assert!(
                screen
                    .copy_within(part.x, part.y, at(0, 0, part.width, part.height))
                    .is_err()
            );
            assert!(screen.rows(part).is_err());
        }
        assert_eq!(screen.pixels(), numbered(9, 7).pixels());
        for nothing in [at(9, 7, 0, 0), at(9, 0, 0, 7), at(0, 7, 9, 0)] {
            screen.fill(nothing, BLACK).unwrap();
            screen.copy_within(0, 0, nothing).unwrap();
            assert_eq!(screen.rows(nothing).unwrap().count(), 0);
        }
        assert!(screen.take_damage().areas().is_empty());
    }

    #[test]
    fn another_size_keeps_what_has_a_place_in_both() {
        let old = numbered(5, 4);
        let sizes = [0, 1, 4, 5, 6, 9]
            .into_iter()
            .flat_map(|w| [0, 1, 3, 4, 5, 8].map(|h| (w, h)));
        for (width, height) in sizes {
            let mut screen = old.clone();
            screen.resize(Size { width, height }).unwrap();
            assert_eq!(screen.pixels().len(), usize::from(width) * usize::from(height));
            for (x, y) in (0..width).flat_map(|x| (0..height).map(move |y| (x, y))) {
                let pixel = |screen: &Framebuffer| {
                    let pixel = at(x, y, 1, 1);
                    screen.rows(pixel).unwrap().next().unwrap()[0]
                };
                let expected = if x < 5 && y < 4 { pixel(&old) } else { BLACK };
                assert_eq!(pixel(&screen), expected, "{x}, {y} of {width}x{height}");
            }
            if (width, height) != (5, 4) && width > 0 && height > 0 {
                let whole = Area::from(at(0, 0, width, height));
                assert_eq!(screen.take_damage().areas(), [whole]);
            }
        }
    }

    #[test]
    fn the_largest_picture_is_allowed_and_one_more_row_is_not() {
        let largest = Size {
            width: 16384,
            height: 4096,
        };
        assert!(largest.as_framebuffer().is_ok());
        let mut screen = numbered(2, 2);
        for (width, height) in [(16384, 4097), (16385, 1), (1, 16385), (65535, 65535)] {
            let size = Size { width, height };
            assert!(matches!(Framebuffer::new(size), Err(RfbError::Limit(_))));
            assert!(screen.resize(size).is_err());
        }
        assert_eq!(screen.pixels(), numbered(2, 2).pixels());
    }
}
