//! Protocol Tunnel Jump: TCP connections to the permitted ports of a remote host, many at once, inside one session.
//!
//! The crate has the shape of every protocol: a **gate** that runs in the Jumpoint and dials only what was granted, and
//! a **client** that gives the embedder a [`TunnelSession`](jump_core::protocol::TunnelSession); [`TunnelBackend`] is
//! both. [`LocalListener`] leads local ports into a session. All of it stands on one state machine, [`mux::Mux`], which
//! does no I/O, and one frame codec, [`wire`].

mod backend;
pub mod batch;
mod client;
mod connection;
mod driver;
mod gate;
mod link;
mod listener;
pub mod mux;
mod record;
pub mod stream;
pub mod wire;

pub use backend::TunnelBackend;
pub use client::TunnelClient;
pub use listener::{LocalEvent, LocalForward, LocalListener};
pub use record::TunnelRecord;
