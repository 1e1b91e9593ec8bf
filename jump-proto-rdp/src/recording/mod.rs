//! Decodes the recording of an RDP session.
//!
//! The recording holds the bytes of both directions as the gate passed them on, from the MCS Connect Initial PDU on
//! (MS-RDPBCGR §2.2.1.3); everything that is needed to decode them is in it. What the gate left out is not.
//!
//! [`ScreenDecoder`] takes the bytes; `jump_playback` plays a recording through it, and makes pictures and films. [`typed`] reads what
//! was typed.
//!
//! The gate lets both sides agree only on what is decoded here.

mod decoder;
mod keyboard;
mod played;
mod server;
mod typed;

pub use decoder::{ScreenDecoder, ScreenEvent};
pub use typed::typed;

/// Plays a recording of RDP.
pub type Player<R> = jump_playback::Player<ScreenDecoder, R>;
