//! Tunnels: byte streams to the target's ports, and local ports that lead there; and the raw stream of any session.

use std::ffi::c_char;
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker, ready};

use jump_core::model::{Hostname, TargetAddress};
use jump_core::rep::SessionEvents;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use jump_proto_tunnel::{LocalEvent, LocalForward, LocalListener};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::context::{Context, drop_inside, parse, patience};
use crate::error::jump_error;
use crate::event::Event;
use crate::guard::{guard, guard_free, guard_value};
use crate::pointer::{Out, OutBytes, bytes, optional_text, text};
use crate::queue::Queue;
use crate::rep::{jump_rep, rep_of};
use crate::running_shell::{Readable, nothing_yet};
use crate::session::{SessionObject, jump_options, jump_session, session_of};
use crate::status::jump_status;
use crate::table::{self, Handle};

/// Events of connections that wait for the session's queue to have room.
const EVENTS_WAITING: usize = 16;

/// A stream of bytes: to a port of the target, or of a whole session.
pub struct jump_stream {
    _private: [u8; 0],
}

/// What is behind the handle.
pub(crate) struct Stream {
    of: Owner,
    id: u64,
    read: tokio::sync::Mutex<Reading>,
    write: tokio::sync::Mutex<WriteHalf<BoxStream>>,
}

/// The half that is read from.
struct Reading {
    half: ReadHalf<BoxStream>,
    /// What went wrong behind the bytes that were given last.
    failed: Option<io::Error>,
}

impl Reading {
    /// Reads, and takes with it what else is there already, as far as there is room: a call costs more than looking once more.
    fn poll(&mut self, cx: &mut TaskContext<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.half).poll_read(cx, buffer))?;
        let mut last = before;
        // Nobody has to be told of what these looks do not find.
        let looking = &mut TaskContext::from_waker(Waker::noop());
        while buffer.filled().len() > last && buffer.remaining() > 0 {
            last = buffer.filled().len();
            match Pin::new(&mut self.half).poll_read(looking, buffer) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => self.failed = Some(error),
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What a stream is a part of.
enum Owner {
    Session(Arc<SessionObject>),
    /// It is a session by itself, of which only the end is told, by the stream.
    Itself {
        context: Arc<Context>,
        _events: SessionEvents,
    },
}

impl Handle for Stream {
    type C = jump_stream;
    const KIND: u8 = 10;
    const NAME: &'static str = "jump_stream";
}

impl Stream {
    fn new(of: Owner, stream: BoxStream) -> Self {
        let (read, write) = tokio::io::split(stream);
        let id = match &of {
            Owner::Session(session) => session.next_request(),
            Owner::Itself { .. } => 0,
        };
        Self {
            of,
            id,
            read: tokio::sync::Mutex::new(Reading {
                half: read,
                failed: None,
            }),
            write: tokio::sync::Mutex::new(write),
        }
    }

    fn context(&self) -> &Arc<Context> {
        match &self.of {
            Owner::Session(session) => &session.context,
            Owner::Itself { context, .. } => context,
        }
    }

    fn wait<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        match &self.of {
            Owner::Session(session) => session.wait(future),
            Owner::Itself { context, .. } => context.wait(future),
        }
    }

    /// Whom to tell that a read would not have to wait any more.
    fn waker(&self) -> Waker {
        let queue: Option<&Arc<Queue>> = match &self.of {
            Owner::Session(session) => Some(&session.queue),
            Owner::Itself { .. } => None,
        };
        queue.map_or_else(
            || Waker::noop().clone(),
            |queue| {
                Waker::from(Arc::new(Readable {
                    queue: Arc::downgrade(queue),
                    id: self.id,
                }))
            },
        )
    }

    fn read(&self, to: &mut OutBytes, timeout_ms: i64) -> Result<usize> {
        let mut buffer = ReadBuf::uninit(to.memory());
        let failed = |error| Error::from_io(ErrorKind::Network, "read", error);
        if timeout_ms == 0 {
            let mut read = self.read.try_lock().map_err(|_| nothing_yet())?;
            let waker = self.waker();
            let _inside = self.context().runtime().enter();
            let cx = &mut TaskContext::from_waker(&waker);
            match read.poll(cx, &mut buffer) {
                Poll::Ready(done) => done.map_err(failed)?,
                Poll::Pending => return Err(nothing_yet()),
            }
        } else {
            self.wait(async {
                let mut read = self.read.lock().await;
                let reading = std::future::poll_fn(|cx| read.poll(cx, &mut buffer));
                match patience(timeout_ms) {
                    None => reading.await,
                    Some(time) => tokio::time::timeout(time, reading)
                        .await
                        .map_err(|_| nothing_yet())?,
                }
                .map_err(failed)
            })?;
        }
        Ok(buffer.filled().len())
    }
}

/// The stream behind a handle.
fn stream_of(stream: *const jump_stream) -> Result<Arc<Stream>> {
    let stream = table::get::<Stream>(stream, "stream")?;
    stream.context().check()?;
    Ok(stream)
}

fn address(host: &str, port: u16) -> Result<TargetAddress> {
    TargetAddress::new(Hostname::new(host)?, port)
}

/// Opens a stream to one of the grant's addresses. `JUMP_ERR_DENIED` for another one, `JUMP_ERR_TARGET_UNREACHABLE` if nobody answers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_tunnel_open(
    session: *const jump_session,
    host: *const c_char,
    port: u16,
    stream_out: *mut *mut jump_stream,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (stream_out, error_out) = unsafe { (Out::handle(stream_out), Out::handle(error_out)) };
    guard(&error_out, || {
        stream_out.needed("stream_out")?;
        let session = session_of(session)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let target = address(unsafe { text(host, "host") }?, port)?;
        let tunnel = session.tunnel()?;
        let stream = session.wait(tunnel.open(&target))?;
        stream_out.give(Stream::new(Owner::Session(session), stream))
    })
}

/// Starts a session on an item and gives its raw byte stream, encrypted end to end up to the gate of the item's protocol, which a
/// client of another make can be connected to. `options_json` is as in `jump_session_open`. The session ends when the stream is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_rep_jump(
    rep: *const jump_rep,
    item: *const c_char,
    options_json: *const c_char,
    stream_out: *mut *mut jump_stream,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (stream_out, error_out) = unsafe { (Out::handle(stream_out), Out::handle(error_out)) };
    guard(&error_out, || {
        stream_out.needed("stream_out")?;
        let rep = rep_of(rep)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let (item, options) = unsafe { (text(item, "item")?, jump_options(options_json)?) };
        let jumped = rep.context.wait(rep.rep.jump_with(item, &options))?;
        let context = rep.context.clone();
        let _events = jumped.events;
        stream_out.give(Stream::new(
            Owner::Itself { context, _events },
            Box::new(jumped.stream),
        ))
    })
}

/// The stream's id: events are about it under this number. 0 for a stream of `jump_rep_jump`, for NULL and for what is no living stream.
#[unsafe(no_mangle)]
pub extern "C" fn jump_stream_request_id(stream: *const jump_stream) -> u64 {
    guard_value(0, || {
        table::get::<Stream>(stream, "stream").map(|stream| stream.id)
    })
}

/// Reads at most `capacity` bytes, straight into `buffer`; 0 bytes are the end. Waits at most `timeout_ms` milliseconds, for ever for
/// less than 0; if there is none then it fails with `JUMP_ERR_TIMEOUT`. With 0 it does not wait, and, for a stream of a tunnel session,
/// `JUMP_EVENT_READABLE` comes as soon as it would not have to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_stream_read(
    stream: *const jump_stream,
    timeout_ms: i64,
    buffer: *mut u8,
    capacity: usize,
    length_out: *mut usize,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (mut buffer, length_out, error_out) = unsafe {
        (
            OutBytes::new(buffer, capacity),
            Out::new(length_out),
            Out::handle(error_out),
        )
    };
    guard(&error_out, || {
        buffer.needed("buffer")?;
        length_out.needed("length_out")?;
        length_out.set(stream_of(stream)?.read(&mut buffer, timeout_ms)?);
        Ok(())
    })
}

/// Writes all of `data`; waits while the target does not take it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_stream_write(
    stream: *const jump_stream,
    data: *const u8,
    length: usize,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let stream = stream_of(stream)?;
        // SAFETY: the caller passes NULL or as many bytes as it says.
        let data = unsafe { bytes(data, length, "data") }?;
        stream.wait(async {
            let mut write = stream.write.lock().await;
            let written = async {
                write.write_all(data).await?;
                write.flush().await
            };
            written
                .await
                .map_err(|error| Error::from_io(ErrorKind::Network, "write", error))
        })
    })
}

/// Says that no more bytes follow; reading goes on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_stream_finish(
    stream: *const jump_stream,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let stream = stream_of(stream)?;
        stream.wait(async {
            let done = stream.write.lock().await.shutdown().await;
            done.map_err(|error| Error::from_io(ErrorKind::Network, "finish", error))
        })
    })
}

/// Frees a stream; if it was not at its end it is cut. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_stream_free(stream: *mut jump_stream) -> jump_status {
    guard_free(|| {
        if let Some(stream) = table::take::<Stream>(stream, "stream")? {
            drop_inside(&stream.context().clone(), stream);
        }
        Ok(())
    })
}

/// Local ports that lead into a tunnel session. They are closed, and what is connected to them is cut, when it is freed.
pub struct jump_listener {
    _private: [u8; 0],
}

/// What is behind the handle.
pub(crate) struct Listener {
    listener: LocalListener,
    telling: AbortHandle,
    /// Keeps the session there.
    session: Arc<SessionObject>,
}

impl Handle for Listener {
    type C = jump_listener;
    const KIND: u8 = 11;
    const NAME: &'static str = "jump_listener";
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.telling.abort();
    }
}

/// Which ports.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    address: Option<Ipv4Addr>,
    forwards: Option<Vec<Forward>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forward {
    #[serde(default)]
    local: u16,
    host: String,
    port: u16,
}

/// Brings what happens at a listener into the session's queue.
async fn tell(mut events: mpsc::Receiver<LocalEvent>, queue: Arc<Queue>) {
    while let Some(event) = events.recv().await {
        let event = match event {
            LocalEvent::Opened { from, to } => Event::connection(&from.to_string(), &to.to_string(), None),
            LocalEvent::Refused { from, to, error } => {
                Event::connection(&from.to_string(), &to.to_string(), Some(&error))
            }
            _ => continue,
        };
        queue.has_room().await;
        queue.add(event);
    }
}

/// Opens local ports on a loopback address that lead to the grant's addresses. `options_json` may be NULL: `address` is 127.0.0.1
/// otherwise, `forwards` are `{"local": 0, "host": "db", "port": 5432}`, where `local` 0 is any free port; without them each address of
/// the grant gets a free port. Whoever connects to such a port is let through.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_tunnel_listen(
    session: *const jump_session,
    options_json: *const c_char,
    listener_out: *mut *mut jump_listener,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (listener_out, error_out) = unsafe { (Out::handle(listener_out), Out::handle(error_out)) };
    guard(&error_out, || {
        listener_out.needed("listener_out")?;
        let session = session_of(session)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let options: Options = parse(
            unsafe { optional_text(options_json, "options_json") }?,
            "options_json",
        )?;
        let forwards: Vec<LocalForward> = match options.forwards {
            Some(forwards) => forwards
                .into_iter()
                .map(|forward| {
                    Ok(LocalForward {
                        port: forward.local,
                        target: address(&forward.host, forward.port)?,
                    })
                })
                .collect::<Result<_>>()?,
            None => session
                .grant()
                .target()
                .addresses
                .iter()
                .map(|target| LocalForward {
                    port: 0,
                    target: target.clone(),
                })
                .collect(),
        };
        let tunnel = session.tunnel()?;
        let address = options.address.unwrap_or(Ipv4Addr::LOCALHOST);
        let (sender, events) = mpsc::channel(EVENTS_WAITING);
        let listener = session.wait(LocalListener::bind(tunnel, address, forwards, Some(sender)))?;
        let (queue, silent) = (session.queue.clone(), session.queue.clone());
        let telling = session
            .context
            .run("tell of connections", tell(events, queue), move |ended| {
                if let Err(error) = ended
                    && error.kind() != ErrorKind::Closed
                {
                    silent.add(Event::connections_lost(&error));
                }
            });
        listener_out.give(Listener {
            listener,
            telling,
            session,
        })
    })
}

/// The local port of the forward with this number, from 0. `JUMP_ERR_NOT_FOUND` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_listener_port(
    listener: *const jump_listener,
    index: usize,
    port_out: *mut u16,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (port_out, error_out) = unsafe { (Out::new(port_out), Out::handle(error_out)) };
    guard(&error_out, || {
        port_out.needed("port_out")?;
        let listener = table::get::<Listener>(listener, "listener")?;
        let (local, _) =
            listener.listener.forwards().get(index).ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "look up a port", "there are fewer forwards")
            })?;
        port_out.set(local.port());
        Ok(())
    })
}

/// Closes the ports and cuts what is connected to them. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_listener_free(listener: *mut jump_listener) -> jump_status {
    guard_free(|| {
        if let Some(listener) = table::take::<Listener>(listener, "listener")? {
            drop_inside(&listener.session.context.clone(), listener);
        }
        Ok(())
    })
}
