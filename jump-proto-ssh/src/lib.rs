//! Shell Jump over SSH (RFC 4251 to 4254): gate, client and recording decoder.
//!
//! * The **gate** ([`SshBackend::gate`](jump_core::protocol::Backend::gate)) is an SSH client toward the target, with
//!   the injected credential, and an SSH server toward the rep, which asks for no credential because the tunnel has
//!   authenticated the rep. Between the two it bridges channels, message by message, and records them.
//! * The **client** ([`SshBackend::connect`](jump_core::protocol::Backend::connect)) gives an embedder a shell, commands
//!   and files over any stream that is already authenticated.
//! * The **decoder** ([`recording`]) turns a recording into asciicast or plain text.
//! * The [`demo`] target is a tiny SSH server for tours and tests.
//!
//! SSH itself is russh's; nothing in this crate parses SSH packets.

mod backend;
mod client;
mod config;
pub mod demo;
mod failure;
mod gate;
mod identity;
mod leg;
pub mod recording;
pub mod sftp;
mod signal;

pub use backend::SshBackend;

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
