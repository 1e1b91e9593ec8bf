//! A background and rectangles of one colour: RRE (RFC 6143 §7.7.3) and CoRRE (rfbproto "CoRRE Encoding").

use super::{Context, Progress, layout};
use crate::wire::{Input, Rectangle};
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
        let pixel = context.pixels.bytes();
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => {
                let Some(mut header) = input.take(4 + pixel).map(Input::new) else {
                    return Ok(Progress::Needs(4 + pixel));
                };
                let count = header.u32().unwrap_or_default();
                let left = layout::subrectangles(count, self.rectangle)?;
                let background = context.pixels.one(header.rest());
                context.screen.fill(self.rectangle, background)?;
                let pixels = self.rectangle.pixels() * TIMES;
                self.parts.insert(Parts { left, pixels })
            }
        };
        let length = pixel + if self.small { 4 } else { 8 };
        while parts.left > 0 {
            let Some(part) = input.take(length) else {
                return Ok(Progress::Needs(length));
            };
            let (colour, place) = part.split_at_checked(pixel).unwrap_or_default();
            let part = place_of(place, self.small, self.rectangle)?;
            parts.pixels = parts
                .pixels
                .checked_sub(part.pixels())
                .ok_or(RfbError::Limit("a rectangle's parts paint it too often"))?;
            let colour = context.pixels.one(colour);
            context.screen.rows_mut(part)?.for_each(|row| row.fill(colour));
            parts.left -= 1;
        }
        Ok(Progress::Finished)
    }
}

/// Where on the screen a part is.
fn place_of(place: &[u8], small: bool, within: Rectangle) -> RfbResult<Rectangle> {
    let mut place = Input::new(place);
    let mut number = || {
        if small {
            place.u8().map(u16::from)
        } else {
            place.u16()
        }
        .unwrap_or_default()
    };
    let part = Rectangle {
        x: number(),
        y: number(),
        width: number(),
        height: number(),
    };
    if !part.is_within(within.size()) {
        return Err(RfbError::Protocol("a part reaches beyond its rectangle"));
    }
    // The sum is on the screen, as the rectangle is.
    Ok(Rectangle {
        x: within.x + part.x,
        y: within.y + part.y,
        ..part
    })
}
