//! Copying a file, with many requests in flight: one at a time would move one piece per round trip.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use bytes::Bytes;
use jump_core::protocol::Progress;
use jump_core::{Error, ErrorKind, Result};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::disk::Disk;
use super::link::broken;
use super::sftp::{Files, RemoteFile, data, done as check_done};

/// Bytes asked for or sent and not yet confirmed; also what a download may hold in memory.
const IN_FLIGHT: u64 = 4 << 20;
/// What is written to the local file at once, if more is there, in bytes: meanwhile nothing more is asked for.
const AT_ONCE: usize = 1 << 20;

/// Writes that may be without an answer: of small pieces `IN_FLIGHT` would be very many.
const MOST_WRITES: usize = 1024;
/// Answers that may wait for one before them, which never has to come: a piece of any size takes some hundred bytes of memory besides its own.
/// A server that keeps to the pieces it is asked for leaves 128.
const MOST_EARLY: usize = 4096;

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
pub(super) async fn upload(
    files: &mut Files,
    local: &Path,
    remote: &str,
    progress: Report<'_>,
) -> Result<u64> {
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
    // Lengths of what was sent and not yet confirmed.
    let mut writes = HashMap::new();
    while !ended || !writes.is_empty() {
        if let Some((id, answer)) = files.link.answer()? {
            let length: u64 = writes.remove(&id).ok_or_else(broken)?;
            check_done("write the target's file", &answer)?;
            done += length;
            progress(Progress { done, total });
        } else if !ended && offset - done < IN_FLIGHT && writes.len() < MOST_WRITES {
            let piece = read_piece(&mut source, files.piece);
            let piece = files.link.meanwhile(piece).await?.map_err(reading)?;
            let length = piece.len() as u64;
            ended = piece.len() < files.piece as usize;
            if length > 0 {
                writes.insert(files.send(&target, offset, piece).await?, length);
                offset += length;
            }
        } else {
            files.link.arrived().await?;
        }
    }
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
pub(super) async fn download(
    files: &mut Files,
    remote: &str,
    local: &Path,
    progress: Report<'_>,
) -> Result<u64> {
    let writing = |error| local_error("write the local file", error);
    let folder = match local.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let refused = |message: &str| {
        let kind = ErrorKind::InvalidArgument;
        Err(Error::new(kind, "write the local file", message))
    };
    if local.file_name().is_none() || local.is_dir() {
        return refused("give the name of a file, not of a folder");
    }
    // Renamed over, a device or a pipe would be gone. What cannot be looked at is found out below.
    if local.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return refused("what is there is no regular file");
    }
    let (source, total) = files.open(remote).await?;
    let (handle, path) = temporary(folder).map_err(writing)?.into_parts();
    let mut disk = Disk::new(handle);
    let done = fetch(files, &source, total, &mut disk, progress).await?;
    // Of a file that got shorter the end came early. Some are always shorter than they say, and stay so.
    if total.is_some_and(|total| done < total) && files.size(&source).await? != total {
        return Err(changed());
    }
    files.link.meanwhile(disk.finish()).await?.map_err(writing)?;
    files.close(source).await?;
    path.persist(local).map_err(|error| writing(error.error))?;
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
    files: &mut Files,
    source: &RemoteFile,
    total: Option<u64>,
    disk: &mut Disk,
    progress: Report<'_>,
) -> Result<u64> {
    let writing = |error| local_error("write the local file", error);
    // Where it begins and how long it is, of what was asked for.
    let mut reads: HashMap<u32, (u64, u32)> = HashMap::new();
    // Pieces that are not written yet, by where they begin; together with those in flight at most `IN_FLIGHT` bytes.
    let mut early: BTreeMap<u64, Vec<Bytes>> = BTreeMap::new();
    let (mut asked, mut done, mut end) = (0_u64, 0_u64, None::<u64>);
    loop {
        let known = total.unwrap_or(0);
        // Up to the size that the server told, reads are sent ahead; beyond it one at a time, until the end shows.
        while end.is_none_or(|end| asked < end)
            && asked - done < IN_FLIGHT
            && reads.len() + early.len() < MOST_EARLY / 4
            && (asked < known || (reads.is_empty() && early.is_empty()))
        {
            let length = if asked < known {
                u32::try_from(known - asked)
                    .unwrap_or(files.piece)
                    .min(files.piece)
            } else {
                files.piece
            };
            let id = files.ask_for(source, asked, length).await?;
            reads.insert(id, (asked, length));
            asked += u64::from(length);
        }
        while let Some((id, answer)) = files.link.answer()? {
            let (at, length) = reads.remove(&id).ok_or_else(broken)?;
            match data(answer, length)? {
                Some(data) => {
                    // A short answer is not the end: the rest is asked for again.
                    let got = data.iter().map(|piece| piece.len() as u64).sum::<u64>();
                    let left = length.saturating_sub(u32::try_from(got).unwrap_or(length));
                    if left > 0 {
                        let id = files.ask_for(source, at + got, left).await?;
                        reads.insert(id, (at + got, left));
                    }
                    early.insert(at, data);
                    if early.len() > MOST_EARLY {
                        let message = "the server gives the file in pieces that are too small";
                        return Err(Error::new(ErrorKind::Protocol, "read the target's file", message));
                    }
                }
                None => end = Some(end.map_or(at, |end| end.min(at))),
            }
        }
        let now = in_order(&mut early, done);
        if !now.is_empty() {
            let written = files.link.meanwhile(disk.write(now)).await?;
            done += written.map_err(writing)?;
            progress(Progress { done, total });
        } else if reads.is_empty() {
            break;
        } else {
            files.link.arrived().await?;
        }
    }
    if early.is_empty() {
        Ok(done)
    } else {
        Err(changed())
    }
}

fn changed() -> Error {
    Error::new(
        ErrorKind::Protocol,
        "read the target's file",
        "it changed while it was read: try again",
    )
}

/// Takes what follows on `from` without a gap, about as much as is written at once.
fn in_order(early: &mut BTreeMap<u64, Vec<Bytes>>, mut from: u64) -> Vec<Bytes> {
    let (mut pieces, mut bytes) = (Vec::new(), 0);
    while bytes < AT_ONCE
        && let Some(data) = early.remove(&from)
    {
        let length = data.iter().map(Bytes::len).sum::<usize>();
        bytes += length;
        from += length as u64;
        pieces.extend(data);
    }
    pieces
}
