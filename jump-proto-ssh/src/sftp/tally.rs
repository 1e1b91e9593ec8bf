//! Requests on their way and files that are open, both bounded.

use std::collections::HashMap;

use jump_core::protocol::{SessionEvent, TransferDirection};

use super::request::Answer;
use super::wire::code;
use crate::failure::cut;

/// The longest path in an event, in bytes.
const PATH: usize = 4096;

/// A path as an event shows it.
pub(super) fn shown(path: &[u8]) -> String {
    cut(&String::from_utf8_lossy(path), PATH).to_owned()
}

/// A file that is opened, or about to be.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) path: String,
    pub(super) upload: bool,
    pub(super) download: bool,
    written: u64,
    read: u64,
    failed: Option<String>,
}

impl Transfer {
    pub(super) const fn new(path: String, upload: bool, download: bool) -> Self {
        Self {
            path,
            upload,
            download,
            written: 0,
            read: 0,
            failed: None,
        }
    }

    /// What is said of it at its end; `why`: it did not come to its proper end.
    fn events(self, why: Option<&str>, events: &mut Vec<SessionEvent>) {
        let why = self.failed.as_deref().or(why);
        let one = |direction, filesize| {
            let filename = self.path.clone();
            match why {
                None => SessionEvent::FileTransferred {
                    direction,
                    filename,
                    filesize,
                },
                Some(why) => SessionEvent::FileTransferFailed {
                    direction,
                    filename,
                    filesize,
                    why: why.to_owned(),
                },
            }
        };
        if self.upload {
            events.push(one(TransferDirection::Upload, self.written));
        }
        // A file that was opened for both and only written was not downloaded.
        if self.download && (!self.upload || self.read > 0) {
            events.push(one(TransferDirection::Download, self.read));
        }
    }

    /// What is said of it when it is not even opened.
    pub(super) fn refused(self, why: &str, events: &mut Vec<SessionEvent>) {
        self.events(Some(why), events);
    }
}

/// A request that the target has not answered yet.
#[derive(Debug)]
pub(super) enum Pending {
    Open(Transfer),
    OpenFolder,
    /// Of this file, or of a folder.
    Close(u64),
    Read(u64),
    Write(u64, u32),
    Look(Answer),
    /// A change, with the event that it makes when it is done.
    Change(Option<SessionEvent>),
    Limits,
}

impl Pending {
    /// What it is, in words.
    pub(super) fn what(&self) -> String {
        match self {
            Pending::Open(file) => format!("opening {}", file.path),
            Pending::OpenFolder => "listing a folder".to_owned(),
            Pending::Change(Some(SessionEvent::FileDeleted { filename })) => format!("removing {filename}"),
            Pending::Change(Some(SessionEvent::DirectoryCreated { filename })) => {
                format!("making the folder {filename}")
            }
            Pending::Change(Some(SessionEvent::FileMoved {
                filename,
                destination,
            })) => {
                format!("moving {filename} to {destination}")
            }
            Pending::Change(_) => "changing attributes or links".to_owned(),
            _ => "looking at a file".to_owned(),
        }
    }

    /// Puts the real names in place of those that the client used.
    pub(super) fn really(&mut self, known: &[Vec<u8>]) {
        let mut known = known.iter().map(|path| shown(path));
        let places: [Option<&mut String>; 2] = match self {
            Pending::Open(file) => [Some(&mut file.path), None],
            Pending::Change(Some(
                SessionEvent::FileDeleted { filename } | SessionEvent::DirectoryCreated { filename },
            )) => [Some(filename), None],
            Pending::Change(Some(SessionEvent::FileMoved {
                filename,
                destination,
            })) => [Some(filename), Some(destination)],
            _ => [None, None],
        };
        for place in places.into_iter().flatten() {
            if let Some(path) = known.next() {
                *place = path;
            }
        }
    }

    /// Whether it holds a path, which may be long.
    pub(super) const fn is_named(&self) -> bool {
        matches!(self, Pending::Open(_) | Pending::Change(Some(_)))
    }
}

/// Files and folders that are open.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By handle: the number in `files`. Folders have a number, too, with nothing there.
    handles: HashMap<Box<[u8]>, u64>,
    files: HashMap<u64, Transfer>,
    last: u64,
}

/// What is behind a handle.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behind {
    Folder,
    File {
        number: u64,
        upload: bool,
        download: bool,
    },
}

impl Tally {
    pub(super) fn open(&self) -> usize {
        self.handles.len()
    }

    /// Remembers a handle; `false` if it is in use.
    pub(super) fn opened(&mut self, handle: &[u8], file: Option<Transfer>) -> bool {
        self.last += 1;
        if self.handles.contains_key(handle) {
            return false;
        }
        self.handles.insert(handle.into(), self.last);
        if let Some(file) = file {
            self.files.insert(self.last, file);
        }
        true
    }

    pub(super) fn behind(&self, handle: &[u8]) -> Option<Behind> {
        let number = *self.handles.get(handle)?;
        Some(match self.files.get(&number) {
            Some(file) => Behind::File {
                number,
                upload: file.upload,
                download: file.download,
            },
            None => Behind::Folder,
        })
    }

    /// Forgets the handle, which the target may give again from now on; its file is remembered until
    /// [`Tally::closed`].
    pub(super) fn closing(&mut self, handle: &[u8]) -> Option<u64> {
        self.handles.remove(handle)
    }

    /// The file was closed.
    pub(super) fn closed(&mut self, number: u64, status: u32, events: &mut Vec<SessionEvent>) {
        if let Some(file) = self.files.remove(&number) {
            let why = (status != code::OK).then_some("the target could not close it");
            file.events(why, events);
        }
    }

    pub(super) fn read(&mut self, number: u64, bytes: u32) {
        if let Some(file) = self.files.get_mut(&number) {
            file.read += u64::from(bytes);
        }
    }

    pub(super) fn not_read(&mut self, number: u64, status: u32) {
        if let Some(file) = self.files.get_mut(&number).filter(|_| status != code::EOF) {
            file.failed = Some(format!("the target could not read it (status {status})"));
        }
    }

    pub(super) fn written(&mut self, number: u64, bytes: u32, status: u32) {
        let Some(file) = self.files.get_mut(&number) else {
            return;
        };
        if status == code::OK {
            file.written += u64::from(bytes);
        } else {
            file.failed = Some(format!("the target could not write it (status {status})"));
        }
    }

    /// What is said of the files that were never closed.
    pub(super) fn left(&mut self) -> Vec<SessionEvent> {
        let mut left: Vec<(u64, Transfer)> = self.files.drain().collect();
        left.sort_by_key(|(number, _)| *number);
        let mut events = Vec::new();
        for (_, file) in left {
            file.events(
                Some("the file transfer ended before the file was closed"),
                &mut events,
            );
        }
        self.handles.clear();
        events
    }
}
