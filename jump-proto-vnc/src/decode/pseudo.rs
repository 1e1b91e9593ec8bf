//! Rectangles that paint nothing: cursors, sizes, names (RFC 6143 §7.8; rfbproto "Pseudo-encodings").

use super::Progress;
use super::collect::Collect;
use super::cursor::{self, CursorImage};
use super::layout::{self, Shape};
use super::pixels::PixelReader;
use crate::RfbResult;
use crate::wire::{Encoding, Input, PixelFormat, Rectangle, RectangleHeader, Size};

/// What an update says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateEvent {
    /// A rectangle was painted.
    Painted(Rectangle),
    /// The screen has another size; what had a place in both is still there.
    Resized(Size),
    /// The screens that make up the desktop, or the answer to a wish to change them (rfbproto "ExtendedDesktopSize").
    Screens {
        /// Who wanted it: 0 the server, 1 this client, 2 another client; others may come.
        reason: u16,
        /// Whether it was done: 0 yes; 1 prohibited, 2 out of resources, 3 invalid layout; others may come.
        status: u16,
        /// Every screen, at most [`MAX_SCREENS`](crate::wire::limits::MAX_SCREENS).
        screens: Vec<Screen>,
    },
    /// The pointer looks like this.
    Cursor(CursorImage),
    /// The pointer was moved to this place, in pixels from the upper left corner; it may lie beyond the screen.
    PointerAt {
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
    },
    /// The desktop's name, at most [`MAX_NAME_BYTES`](crate::wire::limits::MAX_NAME_BYTES) bytes; what was not UTF-8 is
    /// U+FFFD. Escape it where it is shown.
    Name(String),
    /// The server takes scan codes.
    ExtendedKeys,
    /// The server takes nine mouse buttons.
    ExtendedMouseButtons,
    /// Whether the pointer is moved by differences from here on, and not to places.
    RelativePointer(bool),
    /// The locks on the keyboard: bit 0 Scroll, 1 Num, 2 Caps.
    Locks(u32),
}

/// A screen of a desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Its number, the server's choice.
    pub id: u32,
    /// Its place in the framebuffer.
    pub place: Rectangle,
    /// No bit has a meaning yet; they are sent back as they came.
    pub flags: u32,
}

/// A rectangle whose data are taken together.
#[derive(Debug)]
pub(crate) struct Pseudo {
    header: RectangleHeader,
    shape: Shape,
    lead: Collect,
    rest: Option<Collect>,
}

impl Pseudo {
    pub(crate) fn new(header: RectangleHeader, shape: Shape, format: PixelFormat) -> Self {
        Self {
            header,
            shape,
            lead: Collect::new(layout::lead_length(shape, format).unwrap_or_default()),
            rest: None,
        }
    }

    /// Takes what is there; all data are there when it is finished.
    pub(crate) fn step(&mut self, input: &mut Input<'_>, format: PixelFormat) -> RfbResult<Progress> {
        let rest = match &mut self.rest {
            Some(rest) => rest,
            None => {
                if let Progress::Needs(more) = self.lead.step(input) {
                    return Ok(Progress::Needs(more));
                }
                let length = layout::rest_length(self.shape, &self.header, self.lead.bytes(), format)?;
                self.rest.insert(Collect::new(length))
            }
        };
        Ok(rest.step(input))
    }

    /// What it says, once it is finished; `None` if it asks for another size only.
    pub(crate) fn event(&self, pixels: &PixelReader) -> Option<UpdateEvent> {
        let RectangleHeader { rectangle, encoding } = self.header;
        let lead = self.lead.bytes();
        let rest = self.rest.as_ref().map(Collect::bytes).unwrap_or_default();
        let size = rectangle.size();
        let image = |pixels| {
            UpdateEvent::Cursor(CursorImage {
                size,
                x: rectangle.x,
                y: rectangle.y,
                pixels,
            })
        };
        Some(match self.shape {
            Shape::Cursor => image(cursor::masked(size, pixels, rest)),
            Shape::XCursor => image(cursor::two_colours(size, rest)),
            Shape::CursorWithAlpha => image(cursor::premultiplied(rest)),
            Shape::VmwareCursor if lead.first() == Some(&0) => image(cursor::and_xor(size, pixels, rest)),
            Shape::VmwareCursor => image(rest.as_chunks().0.to_vec()),
            Shape::Screens => UpdateEvent::Screens {
                reason: rectangle.x,
                status: rectangle.y,
                screens: rest.chunks_exact(16).filter_map(screen).collect(),
            },
            Shape::Name => UpdateEvent::Name(String::from_utf8_lossy(rest).into_owned()),
            Shape::QemuLeds => UpdateEvent::Locks(lead.first().copied().unwrap_or_default().into()),
            Shape::VmwareLeds => UpdateEvent::Locks(Input::new(lead).u32().unwrap_or_default()),
            _ => match encoding {
                Encoding::POINTER_POSITION => UpdateEvent::PointerAt {
                    x: rectangle.x,
                    y: rectangle.y,
                },
                Encoding::QEMU_EXTENDED_KEY => UpdateEvent::ExtendedKeys,
                Encoding::EXTENDED_MOUSE_BUTTONS => UpdateEvent::ExtendedMouseButtons,
                Encoding::QEMU_POINTER_MOTION => UpdateEvent::RelativePointer(rectangle.x == 0),
                _ => return None,
            },
        })
    }

    /// The size that the screen has from here on, if it says one.
    pub(crate) fn new_size(&self) -> Option<Size> {
        layout::new_size(&self.header)
    }
}

fn screen(bytes: &[u8]) -> Option<Screen> {
    let mut bytes = Input::new(bytes);
    Some(Screen {
        id: bytes.u32()?,
        place: Rectangle {
            x: bytes.u16()?,
            y: bytes.u16()?,
            width: bytes.u16()?,
            height: bytes.u16()?,
        },
        flags: bytes.u32()?,
    })
}
