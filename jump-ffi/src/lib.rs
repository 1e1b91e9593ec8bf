//! libjump: the Jump library for C and C++.
//!
//! What a caller sees, and has to keep to, stands in the generated header, `include/jump/jump.h`; its beginning is
//! [`HEADER`]. Inside:
//!
//! * [`table`]: a handle is no address but the number of an entry in a table, with its kind and a generation. So a handle that
//!   was freed, is of another kind, or never was one, is an error and no crash.
//! * [`guard`]: every export runs in it. It turns an error into a status and an error object, and a panic into
//!   `JUMP_ERR_PANIC`.
//! * [`pointer`]: what comes from C is looked at here, and nowhere else is memory of the caller read or written.
//! * [`plug`]: callbacks of an embedder, and in [`contracts`] what they stand for in the core.
//! * [`queue`]: events of a session, broker or Jumpoint, to be pulled, with a file descriptor to poll.

#![allow(non_camel_case_types, reason = "types are named as in C")]

pub mod access;
pub mod broker;
pub mod broker_options;
pub mod buffer;
pub mod context;
mod contracts;
pub mod error;
pub mod event;
mod guard;
mod header;
pub mod identity;
pub mod jumpoint;
pub mod local;
pub mod log;
#[cfg(debug_assertions)]
pub mod panic_export;
pub mod plug;
mod pointer;
mod pull;
mod queue;
pub mod rep;
mod running_broker;
mod running_shell;
pub mod screen;
pub mod session;
pub mod shell;
pub mod status;
mod table;
pub mod transfer;
pub mod tunnel;
pub mod version;
mod wake;

pub use header::{HEADER, SOURCES};
