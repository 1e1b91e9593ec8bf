//! Pictures as files, and smaller.

use std::io::Write;

use jump_core::{Error, ErrorKind, Result};

use super::OPERATION;
use crate::framebuffer::{Framebuffer, Rgba};
use crate::wire::{Rectangle, Size};
use crate::{RfbError, RfbResult};

/// The largest part of a picture that is kept as bytes before they are compressed.
const CHUNK: usize = 64 * 1024;

pub(super) fn not_written(error: png::EncodingError) -> Error {
    match error {
        png::EncodingError::IoError(error) => Error::from_io(ErrorKind::Storage, "write the picture", error),
        error => Error::new(ErrorKind::Unsupported, "write the picture", error.to_string()),
    }
}

/// Says what is wrong with a picture that is asked for.
pub(super) fn unfit(error: RfbError) -> Error {
    error.into_error(OPERATION)
}

/// Writes a picture as PNG (W3C "Portable Network Graphics Specification"), 8 bits each of red, green and blue, losslessly.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a picture without pixels, which PNG does not have; [`ErrorKind::Storage`] if writing
/// fails.
pub fn png(picture: &Framebuffer, out: impl Write) -> Result<()> {
    let size = picture.size();
    let mut encoder = ::png::Encoder::new(out, size.width.into(), size.height.into());
    encoder.set_color(::png::ColorType::Rgb);
    encoder.set_depth(::png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(not_written)?;
    let mut stream = writer.stream_writer().map_err(not_written)?;
    let written = |error| Error::from_io(ErrorKind::Storage, "write the picture", error);
    for pixels in picture.pixels().chunks(CHUNK / 3) {
        stream.write_all(&rgb(pixels)).map_err(written)?;
    }
    stream.finish().map_err(not_written)?;
    writer.finish().map_err(not_written)
}

/// Red, green and blue of pixels.
pub(super) fn rgb(pixels: &[Rgba]) -> Vec<u8> {
    pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect()
}

/// The largest size with the sides of `size` to each other that fits into `frame`, at least one pixel either way, and no
/// larger than `size`.
pub(super) fn fitting(size: Size, frame: Size) -> Size {
    let (width, height) = (u32::from(size.width.max(1)), u32::from(size.height.max(1)));
    let (most_width, most_height) = (u32::from(frame.width), u32::from(frame.height));
    let (width, height) = if width <= most_width && height <= most_height {
        (width, height)
    } else if width * most_height > height * most_width {
        (most_width, height * most_width / width)
    } else {
        (width * most_height / height, most_height)
    };
    let side = |side: u32| u16::try_from(side.max(1)).unwrap_or(u16::MAX);
    Size {
        width: side(width),
        height: side(height),
    }
}

/// A picture in another size, at most as large: each pixel is the mean of those that it stands for.
///
/// # Errors
/// [`RfbError::Limit`] if there is no memory for it, or if it would be larger.
pub fn scaled(picture: &Framebuffer, to: Size) -> RfbResult<Framebuffer> {
    let from = picture.size();
    if to.width > from.width || to.height > from.height {
        return Err(RfbError::Limit("a picture is not made larger"));
    }
    let mut small = Framebuffer::new(to)?;
    for y in 0..to.height {
        let (top, bottom) = span(y, to.height, from.height);
        for x in 0..to.width {
            let (left, right) = span(x, to.width, from.width);
            let part = Rectangle {
                x: left,
                y: top,
                width: right - left,
                height: bottom - top,
            };
            let colour = mean(picture.rows(part)?.flatten());
            small.paint(
                Rectangle {
                    x,
                    y,
                    width: 1,
                    height: 1,
                },
                &[colour],
            )?;
        }
    }
    Ok(small)
}

/// Which of `from` pixels number `index` of `to` stands for.
fn span(index: u16, to: u16, from: u16) -> (u16, u16) {
    let scale = |index: u32| {
        let at = index * u32::from(from) / u32::from(to.max(1));
        u16::try_from(at).unwrap_or(u16::MAX)
    };
    (scale(index.into()), scale(u32::from(index) + 1))
}

fn mean<'a>(pixels: impl Iterator<Item = &'a Rgba>) -> Rgba {
    let (mut sums, mut count) = ([0_u64; 3], 0_u64);
    for [r, g, b, _] in pixels {
        for (sum, colour) in sums.iter_mut().zip([r, g, b]) {
            *sum += u64::from(*colour);
        }
        count += 1;
    }
    let [r, g, b] = sums.map(|sum| u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX));
    [r, g, b, 255]
}
