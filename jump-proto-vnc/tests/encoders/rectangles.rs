//! RRE, CoRRE, Tight.

use super::{Encoder, Picture, bits, colours, deflate, express, pixel, runs, tight_pixel};

impl Encoder {
    /// RFC 6143 §7.7.3; rfbproto "CoRRE Encoding".
    pub(super) fn rre(&mut self, picture: &Picture, small: bool) -> Vec<u8> {
        let background = picture.pixels[0];
        let mut parts = Vec::new();
        let mut count = 0u32;
        for (y, row) in picture.rows().enumerate() {
            let mut x = 0;
            for (colour, width) in runs(row) {
                if colour != background {
                    parts.extend(pixel(self.format, colour));
                    for number in [x, y, width, 1] {
                        let [high, low] = (number as u16).to_be_bytes();
                        assert!(!small || high == 0);
                        parts.extend(if small { vec![low] } else { vec![high, low] });
                    }
                    count += 1;
                }
                x += width;
            }
        }
        let mut bytes = count.to_be_bytes().to_vec();
        bytes.extend(pixel(self.format, background));
        bytes.extend(parts);
        bytes
    }

    /// rfbproto "Tight Encoding".
    pub(super) fn tight(&mut self, picture: &Picture) -> Vec<u8> {
        let format = self.format;
        let colours = colours(&picture.pixels);
        if colours.len() == 1 && self.choose(2) == 0 {
            return [vec![0x80], tight_pixel(format, colours[0])].concat();
        }
        let stream = self.choose(4) as u8;
        let mut bytes = vec![stream << 4];
        if self.choose(5) == 0 {
            bytes[0] |= 1 << stream;
            self.tight[usize::from(stream)].reset();
        }
        let copy: Vec<_> = picture
            .pixels
            .iter()
            .flat_map(|colour| tight_pixel(format, *colour))
            .collect();
        let smooth = format.channels().is_some() && format.bits_per_pixel() > 8;
        let data = match self.choose(3) {
            0 if colours.len() <= 256 => {
                bytes[0] |= 0x40;
                bytes.extend([1, (colours.len() - 1) as u8]);
                bytes.extend(colours.iter().flat_map(|colour| tight_pixel(format, *colour)));
                let width = if colours.len() <= 2 { 1 } else { 8 };
                let place = |colour: &[u8; 4]| colours.iter().position(|known| known == colour).unwrap();
                picture
                    .rows()
                    .flat_map(|row| bits(row.iter().map(place), width))
                    .collect()
            }
            1 if smooth => {
                bytes[0] |= 0x40;
                bytes.push(2);
                self.gradient(picture)
            }
            1 => {
                bytes[0] |= 0x40;
                bytes.push(0);
                copy
            }
            _ => copy,
        };
        if data.len() < 12 {
            bytes.extend(data);
        } else if self.choose(4) == 0 {
            // BasicCompression Without Zlib, with the filter's number or without it.
            bytes[0] = bytes[0] & 0x4f | 0xa0;
            bytes.extend(compact_length(data.len()));
            bytes.extend(data);
        } else {
            let packed = deflate(&mut self.tight[usize::from(stream)], &data);
            bytes.extend(compact_length(packed.len()));
            bytes.extend(packed);
        }
        bytes
    }

    /// Differences from left + above − above left, in values of the format.
    fn gradient(&self, picture: &Picture) -> Vec<u8> {
        let channels = self.format.channels().unwrap();
        let width = usize::from(picture.width);
        let value = |x: usize, y: usize, n: usize| {
            let number = super::number(self.format, picture.pixels[y * width + x]);
            i64::from(number >> channels[n].shift & u32::from(channels[n].max))
        };
        let mut bytes = Vec::new();
        for y in 0..usize::from(picture.height) {
            for x in 0..width {
                let differences: Vec<_> = (0..3)
                    .map(|n| {
                        let max = i64::from(channels[n].max);
                        let left = if x > 0 { value(x - 1, y, n) } else { 0 };
                        let above = if y > 0 { value(x, y - 1, n) } else { 0 };
                        let corner = if x > 0 && y > 0 { value(x - 1, y - 1, n) } else { 0 };
                        let expected = (left + above - corner).clamp(0, max);
                        (value(x, y, n) - expected) & max
                    })
                    .collect();
                if tight_pixel(self.format, [0; 4]).len() == 3 {
                    bytes.extend(differences.iter().map(|d| *d as u8));
                    continue;
                }
                let number: u32 = differences
                    .iter()
                    .zip(channels)
                    .map(|(d, c)| (*d as u32) << c.shift)
                    .sum();
                let length = self.format.bytes_per_pixel();
                if self.format.is_big_endian() {
                    bytes.extend(&number.to_be_bytes()[4 - length..]);
                } else {
                    bytes.extend(&number.to_le_bytes()[..length]);
                }
            }
        }
        bytes
    }

    /// rfbproto "Tight PNG Encoding".
    pub(super) fn tight_png(&mut self, picture: &Picture) -> Vec<u8> {
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, picture.width.into(), picture.height.into());
        let alpha = self.choose(2) == 0;
        encoder.set_color(if alpha {
            png::ColorType::Rgba
        } else {
            png::ColorType::Rgb
        });
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().unwrap();
        let pixels = picture.pixels.iter().map(|colour| express(self.format, *colour));
        let data: Vec<u8> = pixels
            .flat_map(|colour| colour[..if alpha { 4 } else { 3 }].to_vec())
            .collect();
        writer.write_image_data(&data).unwrap();
        writer.finish().unwrap();
        [vec![0xa0], compact_length(png.len()), png].concat()
    }
}

/// 7, 7 and 8 bits, the lowest first.
pub(crate) fn compact_length(length: usize) -> Vec<u8> {
    match length {
        0..=0x7f => vec![length as u8],
        0x80..=0x3fff => vec![(length & 0x7f | 0x80) as u8, (length >> 7) as u8],
        _ => vec![
            (length & 0x7f | 0x80) as u8,
            (length >> 7 & 0x7f | 0x80) as u8,
            (length >> 14) as u8,
        ],
    }
}
