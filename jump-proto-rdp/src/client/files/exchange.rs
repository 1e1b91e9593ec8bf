//! The session's half: what is asked of the target, and what the target asks for.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use ironrdp_cliprdr::pdu::{
    ClipboardFileAttributes, FileContentsFlags, FileContentsRequest, FileContentsResponse, FileDescriptor,
};
use jump_core::session::SessionPermissions;
use jump_core::{Error, ErrorKind, Result};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::offered::MAX_PIECE;
use super::{ClipboardFilesEnd, OPERATION, OfferedFiles, Piece, RemoteFile, RemoteFiles, Wish};
use crate::client::names;

/// What the target may ask for at once; the rest is answered with an error.
const MAX_ASKED: usize = 64;
/// What the target may keep of what was offered before.
const MAX_LOCKED: usize = 16;
/// Pieces that are asked for at once.
const MAX_FETCHED: usize = 4;

/// What is to be said to the target.
pub(in crate::client) enum Done {
    Offer(Arc<OfferedFiles>, oneshot::Sender<Result<()>>),
    Ask(FileContentsRequest),
    Answer(FileContentsResponse<'static>),
}

/// The files on the clipboard of a session.
pub(in crate::client) struct Exchange {
    end: ClipboardFilesEnd,
    permissions: SessionPermissions,
    /// What is offered now, and what was, as far as the target keeps it.
    offered: Option<Arc<OfferedFiles>>,
    locked: BTreeMap<u32, Arc<OfferedFiles>>,
    asked: VecDeque<FileContentsRequest>,
    reading: Option<JoinHandle<FileContentsResponse<'static>>>,
    fetched: HashMap<u32, oneshot::Sender<Result<Bytes>>>,
    /// The number of the last piece that was asked for.
    last: u32,
}

impl Exchange {
    pub(in crate::client) fn new(end: ClipboardFilesEnd, permissions: SessionPermissions) -> Self {
        Self {
            end,
            permissions,
            offered: None,
            locked: BTreeMap::new(),
            asked: VecDeque::new(),
            reading: None,
            fetched: HashMap::new(),
            last: 0,
        }
    }

    /// Whether the target's files may be fetched.
    pub(in crate::client) const fn fetches(&self) -> bool {
        self.permissions.clipboard_from_target && self.permissions.file_download
    }

    const fn offers(&self) -> bool {
        self.permissions.clipboard_to_target && self.permissions.file_upload
    }

    /// The target has copied files.
    pub(in crate::client) fn copied(&self, files: &[FileDescriptor], lock: Option<u32>) {
        let mut listed = Vec::new();
        let mut refused = 0;
        for (index, file) in (0..).zip(files) {
            let path = match &file.relative_path {
                Some(folders) if !folders.is_empty() => format!("{folders}\\{}", file.name),
                _ => file.name.clone(),
            };
            match names::below(&path).filter(|path| !path.as_os_str().is_empty()) {
                Some(path) => listed.push(RemoteFile {
                    path,
                    folder: file
                        .attributes
                        .is_some_and(|attributes| attributes.contains(ClipboardFileAttributes::DIRECTORY)),
                    size: file.file_size,
                    index,
                }),
                None => refused += 1,
            }
        }
        self.end.copied.send_replace(Some(Arc::new(RemoteFiles {
            files: listed,
            refused,
            lock,
        })));
    }

    /// The target asks for a piece of what was offered. What is answered at once, if anything.
    pub(in crate::client) fn asked(&mut self, request: FileContentsRequest) -> Option<Done> {
        if self.asked.len() >= MAX_ASKED || !self.offers() {
            return Some(Done::Answer(FileContentsResponse::new_error(request.stream_id)));
        }
        self.asked.push_back(request);
        None
    }

    /// The target keeps what is offered now.
    pub(in crate::client) fn lock(&mut self, id: u32) {
        if let Some(offered) = self.offered.clone()
            && self.locked.len() < MAX_LOCKED
        {
            self.locked.insert(id, offered);
        }
    }

    pub(in crate::client) fn unlock(&mut self, id: u32) {
        self.locked.remove(&id);
    }

    /// Something else is on this side's clipboard.
    pub(in crate::client) fn offer(&mut self, offered: Option<Arc<OfferedFiles>>) {
        self.offered = offered;
    }

    /// The target has answered.
    pub(in crate::client) fn answered(&mut self, stream: u32, piece: Option<Bytes>) {
        let Some(waiting) = self.fetched.remove(&stream) else {
            return;
        };
        let gone = || {
            let message = "the target does not give the file any more";
            Error::new(ErrorKind::NotFound, OPERATION, message)
        };
        // Who asked may have given up.
        let _ = waiting.send(piece.ok_or_else(gone));
    }

    /// What is next to be said to the target; waits until there is something. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if reading a file panicked.
    pub(in crate::client) async fn next(&mut self) -> Result<Done> {
        loop {
            if self.reading.is_none()
                && let Some(request) = self.asked.pop_front()
            {
                self.reading = Some(self.read(request));
            }
            self.fetched.retain(|_, waiting| !waiting.is_closed());
            let more = self.fetched.len() < MAX_FETCHED;
            tokio::select! {
                read = finished(&mut self.reading) => {
                    self.reading = None;
                    return read.map(Done::Answer);
                }
                Some(wish) = self.end.wishes.recv(), if more => {
                    if let Some(done) = self.wished(wish) {
                        return Ok(done);
                    }
                }
            }
        }
    }

    fn wished(&mut self, wish: Wish) -> Option<Done> {
        let denied = |operation| Error::new(ErrorKind::Denied, operation, "the grant does not permit it");
        match wish {
            Wish::Offer(files, answer) if self.offers() => Some(Done::Offer(files, answer)),
            Wish::Offer(_, answer) => {
                let _ = answer.send(Err(denied("offer files on the target's clipboard")));
                None
            }
            Wish::Fetch(piece, answer) if self.fetches() => {
                self.last = self.last.wrapping_add(1);
                self.fetched.insert(self.last, answer);
                Some(Done::Ask(request(self.last, piece)))
            }
            Wish::Fetch(_, answer) => {
                let _ = answer.send(Err(denied(OPERATION)));
                None
            }
        }
    }

    fn read(&self, request: FileContentsRequest) -> JoinHandle<FileContentsResponse<'static>> {
        let kept = request.data_id.and_then(|id| self.locked.get(&id));
        let files = kept.or(self.offered.as_ref()).cloned();
        tokio::task::spawn_blocking(move || {
            let stream = request.stream_id;
            let answer = files.and_then(|files| {
                if request.flags.contains(FileContentsFlags::SIZE) {
                    let size = files.size(request.index)?;
                    return Some(FileContentsResponse::new_size_response(stream, size));
                }
                let length = request.requested_size.min(MAX_PIECE);
                let bytes = files.read(request.index, request.position, length)?;
                Some(FileContentsResponse::new_data_response(stream, bytes))
            });
            answer.unwrap_or_else(|| FileContentsResponse::new_error(stream))
        })
    }
}

async fn finished(
    reading: &mut Option<JoinHandle<FileContentsResponse<'static>>>,
) -> Result<FileContentsResponse<'static>> {
    match reading {
        Some(reading) => reading.await.map_err(|_| {
            let message = "the task that reads an offered file failed";
            Error::new(ErrorKind::Internal, OPERATION, message)
        }),
        None => std::future::pending().await,
    }
}

fn request(stream_id: u32, piece: Piece) -> FileContentsRequest {
    let (flags, requested_size) = match piece.length {
        Some(length) => (FileContentsFlags::RANGE, length),
        None => (FileContentsFlags::SIZE, 8),
    };
    FileContentsRequest {
        stream_id,
        index: piece.index,
        flags,
        position: piece.position,
        requested_size,
        data_id: piece.lock,
    }
}
