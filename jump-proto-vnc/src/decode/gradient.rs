//! Tight's gradient filter (rfbproto "Tight Encoding", GradientFilter).

use super::layout;
use super::pixels::scale;
use crate::framebuffer::Rgba;
use crate::wire::{Channel, PixelFormat};

/// Turns differences into pixels, row by row: each channel is expected to be left + above − above left, within its
/// range.
#[derive(Debug)]
pub(crate) struct Gradient {
    format: PixelFormat,
    channels: [Channel; 3],
    above: Vec<[u16; 3]>,
}

impl Gradient {
    /// `None` if the format has no channels.
    pub(crate) fn new(format: PixelFormat, width: u16) -> Option<Self> {
        Some(Self {
            format,
            channels: format.channels()?,
            above: vec![[0; 3]; usize::from(width)],
        })
    }

    /// Paints the next row; `bytes` holds a TPIXEL for each of its pixels.
    pub(crate) fn paint(&mut self, bytes: &[u8], row: &mut [Rgba]) {
        let length = layout::tight_bytes(self.format);
        let (mut left, mut above_left) = ([0; 3], [0; 3]);
        let pixels = bytes.chunks_exact(length).zip(&mut self.above).zip(row);
        for ((bytes, above), pixel) in pixels {
            let differences = differences(self.format, self.channels, bytes);
            let mut value = [0; 3];
            let known = left.iter().zip(*above).zip(above_left);
            let channels = differences.iter().zip(&self.channels);
            for ((value, (difference, channel)), ((left, above), above_left)) in
                value.iter_mut().zip(channels).zip(known)
            {
                let max = i32::from(channel.max);
                let expected = (i32::from(*left) + i32::from(above) - i32::from(above_left)).clamp(0, max);
                *value = u16::try_from((expected + i32::from(*difference)) & max).unwrap_or(channel.max);
            }
            above_left = *above;
            *above = value;
            left = value;
            let [red, green, blue] = self.channels.map(|channel| channel.max);
            let [r, g, b] = value;
            *pixel = [scale(r, red), scale(g, green), scale(b, blue), 255];
        }
    }
}

/// The three values of a TPIXEL as they are, not scaled.
fn differences(format: PixelFormat, channels: [Channel; 3], bytes: &[u8]) -> [u16; 3] {
    if layout::tight_is_rgb(format) {
        if let &[red, green, blue] = bytes {
            return [red, green, blue].map(u16::from);
        }
        return [0; 3];
    }
    let add = |pixel: u32, byte: &u8| pixel << 8 | u32::from(*byte);
    let pixel = if format.is_big_endian() {
        bytes.iter().fold(0, add)
    } else {
        bytes.iter().rev().fold(0, add)
    };
    channels.map(|channel| (pixel >> channel.shift & u32::from(channel.max)) as u16)
}
