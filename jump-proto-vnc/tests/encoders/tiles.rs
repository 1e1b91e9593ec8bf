//! Hextile, and the tiles of TRLE and ZRLE.

use super::{Encoder, Picture, bits, colours, compact, pixel, runs};
use jump_proto_vnc::wire::Rectangle;

fn tiles(picture: &Picture, side: u16) -> Vec<Picture> {
    let mut tiles = Vec::new();
    for y in (0..picture.height).step_by(usize::from(side)) {
        for x in (0..picture.width).step_by(usize::from(side)) {
            tiles.push(picture.part(Rectangle {
                x,
                y,
                width: side.min(picture.width - x),
                height: side.min(picture.height - y),
            }));
        }
    }
    tiles
}

impl Encoder {
    /// RFC 6143 §7.7.4.
    pub(super) fn hextile(&mut self, picture: &Picture) -> Vec<u8> {
        let mut bytes = Vec::new();
        let (mut last_background, mut last_foreground) = (None, None);
        for tile in tiles(picture, 16) {
            let colours = colours(&tile.pixels);
            let background = colours[0];
            let parts: Vec<_> = tile
                .rows()
                .enumerate()
                .flat_map(|(y, row)| {
                    let mut x = 0;
                    runs(row).into_iter().map(move |(colour, width)| {
                        x += width;
                        (colour, (((x - width) << 4 | y) as u8), ((width - 1) << 4) as u8)
                    })
                })
                .filter(|(colour, ..)| *colour != background)
                .collect();
            if parts.len() > 255 || self.choose(6) == 0 {
                bytes.push(1);
                bytes.extend(self.raw(&tile));
                continue;
            }
            let mut flags = if parts.is_empty() { 0 } else { 8 };
            let mut head = Vec::new();
            if last_background != Some(background) {
                flags |= 2;
                head.extend(pixel(self.format, background));
                last_background = Some(background);
            }
            let coloured = colours.len() > 2;
            if coloured {
                flags |= 16;
            } else if let Some((colour, ..)) = parts.first()
                && last_foreground != Some(*colour)
            {
                flags |= 4;
                head.extend(pixel(self.format, *colour));
                last_foreground = Some(*colour);
            }
            bytes.push(flags);
            bytes.extend(head);
            if !parts.is_empty() {
                bytes.push(parts.len() as u8);
            }
            for (colour, position, size) in parts {
                if coloured {
                    bytes.extend(pixel(self.format, colour));
                }
                bytes.extend([position, size]);
            }
        }
        bytes
    }

    /// RFC 6143 §7.7.5 and, with tiles of 64 and no palette used again, §7.7.6.
    pub(super) fn tiles(&mut self, picture: &Picture, side: u16, reuse: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut last: Vec<[u8; 4]> = Vec::new();
        for tile in tiles(picture, side) {
            let format = self.format;
            let colours = colours(&tile.pixels);
            let again = reuse && colours.iter().all(|colour| last.contains(colour)) && self.choose(4) > 0;
            let palette = if again { last.clone() } else { colours.clone() };
            let place = |colour| palette.iter().position(|known| *known == colour).unwrap();
            let count = palette.len();
            match self.choose(4) {
                _ if colours.len() == 1 && self.choose(4) > 0 => {
                    bytes.push(1);
                    bytes.extend(compact(format, colours[0]));
                }
                0 | 1 if (2..=16).contains(&count) => {
                    let width = match count {
                        2 => 1,
                        3 | 4 => 2,
                        _ => 4,
                    };
                    if again {
                        bytes.push(127);
                    } else {
                        bytes.push(count as u8);
                        bytes.extend(palette.iter().flat_map(|colour| compact(format, *colour)));
                    }
                    for row in tile.rows() {
                        bytes.extend(bits(row.iter().map(|colour| place(*colour)), width));
                    }
                    last = palette;
                }
                0..=2 if (2..=127).contains(&count) => {
                    if again {
                        bytes.push(129);
                    } else {
                        bytes.push(128 + count as u8);
                        bytes.extend(palette.iter().flat_map(|colour| compact(format, *colour)));
                    }
                    for (colour, length) in runs(&tile.pixels) {
                        if length == 1 {
                            bytes.push(place(colour) as u8);
                        } else {
                            bytes.push(128 | place(colour) as u8);
                            bytes.extend(run_length(length));
                        }
                    }
                    last = palette;
                }
                0..=2 => {
                    bytes.push(128);
                    for (colour, length) in runs(&tile.pixels) {
                        bytes.extend(compact(format, colour));
                        bytes.extend(run_length(length));
                    }
                }
                _ => {
                    bytes.push(0);
                    bytes.extend(tile.pixels.iter().flat_map(|colour| compact(format, *colour)));
                }
            }
        }
        bytes
    }
}

fn run_length(length: usize) -> Vec<u8> {
    let mut bytes = vec![255; (length - 1) / 255];
    bytes.push(((length - 1) % 255) as u8);
    bytes
}
