//! Whether every pixel of a screen has been painted.

use jump_core::protocol::Area;

use super::size::Size;

/// One bit for each pixel: at most 5 MiB for the largest screen, and gone once all are painted.
#[derive(Debug)]
pub(super) struct Coverage {
    size: Size,
    painted: Vec<u64>,
    missing: usize,
}

impl Coverage {
    pub(super) fn new(size: Size) -> Self {
        Self {
            size,
            painted: vec![0; words_of_row(size) * usize::from(size.height)],
            missing: size.pixels() as usize,
        }
    }

    /// Notes a painted part. What lies beyond the screen is left out.
    pub(super) fn paint(&mut self, part: Area) {
        let words = words_of_row(self.size).max(1);
        let start = part.x as usize;
        let end = (start + part.width as usize).min(self.size.width.into());
        let rows = self.painted.chunks_exact_mut(words);
        for row in rows.skip(part.y as usize).take(part.height as usize) {
            for (word, first) in row.iter_mut().zip((0usize..).step_by(64)) {
                let bits = below(end.saturating_sub(first)) & !below(start.saturating_sub(first));
                self.missing -= (bits & !*word).count_ones() as usize;
                *word |= bits;
            }
        }
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.missing == 0
    }
}

/// The lowest so many bits.
fn below(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

fn words_of_row(size: Size) -> usize {
    usize::from(size.width).div_ceil(64)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(paint(129, 2, 65_535, 65_535));
    }
}
