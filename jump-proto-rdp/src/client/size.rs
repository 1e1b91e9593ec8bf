//! How large a screen may be.

use jump_core::screen;
use jump_core::{Error, ErrorKind, Result};

/// The most pixels either way (MS-RDPEDISP §2.2.2.2.1).
pub const MAX_SIDE: u16 = 8192;
/// The most pixels in all: 135 MiB, and as much again while it is decoded.
pub const MAX_PIXELS: u32 = 8192 * 4320;

/// The size of a screen in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: u16,
    pub(super) height: u16,
}

impl Size {
    /// A size that a screen may have.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if it has no pixels, [`ErrorKind::ResourceLimit`] if it has too many.
    pub(super) fn of_screen(width: u16, height: u16, operation: &'static str) -> Result<Self> {
        let size = Self { width, height };
        let wrong = |kind, message: &str| {
            let message = format!("{message}: {width} × {height} pixels");
            Err(Error::new(kind, operation, message))
        };
        if size.pixels() == 0 {
            return wrong(ErrorKind::Protocol, "the server's screen has no pixels");
        }
        if width > MAX_SIDE || height > MAX_SIDE || size.pixels() > MAX_PIXELS {
            return wrong(ErrorKind::ResourceLimit, "the server's screen is too large");
        }
        Ok(size)
    }

    pub(super) fn pixels(self) -> u32 {
        u32::from(self.width) * u32::from(self.height)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    #[test]
    fn s27_the_largest_screen_is_allowed_and_one_more_row_is_not() {
        assert!(Size::of_screen(8192, 4320, "test").is_ok());
        for (width, height) in [(8192, 4321), (8193, 1), (1, 8193), (65535, 65535)] {
            let error = Size::of_screen(width, height, "test").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ResourceLimit);
        }
        for (width, height) in [(0, 0), (0, 10), (10, 0)] {
            let error = Size::of_screen(width, height, "test").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
        }
    }
}
