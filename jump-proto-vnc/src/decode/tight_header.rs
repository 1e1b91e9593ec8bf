//! What stands before the data of a Tight rectangle (rfbproto "Tight Encoding"), for the decoder and the walker.

use super::layout;
use crate::wire::{Input, Rectangle};
use crate::{RfbError, RfbResult};

/// The shortest data that are compressed; shorter ones stand as they are (TIGHT_MIN_TO_COMPRESS).
const MIN_TO_COMPRESS: usize = 12;

/// BasicCompression Without Zlib, and the same with the number of a filter (rfbproto "Tight Encoding", and "Tight Encoding
/// Without Zlib Pseudo-encoding").
const PLAIN: u8 = 0b1010;
const PLAIN_FILTERED: u8 = 0b1110;

/// How pixels are made of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter<'a> {
    /// They are the data.
    Copy,
    /// The data are places in these colours, of a TPIXEL each.
    Palette(&'a [u8]),
    /// The data are differences from what the neighbours let expect.
    Gradient,
}

/// What follows the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    /// Nothing: one colour, a TPIXEL, for all of the rectangle.
    Fill(&'a [u8]),
    /// A JPEG picture of so many bytes.
    Jpeg(usize),
    /// A PNG picture of so many bytes.
    Png(usize),
    /// So many bytes of data as they are.
    Plain { filter: Filter<'a>, length: usize },
    /// So many bytes of one of the four streams, and how many come out of it.
    Packed {
        filter: Filter<'a>,
        stream: u8,
        length: usize,
        unpacked: usize,
    },
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TightHeader<'a> {
    /// Which of the four streams begin anew: bit n for stream n.
    pub(crate) resets: u8,
    pub(crate) body: Body<'a>,
}

/// What a header depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TightFormat {
    /// Bytes of a TPIXEL.
    pub(crate) pixel: usize,
    /// Whether this is Tight PNG, which has PNG pictures in place of compressed data.
    pub(crate) png: bool,
    /// Whether pixels of this format have gradients and JPEG: not with 8 bits or a colour map.
    pub(crate) smooth: bool,
}

impl<'a> TightHeader<'a> {
    /// Reads a header, if all of it is there; it has at most 1030 bytes.
    pub(crate) fn read(
        input: &mut Input<'a>,
        rectangle: Rectangle,
        format: TightFormat,
    ) -> RfbResult<Option<Self>> {
        let Some(control) = input.u8() else {
            return Ok(None);
        };
        let body = match control >> 4 {
            8 => input.take(format.pixel).map(Body::Fill),
            9 if !format.smooth => {
                return Err(RfbError::Protocol("a JPEG picture where pixels have few colours"));
            }
            9 => picture(input, rectangle)?.map(Body::Jpeg),
            10 if format.png => picture(input, rectangle)?.map(Body::Png),
            // qemu has no PNG pictures of few colours, and compresses those even in Tight PNG.
            basic @ 0..=7 if !format.png || !format.smooth => read_basic(input, basic, rectangle, format)?,
            basic @ (PLAIN | PLAIN_FILTERED) if !format.png => read_basic(input, basic, rectangle, format)?,
            _ => return Err(RfbError::Protocol("a Tight rectangle of an unknown kind")),
        };
        Ok(body.map(|body| Self {
            resets: control & 15,
            body,
        }))
    }
}

fn picture(input: &mut Input<'_>, rectangle: Rectangle) -> RfbResult<Option<usize>> {
    let Some(length) = compact_length(input) else {
        return Ok(None);
    };
    layout::picture_length(length, rectangle).map(Some)
}

fn read_basic<'a>(
    input: &mut Input<'a>,
    control: u8,
    rectangle: Rectangle,
    format: TightFormat,
) -> RfbResult<Option<Body<'a>>> {
    let filter = if control & 4 == 0 { Some(0) } else { input.u8() };
    let Some(filter) = filter else { return Ok(None) };
    let (width, height) = (usize::from(rectangle.width), usize::from(rectangle.height));
    let (filter, unpacked) = match filter {
        0 => (Filter::Copy, rectangle.pixels() * format.pixel),
        1 => {
            let Some(count) = input.u8() else { return Ok(None) };
            let count = usize::from(count) + 1;
            let Some(colours) = input.take(count * format.pixel) else {
                return Ok(None);
            };
            let row = layout::row_of_bits(width, palette_bits(count));
            (Filter::Palette(colours), row * height)
        }
        2 if format.smooth => (Filter::Gradient, rectangle.pixels() * format.pixel),
        _ => {
            return Err(RfbError::Protocol(
                "a Tight filter that is not known or not allowed",
            ));
        }
    };
    if unpacked < MIN_TO_COMPRESS {
        let length = unpacked;
        return Ok(Some(Body::Plain { filter, length }));
    }
    let Some(length) = compact_length(input) else {
        return Ok(None);
    };
    if matches!(control, PLAIN | PLAIN_FILTERED) {
        // The length stands there as if they were compressed: so TurboVNC and LibVNCServer write and read it.
        if length != unpacked {
            return Err(RfbError::Protocol(
                "data that are not compressed have another length",
            ));
        }
        return Ok(Some(Body::Plain { filter, length }));
    }
    Ok(Some(Body::Packed {
        filter,
        stream: control & 3,
        length: layout::compressed_length(u32::try_from(length).unwrap_or(u32::MAX), unpacked)?,
        unpacked,
    }))
}

/// Bits of a pixel that is a place in so many colours.
pub(crate) const fn palette_bits(colours: usize) -> usize {
    if colours <= 2 { 1 } else { 8 }
}

/// A length in one to three bytes: 7, 7 and 8 bits, the lowest first; the highest bit of the first two says that there
/// is more.
fn compact_length(input: &mut Input<'_>) -> Option<usize> {
    let first = usize::from(input.u8()?);
    if first < 0x80 {
        return Some(first);
    }
    let second = usize::from(input.u8()?);
    let length = first & 0x7f | (second & 0x7f) << 7;
    if second < 0x80 {
        return Some(length);
    }
    Some(length | usize::from(input.u8()?) << 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_data_stand_in_tight_png_only_where_pixels_have_few_colours() {
        let rectangle = Rectangle {
            x: 0,
            y: 0,
            width: 4,
            height: 1,
        };
        let read = |png, smooth| {
            let format = TightFormat {
                pixel: 1,
                png,
                smooth,
            };
            TightHeader::read(&mut Input::new(&[0]), rectangle, format)
        };
        let plain = Body::Plain {
            filter: Filter::Copy,
            length: 4,
        };
        for (png, smooth) in [(false, false), (false, true), (true, false)] {
            let header = read(png, smooth).unwrap().unwrap();
            assert_eq!(header.body, plain, "{png} {smooth}");
        }
        assert!(read(true, true).is_err());
    }

    #[test]
    fn lengths_have_one_to_three_bytes() {
        for (bytes, length) in [
            (&[0u8][..], 0),
            (&[0x7f], 127),
            (&[0x80, 0x01], 128),
            (&[0x90, 0x4e], 10_000),
            (&[0xff, 0x7f], 16_383),
            (&[0xff, 0xff, 0xff], 4_194_303),
        ] {
            let mut input = Input::new(bytes);
            assert_eq!(compact_length(&mut input), Some(length));
            assert!(input.rest().is_empty());
            let (cut, _) = bytes.split_at(bytes.len() - 1);
            assert_eq!(compact_length(&mut Input::new(cut)), None);
        }
    }
}
