//! Recordings: the original stream, losslessly.
//!
//! A [`Recorder`] takes the bytes that pass a gate, in order and with their time, and hands them through a bounded
//! queue to a writer. Decoding to something a person can watch happens afterwards, in the protocol crates.
//!
//! A [`RecordingFolder`] starts recordings: encrypted files of the format in [`codec`], readable with the site's
//! private recording key only. A [`RecordingReader`] plays one.
//!
//! What is lost at worst: a kill of the process costs what was recorded in the last second before it; a power loss
//! costs what was recorded in the last six seconds. Both hold as long as the disk takes the data as fast as it comes;
//! a queue of 4 MiB stands before it.

pub mod codec;
mod finished;
mod folder;
mod info;
mod reader;
mod recorder;
mod writer;

pub(crate) use finished::{Finished, finished};
pub use folder::{RecordingFolder, RecordingSummary, RecordingTask};
pub use info::RecordingInfo;
pub use reader::{Ending, RecordingReader, VerifiedRecording, verify};
pub use recorder::{Queue, Record, RecordKind, Recorder};
