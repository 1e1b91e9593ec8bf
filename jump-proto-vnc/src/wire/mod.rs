//! The protocol as bytes: no I/O, no clock.

mod client_message;
pub mod clipboard;
mod cut_text;
mod encoding;
mod input;
pub mod limits;
mod pixel_format;
mod rectangle;
mod screen;
mod server_message;
mod version;

pub use client_message::{ClientFrame, ClientFramer, ClientMessage, ClientMessageHead, ClientMessageKind};
pub use cut_text::CutText;
pub use encoding::{Encoding, EncodingKind};
pub use input::Input;
pub use pixel_format::{Channel, PixelFormat};
pub use rectangle::{Rectangle, RectangleHeader, Size};
pub use screen::Screen;
pub use server_message::{ServerFrame, ServerInit, ServerMessage, colours};
pub(crate) use server_message::{colour_map_bytes, number as server_number};
pub use version::Version;
