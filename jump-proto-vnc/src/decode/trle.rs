//! TRLE: tiles of 16×16 with palettes and runs (RFC 6143 §7.7.5).

use super::palette::Palette;
use super::run_length::tile;
use super::tiles::Tiles;
use super::{Context, Progress};
use crate::RfbResult;
use crate::wire::{Input, Rectangle};

/// The side of a tile in pixels.
pub(crate) const SIDE: u16 = 16;

#[derive(Debug)]
pub(crate) struct Trle {
    tiles: Tiles,
    palette: Palette,
}

impl Trle {
    pub(crate) fn new(rectangle: Rectangle) -> Self {
        Self {
            tiles: Tiles::new(rectangle, SIDE),
            palette: Palette::default(),
        }
    }

    pub(crate) fn step(&mut self, context: &mut Context<'_>, input: &mut Input<'_>) -> RfbResult<Progress> {
        while let Some(place) = self.tiles.current() {
            let mut attempt = *input;
            let whole = tile(
                &mut attempt,
                context.compact,
                place,
                true,
                &mut self.palette,
                context.tile,
                context.screen,
            )?;
            if !whole {
                return Ok(Progress::Needs(input.rest().len() + 1));
            }
            *input = attempt;
            self.tiles.advance();
        }
        Ok(Progress::Finished)
    }
}
