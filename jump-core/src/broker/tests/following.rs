//! Another broker of the site changes it, and the store answers late, wrongly or not at all.

use std::time::Duration;

use tokio::time::sleep;

use super::super::Caller;
use super::scene::{Answers, Peer, Scene, item, name, settle};
use crate::control::{Edit, Notice};
use crate::error::ErrorKind;
use crate::model::{Change, Comments, JumpItem, UserName};
use crate::session::EndReason;
use crate::store::Store;

/// Longer than what is known of the store counts; the clock of these tests is the runtime's, and stands still.
const STALE: Duration = Duration::from_secs(3);

fn alice_is_removed(scene: &Scene) -> Vec<Change> {
    vec![Change::RemoveUser(scene.alice.user().unwrap())]
}

async fn ending(rep: &mut Peer) -> EndReason {
    loop {
        if let Notice::SessionEnded { reason, .. } = rep.notices.recv().await.unwrap() {
            return reason;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_broker_takes_away_ends_sessions_within_a_second() {
    let scene = Scene::new().await;
    let (_berlin, mut rep) = (scene.connect_jumpoint(), Peer::new());
    scene.jump(&rep).await.unwrap();
    scene.changed_elsewhere(&alice_is_removed(&scene)).await;
    let ended = tokio::time::timeout(Duration::from_secs(1), ending(&mut rep));
    assert!(matches!(ended.await.unwrap(), EndReason::AccessRevoked(_)));
    assert!(scene.broker.world().users().next().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_edit_sees_what_another_broker_has_just_changed() {
    let scene = Scene::new().await;
    let mut moved = JumpItem::clone(scene.broker.world().item(item()).unwrap());
    moved.comments = Comments::new("changed elsewhere").unwrap();
    scene.changed_elsewhere(&[Change::PutItem(moved)]).await;
    let edit = Edit::MoveItem {
        item: "web-1".into(),
        group: name("nowhere"),
    };
    let error = scene.edit_as(&Caller::local(), edit).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let world = scene.broker.world();
    assert_eq!(world.item(item()).unwrap().comments.as_str(), "changed elsewhere");
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_was_decided_before_another_brokers_change_is_refused() {
    let scene = Scene::new().await;
    let editing = scene.broker.begin_edit().await;
    scene.changed_elsewhere(&alice_is_removed(&scene)).await;
    // The broker learns of it while the turn is taken.
    sleep(Duration::from_secs(1)).await;
    assert!(scene.broker.world().users().next().is_none());
    assert!(editing.world().users().next().is_some());
    let mut item = JumpItem::clone(editing.world().item(item()).unwrap());
    item.comments = Comments::new("decided before").unwrap();
    let committed = editing.commit(crate::audit::Actor::System, vec![Change::PutItem(item)]);
    let error = committed.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(
        scene.broker.world().revision(),
        scene.store.revision().await.unwrap()
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_that_the_store_shows_before_its_commit_has_returned_is_not_undone() {
    let scene = Scene::new().await;
    let held = scene
        .edit_held_back(Edit::EnableUser {
            name: UserName::new("alice").unwrap(),
            enabled: false,
        })
        .await;
    // Another broker's change stands on it.
    let removed = Change::RemoveItem(item());
    scene.changed_elsewhere(&[removed]).await;
    sleep(Duration::from_secs(1)).await;
    scene.store.commits_pass.send_replace(true);
    held.await.unwrap().unwrap();
    let world = scene.broker.world();
    assert!(world.item(item()).is_none() && !world.users().next().unwrap().enabled);
}

/// While the store answers so, no session starts, those that run go on, and then all is as before.
async fn f18_fails_safe_and_recovers(answers: Answers) {
    let scene = Scene::new().await;
    let (_berlin, mut rep) = (scene.connect_jumpoint(), Peer::new());
    scene.jump(&rep).await.unwrap();
    scene.store.answers.send_replace(answers);
    // What was known a moment ago still counts.
    scene.jump(&rep).await.unwrap();
    sleep(STALE).await;
    for _ in 0..3 {
        let error = scene.jump(&rep).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(
            error.is_retryable() && error.to_string().contains("does not answer"),
            "{error}"
        );
    }
    scene.changed_elsewhere(&[Change::RemoveItem(item())]).await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(scene.broker.live_sessions().len(), 2);
    scene.store.answers.send_replace(Answers::AtOnce);
    // A question that hangs is given up after two seconds.
    let ended = tokio::time::timeout(Duration::from_secs(4), ending(&mut rep));
    assert!(matches!(ended.await.unwrap(), EndReason::AccessRevoked(_)));
    let error = scene.jump(&rep).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "the item is gone: {error}");
}

#[tokio::test(start_paused = true)]
async fn f18_a_store_that_fails_starts_no_session_and_ends_none() {
    f18_fails_safe_and_recovers(Answers::Fails).await;
}

#[tokio::test(start_paused = true)]
async fn f18_a_store_that_takes_five_seconds_starts_no_session_and_ends_none() {
    f18_fails_safe_and_recovers(Answers::After(Duration::from_secs(5))).await;
}

#[tokio::test(start_paused = true)]
async fn f18_a_store_that_hangs_starts_no_session_and_ends_none() {
    f18_fails_safe_and_recovers(Answers::After(Duration::from_secs(1_000_000))).await;
}

#[tokio::test(start_paused = true)]
async fn f18_a_session_whose_record_takes_long_to_store_is_decided_on_again() {
    let scene = Scene::new().await;
    let (_berlin, rep) = (scene.connect_jumpoint(), Peer::new());
    scene.store.sessions_pass.send_replace(false);
    let (broker, alice) = (scene.broker.clone(), scene.alice.clone());
    let connection = rep.connection.clone();
    let jumping = tokio::spawn(async move { Scene::jump_as(&broker, &alice, &connection).await });
    settle().await;
    scene.store.answers.send_replace(Answers::Fails);
    sleep(STALE).await;
    scene.store.sessions_pass.send_replace(true);
    let error = jumping.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}
