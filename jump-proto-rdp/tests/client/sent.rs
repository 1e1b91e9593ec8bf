//! A server that sends its clients to another one.

use std::net::SocketAddr;
use std::sync::Arc;

use ironrdp_acceptor::Acceptor;
use ironrdp_connector::{DesktopSize, Sequence};
use ironrdp_core::{WriteBuf, encode_vec};
use ironrdp_pdu::mcs::SendDataIndication;
use ironrdp_pdu::nego::SecurityProtocol;
use ironrdp_pdu::rdp::headers::{ShareControlHeader, ShareControlPdu};
use ironrdp_pdu::rdp::server_redirection::{ServerRedirectionFlags, ServerRedirectionPdu};
use ironrdp_pdu::x224::X224;
use jump_core::ErrorKind;
use jump_core::model::{CertificatePolicy, Field, Hostname, TargetAddress, fingerprint};
use jump_core::stream::BoxStream;
use jump_proto_rdp::client::{RdpClient, RdpClientOptions};
use jump_proto_rdp::tls::ServerCertificate;
use jump_testkit::rdp::{RdpServer, SIZE, XrdpBackend};
use rcgen::{CertificateParams, KeyPair};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::kerberos::Direct;
use crate::screen::{PATIENCE, in_time, login, pinned_fingerprint};

/// The channels of an acceptor (MS-RDPBCGR §2.2.1.4.4).
const IO_CHANNEL: u16 = 1003;
const USER_CHANNEL: u16 = 1002;

/// A server that only says where to go.
struct Broker {
    address: SocketAddr,
    fingerprint: String,
    serving: JoinHandle<()>,
}

impl Broker {
    /// Says `said` to each client once it has logged in.
    async fn new(said: impl FnOnce(SocketAddr) -> ServerRedirectionPdu) -> Self {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let sha256: [u8; 32] = Sha256::digest(certificate.der()).into();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let said = said(address);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, TlsAcceptor::from(Arc::new(config.clone())), &said).await;
            }
        });
        Self {
            address,
            fingerprint: fingerprint(&sha256),
            serving,
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, said: &ServerRedirectionPdu) {
    let size = DesktopSize {
        width: SIZE.0,
        height: SIZE.1,
    };
    let mut acceptor = Acceptor::new(SecurityProtocol::SSL, size, Vec::new(), None);
    let mut stream: BoxStream = Box::new(stream);
    let mut read = Vec::new();
    while acceptor.state().name() != "CapabilitiesSendServer" {
        if acceptor.reached_security_upgrade().is_some() {
            // Who does not accept the certificate is gone.
            let Ok(encrypted) = tls.accept(stream).await else {
                return;
            };
            stream = Box::new(encrypted);
            acceptor.mark_security_upgrade_as_done();
            continue;
        }
        let mut output = WriteBuf::new();
        match acceptor.next_pdu_hint() {
            None => {
                acceptor.step_no_input(&mut output).unwrap();
            }
            Some(hint) => {
                let length = loop {
                    if let Some((_, length)) = hint.find_size(&read).unwrap()
                        && length <= read.len()
                    {
                        break length;
                    }
                    let mut byte = [0];
                    stream.read_exact(&mut byte).await.unwrap();
                    read.extend(byte);
                };
                let message: Vec<u8> = read.drain(..length).collect();
                acceptor.step(&message, None, &mut output).unwrap();
            }
        }
        stream.write_all(output.filled()).await.unwrap();
        stream.flush().await.unwrap();
    }
    let header = ShareControlHeader {
        share_control_pdu: ShareControlPdu::ServerRedirect(said.clone()),
        pdu_source: USER_CHANNEL,
        share_id: 0,
    };
    let message = SendDataIndication {
        initiator_id: USER_CHANNEL,
        channel_id: IO_CHANNEL,
        user_data: encode_vec(&header).unwrap().into(),
    };
    stream
        .write_all(&encode_vec(&X224(message)).unwrap())
        .await
        .unwrap();
    stream.flush().await.unwrap();
    // Until the client has gone.
    let _ = stream.read_to_end(&mut read).await;
}

fn to(address: &str) -> ServerRedirectionPdu {
    ServerRedirectionPdu {
        session_id: 7,
        flags: ServerRedirectionFlags::TARGET_NET_ADDRESS,
        target_net_address: Some(address.to_owned()),
        ..ServerRedirectionPdu::default()
    }
}

async fn connect(broker: &Broker, pinned: &[String], port: Option<u16>) -> jump_core::Result<()> {
    let certificates = CertificatePolicy {
        pinned: pinned.iter().map(|pin| Field::new(pin).unwrap()).collect(),
        ..CertificatePolicy::default()
    };
    let mut options = RdpClientOptions::default()
        .certificate(ServerCertificate::by_policy(certificates))
        .login(login(jump_testkit::rdp::PASSWORD))
        .handshake_timeout(PATIENCE)
        .size(SIZE.0, SIZE.1);
    if let Some(port) = port {
        let from = TargetAddress::new(Hostname::new("127.0.0.1").unwrap(), port).unwrap();
        options = options.follow(Arc::new(Direct), from);
    }
    let stream = TcpStream::connect(broker.address).await.unwrap();
    let session = in_time(RdpClient::connect(Box::new(stream), options)).await?;
    in_time(session.painted()).await?;
    session.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_goes_where_it_is_sent_if_it_may_and_the_certificate_is_allowed() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let port = server.address().port();
    let broker = Broker::new(|_| to("127.0.0.1")).await;
    let both = [broker.fingerprint.clone(), pinned_fingerprint(&server)];
    connect(&broker, &both, Some(port)).await.unwrap();
    server.display().await.unwrap();

    let error = connect(&broker, &both, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let error = connect(&broker, &both[..1], Some(port)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_sent_around_gives_up() {
    let broker = Broker::new(|_| to("127.0.0.1")).await;
    let port = broker.address.port();
    let pins = [broker.fingerprint.clone()];
    let error = connect(&broker, &pins, Some(port)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
}
