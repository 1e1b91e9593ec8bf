//! Hextile: tiles of 16×16 with a background and rectangles of one colour (RFC 6143 §7.7.4).

use super::tiles::Tiles;
use super::{Context, Progress};
use crate::decode::pixels::PixelReader;
use crate::framebuffer::{BLACK, Rgba};
use crate::wire::{Input, Rectangle};
use crate::{RfbError, RfbResult};

/// The side of a tile in pixels.
pub(crate) const SIDE: u16 = 16;

/// The tile's pixels follow as they are.
const RAW: u8 = 1;
/// The background's pixel follows; else it is the tile's before.
const BACKGROUND: u8 = 2;
/// The pixel of the parts follows; else it is the tile's before.
const FOREGROUND: u8 = 4;
/// The number of parts follows; else there are none.
const PARTS: u8 = 8;
/// Each part has a pixel of its own.
const COLOURED: u8 = 16;

/// What the first byte of a tile says.
///
/// # Errors
/// [`RfbError::Protocol`] if a bit without meaning is set.
const fn check(flags: u8) -> RfbResult<()> {
    if flags > RAW | BACKGROUND | FOREGROUND | PARTS | COLOURED {
        return Err(RfbError::Protocol("a tile of an unknown kind"));
    }
    Ok(())
}

/// Reads what says the length of a tile, if that is there: how many bytes of it follow. `pixel` is the length of a pixel.
///
/// # Errors
/// [`RfbError::Protocol`] for a tile of an unknown kind.
pub(crate) fn measure(input: &mut Input<'_>, tile: Rectangle, pixel: usize) -> RfbResult<Option<usize>> {
    let Some(flags) = input.u8() else { return Ok(None) };
    check(flags)?;
    if flags & RAW != 0 {
        return Ok(Some(tile.pixels() * pixel));
    }
    let pixel_if = |flag: u8| if flags & flag != 0 { pixel } else { 0 };
    let colours = pixel_if(BACKGROUND) + pixel_if(FOREGROUND);
    if flags & PARTS == 0 {
        return Ok(Some(colours));
    }
    let (Some(_), Some(count)) = (input.take(colours), input.u8()) else {
        return Ok(None);
    };
    Ok(Some(usize::from(count) * (pixel_if(COLOURED) + 2)))
}

#[derive(Debug)]
pub(crate) struct Hextile {
    tiles: Tiles,
    colours: Colours,
}

#[derive(Clone, Copy, Debug, Default)]
struct Colours {
    background: Option<Rgba>,
    foreground: Option<Rgba>,
}

type Pixels = [Rgba; SIDE as usize * SIDE as usize];

impl Hextile {
    pub(crate) const fn new(rectangle: Rectangle) -> Self {
        Self {
            tiles: Tiles::new(rectangle, SIDE),
            colours: Colours {
                background: None,
                foreground: None,
            },
        }
    }

    pub(crate) fn step(&mut self, context: &mut Context<'_>, input: &mut Input<'_>) -> RfbResult<Progress> {
        let mut pixels: Pixels = [BLACK; 256];
        while let Some(tile) = self.tiles.current() {
            let mut attempt = *input;
            let colours = self.colours;
            match decode(&mut attempt, context.pixels, tile, colours, &mut pixels)? {
                None => return Ok(Progress::Needs(input.rest().len() + 1)),
                Some((colours, Some(solid))) => {
                    self.colours = colours;
                    context.screen.paint_one_colour(tile, solid)?;
                }
                Some((colours, None)) => {
                    self.colours = colours;
                    context.screen.paint(tile, &pixels)?;
                }
            }
            *input = attempt;
            self.tiles.advance();
        }
        Ok(Progress::Finished)
    }
}

/// One tile, if all of it is there: what the next one starts with, and the colour if there is but one.
fn decode(
    input: &mut Input<'_>,
    reader: &PixelReader,
    tile: Rectangle,
    mut colours: Colours,
    pixels: &mut Pixels,
) -> RfbResult<Option<(Colours, Option<Rgba>)>> {
    let Some(flags) = input.u8() else { return Ok(None) };
    check(flags)?;
    if flags & RAW != 0 {
        let Some(raw) = input.take(tile.pixels() * reader.bytes()) else {
            return Ok(None);
        };
        reader.span(raw, pixels);
        return Ok(Some((colours, None)));
    }
    for (flag, colour) in [
        (BACKGROUND, &mut colours.background),
        (FOREGROUND, &mut colours.foreground),
    ] {
        if flags & flag != 0 {
            let Some(pixel) = input.take(reader.bytes()) else {
                return Ok(None);
            };
            *colour = Some(reader.one(pixel));
        }
    }
    let background = colours
        .background
        .ok_or(RfbError::Protocol("the first tile has no background"))?;
    if flags & PARTS == 0 {
        return Ok(Some((colours, Some(background))));
    }
    let Some(count) = input.u8() else { return Ok(None) };
    let pixel = if flags & COLOURED != 0 { reader.bytes() } else { 0 };
    let Some(parts) = input.take(usize::from(count) * (pixel + 2)) else {
        return Ok(None);
    };
    pixels.fill(background);
    for part in parts.chunks_exact(pixel + 2) {
        let (colour, place) = part.split_at_checked(pixel).unwrap_or_default();
        let colour = if pixel > 0 {
            Some(reader.one(colour))
        } else {
            colours.foreground
        };
        let colour = colour.ok_or(RfbError::Protocol("the parts of a tile have no colour"))?;
        let &[position, size] = place else { continue };
        fill(pixels, tile, position, size, colour)?;
    }
    Ok(Some((colours, None)))
}

/// Paints one part: the upper four bits of each byte are x and width − 1, the lower four y and height − 1.
#[inline]
fn fill(pixels: &mut Pixels, tile: Rectangle, position: u8, size: u8, colour: Rgba) -> RfbResult<()> {
    let (x, y) = (usize::from(position >> 4), usize::from(position & 15));
    let (width, height) = (usize::from(size >> 4) + 1, usize::from(size & 15) + 1);
    let stride = usize::from(tile.width);
    if x + width > stride || y + height > usize::from(tile.height) {
        return Err(RfbError::Protocol("a part reaches beyond its tile"));
    }
    for row in pixels.chunks_exact_mut(stride).skip(y).take(height) {
        row.get_mut(x..x + width).unwrap_or_default().fill(colour);
    }
    Ok(())
}
