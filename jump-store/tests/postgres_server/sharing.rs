//! Several stores on one schema, several sites in one database.

use std::future::Future;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::model::{Change, UserName};
use jump_core::store::{IdKind, Store};
use jump_store::{PostgresStore, SchemaName};
use jump_testkit::postgres::Postgres;

use super::data::{facts, session, site, user};
use super::{add_user, open, options, raw};

#[tokio::test]
async fn two_stores_on_one_schema_see_each_others_writes() {
    let server = Postgres::start().await.unwrap();
    let (first, second) = (open(&server).await, open(&server).await);
    assert_eq!(second.load().await.unwrap().revision(), 0);
    first.commit(0, &site()).await.unwrap();
    let change = [Change::PutUser(user(9, "eve"))];
    let error = second.commit(0, &change).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.is_retryable());
    assert_eq!(second.commit(1, &change).await.unwrap(), 2);
    let world = first.load().await.unwrap();
    assert!(world.user_named("eve").is_some() && world.user_named("alice").is_some());
    assert_eq!(facts(&world), facts(&second.load().await.unwrap()));
    let one = first.next_id(IdKind::Item).await.unwrap();
    assert_eq!(second.next_id(IdKind::Item).await.unwrap(), one + 1);
    first.put_session(&session(3)).await.unwrap();
    assert_eq!(second.sessions(true, 10).await.unwrap(), [session(3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_commits_through_two_stores_exactly_one_wins_each_revision() {
    const EACH: u32 = 40;
    let server = Postgres::start().await.unwrap();
    let stores = [Arc::new(open(&server).await), Arc::new(open(&server).await)];
    let mut writers = Vec::new();
    for writer in 0..4u32 {
        let store = stores[writer as usize % 2].clone();
        writers.push(tokio::spawn(async move {
            let mut won = Vec::new();
            for number in 0..EACH {
                let change = [add_user(1 + writer * EACH + number)];
                loop {
                    let revision = store.load().await.unwrap().revision();
                    match store.commit(revision, &change).await {
                        Ok(revision) => break won.push(revision),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                    }
                }
            }
            won
        }));
    }
    let mut won = Vec::new();
    for writer in writers {
        won.extend(writer.await.unwrap());
    }
    won.sort_unstable();
    assert_eq!(won, (1..=u64::from(4 * EACH)).collect::<Vec<_>>());
    for store in stores {
        let world = store.load().await.unwrap();
        assert_eq!((world.revision(), world.users().count()), (160, 160));
    }
}

#[tokio::test]
async fn sites_in_one_database_know_nothing_of_each_other() {
    let server = Postgres::start().await.unwrap();
    let site_of = async |name| {
        let options = options(&server).schema(SchemaName::new(name).unwrap());
        PostgresStore::open(options).await.unwrap()
    };
    let (one, two) = (site_of("vienna").await, site_of("graz").await);
    one.commit(0, &site()).await.unwrap();
    one.put_session(&session(1)).await.unwrap();
    assert_eq!(one.next_id(IdKind::User).await.unwrap(), 3);
    let world = two.load().await.unwrap();
    assert_eq!((world.revision(), world.users().count()), (0, 0));
    assert_eq!(two.next_id(IdKind::User).await.unwrap(), 1);
    assert!(two.sessions(false, 10).await.unwrap().is_empty());
    two.commit(0, &[add_user(1)]).await.unwrap();
    assert!(one.load().await.unwrap().user_named("user-1").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_start_at_once_make_the_tables_once() {
    let server = Postgres::start().await.unwrap();
    let opening = (0..8).map(|_| {
        let options = options(&server);
        tokio::spawn(async move { PostgresStore::open(options).await })
    });
    for (number, opened) in futures_util::future::join_all(opening)
        .await
        .into_iter()
        .enumerate()
    {
        let store = opened.unwrap().unwrap();
        assert_eq!(store.next_id(IdKind::User).await.unwrap() as usize, number + 1);
    }
}

#[tokio::test]
async fn a_schema_of_a_newer_program_is_refused_and_left_alone() {
    let server = Postgres::start().await.unwrap();
    open(&server).await.commit(0, &site()).await.unwrap();
    let raw = raw(&server).await;
    raw.execute("UPDATE schema_version SET version = 77", &[])
        .await
        .unwrap();
    let error = PostgresStore::open(options(&server)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("77"), "{error}");
    let version: i32 = raw
        .query_one("SELECT version FROM schema_version", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(version, 77);
}

#[tokio::test]
async fn a_user_that_owns_the_schema_needs_no_other_right_and_one_without_is_denied() {
    let server = Postgres::start().await.unwrap();
    raw(&server)
        .await
        .batch_execute(
            "CREATE ROLE owner LOGIN; CREATE ROLE stranger LOGIN; CREATE SCHEMA jump AUTHORIZATION owner;",
        )
        .await
        .unwrap();
    let as_user = |name: &str| {
        let address = server.socket_address().replacen("jump@", &format!("{name}@"), 1);
        PostgresStore::open(jump_store::PostgresOptions::parse(&address).unwrap())
    };
    let error = as_user("stranger").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let store = as_user("owner").await.unwrap();
    store.commit(0, &site()).await.unwrap();
    let error = as_user("stranger").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_share_few_connections() {
    let server = Postgres::start().await.unwrap();
    let store = Arc::new(
        PostgresStore::open(options(&server).connections(3))
            .await
            .unwrap(),
    );
    let calls = (0..60u8).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            store.put_session(&session(number)).await.unwrap();
            store.load().await.unwrap().revision()
        })
    });
    for call in futures_util::future::join_all(calls).await {
        assert_eq!(call.unwrap(), 0);
    }
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'jump'";
    let connections: i64 = raw(&server).await.query_one(count, &[]).await.unwrap().get(0);
    assert!((1..=3).contains(&connections), "{connections}");
    assert_eq!(store.sessions(false, 100).await.unwrap().len(), 60);
}

#[tokio::test]
async fn a_commit_that_waits_too_long_for_another_says_so_and_can_be_tried_again() {
    let server = Postgres::start().await.unwrap();
    let store = PostgresStore::open(options(&server).statement_timeout(Duration::from_millis(200)))
        .await
        .unwrap();
    let other = raw(&server).await;
    other
        .batch_execute("BEGIN; SELECT 1 FROM meta FOR UPDATE")
        .await
        .unwrap();
    let error = store.commit(0, &site()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.is_retryable());
    assert_eq!(
        store.load().await.unwrap().revision(),
        0,
        "reading waits for nobody"
    );
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(store.commit(0, &site()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_cancelled_commit_is_done_whole_or_not_at_all() {
    let server = Postgres::start().await.unwrap();
    let store = PostgresStore::open(options(&server).connections(2))
        .await
        .unwrap();
    let mut cancelled = 0;
    for polls in 0..40u32 {
        let before = store.load().await.unwrap();
        let ids = [1 + 2 * polls, 2 + 2 * polls];
        let changes = ids.map(add_user);
        let mut commit = Box::pin(store.commit(before.revision(), &changes));
        let mut left = polls;
        let ended = std::future::poll_fn(|context| match commit.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => {
                left -= 1;
                Poll::Pending
            }
        })
        .await;
        drop(commit);
        cancelled += u32::from(ended.is_none());
        let after = store.load().await.unwrap();
        let there = ids.map(|id| after.user_named(&format!("user-{id}")).is_some());
        assert_eq!(there[0], there[1], "after {polls} polls");
        assert_eq!(after.revision() - before.revision(), u64::from(there[0]));
        assert!(ended.is_none_or(|ended| ended.is_ok() && there[0]));
    }
    assert!((1..40).contains(&cancelled), "{cancelled}");
}

#[tokio::test]
async fn another_history_with_the_same_revision_is_noticed() {
    let server = Postgres::start().await.unwrap();
    let store = open(&server).await;
    store.commit(0, &[add_user(1)]).await.unwrap();
    assert!(store.load().await.unwrap().user_named("user-1").is_some());
    let raw = raw(&server).await;
    raw.batch_execute(
        "CREATE TABLE kept AS SELECT * FROM users; DELETE FROM users; UPDATE meta SET revision = 0",
    )
    .await
    .unwrap();
    let other = open(&server).await;
    let renamed = Change::PutUser(jump_core::model::User {
        name: UserName::new("somebody-else").unwrap(),
        ..user(1, "x")
    });
    assert_eq!(other.commit(0, &[renamed]).await.unwrap(), 1);
    let world = store.load().await.unwrap();
    assert!(world.user_named("user-1").is_none() && world.user_named("somebody-else").is_some());
}
