//! A peer that has a good key and finishes the handshake, and then writes any record it likes.

use std::sync::Arc;

use jump_core::keys::SigningKey;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, ClientConnection};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ConnectionTrafficSecrets, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ALPN;

/// Content types (RFC 8446 §5.1).
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const DATA: u8 = 23;

pub struct Forger<S> {
    pub socket: S,
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// A client of ours in every respect, except that it believes everybody and gives its secrets away.
fn client(own: &SigningKey) -> ClientConnection {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites = vec![TLS13_AES_128_GCM_SHA256];
    let pkcs8 = data_encoding::HEXLOWER
        .decode(b"302e020100300506032b657004220420")
        .unwrap();
    let pkcs8 = [pkcs8.as_slice(), own.seed().expose()].concat();
    let spki = data_encoding::HEXLOWER
        .decode(b"302a300506032b6570032100")
        .unwrap();
    let spki = [spki.as_slice(), own.public().as_bytes()].concat();
    let signer = provider
        .key_provider
        .load_private_key(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8)))
        .unwrap();
    let certified = CertifiedKey::new(vec![CertificateDer::from(spki)], signer);
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::new(
            certified,
        ))));
    config.alpn_protocols = vec![ALPN.as_bytes().to_vec()];
    config.enable_secret_extraction = true;
    config.enable_sni = false;
    let name = ServerName::try_from("unused").unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Forger<S> {
    pub async fn connect(mut socket: S, own: &SigningKey) -> Self {
        let mut client = client(own);
        while client.is_handshaking() || client.wants_write() {
            let mut out = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut out).unwrap();
            }
            socket.write_all(&out).await.unwrap();
            if client.is_handshaking() {
                let mut flight = [0u8; 4096];
                let read = socket.read(&mut flight).await.unwrap();
                let mut flight = &flight[..read];
                while !flight.is_empty() {
                    client.read_tls(&mut flight).unwrap();
                    client.process_new_packets().unwrap();
                }
            }
        }
        let (sequence, secrets) = client.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else {
            panic!("another suite was negotiated");
        };
        // The key is kept in an array that is as long as the longest one.
        let key = key.as_ref().get(..16).unwrap();
        Self {
            socket,
            key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).unwrap()),
            iv: iv.as_ref().try_into().unwrap(),
            sequence,
        }
    }

    /// One record with this content, sealed as a peer's next one.
    pub fn seal(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let mut sealed = content.to_vec();
        sealed.push(content_type);
        let length = u16::try_from(sealed.len() + 16).unwrap().to_be_bytes();
        let header = [DATA, 3, 3, length[0], length[1]];
        let mut nonce = self.iv;
        for (byte, part) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= part;
        }
        self.sequence += 1;
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(nonce, Aad::from(header), &mut sealed)
            .unwrap();
        [header.as_slice(), &sealed].concat()
    }
}
