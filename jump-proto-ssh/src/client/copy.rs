//! Copying a file, with many requests in flight: one at a time would move one piece per round trip.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jump_core::protocol::Progress;
use jump_core::{Error, ErrorKind, Result};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::sftp::Files;
use super::write_behind::WriteBehind;

/// Bytes asked for or sent and not yet confirmed; also what a download may hold in memory.
const IN_FLIGHT: u64 = 4 << 20;

type Report<'a> = &'a (dyn Fn(Progress) + Send + Sync);

fn local_error(operation: &'static str, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::IsADirectory => ErrorKind::InvalidArgument,
        _ => ErrorKind::Storage,
    };
    Error::from_io(kind, operation, error)
}

/// The mode a new file gets on the target; none where files have no such mode.
fn mode(metadata: &std::fs::Metadata) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        Some(metadata.permissions().mode() & 0o777)
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

/// Copies a local file to the target; gives the number of bytes.
pub(super) async fn upload(files: &Files, local: &Path, remote: &str, progress: Report<'_>) -> Result<u64> {
    let reading = |error| local_error("read the local file", error);
    let mut source = File::open(local).await.map_err(reading)?;
    let metadata = source.metadata().await.map_err(reading)?;
    if !metadata.is_file() {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "read the local file",
            "only a regular file can be copied",
        ));
    }
    let total = Some(metadata.len());
    let target = files.create(remote, mode(&metadata)).await?;
    let (mut offset, mut done, mut ended) = (0, 0, false);
    let mut writes = FuturesUnordered::new();
    while !ended || !writes.is_empty() {
        if !ended && offset - done < IN_FLIGHT {
            let piece = read_piece(&mut source, files.piece).await.map_err(reading)?;
            let length = piece.len() as u64;
            ended = piece.len() < files.piece as usize;
            if length > 0 {
                let (target, at) = (&target, offset);
                writes.push(async move { files.write(target, at, piece).await.map(|()| length) });
                offset += length;
            }
        } else if let Some(written) = writes.next().await {
            done += written?;
            progress(Progress { done, total });
        }
    }
    drop(writes);
    files.close(target).await?;
    Ok(done)
}

/// Reads a whole piece, or what is left of the file.
async fn read_piece(source: &mut File, length: u32) -> std::io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(length as usize);
    source.take(length.into()).read_to_end(&mut piece).await?;
    Ok(piece)
}

/// Copies a file of the target to `local`, whose folder must exist; gives the number of bytes.
///
/// The only local names ever used are `local` and a random one next to it: nothing the target says names a file.
pub(super) async fn download(files: &Files, remote: &str, local: &Path, progress: Report<'_>) -> Result<u64> {
    let writing = |error| local_error("write the local file", error);
    let folder = match local.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if local.file_name().is_none() || local.is_dir() {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "write the local file",
            "give the name of a file, not of a folder",
        ));
    }
    let (source, total) = files.open(remote).await?;
    let (handle, path) = temporary(folder).map_err(writing)?.into_parts();
    let mut behind = WriteBehind::new(&handle).map_err(writing)?;
    let mut target = File::from_std(handle);
    let done = fetch(files, &source, total, &mut target, &mut behind, progress).await?;
    behind.settle().await.map_err(writing)?;
    target.sync_all().await.map_err(writing)?;
    drop(target);
    path.persist(local).map_err(|error| writing(error.error))?;
    files.close(source).await?;
    Ok(done)
}

fn temporary(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".jump-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: the process's umask takes its part away.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Reads from the start to the end of the file, wherever the end turns out to be, and writes in order.
async fn fetch(
    files: &Files,
    source: &super::sftp::RemoteFile,
    total: Option<u64>,
    target: &mut File,
    behind: &mut WriteBehind,
    progress: Report<'_>,
) -> Result<u64> {
    let writing = |error| local_error("write the local file", error);
    let read = |at: u64, length: u32| async move { (at, length, files.read(source, at, length).await) };
    let mut reads = FuturesUnordered::new();
    // Pieces that came before the ones in front of them; together with those in flight at most `IN_FLIGHT` bytes.
    let mut early: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let (mut asked, mut done, mut end) = (0_u64, 0_u64, None::<u64>);
    loop {
        let known = total.unwrap_or(0);
        // Up to the size that the server told, reads are sent ahead; beyond it one at a time, until the end shows.
        while end.is_none_or(|end| asked < end)
            && asked - done < IN_FLIGHT
            && (asked < known || (reads.is_empty() && early.is_empty()))
        {
            let length = if asked < known {
                u32::try_from(known - asked)
                    .unwrap_or(files.piece)
                    .min(files.piece)
            } else {
                files.piece
            };
            reads.push(read(asked, length));
            asked += u64::from(length);
        }
        let Some((at, length, answer)) = reads.next().await else {
            break;
        };
        match answer? {
            Some(data) => {
                // A short answer is not the end: the rest is asked for again.
                let got = u32::try_from(data.len()).unwrap_or(length);
                if got < length {
                    reads.push(read(at + u64::from(got), length - got));
                }
                early.insert(at, data);
            }
            None => end = Some(end.map_or(at, |end| end.min(at))),
        }
        while let Some(data) = early.remove(&done) {
            target.write_all(&data).await.map_err(writing)?;
            behind.wrote(data.len() as u64).await.map_err(writing)?;
            done += data.len() as u64;
            progress(Progress { done, total });
        }
    }
    target.flush().await.map_err(writing)?;
    if early.is_empty() {
        Ok(done)
    } else {
        Err(Error::new(
            ErrorKind::Protocol,
            "read the target's file",
            "it changed while it was read: try again",
        ))
    }
}
