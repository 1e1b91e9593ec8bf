//! Local ports that lead through a session.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use common::{all, echo, session, stalled, target};
use jump_core::ErrorKind;
use jump_core::protocol::TunnelSession;
use jump_proto_tunnel::{LocalEvent, LocalForward, LocalListener};
use jump_testkit::hostile::{Closing, read_until_close};
use jump_testkit::ports::RefusingPort;
use jump_testkit::seeded::Seeded;
use jump_testkit::waiting::{LONG, soon};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

fn forward(address: SocketAddr) -> LocalForward {
    LocalForward {
        port: 0,
        target: target(address),
    }
}

#[tokio::test]
async fn programs_reach_each_target_through_its_own_local_port() {
    let (one, two) = (echo().await, echo().await);
    let (client, _gate) = session(&[one, two]).await;
    let (events, mut told) = mpsc::channel(8);
    let session: Arc<dyn TunnelSession> = Arc::new(client);
    let address = Ipv4Addr::new(127, 0, 0, 9);
    let listener = LocalListener::bind(session, address, [forward(one), forward(two)], Some(events))
        .await
        .unwrap();
    assert_eq!(listener.forwards().len(), 2);
    for (seed, (local, leads_to)) in listener.forwards().iter().enumerate() {
        assert_eq!(local.ip(), address);
        let mut program = TcpStream::connect(local).await.unwrap();
        let sent = Seeded::new(seed as u64).bytes(1 << 20);
        let (mut reader, mut writer) = program.split();
        let (got, ()) = soon(async {
            tokio::join!(all(&mut reader), async {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            })
        })
        .await;
        assert!(got.unwrap() == sent);
        let Some(LocalEvent::Opened { to, .. }) = told.recv().await else {
            panic!("nothing was told")
        };
        assert_eq!(to, *leads_to);
    }
}

#[tokio::test]
async fn a_program_whose_target_refuses_gets_a_reset_and_the_owner_is_told_why() {
    let closed = RefusingPort::new().unwrap();
    let (client, _gate) = session(&[closed.address()]).await;
    let (events, mut told) = mpsc::channel(8);
    let forwards = [forward(closed.address()), forward(stalled().await)];
    let listener = LocalListener::bind(Arc::new(client), Ipv4Addr::LOCALHOST, forwards, Some(events))
        .await
        .unwrap();
    for ((local, _), kind) in listener
        .forwards()
        .iter()
        .zip([ErrorKind::TargetUnreachable, ErrorKind::Denied])
    {
        let mut program = TcpStream::connect(local).await.unwrap();
        assert_eq!(read_until_close(&mut program, LONG).await.1, Closing::Reset);
        let Some(LocalEvent::Refused { error, .. }) = told.recv().await else {
            panic!("nothing was told")
        };
        assert_eq!(error.kind(), kind);
    }
}

#[tokio::test]
async fn dropping_the_listener_cuts_its_connections() {
    let address = echo().await;
    let (client, _gate) = session(&[address]).await;
    let listener = LocalListener::bind(Arc::new(client), Ipv4Addr::LOCALHOST, [forward(address)], None)
        .await
        .unwrap();
    let (local, _) = listener.forwards().first().unwrap().clone();
    let mut program = TcpStream::connect(local).await.unwrap();
    program.write_all(b"x").await.unwrap();
    let mut byte = [0];
    soon(tokio::io::AsyncReadExt::read_exact(&mut program, &mut byte))
        .await
        .unwrap();
    drop(listener);
    assert_ne!(read_until_close(&mut program, LONG).await.1, Closing::StillOpen);
}

#[tokio::test]
async fn only_loopback_addresses_and_free_ports_are_listened_on() {
    let address = echo().await;
    let (client, _gate) = session(&[address]).await;
    let session: Arc<dyn TunnelSession> = Arc::new(client);
    let error = LocalListener::bind(session.clone(), Ipv4Addr::UNSPECIFIED, [], None)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let taken = LocalForward {
        port: address.port(),
        target: target(address),
    };
    let error = LocalListener::bind(session, Ipv4Addr::LOCALHOST, [forward(address), taken], None)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
}
