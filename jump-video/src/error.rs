//! What can go wrong.

use std::io;

/// Why a film is not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VideoError {
    /// A film has no side of no pixels, and H.264's highest level at which the encoder works has an end
    /// ([`VideoSize::fitting`](crate::VideoSize::fitting)).
    #[error("a film has 1x1 to 3840x2160 pixels, or 2160x3840, not {width}x{height}")]
    Size {
        /// Of a picture, in pixels.
        width: u16,
        /// Of a picture, in pixels.
        height: u16,
    },
    /// A picture has not as many pixels as the film's size says.
    #[error("a picture has {found} pixels instead of {wanted}")]
    Pixels {
        /// As many it should have.
        wanted: usize,
        /// As many it has.
        found: usize,
    },
    /// A film has at most [`MAX_PICTURES`](crate::MAX_PICTURES) pictures.
    #[error("a film has at most {} pictures", crate::MAX_PICTURES)]
    TooManyPictures,
    /// A film has at least one picture.
    #[error("a film without a picture")]
    NoPicture,
    /// The encoder does not do what is expected of it.
    #[error("the H.264 encoder: {0}")]
    Encoder(String),
    /// The index of the film cannot be written.
    #[error("the film's index: {0}")]
    Container(#[from] mp4_atom::Error),
    /// Writing failed.
    #[error("writing failed: {0}")]
    Write(#[from] io::Error),
}

impl From<openh264::Error> for VideoError {
    fn from(error: openh264::Error) -> Self {
        Self::Encoder(error.to_string())
    }
}

/// What may go wrong.
pub type VideoResult<T> = Result<T, VideoError>;
