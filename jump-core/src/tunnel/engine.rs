//! The TLS engine: rustls's unbuffered API (bytes in, bytes out) for either side of a connection.
//!
//! rustls stays in charge of keys, limits and key updates; buffers and sockets are the caller's.

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::CertificateDer;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};

use crate::error::{Error, ErrorKind};

/// The most plaintext that one record carries (RFC 8446 §5.1).
pub(super) const RECORD_PLAINTEXT: usize = 16 * 1024;
/// What a record of ours adds to its plaintext: header 5, content type 1, authentication tag 16 (RFC 8446 §5.2).
pub(super) const RECORD_OVERHEAD: usize = 22;
/// How many bytes of records that are not application data may wait to be sent.
const CONTROL_LIMIT: usize = 16 * 1024;

pub(super) enum Engine {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
}

/// What the engine wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Call again: there may be more in the input.
    Again,
    /// Send the control bytes, then call again.
    Send,
    /// More input is needed.
    Input,
    /// The peer has said that it sends no more.
    PeerClosed,
}

/// What one call did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Bytes at the front of the input that are done with.
    pub(super) consumed: usize,
    /// What is wanted next.
    pub(super) next: Next,
}

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The peer or the protocol.
    Tls(rustls::Error),
    /// A bound of ours, or a bug.
    Own(&'static str),
}

impl From<rustls::Error> for Failure {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

macro_rules! with {
    ($engine:expr, $connection:ident => $do:expr) => {
        match $engine {
            Engine::Client($connection) => $do,
            Engine::Server($connection) => $do,
        }
    };
}

impl Engine {
    /// Takes one step over `cipher`, which must start at a record and hold every byte that was not consumed before.
    /// Plaintext goes to `plain` piece by piece, what must be sent to the peer is added to `control`.
    pub(super) fn read(
        &mut self,
        cipher: &mut [u8],
        plain: impl FnMut(&[u8]) -> Result<(), Failure>,
        control: &mut Vec<u8>,
    ) -> Result<Progress, Failure> {
        with!(self, connection => step(connection.process_tls_records(cipher), plain, control))
    }

    /// Encrypts all of `plain` into `out`, behind any control bytes, and says how many bytes of `out` it filled.
    /// `out` must have room for them and for [`RECORD_OVERHEAD`] more per [`RECORD_PLAINTEXT`].
    pub(super) fn write(
        &mut self,
        plain: &[u8],
        out: &mut [u8],
        control: &mut Vec<u8>,
    ) -> Result<usize, Failure> {
        with!(self, connection => loop {
            let UnbufferedStatus { state, .. } = connection.process_tls_records(&mut []);
            match state? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    let (head, tail) = out
                        .split_at_mut_checked(control.len())
                        .ok_or(Failure::Own("no room for control records"))?;
                    head.copy_from_slice(control);
                    let written = traffic.encrypt(plain, tail).map_err(|error| Failure::Own(match error {
                        EncryptError::InsufficientSize(_) => "no room for the encrypted records",
                        EncryptError::EncryptExhausted => "the keys of this connection are used up",
                    }))?;
                    let filled = control.len() + written;
                    control.clear();
                    break Ok(filled);
                }
                ConnectionState::EncodeTlsData(mut data) => encode(|out| data.encode(out), control)?,
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => {}
                _ => break Err(Failure::Own("the connection cannot send now")),
            }
        })
    }

    /// Adds the closing message (close_notify, RFC 8446 §6.1) to `control`.
    pub(super) fn close(&mut self, control: &mut Vec<u8>) -> Result<(), Failure> {
        with!(self, connection => loop {
            let UnbufferedStatus { state, .. } = connection.process_tls_records(&mut []);
            match state? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    // An alert is 2 bytes; a key update may stand before it.
                    let mut out = [0u8; 256];
                    let written = traffic
                        .queue_close_notify(&mut out)
                        .map_err(|_| Failure::Own("no room for the closing message"))?;
                    control.extend_from_slice(out.get(..written).unwrap_or_default());
                    break Ok(());
                }
                ConnectionState::EncodeTlsData(mut data) => encode(|out| data.encode(out), control)?,
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => {}
                _ => break Err(Failure::Own("the connection cannot be closed now")),
            }
        })
    }

    /// After a failure: adds the alert that tells the peer why to `control`.
    pub(super) fn take_alerts(&mut self, control: &mut Vec<u8>) {
        with!(self, connection => while connection.wants_write() {
            match connection.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    if encode(|out| data.encode(out), control).is_err() {
                        break;
                    }
                }
                _ => break,
            }
        });
    }

    pub(super) fn is_handshaking(&self) -> bool {
        with!(self, connection => connection.is_handshaking())
    }

    /// The application protocol that was agreed on (RFC 7301).
    pub(super) fn alpn(&self) -> Option<&[u8]> {
        with!(self, connection => connection.alpn_protocol())
    }

    /// What the peer presented as its key.
    pub(super) fn peer_key(&self) -> Option<&CertificateDer<'static>> {
        with!(self, connection => connection.peer_certificates()).and_then(|chain| chain.first())
    }
}

fn step<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    mut plain: impl FnMut(&[u8]) -> Result<(), Failure>,
    control: &mut Vec<u8>,
) -> Result<Progress, Failure> {
    let mut consumed = status.discard;
    let next = match status.state? {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                let record = record?;
                plain(record.payload)?;
                consumed += record.discard;
            }
            Next::Again
        }
        ConnectionState::EncodeTlsData(mut data) => {
            encode(|out| data.encode(out), control)?;
            Next::Again
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Next::Send
        }
        ConnectionState::WriteTraffic(_) | ConnectionState::BlockedHandshake => Next::Input,
        ConnectionState::PeerClosed | ConnectionState::Closed => Next::PeerClosed,
        _ => return Err(Failure::Own("early data was never offered")),
    };
    Ok(Progress { consumed, next })
}

/// Lets rustls encode one message at the end of `control`.
fn encode(
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
    control: &mut Vec<u8>,
) -> Result<(), Failure> {
    let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) = encode(&mut []) else {
        return Ok(());
    };
    let start = control.len();
    if start + required_size > CONTROL_LIMIT {
        return Err(Failure::Own("too many control records"));
    }
    control.resize(start + required_size, 0);
    let written = encode(control.get_mut(start..).unwrap_or_default())
        .map_err(|_| Failure::Own("a control record cannot be encoded"))?;
    control.truncate(start + written);
    Ok(())
}

impl Failure {
    /// The failure in our terms.
    pub(super) fn into_error(self, operation: &'static str) -> Error {
        use rustls::AlertDescription as Alert;
        let error = match self {
            Self::Own(what) => return Error::new(ErrorKind::Internal, operation, what),
            Self::Tls(error) => error,
        };
        let (kind, context) = match &error {
            rustls::Error::InvalidCertificate(_) => (
                ErrorKind::UntrustedPeer,
                "the peer's key is not the one that was agreed on",
            ),
            rustls::Error::NoCertificatesPresented => {
                (ErrorKind::UntrustedPeer, "the peer did not prove any key")
            }
            rustls::Error::AlertReceived(
                Alert::AccessDenied
                | Alert::BadCertificate
                | Alert::CertificateRequired
                | Alert::CertificateUnknown
                | Alert::DecryptError
                | Alert::UnknownCA
                | Alert::UnsupportedCertificate,
            ) => (ErrorKind::Unauthenticated, "the peer did not accept our key"),
            rustls::Error::AlertReceived(
                Alert::HandshakeFailure | Alert::NoApplicationProtocol | Alert::ProtocolVersion,
            )
            | rustls::Error::NoApplicationProtocol
            | rustls::Error::PeerIncompatible(_) => (
                ErrorKind::Unsupported,
                "the two ends do not speak the same version of tls and of this protocol",
            ),
            rustls::Error::AlertReceived(_) => (ErrorKind::Protocol, "the peer reported an error"),
            rustls::Error::DecryptError
            | rustls::Error::InappropriateHandshakeMessage { .. }
            | rustls::Error::InappropriateMessage { .. }
            | rustls::Error::InvalidMessage(_)
            | rustls::Error::PeerMisbehaved(_)
            | rustls::Error::PeerSentOversizedRecord => {
                (ErrorKind::Protocol, "the peer broke the tls protocol")
            }
            _ => (ErrorKind::Internal, "tls failed"),
        };
        Error::new(kind, operation, context).with_source(error)
    }
}
