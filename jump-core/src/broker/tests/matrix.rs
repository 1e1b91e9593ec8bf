//! Every request there is, for every kind of object that it can name, about one that is hidden, one of another site and one that
//! nobody ever had: the same answer, word for word (V-11); and what names nothing shows nothing of what is hidden (V-19).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::request::answer;
use super::super::transfer::Transfer;
use super::super::{Caller, Totp};
use super::isolation::{Hidden, furnish, said};
use super::requests::{self, About, kinds_of, rows};
use super::scene::{Peer, Scene, name};
use crate::audit::Actor;
use crate::control::RepRequest;
use crate::error::ErrorKind;
use crate::id::{LoginId, SessionId, UserId};
use crate::keys::SigningKey;
use crate::model::{Change, Comments, Login, LoginScope, User, UserName};
use crate::secret::Secret;
use crate::session::{Credential, CredentialSecret};
use crate::vault::{AccountDraft, GivenKey, GroupOrAccount, MasterKey, MemoryVaultStore, Vault, VaultRole};

/// A site in which something of every kind is hidden from `kim`.
pub(super) struct Furnished {
    pub(super) scene: Scene,
    kim: Caller,
    pub(super) root: Caller,
    rep: Peer,
    /// A live session of somebody else.
    session: SessionId,
    _jumpoint: Peer,
}

pub(super) async fn furnished(hidden: &Hidden) -> Furnished {
    let (store, key) = (Arc::new(MemoryVaultStore::new()), MasterKey::generate().unwrap());
    Vault::create(&*store, &key).await.unwrap();
    let vault = Vault::open(store, Arc::new(GivenKey::new(key))).await.unwrap();
    let vault = Arc::new(vault);
    let scene = Scene::with(|builder| builder.vault(vault.clone()).totp(Arc::new(Totp::default()))).await;
    let (scene, kim) = furnish(scene, hidden).await;
    let tail = hidden.tail;
    let group = name(&format!("accounts-{tail}"));
    vault.add_group(group.clone(), Comments::default()).await.unwrap();
    let now = scene.broker.now();
    let mut draft = AccountDraft::new(name(&format!("account-{tail}")));
    draft.group = Some(group);
    for draft in [draft, AccountDraft::new(name("own"))] {
        let credential = Credential {
            username: "root".to_owned(),
            secret: CredentialSecret::Password(Secret::new("secret".to_owned())),
        };
        vault.add(draft, &credential, now).await.unwrap();
    }
    let (owner, kims) = (UserId::new(hidden.number).unwrap(), kim.user().unwrap());
    for (account, user) in [(format!("account-{tail}"), owner), ("own".to_owned(), kims)] {
        let on = GroupOrAccount::Account(name(&account));
        let role = Some(VaultRole::InjectAndCheckout);
        vault.grant(&on, user, role).await.unwrap();
    }
    vault
        .check_out(&name(&format!("account-{tail}")), owner, now)
        .await
        .unwrap();
    let key = SigningKey::generate().unwrap().public();
    let mut root = User::new(UserId::new(900).unwrap(), UserName::new("root").unwrap());
    root.administrator = true;
    let login = Login {
        id: LoginId::new(900).unwrap(),
        user: root.id,
        label: name("device"),
        key,
        scope: LoginScope::Everything,
        expires: None,
        sources: Default::default(),
    };
    let changes = vec![Change::PutUser(root), Change::PutLogin(login)];
    scene.broker.commit(Actor::System, changes).await.unwrap();
    let root = Caller::from_login(&scene.broker.world(), &key, None, now).unwrap();
    let (rep, online) = (Peer::new(), scene.connect_jumpoint());
    scene.jump(&rep).await.unwrap();
    let session = scene.broker.live_sessions()[0];
    Furnished {
        scene,
        kim,
        root,
        rep,
        session,
        _jumpoint: online,
    }
}

/// Two sites with different things in them, and what is hidden in the first, is in the second, and is nowhere.
async fn two_sites() -> (Furnished, Furnished) {
    let here = Hidden {
        number: 60,
        tail: "here",
    };
    let there = Hidden {
        number: 70,
        tail: "else",
    };
    (furnished(&here).await, furnished(&there).await)
}

fn triples(about: About, here: &Furnished, there: &Furnished) -> Vec<[String; 3]> {
    let named = |text: &str| ["here", "else", "nope"].map(|tail| format!("{text}-{tail}"));
    let ids = || ["60", "70", "80"].map(str::to_owned);
    match about {
        About::Nothing => Vec::new(),
        About::Item => vec![
            ids(),
            named("item"),
            ["here", "else", "nope"].map(|tail| format!("group-{tail}/item-{tail}")),
        ],
        About::User => vec![named("user")],
        About::Group => vec![named("group"), named("@user")],
        About::Jumpoint => vec![named("jumpoint")],
        About::Login | About::Approval => vec![ids()],
        About::Session => {
            let random = SessionId::random().unwrap();
            vec![[here.session, there.session, random].map(|session| session.to_string())]
        }
        About::Policy => vec![named("policy")],
        About::SessionPolicy => vec![named("session")],
        About::Account => vec![named("account")],
        About::AccountGroup => vec![named("accounts")],
    }
}

pub(super) type Said = (Option<ErrorKind>, String);

/// The answer as it comes over a connection of its own.
pub(super) async fn told(site: &Furnished, caller: &Caller, request: RepRequest, asked: &str) -> Said {
    let RepRequest::Transfer(step) = request else {
        return said(&site.scene.broker, caller, &site.rep, request, asked).await;
    };
    match Transfer::default().step(&site.scene.broker, caller, step).await {
        Ok(answer) => (None, format!("{answer:?}").replace(asked, "…")),
        Err(error) => (Some(error.kind()), error.to_string().replace(asked, "…")),
    }
}

#[test]
fn v11_every_kind_of_request_is_in_the_matrix() {
    let tried: BTreeSet<&str> = rows()
        .flat_map(|(_, ask)| kinds_of(&ask(&"1".repeat(32))))
        .collect();
    let all = [
        requests::REQUESTS,
        requests::EDITS,
        requests::MODEL_EDITS,
        requests::VAULT,
        requests::FACTORS,
        requests::TRANSFERS,
        requests::SIMULATIONS,
        requests::REPORTS,
        requests::DESCRIPTIONS,
    ];
    let missing: Vec<_> = all
        .into_iter()
        .flatten()
        .filter(|kind| !tried.contains(*kind))
        .collect();
    assert!(missing.is_empty(), "not in the matrix: {missing:?}");
}

#[tokio::test]
async fn v11_no_request_tells_what_is_hidden_or_another_sites_from_what_is_nowhere() {
    let (here, there) = two_sites().await;
    let mut cells = 0;
    for (about, ask) in rows() {
        for [hidden, elsewhere, nowhere] in triples(about, &here, &there) {
            let what = format!("{:?} about {about:?} {hidden}", kinds_of(&ask(&nowhere)));
            let nobodys = told(&here, &here.kim, ask(&nowhere), &nowhere).await;
            for asked in [&hidden, &elsewhere] {
                let one = told(&here, &here.kim, ask(asked), asked).await;
                assert_eq!(one, nobodys, "{what}");
                cells += 1;
            }
            // It was refused because it is not kim's, not for something that is wrong with the request.
            let refused = [None, Some(ErrorKind::Denied), Some(ErrorKind::NotFound)];
            assert!(refused.contains(&nobodys.0), "{what}: {nobodys:?}");
        }
    }
    assert!(cells > 200, "{cells}");
    assert_eq!(here.scene.broker.live_sessions(), [here.session], "it still runs");
}

#[tokio::test]
async fn v11_an_administrator_of_one_site_is_told_nothing_of_another() {
    let (here, there) = two_sites().await;
    // What is added is there from then on, whatever another site has.
    let adding = [
        "Edit::AddUser",
        "Edit::AddGroup",
        "Edit::AddJumpoint",
        "VaultRequest::Add",
        "VaultRequest::AddGroup",
    ];
    let adds = |request: &RepRequest| kinds_of(request).iter().any(|kind| adding.contains(kind));
    for (about, ask) in rows() {
        for [_, elsewhere, nowhere] in triples(about, &here, &there) {
            if adds(&ask(&nowhere)) {
                continue;
            }
            let what = format!("{:?} about {about:?} {elsewhere}", kinds_of(&ask(&nowhere)));
            let nobodys = told(&here, &here.root, ask(&nowhere), &nowhere).await;
            let one = told(&here, &here.root, ask(&elsewhere), &elsewhere).await;
            assert_eq!(one, nobodys, "{what}");
        }
    }
}

#[tokio::test]
async fn v11_the_hidden_ones_are_there() {
    let (here, there) = two_sites().await;
    let mut seen = BTreeSet::new();
    for site in [&here, &there] {
        let world = site.scene.broker.world();
        seen.extend(world.items().map(|item| item.name.to_string()));
        seen.extend(world.users().map(|user| user.name.to_string()));
        seen.extend(world.groups().map(|group| group.name.to_string()));
        seen.extend(world.jumpoints().map(|jumpoint| jumpoint.name.to_string()));
        seen.extend(world.policies().map(|policy| policy.name.to_string()));
        seen.extend(world.session_policies().map(|policy| policy.name.to_string()));
        let vault = site.scene.broker.0.vault.as_ref().unwrap();
        let accounts = vault.accounts().await.unwrap();
        seen.extend(accounts.iter().map(|account| account.name.to_string()));
        let groups = vault.groups().await.unwrap();
        seen.extend(groups.iter().map(|group| group.name.to_string()));
    }
    for about in [
        About::Item,
        About::User,
        About::Group,
        About::Jumpoint,
        About::Policy,
        About::SessionPolicy,
        About::Account,
        About::AccountGroup,
    ] {
        let named = |triple: &[String; 3]| {
            seen.contains(&triple[0]) && seen.contains(&triple[1]) && !seen.contains(&triple[2])
        };
        assert!(triples(about, &here, &there).iter().any(named), "{about:?}");
    }
    for (site, id) in [(&here, 60), (&there, 70)] {
        let world = site.scene.broker.world();
        assert!(world.item(crate::id::ItemId::new(id).unwrap()).is_some());
        assert!(world.login(LoginId::new(id).unwrap()).is_some());
        assert!(world.approval(crate::id::ApprovalId::new(id).unwrap()).is_some());
    }
}

/// What names nothing is asked at two sites that differ in nothing but what is hidden.
#[tokio::test]
async fn v19_what_is_listed_is_the_same_whatever_is_hidden() {
    let (here, there) = two_sites().await;
    for (about, ask) in rows().filter(|(about, _)| *about == About::Nothing) {
        let what = format!("{:?}", kinds_of(&ask("")));
        let one = told(&here, &here.kim, ask(""), "\0").await;
        let other = told(&there, &there.kim, ask(""), "\0").await;
        assert_eq!(one, other, "{what} about {about:?}");
        for hidden in ["here", "else", "alice", "web-1"] {
            assert!(!one.1.contains(hidden), "{what}: {one:?}");
        }
    }
    // And is not nothing.
    let ask = |request| answer(&here.scene.broker, &here.kim, None, request);
    let own = format!("{:?}", ask(RepRequest::Items).await.unwrap());
    assert!(own.contains("m-1"), "{own}");
    let list = RepRequest::Vault(crate::control::VaultRequest::List);
    let own = format!("{:?}", ask(list).await.unwrap());
    assert!(own.contains("own"), "{own}");
}
