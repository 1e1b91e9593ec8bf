//! A running shell: what is behind its handle.

use std::ffi::CString;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use jump_core::protocol::{ExitStatus, ShellChannel, ShellEvent, ShellReader, ShellWriter};
use jump_core::{Error, ErrorKind, Result};

use crate::context::patience;
use crate::error::c_string;
use crate::event::Event;
use crate::pointer::OutBytes;
use crate::queue::{Key, Queue};
use crate::session::SessionObject;
use crate::shell::{JUMP_SHELL_STDERR, JUMP_SHELL_STDOUT, jump_shell, jump_shell_output};
use crate::table::Handle;

type Reader = Box<dyn ShellReader>;
type Reading = Pin<Box<dyn Future<Output = (Reader, Result<Option<ShellEvent>>)> + Send>>;

/// The reading half.
enum Incoming {
    /// Nobody reads.
    Idle(Reader),
    /// A read was begun that had nothing yet.
    Reading(Reading),
    /// It is over, or a read is just being polled.
    Over,
}

struct Read {
    incoming: Incoming,
    /// What a read before had no room for.
    left: Bytes,
    whose: jump_shell_output,
}

/// What is behind the handle.
pub(crate) struct Shell {
    pub(crate) session: Arc<SessionObject>,
    pub(crate) id: u64,
    read: tokio::sync::Mutex<Read>,
    pub(crate) write: tokio::sync::Mutex<Box<dyn ShellWriter>>,
    exit: Mutex<Option<Exit>>,
}

/// How a shell ended.
#[derive(Clone)]
pub(crate) struct Exit {
    pub(crate) code: i64,
    pub(crate) signal: Option<Arc<CString>>,
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Code(code) => Self {
                code: code.into(),
                signal: None,
            },
            ExitStatus::Signal(name) => Self {
                code: -1,
                signal: Some(Arc::new(c_string(name))),
            },
        }
    }
}

impl Handle for Shell {
    type C = jump_shell;
    const KIND: u8 = 9;
    const NAME: &'static str = "jump_shell";
}

/// Says in a queue that a read would not have to wait any more.
pub(crate) struct Readable {
    pub(crate) queue: Weak<Queue>,
    pub(crate) id: u64,
}

impl std::task::Wake for Readable {
    fn wake(self: Arc<Self>) {
        if let Some(queue) = self.queue.upgrade() {
            queue.coalesce(Key::Readable(self.id), Event::readable(self.id));
        }
    }
}

/// The error of a call that was told not to wait, or not so long.
pub(crate) fn nothing_yet() -> Error {
    Error::new(ErrorKind::Timeout, "read", "there is nothing yet")
}

impl Shell {
    pub(crate) fn new(session: Arc<SessionObject>, channel: ShellChannel) -> Self {
        Self {
            id: session.next_request(),
            session,
            read: tokio::sync::Mutex::new(Read {
                incoming: Incoming::Idle(channel.reader),
                left: Bytes::new(),
                whose: JUMP_SHELL_STDOUT,
            }),
            write: tokio::sync::Mutex::new(channel.writer),
            exit: Mutex::default(),
        }
    }

    /// Goes on until there is output to give, or there will be none.
    fn poll_output(&self, read: &mut Read, cx: &mut TaskContext<'_>) -> Poll<Result<()>> {
        while read.left.is_empty() {
            let mut reading = match std::mem::replace(&mut read.incoming, Incoming::Over) {
                Incoming::Idle(mut reader) => Box::pin(async move {
                    let next = reader.next().await;
                    (reader, next)
                }) as Reading,
                Incoming::Reading(reading) => reading,
                Incoming::Over => return Poll::Ready(Ok(())),
            };
            let Poll::Ready((reader, next)) = reading.as_mut().poll(cx) else {
                read.incoming = Incoming::Reading(reading);
                return Poll::Pending;
            };
            match next? {
                Some(ShellEvent::Output(bytes)) => (read.left, read.whose) = (bytes, JUMP_SHELL_STDOUT),
                Some(ShellEvent::ErrorOutput(bytes)) => (read.left, read.whose) = (bytes, JUMP_SHELL_STDERR),
                Some(ShellEvent::Exit(status)) => {
                    *self.exit.lock().unwrap_or_else(PoisonError::into_inner) = Some(status.into());
                }
                None => return Poll::Ready(Ok(())),
            }
            read.incoming = Incoming::Idle(reader);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads a piece; nothing is the end. Without patience it does not wait, and there will be an event when it would not have to.
    pub(crate) fn read(&self, to: &mut OutBytes, timeout_ms: i64) -> Result<(usize, jump_shell_output)> {
        let mut read;
        if timeout_ms == 0 {
            read = self.read.try_lock().map_err(|_| nothing_yet())?;
            let waker = Waker::from(Arc::new(Readable {
                queue: Arc::downgrade(&self.session.queue),
                id: self.id,
            }));
            // Timers in what is polled need the runtime.
            let _inside = self.session.context.runtime().enter();
            match self.poll_output(&mut read, &mut TaskContext::from_waker(&waker)) {
                Poll::Ready(done) => done?,
                Poll::Pending => return Err(nothing_yet()),
            }
        } else {
            read = self.session.wait(async {
                let mut read = self.read.lock().await;
                let output = std::future::poll_fn(|cx| self.poll_output(&mut read, cx));
                match patience(timeout_ms) {
                    None => output.await?,
                    Some(time) => tokio::time::timeout(time, output)
                        .await
                        .map_err(|_| nothing_yet())??,
                }
                Ok(read)
            })?;
        }
        let length = to.copy(&read.left);
        let _given = read.left.split_to(length);
        Ok((length, read.whose))
    }

    pub(crate) fn exit(&self) -> Option<Exit> {
        self.exit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
