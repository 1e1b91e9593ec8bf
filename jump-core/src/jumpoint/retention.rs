//! Removing recordings that need not be kept any longer.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use tokio::sync::mpsc;

use super::Jumpoint;
use super::session::lock;
use crate::append_file::sync_folder_of;
use crate::control::{JumpointRequest, Request};
use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionId;
use crate::recording::{Finished, finished};
use crate::time::{SignedDuration, Timestamp};

const REMOVE: &str = "remove old recordings";

/// How often old recordings are looked for.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// How many recordings that may go wait for the broker's word.
const WAITING: usize = 16;

impl Jumpoint {
    /// Removes the finished recordings that are older than `days`, by what they say of themselves, by the time of the file and
    /// by when the broker was told of the session's end; gives how many. The broker is asked about each, and notes its
    /// session, size and hash in the audit log before it goes. What ended uncleanly stays, and so does what the broker does not
    /// know the end of.
    ///
    /// Cancel-safe, but for this: what was noted and not removed yet is noted again the next time.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for less than one day or more than 36,500, [`ErrorKind::Unavailable`] without a
    /// connection to the broker, [`ErrorKind::Storage`] if the disk fails; as any request.
    pub async fn remove_old_recordings(&self, days: u32) -> Result<u64> {
        if !(1..=36_500).contains(&days) {
            let rule = "recordings are kept for one day to 36,500";
            return Err(Error::new(ErrorKind::InvalidArgument, REMOVE, rule));
        }
        let Some(folder) = self.0.recordings.clone() else {
            return Ok(0);
        };
        let kept = SignedDuration::from_hours(24).saturating_mul(i32::try_from(days).unwrap_or(i32::MAX));
        let Ok(before) = self.0.clock.now().checked_sub(kept) else {
            return Ok(0);
        };
        let (found, mut old) = mpsc::channel(WAITING);
        let looking = tokio::task::spawn_blocking(move || look(&folder, before, &found));
        let mut removed = 0;
        while let Some((path, recording)) = old.recv().await {
            if self.may_go(&recording, days).await? {
                fs::remove_file(&path)
                    .and_then(|()| sync_folder_of(&path))
                    .map_err(|error| Error::from_io(ErrorKind::Storage, REMOVE, error))?;
                removed += 1;
            }
        }
        let looked = looking.await;
        looked.map_err(|error| Error::new(ErrorKind::Internal, REMOVE, "it failed").with_source(error))??;
        Ok(removed)
    }

    /// Whether the broker lets a recording go; it has noted that then.
    async fn may_go(&self, recording: &Finished, days: u32) -> Result<bool> {
        let session = recording.info.session;
        if lock(&self.0.sessions).contains_key(&session) {
            return Ok(false);
        }
        let Some(broker) = lock(&self.0.linked).clone() else {
            let rule = "there is no connection to the broker, who must note it";
            return Err(Error::new(ErrorKind::Unavailable, REMOVE, rule));
        };
        let ask = JumpointRequest::RemoveRecording {
            session,
            hash: HEXLOWER.encode(&recording.hash),
            file_bytes: recording.bytes,
            days,
        };
        match Box::pin(broker.request(Request::Jumpoint(ask))).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Denied => {
                tracing::debug!(%session, %error, "an old recording stays");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Does that every hour while there is a connection.
    pub(super) async fn keep_recordings(&self, days: u32) {
        loop {
            match self.remove_old_recordings(days).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "old recordings were removed"),
                Err(error) => {
                    tracing::warn!(%error, "old recordings could not be removed; it is tried again")
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// Looks for finished recordings of before a moment, one after the other.
fn look(folder: &Path, before: Timestamp, found: &mpsc::Sender<(PathBuf, Finished)>) -> Result<()> {
    let failed = |error| Error::from_io(ErrorKind::Storage, REMOVE, error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // None was ever made.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let Some(session) = session_of(&path) else {
            continue;
        };
        // The time of the file first: it costs next to nothing. A time to come is not before anything.
        let written = fs::metadata(&path).and_then(|data| data.modified());
        let written = written.ok().and_then(|time| Timestamp::try_from(time).ok());
        if written.is_none_or(|written| written >= before) {
            continue;
        }
        let Some(recording) = finished(&path)? else {
            continue;
        };
        let old = recording.info.started < before && recording.written < before;
        if old && recording.info.session == session && found.blocking_send((path, recording)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// The session whose recording has this name.
fn session_of(path: &Path) -> Option<SessionId> {
    let named = path.extension().is_some_and(|ending| ending == "jrec");
    path.file_stem()?.to_str()?.parse().ok().filter(|_| named)
}
