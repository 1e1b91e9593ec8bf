//! Local and Remote RDP: the Remote Desktop Protocol (MS-RDPBCGR), on the IronRDP crates.
//!
//! [`wire`] has the messages that a gate looks at, without I/O.

pub mod gate;
pub mod inner;
pub mod tls;
pub mod wire;

pub use gate::{RdpRecord, Refused};
