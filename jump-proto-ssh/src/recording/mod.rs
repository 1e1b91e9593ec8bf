//! Decodes the recording of a Shell Jump.
//!
//! The gate records every channel's bytes as they passed, numbered by channel, and one
//! [`Event`](jump_core::recording::RecordKind::Event) record per request: a [`ShellRecord`] in JSON. [`channels`] says
//! what a recording holds; [`asciicast`] and [`text`] show one channel of it. All three read the records once, in
//! their order, and hold none of them.

mod asciicast;
mod channels;
mod event;
mod text;
mod utf8;

pub use asciicast::{CastOptions, asciicast};
pub use channels::{ChannelKind, ChannelSummary, channels};
pub use event::ShellRecord;
pub use text::{TextFilter, text};
pub(crate) use utf8::Utf8Pieces;

use jump_core::{Error, ErrorKind};

fn not_written(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, "write the decoded recording", error)
}
