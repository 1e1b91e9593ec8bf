//! Somebody on the path between the gate and its target.

use std::net::SocketAddr;

use jump_core::ErrorKind;
use jump_core::session::EndReason;
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::desktop::Desk;
use super::harness::{Item, login, soon};

/// The last four bytes of the gate's X.224 request are its `requestedProtocols` (MS-RDPBCGR §2.2.1.1.1).
const PROTOCOLS: usize = 4;

/// A port that leads to a server, and replaces what is asked for of it.
async fn between(server: &RdpServer, asked: Option<u8>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = server.address();
    tokio::spawn(async move {
        let (mut gate, _) = listener.accept().await.unwrap();
        let mut onward = TcpStream::connect(server).await.unwrap();
        let mut head = [0; 4];
        gate.read_exact(&mut head).await.unwrap();
        let mut rest = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]])) - 4];
        gate.read_exact(&mut rest).await.unwrap();
        let at = rest.len() - PROTOCOLS;
        if let Some(asked) = asked {
            rest[at] = asked;
        }
        onward.write_all(&[&head[..], &rest].concat()).await.unwrap();
        // Either side may close first.
        let _ = tokio::io::copy_bidirectional(&mut gate, &mut onward).await;
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn s26_who_takes_nla_out_on_the_way_to_the_target_gets_no_password() {
    const TLS_ONLY: u8 = 1;
    let server = RdpServer::shadow(ShadowSecurity::Any).await.unwrap();
    let desk = Desk::new().await;
    let address = between(&server, Some(TLS_ONLY)).await;
    let (port, gate) = Item::new(address).port(login(USER, PASSWORD)).await;
    let client = desk.xfreerdp(port, &["/u:rep", "/p:x"]);
    let gate = soon(gate).await.unwrap();
    let records = gate.records.clone();
    let (outcome, _) = gate.end().await;
    let EndReason::Failed { kind, message } = &outcome.reason else {
        panic!("{outcome:?}\n{}", client.output());
    };
    assert_eq!(*kind, ErrorKind::TargetAuthentication);
    assert!(message.contains("somebody is in between"), "{message}");
    // The Client Info PDU, which holds the password, begins with SEC_INFO_PKT (MS-RDPBCGR §2.2.1.11): none passed.
    let records = records.lock().unwrap();
    let sent = records
        .iter()
        .filter(|record| record.kind == jump_core::recording::RecordKind::FromRep);
    assert_eq!(sent.count(), 1, "only the settings: {records:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_listens_on_the_way_changes_nothing() {
    let server = super::desktop::orange(ShadowSecurity::Any).await;
    let desk = Desk::new().await;
    let address = between(&server, None).await;
    let (port, _gate) = Item::new(address).port(login(USER, PASSWORD)).await;
    let client = desk.xfreerdp(port, &["/u:rep", "/p:x"]);
    let shown = desk
        .screen
        .until_shown(|picture| super::native::mostly(picture, super::desktop::ORANGE))
        .await;
    assert!(shown.is_ok(), "{}", client.output());
}
