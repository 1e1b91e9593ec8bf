//! The size of everything: all arithmetic with numbers that a peer chose, for the decoder and the walker alike.

use crate::wire::{Encoding, Input, PixelFormat, Rectangle, RectangleHeader, Size, limits};
use crate::{RfbError, RfbResult};

/// How the data of a rectangle are laid out. The decoder and the walker go by this one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Raw,
    CopyRect,
    Rre,
    CoRre,
    Hextile,
    Zlib,
    Tight {
        png: bool,
    },
    Trle,
    Zrle,
    Cursor,
    XCursor,
    CursorWithAlpha,
    VmwareCursor,
    Screens,
    Name,
    QemuLeds,
    VmwareLeds,
    LastRect,
    /// No data: the header says it all.
    Header,
}

impl Shape {
    /// The layout of an encoding's rectangles.
    ///
    /// # Errors
    /// [`RfbError::Unsupported`] if it has none here: nobody could say where the next rectangle begins.
    pub(crate) fn of(encoding: Encoding) -> RfbResult<Self> {
        Ok(match encoding {
            Encoding::RAW => Self::Raw,
            Encoding::COPY_RECT => Self::CopyRect,
            Encoding::RRE => Self::Rre,
            Encoding::CORRE => Self::CoRre,
            Encoding::HEXTILE => Self::Hextile,
            Encoding::ZLIB => Self::Zlib,
            Encoding::TIGHT => Self::Tight { png: false },
            Encoding::TIGHT_PNG => Self::Tight { png: true },
            Encoding::TRLE => Self::Trle,
            Encoding::ZRLE => Self::Zrle,
            Encoding::CURSOR => Self::Cursor,
            Encoding::X_CURSOR => Self::XCursor,
            Encoding::CURSOR_WITH_ALPHA => Self::CursorWithAlpha,
            Encoding::VMWARE_CURSOR => Self::VmwareCursor,
            Encoding::EXTENDED_DESKTOP_SIZE => Self::Screens,
            Encoding::DESKTOP_NAME => Self::Name,
            Encoding::QEMU_LED_STATE => Self::QemuLeds,
            Encoding::VMWARE_LED_STATE => Self::VmwareLeds,
            Encoding::LAST_RECT => Self::LastRect,
            Encoding::POINTER_POSITION
            | Encoding::DESKTOP_SIZE
            | Encoding::QEMU_EXTENDED_KEY
            | Encoding::QEMU_POINTER_MOTION
            | Encoding::EXTENDED_MOUSE_BUTTONS => Self::Header,
            _ => return Err(RfbError::Unsupported("a rectangle of an unknown encoding")),
        })
    }
}

/// The greatest length of a cursor's side is checked before any arithmetic with it.
///
/// # Errors
/// [`RfbError::Limit`].
pub(crate) fn cursor_size(header: &RectangleHeader) -> RfbResult<Size> {
    let size = header.rectangle.size();
    if size.width > limits::MAX_CURSOR_SIDE || size.height > limits::MAX_CURSOR_SIDE {
        return Err(RfbError::Limit("a cursor is at most 512 pixels wide and high"));
    }
    Ok(size)
}

/// Bytes of a picture with one bit for a pixel, whose rows end with a byte.
pub(crate) const fn mask_length(size: Size) -> usize {
    row_of_bits(size.width as usize, 1) * size.height as usize
}

/// Bytes of a row of `bits` bits for a pixel, filled up to a whole byte.
pub(crate) const fn row_of_bits(width: usize, bits: usize) -> usize {
    (width * bits).div_ceil(8)
}

/// Bytes after the header of a Cursor rectangle (RFC 6143 §7.8.1).
pub(crate) const fn cursor_length(size: Size, bytes_per_pixel: usize) -> usize {
    size.pixels() * bytes_per_pixel + mask_length(size)
}

/// Bytes after the header of an X Cursor rectangle (rfbproto "X Cursor Pseudo-encoding"): two colours, two masks, or
/// nothing for no cursor.
pub(crate) const fn x_cursor_length(size: Size) -> usize {
    if size.pixels() == 0 {
        0
    } else {
        6 + 2 * mask_length(size)
    }
}

/// Bytes after the kind of a VMware cursor (rfbproto "VMware Cursor Pseudo-encoding").
///
/// # Errors
/// [`RfbError::Protocol`] for a kind that is not known.
pub(crate) const fn vmware_cursor_length(kind: u8, size: Size, bytes_per_pixel: usize) -> RfbResult<usize> {
    match kind {
        0 => Ok(size.pixels() * bytes_per_pixel * 2),
        1 => Ok(size.pixels() * 4),
        _ => Err(RfbError::Protocol("a cursor of an unknown kind")),
    }
}

/// Bytes after the first four of an ExtendedDesktopSize rectangle.
///
/// # Errors
/// [`RfbError::Limit`].
pub(crate) const fn screens_length(count: u8) -> RfbResult<usize> {
    if count > limits::MAX_SCREENS {
        return Err(RfbError::Limit("a layout has at most 64 screens"));
    }
    Ok(count as usize * 16)
}

/// The length of a desktop's name.
///
/// # Errors
/// [`RfbError::Limit`].
pub(crate) fn name_length(length: u32) -> RfbResult<usize> {
    match usize::try_from(length) {
        Ok(length) if length <= limits::MAX_NAME_BYTES => Ok(length),
        _ => Err(RfbError::Limit("a desktop's name has at most 4096 bytes")),
    }
}

/// The number of rectangles within an RRE or CoRRE one. Each has a pixel at least, and no two the same in what any
/// encoder writes.
///
/// # Errors
/// [`RfbError::Limit`].
pub(crate) fn subrectangles(count: u32, rectangle: Rectangle) -> RfbResult<usize> {
    match usize::try_from(count) {
        Ok(count) if count <= rectangle.pixels() => Ok(count),
        _ => Err(RfbError::Limit("a rectangle has more parts than pixels")),
    }
}

/// The length of a compressed piece for `uncompressed` bytes. No deflate stream needs twice as much for data that do
/// not compress: a stored block is 5 bytes longer than what it holds (RFC 1951 §3.2.4), and Z_SYNC_FLUSH adds one.
///
/// # Errors
/// [`RfbError::Limit`].
pub(crate) fn compressed_length(length: u32, uncompressed: usize) -> RfbResult<usize> {
    match usize::try_from(length) {
        Ok(length) if length <= uncompressed.saturating_mul(2).saturating_add(1024) => Ok(length),
        _ => Err(RfbError::Limit(
            "compressed data are longer than the rectangle allows",
        )),
    }
}

/// The most that ZRLE's tiles may have before compression: the worst is a run of each pixel (RFC 6143 §7.7.6).
pub(crate) const fn zrle_length(rectangle: Rectangle, bytes_per_pixel: usize) -> usize {
    let tiles = (rectangle.width as usize).div_ceil(64) * (rectangle.height as usize).div_ceil(64);
    rectangle.pixels() * (bytes_per_pixel + 1) + tiles * (1 + 127 * bytes_per_pixel)
}

/// The most pixels of a JPEG or PNG picture within a rectangle, which is unpacked whole beside the screen. Servers divide
/// what they paint into less: a rectangle of Tight is at most 2048 pixels wide (rfbproto "Tight Encoding").
pub(super) const MAX_PICTURE_PIXELS: usize = 1 << 22;

/// The length of a JPEG or PNG picture of a rectangle: what neither exceeds even where it does not compress, tables and
/// comments included.
///
/// # Errors
/// [`RfbError::Limit`].
pub(crate) fn picture_length(length: usize, rectangle: Rectangle) -> RfbResult<usize> {
    if rectangle.pixels() > MAX_PICTURE_PIXELS {
        return Err(RfbError::Limit("a picture within a rectangle is too large"));
    }
    if length > rectangle.pixels() * 8 + 64 * 1024 {
        return Err(RfbError::Limit("a picture is longer than the rectangle allows"));
    }
    Ok(length)
}

/// Bytes after the header of a rectangle from which the length of the rest follows, or `None` if that takes more than
/// one look (Hextile, Tight, TRLE).
pub(crate) const fn lead_length(shape: Shape, format: PixelFormat) -> Option<usize> {
    Some(match shape {
        Shape::Hextile | Shape::Tight { .. } | Shape::Trle => return None,
        Shape::Rre | Shape::CoRre => 4 + format.bytes_per_pixel(),
        Shape::CopyRect
        | Shape::Zlib
        | Shape::Zrle
        | Shape::CursorWithAlpha
        | Shape::Screens
        | Shape::Name
        | Shape::VmwareLeds => 4,
        Shape::VmwareCursor => 2,
        Shape::QemuLeds => 1,
        Shape::Raw | Shape::Cursor | Shape::XCursor | Shape::LastRect | Shape::Header => 0,
    })
}

/// Bytes after the lead.
///
/// # Errors
/// [`RfbError`] if that is more than a limit allows, or if the lead has no meaning.
pub(crate) fn rest_length(
    shape: Shape,
    header: &RectangleHeader,
    lead: &[u8],
    format: PixelFormat,
) -> RfbResult<usize> {
    let rectangle = header.rectangle;
    let pixel = format.bytes_per_pixel();
    let mut lead = Input::new(lead);
    let mut number = || lead.u32().unwrap_or_default();
    match shape {
        Shape::Raw => Ok(rectangle.pixels() * pixel),
        Shape::Rre => Ok(subrectangles(number(), rectangle)? * (pixel + 8)),
        Shape::CoRre => Ok(subrectangles(number(), rectangle)? * (pixel + 4)),
        Shape::Zlib => compressed_length(number(), rectangle.pixels() * pixel),
        Shape::Zrle => compressed_length(number(), zrle_length(rectangle, compact_bytes(format))),
        Shape::Cursor => Ok(cursor_length(cursor_size(header)?, pixel)),
        Shape::XCursor => Ok(x_cursor_length(cursor_size(header)?)),
        // The data could have any encoding; servers have but Raw.
        Shape::CursorWithAlpha if number() != 0 => {
            Err(RfbError::Unsupported("a cursor with alpha that is not Raw"))
        }
        Shape::CursorWithAlpha => Ok(cursor_size(header)?.pixels() * 4),
        Shape::VmwareCursor => {
            let kind = lead.u8().unwrap_or(u8::MAX);
            vmware_cursor_length(kind, cursor_size(header)?, pixel)
        }
        Shape::Screens => screens_length(lead.u8().unwrap_or_default()),
        Shape::Name => name_length(number()),
        Shape::CopyRect
        | Shape::QemuLeds
        | Shape::VmwareLeds
        | Shape::LastRect
        | Shape::Header
        | Shape::Hextile
        | Shape::Tight { .. }
        | Shape::Trle => Ok(0),
    }
}

/// The size that the screen has behind a rectangle, if it says one. A wish of this client that was not granted says none
/// (rfbproto "ExtendedDesktopSize Pseudo-encoding": reason 1, status not 0).
pub(crate) fn new_size(header: &RectangleHeader) -> Option<Size> {
    let RectangleHeader { rectangle, encoding } = *header;
    match encoding {
        Encoding::DESKTOP_SIZE => Some(rectangle.size()),
        Encoding::EXTENDED_DESKTOP_SIZE if rectangle.x != 1 || rectangle.y == 0 => Some(rectangle.size()),
        _ => None,
    }
}

/// Every change of size is a new picture.
pub(crate) const TOO_MANY_RESIZES: RfbError =
    RfbError::Limit("an update changes the screen's size too often");

/// Where the three bytes of a CPIXEL stand within a pixel of four (RFC 6143 §7.7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compact {
    /// All of a pixel is sent.
    No,
    /// The last byte is left out.
    FirstThree,
    /// The first byte is left out.
    LastThree,
}

/// How CPIXELs of a format are written: in three bytes if the format is true-colour, of 32 bits and a depth of at most
/// 24, and all of its colours fit either the lowest or the highest three bytes.
pub(crate) fn compact(format: PixelFormat) -> Compact {
    let Some(channels) = format.channels() else {
        return Compact::No;
    };
    if format.bits_per_pixel() != 32 || format.depth() > 24 {
        return Compact::No;
    }
    let mask = channels.iter().fold(0u32, |mask, channel| {
        mask | u32::from(channel.max) << channel.shift
    });
    let (lowest, highest) = (mask & 0xff00_0000 == 0, mask & 0xff == 0);
    // Where both fit the RFC does not say which: servers leave the last byte out.
    match if format.is_big_endian() {
        (highest, lowest)
    } else {
        (lowest, highest)
    } {
        (true, _) => Compact::FirstThree,
        (false, true) => Compact::LastThree,
        (false, false) => Compact::No,
    }
}

/// Bytes of a CPIXEL.
pub(crate) fn compact_bytes(format: PixelFormat) -> usize {
    if compact(format) == Compact::No {
        format.bytes_per_pixel()
    } else {
        3
    }
}

/// Whether Tight's pixels are the three bytes red, green, blue (rfbproto "Tight Encoding", TPIXEL).
pub(crate) fn tight_is_rgb(format: PixelFormat) -> bool {
    format.bits_per_pixel() == 32
        && format.depth() == 24
        && format
            .channels()
            .is_some_and(|channels| channels.iter().all(|channel| channel.max == 255))
}

/// Bytes of a TPIXEL.
pub(crate) fn tight_bytes(format: PixelFormat) -> usize {
    if tight_is_rgb(format) {
        3
    } else {
        format.bytes_per_pixel()
    }
}

/// What one update may cost. Pixels that cost nothing on the wire (fills, copies, rectangles painted over again and again)
/// must not cost us more than a few screens' worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pixels: usize,
    resizes: u8,
}

impl Budget {
    /// A server that paints every pixel does so once; sixteen times leaves room for scrolling.
    const SCREENS: usize = 16;
    /// What any update may paint, however small the screen is.
    const LEAST_PIXELS: usize = 1 << 22;
    /// How often it may change the screen's size.
    pub(crate) const RESIZES: u8 = 4;

    /// What an update of a screen may cost.
    pub(crate) const fn new(screen: Size) -> Self {
        Self {
            pixels: Self::pixels_for(screen),
            resizes: Self::RESIZES,
        }
    }

    const fn pixels_for(screen: Size) -> usize {
        let wanted = screen.pixels() * Self::SCREENS;
        if wanted < Self::LEAST_PIXELS {
            Self::LEAST_PIXELS
        } else {
            wanted
        }
    }

    /// Takes what a rectangle paints.
    ///
    /// # Errors
    /// [`RfbError::Limit`].
    pub(crate) fn paint(&mut self, pixels: usize) -> RfbResult<()> {
        self.pixels = self
            .pixels
            .checked_sub(pixels)
            .ok_or(RfbError::Limit("an update paints the screen too often"))?;
        Ok(())
    }

    /// Takes a change of size.
    ///
    /// # Errors
    /// [`RfbError::Limit`].
    pub(crate) fn resize(&mut self, screen: Size) -> RfbResult<()> {
        self.resizes = self.resizes.checked_sub(1).ok_or(TOO_MANY_RESIZES)?;
        self.pixels = self.pixels.max(Self::pixels_for(screen));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Channel, EncodingKind};

    const SIZES: [u16; 9] = [0, 1, 7, 8, 64, 512, 513, 16384, 65535];

    #[test]
    fn every_encoding_that_may_be_negotiated_can_be_measured() {
        for encoding in Encoding::KNOWN {
            let rectangles = encoding.kind() != Some(EncodingKind::Hint);
            assert_eq!(Shape::of(*encoding).is_ok(), rectangles, "{encoding:?}");
        }
    }

    #[test]
    fn the_byte_that_a_cpixel_leaves_out_is_the_one_that_servers_leave_out() {
        let mut found = Vec::new();
        // The lowest three bytes, the highest three, either, neither.
        for (bits, shifts) in [
            (8, [0, 8, 16]),
            (8, [8, 16, 24]),
            (4, [8, 12, 16]),
            (8, [0, 8, 24]),
        ] {
            let channels = shifts.map(|shift| Channel {
                max: (1 << bits) - 1,
                shift,
            });
            found.push(
                [false, true].map(|big_endian| {
                    compact(PixelFormat::true_colour(32, 24, big_endian, channels).unwrap())
                }),
            );
        }
        let (first, last, no) = (Compact::FirstThree, Compact::LastThree, Compact::No);
        assert_eq!(found, [[first, last], [last, first], [first, first], [no, no]]);
    }

    #[test]
    fn no_size_and_no_count_overflows() {
        for (width, height) in SIZES.into_iter().flat_map(|w| SIZES.map(|h| (w, h))) {
            let rectangle = Rectangle {
                x: 65535,
                y: 65535,
                width,
                height,
            };
            for count in [0, 1, 255, 256, 0x7fff_ffff, 0x8000_0000, u32::MAX - 1, u32::MAX] {
                assert_eq!(
                    subrectangles(count, rectangle).is_ok(),
                    u64::from(count) <= u64::from(width) * u64::from(height)
                );
                let longest = rectangle.pixels() as u64 * 8 + 1024;
                assert_eq!(
                    compressed_length(count, rectangle.pixels() * 4).is_ok(),
                    u64::from(count) <= longest
                );
            }
            assert!(zrle_length(rectangle, 4) >= rectangle.pixels() * 4);
            let header = RectangleHeader {
                rectangle,
                encoding: Encoding::CURSOR,
            };
            assert_eq!(cursor_size(&header).is_ok(), width <= 512 && height <= 512);
        }
        assert!(name_length(4096).is_ok() && name_length(4097).is_err() && name_length(u32::MAX).is_err());
        assert!(screens_length(64).is_ok() && screens_length(65).is_err());
    }

    #[test]
    fn a_cpixel_has_three_bytes_where_the_colours_allow_it() {
        let format = |depth, big_endian, shifts: [u8; 3]| {
            let channels = shifts.map(|shift| Channel { max: 255, shift });
            PixelFormat::true_colour(32, depth, big_endian, channels).unwrap()
        };
        assert_eq!(compact(format(24, false, [16, 8, 0])), Compact::FirstThree);
        assert_eq!(compact(format(24, true, [16, 8, 0])), Compact::LastThree);
        assert_eq!(compact(format(24, false, [24, 16, 8])), Compact::LastThree);
        assert_eq!(compact(format(24, true, [24, 16, 8])), Compact::FirstThree);
        assert_eq!(compact(format(24, false, [24, 8, 0])), Compact::No);
        assert_eq!(compact(format(32, false, [16, 8, 0])), Compact::No);
        assert_eq!(compact(PixelFormat::RGB565), Compact::No);
        assert_eq!(
            compact(PixelFormat::colour_map(32, 8, false).unwrap()),
            Compact::No
        );
    }
}
