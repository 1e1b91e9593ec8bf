//! Signed checkpoints: the site's own signature under the end of the chain, kept beside the log.
//!
//! ```text
//! {"sequence":1000,"hash":"<64 hex digits>","signature":"<base64>"}
//! ```
//!
//! A chain alone does not show that lines are missing at its end, and whoever writes the file can write a whole new chain. A
//! checkpoint shows both to anyone who has the site's public key: the log must reach the event it names, with the hash it
//! names. Copies of checkpoints that are kept elsewhere hold against somebody who removes lines and checkpoints together.

use std::io::{BufRead, Read};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::line::ChainEnd;
use crate::append_file::AppendFile;
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{PublicKey, Signature, SigningKey};

const DOMAIN: &str = "jump audit checkpoint v1";

/// A line of a checkpoint is shorter than this, in bytes.
const LONGEST_LINE: u64 = 1024;

/// A checkpoint is signed after this many events …
const EVERY: u64 = 1000;
/// … or with the first event after this time, and when the log is closed.
const AT_LEAST_EVERY: Duration = Duration::from_secs(60);

/// The site's statement that its log held this many events, the last of which has this hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// How many events.
    pub sequence: u64,
    /// The hash of the last one's line, 64 hexadecimal digits.
    pub hash: String,
    /// The site's signature (Ed25519) under both.
    pub signature: Signature,
}

impl Checkpoint {
    fn sign(end: ChainEnd, key: &SigningKey) -> Self {
        Self {
            sequence: end.sequence,
            hash: HEXLOWER.encode(&end.hash),
            signature: key.sign(DOMAIN, &message(end)),
        }
    }

    /// What it states, if the signature is the site's.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] if it is not.
    pub(super) fn verified(&self, site: &PublicKey) -> Result<ChainEnd> {
        let refuse = |rule: &str| {
            let message = format!("the checkpoint for event {} {rule}", self.sequence);
            Error::new(ErrorKind::Integrity, "check the audit log", message)
        };
        let hash = HEXLOWER
            .decode(self.hash.as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or_else(|| refuse("has no readable hash"))?;
        let end = ChainEnd {
            sequence: self.sequence,
            hash,
        };
        site.verify(DOMAIN, &message(end), &self.signature)
            .map_err(|error| refuse("was not signed by this site").with_source(error))?;
        Ok(end)
    }
}

fn message(end: ChainEnd) -> Vec<u8> {
    let mut message = end.sequence.to_be_bytes().to_vec();
    message.extend_from_slice(&end.hash);
    message
}

/// Gives what checkpoints state, in ascending order, each after its signature was checked. An incomplete last line, which a
/// crash leaves, is passed over.
#[derive(Debug)]
pub(super) struct Checkpoints<'k, R> {
    reader: R,
    site: &'k PublicKey,
    last: u64,
}

impl<'k, R: BufRead> Checkpoints<'k, R> {
    pub(super) const fn new(reader: R, site: &'k PublicKey) -> Self {
        Self {
            reader,
            site,
            last: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<ChainEnd>> {
        let damaged = |rule: &str| {
            let message = format!("the line behind the checkpoint for event {} {rule}", self.last);
            Error::new(ErrorKind::Integrity, "check the audit log", message)
        };
        let mut line = Vec::new();
        (&mut self.reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|error| Error::from_io(ErrorKind::Storage, "read the audit log's checkpoints", error))?;
        let Some(text) = line.strip_suffix(b"\n") else {
            if line.len() as u64 >= LONGEST_LINE {
                return Err(damaged("is too long"));
            }
            return Ok(None);
        };
        let checkpoint: Checkpoint =
            serde_json::from_slice(text).map_err(|error| damaged("is no checkpoint").with_source(error))?;
        if checkpoint.sequence <= self.last {
            return Err(damaged("names an earlier event"));
        }
        let end = checkpoint.verified(self.site)?;
        self.last = end.sequence;
        Ok(Some(end))
    }
}

/// Signs checkpoints for the thread that writes a log.
#[derive(Debug)]
pub(super) struct Signer {
    key: SigningKey,
    file: AppendFile,
    last: u64,
    since: Instant,
}

impl Signer {
    /// Goes on behind the checkpoint for event `last`; 0 if there is none.
    pub(super) fn new(key: SigningKey, file: AppendFile, last: u64) -> Self {
        Self {
            key,
            file,
            last,
            since: Instant::now(),
        }
    }

    /// After a write: signs if it is time. The events are durable already, so a checkpoint is never ahead of the log.
    pub(super) fn written(&mut self, end: ChainEnd) {
        if end.sequence >= self.last.saturating_add(EVERY) || self.since.elapsed() >= AT_LEAST_EVERY {
            self.sign(end);
        }
    }

    /// Signs the end of the chain, unless it is signed already. What fails is tried again after the next event.
    pub(super) fn sign(&mut self, end: ChainEnd) {
        if end.sequence <= self.last {
            return;
        }
        let Ok(mut line) = serde_json::to_vec(&Checkpoint::sign(end, &self.key)) else {
            return;
        };
        line.push(b'\n');
        let before = self.file.length();
        let kept = self.file.append(&line).and_then(|()| {
            self.file
                .sync()
                .inspect_err(|_| tracing::warn!("a checkpoint could not be synced"))
        });
        match kept {
            Ok(()) => {
                self.last = end.sequence;
                self.since = Instant::now();
            }
            Err(error) => {
                self.file.cut_to(before);
                tracing::error!(%error, "the audit log's checkpoint could not be written");
            }
        }
    }
}
