//! One chunk: its head in clear, its nonce and what its seal is bound to.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{MAX_CHUNK, TAG};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// How many bytes of a chunk are in clear.
pub const CHUNK_HEAD: usize = 29;

pub(super) type Hash = [u8; 32];

/// The part of a chunk in clear. It is authenticated with the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHead {
    /// Which chunk, counted from 0.
    pub sequence: u64,
    /// The time of its first record, in microseconds since the recording began.
    pub time: u64,
    /// How many payload bytes were lost until it was sealed.
    pub lost: u64,
    /// How many bytes of ciphertext and tag follow, 16..=[`MAX_CHUNK`](super::MAX_CHUNK).
    pub length: u32,
    /// Whether it is the final chunk.
    pub last: bool,
}

impl ChunkHead {
    /// The head's bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; CHUNK_HEAD] {
        let mut bytes = [0; CHUNK_HEAD];
        let fields = self
            .sequence
            .to_be_bytes()
            .into_iter()
            .chain(self.time.to_be_bytes())
            .chain(self.lost.to_be_bytes())
            .chain(self.length.to_be_bytes())
            .chain([u8::from(self.last)]);
        for (byte, value) in bytes.iter_mut().zip(fields) {
            *byte = value;
        }
        bytes
    }

    /// Reads what [`ChunkHead::to_bytes`] wrote; `None` if a field is out of range.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; CHUNK_HEAD]) -> Option<Self> {
        let (sequence, rest) = bytes.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (lost, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*length);
        let last = match rest {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        (TAG..=MAX_CHUNK)
            .contains(&usize::try_from(length).ok()?)
            .then_some(Self {
                sequence: u64::from_be_bytes(*sequence),
                time: u64::from_be_bytes(*time),
                lost: u64::from_be_bytes(*lost),
                length,
                last,
            })
    }

    pub(super) fn nonce(self) -> Nonce {
        let mut nonce = [0; 12];
        let [_, _, _, sequence @ .., last] = &mut nonce;
        sequence.copy_from_slice(&self.sequence.to_be_bytes());
        *last = u8::from(self.last);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The key of one recording and the hashes that its next chunk is bound to.
pub(super) struct Chain {
    pub(super) key: LessSafeKey,
    header: Hash,
    previous: Hash,
    pub(super) sequence: u64,
}

impl Chain {
    pub(super) fn new(key: &Secret<[u8; 32]>, header: &[u8]) -> Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, key.expose())
            .map_err(|_| Error::new(ErrorKind::Internal, "open a recording", "the key was refused"))?;
        let header = sha256(&[header]);
        Ok(Self {
            key: LessSafeKey::new(key),
            header,
            previous: header,
            sequence: 0,
        })
    }

    /// What the chunk with this head is bound to.
    pub(super) fn aad(&self, head: &[u8; CHUNK_HEAD]) -> Aad<[u8; 64 + CHUNK_HEAD]> {
        let mut aad = [0; 64 + CHUNK_HEAD];
        let parts = self.header.iter().chain(&self.previous).chain(head);
        for (byte, value) in aad.iter_mut().zip(parts) {
            *byte = *value;
        }
        Aad::from(aad)
    }

    /// The hash of the last chunk, or of the file header if there is none yet.
    pub(super) const fn hash(&self) -> Hash {
        self.previous
    }

    /// Goes on behind the chunk with this hash.
    pub(super) fn advance(&mut self, chunk: Hash) {
        self.previous = chunk;
        self.sequence += 1;
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chain(at chunk {})", self.sequence)
    }
}

pub(super) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
