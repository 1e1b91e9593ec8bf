//! Local and Remote RDP: the Remote Desktop Protocol (MS-RDPBCGR), on the IronRDP crates.
//!
//! [`RdpBackend`] has the [`gate`] and the [`client`]. [`tls`] is how either makes sure of a server, [`inner`] how they know
//! each other, and [`wire`] has the messages that a gate looks at, without I/O. [`recording`] turns the recording of a session
//! into pictures.

mod backend;
mod certificate;
pub mod client;
mod error;
pub mod gate;
pub mod inner;
pub mod recording;
pub mod wire;

pub use backend::RdpBackend;
pub use gate::{RdpRecord, Refused};
pub use jump_core::tls;
