//! One encrypted hop as one would build it from stock parts: tokio-rustls and tokio's own copying, with large buffers.

use std::net::Ipv4Addr;
use std::sync::Arc;

use jump_core::{Error, ErrorKind, Result};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Starter, failed};

const NAME: &str = "localhost";
const BUFFER: usize = 64 * 1024;

fn wrong(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, "make a tls hop", "it does not work").with_source(error)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    // As ours: AES-128-GCM first.
    provider.cipher_suites = vec![rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256];
    Arc::new(provider)
}

async fn copy<A, B>(mut a: A, mut b: B) -> std::io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    copy_bidirectional_with_sizes(&mut a, &mut b, BUFFER, BUFFER).await?;
    a.shutdown().await
}

async fn listen(starter: &Starter) -> Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(failed)?;
    starter.tell(listener.local_addr().map_err(failed)?)?;
    Ok(listener)
}

async fn dial(address: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The end at the target; tells its certificate, then its address.
pub(super) async fn back(starter: Starter, target: &str) -> Result<()> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).map_err(wrong)?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|message| Error::new(ErrorKind::Internal, "make a tls hop", message))?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(wrong)?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .map_err(wrong)?;
    starter.tell(data_encoding::HEXLOWER.encode(made.cert.der()))?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = listen(&starter).await?;
    loop {
        let (socket, _) = listener.accept().await.map_err(failed)?;
        let (acceptor, target) = (acceptor.clone(), target.to_owned());
        tokio::spawn(async move {
            socket.set_nodelay(true)?;
            let stream = acceptor.accept(BufReader::with_capacity(BUFFER, socket)).await?;
            copy(stream, dial(&target).await?).await
        });
    }
}

/// The end at the driver; is told the other's certificate.
pub(super) async fn front(mut starter: Starter, back: &str) -> Result<()> {
    let certificate = data_encoding::HEXLOWER
        .decode(starter.hear().await?.as_bytes())
        .map_err(wrong)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate)).map_err(wrong)?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(wrong)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let listener = listen(&starter).await?;
    loop {
        let (socket, _) = listener.accept().await.map_err(failed)?;
        let (connector, back) = (connector.clone(), back.to_owned());
        tokio::spawn(async move {
            socket.set_nodelay(true)?;
            let onward = BufReader::with_capacity(BUFFER, dial(&back).await?);
            let name = ServerName::try_from(NAME).map_err(std::io::Error::other)?;
            copy(socket, connector.connect(name, onward).await?).await
        });
    }
}
