//! What every store must do, run against each of them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod data;
mod suite;

use std::collections::HashSet;

use jump_core::ErrorKind;
use jump_core::id::SessionId;
use jump_core::model::{Change, HostKey, Name, Role, UserName};
use jump_core::store::{EnrolmentToken, IdKind, SessionState, TokenHash, TokenPurpose};
use jump_core::time::{SignedDuration, Timestamp};

use data::{facts, group, item, jumpoint, login, session, site, tunnel_item, user};
use suite::AnyStore;
use suite::model::*;
use suite::queries::*;

async fn a_new_store_is_empty_and_has_the_built_in_roles(store: AnyStore) {
    let world = store.load().await.unwrap();
    assert_eq!(world.revision(), 0);
    assert_eq!(world.roles().count(), 4);
    assert!(facts(&world).is_empty());
}

/// Each change alone gives the world that the same change gives in memory.
async fn every_change_is_kept_as_the_world_applies_it(store: AnyStore) {
    let mut expected = store.load().await.unwrap();
    let changes = data::every_change();
    for (index, change) in changes.iter().enumerate() {
        let changes = std::slice::from_ref(change);
        expected.apply(changes).unwrap();
        let revision = store.commit(index as u64, changes).await.unwrap();
        let world = store.load().await.unwrap();
        assert_eq!((revision, world.revision()), (index as u64 + 1, revision));
        assert_eq!(facts(&world), facts(&expected), "after {change:?}");
    }
}

async fn a_stale_revision_changes_nothing(store: AnyStore) {
    store.commit(0, &site()).await.unwrap();
    for stale in [0, 2, u64::MAX] {
        let error = store
            .commit(stale, &[Change::PutUser(user(9, "eve"))])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.is_retryable());
    }
    let world = store.load().await.unwrap();
    assert_eq!(world.revision(), 1);
    assert!(world.user_named("eve").is_none());
}

async fn the_revision_is_that_of_the_last_commit(store: AnyStore) {
    assert_eq!(store.revision().await.unwrap(), 0);
    store.commit(0, &site()).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), 1);
    store.commit(1, &[Change::PutUser(user(9, "eve"))]).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), 2);
    let impossible = [Change::RemoveUser(user(99, "x").id)];
    store.commit(2, &impossible).await.unwrap_err();
    store.put_session(&session(1)).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), 2);
}

async fn changes_are_applied_all_or_none(store: AnyStore) {
    store.commit(0, &site()).await.unwrap();
    let before = facts(&store.load().await.unwrap());
    let impossible = [
        (Change::RemoveUser(user(99, "x").id), ErrorKind::NotFound),
        (Change::PutUser(user(98, "ALICE")), ErrorKind::Conflict),
        (Change::PutItem(item(97, 99, 1, "nowhere")), ErrorKind::NotFound),
        (Change::PutGroup(group(96, "servers")), ErrorKind::Conflict),
        (Change::PutLogin(login(95, 1, 1)), ErrorKind::Conflict),
        (Change::PutItem(item(94, 1, 1, "SHELL")), ErrorKind::Conflict),
    ];
    for (last, kind) in impossible {
        let changes = [
            Change::PutUser(user(50, "new")),
            Change::RemoveGroup(group(1, "servers").id),
            Change::PutGroup(group(1, "servers")),
            Change::PutItem(item(1, 1, 1, "shell")),
            last,
        ];
        let error = store.commit(1, &changes).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        let world = store.load().await.unwrap();
        assert_eq!((world.revision(), facts(&world)), (1, before.clone()));
    }
}

async fn removing_an_object_removes_what_depends_on_it(store: AnyStore) {
    let doomed = [
        Change::RemoveGroup(group(1, "").id),
        Change::RemoveJumpoint(jumpoint(1, "").id),
        Change::RemoveUser(user(1, "").id),
    ];
    for (revision, change) in (0u64..).step_by(3).zip(doomed) {
        store.commit(revision, &site()).await.unwrap();
        let mut expected = store.load().await.unwrap();
        let full = facts(&expected);
        expected.apply(std::slice::from_ref(&change)).unwrap();
        store
            .commit(revision + 1, std::slice::from_ref(&change))
            .await
            .unwrap();
        let world = store.load().await.unwrap();
        assert_eq!(facts(&world), facts(&expected), "after {change:?}");
        assert!(
            facts(&world).len() + 2 < full.len(),
            "more than the object is gone"
        );
        store
            .commit(
                revision + 2,
                &[
                    Change::PutGroup(group(1, "servers")),
                    Change::PutJumpoint(jumpoint(1, "branch")),
                ],
            )
            .await
            .unwrap();
    }
}

/// One commit may put, pin, replace and remove the same item: only the end counts.
async fn a_host_key_is_pinned_once_and_in_any_order_with_other_changes(store: AnyStore) {
    store.commit(0, &site()).await.unwrap();
    let pin = |key: &str| Change::PinHostKey {
        item: item(1, 1, 1, "").id,
        key: HostKey::new(key).unwrap(),
    };
    let mut expected = store.load().await.unwrap();
    let mixed = [
        pin(data::HOST_KEY),
        pin(data::HOST_KEY),
        Change::RemoveItem(item(1, 1, 1, "").id),
        Change::PutItem(item(1, 1, 1, "shell")),
        Change::PutItem(item(7, 1, 1, "other")),
        pin(data::OTHER_HOST_KEY),
        Change::PutItem(item(7, 1, 1, "renamed")),
    ];
    expected.apply(&mixed).unwrap();
    store.commit(1, &mixed).await.unwrap();
    assert_eq!(facts(&store.load().await.unwrap()), facts(&expected));
    let error = store.commit(2, &[pin(data::HOST_KEY)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey);
}

async fn a_name_can_be_given_on_within_one_commit(store: AnyStore) {
    store.commit(0, &site()).await.unwrap();
    let mut renamed = user(1, "alice");
    renamed.name = UserName::new("old-alice").unwrap();
    let mut moved = jumpoint(1, "branch");
    moved.name = Name::new("old-branch").unwrap();
    moved.key = None;
    let changes = [
        Change::PutUser(renamed),
        Change::PutUser(user(60, "Alice")),
        Change::PutJumpoint(moved),
        Change::PutJumpoint({
            let mut new = jumpoint(61, "branch");
            new.key = jumpoint(1, "branch").key;
            new
        }),
        Change::RemoveLogin(login(1, 1, 1).id),
        Change::PutLogin(login(62, 60, 1)),
    ];
    store.commit(1, &changes).await.unwrap();
    let world = store.load().await.unwrap();
    assert_eq!(world.user_named("alice").unwrap().id.get(), 60);
    assert_eq!(world.login_with_key(&login(1, 1, 1).key).unwrap().id.get(), 62);
}

async fn ids_count_up_per_kind_and_are_never_reused(store: AnyStore) {
    assert_eq!(store.next_id(IdKind::User).await.unwrap(), 1);
    assert_eq!(store.next_id(IdKind::User).await.unwrap(), 2);
    assert_eq!(store.next_id(IdKind::Item).await.unwrap(), 1);
    store
        .commit(0, &[Change::PutUser(user(7, "given-by-hand"))])
        .await
        .unwrap();
    store
        .commit(1, &[Change::RemoveUser(user(7, "").id)])
        .await
        .unwrap();
    assert_eq!(store.next_id(IdKind::User).await.unwrap(), 8);
    let given = futures_util::future::join_all((0..50).map(|_| {
        let store = store.clone();
        async move { tokio::spawn(async move { store.next_id(IdKind::Group).await.unwrap() }).await }
    }))
    .await;
    let given: HashSet<u32> = given.into_iter().map(Result::unwrap).collect();
    assert_eq!(given.len(), 50);
}

async fn the_last_id_is_2147483647(store: AnyStore) {
    let last = user(i32::MAX as u32 - 1, "last");
    store.commit(0, &[Change::PutUser(last)]).await.unwrap();
    assert_eq!(store.next_id(IdKind::User).await.unwrap(), i32::MAX as u32);
    let error = store.next_id(IdKind::User).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit);
}

fn now() -> Timestamp {
    "2026-01-02T03:04:05.000000001Z".parse().unwrap()
}

fn token(byte: u8) -> EnrolmentToken {
    EnrolmentToken {
        hash: TokenHash::of(&[byte; 32]),
        purpose: TokenPurpose::Jumpoint {
            jumpoint: jumpoint(3, "").id,
        },
        expires: now() + SignedDuration::from_nanos(1),
    }
}

async fn of_a_hundred_concurrent_redeems_one_succeeds(store: AnyStore) {
    store.put_token(&token(1)).await.unwrap();
    store.put_token(&token(2)).await.unwrap();
    let tries = (0..100).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.redeem_token(&token(1).hash, now()).await })
    });
    let mut redeemed = Vec::new();
    for outcome in futures_util::future::join_all(tries).await {
        match outcome.unwrap() {
            Ok(token) => redeemed.push(token),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unauthenticated),
        }
    }
    assert_eq!(redeemed, [token(1)]);
    assert_eq!(
        store.redeem_token(&token(2).hash, now()).await.unwrap(),
        token(2),
        "another token is untouched"
    );
}

async fn an_expired_or_unknown_token_is_refused_alike(store: AnyStore) {
    store.put_token(&token(1)).await.unwrap();
    let late = store
        .redeem_token(&token(1).hash, token(1).expires)
        .await
        .unwrap_err();
    let unknown = store.redeem_token(&token(3).hash, now()).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Unauthenticated);
    assert_eq!(late.to_string(), unknown.to_string());
}

async fn a_used_token_cannot_be_kept_again(store: AnyStore) {
    store.put_token(&token(1)).await.unwrap();
    store.redeem_token(&token(1).hash, now()).await.unwrap();
    let error = store.put_token(&token(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(store.redeem_token(&token(1).hash, now()).await.is_err());
}

async fn sessions_are_listed_newest_first_and_bounded(store: AnyStore) {
    let mut sessions: Vec<_> = (0..20u8).map(session).collect();
    for session in &sessions {
        store.put_session(session).await.unwrap();
    }
    for session in sessions.iter_mut().step_by(3) {
        session.state = data::ended();
        store.put_session(session).await.unwrap();
    }
    sessions.sort_by(|a, b| b.started.cmp(&a.started).then(a.id.cmp(&b.id)));
    assert_eq!(store.sessions(false, 1000).await.unwrap(), sessions);
    assert_eq!(store.sessions(false, 5).await.unwrap(), sessions[..5]);
    assert!(store.sessions(false, 0).await.unwrap().is_empty());
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.sessions_after(false, after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.started, last.id));
        all.extend(page);
    }
    assert_eq!(
        all, sessions,
        "page by page, though some start at the same moment"
    );
    sessions.retain(|session| session.state == SessionState::Active);
    assert_eq!(store.sessions(true, 1000).await.unwrap(), sessions);
    assert_eq!(store.sessions(true, u32::MAX).await.unwrap().len(), 13);
    let fourth = Some((sessions[3].started, sessions[3].id));
    let rest = store.sessions_after(true, fourth, 1000).await.unwrap();
    assert_eq!(rest, sessions[4..]);
    let one = sessions[3].clone();
    assert_eq!(store.session(one.id).await.unwrap(), Some(one));
    let unknown = SessionId::random().unwrap();
    assert_eq!(store.session(unknown).await.unwrap(), None);
}

async fn of_concurrent_commits_at_one_revision_one_succeeds(store: AnyStore) {
    let commits = (1..=20).map(|id| {
        let store = store.clone();
        tokio::spawn(async move {
            let change = Change::PutUser(user(id, &format!("user-{id}")));
            store.commit(0, &[change]).await
        })
    });
    let outcomes = futures_util::future::join_all(commits).await;
    let won = outcomes
        .into_iter()
        .filter(|outcome| outcome.as_ref().unwrap().is_ok());
    assert_eq!(won.count(), 1);
    assert_eq!(store.load().await.unwrap().users().count(), 1);
}

async fn every_field_survives(store: AnyStore) {
    let mut changes = site();
    let mut full = item(8, 1, 1, "Büro 🖥");
    full.max_duration_seconds = Some(u32::MAX);
    changes.push(Change::PutItem(full.clone()));
    changes.push(Change::PutItem(tunnel_item(9, 1, 1, "more ports")));
    let mut admin = user(5, "root");
    admin.administrator = true;
    admin.enabled = false;
    admin.default_role = Some(Role::AUDITOR);
    changes.push(Change::PutUser(admin.clone()));
    store.commit(0, &changes).await.unwrap();
    let world = store.load().await.unwrap();
    assert_eq!(**world.item(full.id).unwrap(), full);
    assert_eq!(**world.user(admin.id).unwrap(), admin);
}

macro_rules! suite {
    ($($test:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(std::sync::Arc::new(jump_core::store::MemoryStore::new().unwrap())).await;
            })+
        }

        mod sqlite_in_memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(std::sync::Arc::new(jump_store::SqliteStore::open_in_memory().unwrap())).await;
            })+
        }

        mod sqlite_file {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let folder = jump_testkit::folder::Folder::new().unwrap();
                let store = super::data::Reopened::new(folder.join("site.db"));
                super::$test(std::sync::Arc::new(store)).await;
            })+
        }

        mod journal {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(std::sync::Arc::new(super::data::Reopened::journal())).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let server = jump_testkit::postgres::Postgres::start().await.unwrap();
                let options = jump_store::PostgresOptions::parse(&server.socket_address()).unwrap();
                let store = jump_store::PostgresStore::open(options).await.unwrap();
                super::$test(std::sync::Arc::new(store)).await;
            })+
        }
    };
}

suite! {
    a_new_store_is_empty_and_has_the_built_in_roles,
    every_change_is_kept_as_the_world_applies_it,
    a_stale_revision_changes_nothing,
    the_revision_is_that_of_the_last_commit,
    changes_are_applied_all_or_none,
    removing_an_object_removes_what_depends_on_it,
    a_host_key_is_pinned_once_and_in_any_order_with_other_changes,
    a_name_can_be_given_on_within_one_commit,
    ids_count_up_per_kind_and_are_never_reused,
    the_last_id_is_2147483647,
    of_a_hundred_concurrent_redeems_one_succeeds,
    an_expired_or_unknown_token_is_refused_alike,
    a_used_token_cannot_be_kept_again,
    sessions_are_listed_newest_first_and_bounded,
    of_concurrent_commits_at_one_revision_one_succeeds,
    every_field_survives,
    every_kind_of_object_survives,
    removals_of_every_kind_go_as_far_as_the_world_says,
    objects_are_renamed_around_a_removal_in_one_commit,
    names_are_unique_as_the_world_compares_them,
    random_worlds_come_back_and_shrink_as_in_memory,
    v03_hostile_text_in_any_field_is_kept_or_refused,
    pages_are_those_of_the_world,
    facts_are_those_of_the_world,
    a_listing_over_many_groups_goes_through_all_of_them_once,
    a_search_takes_its_text_literally_and_whatever_its_case,
    a_listing_goes_on_where_it_was_although_items_come_and_go,
    questions_out_of_range_are_refused,
}
