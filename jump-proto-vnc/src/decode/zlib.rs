//! zlib: pixels as they are, in one zlib stream (rfbproto "zlib Encoding").

use super::inflate::pump;
use super::span::Span;
use super::{Context, Progress, layout};
use crate::wire::{Input, Rectangle};
use crate::{RfbError, RfbResult};

#[derive(Debug)]
pub(crate) struct Zlib {
    rectangle: Rectangle,
    span: Span,
    left: Option<usize>,
}

impl Zlib {
    pub(crate) const fn new(rectangle: Rectangle) -> Self {
        Self {
            rectangle,
            span: Span::new(rectangle),
            left: None,
        }
    }

    pub(crate) fn step(&mut self, context: &mut Context<'_>, input: &mut Input<'_>) -> RfbResult<Progress> {
        let Context {
            screen,
            pixels,
            streams,
            ..
        } = context;
        let left = match &mut self.left {
            Some(left) => left,
            None => {
                let Some(length) = input.u32() else {
                    return Ok(Progress::Needs(4));
                };
                let most = self.rectangle.pixels() * pixels.bytes();
                self.left.insert(layout::compressed_length(length, most)?)
            }
        };
        let span = &mut self.span;
        let progress = pump(
            &mut streams.zlib,
            &mut streams.unpacked,
            left,
            input,
            |unpacked| span.paint(screen, pixels, unpacked),
        )?;
        if progress == Progress::Finished && !self.span.is_full() {
            return Err(RfbError::Protocol("compressed data end before the rectangle"));
        }
        Ok(progress)
    }
}
