//! Every kind of write, cut off: by `kill -9`, and by the n-th page that cannot be written.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a step that fails is a test that fails; the killed child talks to its parent"
)]

mod data;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::id::{ApprovalId, GroupPolicyId, ItemId, JumpointId, UserId};
use jump_core::model::{ApprovalState, Change, GroupPolicy, HostKey, World};
use jump_core::store::Store;
use jump_store::SqliteStore;
use jump_testkit::folder::Folder;
use jump_testkit::process::{Process, command};
use jump_testkit::seeded::Seeded;
use rusqlite::Connection;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use data::assert_same;
use data::model::{emptied, full_site};

const FILE: &str = "JUMP_TEST_CRASH_FILE";
const COMMITS: &str = "JUMP_TEST_CRASH_COMMITS";
const LONG: Duration = Duration::from_secs(120);

/// Commits that begin and end with an empty site: each object of every kind by itself, edits, removals that others follow,
/// then the rest at once.
fn cycle() -> Vec<Vec<Change>> {
    let mut world = World::new().unwrap();
    let mut commits: Vec<Vec<Change>> = full_site().into_iter().map(|change| vec![change]).collect();
    for commit in &commits {
        world.apply(commit).unwrap();
    }
    let mut policy = GroupPolicy::clone(world.group_policy(GroupPolicyId::new(2).unwrap()).unwrap());
    policy.members = world.users().map(|user| user.id).collect();
    let mut request = world
        .approval(ApprovalId::new(2).unwrap())
        .unwrap()
        .as_ref()
        .clone();
    request.state = ApprovalState::Revoked;
    let edits = [
        vec![Change::PutGroupPolicy(policy)],
        vec![Change::PutApproval(request)],
        vec![Change::PinHostKey {
            item: ItemId::new(1).unwrap(),
            key: HostKey::new(data::HOST_KEY).unwrap(),
        }],
        vec![Change::RevokeJumpoint {
            user: UserId::new(2).unwrap(),
            jumpoint: JumpointId::new(1).unwrap(),
        }],
        vec![Change::RemoveUser(UserId::new(2).unwrap())],
        vec![Change::RemoveJumpoint(JumpointId::new(1).unwrap())],
    ];
    for commit in edits {
        world.apply(&commit).unwrap();
        commits.push(commit);
    }
    commits.push(emptied(&world));
    commits
}

/// The world after so many commits of cycles.
fn after(commits: &[Vec<Change>], revision: u64) -> World {
    let mut world = World::new().unwrap();
    for commit in &commits[..revision as usize % commits.len()] {
        world.apply(commit).unwrap();
    }
    world
}

fn child(test: &str, path: &Path, commits: &Path) -> tokio::process::Command {
    let mut command = command(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command.env(FILE, path).env(COMMITS, commits);
    command
}

/// What a child was told.
fn told() -> Option<(PathBuf, Vec<Vec<Change>>)> {
    let (path, commits) = (std::env::var_os(FILE)?, std::env::var_os(COMMITS)?);
    let commits = std::fs::read(commits).unwrap();
    Some((path.into(), serde_json::from_slice(&commits).unwrap()))
}

fn is_sound(path: &Path) {
    let raw = Connection::open(path).unwrap();
    let sound: String = raw
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    let mut dangling = raw.prepare("PRAGMA foreign_key_check").unwrap();
    assert!(dangling.query([]).unwrap().next().unwrap().is_none());
}

#[tokio::test]
#[ignore = "the process that the kill test kills"]
async fn child_commits_until_it_is_killed() {
    let Some((path, commits)) = told() else {
        return;
    };
    let store = SqliteStore::open(&path).unwrap();
    let mut revision = store.load().await.unwrap().revision();
    println!();
    loop {
        let commit = &commits[revision as usize % commits.len()];
        revision = store.commit(revision, commit).await.unwrap();
        println!("committed: {revision}.");
    }
}

#[tokio::test]
async fn f16_a_killed_writer_of_any_kind_of_object_leaves_whole_commits() {
    let folder = Folder::new().unwrap();
    let path = folder.join("site.db");
    let commits = cycle();
    let told = folder
        .write("commits.json", serde_json::to_vec(&commits).unwrap())
        .unwrap();
    let mut random = Seeded::new(3);
    let mut revision = 0;
    let mut kinds = 0;
    for _ in 0..10 {
        let mut process = Process::spawn(child("child_commits_until_it_is_killed", &path, &told)).unwrap();
        let wanted = format!(
            "committed: {}.",
            revision + 1 + random.below(commits.len() as u64 / 2)
        );
        process.wait_for_line(&wanted, LONG).await.unwrap();
        process.kill().await.unwrap();
        let closed = process.wait_for_line("\0", LONG).await.unwrap_err();
        assert_eq!(closed.kind(), ErrorKind::Closed, "{closed}");
        let output = process.output();
        let acknowledged: u64 = output
            .lines()
            .filter_map(|line| line.strip_prefix("committed: ")?.strip_suffix('.')?.parse().ok())
            .max()
            .unwrap();
        is_sound(&path);
        let world = SqliteStore::open(&path).unwrap().load().await.unwrap();
        revision = world.revision();
        assert!((acknowledged..=acknowledged + 1).contains(&revision));
        assert_same(
            &world,
            &after(&commits, revision),
            &format!("revision {revision}"),
        );
        kinds += usize::from(world.approvals().count() > 0) + usize::from(world.items().count() > 5);
    }
    assert!(revision > commits.len() as u64, "a whole cycle: {revision}");
    assert!(kinds > 0);
}

/// Files of this process may not grow beyond so many bytes from now on; `None` is as before.
fn limit_files(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let current = bytes.or(maximum);
    setrlimit(Resource::Fsize, Rlimit { current, maximum }).unwrap();
}

/// What is in the log goes into the file, and the next commit begins it anew.
fn empty_the_log(path: &Path) {
    let raw = Connection::open(path).unwrap();
    let busy: i64 = raw
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(busy, 0);
}

#[tokio::test]
#[ignore = "the process whose files may not grow"]
async fn child_commits_with_no_room_for_the_nth_page() {
    let Some((path, commits)) = told() else {
        return;
    };
    let site: Vec<Change> = commits[..commits.len() - 7].concat();
    let log = path.with_extension("db-wal");
    let store = SqliteStore::open(&path).unwrap();
    let empty = World::new().unwrap();
    let mut full = World::new().unwrap();
    full.apply(&site).unwrap();
    let (mut refused, mut page) = (0u32, 0u64);
    loop {
        let revision = store.load().await.unwrap().revision();
        empty_the_log(&path);
        assert_eq!(std::fs::metadata(&log).unwrap().len(), 0);
        // In the middle of the n-th page that is written to the log, or at its end.
        limit_files(Some(page * 4096 / 2));
        let outcome = store.commit(revision, &site).await;
        let Err(error) = outcome else {
            limit_files(None);
            println!("\nwhole at {page}");
            break;
        };
        assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
        // What can be read is what was there, room or not.
        assert_same(&store.load().await.unwrap(), &empty, "without room");
        limit_files(None);
        let other = SqliteStore::open(&path).unwrap();
        assert_same(&other.load().await.unwrap(), &empty, "from the file");
        drop(other);
        // The same store goes on when there is room again.
        let next = store.commit(revision, &site).await.unwrap();
        assert_same(&store.load().await.unwrap(), &full, "with room");
        store.commit(next, &emptied(&full)).await.unwrap();
        refused += 1;
        page += 1 + u64::from(refused) / 8;
    }
    println!("refused: {refused}.");
}

/// Unix only by nature: limits on files are the system's.
#[tokio::test]
async fn f17_a_page_that_cannot_be_written_fails_the_commit_whole_and_the_store_goes_on() {
    let folder = Folder::new().unwrap();
    let path = folder.join("site.db");
    let told = folder
        .write("commits.json", serde_json::to_vec(&cycle()).unwrap())
        .unwrap();
    drop(SqliteStore::open(&path).unwrap());
    // A file that would grow too far is an error, not the end of the process.
    let mut limited = command("env");
    let child = child("child_commits_with_no_room_for_the_nth_page", &path, &told);
    let child = child.as_std();
    limited
        .arg("--ignore-signal=XFSZ")
        .arg(child.get_program())
        .args(child.get_args());
    limited.env(FILE, &path).env(COMMITS, &told);
    let mut process = Process::spawn(limited).unwrap();
    let refused = process.wait_for_line("refused: ", LONG).await;
    let output = process.output();
    let refused = refused.unwrap_or_else(|error| unreachable!("{error}\n{output}"));
    let refused: u32 = refused
        .trim_start_matches("refused: ")
        .trim_end_matches('.')
        .parse()
        .unwrap();
    assert!(refused >= 20, "{refused} commits were refused");
    is_sound(&path);
    let world = SqliteStore::open(&path).unwrap().load().await.unwrap();
    assert!(world.items().count() > 5);
}
