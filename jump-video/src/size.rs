//! How large a film may be.

use crate::{VideoError, VideoResult};

/// The longer and the shorter side that the encoder takes: what it does at level 5.2 (ITU-T H.264 Annex A).
const MOST: (u16, u16) = (3840, 2160);

/// The shortest side that the encoder takes: one macroblock (ITU-T H.264 §6.3).
const LEAST: usize = 16;

/// The size of a film that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoSize {
    width: u16,
    height: u16,
}

impl VideoSize {
    /// A film of this many pixels. Where a side is odd or has fewer than 16, its last pixels are repeated.
    ///
    /// # Errors
    /// [`VideoError::Size`] if a side has no pixels, the longer one more than 3840 or the shorter one more than 2160.
    pub fn new(width: u16, height: u16) -> VideoResult<Self> {
        let (longer, shorter) = (width.max(height), width.min(height));
        if shorter == 0 || longer > MOST.0 || shorter > MOST.1 {
            return Err(VideoError::Size { width, height });
        }
        Ok(Self { width, height })
    }

    /// The largest film for pictures of this size that is not larger than them; the proportion of the sides is kept. Where it
    /// is smaller than the pictures, they must be scaled to it.
    ///
    /// # Errors
    /// [`VideoError::Size`] if a side has no pixels.
    pub fn fitting(width: u16, height: u16) -> VideoResult<Self> {
        let (longer, shorter) = (u32::from(width.max(height)), u32::from(width.min(height)));
        if shorter == 0 {
            return Err(VideoError::Size { width, height });
        }
        let (most_longer, most_shorter) = (u32::from(MOST.0), u32::from(MOST.1));
        let (longer, shorter) = if longer <= most_longer && shorter <= most_shorter {
            (longer, shorter)
        } else if longer * most_shorter > shorter * most_longer {
            (most_longer, (shorter * most_longer / longer).max(1))
        } else {
            (longer * most_shorter / shorter, most_shorter)
        };
        let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
        if width >= height {
            Self::new(side(longer), side(shorter))
        } else {
            Self::new(side(shorter), side(longer))
        }
    }

    /// Pixels from left to right.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Pixels from top to bottom.
    #[must_use]
    pub const fn height(self) -> u16 {
        self.height
    }

    /// What is encoded: rounded up to what colours of half the resolution need, an even number, and to what the encoder takes
    /// at least.
    pub(crate) fn encoded(self) -> (usize, usize) {
        let side = |side: u16| usize::from(side).next_multiple_of(2).max(LEAST);
        (side(self.width), side(self.height))
    }

    pub(crate) fn pixels(self) -> usize {
        usize::from(self.width) * usize::from(self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_is_too_large_is_made_to_fit() {
        for (from, to) in [
            ((1, 1), (1, 1)),
            ((3840, 2160), (3840, 2160)),
            ((2160, 3840), (2160, 3840)),
            ((3841, 2160), (3840, 2159)),
            ((7680, 4320), (3840, 2160)),
            ((4320, 7680), (2160, 3840)),
            ((4000, 4000), (2160, 2160)),
            ((65_535, 65_535), (2160, 2160)),
            ((65_535, 1), (3840, 1)),
        ] {
            let fitting = VideoSize::fitting(from.0, from.1).unwrap();
            assert_eq!((fitting.width(), fitting.height()), to, "{from:?}");
            assert_eq!(VideoSize::new(from.0, from.1).is_ok(), from == to);
        }
        assert!(VideoSize::fitting(0, 5).is_err() && VideoSize::new(5, 0).is_err());
    }
}
