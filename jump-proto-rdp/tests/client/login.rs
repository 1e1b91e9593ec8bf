//! How a session begins and ends.

use std::time::Duration;

use jump_core::ErrorKind;
use jump_proto_rdp::client::{RdpClient, RdpClientOptions, RdpSecurity};
use jump_testkit::rdp::{RdpServer, ShadowSecurity, XrdpBackend};

use crate::screen::{dial, in_time, login, options, pinned, session};

async fn refused(server: &RdpServer, options: RdpClientOptions) -> jump_core::Error {
    let connected = in_time(RdpClient::connect(dial(server).await, options)).await;
    connected.map(drop).expect_err("it is not let in")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_an_error() {
    let server = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
    for security in [RdpSecurity::Nla, RdpSecurity::NlaOrTls] {
        let wrong = options(&server).security(security).login(login("wrong"));
        let error = refused(&server, wrong).await;
        assert_eq!(error.kind(), ErrorKind::TargetAuthentication, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s25_a_certificate_that_is_another_is_an_error() {
    let server = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
    let other = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    let error = refused(&server, options(&server).certificate(pinned(&other))).await;
    assert_eq!(error.kind(), ErrorKind::HostKey, "{error}");
    let error = refused(&server, RdpClientOptions::default().login(login("unsent"))).await;
    assert_eq!(error.kind(), ErrorKind::HostKey, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s26_a_server_without_nla_is_not_told_the_password() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let error = refused(&server, options(&server).security(RdpSecurity::Nla)).await;
    assert_eq!(error.kind(), ErrorKind::TargetAuthentication, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_nla_says_so() {
    let server = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
    let error = refused(&server, options(&server).security(RdpSecurity::Tls)).await;
    assert_eq!(error.kind(), ErrorKind::TargetAuthentication, "{error}");
}

#[tokio::test]
async fn who_never_speaks_is_given_up() {
    let (near, _far) = tokio::io::duplex(1024);
    let options = RdpClientOptions::default().handshake_timeout(Duration::from_millis(20));
    let error = RdpClient::connect(Box::new(near), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_session_sends_nothing_more() {
    let server = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    let session = session(&server).await;
    in_time(session.close()).await.unwrap();
    let error = session.set_clipboard("late").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    in_time(session.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_ends_the_session() {
    let server = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    let session = session(&server).await;
    in_time(session.painted()).await.unwrap();
    drop(server);
    while let Ok(Some(_)) = in_time(session.next_event()).await {}
    let error = session.set_clipboard("late").await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Closed | ErrorKind::Network),
        "{error}"
    );
}
