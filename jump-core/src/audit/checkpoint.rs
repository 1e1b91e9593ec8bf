//! Signed checkpoints: the site's own signature under the end of the chain, kept beside the log.
//!
//! ```text
//! {"sequence":1000,"hash":"<64 hex digits>","signature":"<base64>"}
//! ```
//!
//! A chain alone does not show that lines are missing at its end, and whoever writes the file can write a whole new chain. A
//! checkpoint shows both to anyone who has the site's public key: the log must reach the event it names, with the hash it
//! names. Once retention removed events, `removed` says how many, and the domain of the signature is another: nobody can put an
//! older beginning back. Copies of checkpoints that are kept elsewhere hold against somebody who removes lines and checkpoints together.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::line::ChainEnd;
use crate::append_file::{AppendFile, beside, private_file, sync_folder_of};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{PublicKey, Signature, SigningKey};

const DOMAIN: &str = "jump audit checkpoint v1";
/// The same for a log of which events were removed.
const DOMAIN_REMOVED: &str = "jump audit checkpoint v2";

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
    /// How many of them retention had removed, from the first on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub removed: u64,
    /// The site's signature (Ed25519) under all of it.
    pub signature: Signature,
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Checkpoint {
    fn sign(end: ChainEnd, removed: u64, key: &SigningKey) -> Self {
        let (domain, message) = message(end, removed);
        Self {
            sequence: end.sequence,
            hash: HEXLOWER.encode(&end.hash),
            removed,
            signature: key.sign(domain, &message),
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
        let (domain, message) = message(end, self.removed);
        site.verify(domain, &message, &self.signature)
            .map_err(|error| refuse("was not signed by this site").with_source(error))?;
        Ok(end)
    }
}

fn message(end: ChainEnd, removed: u64) -> (&'static str, Vec<u8>) {
    let mut message = end.sequence.to_be_bytes().to_vec();
    message.extend_from_slice(&end.hash);
    if removed == 0 {
        return (DOMAIN, message);
    }
    message.extend_from_slice(&removed.to_be_bytes());
    (DOMAIN_REMOVED, message)
}

/// Gives what checkpoints state, in ascending order, each after its signature was checked. An incomplete last line, which a
/// crash leaves, is passed over.
#[derive(Debug)]
pub(super) struct Checkpoints<'k, R> {
    reader: R,
    site: &'k PublicKey,
    last: u64,
    removed: u64,
}

impl<'k, R: BufRead> Checkpoints<'k, R> {
    pub(super) const fn new(reader: R, site: &'k PublicKey) -> Self {
        Self {
            reader,
            site,
            last: 0,
            removed: 0,
        }
    }

    /// The most events that one of those given was signed as removed.
    pub(super) const fn removed(&self) -> u64 {
        self.removed
    }

    /// The first one for this event or a later one.
    pub(super) fn next_from(&mut self, sequence: u64) -> Result<Option<ChainEnd>> {
        loop {
            match self.next()? {
                Some(end) if end.sequence < sequence => {}
                next => return Ok(next),
            }
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
        self.removed = self.removed.max(checkpoint.removed);
        Ok(Some(end))
    }
}

/// Signs checkpoints for the thread that writes a log.
#[derive(Debug)]
pub(super) struct Signer {
    key: SigningKey,
    file: AppendFile,
    /// Where that file is, so that it can be replaced.
    path: Option<PathBuf>,
    last: u64,
    removed: u64,
    since: Instant,
}

impl Signer {
    /// Goes on behind the checkpoint for event `last`, 0 if there is none, of a log of which `removed` events are gone.
    pub(super) fn new(key: SigningKey, file: AppendFile, last: u64, removed: u64) -> Self {
        Self {
            key,
            file,
            path: None,
            last,
            removed,
            since: Instant::now(),
        }
    }

    /// The same, in a file that can be replaced.
    pub(super) fn at(mut self, path: PathBuf) -> Self {
        self.path = Some(path);
        self
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
        let Some(line) = self.line(end) else { return };
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

    fn line(&self, end: ChainEnd) -> Option<Vec<u8>> {
        let mut line = serde_json::to_vec(&Checkpoint::sign(end, self.removed, &self.key)).ok()?;
        line.push(b'\n');
        Some(line)
    }

    /// Events up to `removed` are durably gone: signs that, and drops the checkpoints for them. If the file cannot be
    /// replaced, the old ones stay and the next checkpoint says it. Does nothing if that was signed before.
    pub(super) fn removed(&mut self, removed: u64, end: ChainEnd) {
        if removed <= self.removed {
            return;
        }
        self.removed = removed;
        let Some(path) = self.path.clone() else {
            return self.sign(end);
        };
        let replaced = self.line(end).map(|line| replace(&path, removed, end, &line));
        match replaced {
            Some(Ok(file)) => {
                self.file = file;
                self.last = end.sequence;
                self.since = Instant::now();
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "the checkpoints of removed events could not be dropped");
                self.sign(end);
            }
            None => {}
        }
    }
}

/// Writes the checkpoints from event `removed` on and a new last one, in place of the file.
fn replace(path: &Path, removed: u64, end: ChainEnd, last: &[u8]) -> std::io::Result<AppendFile> {
    let draft = beside(path, ".new");
    let mut file = private_file()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&draft)?;
    let mut length = 0;
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let mut line = line?;
        let named: Option<Checkpoint> = serde_json::from_slice(&line).ok();
        if named.is_some_and(|known| known.sequence >= removed && known.sequence < end.sequence) {
            line.push(b'\n');
            file.write_all(&line)?;
            length += line.len() as u64;
        }
    }
    file.write_all(last)?;
    length += last.len() as u64;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    if let Err(error) = sync_folder_of(path) {
        // After a power loss the old checkpoints may be there again: they say less, but nothing wrong.
        tracing::warn!(%error, "the name of the checkpoints' file may not be durable");
    }
    Ok(AppendFile::new(Box::new(file), length))
}
