//! What a server paints: updates of the screen in every encoding, without I/O.
//!
//! [`UpdateDecoder`] takes the bytes of an update as they come, in pieces of any length, and paints what can be painted: it
//! holds no rectangle back, and at most 2 KiB of what it was given have to be given again together with what follows.
//! Numbers that the server chooses are checked before anything is reserved or computed with them, and all arithmetic
//! with them is in one file, `layout.rs`.
//!
//! It needs no threads. Given [`Helpers`], it has pictures (JPEG, PNG) decoded by them, and comes back when all are painted.

mod collect;
mod colours;
mod cursor;
mod gradient;
mod helpers;
pub(crate) mod hextile;
mod inflate;
pub(crate) mod layout;
mod palette;
mod pending;
mod picture;
mod pixels;
mod pseudo;
mod rre;
pub(crate) mod run_length;
mod span;
pub(crate) mod tight;
pub(crate) mod tight_header;
pub(crate) mod tiles;
pub(crate) mod trle;
pub(crate) mod update;
mod zlib;
mod zrle;

pub use cursor::CursorImage;
pub use helpers::Helpers;
pub use pseudo::{Screen, UpdateEvent};
pub use update::{Decoded, UpdateDecoder};

use crate::framebuffer::Framebuffer;
use crate::wire::PixelFormat;
use inflate::Streams;
use pixels::PixelReader;
use tiles::TilePixels;

/// How far a decoder came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All is done.
    Finished,
    /// Nothing can be done with less than so many bytes from the first one that was not consumed; 1 or more.
    Needs(usize),
}

/// What the decoders of rectangles work on.
pub(crate) struct Context<'a> {
    screen: &'a mut Framebuffer,
    format: PixelFormat,
    pixels: &'a PixelReader,
    compact: &'a PixelReader,
    tight: &'a PixelReader,
    streams: &'a mut Streams,
    /// Room for a tile that is painted before it goes to the screen; what is in it means nothing.
    tile: &'a mut TilePixels,
}
