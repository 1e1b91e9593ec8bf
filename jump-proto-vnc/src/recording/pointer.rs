//! The pointer in the picture.

use crate::decode::CursorImage;
use crate::framebuffer::{Framebuffer, Rgba};
use crate::wire::{Rectangle, Size};

/// Draws the pointer so that the pixel of it that points is at `x`, `y`; what lies beyond the screen is left out.
pub(super) fn draw(screen: &mut Framebuffer, cursor: &CursorImage, x: u16, y: u16) {
    let Size { width, height } = screen.size();
    let width_of_cursor = usize::from(cursor.size.width).max(1);
    for (row, pixels) in cursor.pixels.chunks_exact(width_of_cursor).enumerate() {
        let Some(y) = place(y, cursor.y, row, height) else {
            continue;
        };
        for (column, colour) in pixels.iter().enumerate() {
            let part = place(x, cursor.x, column, width).map(|x| Rectangle {
                x,
                y,
                width: 1,
                height: 1,
            });
            let rows = part.and_then(|part| screen.rows_mut(part).ok());
            for pixel in rows.into_iter().flatten().flatten() {
                *pixel = over(*pixel, *colour);
            }
        }
    }
}

/// Where a pixel of the pointer lies, if it is on the screen.
fn place(pointer: u16, hot: u16, offset: usize, end: u16) -> Option<u16> {
    let at = (usize::from(pointer) + offset).checked_sub(hot.into())?;
    u16::try_from(at).ok().filter(|at| *at < end)
}

/// A colour with opacity, seen over one without.
fn over([r, g, b, _]: Rgba, [red, green, blue, alpha]: Rgba) -> Rgba {
    let mix = |below: u8, above: u8| {
        let alpha = u16::from(alpha);
        let sum = u16::from(above) * alpha + u16::from(below) * (255 - alpha);
        u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
    };
    [mix(r, red), mix(g, green), mix(b, blue), 255]
}
