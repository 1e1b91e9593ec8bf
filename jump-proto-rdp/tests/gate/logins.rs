//! Who logs in where, with what, and what is refused.

use ironrdp_core::{decode, encode_vec};
use ironrdp_pdu::nego::{ConnectionConfirm, ConnectionRequest, FailureCode, ResponseFlags, SecurityProtocol};
use ironrdp_pdu::x224::X224;
use jump_core::ErrorKind;
use jump_core::protocol::SessionEvent;
use jump_core::session::{Credential, EndReason};
use jump_testkit::canary;
use jump_testkit::ports;
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::desktop::{Desk, ORANGE, orange};
use super::harness::{Item, login, soon};
use super::native::mostly;
use super::wiretap::wiretap;

/// How a session ends that does not begin, and what was reported.
async fn refusal(item: &Item, credential: Option<Credential>) -> (ErrorKind, Vec<SessionEvent>) {
    let (mut rep, near) = ports::tcp_pair().await.unwrap();
    let gate = item.gate(credential, Box::new(near));
    let request = ConnectionRequest {
        nego_data: None,
        flags: ironrdp_pdu::nego::RequestFlags::empty(),
        protocol: SecurityProtocol::SSL,
        correlation_info: None,
    };
    rep.write_all(&encode_vec(&X224(request)).unwrap()).await.unwrap();
    let mut answer = Vec::new();
    soon(rep.read_to_end(&mut answer)).await.unwrap();
    let X224(answer) = decode::<X224<ConnectionConfirm>>(&answer).unwrap();
    assert!(matches!(answer, ConnectionConfirm::Failure { .. }), "{answer:?}");
    let (outcome, events) = gate.end().await;
    match outcome.reason {
        EndReason::Failed { kind, message } => {
            assert!(!message.contains(PASSWORD), "{message}");
            (kind, events)
        }
        reason => panic!("{reason:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_an_error_of_its_own() {
    let shadow = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
    let (kind, events) = refusal(&Item::new(shadow.address()), login(USER, "wrong-password")).await;
    assert_eq!(kind, ErrorKind::TargetAuthentication);
    assert!(
        matches!(&events[..], [.., SessionEvent::CredentialRefused { username, .. }] if username == USER),
        "{events:?}"
    );
    let (kind, events) = refusal(&Item::new(shadow.address()), None).await;
    assert_eq!(kind, ErrorKind::TargetAuthentication, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s25_only_the_pinned_certificate_is_accepted() {
    let shadow = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
    let credential = || login(USER, PASSWORD);
    for item in [
        Item::new(shadow.address()).no_certificate(),
        Item::new(shadow.address()).pinned(&"00".repeat(32)),
    ] {
        let (kind, events) = refusal(&item, credential()).await;
        assert_eq!(kind, ErrorKind::HostKey);
        assert!(
            matches!(&events[..], [SessionEvent::CertificateRefused { .. }]),
            "{events:?}"
        );
    }
    let (_, events) = refusal(&Item::new(shadow.address()), login(USER, "wrong-password")).await;
    let [SessionEvent::CertificateFirstSeen { sha256 }, ..] = &events[..] else {
        panic!("{events:?}");
    };
    let item = Item::new(shadow.address())
        .no_certificate()
        .pinned(sha256.as_str());
    let (kind, events) = refusal(&item, login(USER, "wrong-password")).await;
    assert_eq!(
        kind,
        ErrorKind::TargetAuthentication,
        "the certificate is right: {events:?}"
    );
}

/// A target that answers as it likes; what it hears after that.
async fn played(answer: ConnectionConfirm, item: fn(Item) -> Item) -> (ErrorKind, Vec<u8>, SecurityProtocol) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let item = item(Item::new(listener.local_addr().unwrap()));
    let target = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        let X224(request) = decode::<X224<ConnectionRequest>>(&request[..length]).unwrap();
        stream
            .write_all(&encode_vec(&X224(answer)).unwrap())
            .await
            .unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        (rest, request.protocol)
    });
    let (kind, _) = refusal(&item, login(USER, PASSWORD)).await;
    let (rest, asked) = soon(target).await.unwrap();
    (kind, rest, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn s26_an_item_that_asks_for_nla_is_answered_with_nothing_less() {
    let response = |protocol| ConnectionConfirm::Response {
        flags: ResponseFlags::empty(),
        protocol,
    };
    for answer in [
        response(SecurityProtocol::SSL),
        response(SecurityProtocol::empty()),
        ConnectionConfirm::Failure {
            code: FailureCode::SSL_REQUIRED_BY_SERVER,
        },
    ] {
        let (kind, rest, asked) = played(answer.clone(), Item::require_nla).await;
        assert_eq!(kind, ErrorKind::TargetAuthentication, "{answer:?}");
        assert!(!asked.contains(SecurityProtocol::SSL));
        assert_eq!(rest, b"", "nothing is said after that: {answer:?}");
    }
    let (kind, rest, _) = played(response(SecurityProtocol::empty()), |item| item).await;
    assert_eq!(
        (kind, &rest[..]),
        (ErrorKind::Unsupported, &b""[..]),
        "nothing without tls"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_the_password_is_in_nothing_that_the_rep_gets_and_in_no_recording() {
    for security in [ShadowSecurity::Tls, ShadowSecurity::Nla] {
        let shadow = orange(security).await;
        let desk = Desk::new().await;
        let (address, gate) = Item::new(shadow.address()).port(login(USER, PASSWORD)).await;
        let (address, received) = wiretap(address).await;
        let client = desk.xfreerdp(address, &["/u:rep", "/p:what-the-rep-typed"]);
        let shown = desk.screen.until_shown(|picture| mostly(picture, ORANGE)).await;
        assert!(
            shown.is_ok(),
            "{security:?}: {}\n{}",
            client.output(),
            shadow.log()
        );
        let gate = soon(gate).await.unwrap();
        drop(client);
        let records = gate.records.clone();
        let (_, events) = gate.end().await;
        let received = received.lock().unwrap().clone();
        assert!(
            received.len() > 2_000,
            "the screen came this way: {}",
            received.len()
        );
        assert_eq!(canary::find(&received, PASSWORD.as_bytes()), []);
        let recorded: Vec<u8> = records
            .lock()
            .unwrap()
            .iter()
            .flat_map(|record| record.payload.to_vec())
            .collect();
        assert!(recorded.len() > received.len());
        for secret in [PASSWORD, "what-the-rep-typed"] {
            assert_eq!(canary::find(&recorded, secret.as_bytes()), [], "{security:?}");
        }
        let told = format!("{events:?}");
        assert_eq!(canary::find(told.as_bytes(), PASSWORD.as_bytes()), []);
        // The search finds what is there: the login's name is recorded.
        let name: Vec<u8> = USER.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(recorded.windows(name.len()).any(|part| part == name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_client_that_insists_on_nla_logs_in_with_the_throw_away() {
    for security in [ShadowSecurity::Tls, ShadowSecurity::Nla] {
        let shadow = orange(security).await;
        let desk = Desk::new().await;
        let item = Item::new(shadow.address());
        let (address, gate) = item.port(login(USER, PASSWORD)).await;
        let client = desk.xfreerdp(address, &["/u:jump", "/p:jump", "/sec:nla"]);
        let shown = desk.screen.until_shown(|picture| mostly(picture, ORANGE)).await;
        if shown.is_err() {
            let (outcome, events) = soon(gate).await.unwrap().end().await;
            panic!("{security:?}: {}\n{outcome:?} {events:?}", client.output());
        }
        drop((client, gate));
        let (address, gate) = item.port(login(USER, PASSWORD)).await;
        let mut client = desk.xfreerdp(address, &["/u:jump", "/p:other", "/sec:nla"]);
        client.wait(super::harness::LONG).await.unwrap();
        assert!(client.output().contains("LOGON_FAILURE"), "{}", client.output());
        let (outcome, _) = soon(gate).await.unwrap().end().await;
        assert!(
            matches!(
                outcome.reason,
                EndReason::Failed {
                    kind: ErrorKind::Unauthenticated,
                    ..
                }
            ),
            "{outcome:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_claims_to_be_our_client_and_begins_tls_is_refused() {
    let shadow = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
    let (mut rep, near) = ports::tcp_pair().await.unwrap();
    let gate = Item::new(shadow.address()).gate(login(USER, PASSWORD), Box::new(near));
    let request = ConnectionRequest {
        nego_data: Some(ironrdp_pdu::nego::NegoRequestData::cookie(
            jump_proto_rdp::inner::COOKIE.to_owned(),
        )),
        flags: ironrdp_pdu::nego::RequestFlags::empty(),
        protocol: SecurityProtocol::SSL,
        correlation_info: None,
    };
    rep.write_all(&encode_vec(&X224(request)).unwrap()).await.unwrap();
    let mut answer = vec![0; 19];
    soon(rep.read_exact(&mut answer)).await.unwrap();
    // The begin of a ClientHello.
    rep.write_all(&[22, 3, 1, 0, 5, 1, 0, 0, 1, 3]).await.unwrap();
    let (outcome, _) = gate.end().await;
    assert!(
        matches!(
            outcome.reason,
            EndReason::Failed {
                kind: ErrorKind::Protocol,
                ..
            }
        ),
        "{outcome:?}"
    );
}
