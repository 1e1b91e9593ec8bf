//! What can be seen of a recording without the key that opens it: whether it is finished, of what it is, and the end of its
//! hash chain.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::RecordingInfo;
use super::codec::{CHUNK_HEAD, ChunkHead, HEADER_PREFIX, clear_info, header_length};
use super::folder::storage;
use crate::error::Result;
use crate::time::Timestamp;

/// A recording that came to its end. Nothing of it was verified, which takes the site's recording key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    /// What it is of, as its header says.
    pub(crate) info: RecordingInfo,
    /// The SHA-256 of its final chunk.
    pub(crate) hash: [u8; 32],
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// When the file was written last.
    pub(crate) written: Timestamp,
}

/// Looks at a recording; `None` if it is none, or has no final chunk: it is open, or ended uncleanly. Reads the whole file, with
/// little memory.
///
/// # Errors
/// [`ErrorKind::Storage`](crate::ErrorKind::Storage) if reading fails.
pub(crate) fn finished(path: &Path) -> Result<Option<Finished>> {
    let file = File::open(path).map_err(storage)?;
    let written = file
        .metadata()
        .and_then(|data| data.modified())
        .map_err(storage)?;
    let Ok(written) = Timestamp::try_from(written) else {
        return Ok(None);
    };
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    match look(&mut reader) {
        Ok(found) => Ok(found.map(|(info, hash, bytes)| Finished {
            info,
            hash,
            bytes,
            written,
        })),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(storage(error)),
    }
}

fn look(reader: &mut impl Read) -> io::Result<Option<(RecordingInfo, [u8; 32], u64)>> {
    let mut header = vec![0; HEADER_PREFIX];
    reader.read_exact(&mut header)?;
    let Some(Ok(length)) = header.first_chunk().map(header_length) else {
        return Ok(None);
    };
    header.resize(length, 0);
    reader.read_exact(header.get_mut(HEADER_PREFIX..).unwrap_or_default())?;
    let Ok(info) = clear_info(&header) else {
        return Ok(None);
    };
    let mut bytes = length as u64;
    let mut piece = vec![0; 64 * 1024];
    loop {
        let mut head = [0; CHUNK_HEAD];
        reader.read_exact(&mut head)?;
        let Some(chunk) = ChunkHead::from_bytes(&head) else {
            return Ok(None);
        };
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
        hash.update(&head);
        let mut left = chunk.length as usize;
        while left > 0 {
            let most = left.min(piece.len());
            let space = piece.get_mut(..most).unwrap_or_default();
            reader.read_exact(space)?;
            hash.update(space);
            left -= most;
        }
        bytes += CHUNK_HEAD as u64 + u64::from(chunk.length);
        if chunk.last {
            let ends = reader.read(&mut head)? == 0;
            let hash = <[u8; 32]>::try_from(hash.finish().as_ref()).ok();
            return Ok(hash.filter(|_| ends).map(|hash| (info, hash, bytes)));
        }
    }
}
