//! The recording format, as bytes in and bytes out: no file, no clock, no task.
//!
//! A recording is a file header, chunks, and a final chunk. Numbers are big-endian.
//!
//! ```text
//! file header   magic 8 | version 2 | length 4 | JSON (length bytes) | sealed content key 80
//! chunk         sequence 8 | time 8 | lost 8 | length 4 | flag 1 | ciphertext and tag (length bytes)
//! record        varint microseconds since the record before | kind 1 | varint channel | varint length | payload
//! ```
//!
//! * The content key is random, used for one recording only, and sealed (RFC 9180) to the site's recording key; the
//!   seal is bound to every header byte before it.
//! * A chunk is sealed with AES-256-GCM. Its nonce is three zero bytes, the sequence number and the final flag, as in
//!   STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its Nonce-Reuse
//!   Misuse-Resistance", 2015), so that no chunk can stand in another's place and the last one is known as such.
//! * The additional data of a chunk are the SHA-256 of the file header, the SHA-256 of the whole chunk before it
//!   (of the file header for the first) and the chunk's own 29 bytes in clear: the file is one hash chain.
//! * `time` is that of the chunk's first record, in microseconds since the recording began; `lost` is how many
//!   payload bytes were lost until the chunk was sealed.
//! * The final chunk holds the number of records (8 bytes) and of payload bytes (8 bytes); nothing follows it. A
//!   recording without one ended uncleanly and plays up to its last whole chunk.
//!
//! Whoever lacks the site's recording key can see who recorded what and when (the header is in clear), the sizes and
//! times of chunks, and nothing else. Whoever can write the file can cut it off at a chunk, which shows as an unclean
//! end, or replace it whole.

mod chunk;
mod decoder;
mod encoder;
mod header;
mod varint;

#[cfg(test)]
mod tests;

pub use chunk::{CHUNK_HEAD, ChunkHead};
pub use decoder::{Chunk, Decoder, Records};
pub use encoder::Encoder;
pub(crate) use header::clear_info;
pub use header::{HEADER_PREFIX, header_length};

/// The most payload bytes in one record: 16 MiB.
pub const MAX_RECORD: usize = 16 * 1024 * 1024;

/// A chunk is closed by the record that brings it to this many bytes before encryption: 64 KiB.
pub const CHUNK_TARGET: usize = 64 * 1024;

/// The most bytes that follow a chunk's head: the records below [`CHUNK_TARGET`], one of the largest, and the tag.
pub const MAX_CHUNK: usize = CHUNK_TARGET + MAX_RECORD + RECORD_HEAD + TAG;

/// The most bytes of a record before its payload.
const RECORD_HEAD: usize = 10 + 1 + 5 + 5;

/// The length of an AES-256-GCM tag.
const TAG: usize = 16;

/// What a whole recording holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records.
    pub records: u64,
    /// Payload bytes in them.
    pub bytes: u64,
    /// Payload bytes that were lost.
    pub lost: u64,
}
