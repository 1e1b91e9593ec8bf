//! How a session begins and ends.

use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::secret::Secret;
use jump_proto_vnc::client::{Login, ServerCertificate, VncClient, VncClientOptions};
use jump_proto_vnc::security::{SecurityPolicy, VncCredential};
use jump_testkit::vnc::{PASSWORD, VncServer};

use crate::screen::{dial, in_time, options, session};

fn asked() -> Login {
    Login::ask(|| async { Ok(VncCredential::Password(Secret::new(PASSWORD.to_owned()))) })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_checked_and_the_password_is_asked_for() {
    let server = VncServer::tigervnc("X509Vnc").await.unwrap();
    let encrypted = || {
        VncClientOptions::default()
            .policy(SecurityPolicy::encrypted())
            .login(asked())
    };
    let trusted = ServerCertificate::signed_by(server.authority(), "localhost").unwrap();
    let session = VncClient::connect(dial(&server).await, encrypted().certificate(trusted)).await;
    let session = session.unwrap();
    in_time(session.painted()).await.unwrap();
    assert_eq!(session.name(), "jump test");

    let other_name = ServerCertificate::signed_by(server.authority(), "elsewhere.test").unwrap();
    for stranger in [encrypted(), encrypted().certificate(other_name)] {
        let error = VncClient::connect(dial(&server).await, stranger)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HostKey, "{error}");
    }
    let error = ServerCertificate::signed_by("", "localhost").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_an_error_with_the_servers_reason() {
    let server = VncServer::tigervnc("VncAuth").await.unwrap();
    let wrong = Login::with(VncCredential::Password(Secret::new("wrong".to_owned())));
    let error = VncClient::connect(dial(&server).await, options().login(wrong))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TargetAuthentication);
    assert!(error.to_string().contains("Authentication fail"), "{error}");
}

#[tokio::test]
async fn who_never_speaks_is_given_up() {
    let (near, _far) = tokio::io::duplex(64);
    let options = options().handshake_timeout(Duration::from_millis(20));
    let error = VncClient::connect(Box::new(near), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_session_sends_nothing_more() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let session = session(&server).await;
    in_time(session.close()).await.unwrap();
    let error = session.set_clipboard("late").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    in_time(session.close()).await.unwrap();
}
