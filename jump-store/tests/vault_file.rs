//! The vault in a file: nothing in the clear, nothing old after a change, sound after `kill -9`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a step that fails is a test that fails; the killed child talks to its parent"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::model::Name;
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret};
use jump_core::time::Timestamp;
use jump_core::vault::{
    AccountDraft, GivenKey, KeyFile, MasterKey, RecordKind, Vault, VaultChange, VaultRecord, VaultStore,
};
use jump_store::SqliteVaultStore;
use jump_testkit::canary::Canary;
use jump_testkit::folder::Folder;
use jump_testkit::process::{Process, command};
use jump_testkit::seeded::Seeded;

const FOLDER: &str = "JUMP_TEST_VAULT_FOLDER";
const LONG: Duration = Duration::from_secs(60);
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn credential(password: &str) -> Credential {
    Credential {
        username: "root".into(),
        secret: CredentialSecret::Password(Secret::new(password.into())),
    }
}

fn store(folder: &Path) -> Arc<SqliteVaultStore> {
    Arc::new(SqliteVaultStore::open(&folder.join("vault.db")).unwrap())
}

/// Everything in the folder, the key file apart.
fn contents(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = files.filter(|path| !path.to_string_lossy().contains("vault.key"));
    files.flat_map(|path| std::fs::read(path).unwrap()).collect()
}

async fn begun(folder: &Path) -> (Arc<SqliteVaultStore>, Vault) {
    let store = store(folder);
    let key = MasterKey::generate().unwrap();
    let file = KeyFile::create(folder.join("vault.key"), &key).unwrap();
    Vault::create(&*store, &key).await.unwrap();
    let vault = Vault::open(store.clone(), Arc::new(file)).await.unwrap();
    (store, vault)
}

#[tokio::test]
async fn v10_secrets_and_old_keys_are_found_nowhere_after_three_changes_of_the_key() {
    let folder = Folder::new().unwrap();
    let (store, vault) = begun(folder.path()).await;
    let long = "canary-long-secret/9f31+".repeat(1500);
    let secrets = ["canary-password/4711+x", "canary-replaced/0815+y", &long];
    vault
        .add(AccountDraft::new(name("a")), &credential(secrets[1]), NOW)
        .await
        .unwrap();
    vault
        .set_secret(&name("a"), &credential(secrets[0]), NOW)
        .await
        .unwrap();
    let key = Credential {
        username: "root".into(),
        secret: CredentialSecret::PrivateKey {
            pem: Secret::new(long.clone()),
            passphrase: Some(Secret::new(secrets[0].into())),
            certificate: None,
        },
    };
    vault.add(AccountDraft::new(name("b")), &key, NOW).await.unwrap();
    vault
        .add(AccountDraft::new(name("gone")), &credential(secrets[1]), NOW)
        .await
        .unwrap();
    let mut old: Vec<Vec<u8>> = Vec::new();
    let remember = async |old: &mut Vec<Vec<u8>>| {
        let image = store.load(None).await.unwrap().unwrap();
        for record in image.records {
            old.push(record.tag);
            let text = String::from_utf8(record.body).unwrap();
            // Salts and ciphertexts, whatever stands around them.
            let long = text.split('"').filter(|word| word.len() >= 40);
            old.extend(long.map(|word| word.as_bytes().to_vec()));
        }
    };
    remember(&mut old).await;
    let kept = contents(folder.path());
    assert!(
        old.iter().all(|piece| kept
            .windows(piece.len().min(40))
            .any(|at| at == &piece[..at.len()])),
        "what is looked for below is what is there now"
    );
    vault.remove(&name("gone")).await.unwrap();
    for _ in 0..3 {
        let key = std::fs::read_to_string(folder.join("vault.key")).unwrap();
        vault.rotate_key(&MasterKey::generate().unwrap()).await.unwrap();
        let bytes = contents(folder.path());
        for piece in &old {
            let start = &piece[..piece.len().min(40)];
            assert!(
                !bytes.windows(start.len()).any(|at| at == start),
                "something old is left"
            );
        }
        for secret in secrets.iter().map(|secret| &secret[..22]).chain([key.trim()]) {
            assert_eq!(Canary::new(secret.as_bytes()).find(&bytes), []);
        }
        let file = std::fs::read_to_string(folder.join("vault.key")).unwrap();
        assert!(file != key);
        old.clear();
        remember(&mut old).await;
    }
    let names: Vec<_> = vault
        .accounts()
        .await
        .unwrap()
        .into_iter()
        .map(|account| account.name)
        .collect();
    assert_eq!(names, [name("a"), name("b")]);
    let mut files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["vault.db", "vault.key", "vault.key.lock"]);
    #[cfg(unix)]
    for file in files {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.join(&file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn rows_that_were_exchanged_in_the_file_are_refused() {
    let folder = Folder::new().unwrap();
    let (store, vault) = begun(folder.path()).await;
    for account in ["low", "high"] {
        vault
            .add(AccountDraft::new(name(account)), &credential("secret"), NOW)
            .await
            .unwrap();
    }
    drop((store, vault));
    let raw = rusqlite::Connection::open(folder.join("vault.db")).unwrap();
    raw.execute_batch(
        "UPDATE records SET id = 99 WHERE kind = 'account' AND id = 1;
         UPDATE records SET id = 1 WHERE kind = 'account' AND id = 2;
         UPDATE records SET id = 2 WHERE kind = 'account' AND id = 99;
         UPDATE meta SET revision = revision + 1;",
    )
    .unwrap();
    drop(raw);
    let file = Arc::new(KeyFile::new(folder.join("vault.key")));
    let error = Vault::open(self::store(folder.path()), file).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
}

#[tokio::test]
async fn a_commit_on_what_was_changed_meanwhile_is_refused_and_what_is_no_vault_too() {
    let folder = Folder::new().unwrap();
    let (one, two) = (store(folder.path()), store(folder.path()));
    let record = VaultRecord {
        kind: RecordKind::Account,
        id: 7,
        body: b"{}".to_vec(),
        tag: vec![1; 32],
    };
    let put = || vec![VaultChange::Put(record.clone())];
    assert_eq!(one.commit(0, put()).await.unwrap(), 1);
    assert_eq!(
        two.commit(0, put()).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    assert_eq!(two.load(Some(1)).await.unwrap(), None);
    assert_eq!(two.load(Some(0)).await.unwrap().unwrap().records, vec![record]);
    let gone = VaultChange::Remove {
        kind: RecordKind::Account,
        id: 7,
    };
    assert_eq!(two.commit(1, vec![gone]).await.unwrap(), 2);
    assert!(one.load(Some(1)).await.unwrap().unwrap().records.is_empty());

    let garbage = folder.write("garbage.db", vec![b'x'; 8192]).unwrap();
    assert_eq!(
        SqliteVaultStore::open(&garbage).unwrap_err().kind(),
        ErrorKind::Integrity
    );
    let given = Arc::new(GivenKey::new(MasterKey::generate().unwrap()));
    let error = Vault::open(one, given).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
#[ignore = "the process that the kill test kills"]
async fn child_changes_the_vault_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = Path::new(&folder);
    let file = Arc::new(KeyFile::new(folder.join("vault.key")));
    let vault = Vault::open(store(folder), file).await.unwrap();
    println!();
    loop {
        let count = vault.accounts().await.unwrap().len();
        let draft = AccountDraft::new(name(&format!("account-{count}")));
        vault
            .add(draft, &credential(&format!("secret-{count}")), NOW)
            .await
            .unwrap();
        vault.rotate_key(&MasterKey::generate().unwrap()).await.unwrap();
        println!("committed: {} ", count + 1);
    }
}

#[tokio::test]
async fn a_killed_writer_leaves_a_vault_that_opens_with_the_key_that_is_there() {
    let folder = Folder::new().unwrap();
    drop(begun(folder.path()).await);
    let mut random = Seeded::new(7);
    let mut count = 0;
    for _ in 0..8 {
        let mut command = command(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "child_changes_the_vault_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ]);
        command.env(FOLDER, folder.path());
        let mut process = Process::spawn(command).unwrap();
        let wanted = format!("committed: {} ", count + 1 + random.below(8));
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
        let acknowledged: u64 = last.split(' ').nth(1).unwrap().parse().unwrap();

        let file = Arc::new(KeyFile::new(folder.join("vault.key")));
        let vault = Vault::open(store(folder.path()), file).await.unwrap();
        count = vault.accounts().await.unwrap().len() as u64;
        assert!(
            (acknowledged..=acknowledged + 1).contains(&count),
            "{acknowledged} {count}"
        );
        // Every secret opens under the key that the vault has now.
        vault.rotate_key(&MasterKey::generate().unwrap()).await.unwrap();
    }
}
