//! The body of a FramebufferUpdate: its rectangles, one after the other (RFC 6143 §7.6.1).

use std::sync::Arc;

use super::colours::ColourMap;
use super::helpers::Helpers;
use super::hextile::Hextile;
use super::inflate::Streams;
use super::layout::{Budget, Shape};
use super::pending::{Canvas, Pending};
use super::picture::Picture;
use super::pixels::PixelReader;
use super::pseudo::{Pseudo, UpdateEvent};
use super::rre::Rre;
use super::span::Span;
use super::tight::Tight;
use super::tiles::{EMPTY, TilePixels};
use super::trle::Trle;
use super::zlib::Zlib;
use super::zrle::Zrle;
use super::{Context, Progress};
use crate::framebuffer::Framebuffer;
use crate::wire::{Input, PixelFormat, Rectangle, RectangleHeader, Size};
use crate::{RfbError, RfbResult};

/// A count of rectangles that means: until one says that it is the last (rfbproto "LastRect Pseudo-encoding").
pub(crate) const UNTIL_LAST: u16 = 65_535;

/// What became of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// So many were used, from the first one on. The others are to be given again, with what follows them.
    pub consumed: usize,
    /// Whether the update is over.
    pub progress: Progress,
}

/// Paints a server's updates: the screen of one connection, and what its encodings remember.
///
/// ```
/// use jump_proto_vnc::decode::{Progress, UpdateDecoder, UpdateEvent};
/// use jump_proto_vnc::wire::{PixelFormat, Size};
///
/// # fn main() -> jump_proto_vnc::RfbResult<()> {
/// let mut decoder = UpdateDecoder::new(Size { width: 2, height: 1 }, PixelFormat::BGRX8888)?;
/// // One rectangle at 1, 0 of 1×1 pixel, Raw: one orange pixel. Its bytes may come in pieces of any length.
/// decoder.start(1)?;
/// let bytes = [0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, /* blue, green, red, – */ 0, 128, 255, 0];
/// let mut events = Vec::new();
/// let decoded = decoder.decode(&bytes, &mut |event| events.push(event))?;
/// assert_eq!((decoded.consumed, decoded.progress), (bytes.len(), Progress::Finished));
/// assert!(matches!(events[..], [UpdateEvent::Painted(_)]));
/// assert_eq!(decoder.screen().pixels()[1], [255, 128, 0, 255]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct UpdateDecoder {
    screen: Framebuffer,
    format: PixelFormat,
    colours: ColourMap,
    readers: Readers,
    streams: Streams,
    tile: Box<TilePixels>,
    pending: Pending,
    state: State,
}

#[derive(Debug)]
struct Readers {
    pixels: Arc<PixelReader>,
    compact: Arc<PixelReader>,
    tight: Arc<PixelReader>,
}

#[derive(Debug)]
enum State {
    Idle,
    /// Before a header, and how many rectangles are left.
    Header(Left),
    Body(Left, RectangleHeader, Body),
    Broken(RfbError),
}

/// How many rectangles are left, and what they may cost.
#[derive(Clone, Copy, Debug)]
struct Left {
    rectangles: Option<u16>,
    budget: Budget,
}

#[derive(Debug)]
enum Body {
    Raw(Span),
    CopyRect,
    Rre(Rre),
    Hextile(Hextile),
    Zlib(Zlib),
    Tight(Tight),
    Trle(Box<Trle>),
    Zrle(Zrle),
    Pseudo(Pseudo),
    Last,
}

impl Readers {
    fn new(format: PixelFormat, colours: &ColourMap) -> Self {
        let pixels = Arc::new(PixelReader::new(format, colours));
        Self {
            compact: PixelReader::compact(format, &pixels),
            tight: PixelReader::tight(format, &pixels),
            pixels,
        }
    }
}

impl UpdateDecoder {
    /// A black screen, whose server writes pixels in this format.
    ///
    /// # Errors
    /// [`RfbError::Limit`] if the screen would be too large.
    pub fn new(size: Size, format: PixelFormat) -> RfbResult<Self> {
        let colours = ColourMap::default();
        Ok(Self {
            screen: Framebuffer::new(size)?,
            format,
            readers: Readers::new(format, &colours),
            colours,
            streams: Streams::default(),
            tile: Box::new(EMPTY),
            pending: Pending::default(),
            state: State::Idle,
        })
    }

    /// The same, with others to decode pictures; before the first update.
    #[must_use]
    pub fn with_helpers(self, helpers: Helpers) -> Self {
        Self {
            pending: Pending::new(helpers),
            ..self
        }
    }

    /// The screen as it is painted so far: within an update some rectangles may be new and others old.
    #[must_use]
    pub const fn screen(&self) -> &Framebuffer {
        &self.screen
    }

    /// The screen, to take its damage.
    pub const fn screen_mut(&mut self) -> &mut Framebuffer {
        &mut self.screen
    }

    /// How the server writes pixels.
    #[must_use]
    pub const fn format(&self) -> PixelFormat {
        self.format
    }

    /// The server writes pixels in another format from the next update on.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] within an update.
    pub fn set_format(&mut self, format: PixelFormat) -> RfbResult<()> {
        self.between_updates()?;
        self.format = format;
        self.readers = Readers::new(format, &self.colours);
        Ok(())
    }

    /// How many bytes came out of compressed data so far, on this connection: the work that they were. Pictures within
    /// rectangles are not counted.
    #[must_use]
    pub const fn unpacked_bytes(&self) -> u64 {
        self.streams.unpacked.total
    }

    /// The rectangle that is being painted, some of whose pixels may be new already; `None` between rectangles.
    #[must_use]
    pub const fn painting(&self) -> Option<Rectangle> {
        match &self.state {
            State::Body(_, header, body) if body.paints() => Some(header.rectangle),
            _ => None,
        }
    }

    /// The server set colours of its map (RFC 6143 §7.6.2): red, green and blue, 0 to 65535 each.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if they reach beyond the map's 65536 places, or within an update.
    pub fn set_colours(&mut self, first: u16, colours: &[[u16; 3]]) -> RfbResult<()> {
        self.between_updates()?;
        self.colours.set(first, colours)?;
        if self.format.channels().is_none() {
            self.readers = Readers::new(self.format, &self.colours);
        }
        Ok(())
    }

    /// Begins an update of so many rectangles, as its message says; 65535 means that the last one is marked.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] within an update.
    pub fn start(&mut self, rectangles: u16) -> RfbResult<()> {
        self.between_updates()?;
        self.state = State::Header(Left {
            rectangles: (rectangles != UNTIL_LAST).then_some(rectangles),
            budget: Budget::new(self.screen.size()),
        });
        Ok(())
    }

    fn between_updates(&self) -> RfbResult<()> {
        match &self.state {
            State::Idle => Ok(()),
            State::Broken(error) => Err(error.clone()),
            State::Header(_) | State::Body(..) => Err(RfbError::Protocol("an update is not over")),
        }
    }

    /// Paints what `bytes` hold of the update, and tells `events` what it says. Once the update is over, bytes that follow
    /// it are left alone.
    ///
    /// # Errors
    /// What the server did wrong. The same error is returned from then on: where the next message would begin is not
    /// known.
    pub fn decode(&mut self, bytes: &[u8], events: &mut dyn FnMut(UpdateEvent)) -> RfbResult<Decoded> {
        let mut input = Input::new(bytes);
        let progress = self.advance(&mut input, events);
        // What is wrong with a picture comes before what is wrong behind it.
        let painted = self.pending.all(&mut Canvas {
            screen: &mut self.screen,
            told: events,
        });
        let progress = painted.and(progress).inspect_err(|error| {
            self.state = State::Broken(error.clone());
        })?;
        Ok(Decoded {
            consumed: input.consumed(),
            progress,
        })
    }

    fn advance(&mut self, input: &mut Input<'_>, events: &mut dyn FnMut(UpdateEvent)) -> RfbResult<Progress> {
        loop {
            match &mut self.state {
                State::Idle => return Ok(Progress::Finished),
                State::Broken(error) => return Err(error.clone()),
                State::Header(left) => {
                    if left.rectangles == Some(0) {
                        self.state = State::Idle;
                        continue;
                    }
                    let Some(header) = RectangleHeader::read(input) else {
                        return Ok(Progress::Needs(RectangleHeader::LENGTH));
                    };
                    let mut left = *left;
                    if let Some(rectangles) = &mut left.rectangles {
                        *rectangles = rectangles.saturating_sub(1);
                    }
                    let body = Body::new(header, self.format)?;
                    if body.paints() {
                        if !header.rectangle.is_within(self.screen.size()) {
                            return Err(RfbError::Protocol("a rectangle reaches beyond the screen"));
                        }
                        left.budget.paint(header.rectangle.pixels())?;
                    }
                    let mut canvas = Canvas {
                        screen: &mut self.screen,
                        told: events,
                    };
                    if matches!(body, Body::CopyRect | Body::Pseudo(_)) {
                        // These look at what is painted, or come after it.
                        self.pending.all(&mut canvas)?;
                    } else {
                        self.pending.before(&mut canvas, header.rectangle)?;
                    }
                    self.state = State::Body(left, header, body);
                }
                State::Body(left, header, body) => {
                    let (mut left, header) = (*left, *header);
                    let mut context = Context {
                        screen: &mut self.screen,
                        format: self.format,
                        pixels: &self.readers.pixels,
                        compact: &self.readers.compact,
                        tight: &self.readers.tight,
                        streams: &mut self.streams,
                        tile: &mut self.tile,
                    };
                    if let Progress::Needs(more) = body.step(header.rectangle, &mut context, input)? {
                        return Ok(Progress::Needs(more));
                    }
                    match body {
                        Body::Last => {
                            self.state = State::Idle;
                            continue;
                        }
                        Body::Pseudo(pseudo) => {
                            if let Some(size) = pseudo.new_size()
                                && size != self.screen.size()
                            {
                                left.budget.resize(size.as_framebuffer()?)?;
                                self.screen.resize(size)?;
                                events(UpdateEvent::Resized(size));
                            }
                            if let Some(event) = pseudo.event(&self.readers.pixels) {
                                events(event);
                            }
                        }
                        body => {
                            let mut canvas = Canvas {
                                screen: &mut self.screen,
                                told: events,
                            };
                            let last = left.rectangles == Some(0);
                            match body.picture() {
                                Some(picture) => {
                                    self.pending.picture(&mut canvas, header.rectangle, picture, last)
                                }
                                None => self.pending.painted(&mut canvas, header.rectangle),
                            }?;
                        }
                    }
                    self.state = State::Header(left);
                }
            }
        }
    }
}

impl Body {
    fn new(header: RectangleHeader, format: PixelFormat) -> RfbResult<Self> {
        let part = header.rectangle;
        Ok(match Shape::of(header.encoding)? {
            Shape::Raw => Self::Raw(Span::new(part)),
            Shape::CopyRect => Self::CopyRect,
            Shape::Rre => Self::Rre(Rre::new(part, false)),
            Shape::CoRre => Self::Rre(Rre::new(part, true)),
            Shape::Hextile => Self::Hextile(Hextile::new(part)),
            Shape::Zlib => Self::Zlib(Zlib::new(part)),
            Shape::Tight { png } => Self::Tight(Tight::new(part, png)),
            Shape::Trle => Self::Trle(Box::new(Trle::new(part))),
            Shape::Zrle => Self::Zrle(Zrle::new(part)),
            Shape::LastRect => Self::Last,
            shape @ (Shape::Cursor
            | Shape::XCursor
            | Shape::CursorWithAlpha
            | Shape::VmwareCursor
            | Shape::Screens
            | Shape::Name
            | Shape::QemuLeds
            | Shape::VmwareLeds
            | Shape::Header) => Self::Pseudo(Pseudo::new(header, shape, format)),
        })
    }

    const fn paints(&self) -> bool {
        !matches!(self, Self::Pseudo(_) | Self::Last)
    }

    /// The picture that is still to be painted, once it is finished.
    fn picture(&mut self) -> Option<Picture> {
        match self {
            Self::Tight(body) => body.picture(),
            _ => None,
        }
    }

    fn step(
        &mut self,
        part: Rectangle,
        context: &mut Context<'_>,
        input: &mut Input<'_>,
    ) -> RfbResult<Progress> {
        match self {
            Self::Raw(body) => body.step(context, input),
            Self::CopyRect => {
                // RFC 6143 §7.7.2: where on the screen the rectangle's pixels are now.
                let mut source = *input;
                let (Some(x), Some(y)) = (source.u16(), source.u16()) else {
                    return Ok(Progress::Needs(4));
                };
                *input = source;
                context.screen.copy_within(x, y, part)?;
                Ok(Progress::Finished)
            }
            Self::Rre(body) => body.step(context, input),
            Self::Hextile(body) => body.step(context, input),
            Self::Zlib(body) => body.step(context, input),
            Self::Tight(body) => body.step(context, input),
            Self::Trle(body) => body.step(context, input),
            Self::Zrle(body) => body.step(context, input),
            Self::Pseudo(body) => body.step(input, context.format),
            Self::Last => Ok(Progress::Finished),
        }
    }
}
