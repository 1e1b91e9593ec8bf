//! Places on the screen, and the header of a rectangle in an update (RFC 6143 §7.6.1).

use jump_core::protocol::Area;
use jump_core::screen;

use super::{Encoding, Input, limits};
use crate::{RfbError, RfbResult};

/// A width and a height in pixels. Either may be 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u16,
    /// Pixels from top to bottom.
    pub height: u16,
}

impl Size {
    /// The same size, if a framebuffer may have it.
    ///
    /// # Errors
    /// [`RfbError::Limit`] beyond [`limits::MAX_SIDE`] or [`limits::MAX_FRAMEBUFFER_BYTES`].
    pub fn as_framebuffer(self) -> RfbResult<Self> {
        if self.width > limits::MAX_SIDE || self.height > limits::MAX_SIDE {
            return Err(RfbError::Limit(
                "a framebuffer is at most 16384 pixels wide and high",
            ));
        }
        if self.pixels() > limits::MAX_FRAMEBUFFER_BYTES / 4 {
            return Err(RfbError::Limit("a framebuffer has at most 256 MiB"));
        }
        Ok(self)
    }

    /// How many pixels.
    #[must_use]
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }
}

impl From<Size> for screen::Size {
    fn from(size: Size) -> Self {
        Self {
            width: size.width.into(),
            height: size.height.into(),
        }
    }
}

/// A part of the screen, from its upper left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rectangle {
    /// Pixels from the left.
    pub x: u16,
    /// Pixels from the top.
    pub y: u16,
    /// Its width in pixels.
    pub width: u16,
    /// Its height in pixels.
    pub height: u16,
}

impl Rectangle {
    /// Its length on the wire in bytes.
    pub const LENGTH: usize = 8;

    /// Its bytes: U16 x, y, width and height.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LENGTH] {
        let [x1, x0] = self.x.to_be_bytes();
        let [y1, y0] = self.y.to_be_bytes();
        let [w1, w0] = self.width.to_be_bytes();
        let [h1, h0] = self.height.to_be_bytes();
        [x1, x0, y1, y0, w1, w0, h1, h0]
    }

    /// The whole of a screen.
    #[must_use]
    pub const fn whole(size: Size) -> Self {
        Self {
            x: 0,
            y: 0,
            width: size.width,
            height: size.height,
        }
    }

    /// Whether some pixel is in both.
    #[must_use]
    pub(crate) const fn overlaps(self, other: Self) -> bool {
        /// Whether some place is in both of two rows of places.
        const fn meet(from: u16, length: u16, other_from: u16, other_length: u16) -> bool {
            let (end, other_end) = (
                from as u32 + length as u32,
                other_from as u32 + other_length as u32,
            );
            let first = if from > other_from { from } else { other_from };
            (first as u32) < if end < other_end { end } else { other_end }
        }
        meet(self.x, self.width, other.x, other.width) && meet(self.y, self.height, other.y, other.height)
    }

    /// Its size.
    #[must_use]
    pub const fn size(self) -> Size {
        Size {
            width: self.width,
            height: self.height,
        }
    }

    /// How many pixels.
    #[must_use]
    pub const fn pixels(self) -> usize {
        self.size().pixels()
    }

    /// Whether it is wholly on a screen of this size.
    #[must_use]
    pub const fn is_within(self, size: Size) -> bool {
        self.x as u32 + self.width as u32 <= size.width as u32
            && self.y as u32 + self.height as u32 <= size.height as u32
    }
}

impl From<Rectangle> for Area {
    fn from(part: Rectangle) -> Self {
        Self {
            x: part.x.into(),
            y: part.y.into(),
            width: part.width.into(),
            height: part.height.into(),
        }
    }
}

impl TryFrom<Area> for Rectangle {
    type Error = RfbError;

    /// [`RfbError::Limit`] beyond 65535 pixels.
    fn try_from(area: Area) -> RfbResult<Self> {
        let side = |side: u32| {
            u16::try_from(side).map_err(|_| RfbError::Limit("a screen has at most 65535 pixels either way"))
        };
        Ok(Self {
            x: side(area.x)?,
            y: side(area.y)?,
            width: side(area.width)?,
            height: side(area.height)?,
        })
    }
}

/// What stands before the data of a rectangle in an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RectangleHeader {
    /// Where; what it means for a pseudo-encoding is for that to say.
    pub rectangle: Rectangle,
    /// How the data are written.
    pub encoding: Encoding,
}

impl RectangleHeader {
    /// Its length on the wire in bytes.
    pub const LENGTH: usize = 12;

    /// Reads a header, if all of it is there.
    pub fn read(input: &mut Input<'_>) -> Option<Self> {
        let mut bytes = Input::new(input.take(Self::LENGTH)?);
        let rectangle = Rectangle {
            x: bytes.u16()?,
            y: bytes.u16()?,
            width: bytes.u16()?,
            height: bytes.u16()?,
        };
        let encoding = Encoding(bytes.i32()?);
        Some(Self { rectangle, encoding })
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let Rectangle { x, y, width, height } = self.rectangle;
        let [x1, x0] = x.to_be_bytes();
        let [y1, y0] = y.to_be_bytes();
        let [w1, w0] = width.to_be_bytes();
        let [h1, h0] = height.to_be_bytes();
        let [e3, e2, e1, e0] = self.encoding.0.to_be_bytes();
        [x1, x0, y1, y0, w1, w0, h1, h0, e3, e2, e1, e0]
    }
}
