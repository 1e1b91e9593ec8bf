//! Local and Remote VNC: the Remote Framebuffer protocol (RFB, RFC 6143 and the community's specification, "rfbproto").
//!
//! Everything under [`wire`] does no I/O: bytes in, messages out.
//!
//! [`walk`] says where a server's messages begin and end, for who passes them on and decodes none of them.
//! [`decode`] paints what a server sends into a [`Framebuffer`](framebuffer::Framebuffer), without I/O either.

mod damage;
pub mod decode;
mod error;
pub mod framebuffer;
pub mod walk;
pub mod wire;

pub use damage::Damage;
pub use error::{RfbError, RfbResult};
