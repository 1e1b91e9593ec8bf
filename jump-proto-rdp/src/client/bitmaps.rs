//! Bitmap updates (MS-RDPBCGR §2.2.9.1.1.3.1.2, §2.2.9.1.2.1.2), painted straight into the picture that callers share.
//!
//! IronRDP decodes them, too, into a picture of its own that every other codec paints into. A server that sends bitmaps alone
//! needs that one neither filled nor copied. What cannot be painted here is left to IronRDP, over the picture as it is then.

use ironrdp_core::{ReadCursor, decode, decode_cursor};
use ironrdp_graphics::color_conversion::{rdp_15bit_to_rgb, rdp_16bit_to_rgb};
use ironrdp_graphics::rdp6::BitmapStreamDecoder;
use ironrdp_graphics::rle::{self, RlePixelFormat};
use ironrdp_pdu::Action;
use ironrdp_pdu::bitmap::{BitmapData, BitmapUpdateData, Compression};
use ironrdp_pdu::fast_path::{FastPathHeader, FastPathUpdatePdu, Fragmentation, UpdateCode};
use jump_core::protocol::Area;

use super::picture::{Picture, area};
use super::size::Size;
use crate::wire::share::{self, Control, Graphics, number};
use crate::wire::{Domain, domain};

/// The most bytes of messages whose update is not whole yet; more are IronRDP's, which keeps no heads of empty fragments.
const MAX_KEPT: usize = 9 << 20;
/// What a buffer may keep between updates.
const MAX_SPARE: usize = 1 << 20;
/// So many columns may be sent beyond those that are shown: widths are rounded up, or are those of tiles.
const MAX_BEYOND: u32 = 64;
/// How often one update may fill the screen. Nobody sees the picture while it is painted, so what takes longer is IronRDP's.
const MAX_SCREENS: u64 = 4;

/// What a message is to this painter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A fragment, kept until the last one is there.
    Kept,
    /// Bitmaps, whole: paint them.
    Bitmaps,
    /// For IronRDP, which paints nothing of it.
    NotPainted,
    /// For IronRDP, after what was painted here and all that is kept.
    Others,
}

/// Paints bitmaps, and keeps the fragments of the update that is under way.
#[derive(Default)]
pub(super) struct Bitmaps {
    /// Whether the picture has something that IronRDP's has not.
    pub(super) painted: bool,
    /// Whole messages, one after the other.
    kept: Vec<u8>,
    /// An update of several messages.
    update: Vec<u8>,
    decoder: BitmapStreamDecoder,
    /// Pixels of one bitmap as its codec gives them.
    pixels: Vec<u8>,
}

impl Bitmaps {
    /// Where settings change, callers go on seeing the picture and IronRDP begins with a black one.
    pub(super) fn over_picture() -> Self {
        Self {
            painted: true,
            ..Self::default()
        }
    }

    /// Takes a message in. After [`Kind::Bitmaps`] it is to be given to [`paint`](Self::paint), too.
    pub(super) fn sort(&mut self, action: Action, message: &[u8]) -> Kind {
        if action == Action::X224 {
            let slow = slow_updates(message).unwrap_or_default();
            return common(slow.iter().map(|(kind, _)| *kind)).unwrap_or(Kind::Others);
        }
        let Some(updates) = updates(message) else {
            return Kind::Others;
        };
        let alone = updates.len() == 1;
        let kinds = updates
            .iter()
            .map(|update| match (update.update_code, update.fragmentation) {
                (UpdateCode::Bitmap, Fragmentation::Single) if self.kept.is_empty() => Kind::Bitmaps,
                (UpdateCode::Bitmap, Fragmentation::First) if alone && self.kept.is_empty() => Kind::Kept,
                (UpdateCode::Bitmap, Fragmentation::Next) if !self.kept.is_empty() && alone => Kind::Kept,
                (UpdateCode::Bitmap, Fragmentation::Last) if !self.kept.is_empty() && alone => Kind::Bitmaps,
                (code, Fragmentation::Single) if self.kept.is_empty() && !paints(code) => Kind::NotPainted,
                _ => Kind::Others,
            });
        match common(kinds).unwrap_or(Kind::NotPainted) {
            Kind::Kept if self.kept.len() + message.len() > MAX_KEPT => Kind::Others,
            Kind::Kept => {
                self.kept.extend_from_slice(message);
                Kind::Kept
            }
            kind => kind,
        }
    }

    /// Paints what a message holds, or ends, and says where; `None` if it is IronRDP's after all. Some of it may be painted
    /// then, and will be once more.
    pub(super) fn paint(
        &mut self,
        action: Action,
        message: &[u8],
        picture: &mut Picture,
    ) -> Option<Vec<Area>> {
        let mut painted = Vec::new();
        if action == Action::X224 {
            for (_, update) in slow_updates(message)? {
                self.update(update, picture, &mut painted)?;
            }
            return Some(painted);
        }
        if self.kept.is_empty() {
            for update in updates(message)? {
                self.update(update.data, picture, &mut painted)?;
            }
            return Some(painted);
        }
        let mut whole = std::mem::take(&mut self.update);
        whole.clear();
        for kept in messages(&self.kept).chain([message]) {
            for part in updates(kept)? {
                whole.extend_from_slice(part.data);
            }
        }
        self.update(&whole, picture, &mut painted)?;
        if whole.capacity() <= MAX_SPARE {
            self.update = whole;
        }
        self.kept.clear();
        self.kept.shrink_to(MAX_SPARE);
        Some(painted)
    }

    /// The messages of the update that is under way, in their order.
    pub(super) fn kept(&self) -> impl Iterator<Item = &[u8]> {
        messages(&self.kept)
    }

    fn update(&mut self, update: &[u8], picture: &mut Picture, painted: &mut Vec<Area>) -> Option<()> {
        let bitmaps = decode::<BitmapUpdateData<'_>>(update).ok()?.rectangles;
        let pixels = |bitmap: &BitmapData<'_>| u64::from(bitmap.width) * u64::from(bitmap.height);
        let most = MAX_SCREENS * u64::from(picture.size.pixels()).max(MAX_SPARE as u64);
        if bitmaps.iter().map(pixels).sum::<u64>() > most {
            return None;
        }
        for bitmap in bitmaps {
            painted.push(self.bitmap(&bitmap, picture)?);
        }
        self.pixels.clear();
        self.pixels.shrink_to(MAX_SPARE);
        self.painted = true;
        Some(())
    }

    /// Paints one bitmap (MS-RDPBCGR §2.2.9.1.1.3.1.2.2). Its rows come from the lowest to the highest.
    fn bitmap(&mut self, bitmap: &BitmapData<'_>, picture: &mut Picture) -> Option<Area> {
        let part = destination(bitmap, picture.size)?;
        let (width, height) = (usize::from(bitmap.width), usize::from(bitmap.height));
        self.pixels.clear();
        if !bitmap.compression_flags.contains(Compression::BITMAP_COMPRESSION) {
            // Each row has a multiple of four bytes (§2.2.9.1.1.3.1.2.2, `bitmapDataStream`).
            let stride = |bytes: usize| (width * bytes).next_multiple_of(4);
            return paint_depth(
                bitmap.bits_per_pixel,
                bitmap.bitmap_data,
                stride,
                height,
                part,
                picture,
            );
        }
        if bitmap.bits_per_pixel == 32 {
            // MS-RDPEGDI §2.2.2.5.1.
            self.decoder
                .decode_bitmap_stream_to_rgb24(bitmap.bitmap_data, &mut self.pixels, width, height)
                .ok()?;
            let rows = rows(&self.pixels, width * 3, height)?;
            picture.paint_rows(part, rows, |[red, green, blue]| [red, green, blue, 255]);
            return Some(part);
        }
        let depth = bitmap.bits_per_pixel.into();
        // MS-RDPBCGR §2.2.9.1.1.3.1.2.4.
        let format = rle::decompress(bitmap.bitmap_data, &mut self.pixels, width, height, depth).ok()?;
        let depth = match format {
            RlePixelFormat::Rgb24 => 24,
            RlePixelFormat::Rgb16 => 16,
            RlePixelFormat::Rgb15 => 15,
            // A palette is IronRDP's.
            RlePixelFormat::Rgb8 => return None,
        };
        paint_depth(depth, &self.pixels, |bytes| width * bytes, height, part, picture)
    }
}

/// Paints rows of a depth in bits, which are so many bytes apart for so many of a pixel.
fn paint_depth(
    depth: u16,
    pixels: &[u8],
    stride: impl Fn(usize) -> usize,
    height: usize,
    part: Area,
    picture: &mut Picture,
) -> Option<Area> {
    let opaque = |[red, green, blue]: [u8; 3]| [red, green, blue, 255];
    match depth {
        32 => picture.paint_rows(
            part,
            rows(pixels, stride(4), height)?,
            |[blue, green, red, _]: [u8; 4]| [red, green, blue, 255],
        ),
        24 => picture.paint_rows(
            part,
            rows(pixels, stride(3), height)?,
            |[blue, green, red]: [u8; 3]| [red, green, blue, 255],
        ),
        16 => picture.paint_rows(part, rows(pixels, stride(2), height)?, |pixel| {
            opaque(rdp_16bit_to_rgb(u16::from_le_bytes(pixel)))
        }),
        15 => picture.paint_rows(part, rows(pixels, stride(2), height)?, |pixel| {
            opaque(rdp_15bit_to_rgb(u16::from_le_bytes(pixel)))
        }),
        _ => return None,
    }
    Some(part)
}

/// Rows from the highest to the lowest of pixels that begin with the lowest; `None` if there is another number of them.
fn rows(pixels: &[u8], stride: usize, height: usize) -> Option<impl Iterator<Item = &[u8]>> {
    let whole = stride != 0 && stride.checked_mul(height) == Some(pixels.len());
    whole.then(|| pixels.chunks_exact(stride).rev())
}

/// Where a bitmap goes; `None` if that is not on the screen, or the bitmap is narrower, much wider or of another height.
fn destination(bitmap: &BitmapData<'_>, size: Size) -> Option<Area> {
    let to = &bitmap.rectangle;
    let fits = to.left <= to.right && to.top <= to.bottom && to.right < size.width && to.bottom < size.height;
    let part = area(to, size);
    let beyond = u32::from(bitmap.width).checked_sub(part.width);
    let filled = beyond.is_some_and(|beyond| beyond <= MAX_BEYOND) && u32::from(bitmap.height) == part.height;
    (fits && filled).then_some(part)
}

/// The updates of a message; `None` if they cannot be read, or say that they are compressed or encrypted.
fn updates(message: &[u8]) -> Option<Vec<FastPathUpdatePdu<'_>>> {
    let mut cursor = ReadCursor::new(message);
    let header = decode_cursor::<FastPathHeader>(&mut cursor).ok()?;
    let mut updates = Vec::with_capacity(1);
    while !cursor.is_empty() {
        let update = decode_cursor::<FastPathUpdatePdu<'_>>(&mut cursor).ok()?;
        if update.compression_flags.is_some() {
            return None;
        }
        updates.push(update);
    }
    header.flags.is_empty().then_some(updates)
}

/// What is in a message that is on no static channel, and what it is (MS-RDPBCGR §2.2.8.1.1.1); `None` if IronRDP may find
/// something to paint in it that is not found here.
fn slow_updates(message: &[u8]) -> Option<Vec<(Kind, &[u8])>> {
    let Domain::SendDataIndication(data) = domain(message).ok()? else {
        return Some(vec![(Kind::NotPainted, &[][..])]);
    };
    let content = message.get(data.range)?;
    let updates = share::parts(content).ok()?.into_iter().map(|part| {
        if part.control != Control::Data(number::UPDATE) {
            return Some((Kind::NotPainted, &[][..]));
        }
        let (about, data) = share::graphics(content.get(part.range)?)?;
        let kind = match about {
            Graphics::Bitmaps => Kind::Bitmaps,
            Graphics::Orders | Graphics::Palette | Graphics::Synchronize | Graphics::Pointer => {
                Kind::NotPainted
            }
        };
        Some((kind, data))
    });
    updates.collect()
}

/// What all of these are.
fn common(mut kinds: impl Iterator<Item = Kind>) -> Option<Kind> {
    let first = kinds.next()?;
    let same = kinds.all(|kind| kind == first);
    Some(if same { first } else { Kind::Others })
}

/// Splits what is kept into messages again.
fn messages(mut kept: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = ironrdp_pdu::find_size(kept).ok()??.length;
        let (message, rest) = kept.split_at_checked(length)?;
        kept = rest;
        Some(message)
    })
}

/// Whether IronRDP paints an update of this kind. Orders, which are not offered, it does not; of palettes it takes note.
const fn paints(code: UpdateCode) -> bool {
    matches!(code, UpdateCode::Bitmap | UpdateCode::SurfaceCommands)
}

#[cfg(test)]
mod tests;
