//! The JPEG and PNG pictures in Tight rectangles (rfbproto "Tight Encoding", "Tight PNG Encoding").

use std::io::Cursor;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::framebuffer::{Framebuffer, Rgba};
use crate::wire::Rectangle;
use crate::{RfbError, RfbResult};

const OTHER_SIZE: RfbError = RfbError::Protocol("a picture has another size than its rectangle");
const BROKEN_JPEG: RfbError = RfbError::Protocol("a JPEG picture is damaged");
const BROKEN_PNG: RfbError = RfbError::Protocol("a PNG picture is damaged");

/// Paints a rectangle with a JPEG picture of its size, in colours or grey. The size is looked at before any pixel.
///
/// # Errors
/// [`RfbError::Protocol`] if it has another size or is damaged.
pub(crate) fn jpeg(screen: &mut Framebuffer, part: Rectangle, bytes: &[u8]) -> RfbResult<()> {
    let options = DecoderOptions::default()
        .set_max_width(usize::from(part.width))
        .set_max_height(usize::from(part.height))
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
    decoder.decode_headers().map_err(|_| BROKEN_JPEG)?;
    if decoder.dimensions() != Some((usize::from(part.width), usize::from(part.height))) {
        return Err(OTHER_SIZE);
    }
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    if grey {
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
    }
    let pixels = decoder.decode().map_err(|_| BROKEN_JPEG)?;
    if grey {
        paint::<1>(screen, part, &pixels, |[grey]| [grey, grey, grey, 255])
    } else {
        paint::<3>(screen, part, &pixels, |[red, green, blue]| {
            [red, green, blue, 255]
        })
    }
    .and_then(|whole| if whole { Ok(()) } else { Err(BROKEN_JPEG) })
}

/// Paints a rectangle with a PNG picture of its size. The size is looked at before any pixel; opacity is ignored, as a
/// screen has none.
///
/// # Errors
/// [`RfbError::Protocol`] if it has another size or is damaged.
pub(crate) fn png(screen: &mut Framebuffer, part: Rectangle, bytes: &[u8]) -> RfbResult<()> {
    let limits = png::Limits {
        bytes: part.pixels() * 8 + 64 * 1024,
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    decoder.ignore_checksums(false);
    let header = decoder.read_header_info().map_err(|_| BROKEN_PNG)?;
    if header.size() != (u32::from(part.width), u32::from(part.height)) {
        return Err(OTHER_SIZE);
    }
    let mut reader = decoder.read_info().map_err(|_| BROKEN_PNG)?;
    let length = reader
        .output_buffer_size()
        .filter(|length| *length <= part.pixels() * 4);
    let mut pixels = vec![0; length.ok_or(BROKEN_PNG)?];
    let info = reader.next_frame(&mut pixels).map_err(|_| BROKEN_PNG)?;
    match info.color_type {
        png::ColorType::Grayscale => paint::<1>(screen, part, &pixels, |[grey]| [grey, grey, grey, 255]),
        png::ColorType::GrayscaleAlpha => {
            paint::<2>(screen, part, &pixels, |[grey, _]| [grey, grey, grey, 255])
        }
        png::ColorType::Rgba => paint::<4>(screen, part, &pixels, |[red, green, blue, _]| {
            [red, green, blue, 255]
        }),
        _ => paint::<3>(screen, part, &pixels, |[red, green, blue]| {
            [red, green, blue, 255]
        }),
    }
    .and_then(|whole| if whole { Ok(()) } else { Err(BROKEN_PNG) })
}

/// Whether there were pixels for all of it.
fn paint<const N: usize>(
    screen: &mut Framebuffer,
    part: Rectangle,
    bytes: &[u8],
    convert: impl Fn([u8; N]) -> Rgba,
) -> RfbResult<bool> {
    let (pixels, _) = bytes.as_chunks::<N>();
    if pixels.len() != part.pixels() {
        return Ok(false);
    }
    let rows = pixels.chunks_exact(usize::from(part.width).max(1));
    for (to, from) in screen.rows_mut(part)?.zip(rows) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = convert(*from);
        }
    }
    Ok(true)
}
