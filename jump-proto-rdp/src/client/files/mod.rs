//! Files on the clipboard, both ways (MS-RDPECLIP §1.3.1.4): what the target has copied can be fetched, and files of the rep
//! can be offered to be pasted there.
//!
//! [`clipboard_files`] makes both ends: [`ClipboardFilesEnd`] goes into the options of a connection, [`ClipboardFiles`] is
//! what one works with. Fetching takes the permissions `clipboard_from_target` and `file_download`, offering
//! `clipboard_to_target` and `file_upload`.

mod exchange;
mod offered;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jump_core::protocol::Progress;
use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};

pub(super) use self::exchange::{Done, Exchange};
pub use self::offered::OfferedFiles;

/// Bytes that are asked for at once.
const PIECE: u32 = 1 << 20;
/// How long a target may take for one piece.
const PATIENCE: Duration = Duration::from_secs(60);
/// Wishes that wait.
const MAX_WISHES: usize = 4;

const OPERATION: &str = "fetch a file of the target's clipboard";

/// A file or folder that the target has on its clipboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Where it belongs below the folder into which it is pasted. Made of names that every system has: it leads nowhere else.
    pub path: PathBuf,
    /// Whether it is a folder, which has no bytes.
    pub folder: bool,
    /// How long it is, in bytes, if the target says so.
    pub size: Option<u64>,
    /// Which of the target's it is.
    index: i32,
}

/// What the target has copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFiles {
    /// In the target's order: folders come before what is in them.
    pub files: Vec<RemoteFile>,
    /// How many more there are whose names are none of a file: paths that lead elsewhere, devices, streams.
    pub refused: usize,
    /// What the target keeps for us although it may have copied something else since.
    lock: Option<u32>,
}

/// What the task of the session is asked for.
#[derive(Debug)]
enum Wish {
    Offer(Arc<OfferedFiles>, oneshot::Sender<Result<()>>),
    Fetch(Piece, oneshot::Sender<Result<Bytes>>),
}

/// A part of a file.
#[derive(Clone, Copy, Debug)]
struct Piece {
    index: i32,
    lock: Option<u32>,
    position: u64,
    /// `None` asks for how long the file is.
    length: Option<u32>,
}

/// Both ends of the files on one session's clipboard.
#[must_use]
pub fn clipboard_files() -> (ClipboardFilesEnd, ClipboardFiles) {
    let (wish, wishes) = mpsc::channel(MAX_WISHES);
    let copied = watch::Sender::new(None);
    let watched = copied.subscribe();
    (
        ClipboardFilesEnd { wishes, copied },
        ClipboardFiles {
            wishes: wish,
            copied: watched,
        },
    )
}

/// The end for [`RdpClientOptions::clipboard_files`](super::RdpClientOptions::clipboard_files).
#[derive(Debug)]
pub struct ClipboardFilesEnd {
    wishes: mpsc::Receiver<Wish>,
    copied: watch::Sender<Option<Arc<RemoteFiles>>>,
}

/// The files on a session's clipboard.
#[derive(Debug)]
pub struct ClipboardFiles {
    wishes: mpsc::Sender<Wish>,
    copied: watch::Receiver<Option<Arc<RemoteFiles>>>,
}

impl ClipboardFiles {
    /// What the target copies next; only the newest waits. `None` when the session is over. Cancel-safe.
    pub async fn copied(&mut self) -> Option<Arc<RemoteFiles>> {
        loop {
            self.copied.changed().await.ok()?;
            let copied = self.copied.borrow_and_update().clone();
            if copied.is_some() {
                return copied;
            }
        }
    }

    /// Fetches a file that the target has copied, of at most `max` bytes, and writes it to `to`; how many bytes it had.
    /// `progress` is called after each piece. Not cancel-safe: a part may have been written.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a folder or one that is not among `files`, [`ErrorKind::ResourceLimit`] if it is
    /// longer, [`ErrorKind::NotFound`] if the target does not give it any more, [`ErrorKind::Denied`],
    /// [`ErrorKind::Unsupported`] if the target gives no files, [`ErrorKind::Timeout`], [`ErrorKind::Storage`] if it cannot
    /// be written, [`ErrorKind::Protocol`], [`ErrorKind::Closed`].
    pub async fn fetch(
        &self,
        files: &RemoteFiles,
        file: &RemoteFile,
        max: u64,
        to: &mut (impl AsyncWrite + Unpin),
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<u64> {
        let wrong = |kind, message: &str| Error::new(kind, OPERATION, message);
        if file.folder || !files.files.contains(file) {
            let message = "it is no file of what the target copied";
            return Err(wrong(ErrorKind::InvalidArgument, message));
        }
        let (index, lock) = (file.index, files.lock);
        let size = match file.size {
            Some(size) => size,
            None => self.size(index, lock).await?,
        };
        if size > max {
            return Err(wrong(
                ErrorKind::ResourceLimit,
                "the file is longer than it may be",
            ));
        }
        let failed = |error| Error::from_io(ErrorKind::Storage, OPERATION, error);
        let mut done = 0;
        while done < size {
            let length = u32::try_from(size - done).unwrap_or(PIECE).min(PIECE);
            let piece = Piece {
                index,
                lock,
                position: done,
                length: Some(length),
            };
            let bytes = self.piece(piece).await?;
            if bytes.is_empty() || bytes.len() > length as usize {
                let message = "a piece of a file is not as long as it was said to be";
                return Err(wrong(ErrorKind::Protocol, message));
            }
            to.write_all(&bytes).await.map_err(failed)?;
            done += bytes.len() as u64;
            progress(Progress {
                done,
                total: Some(size),
            });
        }
        to.flush().await.map_err(failed)?;
        Ok(done)
    }

    async fn size(&self, index: i32, lock: Option<u32>) -> Result<u64> {
        let piece = Piece {
            index,
            lock,
            position: 0,
            length: None,
        };
        let bytes = self.piece(piece).await?;
        let size = bytes.as_ref().try_into().map(u64::from_le_bytes);
        size.map_err(|_| Error::new(ErrorKind::Protocol, OPERATION, "a size has eight bytes"))
    }

    async fn piece(&self, piece: Piece) -> Result<Bytes> {
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Fetch(piece, answer), answered, OPERATION).await
    }

    /// Offers files: who pastes in the session gets them, until something else is put on the clipboard.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`], [`ErrorKind::Unsupported`] if the target takes no files, [`ErrorKind::Closed`].
    pub async fn offer(&self, files: OfferedFiles) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        let wish = Wish::Offer(Arc::new(files), answer);
        self.wish(wish, answered, "offer files on the target's clipboard")
            .await
    }

    async fn wish<T>(
        &self,
        wish: Wish,
        answered: oneshot::Receiver<Result<T>>,
        operation: &'static str,
    ) -> Result<T> {
        let closed = || Error::new(ErrorKind::Closed, operation, "the session is over");
        self.wishes.send(wish).await.map_err(|_| closed())?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(answered) => answered.map_err(|_| closed())?,
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                operation,
                "the target does not answer",
            )),
        }
    }
}
