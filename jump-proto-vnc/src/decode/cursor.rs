//! Pictures of the pointer (RFC 6143 §7.8.1; rfbproto "X Cursor", "Cursor With Alpha", "VMware Cursor").

use super::layout;
use super::pixels::PixelReader;
use crate::framebuffer::{BLACK, Rgba};
use crate::wire::Size;

/// What the pointer looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CursorImage {
    /// Its width and height, at most [`MAX_CURSOR_SIDE`](crate::wire::limits::MAX_CURSOR_SIDE). Without pixels there is
    /// no pointer to be seen.
    pub size: Size,
    /// The pixel that points, from the left; it may lie beyond the picture.
    pub x: u16,
    /// The pixel that points, from the top.
    pub y: u16,
    /// Its pixels row by row, not multiplied with their opacity.
    pub pixels: Vec<Rgba>,
}

const NOTHING: Rgba = [0; 4];

/// Pixels, then a mask of those that are seen.
pub(crate) fn masked(size: Size, reader: &PixelReader, bytes: &[u8]) -> Vec<Rgba> {
    let colours = size.pixels() * reader.bytes();
    let (colours, mask) = bytes.split_at_checked(colours).unwrap_or_default();
    let mut pixels = vec![BLACK; size.pixels()];
    reader.span(colours, &mut pixels);
    for (pixel, seen) in pixels.iter_mut().zip(bits(size, mask)) {
        if !seen {
            *pixel = NOTHING;
        }
    }
    pixels
}

/// Two colours, a mask of those pixels that have the first one, a mask of those that are seen.
pub(crate) fn two_colours(size: Size, bytes: &[u8]) -> Vec<Rgba> {
    let Some((&[r1, g1, b1, r0, g0, b0], masks)) = bytes.split_first_chunk() else {
        return Vec::new();
    };
    let (first, mask) = masks
        .split_at_checked(layout::mask_length(size))
        .unwrap_or_default();
    let pixel = |(first, seen)| match (seen, first) {
        (false, _) => NOTHING,
        (true, true) => [r1, g1, b1, 255],
        (true, false) => [r0, g0, b0, 255],
    };
    bits(size, first).zip(bits(size, mask)).map(pixel).collect()
}

/// R, G, B and opacity, the colours multiplied with it (rfbproto "Cursor With Alpha").
pub(crate) fn premultiplied(bytes: &[u8]) -> Vec<Rgba> {
    let (pixels, _) = bytes.as_chunks::<4>();
    let pixel = |[red, green, blue, alpha]: &Rgba| {
        let divide = |colour: u8| match u16::from(*alpha) {
            0 => 0,
            alpha => u8::try_from((u16::from(colour) * 255 + alpha / 2) / alpha).unwrap_or(255),
        };
        [divide(*red), divide(*green), divide(*blue), *alpha]
    };
    pixels.iter().map(pixel).collect()
}

/// What of the screen stays (AND), then what is turned over in it (XOR). Where the screen would show through turned over,
/// the pointer is black: it has no colours that depend on what is below.
pub(crate) fn and_xor(size: Size, reader: &PixelReader, bytes: &[u8]) -> Vec<Rgba> {
    let length = size.pixels() * reader.bytes();
    let (stays, turned) = bytes.split_at_checked(length).unwrap_or_default();
    let pixels = stays
        .chunks_exact(reader.bytes())
        .zip(turned.chunks_exact(reader.bytes()));
    let none = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let pixel = |(stays, turned)| match (none(stays), none(turned)) {
        (true, _) => reader.one(turned),
        (false, true) => NOTHING,
        (false, false) => BLACK,
    };
    pixels.map(pixel).collect()
}

/// The bits of a mask, whose rows end with a byte, the highest bit first.
fn bits(size: Size, mask: &[u8]) -> impl Iterator<Item = bool> {
    let width = usize::from(size.width);
    mask.chunks_exact(layout::row_of_bits(width, 1).max(1))
        .flat_map(move |row| {
            row.iter()
                .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 != 0))
                .take(width)
        })
}
