//! Stores that follow each other's commits.

use jump_core::model::{Change, UserName};
use jump_core::store::Store;
use jump_testkit::postgres::Postgres;

use super::data::{every_change, facts, site, user};
use super::{add_user, open, raw};

#[tokio::test]
async fn a_store_follows_every_kind_of_change_of_another() {
    let server = Postgres::start().await.unwrap();
    let (writer, follower) = (open(&server).await, open(&server).await);
    follower.load().await.unwrap();
    for (revision, change) in every_change().iter().enumerate() {
        let made = writer.commit(revision as u64, std::slice::from_ref(change)).await;
        assert_eq!(follower.revision().await.unwrap(), made.unwrap());
        let (followed, written) = (follower.load().await.unwrap(), writer.load().await.unwrap());
        assert_eq!(followed.revision(), written.revision());
        assert_eq!(facts(&followed), facts(&written), "after {change:?}");
    }
}

#[tokio::test]
async fn a_store_that_follows_reads_what_changed_and_not_the_site() {
    let server = Postgres::start().await.unwrap();
    let (writer, follower) = (open(&server).await, open(&server).await);
    writer.commit(0, &site()).await.unwrap();
    follower.load().await.unwrap();
    // Not a commit: only who reads the site sees it.
    let raw = raw(&server).await;
    let sign = "UPDATE users SET body = replace(body, 'alice', 'malice')";
    assert!(raw.execute(sign, &[]).await.unwrap() > 0);
    for id in 10..13 {
        writer.commit(u64::from(id) - 9, &[add_user(id)]).await.unwrap();
    }
    let world = follower.load().await.unwrap();
    assert_eq!(world.revision(), 4);
    assert!(world.user_named("user-12").is_some() && world.user_named("alice").is_some());
    let anew = open(&server).await.load().await.unwrap();
    assert!(anew.user_named("malice").is_some());
}

#[tokio::test]
async fn what_cannot_be_followed_is_read_anew() {
    let server = Postgres::start().await.unwrap();
    let (writer, follower) = (open(&server).await, open(&server).await);
    let raw = raw(&server).await;
    writer.commit(0, &site()).await.unwrap();
    let mut revision = follower.load().await.unwrap().revision();
    let spoil = [
        "DELETE FROM recent_changes",
        "UPDATE recent_changes SET body = NULL",
        "UPDATE recent_changes SET body = 'nonsense'",
        "UPDATE recent_changes SET body = '[{\"change\":\"remove_user\",\"value\":999}]'",
        "UPDATE recent_changes SET before = 'another history'",
        "UPDATE recent_changes SET stamp = 'another history'",
        "UPDATE recent_changes SET revision = revision + 1000000 WHERE revision = (SELECT revision FROM meta)",
    ];
    for (id, spoil) in (100..).zip(spoil) {
        revision = writer.commit(revision, &[add_user(id)]).await.unwrap();
        assert!(raw.execute(spoil, &[]).await.unwrap() > 0, "{spoil}");
        let world = follower.load().await.unwrap();
        assert_eq!(world.revision(), revision, "{spoil}");
        let expected = facts(&open(&server).await.load().await.unwrap());
        assert_eq!(facts(&world), expected, "{spoil}");
        raw.execute("DELETE FROM recent_changes WHERE revision > 1000000", &[])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn many_changes_at_once_are_not_kept_and_few_commits_are() {
    let server = Postgres::start().await.unwrap();
    let (writer, follower) = (open(&server).await, open(&server).await);
    follower.load().await.unwrap();
    let many: Vec<Change> = (1..=5000).map(add_user).collect();
    writer.commit(0, &many).await.unwrap();
    assert_eq!(follower.load().await.unwrap().users().count(), 5000);
    let raw = raw(&server).await;
    let size = "SELECT coalesce(sum(length(body)), 0)::int8, count(*) FROM recent_changes";
    let row = raw.query_one(size, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (0, 1));
    for revision in 1..=140 {
        let renamed = Change::PutUser(jump_core::model::User {
            name: UserName::new(format!("renamed-{revision}")).unwrap(),
            ..user(1, "x")
        });
        writer.commit(revision, &[renamed]).await.unwrap();
    }
    let row = raw.query_one(size, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(1), 128);
    let world = follower.load().await.unwrap();
    assert_eq!(world.revision(), 141);
    assert!(world.user_named("renamed-140").is_some());
}
