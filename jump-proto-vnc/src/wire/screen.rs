//! The screens that a framebuffer is made of (rfbproto "Screen Model").

use super::{Input, Rectangle};

/// One screen in a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Screen {
    /// Its number, which stays the same through changes.
    pub id: u32,
    /// Where it is in the framebuffer.
    pub rectangle: Rectangle,
    /// No bit of it means anything yet; they are kept.
    pub flags: u32,
}

impl Screen {
    /// Its length on the wire in bytes.
    pub const LENGTH: usize = 16;

    /// Reads a screen, if all of it is there.
    pub fn read(input: &mut Input<'_>) -> Option<Self> {
        let mut bytes = Input::new(input.take(Self::LENGTH)?);
        Some(Self {
            id: bytes.u32()?,
            rectangle: bytes.rectangle()?,
            flags: bytes.u32()?,
        })
    }

    /// Appends its bytes.
    pub fn write(self, output: &mut Vec<u8>) {
        output.extend(self.id.to_be_bytes());
        output.extend(self.rectangle.to_bytes());
        output.extend(self.flags.to_be_bytes());
    }
}
