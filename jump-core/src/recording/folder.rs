//! Where a site's recordings are kept, and how one is started.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;

use super::codec::Encoder;
use super::writer::Writer;
use super::{Recorder, RecordingInfo};
use crate::append_file::{AppendFile, private_file, sync_folder_of};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::SealingPublicKey;
use crate::session::RecordingMode;

/// The most payload bytes that wait for a recording's writer: 4 MiB.
const QUEUE: u32 = 4 * 1024 * 1024;

/// A folder of recordings, one file a session, sealed to one site's recording key.
#[derive(Clone, Debug)]
pub struct RecordingFolder {
    path: PathBuf,
    site_key: SealingPublicKey,
}

/// A recording that is being written. Dropping it lets the recording go on until its recorders are gone; only
/// [`RecordingTask::finish`] says whether it is complete.
#[derive(Debug)]
pub struct RecordingTask {
    path: PathBuf,
    writer: JoinHandle<Result<RecordingSummary>>,
}

/// A finished recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingSummary {
    /// Its file.
    pub path: PathBuf,
    /// Records in it.
    pub records: u64,
    /// Payload bytes in it.
    pub bytes: u64,
    /// Payload bytes that were lost.
    pub lost: u64,
    /// The SHA-256 of the final chunk, which depends on every byte before it. Noted elsewhere, such as in the audit
    /// log, it shows that the recording was replaced or cut off.
    pub hash: [u8; 32],
}

pub(super) fn storage(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, "write a recording", error)
}

impl RecordingFolder {
    /// The folder at `path`, made if there is none, for its owner only (mode 0700). A folder that exists keeps its
    /// mode. `site_key` is the public half of the site's recording key.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be made or is no folder.
    pub fn open(path: &Path, site_key: SealingPublicKey) -> Result<Self> {
        if !path.is_dir() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder
                .create(path)
                .and_then(|()| sync_folder_of(path))
                .map_err(storage)?;
        }
        Ok(Self {
            path: path.to_owned(),
            site_key,
        })
    }

    /// Starts the recording of a session in the file `<session>.jrec` (mode 0600). When this returns, the file's
    /// header is on stable storage and the recorder's clock runs.
    ///
    /// The writer is a task of the current runtime. Not cancel-safe: a cancelled start may leave a recording that
    /// holds nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the file cannot be written, [`ErrorKind::Conflict`] if the session has a recording
    /// already, [`ErrorKind::InvalidArgument`] if the names are too long or the mode is [`RecordingMode::Off`].
    pub async fn start(&self, info: RecordingInfo) -> Result<(Recorder, RecordingTask)> {
        if info.mode == RecordingMode::Off {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "start a recording",
                "the mode is off; use a recorder that is off",
            ));
        }
        let mode = info.mode;
        let path = self.path.join(format!("{}.jrec", info.session));
        let folder = self.clone();
        let target = path.clone();
        let (encoder, file) = tokio::task::spawn_blocking(move || folder.create(&info, &target))
            .await
            .map_err(interrupted)??;
        let (recorder, queue) = Recorder::queue(mode, QUEUE);
        let writer = Writer::new(encoder, file, queue, mode, path.clone());
        let task = RecordingTask {
            path,
            writer: tokio::spawn(writer.run()),
        };
        Ok((recorder, task))
    }

    /// Writes the header under another name first: a recording that has its name has its header.
    fn create(&self, info: &RecordingInfo, path: &Path) -> Result<(Encoder, AppendFile)> {
        let (encoder, header) = Encoder::new(info, &self.site_key)?;
        let draft = path.with_extension("jrec.new");
        let exists = || {
            Error::new(
                ErrorKind::Conflict,
                "start a recording",
                "the session has a recording already",
            )
        };
        // The draft is made by one caller only, so nobody else can take the name between the look and the rename.
        let file = private_file()
            .write(true)
            .create_new(true)
            .open(&draft)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => exists(),
                _ => storage(error),
            })?;
        let length = header.len() as u64;
        let created = match path.try_exists() {
            Ok(true) => Err(exists()),
            Ok(false) => finish_draft(file, &header, &draft, path).map_err(storage),
            Err(error) => Err(storage(error)),
        };
        if created.is_err() {
            // A draft that cannot be removed is no recording; it only keeps this session's id from being used again.
            drop(fs::remove_file(&draft));
        }
        Ok((encoder, AppendFile::new(Box::new(created?), length)))
    }
}

fn finish_draft(mut file: File, header: &[u8], draft: &Path, path: &Path) -> std::io::Result<File> {
    std::io::Write::write_all(&mut file, header)?;
    file.sync_all()?;
    fs::rename(draft, path)?;
    sync_folder_of(path)?;
    Ok(file)
}

pub(super) fn interrupted(error: tokio::task::JoinError) -> Error {
    Error::new(
        ErrorKind::Internal,
        "write a recording",
        "the writer was stopped before its end",
    )
    .with_source(error)
}

impl RecordingTask {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until every [`Recorder`] is gone and the recording is complete on stable storage. If writing fails and
    /// the mode does not allow the session to go on, this returns the error at once, recorders or not: a session may
    /// watch it.
    ///
    /// Cancelling it does not stop the writer.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the recording is not complete, which in `best_effort` says how much was lost.
    pub async fn finish(self) -> Result<RecordingSummary> {
        self.writer.await.map_err(interrupted)?
    }
}
