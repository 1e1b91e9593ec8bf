//! Death of a client, death of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::id::UserId;
use jump_core::store::{EnrolmentToken, IdKind, Store, TokenHash, TokenPurpose};
use jump_core::time::Timestamp;
use jump_store::{PostgresOptions, PostgresStore};
use jump_testkit::postgres::Postgres;
use jump_testkit::process::{Process, command};
use jump_testkit::seeded::Seeded;
use tokio::sync::watch;

use super::data::{facts, jumpoint, session, site};
use super::{add_user, open, options, raw};

const ADDRESS: &str = "JUMP_TEST_KILL_DATABASE";
const LONG: Duration = Duration::from_secs(120);

fn token(number: u32) -> EnrolmentToken {
    let mut secret = [0; 32];
    secret[..4].copy_from_slice(&number.to_be_bytes());
    EnrolmentToken {
        hash: TokenHash::of(&secret),
        purpose: TokenPurpose::Jumpoint {
            jumpoint: jumpoint(1, "").id,
        },
        expires: "2030-01-01T00:00:00Z".parse().unwrap(),
    }
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[tokio::test]
#[ignore = "the process that the kill test kills"]
async fn child_writes_until_it_is_killed() {
    let Ok(address) = std::env::var(ADDRESS) else {
        return;
    };
    let store = PostgresStore::open(PostgresOptions::parse(&address).unwrap())
        .await
        .unwrap();
    println!();
    loop {
        let revision = store.load().await.unwrap().revision();
        let id = store.next_id(IdKind::User).await.unwrap();
        store.put_token(&token(id)).await.unwrap();
        store.redeem_token(&token(id).hash, now()).await.unwrap();
        store.put_session(&session(id.to_be_bytes()[3])).await.unwrap();
        let revision = store.commit(revision, &[add_user(id)]).await.unwrap();
        println!("committed: {revision} {id}");
    }
}

#[tokio::test]
async fn a_killed_client_leaves_every_acknowledged_write_and_no_lock() {
    let server = Postgres::start().await.unwrap();
    let store = open(&server).await;
    let mut random = Seeded::new(3);
    let mut revision = 0;
    for _ in 0..5 {
        let mut command = command(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "crashes::child_writes_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ]);
        command.env(ADDRESS, server.socket_address());
        let mut process = Process::spawn(command).unwrap();
        let wanted = format!("committed: {} ", revision + 1 + random.below(20));
        process.wait_for_line(&wanted, LONG).await.unwrap();
        process.kill().await.unwrap();
        let closed = process.wait_for_line("\0", LONG).await.unwrap_err();
        assert_eq!(closed.kind(), ErrorKind::Closed, "{closed}");
        let output = process.output();
        let (whole, _) = output.rsplit_once('\n').unwrap();
        let last = whole
            .lines()
            .rfind(|line| line.starts_with("committed:"))
            .unwrap();
        let mut words = last.split(' ').skip(1);
        let acknowledged: u64 = words.next().unwrap().parse().unwrap();
        let id: u32 = words.next().unwrap().parse().unwrap();

        // A commit waits until the server has noticed that the killed client is gone, and is then the next one.
        let mine = store.next_id(IdKind::User).await.unwrap();
        assert!(mine > id);
        revision = loop {
            let revision = store.load().await.unwrap().revision();
            match store.commit(revision, &[add_user(mine)]).await {
                Ok(revision) => break revision,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
            }
        };
        assert!((acknowledged + 1..=acknowledged + 2).contains(&revision));
        let world = store.load().await.unwrap();
        assert_eq!(world.users().count() as u64, revision, "one user a commit");
        assert!(world.user(UserId::new(id).unwrap()).is_some());
        let error = store.redeem_token(&token(id).hash, now()).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Unauthenticated,
            "a used token stays used"
        );
        let fresh = open(&server).await.load().await.unwrap();
        assert_eq!(facts(&fresh), facts(&world));
    }
}

/// Adds users one after the other until it is told to stop; counts those that were acknowledged, and gives them with the
/// number of failures.
async fn write(
    store: Arc<PostgresStore>,
    first: u32,
    stop: Arc<AtomicBool>,
    done: watch::Sender<u32>,
) -> (Vec<u32>, u32) {
    let (mut acknowledged, mut failures) = (Vec::new(), 0);
    let mut id = first;
    while !stop.load(Ordering::Relaxed) {
        let added = async {
            let revision = store.load().await?.revision();
            store.commit(revision, &[add_user(id)]).await
        };
        match added.await {
            Ok(_) => {
                acknowledged.push(id);
                done.send_modify(|count| *count += 1);
            }
            Err(error) => {
                let kinds = [ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::Conflict];
                assert!(kinds.contains(&error.kind()) && error.is_retryable(), "{error}");
                failures += 1;
                tokio::task::yield_now().await;
            }
        }
        // An id whose commit failed may be there all the same.
        id += 1;
    }
    (acknowledged, failures)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_acknowledged_before_it_stopped_at_once_is_there_when_it_is_back() {
    let mut server = Postgres::start().await.unwrap();
    let store = Arc::new(
        PostgresStore::open(options(&server).connections(4))
            .await
            .unwrap(),
    );
    let stop = Arc::new(AtomicBool::new(false));
    let (done, mut counted) = watch::channel(0u32);
    let writers: Vec<_> = (0..3u32)
        .map(|writer| {
            let first = 1 + writer * 100_000_000;
            tokio::spawn(write(store.clone(), first, stop.clone(), done.clone()))
        })
        .collect();
    for round in 0..4 {
        let wanted = *counted.borrow() + 25;
        counted.wait_for(|count| *count >= wanted).await.unwrap();
        if round % 2 == 0 {
            server.stop_immediately().await.unwrap();
        } else {
            server.stop_fast().await.unwrap();
        }
        let error = loop {
            match store.sessions(false, 1).await {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.is_retryable());
        server.start_again().await.unwrap();
    }
    let wanted = *counted.borrow() + 25;
    counted.wait_for(|count| *count >= wanted).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let (mut acknowledged, mut failures) = (Vec::new(), 0);
    for writer in writers {
        let (ids, failed) = writer.await.unwrap();
        acknowledged.extend(ids);
        failures += failed;
    }
    let world = store.load().await.unwrap();
    for id in &acknowledged {
        assert!(
            world.user(UserId::new(*id).unwrap()).is_some(),
            "user {id} was acknowledged"
        );
    }
    let users = world.users().count();
    assert_eq!(world.revision(), users as u64, "one user a commit");
    assert!((acknowledged.len()..=acknowledged.len() + failures as usize).contains(&users));
    let fresh = open(&server).await.load().await.unwrap();
    assert_eq!(
        (fresh.revision(), facts(&fresh)),
        (world.revision(), facts(&world))
    );
}

#[tokio::test]
async fn a_store_outlives_each_of_its_connections() {
    let server = Postgres::start().await.unwrap();
    let store = open(&server).await;
    store.commit(0, &site()).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'jump'";
    let raw = raw(&server).await;
    for revision in 1..4 {
        raw.query(cut, &[]).await.unwrap();
        let id = u32::try_from(revision).unwrap() + 10;
        // The connection is gone; that it is gone may reach us after the next question.
        let done = loop {
            match store.commit(revision, &[add_user(id)]).await {
                Ok(done) => break done,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                    assert!(error.is_retryable());
                }
            }
        };
        assert_eq!(done, revision + 1);
    }
}

#[tokio::test]
async fn a_damaged_object_is_an_integrity_error_that_names_its_kind() {
    let server = Postgres::start().await.unwrap();
    open(&server).await.commit(0, &site()).await.unwrap();
    let raw = raw(&server).await;
    let damage = r#"UPDATE items SET body = replace(body, '"port":2222', '"port":0')"#;
    assert!(raw.execute(damage, &[]).await.unwrap() > 0);
    let error = open(&server).await.load().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.to_string().contains("item"), "{error}");
}
