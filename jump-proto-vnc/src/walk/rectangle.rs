//! The length of a rectangle, from the few of its bytes that say it.

use crate::RfbResult;
use crate::decode::layout::{self, Shape};
use crate::decode::tight::tight_format;
use crate::decode::tight_header::{Body, TightHeader};
use crate::decode::tiles::Tiles;
use crate::decode::{hextile, run_length, trle};
use crate::wire::{Input, PixelFormat, RectangleHeader};

/// A rectangle that is walked over.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    header: RectangleHeader,
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    /// What says the length of the rest comes first.
    Lead(Shape),
    Hextile(Tiles),
    Trle {
        tiles: Tiles,
        palette: usize,
    },
    Tight {
        png: bool,
    },
}

/// What comes next of a rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// More bytes are needed to know.
    Unknown,
    /// So many bytes, and then there is more of it.
    Skip(usize),
    /// So many bytes, and then it is over.
    Last(usize),
}

impl Walk {
    pub(crate) fn new(header: RectangleHeader) -> RfbResult<Self> {
        let rectangle = header.rectangle;
        let way = match Shape::of(header.encoding)? {
            Shape::Hextile => Way::Hextile(Tiles::new(rectangle, hextile::SIDE)),
            Shape::Trle => Way::Trle {
                tiles: Tiles::new(rectangle, trle::SIDE),
                palette: 0,
            },
            Shape::Tight { png } => Way::Tight { png },
            shape => Way::Lead(shape),
        };
        Ok(Self { header, way })
    }

    /// Takes from the input what says how long the next part is; nothing if that is `Unknown`.
    pub(crate) fn step(&mut self, input: &mut Input<'_>, format: PixelFormat) -> RfbResult<Step> {
        let mut attempt = *input;
        let step = self.measure(&mut attempt, format)?;
        if step != Step::Unknown {
            *input = attempt;
        }
        Ok(step)
    }

    fn measure(&mut self, input: &mut Input<'_>, format: PixelFormat) -> RfbResult<Step> {
        match &mut self.way {
            Way::Lead(shape) => {
                let lead = layout::lead_length(*shape, format).unwrap_or_default();
                let Some(lead) = input.take(lead) else {
                    return Ok(Step::Unknown);
                };
                layout::rest_length(*shape, &self.header, lead, format).map(Step::Last)
            }
            Way::Hextile(tiles) => {
                let Some(tile) = tiles.current() else {
                    return Ok(Step::Last(0));
                };
                let length = hextile::measure(input, tile, format.bytes_per_pixel())?;
                Ok(after_tile(length, tiles))
            }
            Way::Trle { tiles, palette } => {
                let Some(tile) = tiles.current() else {
                    return Ok(Step::Last(0));
                };
                let pixel = layout::compact_bytes(format);
                let length = run_length::measure(input, tile.size(), pixel, palette)?;
                Ok(after_tile(length, tiles))
            }
            Way::Tight { png } => {
                let format = tight_format(format, *png);
                let header = TightHeader::read(input, self.header.rectangle, format)?;
                Ok(match header.map(|header| header.body) {
                    None => Step::Unknown,
                    Some(Body::Fill(_)) => Step::Last(0),
                    Some(
                        Body::Jpeg(length)
                        | Body::Png(length)
                        | Body::Plain { length, .. }
                        | Body::Packed { length, .. },
                    ) => Step::Last(length),
                })
            }
        }
    }
}

fn after_tile(length: Option<usize>, tiles: &mut Tiles) -> Step {
    match length {
        None => Step::Unknown,
        Some(length) => {
            tiles.advance();
            Step::Skip(length)
        }
    }
}
