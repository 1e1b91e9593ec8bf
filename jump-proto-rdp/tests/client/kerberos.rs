//! Kerberos with a real key distribution center. No RDP server here takes its tickets: FreeRDP's shadow server knows NTLM only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use jump_core::model::{Hostname, TargetAddress};
use jump_core::protocol::Dialer;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::client::{KdcClient, RdpClient, RdpLogin, RdpSecurity, TcpKdc};
use jump_testkit::kdc::{Kdc, REALM};
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER};
use tokio::net::TcpStream;

use crate::screen::{dial, in_time, login, options};

/// Dials what it is told.
#[derive(Debug)]
pub(crate) struct Direct;

#[async_trait]
impl Dialer for Direct {
    async fn dial(&self, target: &TargetAddress) -> Result<BoxStream> {
        let failed = |error| Error::from_io(ErrorKind::TargetUnreachable, "dial", error);
        let stream = TcpStream::connect((target.host().as_str(), target.port())).await;
        Ok(Box::new(stream.map_err(failed)?))
    }
}

/// Counts what is asked.
#[derive(Debug)]
struct Counted {
    kdc: TcpKdc,
    asked: AtomicUsize,
}

#[async_trait]
impl KdcClient for Counted {
    async fn exchange(&self, message: &[u8]) -> Result<Vec<u8>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.kdc.exchange(message).await
    }
}

fn client(kdc: &Kdc) -> Arc<Counted> {
    let host = Hostname::new(kdc.address().ip().to_string().as_str()).unwrap();
    let address = TargetAddress::new(host, kdc.address().port()).unwrap();
    Arc::new(Counted {
        kdc: TcpKdc::new(Arc::new(Direct), address),
        asked: AtomicUsize::new(0),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_asks_the_kerberos_server_for_a_ticket_to_the_rdp_server() {
    let kdc = Kdc::start(&[(USER, PASSWORD)], &["TERMSRV/rdp.jump.test"])
        .await
        .unwrap();
    let server = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
    let asks = client(&kdc);
    let login = RdpLogin {
        domain: REALM.to_owned(),
        ..login(PASSWORD)
    };
    let options = options(&server)
        .security(RdpSecurity::Nla)
        .login(login)
        .host("rdp.jump.test")
        .kerberos(asks.clone());
    let connected = in_time(RdpClient::connect(dial(&server).await, options)).await;
    let log = kdc.log();
    let issued = |to: &str| {
        let line = format!("{USER}@{REALM} for {to}@{REALM}");
        log.lines()
            .any(|said| said.contains("ISSUE") && said.contains(&line))
    };
    assert!(issued(&format!("krbtgt/{REALM}")), "{log}");
    assert!(issued("TERMSRV/rdp.jump.test"), "{log}");
    assert!(asks.asked.load(Ordering::Relaxed) >= 2);
    let error = connected.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TargetAuthentication, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_one_for_kerberos_too() {
    let kdc = Kdc::start(&[(USER, PASSWORD)], &["TERMSRV/rdp.jump.test"])
        .await
        .unwrap();
    let server = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
    let login = RdpLogin {
        domain: REALM.to_owned(),
        ..login("wrong")
    };
    let options = options(&server)
        .security(RdpSecurity::Nla)
        .login(login)
        .host("rdp.jump.test")
        .kerberos(client(&kdc));
    let error = in_time(RdpClient::connect(dial(&server).await, options))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TargetAuthentication, "{error}");
    assert!(!kdc.log().contains("TERMSRV"), "{}", kdc.log());
}
