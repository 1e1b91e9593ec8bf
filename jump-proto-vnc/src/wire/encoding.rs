//! Every encoding that may be negotiated: one table, from which the gate's clamp, the framer and the decoder follow.

/// An encoding or pseudo-encoding by its number (RFC 6143 §7.7, §7.8; rfbproto "Encodings").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Encoding(pub i32);

/// What a server does that may use an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncodingKind {
    /// It sends rectangles of pixels.
    Pixels,
    /// It sends rectangles that mean something else.
    Pseudo,
    /// It sends no rectangles of this number: the client says what it understands or likes.
    Hint,
}

macro_rules! encodings {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $kind:ident;)+) => {
        impl Encoding {
            $($(#[doc = $doc])+ pub const $name: Self = Self($number);)+

            /// Everything here that is not one of a range, in the order of this table.
            pub const KNOWN: &'static [Self] = &[$(Self::$name,)+];

            /// What it is for, or `None` if it is not known here: its length could not be known either, so it is
            /// never negotiated.
            #[must_use]
            pub const fn kind(self) -> Option<EncodingKind> {
                match self.0 {
                    $($number => Some(EncodingKind::$kind),)+
                    // JPEG quality and zlib compression, from low to high (rfbproto "JPEG Quality Level",
                    // "Compression Level"); fine-grained quality and subsampling (TurboVNC).
                    -32..=-23 | -256..=-247 | -512..=-412 | -768..=-763 => Some(EncodingKind::Hint),
                    _ => None,
                }
            }
        }
    };
}

encodings! {
    /// Pixels as they are (RFC 6143 §7.7.1).
    RAW = 0, Pixels;
    /// From another place of the screen (RFC 6143 §7.7.2).
    COPY_RECT = 1, Pixels;
    /// A background and rectangles of one colour (RFC 6143 §7.7.3).
    RRE = 2, Pixels;
    /// The same with small rectangles (rfbproto "CoRRE Encoding").
    CORRE = 4, Pixels;
    /// Tiles of 16×16 (RFC 6143 §7.7.4).
    HEXTILE = 5, Pixels;
    /// Raw pixels in one zlib stream (rfbproto "zlib Encoding").
    ZLIB = 6, Pixels;
    /// Palettes, gradients, JPEG, four zlib streams (rfbproto "Tight Encoding").
    TIGHT = 7, Pixels;
    /// Tiles of 16×16 with palettes and runs (RFC 6143 §7.7.5).
    TRLE = 15, Pixels;
    /// Tiles of 64×64 with palettes and runs in one zlib stream (RFC 6143 §7.7.6).
    ZRLE = 16, Pixels;
    /// Tight with PNG in place of zlib (rfbproto "Tight PNG Encoding").
    TIGHT_PNG = -260, Pixels;
    /// The cursor, in the pixel format (RFC 6143 §7.8.1).
    CURSOR = -239, Pseudo;
    /// The cursor in two colours (rfbproto "X Cursor Pseudo-encoding").
    X_CURSOR = -240, Pseudo;
    /// The cursor with transparency (rfbproto "Cursor With Alpha Pseudo-encoding").
    CURSOR_WITH_ALPHA = -314, Pseudo;
    /// A cursor as VMware writes it (rfbproto "VMware Cursor Pseudo-encoding").
    VMWARE_CURSOR = 0x574d_5664, Pseudo;
    /// Where the pointer is (rfbproto "PointerPos"; TightVNC, x11vnc).
    POINTER_POSITION = -232, Pseudo;
    /// The screen has another size (RFC 6143 §7.8.2).
    DESKTOP_SIZE = -223, Pseudo;
    /// The same with its screens, which the client may ask to change (rfbproto "ExtendedDesktopSize Pseudo-encoding").
    EXTENDED_DESKTOP_SIZE = -308, Pseudo;
    /// The desktop has another name (rfbproto "DesktopName Pseudo-encoding").
    DESKTOP_NAME = -307, Pseudo;
    /// No rectangle follows in this update (rfbproto "LastRect Pseudo-encoding").
    LAST_RECT = -224, Pseudo;
    /// Scan codes may be sent (rfbproto "QEMU Extended Key Event Pseudo-encoding").
    QEMU_EXTENDED_KEY = -258, Pseudo;
    /// Whether the pointer moves by differences (rfbproto "QEMU Pointer Motion Change Pseudo-encoding").
    QEMU_POINTER_MOTION = -257, Pseudo;
    /// Nine mouse buttons (rfbproto "Extended Mouse Buttons Pseudo-encoding").
    EXTENDED_MOUSE_BUTTONS = -316, Pseudo;
    /// The server's state of the locks on a keyboard (rfbproto "QEMU LED State Pseudo-encoding").
    QEMU_LED_STATE = -261, Pseudo;
    /// The same as VMware writes it (rfbproto "VMware LED State Pseudo-encoding").
    VMWARE_LED_STATE = 0x574d_5668, Pseudo;
    /// Tight's data may come without being compressed (rfbproto "Tight Encoding Without Zlib Pseudo-encoding").
    TIGHT_WITHOUT_ZLIB = -317, Hint;
    /// Marks in the stream (rfbproto "Fence Pseudo-encoding").
    FENCE = -312, Hint;
    /// Updates without being asked for (rfbproto "ContinuousUpdates Pseudo-encoding").
    CONTINUOUS_UPDATES = -313, Hint;
    /// Clipboards in Unicode and of other kinds (rfbproto "Extended Clipboard Pseudo-Encoding", 0xC0A1E5CE).
    EXTENDED_CLIPBOARD = -1_063_131_698, Hint;
}

impl Encoding {
    /// JPEG quality from 0 (small) to 9 (good): −32 to −23 (rfbproto "JPEG Quality Level Pseudo-encoding"). Greater is 9.
    #[must_use]
    pub const fn jpeg_quality(level: u8) -> Self {
        Self(-32 + if level > 9 { 9 } else { level as i32 })
    }

    /// zlib compression from 0 (fast) to 9 (small): −256 to −247 (rfbproto "Compression Level Pseudo-encoding"). Greater is 9.
    #[must_use]
    pub const fn compression(level: u8) -> Self {
        Self(-256 + if level > 9 { 9 } else { level as i32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_specification() {
        assert_eq!(Encoding::EXTENDED_CLIPBOARD.0 as u32, 0xC0A1_E5CE);
        assert_eq!(Encoding::jpeg_quality(9).0, -23);
        assert_eq!(Encoding::compression(9).0, -247);
        assert_eq!(Encoding(22).kind(), None);
        assert_eq!(Encoding::FENCE.kind(), Some(EncodingKind::Hint));
    }
}
