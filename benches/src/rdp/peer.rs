//! A client that replays its side of a recording, and then only takes bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::inner;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::Recording;
use super::messages::{Messages, OPERATION, PIECE, network, wrong};

/// What is between a client and what it talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// TLS, as native clients have it.
    Tls,
    /// None, as our own client has it within a session's tunnel.
    Inner,
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
