//! The relay: pairs the two parties of a session and moves what it cannot read.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::admission::{Admission, Permit};
use super::buffers::Buffers;
use super::linger::linger;
use super::pump::pump_with;
use super::relayed::{MAGIC, PREFACE_LENGTH, Status};
use super::seats::{News, Pair, Seated, Seats};
#[cfg(target_os = "linux")]
use super::splice::{Pipes, splice_both};
use super::ticket::{SignedTicket, Ticket};
use super::transport::{Listener, Socket};
use crate::error::{Error, ErrorKind, Result};
use crate::id::SessionId;
use crate::keys::PublicKey;
use crate::time::{Clock, SystemClock};

const OPERATION: &str = "relay a session";
/// Buffers where splice(2) is not to be had.
const BUFFER_SIZE: usize = 64 * 1024;
const BUFFERS_KEPT: usize = 64;

/// Settings of a [`Relay`].
#[derive(Debug)]
#[must_use]
pub struct RelayBuilder {
    broker_key: PublicKey,
    clock: Arc<dyn Clock>,
    pair_timeout: Duration,
    handshake_timeout: Duration,
    max_waiting: usize,
    on_end: Option<OnEnd>,
}

/// Told when a session that was running is over.
#[derive(Clone)]
struct OnEnd(Arc<dyn Fn(SessionId) + Send + Sync>);

impl fmt::Debug for OnEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnEnd")
    }
}

impl RelayBuilder {
    /// The clock that tickets expire by; the machine's by default.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How long the first party of a session waits for the other; 15 s by default.
    pub const fn pair_timeout(mut self, timeout: Duration) -> Self {
        self.pair_timeout = timeout;
        self
    }

    /// How long a connection may take to show its ticket; 10 s by default.
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How many parties may wait for their partners at once; 1024 by default.
    pub const fn max_waiting(mut self, parties: usize) -> Self {
        self.max_waiting = parties;
        self
    }

    /// Calls this when a session that was running is over, however it ended. It must not wait.
    pub fn on_end(mut self, call: impl Fn(SessionId) + Send + Sync + 'static) -> Self {
        self.on_end = Some(OnEnd(Arc::new(call)));
        self
    }

    /// The relay.
    #[must_use]
    pub fn build(self) -> Relay {
        Relay(Arc::new(Inner {
            settings: self,
            seats: Arc::default(),
            buffers: Buffers::new(BUFFER_SIZE, BUFFERS_KEPT),
            #[cfg(target_os = "linux")]
            pipes: Pipes::default(),
        }))
    }
}

/// Pairs the two parties of each session by their tickets and then moves bytes between them, without being able to
/// read them. Knows nothing but the broker's public key; clones share the sessions.
///
/// Bounds: a connection costs nothing but its socket until it has shown a good ticket; a waiting party holds what its
/// kernel buffers hold; a running session that is idle holds no buffer, no pipe and no timer.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    settings: RelayBuilder,
    seats: Arc<Seats>,
    buffers: Arc<Buffers>,
    #[cfg(target_os = "linux")]
    pipes: Pipes,
}

impl Relay {
    /// A relay that accepts the tickets of the broker with this key.
    pub fn builder(broker_key: PublicKey) -> RelayBuilder {
        RelayBuilder {
            broker_key,
            clock: Arc::new(SystemClock),
            pair_timeout: Duration::from_secs(15),
            handshake_timeout: Duration::from_secs(10),
            max_waiting: 1024,
            on_end: None,
        }
    }

    /// Serves one connection. `already_read` is what the caller has read from it, at least nothing and at most the
    /// preface ([`PREFACE_LENGTH`] bytes).
    ///
    /// Of the two calls for a session, the one whose party came first runs until the session is over; the other
    /// returns as soon as it has handed its socket over. Dropping the call that runs cuts the session.
    ///
    /// # Errors
    /// Why the party was refused, or what cut the session; the peer has been told. A caller that has many peers logs
    /// this at a low level: it is the peer's doing.
    pub async fn serve(&self, socket: Socket, already_read: &[u8]) -> Result<()> {
        self.serve_once(socket, already_read, None).await
    }

    /// [`Relay::serve`], dropping `permit` as soon as the connection has shown a good ticket.
    ///
    /// # Errors
    /// As [`Relay::serve`].
    pub async fn serve_admitted(&self, socket: Socket, already_read: &[u8], permit: Permit) -> Result<()> {
        self.serve_once(socket, already_read, Some(permit)).await
    }

    /// Accepts and serves connections until `listener` ends. Accepting never waits for a connection; those that
    /// `admission` does not admit are closed at once. Dropping the future cuts every session that it serves.
    ///
    /// # Errors
    /// Only when listening itself has ended.
    pub async fn run(&self, mut listener: Box<dyn Listener>, admission: Admission) -> Result<()> {
        let mut connections = JoinSet::new();
        loop {
            let (socket, peer) = tokio::select! {
                accepted = listener.accept() => accepted?,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            };
            match admission.admit(&peer) {
                Ok(permit) => {
                    let relay = self.clone();
                    connections.spawn(async move {
                        if let Err(error) = relay.serve_admitted(socket, &[], permit).await {
                            tracing::debug!(%peer, %error, "a relay connection ended");
                        }
                    });
                }
                Err(error) => tracing::debug!(%peer, %error, "a relay connection was refused"),
            }
        }
    }

    /// Cuts both connections of a session now, whether it runs or waits, and refuses its tickets from here on.
    pub fn end(&self, session: SessionId) {
        self.0.seats.end(session);
    }

    /// How many sessions are running: both parties are there.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.0.seats.running()
    }

    /// How many parties wait for their partners.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.seats.waiting()
    }

    async fn serve_once(&self, socket: Socket, already_read: &[u8], permit: Option<Permit>) -> Result<()> {
        // Boxed, so that a running session does not carry what only its beginning needs.
        match Box::pin(self.meet(socket, already_read, permit)).await? {
            Some((socket, pair)) => self.join(socket, pair).await,
            None => Ok(()),
        }
    }

    /// Everything up to the moment when both parties are there; `None` if the partner runs the session.
    async fn meet(
        &self,
        mut socket: Socket,
        already_read: &[u8],
        permit: Option<Permit>,
    ) -> Result<Option<(Socket, Box<Pair>)>> {
        let settings = &self.0.settings;
        let preface = read_preface(&mut socket, already_read);
        let preface = tokio::time::timeout(settings.handshake_timeout, preface)
            .await
            .map_err(|_| Error::new(ErrorKind::Timeout, OPERATION, "no ticket was shown in time"))?
            .map_err(|error| Error::from_io(ErrorKind::Network, OPERATION, error))?;
        let ticket = match preface.and_then(|ticket| self.redeem(&ticket)) {
            Ok(ticket) => ticket,
            Err(status) => return refuse(socket, status).await,
        };
        let (socket, mut news, place) = match self.0.seats.take(&ticket, socket) {
            Seated::Waiting(socket, news, place) => (socket, news, place),
            Seated::Joined => return Ok(None),
            Seated::Refused(socket, status) => return refuse(socket, status).await,
        };
        drop(permit);
        let news = match tokio::time::timeout(settings.pair_timeout, &mut news).await {
            Ok(news) => news,
            Err(_) if place.release() => return refuse(socket, Status::Alone).await,
            // The partner took the place in the last moment: its news is on the way.
            Err(_) => news.await,
        };
        match news {
            Ok(News::Paired(pair)) => Ok(Some((socket, pair))),
            Ok(News::Refused(status)) => refuse(socket, status).await,
            Err(_) => refuse(socket, Status::Alone).await,
        }
    }

    /// Checks a ticket and uses it up.
    fn redeem(&self, ticket: &SignedTicket) -> Result<Ticket, Status> {
        let settings = &self.0.settings;
        let ticket = ticket.signed_by(&settings.broker_key).ok_or(Status::Forged)?;
        self.0
            .seats
            .redeem(&ticket, settings.clock.now(), settings.max_waiting)?;
        Ok(ticket)
    }

    /// Runs a session until both directions have ended or it is cut.
    async fn join(&self, mut first: Socket, pair: Box<Pair>) -> Result<()> {
        let Pair {
            mut partner,
            cut,
            place,
        } = *pair;
        let moved = tokio::select! {
            // Its sender is dropped when the place is taken away.
            _ = cut => None,
            moved = self.transfer(&mut first, &mut partner) => Some(moved),
        };
        let session = place.session;
        if let Some(OnEnd(call)) = &self.0.settings.on_end {
            call(session);
        }
        match moved {
            Some(Ok((up, down))) => {
                tracing::debug!(%session, up, down, "a session has left the relay");
                Ok(())
            }
            Some(Err(error)) => Err(Error::from_io(ErrorKind::Network, OPERATION, error)),
            None => {
                cut_now(&first);
                cut_now(&partner);
                Err(Error::new(
                    ErrorKind::SessionEnded,
                    OPERATION,
                    "the session was ended",
                ))
            }
        }
    }

    async fn transfer(&self, first: &mut Socket, second: &mut Socket) -> io::Result<(u64, u64)> {
        first.write_all(&[Status::Paired as u8]).await?;
        second.write_all(&[Status::Paired as u8]).await?;
        #[cfg(target_os = "linux")]
        if let (Socket::Tcp(first), Socket::Tcp(second)) = (&*first, &*second) {
            return splice_both(first, second, &self.0.pipes, &self.0.buffers).await;
        }
        Ok(Box::pin(pump_with(first, second, &self.0.buffers)).await?)
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Relay({} sessions, {} waiting)",
            self.sessions(),
            self.waiting()
        )
    }
}

/// Reads exactly the preface: what follows is the partner's and stays in the kernel.
async fn read_preface(
    socket: &mut Socket,
    already_read: &[u8],
) -> io::Result<std::result::Result<SignedTicket, Status>> {
    let mut preface = [0u8; PREFACE_LENGTH];
    let mut filled = already_read.len();
    let Some(start) = preface.get_mut(..filled) else {
        return Ok(Err(Status::Malformed));
    };
    start.copy_from_slice(already_read);
    loop {
        // Whoever speaks something else is told at its first wrong byte.
        let begun = preface.get(..filled.min(MAGIC.len())).unwrap_or_default();
        if !MAGIC.starts_with(begun) {
            return Ok(Err(Status::Malformed));
        }
        match preface.get_mut(filled..) {
            None | Some([]) => break,
            Some(rest) => match socket.read(rest).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            },
        }
    }
    Ok(match preface.last_chunk() {
        Some(ticket) => Ok(SignedTicket::from_bytes(*ticket)),
        None => Err(Status::Malformed),
    })
}

/// Tells a party why it cannot stay and hangs up.
async fn refuse<T>(socket: Socket, status: Status) -> Result<T> {
    linger(socket, &[status as u8]).await;
    Err(status
        .refusal()
        .unwrap_or_else(|| Error::new(ErrorKind::Internal, OPERATION, "a pairing is not a refusal")))
}

/// Makes closing a TCP socket a reset: bytes that are still on their way to it are dropped, not delivered.
fn cut_now(socket: &Socket) {
    if let Socket::Tcp(stream) = socket
        && let Err(error) = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
    {
        tracing::debug!(%error, "a connection was gone before it was cut");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_session_costs_the_relay_little_more_than_its_two_sockets() {
        let key = crate::keys::SigningKey::generate().unwrap();
        let relay = Relay::builder(key.public()).build();
        let (socket, _far) = tokio::io::duplex(1);
        let session = relay.serve(Socket::Memory(socket), &[]);
        let size = size_of_val(&session);
        assert!(size <= 1024, "the future of a session grew to {size} bytes");
    }
}
