//! The bytes of a recording in, records out.

use std::time::Duration;

use bytes::Bytes;

use super::chunk::{CHUNK_HEAD, Chain, ChunkHead, sha256};
use super::{MAX_RECORD, Totals, header, varint};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::SealingKey;
use crate::recording::{Record, RecordKind, RecordingInfo};

/// Opens chunk after chunk, and stops at the first that does not belong where it stands.
#[derive(Debug)]
pub struct Decoder {
    info: RecordingInfo,
    chain: Chain,
}

/// What was in a chunk.
#[derive(Debug)]
pub enum Chunk {
    /// Records.
    Records(Records),
    /// The recording ended cleanly, with these totals and this long after it began.
    End(Totals, Duration),
}

fn wrong(chunk: u64, message: &str) -> Error {
    Error::new(
        ErrorKind::Integrity,
        "read a recording",
        format!("chunk {chunk} {message}"),
    )
}

impl Decoder {
    /// A decoder for the recording with this file header, whose length [`header_length`](super::header_length) gives.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] if the header is damaged or was sealed to another site's key.
    pub fn new(file_header: &[u8], key: &SealingKey) -> Result<Self> {
        let (info, content_key) = header::open(file_header, key)?;
        Ok(Self {
            info,
            chain: Chain::new(&content_key, file_header)?,
        })
    }

    /// What is recorded.
    #[must_use]
    pub const fn info(&self) -> &RecordingInfo {
        &self.info
    }

    /// How many chunks were opened so far, the final one included.
    #[must_use]
    pub const fn chunks(&self) -> u64 {
        self.chain.sequence
    }

    /// The SHA-256 of the last chunk that was opened, as [`Encoder::hash`](super::Encoder::hash) gives it.
    #[must_use]
    pub const fn hash(&self) -> [u8; 32] {
        self.chain.hash()
    }

    /// Reads the head of the next chunk, to learn how many bytes follow.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`], naming the chunk, if a field is out of range or another chunk stands here.
    pub fn head(&self, bytes: &[u8; CHUNK_HEAD]) -> Result<ChunkHead> {
        let expected = self.chain.sequence;
        let head = ChunkHead::from_bytes(bytes)
            .ok_or_else(|| wrong(expected, "was changed: its head is not valid"))?;
        if head.sequence != expected {
            let message = format!("is missing: chunk {} stands in its place", head.sequence);
            return Err(wrong(expected, &message));
        }
        Ok(head)
    }

    /// Opens the next chunk: its head and the bytes that follow.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`], naming the chunk, if it was changed or belongs elsewhere.
    pub fn open(&mut self, head: ChunkHead, mut body: Vec<u8>) -> Result<Chunk> {
        let number = self.chain.sequence;
        let bytes = head.to_bytes();
        let aad = self.chain.aad(&bytes);
        // The chain runs over the ciphertext, which opening in place replaces.
        let hash = sha256(&[&bytes, &body]);
        let length = self
            .chain
            .key
            .open_in_place(head.nonce(), aad, &mut body)
            .map_err(|_| wrong(number, "does not verify: it was changed or belongs elsewhere"))?
            .len();
        self.chain.advance(hash);
        body.truncate(length);
        if head.last {
            let (records, bytes) = match body.split_first_chunk() {
                Some((records, rest)) => (records, rest.try_into().ok()),
                None => return Err(wrong(number, "is no valid final chunk")),
            };
            let bytes = bytes.ok_or_else(|| wrong(number, "is no valid final chunk"))?;
            let totals = Totals {
                records: u64::from_be_bytes(*records),
                bytes: u64::from_be_bytes(bytes),
                lost: head.lost,
            };
            return Ok(Chunk::End(totals, Duration::from_micros(head.time)));
        }
        Ok(Chunk::Records(Records::new(Bytes::from(body), head.time, number)))
    }
}

/// The records of one chunk. After an error there are no more.
#[derive(Debug)]
pub struct Records {
    body: Bytes,
    at: u64,
    chunk: u64,
}

impl Records {
    /// The records in the decrypted body of chunk number `chunk`, the first of them at `time` microseconds.
    #[must_use]
    pub const fn new(body: Bytes, time: u64, chunk: u64) -> Self {
        Self {
            body,
            at: time,
            chunk,
        }
    }

    fn record(&mut self) -> Option<Record> {
        let mut rest: &[u8] = &self.body;
        let at = self.at.checked_add(varint::read(&mut rest)?)?;
        let (kind, mut rest) = rest.split_first()?;
        let kind = RecordKind::from_number(*kind)?;
        let channel = u32::try_from(varint::read(&mut rest)?).ok()?;
        let length = usize::try_from(varint::read(&mut rest)?).ok()?;
        if length > MAX_RECORD || length > rest.len() {
            return None;
        }
        let start = self.body.len() - rest.len();
        let mut payload = self.body.split_off(start);
        self.body = payload.split_off(length);
        self.at = at;
        Some(Record {
            at: Duration::from_micros(at),
            channel,
            kind,
            payload,
        })
    }
}

impl Iterator for Records {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Result<Record>> {
        if self.body.is_empty() {
            return None;
        }
        let record = self.record();
        if record.is_none() {
            self.body = Bytes::new();
        }
        Some(record.ok_or_else(|| wrong(self.chunk, "holds something that is no record")))
    }
}
