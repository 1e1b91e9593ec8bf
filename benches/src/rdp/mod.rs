//! Streams of real RDP servers, and clients that take them: ours, and FreeRDP's libraries.

mod freerdp;
mod measured;
mod messages;
mod peer;
mod record;
mod recording;
mod replay;
mod session;

pub(crate) use freerdp::Freerdp;
pub(crate) use measured::{Measured, Order, Wanted};
pub(crate) use peer::{Encryption, graphics};
pub(crate) use record::{Codecs, Maker, record};
pub(crate) use recording::Recording;
pub(crate) use replay::Replay;
pub(crate) use session::play;

/// The size of a screen, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u16,
    pub(crate) height: u16,
}
