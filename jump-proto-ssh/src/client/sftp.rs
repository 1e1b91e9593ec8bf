//! The file transfer protocol (SFTP version 3, draft-ietf-secsh-filexfer-02), as far as copying needs it.

use bytes::Bytes;
use jump_core::{Error, ErrorKind, Result};
use russh::Channel;
use russh::client::Msg;

use super::link::{Answer, Link, broken};
use crate::failure::cut;
use crate::sftp::wire::{self, Fields, code, kind, open};

/// What every server takes in one read or write.
const SAFE_PIECE: u32 = 32 * 1024;
/// What is asked for at most, even of a server that takes more: with its front it has to fit in a packet.
const LARGEST_PIECE: u32 = 255 * 1024;
/// The longest text of a server that goes into an error.
const REASON: usize = 256;

/// A file that is open on the target: the server's handle.
#[derive(Debug)]
pub(super) struct RemoteFile(Vec<u8>);

/// The file transfer of one channel.
pub(super) struct Files {
    pub(super) link: Link,
    /// Bytes per read and per write.
    pub(super) piece: u32,
}

impl Files {
    /// Agrees on the version and learns the server's limits.
    pub(super) async fn start(channel: Channel<Msg>) -> Result<Self> {
        let mut link = Link::new(channel);
        // Where other answers have an id this one has the version (§4).
        let Answer::Other(kind::VERSION, extensions) = link.ask(wire::VERSION, wire::init()).await? else {
            return Err(broken());
        };
        let mut piece = SAFE_PIECE;
        if has_limits(&extensions).ok_or_else(broken)? {
            let id = link.next_id();
            let answer = link.ask(id, wire::ask_limits(id)).await?;
            // A server that sets no limit says 0.
            if let Some(allowed) = limit(&answer).filter(|allowed| *allowed > 0) {
                let allowed = u32::try_from(allowed).unwrap_or(LARGEST_PIECE);
                piece = allowed.clamp(SAFE_PIECE, LARGEST_PIECE);
            }
        }
        Ok(Self { link, piece })
    }

    /// Opens a file for reading; gives its size too, if the server knows it.
    pub(super) async fn open(&mut self, path: &str) -> Result<(RemoteFile, Option<u64>)> {
        let id = self.link.next_id();
        let opened = self.link.ask(id, wire::open(id, path, open::READ, None)).await?;
        let file = handle("open the target's file", &opened)?;
        let size = self.size(&file).await?;
        Ok((file, size))
    }

    /// The size of an open file, if the server knows it.
    pub(super) async fn size(&mut self, file: &RemoteFile) -> Result<Option<u64>> {
        let id = self.link.next_id();
        let asked = wire::about_handle(kind::FSTAT, id, &file.0);
        match self.link.ask(id, asked).await? {
            Answer::Other(kind::ATTRS, body) => Fields(&body).size().ok_or_else(broken),
            Answer::Other(kind::STATUS, _) => Ok(None),
            _ => Err(broken()),
        }
    }

    /// Creates a file, or empties it. `mode` is its Unix mode if it is new.
    pub(super) async fn create(&mut self, path: &str, mode: Option<u32>) -> Result<RemoteFile> {
        let flags = open::WRITE | open::CREAT | open::TRUNC;
        let id = self.link.next_id();
        let opened = self.link.ask(id, wire::open(id, path, flags, mode)).await?;
        handle("create the target's file", &opened)
    }

    /// Asks for bytes of a file; gives the number that the answer will have.
    pub(super) async fn ask_for(&mut self, file: &RemoteFile, offset: u64, length: u32) -> Result<u32> {
        let id = self.link.next_id();
        self.link.send([wire::read(id, &file.0, offset, length)]).await?;
        Ok(id)
    }

    /// Sends bytes for a file; gives the number that the answer will have.
    pub(super) async fn send(&mut self, file: &RemoteFile, offset: u64, data: Vec<u8>) -> Result<u32> {
        let id = self.link.next_id();
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let front = wire::write_front(id, &file.0, offset, length);
        self.link.send([front, Bytes::from(data)]).await?;
        Ok(id)
    }

    /// Closes a file; what was written to it is complete when this succeeds.
    pub(super) async fn close(&mut self, file: RemoteFile) -> Result<()> {
        let id = self.link.next_id();
        let closed = self
            .link
            .ask(id, wire::about_handle(kind::CLOSE, id, &file.0))
            .await?;
        done("close the target's file", &closed)
    }
}

/// Whether the server knows of limits; `None` if that is no list of extensions (§4).
fn has_limits(extensions: &[u8]) -> Option<bool> {
    let mut fields = Fields(extensions);
    let mut found = false;
    while fields.end().is_none() {
        found |= fields.string()? == wire::LIMITS;
        fields.string()?;
    }
    Some(found)
}

/// The most that a server takes in one read and one write (OpenSSH's PROTOCOL, §4.8), if it says so.
fn limit(answer: &Answer) -> Option<u64> {
    let Answer::Other(kind::EXTENDED_REPLY, body) = answer else {
        return None;
    };
    let mut fields = Fields(body);
    let _longest_packet = fields.u64()?;
    Some(fields.u64()?.min(fields.u64()?))
}

fn handle(operation: &'static str, answer: &Answer) -> Result<RemoteFile> {
    match answer {
        Answer::Other(kind::HANDLE, body) => {
            let handle = Fields(body).handle().ok_or_else(broken)?;
            Ok(RemoteFile(handle.to_vec()))
        }
        other => Err(done(operation, other).err().unwrap_or_else(broken)),
    }
}

/// What came of a read: `None` at the end of the file.
pub(super) fn data(answer: Answer, asked: u32) -> Result<Option<Vec<Bytes>>> {
    const OPERATION: &str = "read the target's file";
    match answer {
        Answer::Data(data) => {
            let length: usize = data.iter().map(Bytes::len).sum();
            if length == 0 || length > asked as usize {
                let message = "the server gave another amount than was asked for";
                return Err(Error::new(ErrorKind::Protocol, OPERATION, message));
            }
            Ok(Some(data))
        }
        Answer::Other(kind::STATUS, body) if Fields(&body).u32() == Some(code::EOF) => Ok(None),
        other => Err(done(OPERATION, &other).err().unwrap_or_else(broken)),
    }
}

/// Whether it was done; anything but a good `SSH_FXP_STATUS` (§7) is an error.
pub(super) fn done(operation: &'static str, answer: &Answer) -> Result<()> {
    let Answer::Other(kind::STATUS, body) = answer else {
        return Err(broken());
    };
    let mut fields = Fields(body);
    let kind = match fields.u32().ok_or_else(broken)? {
        code::OK => return Ok(()),
        code::NO_SUCH_FILE => ErrorKind::NotFound,
        code::PERMISSION_DENIED => ErrorKind::Denied,
        code::OP_UNSUPPORTED => ErrorKind::Unsupported,
        code::NO_CONNECTION | code::CONNECTION_LOST => ErrorKind::Closed,
        _ => ErrorKind::InvalidArgument,
    };
    let said = String::from_utf8_lossy(fields.string().unwrap_or_default());
    let message = format!("the target says: {}", cut(&said, REASON));
    Err(Error::new(kind, operation, message))
}
