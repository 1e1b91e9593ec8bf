//! Tight and Tight PNG (rfbproto "Tight Encoding", "Tight PNG Encoding").

use super::collect::Collect;
use super::gradient::Gradient;
use super::inflate::{Streams, pump};
use super::palette::Palette;
use super::picture::{Kind, Picture};
use super::span::Span;
use super::tight_header::{Body, Filter, TightFormat, TightHeader, palette_bits};
use super::{Context, Progress, layout};
use crate::decode::pixels::PixelReader;
use crate::framebuffer::{Framebuffer, Rgba};
use crate::wire::{Input, PixelFormat, Rectangle};
use crate::{RfbError, RfbResult};

/// The longest header, which has a palette of 256 colours of four bytes.
const LONGEST_HEADER: usize = 1030;

#[derive(Debug)]
pub(crate) struct Tight {
    rectangle: Rectangle,
    png: bool,
    body: Option<State>,
}

#[derive(Debug)]
enum State {
    Picture(Kind, Collect),
    /// Row by row.
    Plain {
        row: Collect,
        left: usize,
        painter: Painter,
    },
    Packed {
        stream: u8,
        left: usize,
        unpacked: usize,
        painter: Painter,
    },
}

impl Tight {
    pub(crate) const fn new(rectangle: Rectangle, png: bool) -> Self {
        Self {
            rectangle,
            png,
            body: None,
        }
    }

    /// The picture that is to be painted, once it is finished; `None` if it painted by itself.
    pub(super) fn picture(&mut self) -> Option<Picture> {
        let Some(State::Picture(kind, data)) = &mut self.body else {
            return None;
        };
        Some(Picture {
            kind: *kind,
            size: self.rectangle.size(),
            bytes: data.take(),
        })
    }

    pub(crate) fn step(&mut self, context: &mut Context<'_>, input: &mut Input<'_>) -> RfbResult<Progress> {
        let body = match &mut self.body {
            Some(body) => body,
            None => match begin(self.rectangle, self.png, context, input)? {
                Begun::Body(body) => self.body.insert(body),
                Begun::Painted => return Ok(Progress::Finished),
                Begun::NotYet => return Ok(Progress::Needs((input.rest().len() + 1).min(LONGEST_HEADER))),
            },
        };
        let Context {
            screen,
            tight,
            streams,
            ..
        } = context;
        match body {
            State::Picture(_, data) => Ok(data.step(input)),
            State::Plain { row, left, painter } => {
                while *left > 0 {
                    if let Progress::Needs(more) = row.step(input) {
                        return Ok(Progress::Needs(more));
                    }
                    painter.paint(screen, tight, row.bytes())?;
                    *left -= row.bytes().len();
                    row.clear();
                }
                Ok(Progress::Finished)
            }
            State::Packed {
                stream,
                left,
                unpacked,
                painter,
            } => {
                let Streams {
                    tight: [zero, one, two, three],
                    unpacked: room,
                    ..
                } = streams;
                let stream = match stream {
                    0 => zero,
                    1 => one,
                    2 => two,
                    _ => three,
                };
                let progress = pump(stream, room, left, input, |data| {
                    let data = data.get(..data.len().min(*unpacked)).unwrap_or(data);
                    let used = painter.paint(screen, tight, data)?;
                    *unpacked -= used;
                    Ok(used)
                })?;
                if progress == Progress::Finished && *unpacked > 0 {
                    return Err(RfbError::Protocol("compressed data end before the rectangle"));
                }
                Ok(progress)
            }
        }
    }
}

enum Begun {
    NotYet,
    Painted,
    Body(State),
}

/// What a header depends on, for a pixel format.
pub(crate) fn tight_format(format: PixelFormat, png: bool) -> TightFormat {
    TightFormat {
        pixel: layout::tight_bytes(format),
        png,
        smooth: format.bits_per_pixel() > 8 && format.channels().is_some(),
    }
}

/// Reads the header and does what can be done at once.
fn begin(
    rectangle: Rectangle,
    png: bool,
    context: &mut Context<'_>,
    input: &mut Input<'_>,
) -> RfbResult<Begun> {
    let mut attempt = *input;
    let format = tight_format(context.format, png);
    let Some(header) = TightHeader::read(&mut attempt, rectangle, format)? else {
        return Ok(Begun::NotYet);
    };
    *input = attempt;
    for (number, stream) in context.streams.tight.iter_mut().enumerate() {
        if header.resets >> number & 1 != 0 {
            stream.reset();
        }
    }
    let painter = |filter| Painter::new(filter, rectangle, context.format, context.tight);
    Ok(Begun::Body(match header.body {
        Body::Fill(pixel) => {
            let colour = context.tight.one(pixel);
            context.screen.paint_one_colour(rectangle, colour)?;
            return Ok(Begun::Painted);
        }
        Body::Jpeg(length) => State::Picture(Kind::Jpeg, Collect::new(length)),
        Body::Png(length) => State::Picture(Kind::Png, Collect::new(length)),
        Body::Plain { filter, length } => State::Plain {
            row: Collect::new(length / usize::from(rectangle.height).max(1)),
            left: length,
            painter: painter(filter)?,
        },
        Body::Packed {
            filter,
            stream,
            length,
            unpacked,
        } => State::Packed {
            stream,
            left: length,
            unpacked,
            painter: painter(filter)?,
        },
    }))
}

/// Makes pixels of data.
#[derive(Debug)]
enum Painter {
    Copy(Span),
    Rows { rows: Rows, filter: RowFilter },
}

#[derive(Debug)]
enum RowFilter {
    Palette(Box<Palette>),
    Gradient(Gradient),
}

impl Painter {
    fn new(
        filter: Filter<'_>,
        rectangle: Rectangle,
        format: PixelFormat,
        reader: &PixelReader,
    ) -> RfbResult<Self> {
        let width = usize::from(rectangle.width);
        let (row_bytes, filter) = match filter {
            Filter::Copy => return Ok(Self::Copy(Span::new(rectangle))),
            Filter::Palette(colours) => {
                let mut palette = Box::<Palette>::default();
                palette.set(
                    colours
                        .chunks_exact(reader.bytes())
                        .map(|colour| reader.one(colour)),
                );
                let row = layout::row_of_bits(width, palette_bits(palette.count()));
                (row, RowFilter::Palette(palette))
            }
            Filter::Gradient => {
                let gradient = Gradient::new(format, rectangle.width)
                    .ok_or(RfbError::Protocol("a gradient where pixels have no channels"))?;
                (width * reader.bytes(), RowFilter::Gradient(gradient))
            }
        };
        let rows = Rows {
            rectangle,
            row_bytes,
            row: 0,
        };
        Ok(Self::Rows { rows, filter })
    }

    /// Paints what there is, and says how many bytes it took.
    fn paint(&mut self, screen: &mut Framebuffer, reader: &PixelReader, data: &[u8]) -> RfbResult<usize> {
        match self {
            Self::Copy(span) => span.paint(screen, reader, data),
            Self::Rows {
                rows,
                filter: RowFilter::Palette(palette),
            } => {
                let bits = palette_bits(palette.count());
                rows.paint(screen, data, |bytes, row| palette.paint(bits, bytes, row))
            }
            Self::Rows {
                rows,
                filter: RowFilter::Gradient(gradient),
            } => rows.paint(screen, data, |bytes, row| {
                gradient.paint(bytes, row);
                Ok(())
            }),
        }
    }
}

/// The rows of a rectangle that are still to be painted.
#[derive(Debug)]
struct Rows {
    rectangle: Rectangle,
    row_bytes: usize,
    row: u16,
}

impl Rows {
    fn paint(
        &mut self,
        screen: &mut Framebuffer,
        data: &[u8],
        mut row: impl FnMut(&[u8], &mut [Rgba]) -> RfbResult<()>,
    ) -> RfbResult<usize> {
        let height = self.rectangle.height - self.row;
        if self.row_bytes == 0 || height == 0 {
            return Ok(0);
        }
        let there = u16::try_from(data.len() / self.row_bytes)
            .unwrap_or(u16::MAX)
            .min(height);
        let part = Rectangle {
            y: self.rectangle.y + self.row,
            height: there,
            ..self.rectangle
        };
        for (bytes, pixels) in data.chunks_exact(self.row_bytes).zip(screen.rows_mut(part)?) {
            row(bytes, pixels)?;
        }
        self.row += there;
        Ok(usize::from(there) * self.row_bytes)
    }
}
