//! Local and Remote VNC: the Remote Framebuffer protocol (RFB, RFC 6143 and the community's specification, "rfbproto").
//!
//! Everything under [`wire`] does no I/O: bytes in, messages out.

mod error;
pub mod wire;

pub use error::{RfbError, RfbResult};
