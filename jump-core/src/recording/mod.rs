//! Recordings: the original stream, losslessly.
//!
//! A [`Recorder`] takes the bytes that pass a gate, in order and with their time, and hands them through a bounded
//! queue to a writer. Decoding to something a person can watch happens afterwards, in the protocol crates.

mod recorder;

pub use recorder::{Queue, Record, RecordKind, Recorder};
