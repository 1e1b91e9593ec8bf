//! What a store in a file must do besides: survive `kill -9`, share its file, refuse what is no store.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a step that fails is a test that fails; the killed child talks to its parent"
)]

mod data;

use std::path::Path;
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::id::UserId;
use jump_core::model::{Change, User, UserName};
use jump_core::store::{EnrolmentToken, IdKind, Store, TokenHash, TokenPurpose};
use jump_core::time::Timestamp;
use jump_store::SqliteStore;
use jump_testkit::folder::Folder;
use jump_testkit::process::{Process, command};
use jump_testkit::seeded::Seeded;
use rusqlite::Connection;

use data::{facts, jumpoint, session, site, user};

const FILE: &str = "JUMP_TEST_KILL_FILE";
const LONG: Duration = Duration::from_secs(60);

fn token(number: u32) -> EnrolmentToken {
    let mut secret = [0; 32];
    secret[..4].copy_from_slice(&number.to_be_bytes());
    EnrolmentToken {
        hash: TokenHash::of(&secret),
        purpose: TokenPurpose::Jumpoint {
            jumpoint: jumpoint(1, "").id,
        },
        expires: "2030-01-01T00:00:00Z".parse().unwrap(),
    }
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[tokio::test]
#[ignore = "the process that the kill test kills"]
async fn child_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let store = SqliteStore::open(Path::new(&path)).unwrap();
    println!();
    loop {
        let revision = store.load().await.unwrap().revision();
        let id = store.next_id(IdKind::User).await.unwrap();
        store.put_token(&token(id)).await.unwrap();
        store.redeem_token(&token(id).hash, now()).await.unwrap();
        store.put_session(&session(id.to_be_bytes()[3])).await.unwrap();
        let name = UserName::new(format!("user-{id}")).unwrap();
        let change = Change::PutUser(User::new(UserId::new(id).unwrap(), name));
        let revision = store.commit(revision, &[change]).await.unwrap();
        println!("committed: {revision} {id}");
    }
}

#[tokio::test]
async fn a_killed_writer_leaves_every_acknowledged_write_and_a_sound_file() {
    let folder = Folder::new().unwrap();
    let path = folder.join("site.db");
    let mut random = Seeded::new(2);
    let mut revision = 0;
    for _ in 0..8 {
        let mut command = command(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "child_writes_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ]);
        command.env(FILE, &path);
        let mut process = Process::spawn(command).unwrap();
        let wanted = format!("committed: {} ", revision + 1 + random.below(40));
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
        let mut words = last.split(' ').skip(1);
        let acknowledged: u64 = words.next().unwrap().parse().unwrap();
        let id: u32 = words.next().unwrap().parse().unwrap();

        let store = SqliteStore::open(&path).unwrap();
        let world = store.load().await.unwrap();
        revision = world.revision();
        assert!((acknowledged..=acknowledged + 1).contains(&revision));
        assert_eq!(world.users().count() as u64, revision, "one user a commit");
        assert!(world.user(UserId::new(id).unwrap()).is_some());
        assert!(store.next_id(IdKind::User).await.unwrap() > id);
        let error = store.redeem_token(&token(id).hash, now()).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Unauthenticated,
            "a used token stays used"
        );
        drop(store);
        let raw = Connection::open(&path).unwrap();
        let sound: String = raw
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(sound, "ok");
        let mut dangling = raw.prepare("PRAGMA foreign_key_check").unwrap();
        assert!(dangling.query([]).unwrap().next().unwrap().is_none());
    }
}

#[tokio::test]
async fn a_reopened_store_has_everything() {
    let folder = Folder::new().unwrap();
    let path = folder.join("site.db");
    let store = SqliteStore::open(&path).unwrap();
    store.commit(0, &site()).await.unwrap();
    store.put_session(&session(3)).await.unwrap();
    store.put_token(&token(1)).await.unwrap();
    store.put_token(&token(2)).await.unwrap();
    store.redeem_token(&token(1).hash, now()).await.unwrap();
    let before = facts(&store.load().await.unwrap());
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    let world = store.load().await.unwrap();
    assert_eq!((world.revision(), facts(&world)), (1, before));
    assert_eq!(store.sessions(true, 10).await.unwrap(), [session(3)]);
    assert!(store.redeem_token(&token(1).hash, now()).await.is_err());
    assert_eq!(store.redeem_token(&token(2).hash, now()).await.unwrap(), token(2));
}

#[tokio::test]
async fn two_stores_on_one_file_see_each_others_writes() {
    let folder = Folder::new().unwrap();
    let path = folder.join("site.db");
    let first = SqliteStore::open(&path).unwrap();
    let second = SqliteStore::open(&path).unwrap();
    first.commit(0, &site()).await.unwrap();
    let change = [Change::PutUser(user(9, "eve"))];
    let error = second.commit(0, &change).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(second.commit(1, &change).await.unwrap(), 2);
    assert_eq!(first.revision().await.unwrap(), 2);
    let world = first.load().await.unwrap();
    assert!(world.user_named("eve").is_some() && world.user_named("alice").is_some());
    let one = first.next_id(IdKind::Item).await.unwrap();
    assert_eq!(second.next_id(IdKind::Item).await.unwrap(), one + 1);
    first.put_token(&token(1)).await.unwrap();
    second.redeem_token(&token(1).hash, now()).await.unwrap();
    assert!(first.redeem_token(&token(1).hash, now()).await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn every_file_of_the_store_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new().unwrap();
    let path = folder.write("site.db", "").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.commit(0, &site()).await.unwrap();
    let modes: Vec<u32> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().permissions().mode() & 0o777)
        .collect();
    assert_eq!(modes, [0o600; 3], "the file, its write-ahead log and its index");
}

#[tokio::test]
async fn what_is_no_store_of_this_version_is_refused_with_a_reason() {
    let folder = Folder::new().unwrap();
    let garbage = folder.write("garbage.db", vec![b'x'; 8192]).unwrap();
    let error = SqliteStore::open(&garbage).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert_eq!(std::fs::read(&garbage).unwrap(), vec![b'x'; 8192]);

    let newer = folder.join("newer.db");
    drop(SqliteStore::open(&newer).unwrap());
    let raw = Connection::open(&newer).unwrap();
    raw.pragma_update(None, "user_version", 77).unwrap();
    let error = SqliteStore::open(&newer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);

    let error = SqliteStore::open(&folder.join("no/such/folder.db")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
}

#[tokio::test]
async fn a_damaged_object_is_an_integrity_error_that_names_its_kind() {
    let folder = Folder::new().unwrap();
    let path = folder.join("site.db");
    let store = SqliteStore::open(&path).unwrap();
    store.commit(0, &site()).await.unwrap();
    drop(store);
    let raw = Connection::open(&path).unwrap();
    raw.execute(
        "UPDATE items SET body = replace(body, '\"port\":2222', '\"port\":0')",
        [],
    )
    .unwrap();
    drop(raw);
    let store = SqliteStore::open(&path).unwrap();
    let error = store.load().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn text_that_looks_like_sql_is_only_text() {
    let folder = Folder::new().unwrap();
    let store = SqliteStore::open(&folder.join("site.db")).unwrap();
    store.commit(0, &site()).await.unwrap();
    let mut item = data::item(8, 1, 1, "x'); DROP TABLE items; --");
    item.comments = jump_core::model::Comments::new("\"; DELETE FROM users; --").unwrap();
    store.commit(1, &[Change::PutItem(item.clone())]).await.unwrap();
    let world = store.load().await.unwrap();
    assert_eq!(**world.item(item.id).unwrap(), item);
    assert_eq!((world.users().count(), world.items().count()), (2, 4));
}
