//! Plays a recording.

use std::io::{self, Read};
use std::time::Duration;

use super::codec::{CHUNK_HEAD, Chunk, Decoder, HEADER_PREFIX, Records, Totals, header_length};
use super::{Record, RecordingInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::SealingKey;

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With its session.
    Clean {
        /// Payload bytes that were lost while recording; more than 0 in `best_effort` only.
        lost_bytes: u64,
    },
    /// Without its final chunk: the writer was killed, the file was cut off, or it is still being written. What came
    /// after the last whole chunk is not there.
    Unclean,
}

/// Gives the records of a recording one after the other.
///
/// Only what was verified is given. At the first chunk that does not verify, the iterator gives an error of
/// [`ErrorKind::Integrity`] that names it, and then nothing more.
#[derive(Debug)]
pub struct RecordingReader<R> {
    reader: R,
    decoder: Decoder,
    records: Option<Records>,
    seen: Totals,
    duration: Duration,
    ending: Ending,
    done: bool,
}

/// What [`verify`] found: everything that was read belongs to the recording, in its order and unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRecording {
    /// What is recorded.
    pub info: RecordingInfo,
    /// How it ended.
    pub ending: Ending,
    /// Whole chunks, the final one included.
    pub chunks: u64,
    /// Records.
    pub records: u64,
    /// Payload bytes.
    pub bytes: u64,
    /// Payload bytes lost while recording, as far as the recording says.
    pub lost: u64,
    /// The time of the last record.
    pub duration: Duration,
    /// The SHA-256 of the last whole chunk, which depends on every byte before it; the same as in the
    /// [`RecordingSummary`](super::RecordingSummary) if the recording ended cleanly.
    pub hash: [u8; 32],
}

/// Reads a whole recording and says what is in it.
///
/// # Errors
/// [`ErrorKind::Integrity`], naming the first chunk that is wrong; [`ErrorKind::Storage`] if reading fails.
pub fn verify(reader: impl Read, key: &SealingKey) -> Result<VerifiedRecording> {
    let mut reader = RecordingReader::open(reader, key)?;
    for record in &mut reader {
        record?;
    }
    Ok(VerifiedRecording {
        info: reader.info().clone(),
        ending: reader.ending(),
        chunks: reader.decoder.chunks(),
        records: reader.seen.records,
        bytes: reader.seen.bytes,
        lost: reader.lost_bytes(),
        duration: reader.duration(),
        hash: reader.decoder.hash(),
    })
}

fn storage(error: io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, "read a recording", error)
}

fn integrity(message: &'static str) -> Error {
    Error::new(ErrorKind::Integrity, "read a recording", message)
}

impl<R: Read> RecordingReader<R> {
    /// Reads the file header; `key` is the site's private recording key.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] if it is no recording, or was sealed to another key; [`ErrorKind::Unsupported`] if it
    /// is of a newer version; [`ErrorKind::Storage`] if reading fails.
    pub fn open(mut reader: R, key: &SealingKey) -> Result<Self> {
        let cut_off = || integrity("the file header is cut off");
        let mut header = Vec::new();
        read_up_to(&mut reader, HEADER_PREFIX, &mut header)?;
        let length = header_length(header.first_chunk().ok_or_else(cut_off)?)?;
        read_up_to(&mut reader, length - HEADER_PREFIX, &mut header)?;
        if header.len() != length {
            return Err(cut_off());
        }
        Ok(Self {
            reader,
            decoder: Decoder::new(&header, key)?,
            records: None,
            seen: Totals::default(),
            duration: Duration::ZERO,
            ending: Ending::Unclean,
            done: false,
        })
    }

    /// What is recorded.
    #[must_use]
    pub const fn info(&self) -> &RecordingInfo {
        self.decoder.info()
    }

    /// How the recording ended; known once the iterator gave `None`, [`Ending::Unclean`] until then.
    #[must_use]
    pub const fn ending(&self) -> Ending {
        self.ending
    }

    /// The time of the last record given so far.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// Payload bytes that had been lost when the chunk read last was written.
    #[must_use]
    pub const fn lost_bytes(&self) -> u64 {
        self.seen.lost
    }

    /// Opens the next chunk that holds records; `None` at the end.
    fn next_chunk(&mut self) -> Result<Option<Records>> {
        let mut bytes = Vec::with_capacity(CHUNK_HEAD);
        read_up_to(&mut self.reader, CHUNK_HEAD, &mut bytes)?;
        let Some(head) = bytes.first_chunk() else {
            return Ok(None);
        };
        let head = self.decoder.head(head)?;
        let mut body = Vec::new();
        let length = usize::try_from(head.length).unwrap_or(usize::MAX);
        read_up_to(&mut self.reader, length, &mut body)?;
        if body.len() != length {
            return Ok(None);
        }
        match self.decoder.open(head, body)? {
            Chunk::Records(records) => {
                self.seen.lost = head.lost;
                Ok(Some(records))
            }
            Chunk::End(totals, duration) => {
                self.seen.lost = totals.lost;
                if self.seen != totals || self.duration != duration {
                    return Err(integrity(
                        "the final chunk's totals are not those of the recording",
                    ));
                }
                let mut more = Vec::new();
                read_up_to(&mut self.reader, 1, &mut more)?;
                if !more.is_empty() {
                    return Err(integrity("something follows the final chunk"));
                }
                self.ending = Ending::Clean {
                    lost_bytes: totals.lost,
                };
                Ok(None)
            }
        }
    }

    fn next_record(&mut self) -> Result<Option<Record>> {
        loop {
            if let Some(record) = self.records.as_mut().and_then(Iterator::next) {
                let record = record?;
                self.seen.records += 1;
                self.seen.bytes += record.payload.len() as u64;
                self.duration = record.at;
                return Ok(Some(record));
            }
            self.records = self.next_chunk()?;
            if self.records.is_none() {
                return Ok(None);
            }
        }
    }
}

impl<R: Read> Iterator for RecordingReader<R> {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Result<Record>> {
        if self.done {
            return None;
        }
        let next = self.next_record().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Appends up to `count` bytes to `buffer`; fewer if the input ends. Memory grows with what is really there, not with
/// what a length field claims.
fn read_up_to(reader: &mut impl Read, count: usize, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.reserve(count.min(128 * 1024));
    reader
        .take(count as u64)
        .read_to_end(buffer)
        .map(drop)
        .map_err(storage)
}
