//! What holds for the vault whatever it is stored in.

use std::sync::Arc;

use super::*;
use crate::error::ErrorKind;
use crate::id::{GroupId, ItemId, JumpointId, UserId};
use crate::keys::SealingKey;
use crate::model::{Comments, Hostname, Name, TargetAddress};
use crate::secret::Secret;
use crate::session::{Credential, CredentialSecret};
use crate::time::{SignedDuration, Timestamp};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn user(id: u32) -> UserId {
    UserId::new(id).unwrap()
}

fn account(text: &str) -> GroupOrAccount {
    GroupOrAccount::Account(name(text))
}

fn password(text: &str) -> Credential {
    Credential {
        username: "root".into(),
        secret: CredentialSecret::Password(Secret::new(text.into())),
    }
}

fn shown(credential: &Credential) -> &str {
    match &credential.secret {
        CredentialSecret::Password(password) => password.expose(),
        CredentialSecret::PrivateKey { pem, .. } => pem.expose(),
    }
}

struct Scene {
    store: Arc<MemoryVaultStore>,
    keys: Arc<GivenKey>,
    vault: Vault,
}

async fn scene() -> Scene {
    let store = Arc::new(MemoryVaultStore::new());
    let key = MasterKey::generate().unwrap();
    Vault::create(&*store, &key).await.unwrap();
    let keys = Arc::new(GivenKey::new(key));
    let vault = Vault::open(store.clone(), keys.clone()).await.unwrap();
    Scene { store, keys, vault }
}

impl Scene {
    /// An account that user 1 may inject everywhere.
    async fn account(&self, text: &str, secret: &str) {
        self.vault
            .add(AccountDraft::new(name(text)), &password(secret), NOW)
            .await
            .unwrap();
        self.vault
            .grant(&account(text), user(1), Some(VaultRole::Inject))
            .await
            .unwrap();
        self.vault
            .associate(&account(text), Some(Association::AnyJumpItems))
            .await
            .unwrap();
    }

    async fn records(&self) -> VaultImage {
        self.store.load(None).await.unwrap().unwrap()
    }
}

fn query(who: u32, key: &SealingKey) -> CredentialQuery<'static> {
    CredentialQuery {
        user: user(who),
        user_name: "alice",
        item: ItemFacts {
            id: ItemId::new(1).unwrap(),
            group: Some(GroupId::new(1).unwrap()),
            host: "10.0.0.5",
            name: "web-1",
            tag: "",
            comments: "",
        },
        protocol: "ssh",
        target: TargetAddress::new(Hostname::new("10.0.0.5").unwrap(), 22).unwrap(),
        jumpoint: JumpointId::new(1).unwrap(),
        sealing_key: key.public(),
    }
}

async fn names(vault: &Vault, query: &CredentialQuery<'_>) -> Vec<String> {
    let candidates = vault.candidates(query).await.unwrap();
    candidates.into_iter().map(|candidate| candidate.name).collect()
}

#[tokio::test]
async fn only_the_granted_see_a_credential_and_only_the_jumpoint_opens_it() {
    let scene = scene().await;
    scene.account("web root", "hunter2").await;
    let key = SealingKey::generate().unwrap();
    let (alice, bob) = (query(1, &key), query(2, &key));
    assert_eq!(names(&scene.vault, &alice).await, ["web root"]);
    assert!(names(&scene.vault, &bob).await.is_empty());
    let sealed = scene.vault.seal(&alice, "1").await.unwrap();
    assert_eq!(shown(&sealed.open(&key, &alice.binding()).unwrap()), "hunter2");
    assert!(
        sealed
            .open(&SealingKey::generate().unwrap(), &alice.binding())
            .is_err()
    );
    for (who, id) in [(&bob, "1"), (&alice, "2"), (&alice, "x")] {
        let refused = scene.vault.seal(who, id).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotFound);
    }
    scene.vault.associate(&account("web root"), None).await.unwrap();
    assert!(names(&scene.vault, &alice).await.is_empty());
    assert!(scene.vault.seal(&alice, "1").await.is_err());
}

#[tokio::test]
async fn accounts_follow_their_group_where_they_do_not_say_themselves() {
    let scene = scene().await;
    let group = GroupOrAccount::Group(name("servers"));
    scene
        .vault
        .add_group(name("servers"), Comments::default())
        .await
        .unwrap();
    let draft = AccountDraft {
        group: Some(name("Servers")),
        ..AccountDraft::new(name("a"))
    };
    scene.vault.add(draft, &password("x"), NOW).await.unwrap();
    let key = SealingKey::generate().unwrap();
    let alice = query(1, &key);
    scene
        .vault
        .grant(&group, user(1), Some(VaultRole::InjectAndCheckout))
        .await
        .unwrap();
    scene
        .vault
        .grant(&account("a"), user(1), Some(VaultRole::Inject))
        .await
        .unwrap();
    assert!(names(&scene.vault, &alice).await.is_empty());
    scene
        .vault
        .associate(&group, Some(Association::AnyJumpItems))
        .await
        .unwrap();
    assert_eq!(names(&scene.vault, &alice).await, ["a"]);
    scene
        .vault
        .associate(&account("a"), Some(Association::NoJumpItems))
        .await
        .unwrap();
    assert!(names(&scene.vault, &alice).await.is_empty());
    let role = scene.vault.role(&name("a"), user(1)).await.unwrap();
    assert_eq!(role, Some(VaultRole::InjectAndCheckout), "the wider role counts");
    let error = scene.vault.remove_group(&name("servers")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    scene.vault.remove(&name("a")).await.unwrap();
    scene.vault.remove_group(&name("servers")).await.unwrap();
}

#[tokio::test]
async fn a_key_is_no_candidate_where_only_passwords_are_understood() {
    let scene = scene().await;
    scene.account("a", "x").await;
    let key = Credential {
        username: "root".into(),
        secret: CredentialSecret::PrivateKey {
            pem: Secret::new("PEM".into()),
            passphrase: Some(Secret::new("pass".into())),
            certificate: Some("cert".into()),
        },
    };
    scene.vault.set_secret(&name("a"), &key, NOW).await.unwrap();
    let jumpoint = SealingKey::generate().unwrap();
    let mut alice = query(1, &jumpoint);
    let sealed = scene.vault.seal(&alice, "1").await.unwrap();
    let open = sealed.open(&jumpoint, &alice.binding()).unwrap();
    assert!(matches!(
        &open.secret,
        CredentialSecret::PrivateKey { pem, passphrase: Some(passphrase), certificate: Some(certificate) }
            if pem.expose() == "PEM" && passphrase.expose() == "pass" && certificate == "cert"
    ));
    alice.protocol = "telnet";
    assert!(names(&scene.vault, &alice).await.is_empty());
    assert!(scene.vault.seal(&alice, "1").await.is_err());
}

#[tokio::test]
async fn another_master_key_does_not_open_the_vault() {
    let scene = scene().await;
    let other = Arc::new(GivenKey::new(MasterKey::generate().unwrap()));
    let error = Vault::open(scene.store.clone(), other.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    let again = Vault::create(&*scene.store, &MasterKey::generate().unwrap())
        .await
        .unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    let empty = Arc::new(MemoryVaultStore::new());
    let error = Vault::open(empty, other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn records_that_were_exchanged_renamed_or_edited_are_refused() {
    let scene = scene().await;
    scene.account("low", "worthless").await;
    scene.account("high", "precious").await;
    let image = scene.records().await;
    let accounts: Vec<&VaultRecord> = image
        .records
        .iter()
        .filter(|record| record.kind == RecordKind::Account)
        .collect();
    let [low, high] = accounts[..] else { panic!() };
    let swapped = VaultRecord {
        id: low.id,
        ..high.clone()
    };
    // The secret of one in the other's record.
    let secret = |record: &VaultRecord| {
        let value: serde_json::Value = serde_json::from_slice(&record.body).unwrap();
        value["secret"].clone()
    };
    let mut body: serde_json::Value = serde_json::from_slice(&low.body).unwrap();
    body["secret"] = secret(high);
    let grafted = VaultRecord {
        body: serde_json::to_vec(&body).unwrap(),
        ..low.clone()
    };
    let widened = VaultRecord {
        body: String::from_utf8(high.body.clone())
            .unwrap()
            .replace("{\"1\"", "{\"2\"")
            .into(),
        ..high.clone()
    };
    assert_ne!(widened.body, high.body);
    let group = VaultRecord {
        kind: RecordKind::Group,
        ..low.clone()
    };
    for forged in [swapped, grafted, widened, group] {
        let store = Arc::new(MemoryVaultStore::new());
        let mut changes: Vec<_> = image.records.iter().cloned().map(VaultChange::Put).collect();
        changes.push(VaultChange::Put(forged));
        store.commit(0, changes).await.unwrap();
        let error = Vault::open(store, scene.keys.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    }
}

#[tokio::test]
async fn what_becomes_unreadable_is_not_served_from_memory() {
    let scene = scene().await;
    scene.account("a", "x").await;
    let image = scene.records().await;
    let mut record = image
        .records
        .iter()
        .find(|record| record.kind == RecordKind::Account)
        .unwrap()
        .clone();
    record.tag[0] ^= 1;
    scene
        .store
        .commit(image.revision, vec![VaultChange::Put(record)])
        .await
        .unwrap();
    let key = SealingKey::generate().unwrap();
    for _ in 0..2 {
        let error = scene.vault.seal(&query(1, &key), "1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
    }
}

#[tokio::test]
async fn v29_another_process_change_of_secret_or_key_is_seen_at_the_next_use() {
    let scene = scene().await;
    scene.account("a", "before").await;
    let other = Vault::open(scene.store.clone(), scene.keys.clone())
        .await
        .unwrap();
    let key = SealingKey::generate().unwrap();
    let query = query(1, &key);
    let injected = || async {
        let sealed = other.seal(&query, "1").await.unwrap();
        shown(&sealed.open(&key, &query.binding()).unwrap()).to_owned()
    };
    assert_eq!(injected().await, "before");
    scene
        .vault
        .set_secret(&name("a"), &password("after"), NOW)
        .await
        .unwrap();
    assert_eq!(injected().await, "after");
    for _ in 0..3 {
        scene
            .vault
            .rotate_key(&MasterKey::generate().unwrap())
            .await
            .unwrap();
        assert_eq!(injected().await, "after");
    }
}

#[tokio::test]
async fn a_new_master_key_leaves_nothing_that_the_old_one_opens() {
    let scene = scene().await;
    scene.account("a", "canary-4711-hunter2").await;
    let old = scene.keys.load(&|_| true).unwrap();
    let before = scene.records().await;
    scene
        .vault
        .rotate_key(&MasterKey::generate().unwrap())
        .await
        .unwrap();
    let after = scene.records().await;
    assert_eq!(before.records.len(), after.records.len());
    for (before, after) in before.records.iter().zip(&after.records) {
        assert_ne!(before.tag, after.tag);
        assert_ne!((&before.body, before.kind), (&after.body, RecordKind::Account));
    }
    let error = Vault::open(scene.store.clone(), Arc::new(GivenKey::new(old)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn checking_out_takes_the_role_is_for_one_at_a_time_and_ends() {
    let scene = scene().await;
    scene.account("a", "hunter2").await;
    let vault = &scene.vault;
    let (a, later) = (name("a"), NOW + SignedDuration::from_hours(1));
    assert_eq!(
        vault.check_out(&a, user(1), NOW).await.unwrap_err().kind(),
        ErrorKind::Denied
    );
    assert_eq!(
        vault.check_out(&a, user(9), NOW).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    for who in [1, 2] {
        vault
            .grant(&account("a"), user(who), Some(VaultRole::InjectAndCheckout))
            .await
            .unwrap();
    }
    let (checkout, credential) = vault.check_out(&a, user(1), NOW).await.unwrap();
    assert_eq!((checkout.until, shown(&credential)), (later, "hunter2"));
    assert_eq!(
        vault.check_out(&a, user(1), NOW).await.unwrap().0,
        checkout,
        "it is still the same"
    );
    assert_eq!(
        vault.check_out(&a, user(2), NOW).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    assert_eq!(
        vault.check_in(&a, user(2), NOW).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    vault.check_in(&a, user(1), NOW).await.unwrap();
    assert_eq!(
        vault.check_in(&a, user(1), NOW).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    vault.check_out(&a, user(2), NOW).await.unwrap();
    assert_eq!(vault.checkouts(NOW).await.unwrap().len(), 1);
    assert!(
        vault.checkouts(later).await.unwrap().is_empty(),
        "its time is over"
    );
    vault.check_out(&a, user(1), later).await.unwrap();
    assert_eq!(
        vault.check_in(&a, user(2), later).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );

    let shared = AccountDraft {
        allow_simultaneous_checkout: true,
        ..AccountDraft::new(name("b"))
    };
    vault.add(shared, &password("x"), NOW).await.unwrap();
    for who in [1, 2] {
        vault
            .grant(&account("b"), user(who), Some(VaultRole::InjectAndCheckout))
            .await
            .unwrap();
        vault.check_out(&name("b"), user(who), NOW).await.unwrap();
    }
}

#[tokio::test]
async fn names_are_unique_and_ids_are_not_used_again() {
    let scene = scene().await;
    scene.account("a", "x").await;
    let again = scene
        .vault
        .add(AccountDraft::new(name("A")), &password("y"), NOW)
        .await
        .unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    scene.vault.remove(&name("A")).await.unwrap();
    let id = scene
        .vault
        .add(AccountDraft::new(name("a")), &password("y"), NOW)
        .await
        .unwrap();
    assert_eq!(id.get(), 2);
    let mut nobody = password("x");
    nobody.username = "a\u{1b}".into();
    let error = scene
        .vault
        .add(AccountDraft::new(name("c")), &nobody, NOW)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let never = AccountDraft {
        max_checkout_seconds: 0,
        ..AccountDraft::new(name("c"))
    };
    assert!(scene.vault.add(never, &password("x"), NOW).await.is_err());
}

#[tokio::test]
async fn a_secret_on_its_way_in_opens_for_its_account_and_key_only() {
    let scene = scene().await;
    let key = scene.vault.sealing_key().await.unwrap();
    let sealed = seal_for_vault(&key, &name("a"), &password("hunter2")).unwrap();
    assert_eq!(
        shown(&scene.vault.unseal(&name("a"), &sealed).await.unwrap()),
        "hunter2"
    );
    assert!(scene.vault.unseal(&name("b"), &sealed).await.is_err());
    scene
        .vault
        .rotate_key(&MasterKey::generate().unwrap())
        .await
        .unwrap();
    let error = scene.vault.unseal(&name("a"), &sealed).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");

    let rep = SealingKey::generate().unwrap();
    let out = seal_checked_out(&rep.public(), &name("a"), &password("hunter2")).unwrap();
    assert_eq!(
        shown(&open_checked_out(&rep, &name("a"), &out).unwrap()),
        "hunter2"
    );
    assert!(open_checked_out(&rep, &name("b"), &out).is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_file_is_for_its_owner_and_a_change_that_was_interrupted_is_finished() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.key");
    let first = MasterKey::generate().unwrap();
    let file = Arc::new(KeyFile::create(&path, &first).unwrap());
    assert!(
        KeyFile::create(&path, &first).is_err(),
        "a key is never written over"
    );
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let store = Arc::new(MemoryVaultStore::new());
    Vault::create(&*store, &first).await.unwrap();
    let open = || Vault::open(store.clone(), file.clone());
    let vault = open().await.unwrap();

    // Stopped before the vault was changed: the old key is the key.
    KeyFile::new(&path)
        .stage(&MasterKey::generate().unwrap())
        .unwrap();
    open().await.unwrap();
    // Stopped after it: the staged key is.
    let second = MasterKey::generate().unwrap();
    let given = Arc::new(GivenKey::new(
        MasterKey::from_text(first.to_text().expose()).unwrap(),
    ));
    Vault::open(store.clone(), given)
        .await
        .unwrap()
        .rotate_key(&second)
        .await
        .unwrap();
    KeyFile::new(&path).stage(&second).unwrap();
    open().await.unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap().trim(),
        second.to_text().expose()
    );
    assert_eq!(mode(), 0o600);
    // The vault that was open all the time follows.
    vault.accounts().await.unwrap();
    vault.rotate_key(&MasterKey::generate().unwrap()).await.unwrap();
    open().await.unwrap();
    assert_eq!(mode(), 0o600);
    let mut files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["vault.key", "vault.key.lock"]);

    // One process at a time, and a key is lost neither by a change that did not happen nor by one too many.
    let other = KeyFile::new(&path);
    other.stage(&MasterKey::generate().unwrap()).unwrap();
    let error = vault
        .rotate_key(&MasterKey::generate().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    other.abandon();
    assert!(other.install().is_err());
    open().await.unwrap();
    vault.rotate_key(&MasterKey::generate().unwrap()).await.unwrap();
    open().await.unwrap();

    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let error = open().await.unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(&path, "not a key").unwrap();
    assert_eq!(open().await.unwrap_err().kind(), ErrorKind::InvalidArgument);
}
