//! A disk that does not read, does not keep what it was not told to keep, or is full. `strace` stands between the store and the
//! system; where it is missing or forbidden, those tests say so and do nothing.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a step that fails is a test that fails; a child talks to its parent"
)]

mod data;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::model::{Change, World};
use jump_core::store::{EnrolmentToken, IdKind, ItemQuery, Store, TokenHash, TokenPurpose};
use jump_core::time::Timestamp;
use jump_store::SqliteStore;
use jump_testkit::folder::Folder;
use jump_testkit::process::{Process, command};
use tokio::process::Command;

use data::model::{emptied, full_site};
use data::{assert_same, session};

const FILE: &str = "JUMP_TEST_FAULTS_FILE";
const LONG: Duration = Duration::from_secs(120);

fn file_from_parent() -> Option<PathBuf> {
    std::env::var_os(FILE).map(PathBuf::from)
}

/// The changes that make the site; parent and child have the same, because credentials are sealed anew each time.
fn changes(path: &Path) -> Vec<Change> {
    let kept = path.with_extension("json");
    if !kept.exists() {
        std::fs::write(&kept, serde_json::to_vec(&full_site()).unwrap()).unwrap();
    }
    serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap()
}

fn full(path: &Path) -> World {
    let mut world = World::new().unwrap();
    world.apply(&changes(path)).unwrap();
    world
}

/// What `strace` with these arguments makes of a child test on the store at `path`; its notes go to `notes`.
fn traced(arguments: &[String], notes: &Path, test: &str, path: &Path) -> Command {
    let mut traced = command("strace");
    traced.arg("-f").arg("-y").arg("-o").arg(notes).args(arguments);
    traced.arg(std::env::current_exe().unwrap());
    traced.args(["--exact", test, "--ignored", "--nocapture"]);
    traced.env(FILE, path);
    traced
}

async fn can_trace() -> bool {
    let mut probe = command("strace");
    probe.args(["-f", "-o", "/dev/null", "true"]);
    let can = probe.status().await.is_ok_and(|status| status.success());
    if !can {
        println!("skipped: there is no strace here, or it may not trace");
    }
    can
}

async fn finished(command: Command) -> String {
    let mut process = Process::spawn(command).unwrap();
    let status = process.wait(LONG).await.unwrap();
    // Its outputs are closed: all it said is there.
    let _ = process.wait_for_line("\0", LONG).await;
    let output = process.output();
    assert!(status.success(), "{output}");
    output
}

#[tokio::test]
#[ignore = "the process whose reads fail"]
async fn child_reads_everything() {
    let Some(path) = file_from_parent() else {
        return;
    };
    let wanted = full(&path);
    println!();
    // The store is opened anew until that works, and then stays: it has to find its feet again by itself.
    let opened = (0..10).find_map(|_| {
        let store = SqliteStore::open(&path);
        store
            .inspect_err(|error| println!("failed: {:?}", error.kind()))
            .ok()
    });
    let store = opened.unwrap();
    let items: Vec<_> = wanted.items().map(|item| item.id).collect();
    let who = wanted.users().next().unwrap().id;
    for _ in 0..3 {
        match store.load().await {
            Ok(world) => assert_same(&world, &wanted, "read with errors"),
            Err(error) => println!("failed: {:?}", error.kind()),
        }
        match store.items(&ItemQuery::default()).await {
            Ok(page) => assert_eq!(page.items.len(), items.len()),
            Err(error) => println!("failed: {:?}", error.kind()),
        }
        match store.facts(who, &items).await {
            Ok(facts) => assert!(!format!("{facts:?}").is_empty()),
            Err(error) => println!("failed: {:?}", error.kind()),
        }
        match store.sessions(false, 10).await {
            Ok(sessions) => assert_eq!(sessions, [session(1)]),
            Err(error) => println!("failed: {:?}", error.kind()),
        }
    }
    assert_same(&store.load().await.unwrap(), &wanted, "after the error");
    println!("read");
}

#[tokio::test]
async fn f17_the_nth_page_that_cannot_be_read_is_a_typed_error_and_the_store_goes_on() {
    if !can_trace().await {
        return;
    }
    let folder = Folder::new().unwrap();
    let (path, notes) = (folder.join("site.db"), folder.join("notes"));
    let store = SqliteStore::open(&path).unwrap();
    store.commit(0, &changes(&path)).await.unwrap();
    store.put_session(&session(1)).await.unwrap();
    drop(store);
    let mut kinds = BTreeSet::new();
    let mut failures = 0;
    // Each read at the beginning, where the file is opened, and fewer and fewer of those behind, so that it takes seconds.
    let mut nth = 1;
    while nth < 2000 {
        let mut arguments = Vec::new();
        for file in [path.clone(), path.with_extension("db-wal")] {
            arguments.extend(["-P".to_owned(), file.display().to_string()]);
        }
        for call in ["read", "pread64"] {
            arguments.extend(["-e".to_owned(), format!("inject={call}:error=EIO:when={nth}")]);
        }
        let output = finished(traced(&arguments, &notes, "child_reads_everything", &path)).await;
        assert!(output.contains("\nread"), "{output}");
        let told = output.lines().filter_map(|line| line.strip_prefix("failed: "));
        kinds.extend(told.map(str::to_owned));
        if !std::fs::read_to_string(&notes).unwrap().contains("INJECTED") {
            break;
        }
        failures += 1;
        nth += 1 + nth / 4;
    }
    assert!(
        nth < 2000 && failures >= 5,
        "{failures} reads failed, the last was {nth}"
    );
    // SQLite itself takes a page that the system fails to read for a damaged one (SQLITE_IOERR_CORRUPTFS), as soon as a
    // statement runs.
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["Integrity", "Storage"]);
}

fn token(number: u8) -> EnrolmentToken {
    EnrolmentToken {
        hash: TokenHash::of(&[number; 32]),
        purpose: TokenPurpose::Jumpoint {
            jumpoint: data::jumpoint(1, "").id,
        },
        expires: "2030-01-01T00:00:00Z".parse().unwrap(),
    }
}

#[tokio::test]
#[ignore = "the process whose writes are watched"]
async fn child_writes_and_says_so() {
    let Some(path) = file_from_parent() else {
        return;
    };
    let store = SqliteStore::open(&path).unwrap();
    let say = |what: &str| {
        // One call to the system, not to a buffer.
        std::io::stderr()
            .write_all(format!("done: {what}\n").as_bytes())
            .unwrap();
    };
    let mut world = store.load().await.unwrap();
    for change in changes(&path) {
        let revision = store
            .commit(world.revision(), std::slice::from_ref(&change))
            .await
            .unwrap();
        world.apply(&[change]).unwrap();
        assert_eq!(revision, world.revision());
        say("commit");
    }
    store.next_id(IdKind::Item).await.unwrap();
    say("id");
    store.put_token(&token(1)).await.unwrap();
    say("token");
    store
        .redeem_token(&token(1).hash, Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    say("used token");
    store.put_session(&session(1)).await.unwrap();
    say("session");
}

/// What of the files was written and not yet synced, by what `strace` noted, whenever the child said that something is done.
#[tokio::test]
async fn f16_nothing_is_acknowledged_that_a_power_loss_could_take() {
    if !can_trace().await {
        return;
    }
    let folder = Folder::new().unwrap();
    let (path, notes) = (folder.join("site.db"), folder.join("notes"));
    let trace = "trace=write,pwrite64,fsync,fdatasync,ftruncate".to_owned();
    let arguments = ["-e".to_owned(), trace];
    finished(traced(&arguments, &notes, "child_writes_and_says_so", &path)).await;
    let mut unsynced = BTreeSet::new();
    // Which file a thread is syncing, where another thread is noted before the end of that.
    let mut syncing = BTreeMap::new();
    let (mut acknowledged, mut synced) = (0, 0);
    for line in std::fs::read_to_string(&notes).unwrap().lines() {
        let thread = line.split(' ').next().unwrap();
        let file = ["site.db-wal>", "site.db>"]
            .into_iter()
            .find(|file| line.contains(file));
        let writes = ["write(", "pwrite64(", "ftruncate("]
            .iter()
            .any(|call| line.contains(call));
        let is_sync = line.contains("sync(") || line.contains("sync resumed");
        match file {
            Some(file) if writes => {
                unsynced.insert(file);
            }
            Some(file) if is_sync && line.contains("<unfinished") => {
                syncing.insert(thread.to_owned(), file);
            }
            _ if is_sync && line.ends_with("= 0") => {
                let file = file.or_else(|| syncing.remove(thread));
                synced += 1;
                unsynced.retain(|one| Some(*one) != file);
            }
            _ if line.contains("\"done: ") => {
                assert!(unsynced.is_empty(), "{unsynced:?} before {line}");
                acknowledged += 1;
            }
            _ => {}
        }
    }
    let all = changes(&path).len() + 4;
    assert!(acknowledged == all && synced >= all, "{acknowledged} {synced}");
}

/// What stands in the files at the moment of an acknowledgement, looked at by another store.
#[tokio::test]
async fn f16_a_copy_of_the_files_at_an_acknowledgement_holds_what_was_acknowledged() {
    let folder = Folder::new().unwrap();
    let path = folder.join("site.db");
    let store = SqliteStore::open(&path).unwrap();
    let mut world = World::new().unwrap();
    for (number, change) in changes(&path).into_iter().enumerate() {
        let revision = store
            .commit(world.revision(), std::slice::from_ref(&change))
            .await
            .unwrap();
        world.apply(&[change]).unwrap();
        let copy = folder.join(format!("copy-{number}.db"));
        std::fs::copy(&path, &copy).unwrap();
        std::fs::copy(path.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
        let copied = SqliteStore::open(&copy).unwrap().load().await.unwrap();
        assert_eq!(copied.revision(), revision);
        assert_same(&copied, &world, "the copy");
    }
}

/// Takes all the space there is.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    let full = loop {
        if let Err(error) = file.write_all(&[0; 1000]) {
            break error;
        }
    };
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
}

#[tokio::test]
#[ignore = "runs on the small disk that the test below makes"]
async fn child_on_a_small_disk() {
    let Some(path) = file_from_parent() else {
        return;
    };
    let store = SqliteStore::open(&path).unwrap();
    let empty = store.load().await.unwrap();
    let filler = path.with_file_name("filler");
    let site = changes(&path);
    for round in 0..3u8 {
        fill(&filler);
        let revision = store.load().await.unwrap().revision();
        // What is left of a page may still take small ones.
        let (mut tokens, mut refused) = (0u8, 0);
        while refused < 3 {
            let number = round * 80 + tokens;
            match store.put_token(&token(number)).await {
                Ok(()) => tokens += 1,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
                    refused += 1;
                }
            }
            assert!(tokens < 70, "the disk is not full");
        }
        let commit = store.commit(revision, &site).await.unwrap_err();
        assert_eq!(commit.kind(), ErrorKind::Storage, "{commit}");
        assert!(commit.to_string().contains("full"), "{commit}");
        assert_same(&store.load().await.unwrap(), &empty, "without room");
        std::fs::remove_file(&filler).unwrap();
        // The same store, at once.
        let next = store.commit(revision, &site).await.unwrap();
        let world = store.load().await.unwrap();
        assert_same(&world, &full(&path), "with room");
        for number in 0..tokens {
            let hash = token(round * 80 + number).hash;
            store.redeem_token(&hash, Timestamp::UNIX_EPOCH).await.unwrap();
        }
        let lost = store
            .redeem_token(&token(round * 80 + tokens).hash, Timestamp::UNIX_EPOCH)
            .await;
        assert_eq!(
            lost.unwrap_err().kind(),
            ErrorKind::Unauthenticated,
            "refused is not kept"
        );
        store.put_session(&session(round)).await.unwrap();
        store.commit(next, &emptied(&world)).await.unwrap();
    }
    println!("\nwent on");
}

#[tokio::test]
async fn f14_a_full_disk_refuses_changes_and_the_store_goes_on_when_space_returns() {
    let mount = ["--user", "--map-root-user", "--mount"];
    let mut possible = command("unshare");
    possible
        .args(mount)
        .args(["mount", "-t", "tmpfs", "none", "/mnt"]);
    if !possible.status().await.is_ok_and(|status| status.success()) {
        println!("skipped: this system forbids unprivileged mounts");
        return;
    }
    let folder = Folder::new().unwrap();
    let mut small = command("unshare");
    small.args(mount).args(["sh", "-c"]);
    small.arg(
        "mount -t tmpfs -o size=16m none \"$1\" && exec \"$2\" --exact child_on_a_small_disk --ignored --nocapture",
    );
    small
        .arg("sh")
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap());
    small.env(FILE, folder.join("site.db"));
    let output = finished(small).await;
    assert!(output.contains("went on"), "{output}");
}
