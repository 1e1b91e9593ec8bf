//! Two brokers of one site.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jump_core::audit::MemoryAuditLog;
use jump_core::broker::{Broker, Caller};
use jump_core::control::{Edit, RepRequest};
use jump_core::keys::SigningKey;
use jump_core::model::{Name, UserName};
use jump_core::protocol::Registry;
use jump_core::rep::{JumpSession, Rep};
use jump_core::session::{EndReason, RecordingMode};
use jump_core::store::SessionState;
use jump_core::{Error, ErrorKind, Result};
use jump_store::PostgresStore;
use jump_testkit::echo::EchoBackend;
use jump_testkit::postgres::Postgres;
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::open;

const LONG: Duration = Duration::from_secs(30);

/// A site whose user `alice` may start sessions on `web-1`, and another broker of the same site.
async fn two_brokers(server: &Postgres) -> (RunningSite, Broker) {
    let mut options = SiteOptions::new(Registry::new().with(Arc::new(EchoBackend("ssh"))));
    let impatient = super::options(server).statement_timeout(Duration::from_secs(3));
    options.store = Some(Arc::new(PostgresStore::open(impatient).await.unwrap()));
    let site = RunningSite::start(options).await.unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    let nowhere: SocketAddr = "127.0.0.1:9".parse().unwrap();
    site.add_shell("web-1", nowhere, RecordingMode::Off)
        .await
        .unwrap();
    let other = Broker::builder(
        SigningKey::generate().unwrap(),
        Arc::new(open(server).await),
        Arc::new(MemoryAuditLog::new(1000)),
    );
    (site, other.start().await.unwrap())
}

async fn edit(broker: &Broker, edit: Edit) -> Result<()> {
    let made = broker.request(&Caller::local(), RepRequest::Edit(edit)).await;
    made.map(|_| ())
}

fn remove_alice_from_the_group() -> Edit {
    Edit::RemoveMember {
        group: Name::new("web").unwrap(),
        user: UserName::new("alice").unwrap(),
    }
}

fn add_group(name: &str) -> Edit {
    Edit::AddGroup {
        name: Name::new(name).unwrap(),
        comments: Default::default(),
    }
}

async fn say(session: &mut JumpSession, text: &[u8]) {
    session.stream.write_all(text).await.unwrap();
    session.stream.flush().await.unwrap();
    let mut back = vec![0; text.len()];
    session.stream.read_exact(&mut back).await.unwrap();
    assert_eq!(back, text);
}

/// The error with which a session's stream fails.
async fn cut(session: &mut JumpSession) -> Error {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(LONG, session.stream.read_to_end(&mut rest));
    Error::from_io(ErrorKind::Network, "read", read.await.unwrap().unwrap_err())
}

async fn stored_end(site: &RunningSite, session: &JumpSession) -> EndReason {
    let id = session.grant.session();
    let stored = async {
        loop {
            let record = site.store.session(id).await.unwrap().unwrap();
            if let SessionState::Ended { reason, .. } = record.state {
                return reason;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, stored).await.unwrap()
}

/// Asks again until a session starts.
async fn jump_again(rep: &Rep) -> JumpSession {
    let started = async {
        loop {
            match rep.jump("web-1").await {
                Ok(session) => return session,
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout),
                    "{error}"
                ),
            }
        }
    };
    tokio::time::timeout(LONG, started).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_broker_takes_away_ends_the_sessions_of_the_other() {
    let server = Postgres::start().await.unwrap();
    let (site, other) = two_brokers(&server).await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    say(&mut session, b"before").await;
    edit(&other, remove_alice_from_the_group()).await.unwrap();
    assert_eq!(cut(&mut session).await.kind(), ErrorKind::SessionEnded);
    let reason = stored_end(&site, &session).await;
    assert!(
        matches!(&reason, EndReason::AccessRevoked(why) if !why.is_empty()),
        "{reason:?}"
    );
    let error = rep.jump("web-1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_edit_in_turns_do_not_refuse_each_other() {
    let server = Postgres::start().await.unwrap();
    let (site, other) = two_brokers(&server).await;
    for number in 0..20 {
        edit(&other, add_group(&format!("b {number}"))).await.unwrap();
        edit(&site.broker, add_group(&format!("a {number}")))
            .await
            .unwrap();
    }
    assert_eq!(site.broker.world().groups().count(), 41);
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_while_the_database_is_stopped_sessions_go_on_and_none_starts_and_then_all_is_as_before() {
    let mut server = Postgres::start().await.unwrap();
    let (site, other) = two_brokers(&server).await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    say(&mut session, b"before").await;
    server.stop_immediately().await.unwrap();
    let error = rep.jump("web-1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    say(&mut session, b"the database is gone").await;
    server.start_again().await.unwrap();
    let mut second = jump_again(&rep).await;
    say(&mut second, b"it is back").await;
    say(&mut session, b"and nothing ended").await;
    edit(&other, remove_alice_from_the_group()).await.unwrap();
    for session in [&mut session, &mut second] {
        assert_eq!(cut(session).await.kind(), ErrorKind::SessionEnded);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_a_database_that_hangs_starts_no_session_and_what_was_taken_away_meanwhile_counts_afterwards() {
    let server = Postgres::start().await.unwrap();
    let (site, other) = two_brokers(&server).await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    say(&mut session, b"before").await;
    // Everybody who asks for the revision or writes a session waits.
    let blocker = super::raw(&server).await;
    blocker
        .batch_execute("BEGIN; LOCK TABLE meta, sessions IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let error = rep.jump("web-1").await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable),
        "{error}"
    );
    // Longer than the store's patience: now it is not even tried.
    let error = rep.jump("web-1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("does not answer"), "{error}");
    say(&mut session, b"it goes on").await;
    blocker.batch_execute("ROLLBACK").await.unwrap();
    edit(&other, remove_alice_from_the_group()).await.unwrap();
    assert_eq!(cut(&mut session).await.kind(), ErrorKind::SessionEnded);
}
