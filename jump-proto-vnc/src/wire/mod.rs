//! The protocol as bytes: no I/O, no clock.

mod encoding;
mod input;
pub mod limits;
mod pixel_format;
mod rectangle;

pub use encoding::{Encoding, EncodingKind};
pub use input::Input;
pub use pixel_format::{Channel, PixelFormat};
pub use rectangle::{Rectangle, RectangleHeader, Size};
