//! Accepting connections: nothing waits for a handshake, everything before authentication is bounded.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::caller::{Caller, RepLink};
use super::transfer::Transfer;
use super::{Broker, authenticator, enrol, jumpoint_link, lock, presence, refusals, request};
use crate::audit::{Actor, AuditKind};
use crate::control::{
    CONTROL_ALPN, Connection, FrameDecoder, Handler, Hello, HelloRole, MAX_FRAME,
    MAX_FRAME_BEFORE_AUTHENTICATION, Message, Notice, ProtocolVersion, RepRequest, Request, Response,
    Welcome, WireError, read_message, write_message,
};
use crate::error::{Error, ErrorKind, Result};
use crate::session::CLOCK_LEEWAY;
use crate::tunnel::{Listener, PeerAddress, RELAY_FIRST_BYTE, Socket, TlsStream};

impl Broker {
    /// Serves control connections and, if the broker has a relay, the relay, on one listener. Runs until the
    /// listener fails for good; dropping the future stops accepting and leaves what was accepted running.
    pub async fn serve(&self, mut listener: Box<dyn Listener>) -> Result<()> {
        loop {
            let (socket, peer) = listener.accept().await?;
            let broker = self.clone();
            tokio::spawn(async move {
                if let Err(error) = Box::pin(broker.connection(socket, &peer)).await {
                    tracing::debug!(%peer, %error, "connection ended");
                }
            });
        }
    }

    async fn connection(&self, mut socket: Socket, peer: &PeerAddress) -> Result<()> {
        let permit = self.0.admission.admit(peer)?;
        let mut first = [0u8; 1];
        let patience = self.0.settings.handshake_timeout;
        timeout(patience, socket.read_exact(&mut first))
            .await
            .map_err(|_| Error::new(ErrorKind::Timeout, "accept a connection", "it sent nothing"))?
            .map_err(|error| Error::from_io(ErrorKind::Network, "accept a connection", error))?;
        if first == [RELAY_FIRST_BYTE] {
            return match &self.0.relay {
                Some(relay) => relay.serve_admitted(socket, &first, permit).await,
                None => Err(Error::new(
                    ErrorKind::Unsupported,
                    "accept a connection",
                    "this broker runs no relay",
                )),
            };
        }
        let stream = self
            .0
            .tls
            .accept(socket, &first, &self.0.key, None, CONTROL_ALPN, patience);
        let mut stream = Box::pin(stream).await?;
        // A Jumpoint has proven its key already, and names every session that it runs.
        let limit = if jumpoint_link::with_key(&self.world(), &stream.peer_key()).is_some() {
            MAX_FRAME
        } else {
            MAX_FRAME_BEFORE_AUTHENTICATION
        };
        let mut decoder = FrameDecoder::new(limit);
        let greeted = async {
            let hello = timeout(patience, read_message(&mut stream, &mut decoder))
                .await
                .map_err(|_| Error::new(ErrorKind::Timeout, "accept a connection", "it did not say hello"))?;
            match hello? {
                Message::Hello(hello) => Box::pin(self.hello(&mut stream, hello, peer)).await,
                _ => Err(Error::new(
                    ErrorKind::Protocol,
                    "accept a connection",
                    "the first message must be hello",
                )),
            }
        };
        let accepted = match greeted.await {
            Ok(Some(accepted)) => accepted,
            // Enrolled: said and done.
            Ok(None) => {
                let _ = timeout(patience, stream.shutdown()).await;
                return Ok(());
            }
            Err(error) => {
                self.log_refusal(&error, peer).await?;
                let message = Message::Refused(WireError::from(&error));
                let _ = timeout(patience, write_message(&mut stream, &message)).await;
                let _ = timeout(patience, stream.shutdown()).await;
                return Err(error);
            }
        };
        drop(permit);
        match accepted {
            Accepted::Rep(caller) => self.rep_connection(stream, decoder, caller).await,
            Accepted::Jumpoint(arrival) => jumpoint_link::run(self, stream, decoder, arrival).await,
        }
        Ok(())
    }

    /// Logs that somebody was refused, within the budget for strangers.
    async fn log_refusal(&self, error: &Error, peer: &PeerAddress) -> Result<()> {
        let Some(unlogged) = self.0.refusals.admit() else {
            return Ok(());
        };
        let message = refusals::with_unlogged(error.to_string(), unlogged);
        let refused = AuditKind::Refused {
            kind: error.kind(),
            message,
        };
        self.log(Actor::Unknown, Some(peer.to_string()), refused).await
    }

    /// Answers the hello. `None` means that the peer enrolled and the connection is done.
    async fn hello(
        &self,
        stream: &mut TlsStream<Socket>,
        hello: Hello,
        peer: &PeerAddress,
    ) -> Result<Option<Accepted>> {
        let now = self.now();
        if !hello.version.is_compatible_with(ProtocolVersion::CURRENT) {
            let message = format!(
                "version {} is not spoken here; this broker speaks {}",
                hello.version,
                ProtocolVersion::CURRENT
            );
            return Err(Error::new(ErrorKind::Unsupported, "say hello", message));
        }
        let skew = hello.time.duration_since(now).abs();
        if skew > CLOCK_LEEWAY {
            let message = format!(
                "the clocks differ by {} s, at most {} s are tolerated: set the clocks right",
                skew.as_secs(),
                CLOCK_LEEWAY.as_secs()
            );
            return Err(Error::new(ErrorKind::ClockSkew, "say hello", message));
        }
        let key = stream.peer_key();
        let (accepted, name, jumpoint, actor) = match hello.role {
            HelloRole::Enrol { secret, enrol } => {
                let enrolled = enrol::enrol(self, key, peer, &secret, enrol).await?;
                write_message(stream, &Message::Enrolled(enrolled)).await?;
                return Ok(None);
            }
            HelloRole::LogIn { proof, label } => {
                let enrolled = authenticator::log_in(self, key, peer, &proof, label).await?;
                write_message(stream, &Message::Enrolled(enrolled)).await?;
                return Ok(None);
            }
            HelloRole::Rep => {
                let caller = Caller::from_login(&self.world(), &key, peer.ip(), now)?;
                self.room_for(&caller, 1)?;
                let (name, actor) = (caller.name().to_owned(), caller.actor());
                (Accepted::Rep(caller), name, None, actor)
            }
            HelloRole::Jumpoint {
                session_key,
                sessions,
            } => {
                let arrival = jumpoint_link::recognize(self, key, session_key, sessions)?;
                let (name, id) = (arrival.name.clone(), arrival.id);
                (
                    Accepted::Jumpoint(arrival),
                    name,
                    Some(id),
                    Actor::Jumpoint { jumpoint: id },
                )
            }
        };
        self.log(actor, Some(peer.to_string()), AuditKind::Connected)
            .await?;
        let welcome = Welcome {
            version: ProtocolVersion::CURRENT,
            time: now,
            name,
            jumpoint,
            lease_seconds: u32::try_from(self.0.settings.lease.as_secs()).unwrap_or(u32::MAX),
            recording_key: self.0.settings.recording_key,
        };
        write_message(stream, &Message::Welcome(welcome)).await?;
        Ok(Some(accepted))
    }

    /// Whether a login may have this many connections more.
    fn room_for(&self, caller: &Caller, more: usize) -> Result<()> {
        let most = self.0.settings.connections_per_login;
        let reps = lock(&self.0.reps);
        let connected = reps.values().filter(|rep| rep.caller.login() == caller.login());
        if connected.count() + more > most {
            let message = format!("this login has {most} connections, which is the limit");
            return Err(Error::new(ErrorKind::ResourceLimit, "connect", message));
        }
        Ok(())
    }

    async fn rep_connection(&self, stream: TlsStream<Socket>, decoder: FrameDecoder, caller: Caller) {
        let id = self.next_link();
        let handler = RepHandler {
            broker: self.clone(),
            caller: caller.clone(),
            transfer: tokio::sync::Mutex::default(),
        };
        let connection = Connection::start(stream, decoder, Arc::new(handler), self.0.settings.heartbeat());
        lock(&self.0.reps).insert(
            id,
            RepLink {
                caller: caller.clone(),
                connection: connection.clone(),
            },
        );
        // A change between hello and here has not seen this link, nor have others that came meanwhile: look again.
        let still = caller.check(&self.world(), self.now());
        if let Err(error) = still.and_then(|()| self.room_for(&caller, 0)) {
            connection.close(&error);
        }
        let error = connection.closed().await;
        lock(&self.0.reps).remove(&id);
        presence::rep_gone(self, &connection).await;
        tracing::debug!(user = caller.name(), %error, "rep disconnected");
    }
}

enum Accepted {
    Rep(Caller),
    Jumpoint(jumpoint_link::Arrival),
}

#[derive(Debug)]
struct RepHandler {
    broker: Broker,
    caller: Caller,
    /// One step at a time.
    transfer: tokio::sync::Mutex<Transfer>,
}

#[async_trait]
impl Handler for RepHandler {
    async fn request(&self, connection: &Connection, request: Request) -> Result<Response> {
        match request {
            Request::Rep(RepRequest::Transfer(request)) => {
                let mut transfer = self.transfer.lock().await;
                self.caller.check(&self.broker.world(), self.broker.now())?;
                let answer = transfer.step(&self.broker, &self.caller, request).await?;
                Ok(Response::Transfer(answer))
            }
            Request::Rep(request) => {
                request::answer(&self.broker, &self.caller, Some(connection), request).await
            }
            Request::Jumpoint(_) => Err(Error::new(
                ErrorKind::Protocol,
                "answer a request",
                "a rep may not ask what a jumpoint asks",
            )),
        }
    }

    async fn notice(&self, connection: &Connection, _: Notice) {
        connection.close(&Error::new(
            ErrorKind::Protocol,
            "take a notice",
            "a rep has nothing to notify",
        ));
    }
}
