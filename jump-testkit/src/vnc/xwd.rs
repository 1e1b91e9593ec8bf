//! X window dumps (XWDFile.h, version 7): 25 numbers, the window's name, colours of 12 bytes, pixels.

use super::screen::Picture;

/// `visual_class` of a screen whose pixels are places in its list of colours (X.h).
const PSEUDO_COLOUR: usize = 3;

/// A screen as `xwd` sees it; `None` if this is no dump of one.
pub(super) fn read(bytes: &[u8]) -> Option<Picture> {
    let field = |n: usize| Some(number(bytes.get(n * 4..)?.first_chunk()?));
    // A version, and pixels one beside the other.
    if (field(1)?, field(2)?) != (7, 2) {
        return None;
    }
    let [width, height, little, bits, line] = [field(4)?, field(5)?, field(7)?, field(11)?, field(12)?];
    let masks = [field(14)?, field(15)?, field(16)?];
    let (map, pixels) = bytes.get(field(0)?..)?.split_at_checked(field(19)? * 12)?;
    let indexed = field(13)? == PSEUDO_COLOUR;
    let length = bits / 8;
    let mut picture = Picture {
        width,
        height,
        pixels: Vec::with_capacity(width * height),
    };
    for row in pixels.chunks_exact(line).take(height) {
        for pixel in row.chunks_exact(length).take(width) {
            let pixel = pixel.iter().enumerate().fold(0usize, |value, (at, byte)| {
                let place = if little == 0 { at } else { length - 1 - at };
                value | usize::from(*byte) << (8 * place)
            });
            let [red, green, blue] = if indexed {
                colour(map.as_chunks().0, pixel)?
            } else {
                masks.map(|mask| {
                    let shift = mask.trailing_zeros();
                    scaled((pixel & mask) >> shift, mask >> shift)
                })
            };
            picture.pixels.push([red, green, blue, 255]);
        }
    }
    (picture.pixels.len() == width * height).then_some(picture)
}

fn number(bytes: &[u8; 4]) -> usize {
    u32::from_be_bytes(*bytes) as usize
}

/// The nearest of 256 values.
fn scaled(value: usize, max: usize) -> u8 {
    ((value * 255 + max / 2) / max.max(1)) as u8
}

/// The colour of a pixel: its number, three channels of 16 bits, and two bytes of no meaning here.
fn colour(map: &[[u8; 12]], pixel: usize) -> Option<[u8; 3]> {
    let entry = map
        .iter()
        .find(|[a, b, c, d, ..]| number(&[*a, *b, *c, *d]) == pixel)?;
    let [_, _, _, _, red, red_low, green, green_low, blue, blue_low, _, _] = *entry;
    let channels = [[red, red_low], [green, green_low], [blue, blue_low]];
    Some(channels.map(|channel| scaled(u16::from_be_bytes(channel).into(), 65535)))
}

/// The depth of a dump, in bits; `None` if this is none.
pub(super) fn depth(bytes: &[u8]) -> Option<usize> {
    Some(number(bytes.get(12..)?.first_chunk()?))
}

/// A dump of a true-colour picture of depth 24 or 32, for `xwud` to show on a screen of that depth.
pub(super) fn write(picture: &Picture, depth: usize) -> Vec<u8> {
    let name = b"jump\0";
    let (width, height) = (picture.width, picture.height);
    let fields = [
        100 + name.len(),
        7,
        2,
        depth,
        width,
        height,
        0,
        0,
        32,
        0,
        32,
        32,
        width * 4,
        4,
        0xff_0000,
        0xff00,
        0xff,
        8,
        256,
        0,
        width,
        height,
        0,
        0,
        0,
    ];
    let mut bytes: Vec<u8> = fields
        .iter()
        .flat_map(|field| (*field as u32).to_be_bytes())
        .collect();
    bytes.extend(name);
    bytes.extend(
        picture
            .pixels
            .iter()
            .flat_map(|[red, green, blue, _]| [*blue, *green, *red, 255]),
    );
    bytes
}
