//! A background and rectangles of one colour: RRE (RFC 6143 §7.7.3) and CoRRE (rfbproto "CoRRE Encoding").

use super::{Context, Progress, layout};
use crate::decode::pixels::PixelReader;
use crate::framebuffer::Rgba;
use crate::wire::{Input, Rectangle, Size};
use crate::{RfbError, RfbResult};

/// How often the parts of a rectangle may paint it over: those of an encoder do not overlap.
const TIMES: usize = 4;

#[derive(Debug)]
pub(crate) struct Rre {
    rectangle: Rectangle,
    small: bool,
    parts: Option<Parts>,
}

#[derive(Debug)]
struct Parts {
    left: usize,
    pixels: usize,
}

impl Rre {
    /// `small` is CoRRE, whose parts have places of one byte.
    pub(crate) const fn new(rectangle: Rectangle, small: bool) -> Self {
        Self {
            rectangle,
            small,
            parts: None,
        }
    }

    pub(crate) fn step(&mut self, context: &mut Context<'_>, input: &mut Input<'_>) -> RfbResult<Progress> {
        match (context.pixels.bytes(), self.small) {
            (1, true) => self.read::<1, 4>(context, input),
            (2, true) => self.read::<2, 4>(context, input),
            (_, true) => self.read::<4, 4>(context, input),
            (1, false) => self.read::<1, 8>(context, input),
            (2, false) => self.read::<2, 8>(context, input),
            (_, false) => self.read::<4, 8>(context, input),
        }
    }

    /// With pixels and places of so many bytes: a part is read in a few steps where both are known.
    fn read<const PIXEL: usize, const PLACE: usize>(
        &mut self,
        context: &mut Context<'_>,
        input: &mut Input<'_>,
    ) -> RfbResult<Progress> {
        let Self { rectangle, parts, .. } = self;
        let (rectangle, size) = (*rectangle, rectangle.size());
        let parts = match parts {
            Some(parts) => parts,
            None => {
                let Some(mut header) = input.take(4 + PIXEL).map(Input::new) else {
                    return Ok(Progress::Needs(4 + PIXEL));
                };
                let count = header.u32().unwrap_or_default();
                let left = layout::subrectangles(count, rectangle)?;
                let background = context.pixels.one(header.rest());
                let pixels = rectangle.pixels() * TIMES;
                let parts = parts.insert(Parts { left, pixels });
                context.screen.paint_one_colour(rectangle, background)?;
                parts
            }
        };
        let screen = &mut context.screen;
        parts.paint::<PIXEL, PLACE>(size, context.pixels, input, |part, colour| {
            // The sum is on the screen, as the rectangle is.
            let (x, y) = (rectangle.x + part.x, rectangle.y + part.y);
            screen.paint_one_colour(Rectangle { x, y, ..part }, colour)
        })
    }
}

impl Parts {
    /// Gives every part that is there to `fill`, its place counted from the corner of the rectangle, which has this size.
    #[inline]
    fn paint<const PIXEL: usize, const PLACE: usize>(
        &mut self,
        within: Size,
        reader: &PixelReader,
        input: &mut Input<'_>,
        mut fill: impl FnMut(Rectangle, Rgba) -> RfbResult<()>,
    ) -> RfbResult<Progress> {
        while self.left > 0 {
            let mut ahead = *input;
            let (Some(colour), Some(place)) = (ahead.array::<PIXEL>(), ahead.array::<PLACE>()) else {
                return Ok(Progress::Needs(PIXEL + PLACE));
            };
            *input = ahead;
            let part = place_of(&place);
            if !part.is_within(within) {
                return Err(RfbError::Protocol("a part reaches beyond its rectangle"));
            }
            self.pixels = self
                .pixels
                .checked_sub(part.pixels())
                .ok_or(RfbError::Limit("a rectangle's parts paint it too often"))?;
            fill(part, reader.one(&colour))?;
            self.left -= 1;
        }
        Ok(Progress::Finished)
    }
}

/// Where a part is within its rectangle: four numbers of one byte or of two.
#[inline]
fn place_of(place: &[u8]) -> Rectangle {
    if let &[x, y, width, height] = place {
        let [x, y, width, height] = [x, y, width, height].map(u16::from);
        return Rectangle { x, y, width, height };
    }
    Input::new(place).rectangle().unwrap_or_default()
}
