//! What an embedder drives when the target has a screen.

use std::fmt::{self, Debug};
use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{Error, ErrorKind, Result};

/// Bytes of one pixel: red, green, blue, alpha, 8 bits each.
pub const BYTES_PER_PIXEL: usize = 4;

/// A part of the screen in pixels, from its upper left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Area {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// To the right of `x`.
    pub width: u32,
    /// Below `y`.
    pub height: u32,
}

/// The picture on the screen, shared with the session and not copied.
///
/// While a frame is held the session takes nothing from the target, so look at it, and let it go. It may hold a part of an
/// update whose rest is still under way.
pub struct Frame {
    width: u32,
    height: u32,
    stride: usize,
    pixels: Box<dyn Deref<Target = [u8]> + Send + Sync>,
}

impl Frame {
    /// A frame of `width` × `height` pixels whose rows begin every `stride` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if `stride` is shorter than a row or `pixels` than `height` rows.
    pub fn new(
        width: u32,
        height: u32,
        stride: usize,
        pixels: impl Deref<Target = [u8]> + Send + Sync + 'static,
    ) -> Result<Self> {
        let row = (width as usize).checked_mul(BYTES_PER_PIXEL);
        let whole = stride.checked_mul(height as usize);
        match (row, whole) {
            (Some(row), Some(whole)) if row <= stride && whole <= pixels.len() => Ok(Self {
                width,
                height,
                stride,
                pixels: Box::new(pixels),
            }),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                "show a frame",
                "there are fewer bytes than its size needs",
            )),
        }
    }

    /// Its width in pixels.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Its height in pixels.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// The bytes from the begin of a row to that of the next.
    #[must_use]
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// The pixels from the upper left, RGBA, row by row; alpha is 255. `stride` × `height` bytes or more.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixels of a row, `width` × 4 bytes; `None` below the last.
    #[must_use]
    pub fn row(&self, y: u32) -> Option<&[u8]> {
        if y >= self.height {
            return None;
        }
        let start = y as usize * self.stride;
        self.pixels
            .get(start..start + self.width as usize * BYTES_PER_PIXEL)
    }

    /// A copy of its own, without gaps between rows.
    #[must_use]
    pub fn to_picture(&self) -> Picture {
        let mut rgba = Vec::with_capacity(self.width as usize * self.height as usize * BYTES_PER_PIXEL);
        for row in (0..self.height).filter_map(|y| self.row(y)) {
            rgba.extend_from_slice(row);
        }
        Picture {
            width: self.width,
            height: self.height,
            rgba,
        }
    }
}

impl Debug for Frame {
    /// The size only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} × {})", self.width, self.height)
    }
}

/// A picture of its own: a screenshot, a cursor.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Picture {
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// `width` × `height` pixels, RGBA, row by row, not premultiplied.
    pub rgba: Vec<u8>,
}

impl Debug for Picture {
    /// The size only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} × {})", self.width, self.height)
    }
}

/// The shape of the target's pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The picture; with transparency.
    pub picture: Picture,
    /// The pixel of it that points, from its left.
    pub hotspot_x: u32,
    /// The pixel of it that points, from its top.
    pub hotspot_y: u32,
}

/// Something that happened on the screen. What is state coalesces: a slow reader hears of the newest, never of less.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScreenEvent {
    /// These parts of the picture have changed since the event before of this kind. At most 64.
    Damage(Vec<Area>),
    /// The screen has another size; everything on it may have changed.
    Resized {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
    /// The pointer has another shape; `None` if it is not to be seen.
    Cursor(Option<Arc<Cursor>>),
    /// The target moved the pointer.
    PointerMoved {
        /// From the left.
        x: u32,
        /// From the top.
        y: u32,
    },
    /// The target's clipboard has this text, at most 1 MiB. Show it escaped.
    Clipboard(String),
    /// The target rang its bell.
    Bell,
    /// The desktop has another name, as the target says it. Show it escaped.
    Name(String),
}

/// Buttons of a pointer that are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PointerButtons(pub u16);

impl PointerButtons {
    /// None.
    pub const NONE: Self = Self(0);
    /// The left one.
    pub const LEFT: Self = Self(1);
    /// The middle one.
    pub const MIDDLE: Self = Self(1 << 1);
    /// The right one.
    pub const RIGHT: Self = Self(1 << 2);
    /// The one that leads back.
    pub const BACK: Self = Self(1 << 7);
    /// The one that leads forward.
    pub const FORWARD: Self = Self(1 << 8);

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of those are held.
    #[must_use]
    pub const fn holds(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// An X11 keysym: what a key means, not where it is (X Window System Protocol, appendix A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keysym(pub u32);

impl Keysym {
    /// The keysym that types a character: Latin-1 stands for itself; a character that had a keysym before Unicode has that one,
    /// because servers know only those as upper and lower case of each other; everything else is 0x0100_0000 and its code
    /// point. Line ends are Return, a tab is Tab (X Window System Protocol, appendix A, and "Unicode keysyms").
    #[must_use]
    pub fn of(character: char) -> Self {
        Self(match character {
            '\n' | '\r' => 0xff0d,
            '\t' => 0xff09,
            '\u{8}' => 0xff08,
            '\u{1b}' => 0xff1b,
            '\u{7f}' => 0xffff,
            ' '..='~' | '\u{a0}'..='\u{ff}' => character as u32,
            '\0'..='\u{9f}' => UNICODE | character as u32,
            // Code points that are no characters have none there.
            _ => match xkeysym::Keysym::from_char(character).raw() {
                0 => UNICODE | character as u32,
                keysym => keysym,
            },
        })
    }

    /// The character that a keysym of a letter, a digit or a sign types; `None` for keys that only do something.
    #[must_use]
    pub fn character(self) -> Option<char> {
        xkeysym::Keysym::new(self.0)
            .key_char()
            .filter(|character| !character.is_control())
    }
}

/// Keysyms from here on are code points of Unicode (X Window System Protocol, appendix A, "Unicode keysyms").
const UNICODE: u32 = 0x0100_0000;

/// A session with a screen, a keyboard, a pointer and a clipboard. All methods can be called from several tasks at once.
///
/// What the grant does not permit is [`ErrorKind::Denied`] before anything is sent; the gate enforces it as well.
#[async_trait]
pub trait ScreenSession: Send + Sync + Debug {
    /// Waits until the whole screen has been painted once. Cancel-safe.
    async fn painted(&self) -> Result<()>;

    /// The picture as it is now, shared. Cancel-safe.
    async fn frame(&self) -> Result<Frame>;

    /// A copy of the picture, for keeping, once the screen has been painted. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] without the permission `screenshot`.
    async fn screenshot(&self) -> Result<Picture>;

    /// The next event; `None` after the session was closed in order. Cancel-safe. Meant for one task: two would share the
    /// events.
    async fn next_event(&self) -> Result<Option<ScreenEvent>>;

    /// Presses or releases a key. Not cancel-safe: it may have been sent.
    async fn key(&self, key: Keysym, pressed: bool) -> Result<()>;

    /// Moves the pointer to a pixel and says which buttons are held there. Not cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] beyond the screen.
    async fn pointer(&self, x: u32, y: u32, buttons: PointerButtons) -> Result<()>;

    /// Turns the wheel at the pointer's place: steps to the right and down, negative to the left and up, −100..=100 each.
    /// Not cancel-safe.
    async fn scroll(&self, right: i32, down: i32) -> Result<()>;

    /// Gives the target's clipboard a text of at most 1 MiB. Not cancel-safe.
    async fn set_clipboard(&self, text: &str) -> Result<()>;

    /// Asks for another size of the screen; [`ScreenEvent::Resized`] says when it has one. Not cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the target cannot change it, [`ErrorKind::Denied`] if it does not want to.
    async fn resize(&self, width: u32, height: u32) -> Result<()>;

    /// The desktop's name, as the target says it. Show it escaped.
    fn name(&self) -> String;

    /// Closes the session.
    async fn close(&self) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_all_of_its_rows() {
        let bytes: Vec<u8> = (0..2 * 12).collect();
        let frame = Frame::new(2, 2, 12, bytes.clone()).unwrap();
        assert_eq!(frame.row(1), Some(&bytes[12..20]));
        assert_eq!(frame.row(2), None);
        assert_eq!(frame.to_picture().rgba, [&bytes[..8], &bytes[12..20]].concat());
        for (width, height, stride) in [
            (2, 3, 12),
            (4, 1, 12),
            (1, u32::MAX, usize::MAX),
            (u32::MAX, 1, 12),
        ] {
            let error = Frame::new(width, height, stride, bytes.clone()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }

    #[test]
    fn characters_have_the_keysyms_of_the_x_protocol() {
        for (character, keysym) in [
            ('a', 0x61),
            ('Ä', 0xc4),
            ('\n', 0xff0d),
            ('€', 0x20ac),
            ('ж', 0x06d6),
            ('Ж', 0x06f6),
            ('ω', 0x07f9),
            ('Ł', 0x01a3),
            ('א', 0x0ce0),
            ('日', 0x0100_65e5),
            ('\u{1}', 0x0100_0001),
            ('\u{ffff}', 0x0100_ffff),
        ] {
            assert_eq!(Keysym::of(character), Keysym(keysym));
        }
        for character in ('\u{20}'..='\u{ffff}').filter(|character| !character.is_control()) {
            let noncharacter = matches!(character, '\u{fdd0}'..='\u{fdef}' | '\u{fffe}'..);
            let typed = Keysym::of(character).character();
            assert!(
                noncharacter || typed == Some(character),
                "{character:?} is typed as {typed:?}"
            );
        }
    }
}
