//! Reading and changing a whole site over a connection: in parts, in one commit, and only what it is for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

use jump_core::control::{Edit, RepRequest, TransferRequest};
use jump_core::error::ErrorKind;
use jump_core::id::{GroupId, ItemId};
use jump_core::keys::{PublicKey, SigningKey};
use jump_core::model::{
    Change, Comments, Hostname, ItemDetails, JumpGroup, JumpItem, Jumpoint, Login, LoginScope, Name, User,
    Vnc, World,
};
use jump_core::protocol::Registry;
use jump_core::rep::Rep;
use jump_core::store::IdKind;
use jump_testkit::running_site::{RunningSite, SiteOptions};

async fn site() -> (RunningSite, Rep) {
    let site = RunningSite::start(SiteOptions::new(Registry::new()))
        .await
        .unwrap();
    site.add_user("root", None, true).await.unwrap();
    let rep = site.login("root", Registry::new()).await.unwrap();
    (site, rep)
}

fn group(id: u32, comments: &str) -> Change {
    let group = JumpGroup::new(
        GroupId::new(id).unwrap(),
        Name::new(format!("group-{id}")).unwrap(),
    );
    Change::PutGroup(JumpGroup {
        comments: Comments::new(comments).unwrap(),
        ..group
    })
}

fn item(id: u32, group: GroupId) -> JumpItem {
    JumpItem::new(
        ItemId::new(id).unwrap(),
        Name::new(format!("item-{id}")).unwrap(),
        group,
        None,
        Hostname::new("host.example").unwrap(),
        ItemDetails::LocalVnc(Vnc::default()),
    )
}

#[tokio::test]
async fn a_site_is_read_in_parts_without_keys_and_changed_in_one_commit() {
    let (site, rep) = site().await;
    let before = rep.read_site().await.unwrap();
    assert_eq!(before.revision(), site.broker.world().revision());
    let kinds = [IdKind::Group, IdKind::Item].into();
    let first = rep.fresh_ids(kinds).await.unwrap();
    let (groups, items) = (first[0].1, first[1].1);
    let id = GroupId::new(groups).unwrap();
    let mut changes = vec![group(groups, "many")];
    changes.extend((items..items + 3000).map(|number| {
        let mut item = item(number, id);
        item.comments = Comments::new("c".repeat(500)).unwrap();
        Change::PutItem(item)
    }));
    rep.change_site(before.revision(), changes.clone()).await.unwrap();
    let world = site.broker.world();
    assert_eq!(world.revision(), before.revision() + 1, "one commit");
    assert_eq!(world.items().count(), before.items().count() + 3000);
    let after = rep.read_site().await.unwrap();
    assert_eq!(after.items().count(), world.items().count());
    for jumpoint in after.jumpoints() {
        assert!(jumpoint.key.is_none() && jumpoint.sealing_key.is_none());
        assert!(
            world.jumpoint(jumpoint.id).unwrap().key.is_some(),
            "it has one, and keeps it"
        );
    }
    assert_eq!(after.logins().count(), 0);
    // Planned on what is there no more.
    let error = rep.change_site(before.revision(), changes).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Conflict, true));
    // All or nothing: the last one fails.
    let next = GroupId::new(groups + 1).unwrap();
    let bad = vec![group(groups + 1, ""), Change::RemoveItem(ItemId::HIGHEST)];
    let error = rep.change_site(after.revision(), bad).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(site.broker.world().group(next).is_none());
    assert_eq!(site.broker.world().revision(), after.revision());
}

#[tokio::test]
async fn ids_of_what_was_removed_are_not_given_again() {
    let (site, rep) = site().await;
    let world = rep.read_site().await.unwrap();
    let first = rep.fresh_ids([IdKind::Group].into()).await.unwrap()[0].1;
    let made = (first..first + 10).map(|id| group(id, "")).collect();
    rep.change_site(world.revision(), made).await.unwrap();
    let revision = site.broker.world().revision();
    let gone = (first..first + 10).map(|id| Change::RemoveGroup(GroupId::new(id).unwrap()));
    rep.change_site(revision, gone.collect()).await.unwrap();
    let next = rep.fresh_ids([IdKind::Group].into()).await.unwrap()[0].1;
    assert!(next >= first + 10, "{next} after {first}");
}

#[tokio::test]
async fn what_a_transfer_is_not_for_is_refused() {
    let (site, rep) = site().await;
    let world = site.broker.world();
    let root = world.user_named("root").unwrap().id;
    let key: PublicKey = SigningKey::generate().unwrap().public();
    let login = Login {
        id: jump_core::id::LoginId::new(99).unwrap(),
        user: root,
        label: Name::new("backdoor").unwrap(),
        key,
        scope: LoginScope::Everything,
        expires: None,
        sources: Default::default(),
    };
    let jumpoint = world.jumpoints().next().unwrap();
    let enrolled = Jumpoint {
        key: Some(key),
        ..Jumpoint::clone(jumpoint)
    };
    let logged_in = world.logins().next().unwrap().id;
    for change in [
        Change::PutLogin(login),
        Change::RemoveLogin(logged_in),
        Change::PutJumpoint(enrolled),
    ] {
        let error = rep.change_site(world.revision(), vec![change]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    assert_eq!(site.broker.world().revision(), world.revision());
    // More than an event of the audit log holds is refused before it is kept.
    let large: Vec<Change> = (1..)
        .take(5000)
        .map(|id| group(id, &"\u{fffd}".repeat(1024)))
        .collect();
    let error = rep.change_site(world.revision(), large.clone()).await;
    assert!(
        error.is_ok() || error.unwrap_err().kind() != ErrorKind::ResourceLimit,
        "15 MB are few enough"
    );
    let revision = site.broker.world().revision();
    let error = rep
        .change_site(revision, [large.clone(), large].concat())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit);
    assert_eq!(site.broker.world().revision(), revision);
}

#[tokio::test]
async fn s10_who_stopped_being_an_administrator_commits_nothing() {
    let (site, rep) = site().await;
    site.add_user("other", None, true).await.unwrap();
    let world: std::sync::Arc<World> = site.broker.world();
    let stage = TransferRequest::Stage {
        first: true,
        changes: vec![group(900, "")],
    };
    rep.request(RepRequest::Transfer(stage)).await.unwrap();
    let root = world.user_named("root").unwrap();
    let demoted = Change::PutUser(User {
        administrator: false,
        ..User::clone(root)
    });
    site.edit(Edit::Change {
        changes: vec![demoted],
        dry_run: false,
    })
    .await
    .unwrap();
    let revision = site.broker.world().revision();
    for step in [
        TransferRequest::Commit { revision },
        TransferRequest::Read { first: true },
        TransferRequest::FreshIds {
            kinds: [IdKind::User].into(),
        },
        TransferRequest::Stage {
            first: true,
            changes: vec![],
        },
    ] {
        let error = rep.request(RepRequest::Transfer(step)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
    assert!(site.broker.world().group(GroupId::new(900).unwrap()).is_none());
}
