//! Brokers that stop and come back, and relays that run apart.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::audit::{AuditKind, MemoryAuditLog};
use jump_core::broker::Broker;
use jump_core::error::Error;
use jump_core::id::SessionId;
use jump_core::keys::SigningKey;
use jump_core::protocol::Registry;
use jump_core::rep::JumpSession;
use jump_core::session::{EndReason, RecordingMode};
use jump_core::store::{SessionRecord, SessionState};
use jump_testkit::echo::EchoBackend;
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn site(options: SiteOptions) -> RunningSite {
    let site = RunningSite::start(options).await.unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    site.add_shell("web-1", "127.0.0.1:9".parse().unwrap(), RecordingMode::Off)
        .await
        .unwrap();
    site
}

fn options() -> SiteOptions {
    SiteOptions::new(Registry::new().with(Arc::new(EchoBackend("ssh"))))
}

async fn say(session: &mut JumpSession) {
    session.stream.write_all(b"hello").await.unwrap();
    session.stream.flush().await.unwrap();
    let mut back = [0; 5];
    session.stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");
}

async fn cut(session: &mut JumpSession) -> Error {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), session.stream.read_to_end(&mut rest));
    Error::from_io(
        ErrorKind::Network,
        "read",
        read.await.unwrap().expect_err("it must fail with a reason"),
    )
}

#[tokio::test]
async fn sessions_go_through_a_relay_that_runs_apart() {
    for options in [
        options().with_relay_apart(),
        options().with_relay_apart().over_tcp(),
    ] {
        let site = site(options).await;
        let rep = site.login("alice", Registry::new()).await.unwrap();
        let mut session = rep.jump("web-1").await.unwrap();
        say(&mut session).await;
        site.broker
            .end_session(session.grant.session(), EndReason::EndedBy("admin".into()))
            .unwrap();
        assert_eq!(cut(&mut session).await.kind(), ErrorKind::SessionEnded);
    }
}

#[tokio::test]
async fn f01_a_stopped_broker_ends_its_sessions_and_the_jumpoint_finds_its_successor() {
    let mut site = site(options()).await;
    let identity = site.enrol("alice").await.unwrap();
    let rep = site.connect(identity.clone(), Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    say(&mut session).await;
    site.restart_broker().await.unwrap();
    assert_eq!(cut(&mut session).await.kind(), ErrorKind::Unavailable);
    let record = site
        .store
        .session(session.grant.session())
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(
        record.state,
        SessionState::Ended {
            reason: EndReason::BrokerRestarted,
            ..
        }
    ));
    // The login is in the store, and works with the new broker.
    let rep = site.connect(identity, Registry::new()).await.unwrap();
    say(&mut rep.jump("web-1").await.unwrap()).await;
    assert_eq!(site.store.sessions(true, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_broker_that_starts_leaves_alone_what_another_broker_of_the_site_runs() {
    let site = site(options()).await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    // So many that they are looked through in several parts.
    let record = site
        .store
        .session(session.grant.session())
        .await
        .unwrap()
        .unwrap();
    for _ in 0..1500 {
        let id = SessionId::random().unwrap();
        let another = SessionRecord { id, ..record.clone() };
        site.store.put_session(&another).await.unwrap();
    }
    let key = SigningKey::generate().unwrap();
    let before = SessionRecord {
        id: SessionId::random().unwrap(),
        broker: Some(key.public()),
        ..record.clone()
    };
    let unsaid = SessionRecord {
        id: SessionId::random().unwrap(),
        broker: None,
        ..record
    };
    for left in [&before, &unsaid] {
        site.store.put_session(left).await.unwrap();
    }
    let audit = Arc::new(MemoryAuditLog::new(1000));
    let _other = Broker::builder(key, site.store.clone(), audit.clone())
        .start()
        .await
        .unwrap();
    say(&mut session).await;
    assert_eq!(site.store.sessions(true, 5000).await.unwrap().len(), 1501);
    for left in [before, unsaid] {
        let record = site.store.session(left.id).await.unwrap().unwrap();
        assert!(!record.state.is_active(), "its own, or nobody's");
    }
    let ended = audit
        .events()
        .into_iter()
        .filter(|event| matches!(event.kind, AuditKind::SessionEnded { .. }));
    assert_eq!(ended.count(), 2);
}

#[tokio::test]
async fn s11_a_jumpoint_without_its_broker_ends_its_sessions_when_the_lease_is_over() {
    let mut options = options().with_relay_apart();
    options.lease = Duration::from_secs(1);
    let site = site(options).await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    say(&mut session).await;
    site.cut_off_broker();
    let error = cut(&mut session).await;
    // Nobody is left who could say why: the stream just ends.
    assert!(
        matches!(error.kind(), ErrorKind::Network | ErrorKind::Unavailable),
        "{error}"
    );
    site.until("the session is over", || site.jumpoint.sessions().is_empty())
        .await
        .unwrap();
}
