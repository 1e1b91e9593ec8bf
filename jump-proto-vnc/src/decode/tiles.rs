//! Tiles of a rectangle, from left to right and from top to bottom.

use crate::framebuffer::{BLACK, Rgba};
use crate::wire::Rectangle;

/// Room for the pixels of the largest tile, which has 64×64. One is there for a whole connection: making it black for each
/// rectangle would take longer than many a rectangle.
pub(crate) type TilePixels = [Rgba; 64 * 64];

/// A tile that nobody has painted.
pub(crate) const EMPTY: TilePixels = [BLACK; 64 * 64];

/// The tiles of a rectangle; those at its right and lower edges may be smaller.
#[derive(Clone, Debug)]
pub(crate) struct Tiles {
    rectangle: Rectangle,
    side: u16,
    x: u16,
    y: u16,
}

impl Tiles {
    pub(crate) const fn new(rectangle: Rectangle, side: u16) -> Self {
        Self {
            rectangle,
            side,
            x: 0,
            y: 0,
        }
    }

    /// The next tile's place on the screen, or `None` after the last one.
    pub(crate) fn current(&self) -> Option<Rectangle> {
        let Rectangle { x, y, width, height } = self.rectangle;
        (self.x < width && self.y < height).then(|| Rectangle {
            x: x.saturating_add(self.x),
            y: y.saturating_add(self.y),
            width: self.side.min(width - self.x),
            height: self.side.min(height - self.y),
        })
    }

    /// Goes on to the tile after the current one.
    pub(crate) fn advance(&mut self) {
        self.x = self.x.saturating_add(self.side);
        if self.x >= self.rectangle.width {
            self.x = 0;
            self.y = self.y.saturating_add(self.side);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_a_rectangle_once() {
        for (width, height) in [(0, 5), (5, 0), (1, 1), (16, 16), (17, 33), (65535, 1), (1, 65535)] {
            let mut tiles = Tiles::new(
                Rectangle {
                    x: 3,
                    y: 4,
                    width,
                    height,
                },
                16,
            );
            let mut pixels = 0;
            while let Some(tile) = tiles.current() {
                pixels += tile.pixels();
                tiles.advance();
            }
            assert_eq!(pixels, usize::from(width) * usize::from(height));
        }
    }
}
