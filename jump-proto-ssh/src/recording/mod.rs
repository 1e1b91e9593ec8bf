//! Decodes the recording of a Shell Jump.
//!
//! The gate records every channel's bytes as they passed, numbered by channel, and one
//! [`Event`](jump_core::recording::RecordKind::Event) record per request: a [`ShellRecord`] in JSON.

mod event;

pub use event::ShellRecord;
