//! A background and rectangles of one colour: RRE (RFC 6143 §7.7.3) and CoRRE (rfbproto "CoRRE Encoding").

use super::{Context, Progress, layout};
use crate::decode::pixels::PixelReader;
use crate::framebuffer::Rgba;
use crate::wire::{Input, Rectangle};
use crate::{RfbError, RfbResult};

/// How often the parts of a rectangle may paint it over: those of an encoder do not overlap.
const TIMES: usize = 4;
/// A rectangle of at most so many pixels is painted apart, if all of it is there: its pixels lie close together in the
/// processor's cache, which rows of a large screen do not.
const TILE: usize = 64 * 64;
/// One of fewer is not worth a tile.
const SMALL: usize = 16 * 16;

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
        let (rectangle, pixel) = (self.rectangle, context.pixels.bytes());
        let length = pixel + if self.small { 4 } else { 8 };
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => {
                let Some(mut header) = input.take(4 + pixel).map(Input::new) else {
                    return Ok(Progress::Needs(4 + pixel));
                };
                let count = header.u32().unwrap_or_default();
                let left = layout::subrectangles(count, rectangle)?;
                let background = context.pixels.one(header.rest());
                let pixels = rectangle.pixels() * TIMES;
                let parts = self.parts.insert(Parts { left, pixels });
                if (SMALL..=TILE).contains(&rectangle.pixels()) && input.rest().len() >= left * length {
                    let mut tile = [background; TILE];
                    let progress =
                        parts.paint(self.small, rectangle, context.pixels, input, |part, colour| {
                            fill(&mut tile, rectangle.width, part, colour);
                            Ok(())
                        })?;
                    context.screen.paint(rectangle, &tile)?;
                    return Ok(progress);
                }
                context.screen.paint_one_colour(rectangle, background)?;
                parts
            }
        };
        let screen = &mut context.screen;
        parts.paint(self.small, rectangle, context.pixels, input, |part, colour| {
            // The sum is on the screen, as the rectangle is.
            let (x, y) = (rectangle.x + part.x, rectangle.y + part.y);
            screen.paint_one_colour(Rectangle { x, y, ..part }, colour)
        })
    }
}

impl Parts {
    /// Gives every part that is there to `fill`, its place counted from the rectangle's corner.
    fn paint(
        &mut self,
        small: bool,
        within: Rectangle,
        reader: &PixelReader,
        input: &mut Input<'_>,
        mut fill: impl FnMut(Rectangle, Rgba) -> RfbResult<()>,
    ) -> RfbResult<Progress> {
        let length = reader.bytes() + if small { 4 } else { 8 };
        while self.left > 0 {
            let Some(part) = input.take(length) else {
                return Ok(Progress::Needs(length));
            };
            let (colour, place) = part.split_at_checked(reader.bytes()).unwrap_or_default();
            let part = place_of(place, small, within)?;
            self.pixels = self
                .pixels
                .checked_sub(part.pixels())
                .ok_or(RfbError::Limit("a rectangle's parts paint it too often"))?;
            fill(part, reader.one(colour))?;
            self.left -= 1;
        }
        Ok(Progress::Finished)
    }
}

/// Paints a part of a tile.
#[inline]
fn fill(tile: &mut [Rgba; TILE], width: u16, part: Rectangle, colour: Rgba) {
    let (start, end) = (usize::from(part.x), usize::from(part.x) + usize::from(part.width));
    let rows = tile.chunks_exact_mut(usize::from(width).max(1));
    for row in rows.skip(part.y.into()).take(part.height.into()) {
        for pixel in row.get_mut(start..end).unwrap_or_default() {
            *pixel = colour;
        }
    }
}

/// Where a part is within its rectangle.
fn place_of(place: &[u8], small: bool, within: Rectangle) -> RfbResult<Rectangle> {
    let mut place = Input::new(place);
    let part = if small {
        let [x, y, width, height] = place.array().unwrap_or_default().map(u16::from);
        Rectangle { x, y, width, height }
    } else {
        place.rectangle().unwrap_or_default()
    };
    if !part.is_within(within.size()) {
        return Err(RfbError::Protocol("a part reaches beyond its rectangle"));
    }
    Ok(part)
}
