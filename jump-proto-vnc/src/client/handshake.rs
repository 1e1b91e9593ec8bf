//! The handshake over a stream: reads and writes for [`ClientHandshake`], starts TLS, asks who the server is.

use jump_core::keys::random_bytes;
use jump_core::secret::Secret;
use jump_core::stream::BoxStream;
use jump_core::tls::{self, ServerCertificate};
use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use super::options::KeyCheck;
use crate::RfbError;
use crate::security::{
    ClientConfig, ClientHandshake, ClientSession, ClientStep, SecurityPolicy, VncCredential,
};
use crate::wire::Input;

pub(super) const OPERATION: &str = "log in to the VNC server";

/// What a handshake is done with.
pub(super) struct Terms {
    pub(super) policy: SecurityPolicy,
    pub(super) credential: VncCredential,
    pub(super) shared: bool,
    pub(super) certificate: Option<ServerCertificate>,
    pub(super) key: KeyCheck,
}

/// A server that was logged in to.
pub(super) struct LoggedIn {
    pub(super) stream: BoxStream,
    pub(super) session: Box<ClientSession>,
    /// What was received beyond the handshake, as it came.
    pub(super) rest: Vec<u8>,
}

/// Logs in. Not cancel-safe: dropping the future closes the stream.
pub(super) async fn log_in(mut stream: BoxStream, terms: Terms) -> Result<LoggedIn> {
    let mut handshake = ClientHandshake::new(ClientConfig {
        policy: terms.policy,
        credential: terms.credential,
        shared: terms.shared,
        seed: Secret::new(random_bytes()?),
        client_key: None,
    });
    let mut received = Vec::new();
    let mut output = Zeroizing::new(Vec::new());
    loop {
        let step;
        // An RSA key takes a while to make.
        (handshake, received, output, step) = tokio::task::spawn_blocking(move || {
            let mut input = Input::new(&received);
            let step = handshake.advance(&mut input, &mut output);
            let read = input.consumed();
            received.drain(..read);
            (handshake, received, output, step)
        })
        .await
        .map_err(|_| Error::new(ErrorKind::Closed, OPERATION, "the program is ending"))?;
        let step = step.map_err(|error| error.into_error(OPERATION))?;
        stream.write_all(&output).await.map_err(broken)?;
        stream.flush().await.map_err(broken)?;
        output = Zeroizing::new(Vec::new());
        match step {
            ClientStep::More => {
                if stream.read_buf(&mut received).await.map_err(broken)? == 0 {
                    return Err(handshake.closed(&received).into_error(OPERATION));
                }
            }
            ClientStep::StartTls => {
                if !received.is_empty() {
                    let error = RfbError::Protocol("the server went on in the clear before TLS");
                    return Err(error.into_error(OPERATION));
                }
                stream = start_tls(stream, terms.certificate.as_ref()).await?;
                handshake.tls_started();
            }
            ClientStep::VerifyKey(key) => {
                if !(terms.key)(&key) {
                    return Err(RfbError::Untrusted("the server's RSA key").into_error(OPERATION));
                }
                handshake.accept_key();
            }
            ClientStep::Done(session) => {
                return Ok(LoggedIn {
                    stream,
                    session,
                    rest: received,
                });
            }
        }
    }
}

async fn start_tls(stream: BoxStream, certificate: Option<&ServerCertificate>) -> Result<BoxStream> {
    let Some(certificate) = certificate else {
        let error = RfbError::Untrusted("no certificate of a server is trusted here");
        return Err(error.into_error(OPERATION));
    };
    let (stream, _) = tls::start(stream, certificate)
        .await
        .map_err(|failure| failure.error)?;
    Ok(Box::new(stream))
}

fn broken(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Network, OPERATION, error)
}
