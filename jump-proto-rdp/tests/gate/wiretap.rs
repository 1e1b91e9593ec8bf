//! Everything that a rep's client receives, in the clear: in the place of our own client, with a native one behind it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ironrdp_core::{decode, encode_vec};
use ironrdp_pdu::nego::{ConnectionRequest, NegoRequestData};
use ironrdp_pdu::x224::X224;
use jump_proto_rdp::inner;
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Bytes that the rep's side got.
pub(crate) type Received = Arc<Mutex<Vec<u8>>>;

/// A port for a native client that talks to the gate as our own client does: without encryption within the tunnel's.
pub(crate) async fn wiretap(gate: SocketAddr) -> (SocketAddr, Received) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let received = Received::default();
    let to = received.clone();
    tokio::spawn(async move {
        let (native, _) = listener.accept().await.unwrap();
        serve(native, TcpStream::connect(gate).await.unwrap(), to).await;
    });
    (address, received)
}

async fn message(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
    message[..4].copy_from_slice(&head);
    stream.read_exact(&mut message[4..]).await.unwrap();
    message
}

async fn serve(mut native: TcpStream, mut gate: TcpStream, received: Received) {
    let asked = message(&mut native).await;
    let X224(mut request) = decode::<X224<ConnectionRequest>>(&asked).unwrap();
    request.nego_data = Some(NegoRequestData::cookie(inner::COOKIE.to_owned()));
    gate.write_all(&encode_vec(&X224(request)).unwrap())
        .await
        .unwrap();
    let answer = message(&mut gate).await;
    received.lock().unwrap().extend_from_slice(&answer);
    native.write_all(&answer).await.unwrap();
    let native = TlsAcceptor::from(config()).accept(native).await.unwrap();
    let (mut from_native, mut to_native) = tokio::io::split(native);
    let (mut from_gate, mut to_gate) = gate.into_split();
    let up = async {
        let _ = tokio::io::copy(&mut from_native, &mut to_gate).await;
        let _ = to_gate.shutdown().await;
    };
    let down = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_gate.read(&mut buffer).await {
            received.lock().unwrap().extend_from_slice(&buffer[..length]);
            if to_native.write_all(&buffer[..length]).await.is_err() {
                break;
            }
            let _ = to_native.flush().await;
        }
        let _ = to_native.shutdown().await;
    };
    tokio::join!(up, down);
}

fn config() -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    Arc::new(config)
}
