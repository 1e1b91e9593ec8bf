//! Whether every pixel of a screen has been painted.

use super::Size;
use crate::protocol::Area;

/// One bit for each pixel: at most 8 MiB for a screen of 256 MiB, and to be thrown away once all are painted.
#[derive(Debug)]
pub struct Coverage {
    size: Size,
    painted: Vec<u64>,
    missing: u64,
}

impl Coverage {
    /// Nothing of a screen of this size is painted. How large one may be is the caller's to limit.
    #[must_use]
    pub fn new(size: impl Into<Size>) -> Self {
        let size = size.into();
        Self {
            size,
            painted: vec![0; words_of_row(size) * size.height as usize],
            missing: size.pixels(),
        }
    }

    /// Notes a painted part. What lies beyond the screen is left out.
    pub fn paint(&mut self, part: impl Into<Area>) {
        let part = part.into();
        let words = words_of_row(self.size).max(1);
        let start = part.x as usize;
        let end = (start + part.width as usize).min(self.size.width as usize);
        // No other words are looked at: of a narrow part of a large screen they would be very many.
        let touched = if start < end {
            start / 64..end.div_ceil(64)
        } else {
            0..0
        };
        let rows = self.painted.chunks_exact_mut(words);
        for row in rows.skip(part.y as usize).take(part.height as usize) {
            let row = row.get_mut(touched.clone()).unwrap_or_default();
            for (word, first) in row.iter_mut().zip((touched.start * 64..).step_by(64)) {
                let bits = below(end.saturating_sub(first)) & !below(start.saturating_sub(first));
                self.missing -= u64::from((bits & !*word).count_ones());
                *word |= bits;
            }
        }
    }

    /// Whether no pixel is missing; so it is from the start where there are none.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.missing == 0
    }
}

/// The lowest so many bits.
fn below(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

fn words_of_row(size: Size) -> usize {
    (size.width as usize).div_ceil(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_any_place_and_size_are_counted_once() {
        let size = Size {
            width: 200,
            height: 3,
        };
        let edges = [0, 1, 63, 64, 65, 127, 128, 199, 200, 201, 5000];
        for (x, width) in edges.into_iter().flat_map(|x| edges.map(|width| (x, width))) {
            let mut coverage = Coverage::new(size);
            for _ in 0..2 {
                coverage.paint(Area {
                    x,
                    y: 1,
                    width,
                    height: 9,
                });
            }
            let inside = (x + width).min(200).saturating_sub(x);
            assert_eq!(
                coverage.missing,
                600 - 2 * u64::from(inside),
                "{width} from {x} on"
            );
        }
    }

    #[test]
    fn a_screen_is_whole_when_its_last_pixel_is_painted() {
        let size = Size {
            width: 130,
            height: 3,
        };
        let mut coverage = Coverage::new(size);
        let mut paint = |x, y, width, height| {
            coverage.paint(Area { x, y, width, height });
            coverage.is_whole()
        };
        assert!(!paint(0, 0, 130, 2));
        assert!(!paint(0, 1, 129, 2));
        assert!(!paint(1, 1, 128, 2));
        assert!(!paint(200, 2, 9, 9));
        assert!(!paint(u32::MAX, 2, u32::MAX, u32::MAX));
        assert!(paint(129, 2, 65_535, 65_535));
        assert!(Coverage::new(Size::default()).is_whole());
    }
}
