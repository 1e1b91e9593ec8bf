//! Files, from and to the target of a shell session.

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use jump_core::protocol::{Progress, ShellSession};
use jump_core::{Error, ErrorKind, Result};

use crate::error::jump_error;
use crate::event::Event;
use crate::guard::guard;
use crate::pointer::{Out, text};
use crate::queue::Key;
use crate::session::{SessionObject, jump_session, session_of};
use crate::status::jump_status;

/// Says how far a transfer is: bytes so far, and in all, or less than 0 if that is not known. It is called on the thread that waits
/// for the transfer, and may call the library. What it gives ends the transfer unless it is 0.
pub type jump_progress_fn = Option<extern "C" fn(userdata: *mut c_void, done: u64, total: i64) -> i32>;

enum Direction {
    Up,
    Down,
}

/// One file that moves.
struct Transfer {
    direction: Direction,
    local: PathBuf,
    remote: String,
}

impl Transfer {
    async fn run(
        &self,
        shell: &dyn ShellSession,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<u64> {
        match self.direction {
            Direction::Up => shell.upload(&self.local, &self.remote, progress).await,
            Direction::Down => shell.download(&self.remote, &self.local, progress).await,
        }
    }
}

/// What the thread that waits for a transfer hears of it.
enum Said {
    Progress(Progress),
    Done(Result<u64>),
}

/// Runs a transfer while the calling thread waits and is told how far it is.
fn run_here(
    session: &Arc<SessionObject>,
    transfer: Transfer,
    mut told: impl FnMut(Progress) -> bool,
) -> Result<u64> {
    let shell = session.shell()?;
    // One place: who is behind hears of the newest when there is room again.
    let (say, said) = sync_channel(1);
    let task = {
        let (session, say) = (session.clone(), say);
        let context = session.context.clone();
        let moving = async move {
            let progress = |progress| {
                let _: Result<(), TrySendError<Said>> = say.try_send(Said::Progress(progress));
            };
            let done = session
                .until_closed(Box::pin(transfer.run(&*shell, &progress)))
                .await;
            deliver(say, Said::Done(done));
        };
        // If it ends in another way the last word is that nothing more is said.
        context.run("move a file", moving, |_| ())
    };
    loop {
        match said.recv() {
            Ok(Said::Progress(progress)) => {
                if !told(progress) {
                    task.abort();
                    let message = "the progress callback ended it";
                    return Err(Error::new(ErrorKind::Closed, "move a file", message));
                }
            }
            Ok(Said::Done(done)) => {
                if let Ok(bytes) = done {
                    let total = Some(bytes);
                    told(Progress { done: bytes, total });
                }
                return done;
            }
            Err(_) => return Err(Error::new(ErrorKind::Internal, "move a file", "its task failed")),
        }
    }
}

/// Sends the last word; there may be a word of progress in the one place there is.
fn deliver(say: SyncSender<Said>, done: Said) {
    tokio::task::block_in_place(move || {
        let _ = say.send(done);
    });
}

/// Begins a transfer about which events tell.
fn run_apart(session: &Arc<SessionObject>, transfer: Transfer) -> Result<u64> {
    let shell = session.shell()?;
    let one_of_many = session.one_more_transfer()?;
    let request = session.next_request();
    let (running, queue) = (session.clone(), session.queue.clone());
    let told = queue.clone();
    let moving = async move {
        let progress = |progress| queue.coalesce(Key::Progress(request), Event::progress(request, progress));
        let done = running.until_closed(Box::pin(transfer.run(&*shell, &progress)));
        let done = done.await;
        drop(one_of_many);
        done
    };
    session.context.run("move a file", moving, move |moved| {
        told.add(Event::transferred(request, &moved.and_then(|moved| moved)));
    });
    Ok(request)
}

/// # Safety
/// Both are NULL or NUL-terminated text.
unsafe fn transfer(direction: Direction, local: *const c_char, remote: *const c_char) -> Result<Transfer> {
    // SAFETY: as the caller of this function promises.
    let (local, remote) = unsafe { (text(local, "local_path")?, text(remote, "remote_path")?) };
    Ok(Transfer {
        direction,
        local: PathBuf::from(local),
        remote: remote.to_owned(),
    })
}

/// Tells a callback of C, if there is one, and whether the transfer goes on.
fn tell(progress_fn: jump_progress_fn, userdata: *mut c_void, progress: Progress) -> bool {
    let Some(callback) = progress_fn else { return true };
    let total = progress
        .total
        .and_then(|total| i64::try_from(total).ok())
        .unwrap_or(-1);
    callback(userdata, progress.done, total) == 0
}

/// Copies a local file to the target and waits until it is complete there. `progress`, which may be NULL, is told how far it is;
/// `bytes_out`, which may be NULL, is how many were moved.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_session_upload(
    session: *const jump_session,
    local_path: *const c_char,
    remote_path: *const c_char,
    progress: jump_progress_fn,
    userdata: *mut c_void,
    bytes_out: *mut u64,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (bytes_out, error_out) = unsafe { (Out::new(bytes_out), Out::handle(error_out)) };
    guard(&error_out, || {
        let session = session_of(session)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let transfer = unsafe { transfer(Direction::Up, local_path, remote_path) }?;
        let moved = run_here(&session, transfer, |now| tell(progress, userdata, now))?;
        bytes_out.set(moved);
        Ok(())
    })
}

/// Copies a file of the target to a local path; it has another name until it is complete. The rest is as in `jump_session_upload`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_session_download(
    session: *const jump_session,
    remote_path: *const c_char,
    local_path: *const c_char,
    progress: jump_progress_fn,
    userdata: *mut c_void,
    bytes_out: *mut u64,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (bytes_out, error_out) = unsafe { (Out::new(bytes_out), Out::handle(error_out)) };
    guard(&error_out, || {
        let session = session_of(session)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let transfer = unsafe { transfer(Direction::Down, local_path, remote_path) }?;
        let moved = run_here(&session, transfer, |now| tell(progress, userdata, now))?;
        bytes_out.set(moved);
        Ok(())
    })
}

/// Begins to copy a local file to the target and does not wait: events of the session with the id in `request_id_out` say how far it
/// is and how it ended, `JUMP_EVENT_PROGRESS` and `JUMP_EVENT_TRANSFERRED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_session_upload_async(
    session: *const jump_session,
    local_path: *const c_char,
    remote_path: *const c_char,
    request_id_out: *mut u64,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (request_id_out, error_out) = unsafe { (Out::new(request_id_out), Out::handle(error_out)) };
    guard(&error_out, || {
        request_id_out.needed("request_id_out")?;
        let session = session_of(session)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let transfer = unsafe { transfer(Direction::Up, local_path, remote_path) }?;
        request_id_out.set(run_apart(&session, transfer)?);
        Ok(())
    })
}

/// Begins to copy a file of the target to a local path and does not wait: see `jump_session_upload_async`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_session_download_async(
    session: *const jump_session,
    remote_path: *const c_char,
    local_path: *const c_char,
    request_id_out: *mut u64,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (request_id_out, error_out) = unsafe { (Out::new(request_id_out), Out::handle(error_out)) };
    guard(&error_out, || {
        request_id_out.needed("request_id_out")?;
        let session = session_of(session)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let transfer = unsafe { transfer(Direction::Down, local_path, remote_path) }?;
        request_id_out.set(run_apart(&session, transfer)?);
        Ok(())
    })
}
