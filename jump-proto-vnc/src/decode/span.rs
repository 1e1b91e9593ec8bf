//! Pixels one after the other, as Raw has them.

use super::{Context, Progress};
use crate::RfbResult;
use crate::decode::pixels::PixelReader;
use crate::framebuffer::Framebuffer;
use crate::wire::{Input, Rectangle};

/// A place in a rectangle that is painted from left to right and from top to bottom.
#[derive(Debug)]
pub(crate) struct Span {
    part: Rectangle,
    column: u16,
    row: u16,
}

impl Span {
    pub(crate) const fn new(part: Rectangle) -> Self {
        Self {
            part,
            column: 0,
            row: 0,
        }
    }

    /// Whether every pixel is painted.
    pub(crate) const fn is_full(&self) -> bool {
        self.part.width == 0 || self.row >= self.part.height
    }

    /// Paints as many whole pixels as there are, and says how many bytes they had.
    pub(crate) fn paint(
        &mut self,
        screen: &mut Framebuffer,
        reader: &PixelReader,
        bytes: &[u8],
    ) -> RfbResult<usize> {
        let mut rest = bytes;
        while !self.is_full() {
            let there = rest.len() / reader.bytes();
            let whole_rows = if self.column == 0 {
                there / usize::from(self.part.width)
            } else {
                0
            };
            let (width, height) = match u16::try_from(whole_rows) {
                Ok(0) => {
                    let left = self.part.width - self.column;
                    (left.min(u16::try_from(there).unwrap_or(u16::MAX)), 1)
                }
                rows => (
                    self.part.width,
                    rows.unwrap_or(u16::MAX).min(self.part.height - self.row),
                ),
            };
            if width == 0 {
                break;
            }
            let part = Rectangle {
                x: self.part.x + self.column,
                y: self.part.y + self.row,
                width,
                height,
            };
            for to in screen.rows_mut(part)? {
                let Some((pixels, after)) = rest.split_at_checked(to.len() * reader.bytes()) else {
                    break;
                };
                reader.span(pixels, to);
                rest = after;
            }
            self.column += width;
            if self.column == self.part.width {
                self.column = 0;
                self.row += height;
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// Raw (RFC 6143 §7.7.1).
    pub(crate) fn step(&mut self, context: &mut Context<'_>, input: &mut Input<'_>) -> RfbResult<Progress> {
        let painted = self.paint(context.screen, context.pixels, input.rest())?;
        input.take(painted);
        Ok(if self.is_full() {
            Progress::Finished
        } else {
            Progress::Needs(context.pixels.bytes())
        })
    }
}
