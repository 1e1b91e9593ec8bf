//! Local and Remote RDP: the Remote Desktop Protocol (MS-RDPBCGR), on the IronRDP crates.
//!
//! [`gate`] is the Jumpoint's half; [`wire`] has the messages that it looks at, without I/O. [`recording`] turns the recording of a
//! session into pictures.

pub mod gate;
pub mod inner;
pub mod recording;
pub mod tls;
pub mod wire;

pub use gate::{RdpRecord, Refused};
