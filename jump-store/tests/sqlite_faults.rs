//! A disk that keeps nothing that it was not told to keep. `strace` stands between the store and the system; where it is missing or
//! forbidden, that test says so and does nothing.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a step that fails is a test that fails; a child talks to its parent"
)]

mod data;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jump_core::model::{Change, World};
use jump_core::store::{EnrolmentToken, IdKind, Store, TokenHash, TokenPurpose};
use jump_core::time::Timestamp;
use jump_store::SqliteStore;
use jump_testkit::folder::Folder;
use jump_testkit::process::{Process, command};
use tokio::process::Command;

use data::model::full_site;
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
