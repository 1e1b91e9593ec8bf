//! What a user who is no administrator asks of the vault, of logins and of second factors gives it nothing that nobody gave it
//! (V-18): random grants, random calls in sequences, against a small model of who may what.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use jump_core::ErrorKind;
use jump_core::audit::MemoryAuditLog;
use jump_core::broker::{Broker, Caller, Totp};
use jump_core::control::{
    AssociationDraft, Edit, FactorRequest, RepRequest, Response, VaultAnswer, VaultRequest,
};
use jump_core::id::{GroupId, LoginId, UserId};
use jump_core::keys::{PublicKey, SealingKey, SigningKey};
use jump_core::model::{
    Change, JumpGroup, Login, LoginLimits, LoginScope, Membership, Name, Role, User, UserName,
};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret};
use jump_core::store::MemoryStore;
use jump_core::time::{ManualClock, Timestamp};
use jump_core::vault::{
    AccountDraft, GivenKey, GroupOrAccount, MasterKey, MemoryVaultStore, Vault, VaultRole, open_checked_out,
    seal_for_vault,
};
use jump_testkit::seeded::Seeded;

const USERS: u32 = 3;
const ACCOUNTS: u64 = 4;
const GROUPS: u64 = 2;
const CALLS: usize = 4;
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn user_name(user: u32) -> UserName {
    UserName::new(format!("u{user}")).unwrap()
}

fn account(number: u64) -> Name {
    name(&format!("account-{number}"))
}

fn group(number: u64) -> Name {
    name(&format!("group-{number}"))
}

fn credential(number: u64) -> Credential {
    Credential {
        username: "root".to_owned(),
        secret: CredentialSecret::Password(Secret::new(format!("secret-of-{number}"))),
    }
}

/// Who may what: the roles on accounts and on groups, and in which group an account is.
#[derive(Default)]
struct Model {
    on_accounts: BTreeMap<(u64, u32), VaultRole>,
    on_groups: BTreeMap<(u64, u32), VaultRole>,
    group_of: BTreeMap<u64, u64>,
    held_by: BTreeMap<u64, u32>,
}

impl Model {
    fn role(&self, account: u64, user: u32) -> Option<VaultRole> {
        let own = self.on_accounts.get(&(account, user)).copied();
        let of_group = |group: &u64| self.on_groups.get(&(*group, user)).copied();
        own.max(self.group_of.get(&account).and_then(of_group))
    }
}

struct Site {
    broker: Broker,
    vault: Arc<Vault>,
    model: Model,
    /// By user and scope.
    callers: BTreeMap<Asker, Caller>,
}

async fn site(random: &mut Seeded) -> Site {
    let (store, key) = (Arc::new(MemoryVaultStore::new()), MasterKey::generate().unwrap());
    Vault::create(&*store, &key).await.unwrap();
    let vault = Arc::new(Vault::open(store, Arc::new(GivenKey::new(key))).await.unwrap());
    let mut model = Model::default();
    let role = |random: &mut Seeded| match random.below(3) {
        0 => None,
        1 => Some(VaultRole::Inject),
        _ => Some(VaultRole::InjectAndCheckout),
    };
    for number in 0..GROUPS {
        vault.add_group(group(number), Default::default()).await.unwrap();
    }
    for number in 0..ACCOUNTS {
        let mut draft = AccountDraft::new(account(number));
        let within = random.below(GROUPS + 1);
        if within < GROUPS {
            draft.group = Some(group(within));
            model.group_of.insert(number, within);
        }
        vault.add(draft, &credential(number), NOW).await.unwrap();
    }
    for user in 1..=USERS {
        let id = UserId::new(user).unwrap();
        for number in 0..ACCOUNTS {
            if let Some(role) = role(random) {
                let on = GroupOrAccount::Account(account(number));
                vault.grant(&on, id, Some(role)).await.unwrap();
                model.on_accounts.insert((number, user), role);
            }
        }
        for number in 0..GROUPS {
            if let Some(role) = role(random) {
                let on = GroupOrAccount::Group(group(number));
                vault.grant(&on, id, Some(role)).await.unwrap();
                model.on_groups.insert((number, user), role);
            }
        }
    }
    let audit = Arc::new(MemoryAuditLog::new(10_000));
    let broker = Broker::builder(
        SigningKey::generate().unwrap(),
        Arc::new(MemoryStore::new().unwrap()),
        audit,
    )
    .clock(Arc::new(ManualClock::new(NOW)))
    .vault(vault.clone())
    .totp(Arc::new(Totp::default()))
    .start()
    .await
    .unwrap();
    let (changes, keys) = people();
    let edit = Edit::Change {
        changes,
        dry_run: false,
    };
    broker
        .request(&Caller::local(), RepRequest::Edit(edit))
        .await
        .unwrap();
    let callers = keys
        .into_iter()
        .map(|(who, key)| (who, broker.caller(&key).unwrap()));
    Site {
        callers: callers.collect(),
        broker,
        vault,
        model,
    }
}

/// A user's number, and whether the login is for everything.
type Asker = (u32, bool);

/// Users with a role that manages everything in a group, and two logins each: a right over items is none over credentials.
fn people() -> (Vec<Change>, Vec<(Asker, PublicKey)>) {
    let web = GroupId::new(1).unwrap();
    let mut changes = vec![Change::PutGroup(JumpGroup::new(web, name("web")))];
    let mut keys = Vec::new();
    for number in 1..=USERS {
        let user = UserId::new(number).unwrap();
        changes.push(Change::PutUser(User::new(user, user_name(number))));
        changes.push(Change::PutMembership(Membership {
            user,
            group: web,
            role: Some(Role::ADMINISTRATOR),
            policy: None,
        }));
        for (at, everything) in [(0, true), (1, false)] {
            let key = SigningKey::generate().unwrap().public();
            changes.push(Change::PutLogin(Login {
                id: LoginId::new(number * 2 + at).unwrap(),
                user,
                label: name("device"),
                key,
                scope: if everything {
                    LoginScope::Everything
                } else {
                    LoginScope::Sessions
                },
                expires: None,
                sources: Default::default(),
            }));
            keys.push(((number, everything), key));
        }
    }
    (changes, keys)
}

/// Everything that a grant, a secret or a login could have changed.
async fn everything(site: &Site) -> String {
    let world = site.broker.world();
    let mut logins: Vec<String> = world.logins().map(|login| format!("{login:?}")).collect();
    logins.sort();
    let (accounts, groups) = (
        site.vault.accounts().await.unwrap(),
        site.vault.groups().await.unwrap(),
    );
    format!("{:?} {logins:?} {accounts:?} {groups:?}", world.framework())
}

#[derive(Default)]
struct Seen {
    shown: usize,
    refused: usize,
    invited: usize,
}

/// One call that only an administrator may make.
fn above(random: &mut Seeded, user: u32) -> RepRequest {
    let number = random.below(ACCOUNTS);
    let on = if random.below(2) == 0 {
        GroupOrAccount::Account(account(number))
    } else {
        GroupOrAccount::Group(group(random.below(GROUPS)))
    };
    let sealed = |number| {
        let key = SealingKey::generate().unwrap().public();
        seal_for_vault(&key, &account(number), &credential(number)).unwrap()
    };
    RepRequest::Vault(match random.below(11) {
        0 => VaultRequest::Key,
        1 => VaultRequest::Groups,
        2 => VaultRequest::RotateKey,
        3 => VaultRequest::Add {
            draft: AccountDraft::new(name("mine")),
            secret: sealed(number),
        },
        4 => VaultRequest::SetSecret {
            account: account(number),
            secret: sealed(number),
        },
        5 => VaultRequest::Remove {
            account: account(number),
        },
        6 => VaultRequest::AddGroup {
            name: name("mine"),
            description: Default::default(),
        },
        7 => VaultRequest::RemoveGroup { name: group(0) },
        8 => VaultRequest::Associate {
            on,
            with: Some(AssociationDraft::Criteria(Box::default())),
        },
        9 => {
            let user = user_name(1 + user % USERS);
            return RepRequest::SecondFactor(FactorRequest::Reset { user });
        }
        _ => VaultRequest::Grant {
            on,
            user: user_name(user),
            role: Some(VaultRole::InjectAndCheckout),
        },
    })
}

async fn check_out(site: &mut Site, number: u64, user: u32, everything: bool, seen: &mut Seen, told: &str) {
    let key = SealingKey::generate().unwrap();
    let request = VaultRequest::CheckOut {
        account: account(number),
        key: key.public(),
    };
    let caller = &site.callers[&(user, everything)];
    let result = site.broker.request(caller, RepRequest::Vault(request)).await;
    let role = site.model.role(number, user);
    let held = site
        .model
        .held_by
        .get(&number)
        .is_some_and(|holder| *holder != user);
    let may = everything && role == Some(VaultRole::InjectAndCheckout) && !held;
    match result {
        Ok(Response::Vault(VaultAnswer::CheckedOut(out))) => {
            assert!(may, "it was shown: {told}");
            let credential = open_checked_out(&key, &out.account, &out.credential).unwrap();
            let CredentialSecret::Password(password) = &credential.secret else {
                panic!("{told}");
            };
            assert_eq!(*password.expose(), format!("secret-of-{number}"), "{told}");
            site.model.held_by.insert(number, user);
            seen.shown += 1;
        }
        Ok(other) => panic!("{other:?}: {told}"),
        Err(error) => {
            assert!(!may, "it was refused: {told}: {error}");
            let wanted = match role {
                _ if !everything => ErrorKind::Denied,
                None => ErrorKind::NotFound,
                Some(VaultRole::Inject) => ErrorKind::Denied,
                Some(_) => ErrorKind::Conflict,
            };
            assert_eq!(error.kind(), wanted, "{told}");
            seen.refused += 1;
        }
    }
}

async fn check_in(site: &mut Site, number: u64, user: u32, of: u32, everything: bool, told: &str) {
    let request = VaultRequest::CheckIn {
        account: account(number),
        user: (of != user).then(|| user_name(of)),
    };
    let caller = &site.callers[&(user, everything)];
    let result = site.broker.request(caller, RepRequest::Vault(request)).await;
    let may = everything && of == user && site.model.held_by.get(&number) == Some(&user);
    assert_eq!(result.is_ok(), may, "{told}: {result:?}");
    if may {
        site.model.held_by.remove(&number);
    }
}

async fn invite(site: &Site, user: u32, of: u32, wide: bool, everything: bool, seen: &mut Seen, told: &str) {
    let edit = Edit::InviteLogin {
        user: user_name(of),
        scope: if wide {
            LoginScope::Everything
        } else {
            LoginScope::Sessions
        },
        limits: LoginLimits::default(),
    };
    let caller = &site.callers[&(user, everything)];
    let result = site.broker.request(caller, RepRequest::Edit(edit)).await;
    let may = of == user && (everything || !wide);
    match result {
        Ok(_) => {
            assert!(may, "it was let through: {told}");
            seen.invited += 1;
        }
        // Nobody makes more than a few invitations, but that is not asked here.
        Err(error) if error.kind() == ErrorKind::ResourceLimit => assert!(may, "{told}"),
        Err(error) => assert!(!may && error.kind() == ErrorKind::Denied, "{told}: {error}"),
    }
}

#[tokio::test]
async fn v18_no_few_calls_about_credentials_logins_and_factors_give_more_than_was_granted() {
    let mut seen = Seen::default();
    for seed in 0..25 {
        let mut random = Seeded::new(seed);
        let mut site = site(&mut random).await;
        let before = everything(&site).await;
        for user in 1..=USERS {
            for scope in [true, true, false] {
                for _ in 0..CALLS {
                    let number = random.below(ACCOUNTS);
                    let of = 1 + random.below(u64::from(USERS)) as u32;
                    let told = format!("seed {seed}, u{user} (everything: {scope}), account {number}, u{of}");
                    match random.below(5) {
                        0 | 1 => check_out(&mut site, number, user, scope, &mut seen, &told).await,
                        2 => check_in(&mut site, number, user, of, scope, &told).await,
                        3 => {
                            let wide = random.below(2) == 0;
                            invite(&site, user, of, wide, scope, &mut seen, &told).await;
                        }
                        _ => {
                            let request = above(&mut random, user);
                            let told = format!("{told}: {request:?}");
                            let caller = &site.callers[&(user, scope)];
                            let error = site.broker.request(caller, request).await.expect_err(&told);
                            assert_eq!(error.kind(), ErrorKind::Denied, "{told}: {error}");
                        }
                    }
                    assert_eq!(everything(&site).await, before, "{told}");
                }
            }
        }
    }
    assert!(
        seen.shown > 15 && seen.refused > 15 && seen.invited > 8,
        "{} {}",
        seen.shown,
        seen.refused
    );
}
