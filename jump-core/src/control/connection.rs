//! A control connection once both sides are authenticated: questions, answers and notices in both directions.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::frame::{FrameDecoder, MAX_FRAME, encode_frame};
use super::message::{Message, Notice, Request, Response, WireError};
use crate::error::{Error, ErrorKind, Result};

const OUTGOING: usize = 256;
const REQUESTS_AT_ONCE: usize = 32;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the last words of either side may take: ours to go out, theirs to be read.
const FAREWELL: Duration = Duration::from_secs(1);

/// How often a side shows that it is there, and after how much silence the other is taken for gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heartbeat {
    /// Between two pings.
    pub(crate) every: Duration,
    /// Silence for which a connection is given up.
    pub(crate) give_up: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(15),
            give_up: Duration::from_secs(45),
        }
    }
}

/// Answers what the other side asks and says.
#[async_trait]
pub(crate) trait Handler: Send + Sync + Debug + 'static {
    /// Answers a question. Several run at once.
    async fn request(&self, connection: &Connection, request: Request) -> Result<Response>;
    /// Takes a notice. One at a time, in order; must not wait for long.
    async fn notice(&self, connection: &Connection, notice: Notice);
}

/// A handle on a running connection; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Arc<Shared>);

/// A message on its way out, as a frame: what does not fit one is its sender's error, not the connection's.
#[derive(Debug)]
struct Outgoing {
    frame: Zeroizing<Vec<u8>>,
    /// Held by an answer until it is written, so that a peer that does not read is not answered without end.
    _permit: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct Shared {
    outgoing: mpsc::Sender<Outgoing>,
    pending: Mutex<HashMap<u64, oneshot::Sender<Result<Response, WireError>>>>,
    next: AtomicU64,
    closed: watch::Sender<Option<WireError>>,
    heard: Mutex<Instant>,
}

impl Connection {
    /// Runs the connection on tasks of its own until it fails, is closed, or the other side is silent too long.
    /// `decoder` may hold bytes that were read during the handshake.
    pub(crate) fn start<S>(
        stream: S,
        mut decoder: FrameDecoder,
        handler: Arc<dyn Handler>,
        heartbeat: Heartbeat,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        decoder.set_limit(MAX_FRAME);
        let (outgoing, messages) = mpsc::channel(OUTGOING);
        let (closed, _) = watch::channel(None);
        let shared = Arc::new(Shared {
            outgoing,
            pending: Mutex::default(),
            next: AtomicU64::new(1),
            closed,
            heard: Mutex::new(Instant::now()),
        });
        let connection = Self(shared);
        let (reader, writer) = tokio::io::split(stream);
        tokio::spawn(connection.clone().read_loop(reader, decoder, handler, heartbeat));
        tokio::spawn(connection.clone().write_loop(writer, messages, heartbeat));
        connection
    }

    /// Asks and waits for the answer, at most 30 seconds. Cancel-safe: a late answer is dropped.
    pub(crate) async fn request(&self, request: Request) -> Result<Response> {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.pending().insert(id, sender);
        let pending = Pending { connection: self, id };
        self.send(Message::Request { id, request }).await?;
        let mut closed = self.0.closed.subscribe();
        let result = tokio::select! {
            biased;
            result = timeout(REQUEST_TIMEOUT, answer) => result,
            () = until_closed(&mut closed) => return Err(self.closed_error()),
        };
        drop(pending);
        match result {
            Ok(Ok(result)) => result.map_err(|error| error.into_error("ask")),
            Ok(Err(_)) => Err(self.closed_error()),
            Err(_) => Err(Error::new(ErrorKind::Timeout, "ask", "no answer within 30 s")),
        }
    }

    /// Says something that needs no answer; waits while the other side does not take it.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if the message fits no frame; why the connection is closed, if it is.
    pub(crate) async fn send(&self, message: Message) -> Result<()> {
        self.enqueue(encode_message(&message)?, None).await
    }

    async fn enqueue(&self, frame: Zeroizing<Vec<u8>>, permit: Option<OwnedSemaphorePermit>) -> Result<()> {
        let outgoing = Outgoing {
            frame,
            _permit: permit,
        };
        let sent = self.0.outgoing.send(outgoing).await;
        sent.map_err(|_| self.closed_error())
    }

    /// Answers a question. An answer that fits no frame becomes an error that says so.
    async fn reply(&self, id: u64, result: Result<Response>, permit: OwnedSemaphorePermit) {
        let result = result.map_err(|error| WireError::from(&error));
        let frame = encode_message(&Message::Reply { id, result }).or_else(|error| {
            let result = Err(WireError::from(&error));
            encode_message(&Message::Reply { id, result })
        });
        match frame {
            // Whoever asked may be gone.
            Ok(frame) => drop(self.enqueue(frame, Some(permit)).await),
            Err(error) => self.close(&error),
        }
    }

    /// Says something at once. A peer so far behind that its queue is full is cut off.
    pub(crate) fn send_now(&self, message: Message) {
        let sent =
            encode_message(&message).map(|frame| self.0.outgoing.try_send(Outgoing { frame, _permit: None }));
        if let Err(error) = &sent {
            tracing::error!(%error, "a message fits no frame");
        }
        if let Ok(Err(mpsc::error::TrySendError::Full(_))) = sent {
            let error = Error::new(
                ErrorKind::Timeout,
                "tell the peer",
                "it does not take its messages",
            );
            self.close(&error);
        }
    }

    /// Closes the connection, telling the other side why if it still listens.
    pub(crate) fn close(&self, error: &Error) {
        let error = WireError::from(error);
        if let Ok(frame) = encode_message(&Message::Notice(Notice::Closing(error.clone()))) {
            let _ = self.0.outgoing.try_send(Outgoing { frame, _permit: None });
        }
        self.mark_closed(error);
    }

    /// Waits until the connection is closed and gives the reason. Cancel-safe.
    pub(crate) async fn closed(&self) -> Error {
        until_closed(&mut self.0.closed.subscribe()).await;
        self.closed_error()
    }

    /// When the other side last said anything.
    pub(crate) fn last_heard(&self) -> Instant {
        *self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both are handles on the same connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.borrow().is_some()
    }

    fn closed_error(&self) -> Error {
        let reason = self.0.closed.borrow().clone();
        match reason {
            Some(error) => error.into_error("control connection"),
            None => Error::new(ErrorKind::Unavailable, "control connection", "it is closed"),
        }
    }

    fn mark_closed(&self, error: WireError) {
        self.0.closed.send_if_modified(|closed| {
            let first = closed.is_none();
            if first {
                *closed = Some(error);
            }
            first
        });
    }

    fn pending(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Result<Response, WireError>>>> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_loop<R: AsyncRead + Unpin>(
        self,
        mut reader: R,
        mut decoder: FrameDecoder,
        handler: Arc<dyn Handler>,
        heartbeat: Heartbeat,
    ) {
        let at_once = Arc::new(Semaphore::new(REQUESTS_AT_ONCE));
        let mut closed = self.0.closed.subscribe();
        let error = loop {
            let message = tokio::select! {
                biased;
                () = until_closed(&mut closed) => return,
                message = timeout(heartbeat.give_up, read_message(&mut reader, &mut decoder)) => message,
            };
            let message = match message {
                Ok(Ok(message)) => message,
                Ok(Err(error)) => break error,
                Err(_) => {
                    break Error::new(
                        ErrorKind::Timeout,
                        "control connection",
                        "the other side is silent",
                    );
                }
            };
            *self.0.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            match message {
                Message::Request { id, request } => {
                    // Bounds the work in progress: a peer that asks faster than it is answered waits here.
                    let Ok(permit) = at_once.clone().acquire_owned().await else {
                        return;
                    };
                    let (connection, handler) = (self.clone(), handler.clone());
                    tokio::spawn(async move {
                        let result = handler.request(&connection, request).await;
                        connection.reply(id, result, permit).await;
                    });
                }
                Message::Reply { id, result } => {
                    let waiting = self.pending().remove(&id);
                    if let Some(waiting) = waiting {
                        let _ = waiting.send(result);
                    }
                }
                Message::Notice(Notice::Closing(error)) => break error.into_error("control connection"),
                Message::Notice(notice) => handler.notice(&self, notice).await,
                Message::Ping => self.send_now(Message::Pong),
                Message::Pong => {}
                Message::Hello(_) | Message::Welcome(_) | Message::Enrolled(_) | Message::Refused(_) => {
                    break Error::new(
                        ErrorKind::Protocol,
                        "control connection",
                        "a handshake message came too late",
                    );
                }
            }
        };
        self.mark_closed(WireError::from(&error));
    }

    async fn write_loop<W: AsyncWrite + Unpin>(
        self,
        mut writer: W,
        mut messages: mpsc::Receiver<Outgoing>,
        heartbeat: Heartbeat,
    ) {
        let mut closed = self.0.closed.subscribe();
        let mut ping = tokio::time::interval(heartbeat.every);
        let ping_frame = match encode_message(&Message::Ping) {
            Ok(frame) => frame,
            Err(error) => return self.mark_closed(WireError::from(&error)),
        };
        let error = loop {
            let outgoing = tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Some(message) => message,
                    None => return,
                },
                () = until_closed(&mut closed) => {
                    // What was queued before the close, above all the reason, still goes out.
                    let _ = timeout(FAREWELL, async {
                        while let Ok(outgoing) = messages.try_recv() {
                            write_frame(&mut writer, &outgoing.frame).await?;
                        }
                        writer.shutdown().await.map_err(|error| Error::from_io(ErrorKind::Network, "close", error))
                    })
                    .await;
                    return;
                }
                _ = ping.tick() => Outgoing { frame: ping_frame.clone(), _permit: None },
            };
            match timeout(heartbeat.give_up, write_frame(&mut writer, &outgoing.frame)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => break error,
                Err(_) => {
                    break Error::new(
                        ErrorKind::Timeout,
                        "control connection",
                        "the other side does not read",
                    );
                }
            }
        };
        // A peer that closes says why before it goes, and its word may lie unread while a write fails: it comes first.
        // What is queued meanwhile goes nowhere, and whoever queued it hears of the close.
        let read_out = async {
            loop {
                tokio::select! {
                    biased;
                    () = until_closed(&mut closed) => return,
                    message = messages.recv() => match message {
                        Some(outgoing) => drop(outgoing),
                        None => return,
                    },
                }
            }
        };
        let _ = timeout(FAREWELL, read_out).await;
        self.mark_closed(WireError::from(&error));
    }
}

/// Waits for the mark, without keeping its lock.
async fn until_closed(closed: &mut watch::Receiver<Option<WireError>>) {
    let _ = closed.wait_for(Option::is_some).await;
}

/// Forgets a question that nobody waits for any more.
struct Pending<'a> {
    connection: &'a Connection,
    id: u64,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.connection.pending().remove(&self.id);
    }
}

/// Reads one message. Cancel-safe: what was read stays in the decoder.
///
/// # Errors
/// [`ErrorKind::Closed`] at the end of the stream, [`ErrorKind::ResourceLimit`] for an oversize frame,
/// [`ErrorKind::Protocol`] for one that is not a message.
pub(crate) async fn read_message<R: AsyncRead + Unpin>(
    reader: &mut R,
    decoder: &mut FrameDecoder,
) -> Result<Message> {
    loop {
        if let Some(frame) = decoder.next_frame()? {
            return serde_json::from_slice(frame).map_err(|_| {
                // The parser's own message would repeat what the peer sent.
                Error::new(
                    ErrorKind::Protocol,
                    "read a control message",
                    "it is not a message of this protocol version",
                )
            });
        }
        let mut buffer = Vec::with_capacity(2 * 1024);
        let read = reader
            .read_buf(&mut buffer)
            .await
            .map_err(|error| Error::from_io(ErrorKind::Network, "read a control message", error))?;
        if read == 0 {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "control connection",
                "the other side closed it",
            ));
        }
        decoder.push(&buffer);
    }
}

/// Writes one message and flushes. Not cancel-safe.
pub(crate) async fn write_message<W: AsyncWrite + Unpin>(writer: &mut W, message: &Message) -> Result<()> {
    write_frame(writer, &encode_message(message)?).await
}

async fn write_frame<W: AsyncWrite + Unpin>(writer: &mut W, frame: &[u8]) -> Result<()> {
    let written = async {
        writer.write_all(frame).await?;
        writer.flush().await
    };
    written
        .await
        .map_err(|error| Error::from_io(ErrorKind::Network, "write a control message", error))
}

/// The frame that carries a message; wiped when dropped, because a message may hold an invitation.
fn encode_message(message: &Message) -> Result<Zeroizing<Vec<u8>>> {
    // Reserved so that the messages with a secret in them never grow and leave a copy behind.
    let mut payload = Zeroizing::new(Vec::with_capacity(4 * 1024));
    serde_json::to_writer(&mut *payload, message).map_err(|error| {
        Error::new(ErrorKind::Internal, "write a control message", "not serializable").with_source(error)
    })?;
    let mut frame = Zeroizing::new(Vec::with_capacity(payload.len() + 4));
    encode_frame(&payload, &mut frame)?;
    Ok(frame)
}
