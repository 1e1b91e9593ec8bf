//! The JPEG and PNG pictures in Tight rectangles (rfbproto "Tight Encoding", "Tight PNG Encoding").

use std::io::Cursor;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::framebuffer::{Framebuffer, Rgba};
use crate::wire::{Rectangle, Size};
use crate::{RfbError, RfbResult};

const OTHER_SIZE: RfbError = RfbError::Protocol("a picture has another size than its rectangle");
const BROKEN_JPEG: RfbError = RfbError::Protocol("a JPEG picture is damaged");
const BROKEN_PNG: RfbError = RfbError::Protocol("a PNG picture is damaged");

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Jpeg,
    Png,
}

/// A picture as it came, which depends on nothing else.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) kind: Kind,
    /// The size that it has to have.
    pub(super) size: Size,
    pub(super) bytes: Vec<u8>,
}

/// What it shows: its pixels row by row, and how many bytes each has. 1: grey; 2: grey and opacity; 3: red, green, blue;
/// 4: these and opacity. Opacity is ignored, as a screen has none.
#[derive(Debug)]
pub(super) struct Pixels {
    bytes: Vec<u8>,
    channels: usize,
}

impl Picture {
    /// Decodes it. Its size is looked at before any pixel. `room` is memory to use again.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if it has another size than it should, or is damaged.
    pub(super) fn decode(&self, room: Vec<u8>) -> RfbResult<Pixels> {
        match self.kind {
            Kind::Jpeg => jpeg(self.size, &self.bytes, room),
            Kind::Png => png(self.size, &self.bytes, room),
        }
    }
}

/// Colours or grey.
///
/// With AVX2 the decoder has unsafe code. That of its inverse cosine transform, of its upsampling and of its conversion to RGBA
/// reads and writes arrays of a fixed length only; that of its conversion to RGB relies on its callers. So what is not
/// painted through RGBA, which servers do not send, is left to the code without.
fn jpeg(size: Size, bytes: &[u8], mut room: Vec<u8>) -> RfbResult<Pixels> {
    let ask = |options: DecoderOptions, colours| {
        options
            .set_max_width(usize::from(size.width))
            .set_max_height(usize::from(size.height))
            .set_strict_mode(true)
            .jpeg_set_out_colorspace(colours)
    };
    let fast = ask(DecoderOptions::default(), ColorSpace::RGBA);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), fast);
    decoder.decode_headers().map_err(|_| BROKEN_JPEG)?;
    if decoder.dimensions() != Some((usize::from(size.width), usize::from(size.height))) {
        return Err(OTHER_SIZE);
    }
    let channels = match decoder.input_colorspace() {
        Some(ColorSpace::YCbCr) => 4,
        Some(ColorSpace::Luma) => {
            decoder.set_options(fast.jpeg_set_out_colorspace(ColorSpace::Luma));
            1
        }
        _ => {
            let plain = ask(DecoderOptions::new_safe(), ColorSpace::RGB);
            decoder = JpegDecoder::new_with_options(Cursor::new(bytes), plain);
            3
        }
    };
    clear(&mut room, size.pixels() * channels);
    decoder.decode_into(&mut room).map_err(|_| BROKEN_JPEG)?;
    Ok(Pixels {
        bytes: room,
        channels,
    })
}

fn png(size: Size, bytes: &[u8], mut room: Vec<u8>) -> RfbResult<Pixels> {
    let limits = png::Limits {
        bytes: size.pixels() * 8 + 64 * 1024,
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    decoder.ignore_checksums(false);
    let header = decoder.read_header_info().map_err(|_| BROKEN_PNG)?;
    if header.size() != (u32::from(size.width), u32::from(size.height)) {
        return Err(OTHER_SIZE);
    }
    let mut reader = decoder.read_info().map_err(|_| BROKEN_PNG)?;
    let length = reader
        .output_buffer_size()
        .filter(|length| *length <= size.pixels() * 4);
    clear(&mut room, length.ok_or(BROKEN_PNG)?);
    let info = reader.next_frame(&mut room).map_err(|_| BROKEN_PNG)?;
    let pixels = Pixels {
        bytes: room,
        channels: info.color_type.samples(),
    };
    // What is cut has fewer bytes than its size says.
    if pixels.bytes.len() == size.pixels() * pixels.channels {
        Ok(pixels)
    } else {
        Err(BROKEN_PNG)
    }
}

/// So many zeros: what a decoder leaves out is not what another picture left there.
fn clear(room: &mut Vec<u8>, length: usize) {
    room.clear();
    room.resize(length, 0);
}

impl Pixels {
    /// Paints a part of the same size.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] if that is not wholly on the screen.
    pub(super) fn paint(&self, screen: &mut Framebuffer, part: Rectangle) -> RfbResult<()> {
        match self.channels {
            1 => self.convert::<1>(screen, part, |[grey]| [grey, grey, grey, 255]),
            2 => self.convert::<2>(screen, part, |[grey, _]| [grey, grey, grey, 255]),
            3 => self.convert::<3>(screen, part, |[red, green, blue]| [red, green, blue, 255]),
            _ => self.convert::<4>(screen, part, |[red, green, blue, _]| [red, green, blue, 255]),
        }
    }

    fn convert<const N: usize>(
        &self,
        screen: &mut Framebuffer,
        part: Rectangle,
        convert: impl Fn([u8; N]) -> Rgba,
    ) -> RfbResult<()> {
        let (pixels, _) = self.bytes.as_chunks::<N>();
        let rows = pixels.chunks_exact(usize::from(part.width).max(1));
        for (to, from) in screen.rows_mut(part)?.zip(rows) {
            for (to, from) in to.iter_mut().zip(from) {
                *to = convert(*from);
            }
        }
        Ok(())
    }

    /// Its memory, to use again.
    pub(super) fn into_room(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        width: 40,
        height: 20,
    };

    fn decode(colours: jpeg_encoder::ColorType, pixel: &[u8]) -> Framebuffer {
        let mut bytes = Vec::new();
        jpeg_encoder::Encoder::new(&mut bytes, 95)
            .encode(&pixel.repeat(SIZE.pixels()), SIZE.width, SIZE.height, colours)
            .unwrap();
        let picture = Picture {
            kind: Kind::Jpeg,
            size: SIZE,
            bytes,
        };
        let mut screen = Framebuffer::new(SIZE).unwrap();
        let old = vec![7; 10_000];
        let pixels = picture.decode(old).unwrap();
        pixels.paint(&mut screen, Rectangle::whole(SIZE)).unwrap();
        screen
    }

    #[test]
    fn a_jpeg_picture_of_any_kind_of_colours_is_painted() {
        use jpeg_encoder::ColorType::{Cmyk, CmykAsYcck, Luma, Rgb};
        for (colours, pixel, expected) in [
            (Luma, &[200][..], [200, 200, 200]),
            (Rgb, &[200, 100, 50], [200, 100, 50]),
            (Cmyk, &[55, 155, 205, 0], [200, 100, 50]),
            (CmykAsYcck, &[55, 155, 205, 0], [200, 100, 50]),
        ] {
            let screen = decode(colours, pixel);
            for [red, green, blue, opaque] in screen.pixels() {
                let off = [red, green, blue]
                    .map(|got| *got)
                    .iter()
                    .zip(expected)
                    .map(|(got, wanted)| got.abs_diff(wanted))
                    .max();
                assert!(
                    off <= Some(4) && *opaque == 255,
                    "{colours:?}: {red} {green} {blue}"
                );
            }
        }
    }
}
