//! Local and Remote VNC: the Remote Framebuffer protocol (RFB, RFC 6143 and the community's specification, "rfbproto").
//!
//! Everything under [`wire`] and [`security`] does no I/O: bytes in, messages and events out.

mod error;
pub mod security;
pub mod wire;

pub use error::{RfbError, RfbResult};
