//! Records in, the bytes of a recording out.

use super::chunk::{CHUNK_HEAD, Chain, ChunkHead, sha256};
use super::{CHUNK_TARGET, MAX_RECORD, RECORD_HEAD, TAG, Totals, header, varint};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::SealingPublicKey;
use crate::recording::{Record, RecordingInfo};

/// Gathers records into a chunk and seals it in place.
///
/// Push records until [`is_full`](Self::is_full), [`seal`](Self::seal), write the bytes, [`clear`](Self::clear), and
/// so on; at the end [`finish`](Self::finish). A sealed chunk stays the same bytes until it is cleared: when writing
/// fails, the same bytes are written again. Sealing other bytes under the same number would give the cipher away.
#[derive(Debug)]
pub struct Encoder {
    chain: Chain,
    /// The chunk: room for its head, then its records in clear or, once sealed, its ciphertext and tag.
    buffer: Vec<u8>,
    sealed: bool,
    first: u64,
    latest: u64,
    totals: Totals,
}

fn misused(message: &'static str) -> Error {
    Error::new(ErrorKind::Internal, "write a recording", message)
}

impl Encoder {
    /// An encoder and the file header to write first.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the names in `info` are too long or `site_key` is no valid key.
    pub fn new(info: &RecordingInfo, site_key: &SealingPublicKey) -> Result<(Self, Vec<u8>)> {
        let (key, header) = header::seal(info, site_key)?;
        let encoder = Self {
            chain: Chain::new(&key, &header)?,
            buffer: Vec::new(),
            sealed: false,
            first: 0,
            latest: 0,
            totals: Totals::default(),
        };
        Ok((encoder, header))
    }

    /// Adds a record to the open chunk. Times have a resolution of one microsecond and never run backwards: a record
    /// that is earlier than the one before gets that one's time.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the payload is larger than [`MAX_RECORD`]; [`ErrorKind::Internal`] if the
    /// chunk is full or sealed.
    pub fn push(&mut self, record: &Record) -> Result<()> {
        if record.payload.len() > MAX_RECORD {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "write a recording",
                "a record is at most 16 MiB",
            ));
        }
        if self.sealed || self.is_full() {
            return Err(misused("the chunk before was not sealed and cleared"));
        }
        let at = u64::try_from(record.at.as_micros())
            .unwrap_or(u64::MAX)
            .max(self.latest);
        if self.buffer.is_empty() {
            self.buffer.resize(CHUNK_HEAD, 0);
            self.first = at;
            self.latest = at;
        }
        self.buffer.reserve(RECORD_HEAD + record.payload.len() + TAG);
        varint::write(at - self.latest, &mut self.buffer);
        self.buffer.push(record.kind as u8);
        varint::write(u64::from(record.channel), &mut self.buffer);
        varint::write(record.payload.len() as u64, &mut self.buffer);
        self.buffer.extend_from_slice(&record.payload);
        self.latest = at;
        self.totals.records += 1;
        self.totals.bytes += record.payload.len() as u64;
        Ok(())
    }

    /// Whether the open chunk holds nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether the open chunk is to be sealed before the next record.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.buffer.len() >= CHUNK_HEAD + CHUNK_TARGET
    }

    /// How many records and payload bytes were pushed so far.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// The SHA-256 of the last chunk that was sealed, of the file header if there is none yet. It depends on every byte
    /// of the recording so far: noted elsewhere, it shows that a recording was replaced or cut off.
    #[must_use]
    pub const fn hash(&self) -> [u8; 32] {
        self.chain.hash()
    }

    /// Seals the open chunk, unless it is sealed already, and gives its bytes. `lost` is how many payload bytes were
    /// lost so far.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the chunk is empty.
    pub fn seal(&mut self, lost: u64) -> Result<&[u8]> {
        if !self.sealed {
            if self.buffer.is_empty() {
                return Err(misused("an empty chunk cannot be sealed"));
            }
            self.seal_as(self.first, lost, false)?;
        }
        Ok(&self.buffer)
    }

    /// Forgets the sealed chunk once it is written. `keep` says how much memory to hold ready for the next one, in
    /// bytes.
    pub fn clear(&mut self, keep: usize) {
        self.buffer.clear();
        self.buffer.shrink_to(keep);
        self.sealed = false;
    }

    /// The final chunk. Nothing may be pushed after it.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if a chunk is still open.
    pub fn finish(&mut self, lost: u64) -> Result<&[u8]> {
        if !self.buffer.is_empty() {
            return Err(misused("the chunk before was not sealed and cleared"));
        }
        self.totals.lost = lost;
        self.buffer.resize(CHUNK_HEAD, 0);
        self.buffer.extend_from_slice(&self.totals.records.to_be_bytes());
        self.buffer.extend_from_slice(&self.totals.bytes.to_be_bytes());
        self.seal_as(self.latest, lost, true)?;
        Ok(&self.buffer)
    }

    fn seal_as(&mut self, time: u64, lost: u64, last: bool) -> Result<()> {
        let length = (self.buffer.len() + TAG).saturating_sub(CHUNK_HEAD);
        let head = ChunkHead {
            sequence: self.chain.sequence,
            time,
            lost,
            length: u32::try_from(length).map_err(|_| misused("a chunk grew too large"))?,
            last,
        };
        let bytes = head.to_bytes();
        let aad = self.chain.aad(&bytes);
        let Some((room, body)) = self.buffer.split_first_chunk_mut() else {
            return Err(misused("a chunk has no head"));
        };
        *room = bytes;
        let tag = self
            .chain
            .key
            .seal_in_place_separate_tag(head.nonce(), aad, body)
            .map_err(|_| misused("the cipher refused a chunk"))?;
        self.buffer.extend_from_slice(tag.as_ref());
        self.chain.advance(sha256(&[&self.buffer]));
        self.sealed = true;
        Ok(())
    }
}
