//! What a protocol has to bring.

use std::error::Error;

use jump_core::ErrorKind;
use jump_core::protocol::Picture;
use jump_core::screen::Size;

/// What something that happened means for the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The screen has this size now.
    pub size: Option<Size>,
    /// At least a pixel was painted.
    pub painted: bool,
    /// What the screen shows belongs together.
    pub updated: bool,
}

/// Decodes both directions of a recorded session, without I/O. Its state depends on every byte before.
pub trait Decoder {
    /// Something that happened in a session.
    type Event;
    /// What can be wrong with the bytes.
    type Error: Error + Send + Sync + 'static;

    /// One for a session at its beginning.
    fn for_playing() -> Self;

    /// Takes the next bytes that came from the target.
    ///
    /// # Errors
    /// What cannot be decoded. The same error is returned from then on.
    fn take_target(&mut self, bytes: &[u8], told: &mut dyn FnMut(Self::Event)) -> Result<(), Self::Error>;

    /// Takes the next bytes that came from the client.
    ///
    /// # Errors
    /// As for [`take_target`](Self::take_target).
    fn take_client(&mut self, bytes: &[u8], told: &mut dyn FnMut(Self::Event)) -> Result<(), Self::Error>;

    /// Takes what the gate noted between the bytes. What it does not know is left out.
    fn take_note(&mut self, note: &[u8], told: &mut dyn FnMut(Self::Event));

    /// What an event means for the picture.
    fn progress(event: &Self::Event) -> Progress;

    /// Which kind of error it is.
    fn kind(error: &Self::Error) -> ErrorKind;

    /// The screen as the rep saw it, with the pointer; `None` before there is one.
    fn seen(&self) -> Option<Picture>;

    /// Whether the target sent graphics at all.
    fn graphics(&self) -> bool;

    /// How many pieces of graphics could not be decoded, and are missing in the picture.
    fn missing(&self) -> u64;
}
