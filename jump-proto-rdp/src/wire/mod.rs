//! RDP's messages as bytes (MS-RDPBCGR): no I/O, no clock.
//!
//! A gate passes on the peers' own bytes, so nothing is decoded here that need not be: [`Head`] says how long each message
//! is, [`Domain`] what it is, and the rest finds the few places that a gate looks at or changes. All changes but that of the
//! Client Info PDU keep the length, so blocks and capabilities that nobody here knows survive.
//!
//! What is not understood is an error: a gate that passed it on could not say what it had passed on.

mod bytes;
pub mod capabilities;
pub mod client_info;
pub mod clipboard;
pub mod connect;
pub mod dynamic;
mod error;
pub mod error_info;
pub mod fast_path;
mod gcc;
mod head;
pub mod input;
mod mcs;
pub mod rail;
pub mod security;
pub mod share;
pub mod static_channel;

pub use error::{RdpError, RdpResult};
pub use head::{Head, MAX_MESSAGE_BYTES};
pub use mcs::{Data, Domain, domain, send_data_indication, send_data_request};
