//! The core of the Jump library: model, access decisions, tunnel, broker, Jumpoint and rep.
//!
//! An authorized user (the **rep**) securely reaches computers and network devices in any network; everything is
//! logged. Three parts meet: the [`broker`] decides and relays, the [`jumpoint`] in the remote network dials out and
//! runs the gate of each protocol, the [`rep`] asks for a Jump and drives the session. One session is one end-to-end
//! TLS 1.3 stream between rep and Jumpoint; the relay in between sees ciphertext only.
//!
//! This crate knows no protocol: each one is a [`protocol::Backend`] that is registered by value. Nothing here is
//! global: runtime, clock, crypto provider, stores and logs are passed in.

mod append_file;

pub mod access;
pub mod audit;
pub mod broker;
pub mod control;
pub mod error;
pub mod export;
pub mod id;
pub mod identity_file;
pub mod jumpoint;
pub mod keys;
pub mod model;
pub mod notify;
pub mod private_file;
pub mod protocol;
pub mod recording;
pub mod rep;
pub mod report;
pub mod screen;
pub mod secret;
mod serving;
pub mod session;
pub mod store;
pub mod stream;
pub mod text;
pub mod time;
pub mod tls;
pub mod tunnel;
pub mod vault;

pub use error::{Error, ErrorKind, Result};
