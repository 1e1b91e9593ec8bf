//! One target connection at the gate: its bytes in both directions, recorded before they go on.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::recording::{RecordKind, Recorder};
use jump_core::stream::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::link::Handle;
use crate::record::TunnelRecord;
use crate::stream::PIECE;

/// A read that brought less than this is copied out of its buffer, so that what waits costs what it counts.
const WORTH_KEEPING: usize = 16 << 10;

/// The session's totals, and where it is recorded.
pub(crate) struct Counts<'s> {
    pub(crate) from_rep: &'s AtomicU64,
    pub(crate) from_target: &'s AtomicU64,
    pub(crate) recorder: &'s Recorder,
}

/// Why a connection ended before its end.
enum Broken {
    /// The stream or the target's socket failed; the others go on.
    Connection,
    /// The recording failed; the session must end.
    Recording(Error),
}

/// Carries bytes between a stream and a target until both directions have ended or one side is cut.
///
/// # Errors
/// Only a failure of the recording.
pub(crate) async fn carry(handle: Handle, target: BoxStream, counts: Counts<'_>) -> Result<TunnelRecord> {
    let (mut from_target, mut to_target) = tokio::io::split(target);
    let (mut sent, mut received) = (0, 0);
    let both = async {
        tokio::try_join!(
            upload(&handle, &mut to_target, &counts, &mut sent),
            download(&handle, &mut from_target, &counts, &mut received),
        )
    };
    let ended = tokio::select! {
        ended = both => ended.map(|_| ()),
        // The rep reset the stream: nobody waits for the target any more, not even in the middle of a write.
        _ = poll_fn(|cx| handle.poll_fate(cx)) => Err(Broken::Connection),
    };
    let complete = match ended {
        Ok(()) => true,
        Err(Broken::Connection) => {
            handle.reset(ErrorKind::Network);
            false
        }
        Err(Broken::Recording(error)) => return Err(error),
    };
    Ok(TunnelRecord::Closed {
        from_rep: sent,
        from_target: received,
        complete,
    })
}

/// From the rep to the target. Credit goes back only for what the target took.
async fn upload(
    handle: &Handle,
    target: &mut WriteHalf<BoxStream>,
    counts: &Counts<'_>,
    total: &mut u64,
) -> Result<(), Broken> {
    let broken = |_| Broken::Connection;
    while let Some(bytes) = poll_fn(|cx| handle.poll_take(cx))
        .await
        .map_err(|_| Broken::Connection)?
    {
        let length = bytes.len();
        let recorded = counts
            .recorder
            .record(handle.id(), RecordKind::FromRep, bytes.clone());
        recorded.await.map_err(Broken::Recording)?;
        target.write_all(&bytes).await.map_err(broken)?;
        target.flush().await.map_err(broken)?;
        counts.from_rep.fetch_add(length as u64, Ordering::Relaxed);
        *total += length as u64;
        handle.delivered(length);
    }
    // A target that is gone already has nothing to be told.
    let _ = target.shutdown().await;
    Ok(())
}

/// From the target to the rep. The target is read only while the stream has room.
async fn download(
    handle: &Handle,
    target: &mut ReadHalf<BoxStream>,
    counts: &Counts<'_>,
    total: &mut u64,
) -> Result<(), Broken> {
    loop {
        let bytes = poll_fn(|cx| poll_read(handle, target, cx)).await?;
        if bytes.is_empty() {
            handle.finish();
            return Ok(());
        }
        let length = bytes.len() as u64;
        let recorded = counts
            .recorder
            .record(handle.id(), RecordKind::FromTarget, bytes.clone());
        recorded.await.map_err(Broken::Recording)?;
        counts.from_target.fetch_add(length, Ordering::Relaxed);
        *total += length;
        handle.send(bytes).map_err(|_| Broken::Connection)?;
    }
}

/// Reads what the target sends, at most [`PIECE`]; empty at its end. The buffer lives only while bytes are there.
fn poll_read(
    handle: &Handle,
    target: &mut ReadHalf<BoxStream>,
    cx: &mut Context<'_>,
) -> Poll<Result<Bytes, Broken>> {
    let room = ready!(handle.poll_room(cx)).map_err(|_| Broken::Connection)?;
    let mut buffer = BytesMut::with_capacity(room.min(PIECE));
    let read = ready!(pin!(target.read_buf(&mut buffer)).poll(cx)).map_err(|_| Broken::Connection)?;
    Poll::Ready(Ok(if read < WORTH_KEEPING {
        Bytes::copy_from_slice(&buffer)
    } else {
        buffer.freeze()
    }))
}
