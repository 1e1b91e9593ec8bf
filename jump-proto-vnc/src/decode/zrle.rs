//! ZRLE: tiles of 64×64 with palettes and runs, in one zlib stream (RFC 6143 §7.7.6).

use super::inflate::pump;
use super::palette::Palette;
use super::run_length::tile;
use super::tiles::Tiles;
use super::{Context, Progress, layout};
use crate::wire::{Input, Rectangle};
use crate::{RfbError, RfbResult};

/// The side of a tile in pixels.
const SIDE: u16 = 64;

#[derive(Debug)]
pub(crate) struct Zrle {
    rectangle: Rectangle,
    tiles: Tiles,
    left: Option<usize>,
}

impl Zrle {
    pub(crate) const fn new(rectangle: Rectangle) -> Self {
        Self {
            rectangle,
            tiles: Tiles::new(rectangle, SIDE),
            left: None,
        }
    }

    pub(crate) fn step(&mut self, context: &mut Context<'_>, input: &mut Input<'_>) -> RfbResult<Progress> {
        let Context {
            screen,
            compact,
            streams,
            tile: room,
            ..
        } = context;
        let left = match &mut self.left {
            Some(left) => left,
            None => {
                let Some(length) = input.u32() else {
                    return Ok(Progress::Needs(4));
                };
                let most = layout::zrle_length(self.rectangle, compact.bytes());
                self.left.insert(layout::compressed_length(length, most)?)
            }
        };
        let tiles = &mut self.tiles;
        // Each tile has its own.
        let mut palette = Palette::default();
        let progress = pump(
            &mut streams.zrle,
            &mut streams.unpacked,
            left,
            input,
            |unpacked| {
                let mut unpacked = Input::new(unpacked);
                while let Some(place) = tiles.current() {
                    let mut attempt = unpacked;
                    if !tile(&mut attempt, compact, place, false, &mut palette, room, screen)? {
                        break;
                    }
                    unpacked = attempt;
                    tiles.advance();
                }
                Ok(unpacked.consumed())
            },
        )?;
        if progress == Progress::Finished && self.tiles.current().is_some() {
            return Err(RfbError::Protocol("compressed data end before the rectangle"));
        }
        Ok(progress)
    }
}
