//! The leg toward the target, until it has let us in.

use std::mem;

use bytes::BytesMut;
use jump_core::keys::random_bytes;
use jump_core::model::CertificatePolicy;
use jump_core::protocol::{Dialer, EventSink, SessionEvent};
use jump_core::secret::Secret;
use jump_core::session::{Credential, Grant};
use jump_core::stream::BoxStream;
use jump_core::tls;
use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::{Zeroize, Zeroizing};

use super::leg::{self, Reader, Writer};
use super::policy;
use crate::RfbError;
use crate::security::{
    ClientConfig, ClientHandshake, ClientKey, ClientSession, ClientStep, SecurityPolicy, SecurityType,
};
use crate::wire::{Input, PixelFormat, Size, limits};

const LOG_IN: &str = "log in to the target";

/// Whether others may stay at the target (RFC 6143 §7.3.1). Always: a session is one of several that may be granted, and no
/// viewer is to throw out the others, or the person who sits there.
pub(super) const SHARED: bool = true;

/// A target that has let us in.
pub(super) struct Target {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    /// What it sent beyond its first words.
    pub(super) early: BytesMut,
    /// Its first words, as the viewer gets them.
    pub(super) server_init: Vec<u8>,
    pub(super) format: PixelFormat,
    pub(super) size: Size,
}

/// Dials the target, checks what it shows and logs in.
///
/// # Errors
/// [`ErrorKind::TargetUnreachable`], [`ErrorKind::HostKey`], [`ErrorKind::TargetAuthentication`],
/// [`ErrorKind::Unsupported`], [`ErrorKind::Protocol`].
pub(super) async fn connect(
    grant: &Grant,
    dialer: &dyn Dialer,
    credential: Option<Credential>,
    events: &EventSink,
) -> Result<Box<Target>> {
    let attempt = Attempt {
        grant,
        dialer,
        credential,
        events,
    };
    let allowed = policy::security(&grant.target().certificates);
    let failure = match attempt.login(allowed.clone()).await {
        Ok(target) => return Ok(target),
        Err(failure) => failure,
    };
    // The server's list was VeNCrypt's, and it had nothing: what the server offers beside it is not known any more.
    let beside = policy::beside_vencrypt(allowed).filter(|_| failure.nothing_in_vencrypt);
    if let Some(beside) = beside {
        match attempt.login(beside).await {
            Ok(target) => return Ok(target),
            Err(second) if second.got_beyond_the_choice => return Err(second.error),
            // The first one says what is wrong with the stronger logins.
            Err(_) => {}
        }
    }
    Err(failure.error)
}

struct Attempt<'a> {
    grant: &'a Grant,
    dialer: &'a dyn Dialer,
    credential: Option<Credential>,
    events: &'a EventSink,
}

struct Failure {
    error: Error,
    /// VeNCrypt's list was the last one, and it had neither a certificate nor anything else that may be used.
    nothing_in_vencrypt: bool,
    got_beyond_the_choice: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            nothing_in_vencrypt: false,
            got_beyond_the_choice: true,
        }
    }
}

impl Attempt<'_> {
    fn certificates(&self) -> &CertificatePolicy {
        &self.grant.target().certificates
    }

    async fn login(&self, policy: SecurityPolicy) -> Result<Box<Target>, Failure> {
        let address = self.grant.target().addresses.first().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                "connect to the target",
                "the grant names no address",
            )
        })?;
        let credential = policy::credential(self.credential.as_ref())?;
        let mut stream = self.dialer.dial(address).await?;
        let mut handshake = ClientHandshake::new(ClientConfig {
            policy,
            credential,
            shared: SHARED,
            seed: Secret::new(random_bytes()?),
            client_key: None,
        });
        let mut received = Vec::new();
        // What has a password is wiped: room for all of it, so that growing leaves no copy behind.
        let mut output = Zeroizing::new(Vec::with_capacity(16 * 1024));
        loop {
            let mut input = Input::new(&received);
            let step = handshake.advance(&mut input, &mut output);
            let consumed = input.consumed();
            received.drain(..consumed);
            let step = match step {
                Ok(step) => step,
                Err(error) => return Err(self.refused(&handshake, error).await),
            };
            stream.write_all(&output).await.map_err(network)?;
            stream.flush().await.map_err(network)?;
            output.zeroize();
            match step {
                ClientStep::More => {
                    if received.len() > 2 * limits::MAX_HANDSHAKE_BYTES {
                        return Err(self
                            .refused(&handshake, RfbError::Limit("the handshake is too long"))
                            .await);
                    }
                    let mut more = [0; 4096];
                    let read = stream.read(&mut more).await.map_err(network)?;
                    if read == 0 {
                        return Err(self.refused(&handshake, handshake.closed(&received)).await);
                    }
                    received.extend_from_slice(more.get(..read).unwrap_or_default());
                }
                ClientStep::StartTls => {
                    if !received.is_empty() {
                        let error = RfbError::Protocol("the server spoke before TLS was there");
                        return Err(error.into_error(LOG_IN).into());
                    }
                    stream = self.start_tls(stream).await?;
                    handshake.tls_started();
                }
                ClientStep::VerifyKey(key) => {
                    tls::check_key(self.certificates(), key.sha256(), self.events).await?;
                    let seed = Secret::new(random_bytes()?);
                    // It takes its time.
                    let made = tokio::task::spawn_blocking(move || ClientKey::generate(seed)).await;
                    let key = made
                        .map_err(|error| {
                            Error::new(ErrorKind::Internal, LOG_IN, "no key was made").with_source(error)
                        })?
                        .map_err(|error| error.into_error(LOG_IN))?;
                    handshake.use_client_key(key);
                    handshake.accept_key();
                }
                ClientStep::Done(session) => {
                    return Ok(self.logged_in(stream, *session, received).await?);
                }
            }
        }
    }

    /// Starts TLS with a certificate that is allowed.
    async fn start_tls(&self, stream: BoxStream) -> Result<BoxStream> {
        match tls::start_for_gate(stream, self.certificates(), self.events).await {
            Ok((secured, _)) => Ok(Box::new(secured)),
            Err(tls::TlsFailure { error, .. }) => Err(match error.kind() {
                ErrorKind::Network | ErrorKind::Protocol => Error::new(
                    ErrorKind::TargetUnreachable,
                    "start TLS with the target",
                    error.context().to_owned(),
                )
                .with_source(error),
                _ => error,
            }),
        }
    }

    async fn logged_in(
        &self,
        stream: BoxStream,
        mut session: ClientSession,
        received: Vec<u8>,
    ) -> Result<Box<Target>> {
        let unused = matches!(session.security, SecurityType::NONE | SecurityType::X509_NONE);
        if let Some(credential) = self.credential.as_ref().filter(|_| !unused) {
            self.events
                .report(SessionEvent::CredentialInjected {
                    kind: credential.secret.to_string(),
                    username: credential.username.clone(),
                })
                .await;
        }
        let mut server_init = Vec::new();
        session
            .server_init
            .write(&mut server_init)
            .map_err(|error| error.into_error(LOG_IN))?;
        let (reader, writer, mut early) = leg::split(stream, session.stream.take(), &received);
        early.extend_from_slice(&mem::take(&mut session.received));
        Ok(Box::new(Target {
            reader,
            writer,
            early,
            server_init,
            format: session.server_init.pixel_format,
            size: session.server_init.size,
        }))
    }

    async fn refused(&self, handshake: &ClientHandshake, error: RfbError) -> Failure {
        if let (RfbError::Refused(_), Some(credential)) = (&error, &self.credential) {
            self.events
                .report(SessionEvent::CredentialRefused {
                    kind: credential.secret.to_string(),
                    username: credential.username.clone(),
                })
                .await;
        }
        let offered = handshake.offered();
        let no_choice = matches!(
            error,
            RfbError::Unsupported(_) | RfbError::NotAllowed(_) | RfbError::MissingCredential(_)
        );
        let from_vencrypt = !offered.is_empty()
            && offered.iter().all(|kind| kind.is_subtype())
            && !offered.iter().any(|kind| kind.is_x509());
        Failure {
            error: explain(error, offered),
            nothing_in_vencrypt: no_choice && from_vencrypt,
            got_beyond_the_choice: !no_choice,
        }
    }
}

/// The error with what the target offered, so that the item can be set right.
fn explain(error: RfbError, offered: &[SecurityType]) -> Error {
    let choice = matches!(
        error,
        RfbError::Unsupported(_) | RfbError::NotAllowed(_) | RfbError::MissingCredential(_)
    );
    let plain = error.into_error(LOG_IN);
    if !choice || offered.is_empty() {
        return plain;
    }
    let names: Vec<String> = offered
        .iter()
        .map(|kind| {
            kind.name()
                .map_or_else(|| kind.0.to_string(), |name| name.to_owned())
        })
        .collect();
    let message = format!("{}; it offers: {}", plain.context(), names.join(", "));
    Error::new(plain.kind(), LOG_IN, message)
}

fn network(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::TargetUnreachable, LOG_IN, error)
}
