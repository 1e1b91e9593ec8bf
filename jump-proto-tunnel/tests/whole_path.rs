//! From the rep through relay and Jumpoint to real targets: many connections at once, a local port, a forbidden address,
//! and the end by a decision.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a step that fails is a test that fails"
)]

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use common::{all, echo, stalled, target};
use jump_core::ErrorKind;
use jump_core::audit::AuditKind;
use jump_core::control::Edit;
use jump_core::model::{Name, UserName};
use jump_core::protocol::{Registry, Session, SessionEvent, TunnelSession};
use jump_proto_tunnel::{LocalForward, LocalListener, TunnelBackend};
use jump_testkit::running_site::{RunningSite, SiteOptions};
use jump_testkit::seeded::Seeded;
use jump_testkit::waiting::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn backends() -> Registry {
    Registry::new().with(Arc::new(TunnelBackend::new()))
}

async fn open_tunnel(to: SocketAddr) -> (RunningSite, Arc<dyn TunnelSession>) {
    let site = RunningSite::start(SiteOptions::new(backends()).over_tcp())
        .await
        .unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    site.add_tunnel("web", to).await.unwrap();
    let rep = site.login("alice", backends()).await.unwrap();
    match rep.open("web").await.unwrap() {
        Session::Tunnel(tunnel) => (site, Arc::from(tunnel)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_programs_at_once_reach_the_target_through_one_local_port() {
    let address = echo().await;
    let (_site, session) = open_tunnel(address).await;
    let forward = LocalForward {
        port: 0,
        target: target(address),
    };
    let listener = LocalListener::bind(session.clone(), Ipv4Addr::LOCALHOST, [forward], None)
        .await
        .unwrap();
    let (local, _) = listener.forwards().first().unwrap().clone();
    let programs: Vec<_> = (0..32)
        .map(|number| {
            tokio::spawn(async move {
                let (mut reader, mut writer) = TcpStream::connect(local).await.unwrap().into_split();
                let sent = Seeded::new(number).bytes(1 << 20);
                let (got, ()) = tokio::join!(all(&mut reader), async {
                    writer.write_all(&sent).await.unwrap();
                    writer.shutdown().await.unwrap();
                });
                assert!(
                    got.unwrap() == sent,
                    "program {number} got other bytes than it sent"
                );
            })
        })
        .collect();
    for program in programs {
        soon(program).await.unwrap();
    }
    session.close().await.unwrap();
}

#[tokio::test]
async fn v30_a_forbidden_address_is_denied_and_logged_and_the_session_goes_on() {
    let (address, forbidden) = (echo().await, stalled().await);
    let (site, session) = open_tunnel(address).await;
    let mut stream = session.open(&target(address)).await.unwrap();
    let Err(error) = soon(session.open(&target(forbidden))).await else {
        panic!("it was opened")
    };
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    site.until("the refusal is logged", || {
        site.audit.events().iter().any(|event| {
            matches!(&event.kind, AuditKind::SessionEvent { event: SessionEvent::RequestRefused { what }, .. }
                if what.contains(&forbidden.to_string()))
        })
    })
    .await
    .unwrap();
    stream.write_all(b"still here").await.unwrap();
    soon(stream.read_exact(&mut [0; 10])).await.unwrap();
}

#[tokio::test]
async fn s10_losing_the_role_cuts_every_stream_and_says_why() {
    let address = echo().await;
    let (site, session) = open_tunnel(address).await;
    let mut stream = session.open(&target(address)).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    soon(stream.read_u8()).await.unwrap();
    let (user, group) = (UserName::new("alice").unwrap(), Name::new("web").unwrap());
    site.edit(Edit::RemoveMember { group, user }).await.unwrap();
    assert!(soon(stream.read_u8()).await.is_err());
    let error = soon(session.closed()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SessionEnded, "{error}");
    assert!(error.to_string().contains("not in group"), "{error}");
}
