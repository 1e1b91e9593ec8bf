//! Decodes the recording of a VNC session.
//!
//! The recording holds the bytes of both directions as they passed after the login: the target's from its ServerInit on
//! (RFC 6143 §7.3.2), the client's from its ClientInit on (§7.3.1). What the gate left out is not in it. A client's
//! SetPixelFormat (§7.5.1) stands where it was passed on, which is when every update that was asked for had begun: it holds
//! for those that were asked for after it.
//!
//! [`ScreenDecoder`] takes the bytes; `jump_playback` plays a recording through it, and makes pictures and films.
//! [`Film`] holds what was painted in a form in which any moment is found at once; [`typed`] reads what was typed.
//!
//! Nothing is decoded further than a limit of [`limits`](crate::wire::limits).

mod client;
mod decoder;
mod film;
mod formats;
mod played;
mod pointer;
mod typed;

pub use decoder::{ScreenDecoder, ScreenEvent, Side};
pub use film::{Film, FilmLimits};
pub use typed::typed;

/// Plays a recording of VNC.
pub type Player<R> = jump_playback::Player<ScreenDecoder, R>;

const OPERATION: &str = "decode a recording";
