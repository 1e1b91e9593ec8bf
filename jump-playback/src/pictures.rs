//! Pictures as files, and smaller.

use std::io::Write;

use jump_core::protocol::{BYTES_PER_PIXEL, Picture};
use jump_core::screen::Size;
use jump_core::{Error, ErrorKind, Result};

use super::OPERATION;

const WRITE: &str = "write the picture";

pub(super) fn not_written(error: ::png::EncodingError) -> Error {
    match error {
        ::png::EncodingError::IoError(error) => Error::from_io(ErrorKind::Storage, WRITE, error),
        error => Error::new(ErrorKind::Unsupported, WRITE, error.to_string()),
    }
}

/// Writes a picture as PNG (W3C "Portable Network Graphics Specification"), 8 bits each of red, green and blue, losslessly.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a picture without pixels, which PNG does not have, or with fewer than its size says;
/// [`ErrorKind::Storage`] if writing fails.
pub fn png(picture: &Picture, out: impl Write) -> Result<()> {
    let mut encoder = ::png::Encoder::new(out, picture.width, picture.height);
    encoder.set_color(::png::ColorType::Rgb);
    encoder.set_depth(::png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(not_written)?;
    let mut stream = writer.stream_writer().map_err(not_written)?;
    for row in rows(picture) {
        let rgb = rgb(row);
        stream
            .write_all(&rgb)
            .map_err(|error| Error::from_io(ErrorKind::Storage, WRITE, error))?;
    }
    stream.finish().map_err(not_written)?;
    writer.finish().map_err(not_written)
}

/// Red, green and blue of pixels.
pub(super) fn rgb(pixels: &[u8]) -> Vec<u8> {
    let pixels = pixels.as_chunks::<4>().0;
    pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect()
}

pub(super) fn rows(picture: &Picture) -> impl Iterator<Item = &[u8]> {
    picture
        .rgba
        .chunks_exact((picture.width as usize).max(1) * BYTES_PER_PIXEL)
}

/// A black picture.
pub(super) fn black(size: Size) -> Picture {
    let Size { width, height } = size;
    Picture {
        width,
        height,
        rgba: [0, 0, 0, 255].repeat(width as usize * height as usize),
    }
}

pub(super) const fn size_of(picture: &Picture) -> Size {
    Size {
        width: picture.width,
        height: picture.height,
    }
}

/// Puts a picture into another, as far as there is room.
pub(super) fn put(into: &mut Picture, picture: &Picture, x: u32, y: u32) {
    let width = (into.width as usize).max(1) * 4;
    let below = into.rgba.chunks_exact_mut(width).skip(y as usize);
    for (row, from) in below.zip(rows(picture)) {
        let right = row.get_mut(x as usize * 4..).unwrap_or_default();
        for (to, from) in right.iter_mut().zip(from) {
            *to = *from;
        }
    }
}

/// The largest size with the sides of `size` to each other that fits into `frame`, at least one pixel either way, and no
/// larger than `size`.
pub(super) fn fitting(size: Size, frame: Size) -> Size {
    let (width, height) = (u64::from(size.width.max(1)), u64::from(size.height.max(1)));
    let (most_width, most_height) = (u64::from(frame.width), u64::from(frame.height));
    let (width, height) = if width <= most_width && height <= most_height {
        (width, height)
    } else if width * most_height > height * most_width {
        (most_width, height * most_width / width)
    } else {
        (width * most_height / height, most_height)
    };
    let side = |side: u64| u32::try_from(side.max(1)).unwrap_or(u32::MAX);
    Size {
        width: side(width),
        height: side(height),
    }
}

/// A picture in another size, at most as large: each pixel is the mean of those that it stands for.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] if it would be larger.
pub fn scaled(picture: &Picture, to: Size) -> Result<Picture> {
    let Size { width, height } = to;
    if width > picture.width || height > picture.height {
        let message = "a picture is not made larger";
        return Err(Error::new(ErrorKind::InvalidArgument, OPERATION, message));
    }
    let mut rgba = Vec::with_capacity(width as usize * height as usize * 4);
    for y in 0..height {
        let (top, bottom) = span(y, height, picture.height);
        for x in 0..width {
            let (left, right) = span(x, width, picture.width);
            let (mut sums, mut count) = ([0_u64; 3], 0_u64);
            for row in rows(picture).take(bottom).skip(top) {
                let part = row.get(left * 4..right * 4).unwrap_or_default();
                for [red, green, blue, _] in part.as_chunks::<4>().0 {
                    for (sum, colour) in sums.iter_mut().zip([red, green, blue]) {
                        *sum += u64::from(*colour);
                    }
                    count += 1;
                }
            }
            rgba.extend(sums.map(|sum| u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX)));
            rgba.push(255);
        }
    }
    Ok(Picture { width, height, rgba })
}

/// Which of `from` pixels number `index` of `to` stands for.
fn span(index: u32, to: u32, from: u32) -> (usize, usize) {
    let scale = |index: u32| (u64::from(index) * u64::from(from) / u64::from(to.max(1))) as usize;
    (scale(index), scale(index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_has_the_pixels_of_its_picture() {
        let rgba = [[1, 2, 3, 255], [4, 5, 6, 255], [7, 8, 9, 255], [0, 255, 0, 255]];
        let picture = Picture {
            width: 2,
            height: 2,
            rgba: rgba.concat(),
        };
        let mut bytes = Vec::new();
        png(&picture, &mut bytes).unwrap();
        let mut reader = ::png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (2, 2));
        assert_eq!(pixels, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 255, 0]);
    }

    #[test]
    fn a_picture_with_too_few_pixels_is_refused() {
        for (width, height) in [(0, 0), (2, 2)] {
            let picture = Picture {
                width,
                height,
                rgba: vec![0; 12],
            };
            let refused = png(&picture, Vec::new()).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Unsupported, "{width} × {height}");
        }
    }
}
