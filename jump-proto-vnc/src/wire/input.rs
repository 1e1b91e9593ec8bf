//! Reading numbers out of bytes that may not all be there yet.

use super::Rectangle;

/// Bytes that are read from the front. Every method gives `None`, and moves nothing, if not all of it is there.
///
/// All numbers of RFB are big-endian (RFC 6143 §7) except pixels, whose order the pixel format says.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Input<'a> {
    /// Reads `bytes` from their first one.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            length: bytes.len(),
        }
    }

    /// What was not read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes were read.
    #[must_use]
    pub const fn consumed(&self) -> usize {
        self.length - self.rest.len()
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(head)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    /// A U8.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A U16.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// A U32.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A place: U16 x, y, width and height.
    pub fn rectangle(&mut self) -> Option<Rectangle> {
        let mut bytes = Input::new(self.take(Rectangle::LENGTH)?);
        Some(Rectangle {
            x: bytes.u16()?,
            y: bytes.u16()?,
            width: bytes.u16()?,
            height: bytes.u16()?,
        })
    }

    /// An S32.
    pub fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_moves_nothing() {
        let mut input = Input::new(&[1, 2, 3, 4, 5]);
        assert_eq!(input.u32(), Some(0x0102_0304));
        assert_eq!(input.u16(), None);
        assert_eq!(input.take(2), None);
        assert_eq!((input.consumed(), input.rest()), (4, &[5][..]));
        assert_eq!(input.u8(), Some(5));
        assert_eq!(input.u8(), None);
    }
}
