//! Edits that meet: each is decided on the world that it changes.

use std::sync::atomic::Ordering;

use super::super::Caller;
use super::super::enrol::enrol;
use super::scene::{Scene, a_key, item, jumpoint, name, settle};
use crate::control::{Edit, Enrol, Invitation, ItemDraft, Response, WireSecret};
use crate::error::ErrorKind;
use crate::keys::SealingKey;
use crate::model::{Hostname, ItemDetails, ShellJump, UserName};
use crate::tunnel::PeerAddress;

fn local() -> Caller {
    Caller::local()
}

fn add_item() -> Edit {
    Edit::AddItem(Box::new(ItemDraft {
        jump_policy: None,
        session_policy: None,
        name: name("web-2"),
        group: name("web"),
        jumpoint: Some(name("berlin")),
        hostname: Hostname::new("10.0.0.6").unwrap(),
        tag: Default::default(),
        comments: Default::default(),
        recording: Default::default(),
        max_duration_seconds: None,
        details: ItemDetails::ShellJump(ShellJump::ssh(22)),
    }))
}

#[tokio::test]
async fn an_edit_does_not_bring_back_what_was_removed_meanwhile() {
    let scene = Scene::new().await;
    let removing = scene
        .edit_held_back(Edit::RemoveItem { item: "web-1".into() })
        .await;
    let broker = scene.broker.clone();
    let setting = tokio::spawn(async move {
        let edit = Edit::SetCredential {
            item: item(),
            credential: None,
        };
        super::super::edit::edit(&broker, &local(), edit).await
    });
    settle().await;
    scene.store.commits_pass.send_replace(true);
    removing.await.unwrap().unwrap();
    assert_eq!(setting.await.unwrap().unwrap_err().kind(), ErrorKind::NotFound);
    assert!(scene.broker.world().item(item()).is_none());
}

#[tokio::test]
async fn who_loses_a_permission_meanwhile_does_not_use_it() {
    let scene = Scene::new().await;
    let revoking = scene
        .edit_held_back(Edit::RemoveMember {
            group: name("web"),
            user: UserName::new("alice").unwrap(),
        })
        .await;
    let (broker, alice) = (scene.broker.clone(), scene.alice.clone());
    let adding = tokio::spawn(async move { super::super::edit::edit(&broker, &alice, add_item()).await });
    settle().await;
    scene.store.commits_pass.send_replace(true);
    revoking.await.unwrap().unwrap();
    assert_eq!(adding.await.unwrap().unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn enrolling_does_not_undo_that_the_jumpoint_was_disabled_meanwhile() {
    let scene = Scene::new().await;
    let invited = scene
        .edit_as(&local(), Edit::InviteJumpoint { name: name("berlin") })
        .await
        .unwrap();
    let Response::Invitation(text) = invited else {
        panic!()
    };
    let invitation: Invitation = text.expose().parse().unwrap();
    let disabling = scene
        .edit_held_back(Edit::EnableJumpoint {
            name: name("berlin"),
            enabled: false,
        })
        .await;
    let broker = scene.broker.clone();
    let enrolling = tokio::spawn(async move {
        let secret = WireSecret::from_bytes(invitation.secret().expose());
        let sealing_key = SealingKey::generate().unwrap().public();
        let from = PeerAddress::memory("test");
        enrol(&broker, a_key(), &from, &secret, Enrol::Jumpoint { sealing_key }).await
    });
    settle().await;
    scene.store.commits_pass.send_replace(true);
    disabling.await.unwrap().unwrap();
    let _ = enrolling.await.unwrap();
    assert!(!scene.broker.world().jumpoint(jumpoint()).unwrap().enabled);
}

#[tokio::test]
async fn an_edit_whose_caller_goes_away_is_still_made_whole() {
    let scene = Scene::new().await;
    let abandoned = scene
        .edit_held_back(Edit::AddGroup {
            name: name("db"),
            comments: Default::default(),
        })
        .await;
    abandoned.abort();
    assert!(abandoned.await.unwrap_err().is_cancelled());
    scene.store.commits_pass.send_replace(true);
    scene
        .edit_as(&local(), Edit::RemoveGroup { name: name("db") })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_change_that_was_made_although_the_store_failed_holds_and_the_next_one_works() {
    let scene = Scene::new().await;
    scene.store.fails_after_commit.store(true, Ordering::Relaxed);
    let remove = Edit::RemoveMember {
        group: name("web"),
        user: UserName::new("alice").unwrap(),
    };
    let error = scene.edit_as(&local(), remove).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert_eq!(scene.broker.world().memberships().count(), 0);
    let error = scene.edit_as(&scene.alice, add_item()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    scene.edit_as(&local(), add_item()).await.unwrap();
}
