//! A server that sends its clients to another one, and one that lets them join a session again. No real server here does either:
//! xrdp and FreeRDP's shadow server know neither, so the server's half is IronRDP's.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ironrdp_acceptor::Acceptor;
use ironrdp_connector::{DesktopSize, Sequence};
use ironrdp_core::{WriteBuf, encode_vec};
use ironrdp_pdu::mcs::SendDataIndication;
use ironrdp_pdu::nego::SecurityProtocol;
use ironrdp_pdu::rdp::client_info::{ClientAutoReconnect, CompressionType};
use ironrdp_pdu::rdp::headers::{
    CompressionFlags, ShareControlHeader, ShareControlPdu, ShareDataHeader, ShareDataPdu, StreamPriority,
};
use ironrdp_pdu::rdp::server_redirection::{ServerRedirectionFlags, ServerRedirectionPdu};
use ironrdp_pdu::rdp::session_info::{
    InfoData, InfoType, LogonExFlags, LogonInfoExtended, SaveSessionInfoPdu, ServerAutoReconnect,
};
use ironrdp_pdu::x224::X224;
use jump_core::model::{CertificatePolicy, Field, Hostname, TargetAddress, fingerprint};
use jump_core::protocol::Dialer;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::client::{RdpClient, RdpClientOptions, reconnect_cookies};
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

use crate::screen::{PATIENCE, in_time, login, pinned_fingerprint};

/// Dials what it is told.
#[derive(Debug)]
struct Direct;

#[async_trait]
impl Dialer for Direct {
    async fn dial(&self, target: &TargetAddress) -> Result<BoxStream> {
        let failed = |error| Error::from_io(ErrorKind::TargetUnreachable, "dial", error);
        let stream = TcpStream::connect((target.host().as_str(), target.port())).await;
        Ok(Box::new(stream.map_err(failed)?))
    }
}

/// The channels of an acceptor (MS-RDPBCGR §2.2.1.4.4).
const IO_CHANNEL: u16 = 1003;
const USER_CHANNEL: u16 = 1002;

/// A server's half of a connection.
struct Peer {
    acceptor: Acceptor,
    stream: BoxStream,
    read: Vec<u8>,
}

impl Peer {
    fn new(stream: BoxStream) -> Self {
        let size = DesktopSize {
            width: SIZE.0,
            height: SIZE.1,
        };
        Self {
            acceptor: Acceptor::new(SecurityProtocol::SSL, size, Vec::new(), None),
            stream,
            read: Vec::new(),
        }
    }

    /// Goes on until the state of this name; `false` if the client does not accept the certificate.
    async fn until(&mut self, state: &str, tls: TlsAcceptor) -> bool {
        while self.acceptor.state().name() != state {
            if self.acceptor.reached_security_upgrade().is_some() {
                let nothing: BoxStream = Box::new(tokio::io::empty());
                let stream = std::mem::replace(&mut self.stream, nothing);
                let Ok(encrypted) = tls.accept(stream).await else {
                    return false;
                };
                self.stream = Box::new(encrypted);
                self.acceptor.mark_security_upgrade_as_done();
                continue;
            }
            let mut output = WriteBuf::new();
            match self.acceptor.next_pdu_hint() {
                None => {
                    self.acceptor.step_no_input(&mut output).unwrap();
                }
                Some(hint) => {
                    let length = loop {
                        if let Some((_, length)) = hint.find_size(&self.read).unwrap()
                            && length <= self.read.len()
                        {
                            break length;
                        }
                        let mut byte = [0];
                        self.stream.read_exact(&mut byte).await.unwrap();
                        self.read.extend(byte);
                    };
                    let message: Vec<u8> = self.read.drain(..length).collect();
                    self.acceptor.step(&message, None, &mut output).unwrap();
                }
            }
            self.stream.write_all(output.filled()).await.unwrap();
            self.stream.flush().await.unwrap();
        }
        true
    }

    /// Says something on the channel of the session.
    async fn say(&mut self, header: &ShareControlHeader) {
        let message = SendDataIndication {
            initiator_id: USER_CHANNEL,
            channel_id: IO_CHANNEL,
            user_data: encode_vec(header).unwrap().into(),
        };
        let bytes = encode_vec(&X224(message)).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }
}

/// A server's TLS with a certificate of its own, and what pins it.
fn identity() -> (TlsAcceptor, String) {
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
    (TlsAcceptor::from(Arc::new(config)), fingerprint(&sha256))
}

/// A server that only says where to go.
struct Broker {
    address: SocketAddr,
    fingerprint: String,
    serving: JoinHandle<()>,
}

impl Broker {
    /// Says `said` to each client once it has logged in.
    async fn new(said: impl FnOnce(SocketAddr) -> ServerRedirectionPdu) -> Self {
        let (tls, fingerprint) = identity();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let said = said(address);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, tls.clone(), &said).await;
            }
        });
        Self {
            address,
            fingerprint,
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
    let mut peer = Peer::new(Box::new(stream));
    if !peer.until("CapabilitiesSendServer", tls).await {
        return;
    }
    let header = ShareControlHeader {
        share_control_pdu: ShareControlPdu::ServerRedirect(said.clone()),
        pdu_source: USER_CHANNEL,
        share_id: 0,
    };
    peer.say(&header).await;
    // Until the client has gone.
    let _ = peer.stream.read_to_end(&mut peer.read).await;
}

fn to(address: &str) -> ServerRedirectionPdu {
    ServerRedirectionPdu {
        session_id: 7,
        flags: ServerRedirectionFlags::TARGET_NET_ADDRESS,
        target_net_address: Some(address.to_owned()),
        ..ServerRedirectionPdu::default()
    }
}

/// Logs in to a server that shows one of these certificates.
fn pins(pinned: &[String]) -> RdpClientOptions {
    let certificates = CertificatePolicy {
        pinned: pinned.iter().map(|pin| Field::new(pin).unwrap()).collect(),
        ..CertificatePolicy::default()
    };
    RdpClientOptions::default()
        .certificate(ServerCertificate::by_policy(certificates))
        .login(login(jump_testkit::rdp::PASSWORD))
        .handshake_timeout(PATIENCE)
        .size(SIZE.0, SIZE.1)
}

async fn connect(broker: &Broker, pinned: &[String], port: Option<u16>) -> Result<()> {
    let mut options = pins(pinned);
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

/// A server of one session: gives a cookie, and cuts; what cookie the client had.
async fn give(
    listener: &TcpListener,
    tls: &TlsAcceptor,
    cookie: &ServerAutoReconnect,
) -> Option<ClientAutoReconnect> {
    let (stream, _) = listener.accept().await.unwrap();
    let mut peer = Peer::new(Box::new(stream));
    assert!(peer.until("Connected", tls.clone()).await);
    let given = peer.acceptor.get_result().unwrap().auto_reconnect;
    peer.say(&ShareControlHeader {
        share_control_pdu: ShareControlPdu::Data(ShareDataHeader {
            share_data_pdu: ShareDataPdu::SaveSessionInfo(SaveSessionInfoPdu {
                info_type: InfoType::LogonExtended,
                info_data: InfoData::LogonExtended(LogonInfoExtended {
                    present_fields_flags: LogonExFlags::AUTO_RECONNECT_COOKIE,
                    auto_reconnect: Some(cookie.clone()),
                    errors_info: None,
                }),
            }),
            stream_priority: StreamPriority::Medium,
            compression_flags: CompressionFlags::empty(),
            compression_type: CompressionType::K8,
        }),
        pdu_source: USER_CHANNEL,
        share_id: 0x1_0000,
    })
    .await;
    peer.stream.shutdown().await.unwrap();
    given
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_joined_again_by_its_newest_cookie() {
    let (tls, pin) = identity();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let first = ServerAutoReconnect {
        logon_id: 5,
        random_bits: [7; 16],
    };
    let next = ServerAutoReconnect {
        logon_id: 6,
        random_bits: [8; 16],
    };
    let server = tokio::spawn(async move {
        let without = give(&listener, &tls, &first).await;
        let with = give(&listener, &tls, &next).await;
        (without, with, first)
    });
    let mut cookie = None;
    for _ in 0..2 {
        let (end, cookies) = reconnect_cookies();
        let mut options = pins(std::slice::from_ref(&pin)).reconnect_cookies(end);
        if let Some(cookie) = cookie.take() {
            options = options.reconnect(cookie);
        }
        let stream = TcpStream::connect(address).await.unwrap();
        let session = in_time(RdpClient::connect(Box::new(stream), options))
            .await
            .unwrap();
        while let Ok(Some(_)) = in_time(session.next_event()).await {}
        cookie = cookies.newest();
        assert!(cookie.is_some());
    }
    assert_eq!(format!("{cookie:?}"), "Some(ReconnectCookie)");
    let (without, with, first) = in_time(server).await.unwrap();
    assert_eq!(without, None);
    assert_eq!(with, Some(ClientAutoReconnect::from_server_cookie(&first)));
}
