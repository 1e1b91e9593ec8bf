//! The handshake of both ends: who speaks which version, how the client logs in, and the server's first words (RFC 6143 §7.1
//! to §7.3; rfbproto "Handshaking Messages", "Security Types").
//!
//! [`ClientHandshake`] logs in to a target; [`ServerHandshake`] receives a viewer. Both do no I/O: bytes in, bytes and events
//! out, and both hold no input that they have not understood.

mod apple_dh;
mod client;
mod client_login;
mod eax;
mod policy;
mod rsa_aes;
mod server;
mod tight;
mod types;
mod vnc_auth;

pub use client::{ClientConfig, ClientHandshake, ClientSession, ClientStep};
pub use eax::{EaxOpener, EaxSealer, EaxStream};
pub use policy::{SecurityPolicy, VncCredential};
pub use rsa_aes::{ClientKey, ServerKey};
pub use server::{ServerHandshake, ServerLogin, ServerSession, ServerStep};
pub use tight::{Capability, TightCapabilities};
pub use types::SecurityType;
