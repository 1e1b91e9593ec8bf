//! A server that replays a recording to any client, and a client that only takes bytes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::inner;
use jump_proto_rdp::wire::Head;
use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, ServerConnection, SignatureScheme,
    StreamOwned,
};

use super::Recording;

const OPERATION: &str = "replay an RDP session";
const PIECE: usize = 256 * 1024;
/// A client that has said nothing for so long has said all that it will.
const QUIET: Duration = Duration::from_millis(200);
/// TLS is selected; extended client data and the graphics pipeline are known (MS-RDPBCGR §2.2.1.2.1).
const CONFIRM: [u8; 19] = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 3, 8, 0, 1, 0, 0, 0];

/// How a server replays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replay {
    /// Each side's messages in the recorded order, for a client that replays the same recording. Otherwise the client's are
    /// not waited for one by one: it may have others.
    pub(crate) in_step: bool,
    /// How often the graphics are sent.
    pub(crate) times: u64,
}

/// What is between a client and what it talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// TLS, as native clients have it.
    Tls,
    /// None, as our own client has it within a session's tunnel.
    Inner,
}

fn network(error: io::Error) -> Error {
    Error::from_io(ErrorKind::Network, OPERATION, error)
}

fn wrong(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, OPERATION, "tls cannot begin").with_source(error)
}

/// Whole messages from a stream.
struct Messages<S> {
    stream: S,
    read: Vec<u8>,
}

impl<S: Read + Write> Messages<S> {
    const fn new(stream: S) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    fn next(&mut self) -> Result<Vec<u8>> {
        loop {
            let head = Head::read(&self.read).map_err(|error| error.into_error(OPERATION))?;
            if let Some(head) = head.filter(|head| head.length <= self.read.len()) {
                return Ok(self.read.drain(..head.length).collect());
            }
            let mut piece = [0; 4096];
            let read = self.stream.read(&mut piece).map_err(network)?;
            if read == 0 {
                return Err(Error::new(ErrorKind::Closed, OPERATION, "the peer went away"));
            }
            self.read.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).map_err(network)
    }
}

/// Lets a client in, whoever it is, and replays until it hangs up.
pub(crate) fn serve(stream: TcpStream, recording: &Recording, replay: Replay) -> Result<()> {
    stream.set_nodelay(true).map_err(network)?;
    let mut plain = Messages::new(stream);
    plain.next()?;
    plain.write(&CONFIRM)?;
    let socket = plain.stream.try_clone().map_err(network)?;
    let connection = ServerConnection::new(server_config()?).map_err(wrong)?;
    let mut client = Messages::new(StreamOwned::new(connection, plain.stream));
    if replay.in_step {
        for message in &recording.handshake {
            if message.from_client {
                client.next()?;
            } else {
                client.write(&message.bytes)?;
            }
        }
    } else {
        client.next()?;
        for message in recording.handshake.iter().filter(|message| !message.from_client) {
            client.write(&message.bytes)?;
        }
        socket.set_read_timeout(Some(QUIET)).map_err(network)?;
        drain(&mut client.stream);
        socket.set_read_timeout(None).map_err(network)?;
    }
    for _ in 0..replay.times {
        client.write(&recording.graphics)?;
    }
    drain(&mut client.stream);
    Ok(())
}

/// Takes what comes until nothing does.
fn drain(stream: &mut impl Read) {
    let mut piece = vec![0; PIECE];
    while matches!(stream.read(&mut piece), Ok(1..)) {}
}

/// Replays the client's side of the handshake, and takes so many bytes of graphics. The session lasts as long as the value.
pub(crate) fn graphics(
    address: SocketAddr,
    recording: &Recording,
    encryption: Encryption,
    bytes: u64,
) -> Result<Box<dyn Read>> {
    let stream = TcpStream::connect(address).map_err(network)?;
    stream.set_nodelay(true).map_err(network)?;
    let mut plain = Messages::new(stream);
    let cookie = match encryption {
        Encryption::Tls => "bench",
        Encryption::Inner => inner::COOKIE,
    };
    plain.write(&request(cookie))?;
    plain.next()?;
    match encryption {
        Encryption::Inner => take(plain, recording, bytes),
        Encryption::Tls => {
            let name = ServerName::try_from("jump").map_err(wrong)?;
            let connection = ClientConnection::new(client_config()?, name).map_err(wrong)?;
            take(
                Messages::new(StreamOwned::new(connection, plain.stream)),
                recording,
                bytes,
            )
        }
    }
}

fn take<S: Read + Write + 'static>(
    mut server: Messages<S>,
    recording: &Recording,
    bytes: u64,
) -> Result<Box<dyn Read>> {
    for message in &recording.handshake {
        if message.from_client {
            server.write(&message.bytes)?;
        } else {
            server.next()?;
        }
    }
    let mut taken = server.read.len() as u64;
    let mut piece = vec![0; PIECE];
    while taken < bytes {
        let read = server.stream.read(&mut piece).map_err(network)?;
        if read == 0 {
            let message = format!("{taken} bytes came of {bytes}");
            return Err(Error::new(ErrorKind::Network, OPERATION, message));
        }
        taken += read as u64;
    }
    Ok(Box::new(server.stream))
}

/// An X.224 Connection Request for TLS (MS-RDPBCGR §2.2.1.1).
fn request(cookie: &str) -> Vec<u8> {
    let cookie = format!("Cookie: mstshash={cookie}\r\n");
    let length = cookie.len() as u8;
    let mut request = vec![3, 0, 0, 19 + length, 14 + length, 0xe0, 0, 0, 0, 0, 0];
    request.extend_from_slice(cookie.as_bytes());
    request.extend_from_slice(&[1, 0, 8, 0, 1, 0, 0, 0]);
    request
}

fn server_config() -> Result<Arc<ServerConfig>> {
    let key = KeyPair::generate().map_err(wrong)?;
    let parameters = CertificateParams::new(vec!["jump".to_owned()]).map_err(wrong)?;
    let certificate = parameters.self_signed(&key).map_err(wrong)?;
    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], private)
        })
        .map_err(wrong)?;
    Ok(Arc::new(config))
}

fn client_config() -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let any = Arc::new(AnyCertificate(provider.clone()));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(wrong)?.dangerous();
    Ok(Arc::new(
        builder
            .with_custom_certificate_verifier(any)
            .with_no_client_auth(),
    ))
}

/// The server of a benchmark has a certificate that nobody knows.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
