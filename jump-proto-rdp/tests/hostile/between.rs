//! Somebody on the path.

use jump_core::ErrorKind;
use jump_core::model::CertificatePolicy;
use jump_core::secret::Secret;
use jump_proto_rdp::client::{RdpClient, RdpClientOptions, RdpLogin, RdpSecurity};
use jump_proto_rdp::tls::ServerCertificate;
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where an X.224 request of this client has its `requestedProtocols`: the last four bytes (MS-RDPBCGR §2.2.1.1.1).
const PROTOCOLS: usize = 4;

/// Connects through somebody who replaces what is asked for.
async fn connect(server: &RdpServer, security: RdpSecurity, asked: Option<u8>) -> Result<(), ErrorKind> {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let mut onward = TcpStream::connect(server.address()).await.unwrap();
    let between = tokio::spawn(async move {
        let mut head = [0; 4];
        far.read_exact(&mut head).await.unwrap();
        let mut rest = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]])) - 4];
        far.read_exact(&mut rest).await.unwrap();
        let at = rest.len() - PROTOCOLS;
        if let Some(asked) = asked {
            rest[at] = asked;
        }
        onward.write_all(&[&head[..], &rest].concat()).await.unwrap();
        // Either side may close first.
        let _ = tokio::io::copy_bidirectional(&mut far, &mut onward).await;
    });
    let first = CertificatePolicy {
        trust_first_use: true,
        ..CertificatePolicy::default()
    };
    let options = RdpClientOptions::default()
        .security(security)
        .certificate(ServerCertificate::by_policy(first))
        .login(RdpLogin {
            user: USER.to_owned(),
            domain: String::new(),
            password: Secret::new(PASSWORD.to_owned()),
        });
    let connected = RdpClient::connect(Box::new(near), options).await;
    between.abort();
    connected.map(drop).map_err(|error| error.kind())
}

#[tokio::test(flavor = "multi_thread")]
async fn s26_who_takes_nla_out_gets_no_password() {
    const TLS_ONLY: u8 = 1;
    const ALL: u8 = 1 | 2 | 8;
    let server = RdpServer::shadow(ShadowSecurity::Any).await.unwrap();
    for untouched in [None, Some(ALL)] {
        assert_eq!(connect(&server, RdpSecurity::NlaOrTls, untouched).await, Ok(()));
    }
    for security in [RdpSecurity::NlaOrTls, RdpSecurity::Nla] {
        let connected = connect(&server, security, Some(TLS_ONLY)).await;
        assert_eq!(connected, Err(ErrorKind::TargetAuthentication), "{security:?}");
    }
}
