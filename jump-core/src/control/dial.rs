//! The calling side of the control protocol's handshake.

use std::time::Duration;

use tokio::time::timeout;

use super::connection::{read_message, write_message};
use super::frame::{FrameDecoder, MAX_FRAME_BEFORE_AUTHENTICATION};
use super::invitation::{BrokerEndpoint, Invitation};
use super::message::{Enrol, Enrolled, Hello, HelloRole, Message, Secret, Welcome};
use super::{CONTROL_ALPN, ProtocolVersion};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::SigningKey;
use crate::model::Name;
use crate::time::Clock;
use crate::tunnel::{Socket, Tls, TlsStream, Transport};

const PATIENCE: Duration = Duration::from_secs(10);

/// What a caller needs to reach a broker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dial<'a> {
    pub(crate) transport: &'a dyn Transport,
    pub(crate) tls: &'a Tls,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) broker: &'a BrokerEndpoint,
    pub(crate) key: &'a SigningKey,
}

/// An accepted control connection, before it is started.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) stream: TlsStream<Socket>,
    pub(crate) decoder: FrameDecoder,
    pub(crate) welcome: Welcome,
}

/// What the broker, and nobody who stands in its place, says to a caller.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Come in.
    Accepted(Box<Dialled>),
    /// Stay out, and why.
    Refused(Error),
}

impl Dial<'_> {
    /// Connects, proves the key, says hello in `role` and waits for the answer; at most ten seconds for each step.
    ///
    /// # Errors
    /// Why there was no answer. Anybody on the way can cause such an error; only the broker can refuse.
    pub(crate) async fn connect(&self, role: HelloRole) -> Result<Answer> {
        let (stream, decoder, answer) = self.hello(role).await?;
        match answer {
            Message::Welcome(welcome) => Ok(Answer::Accepted(Box::new(Dialled {
                stream,
                decoder,
                welcome,
            }))),
            Message::Refused(error) => Ok(Answer::Refused(error.into_error("connect to the broker"))),
            _ => Err(unexpected()),
        }
    }

    async fn hello(&self, role: HelloRole) -> Result<(TlsStream<Socket>, FrameDecoder, Message)> {
        let late = |_| {
            Error::new(
                ErrorKind::Timeout,
                "connect to the broker",
                "it did not answer within 10 s",
            )
        };
        let socket = timeout(PATIENCE, self.transport.dial(&self.broker.address))
            .await
            .map_err(late)??;
        let stream = self
            .tls
            .connect(socket, self.key, &self.broker.key, CONTROL_ALPN, PATIENCE);
        let mut stream = Box::pin(stream).await?;
        let hello = Hello {
            version: ProtocolVersion::CURRENT,
            time: self.clock.now(),
            role,
        };
        let mut decoder = FrameDecoder::new(MAX_FRAME_BEFORE_AUTHENTICATION);
        let answer = async {
            write_message(&mut stream, &Message::Hello(hello)).await?;
            read_message(&mut stream, &mut decoder).await
        };
        let answer = timeout(PATIENCE, answer).await.map_err(late)??;
        Ok((stream, decoder, answer))
    }
}

/// Enrols `key` with the broker that sent the invitation. The invitation is spent whether or not this succeeds after
/// the broker saw it.
pub(crate) async fn enrol(
    transport: &dyn Transport,
    tls: &Tls,
    clock: &dyn Clock,
    invitation: &Invitation,
    key: &SigningKey,
    enrol: Enrol,
) -> Result<Enrolled> {
    let dial = Dial {
        transport,
        tls,
        clock,
        broker: &invitation.broker,
        key,
    };
    let secret = Secret::from_bytes(invitation.secret().expose());
    match dial.hello(HelloRole::Enrol { secret, enrol }).await?.2 {
        Message::Enrolled(enrolled) => Ok(enrolled),
        Message::Refused(error) => Err(error.into_error("connect to the broker")),
        _ => Err(unexpected()),
    }
}

/// Has the broker's authenticator recognize `proof`, and `key` made a login by it.
pub(crate) async fn log_in(dial: &Dial<'_>, proof: &str, label: Name) -> Result<Enrolled> {
    let proof = Secret::from_text(proof);
    match dial.hello(HelloRole::LogIn { proof, label }).await?.2 {
        Message::Enrolled(enrolled) => Ok(enrolled),
        Message::Refused(error) => Err(error.into_error("log in")),
        _ => Err(unexpected()),
    }
}

fn unexpected() -> Error {
    Error::new(
        ErrorKind::Protocol,
        "connect to the broker",
        "it answered something else than welcome",
    )
}
