//! Local and Remote VNC: the Remote Framebuffer protocol (RFB, RFC 6143 and the community's specification, "rfbproto").
//!
//! [`VncBackend`] has the gate and the [`client`]; everything else does no I/O, bytes in, messages and events out. [`wire`]
//! has the messages, [`security`] both ends of the handshake. [`decode`] paints what a server sends into a
//! [`Framebuffer`](framebuffer::Framebuffer); [`walk`] says where a server's messages begin and end, for who passes them on
//! and decodes none of them. [`recording`] turns the recording of a session into pictures.

mod backend;
pub mod client;
pub mod decode;
mod error;
pub mod framebuffer;
mod gate;
mod held;
pub mod recording;
pub mod security;
pub mod walk;
pub mod wire;

pub use backend::VncBackend;
pub use error::{RfbError, RfbResult};
pub use gate::{Refused, VncRecord};
