//! The tiles of TRLE and ZRLE: palettes and runs (RFC 6143 §7.7.5, §7.7.6).

use super::layout;
use super::palette::Palette;
use super::pixels::PixelReader;
use super::tiles::TilePixels;
use crate::framebuffer::{Framebuffer, Rgba};
use crate::wire::{Input, Rectangle, Size};
use crate::{RfbError, RfbResult};

/// How a tile is written: what its first byte says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TileKind {
    Raw,
    Solid,
    /// Several pixels in a byte, and a palette of so many colours before them.
    Packed(u8),
    /// The same with the palette of the tile before (TRLE only).
    PackedAgain,
    Runs,
    /// Runs of places in a palette of so many colours.
    PaletteRuns(u8),
    /// The same with the palette of the tile before (TRLE only).
    PaletteRunsAgain,
}

impl TileKind {
    /// `reuse` is TRLE, where a tile may use the palette of the one before.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] for a number without meaning.
    const fn of(byte: u8, reuse: bool) -> RfbResult<Self> {
        Ok(match byte {
            0 => Self::Raw,
            1 => Self::Solid,
            2..=16 => Self::Packed(byte),
            127 if reuse => Self::PackedAgain,
            128 => Self::Runs,
            129 if reuse => Self::PaletteRunsAgain,
            130..=255 => Self::PaletteRuns(byte - 128),
            _ => return Err(RfbError::Protocol("a tile of an unknown kind")),
        })
    }
}

/// Bits of a pixel in a packed palette of so many colours.
///
/// # Errors
/// [`RfbError::Protocol`] if there are not 2 to 16: the tile before had another palette, or none.
const fn packed_bits(colours: usize) -> RfbResult<usize> {
    match colours {
        2 => Ok(1),
        3 | 4 => Ok(2),
        5..=16 => Ok(4),
        _ => Err(RfbError::Protocol("there is no palette to use again")),
    }
}

const TOO_LONG: RfbError = RfbError::Protocol("a run is longer than its tile");

/// Paints one tile, if all of it is there; whether it was. `palette` is that of the tile before, and then of this one: if it is
/// not all there it is read from its start again, palette included. `room` is where runs are painted first: they go over
/// the ends of rows.
pub(crate) fn tile(
    input: &mut Input<'_>,
    reader: &PixelReader,
    place: Rectangle,
    reuse: bool,
    palette: &mut Palette,
    room: &mut TilePixels,
    screen: &mut Framebuffer,
) -> RfbResult<bool> {
    let Some(kind) = input.u8() else { return Ok(false) };
    let kind = TileKind::of(kind, reuse)?;
    let length = reader.bytes();
    if let TileKind::Packed(count) | TileKind::PaletteRuns(count) = kind {
        let Some(colours) = input.take(usize::from(count) * length) else {
            return Ok(false);
        };
        palette.set(colours.chunks_exact(length).map(|colour| reader.one(colour)));
    }
    let pixels = room.get_mut(..place.pixels()).unwrap_or_default();
    let done = match kind {
        TileKind::Raw => {
            let Some(raw) = input.take(place.pixels() * length) else {
                return Ok(false);
            };
            let rows = raw.chunks_exact((usize::from(place.width) * length).max(1));
            for (row, raw) in screen.rows_mut(place)?.zip(rows) {
                reader.span(raw, row);
            }
            return Ok(true);
        }
        TileKind::Solid => {
            let Some(pixel) = input.take(length) else {
                return Ok(false);
            };
            screen.paint_one_colour(place, reader.one(pixel))?;
            return Ok(true);
        }
        TileKind::Packed(_) | TileKind::PackedAgain => {
            let bits = packed_bits(palette.count())?;
            let row = layout::row_of_bits(place.width.into(), bits);
            let Some(packed) = input.take(row * usize::from(place.height)) else {
                return Ok(false);
            };
            for (row, packed) in screen.rows_mut(place)?.zip(packed.chunks_exact(row.max(1))) {
                palette.paint(bits, packed, row)?;
            }
            return Ok(true);
        }
        TileKind::Runs => match length {
            1 => runs::<1>(input, reader, pixels)?,
            2 => runs::<2>(input, reader, pixels)?,
            3 => runs::<3>(input, reader, pixels)?,
            _ => runs::<4>(input, reader, pixels)?,
        },
        TileKind::PaletteRuns(_) | TileKind::PaletteRunsAgain => palette_runs(input, palette, pixels)?,
    };
    if done {
        screen.paint(place, pixels)?;
    }
    Ok(done)
}

/// A run's length: bytes of 255 and one of less are added up, and 1.
#[inline]
fn run_length(input: &mut Input<'_>, most: usize) -> RfbResult<Option<usize>> {
    let mut length = 1;
    loop {
        let Some(byte) = input.u8() else { return Ok(None) };
        length += usize::from(byte);
        if length > most {
            return Err(TOO_LONG);
        }
        if byte < 255 {
            return Ok(Some(length));
        }
    }
}

fn runs<const N: usize>(
    input: &mut Input<'_>,
    reader: &PixelReader,
    mut pixels: &mut [Rgba],
) -> RfbResult<bool> {
    while !pixels.is_empty() {
        let Some(pixel) = input.array::<N>() else {
            return Ok(false);
        };
        let Some(length) = run_length(input, pixels.len())? else {
            return Ok(false);
        };
        let colour = reader.one(&pixel);
        let (run, rest) = pixels.split_at_mut_checked(length).ok_or(TOO_LONG)?;
        run.fill(colour);
        pixels = rest;
    }
    Ok(true)
}

fn palette_runs(input: &mut Input<'_>, palette: &Palette, mut pixels: &mut [Rgba]) -> RfbResult<bool> {
    while !pixels.is_empty() {
        let Some(byte) = input.u8() else {
            return Ok(false);
        };
        let colour = palette.get(byte & 0x7f)?;
        if byte & 0x80 == 0 {
            let Some((pixel, rest)) = pixels.split_first_mut() else {
                break;
            };
            *pixel = colour;
            pixels = rest;
            continue;
        }
        let Some(length) = run_length(input, pixels.len())? else {
            return Ok(false);
        };
        let (run, rest) = pixels.split_at_mut_checked(length).ok_or(TOO_LONG)?;
        run.fill(colour);
        pixels = rest;
    }
    Ok(true)
}

/// Reads what says the length of a tile of TRLE, if that is there: how many bytes of it follow. `pixel` is the length of a
/// CPIXEL, `palette` the number of colours that the tile may use again and the one after it.
///
/// # Errors
/// [`RfbError::Protocol`] for a tile of an unknown kind, or runs that are longer than it.
pub(crate) fn measure(
    input: &mut Input<'_>,
    size: Size,
    pixel: usize,
    palette: &mut usize,
) -> RfbResult<Option<usize>> {
    let Some(kind) = input.u8() else { return Ok(None) };
    let kind = TileKind::of(kind, true)?;
    let mut colours = *palette;
    if let TileKind::Packed(count) | TileKind::PaletteRuns(count) = kind {
        colours = usize::from(count);
        if input.take(colours * pixel).is_none() {
            return Ok(None);
        }
    }
    let runs_of = match kind {
        TileKind::Raw => return Ok(Some(size.pixels() * pixel)),
        TileKind::Solid => return Ok(Some(pixel)),
        TileKind::Packed(_) | TileKind::PackedAgain => {
            *palette = colours;
            let row = layout::row_of_bits(usize::from(size.width), packed_bits(colours)?);
            return Ok(Some(row * usize::from(size.height)));
        }
        TileKind::Runs => pixel,
        TileKind::PaletteRuns(_) | TileKind::PaletteRunsAgain => 0,
    };
    let mut left = size.pixels();
    while left > 0 {
        let one = if runs_of > 0 {
            if input.take(runs_of).is_none() {
                return Ok(None);
            }
            false
        } else {
            let Some(place) = input.u8() else { return Ok(None) };
            place & 0x80 == 0
        };
        let length = if one { Some(1) } else { run_length(input, left)? };
        let Some(length) = length else { return Ok(None) };
        left -= length;
    }
    *palette = colours;
    Ok(Some(0))
}
