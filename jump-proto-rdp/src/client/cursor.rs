//! The shape of the target's pointer.

use std::sync::Arc;

use ironrdp_graphics::pointer::DecodedPointer;
use jump_core::protocol::{Cursor, Picture};

/// The most pixels of a pointer either way; MS-RDPBCGR allows 384 (§2.2.9.1.2.1.11).
const MAX_SIDE: u16 = 512;

/// What a server means by its default pointer (MS-RDPBCGR §2.2.9.1.2.1.6): an arrow, `X` black and `.` white.
const ARROW: [&str; 17] = [
    "X          ",
    "XX         ",
    "X.X        ",
    "X..X       ",
    "X...X      ",
    "X....X     ",
    "X.....X    ",
    "X......X   ",
    "X.......X  ",
    "X........X ",
    "X.....XXXXX",
    "X..X..X    ",
    "X.X X..X   ",
    "XX  X..X   ",
    "X    X..X  ",
    "     X..X  ",
    "      XX   ",
];

/// The pointer that a server sent; `None` if it has no pixels.
pub(super) fn shape(pointer: &DecodedPointer) -> Option<Arc<Cursor>> {
    let DecodedPointer { width, height, .. } = *pointer;
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return None;
    }
    let mut rgba = pointer.bitmap_data.clone();
    rgba.resize(usize::from(width) * usize::from(height) * 4, 0);
    Some(Arc::new(Cursor {
        picture: Picture {
            width: width.into(),
            height: height.into(),
            rgba,
        },
        hotspot_x: pointer.hotspot_x.min(width - 1).into(),
        hotspot_y: pointer.hotspot_y.min(height - 1).into(),
    }))
}

/// The default pointer.
pub(super) fn arrow() -> Arc<Cursor> {
    let pixel = |character| match character {
        'X' => [0, 0, 0, 255],
        '.' => [255; 4],
        _ => [0; 4],
    };
    let rgba: Vec<u8> = ARROW.iter().flat_map(|row| row.chars()).flat_map(pixel).collect();
    let height = ARROW.len() as u32;
    Arc::new(Cursor {
        picture: Picture {
            width: rgba.len() as u32 / 4 / height,
            height,
            rgba,
        },
        hotspot_x: 0,
        hotspot_y: 0,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    #[test]
    fn the_arrow_has_all_of_its_pixels_and_points_at_the_corner() {
        let arrow = arrow();
        assert_eq!((arrow.picture.width, arrow.picture.height), (11, 17));
        assert_eq!(arrow.picture.rgba.len(), 11 * 17 * 4);
        assert_eq!(arrow.picture.rgba.get(..4), Some(&[0, 0, 0, 255][..]));
    }

    #[test]
    fn a_pointer_that_is_none_or_too_large_has_no_shape() {
        let pointer = |width, height| DecodedPointer {
            width,
            height,
            hotspot_x: 600,
            hotspot_y: 1,
            bitmap_data: vec![1; 16],
        };
        assert!(shape(&pointer(0, 3)).is_none());
        assert!(shape(&pointer(513, 1)).is_none());
        let small = shape(&pointer(2, 3)).unwrap();
        assert_eq!((small.hotspot_x, small.hotspot_y), (1, 1));
        assert_eq!(small.picture.rgba.len(), 24);
    }
}
