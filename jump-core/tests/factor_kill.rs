//! What `kill -9` leaves of a second factor that is being replaced: the old record or the new one, whole.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a step that fails is a test that fails; the killed child talks to its parent"
)]

use std::time::Duration;

use jump_core::broker::{FactorFolder, FactorStore};
use jump_core::id::UserId;
use jump_testkit::folder::Folder;
use jump_testkit::process::{Process, command};
use jump_testkit::seeded::Seeded;

const FOLDER: &str = "JUMP_TEST_FACTOR_FOLDER";
const LONG: Duration = Duration::from_secs(60);

fn user() -> UserId {
    UserId::new(7).unwrap()
}

/// A record of which every byte says whose it is, and the length, too.
fn record(number: u64) -> Vec<u8> {
    let mut record = number.to_be_bytes().to_vec();
    record.resize(
        8 + usize::try_from(number * 911 % 40_000).unwrap(),
        number.to_be_bytes()[7],
    );
    record
}

/// The number of a record, if it is whole.
fn whole(bytes: &[u8]) -> Option<u64> {
    let number = u64::from_be_bytes(*bytes.first_chunk()?);
    (bytes == record(number)).then_some(number)
}

#[tokio::test]
#[ignore = "the process that the test kills"]
async fn child_replaces_a_factor_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let store = FactorFolder::new(folder);
    let kept = store.load(user()).await.unwrap();
    let first = kept.map_or(0, |kept| whole(&kept).unwrap() + 1);
    println!();
    for number in first.. {
        store.save(user(), record(number)).await.unwrap();
        println!("kept: {number}.");
    }
}

#[tokio::test]
async fn f16_a_killed_writer_of_a_second_factor_leaves_a_whole_record_and_the_acknowledged_one() {
    let folder = Folder::new().unwrap();
    let mut random = Seeded::new(5);
    let mut next = 0;
    for _ in 0..10 {
        let mut child = command(std::env::current_exe().unwrap());
        child.args([
            "--exact",
            "child_replaces_a_factor_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ]);
        child.env(FOLDER, folder.path());
        let mut process = Process::spawn(child).unwrap();
        let wanted = format!("kept: {}.", next + random.below(40));
        process.wait_for_line(&wanted, LONG).await.unwrap();
        process.kill().await.unwrap();
        // It has said all that it will say.
        process.wait_for_line("\0", LONG).await.unwrap_err();
        let output = process.output();
        let said = |line: &str| {
            line.strip_prefix("kept: ")?
                .strip_suffix('.')?
                .parse::<u64>()
                .ok()
        };
        let acknowledged = output.lines().filter_map(said).max().unwrap();
        let kept = FactorFolder::new(folder.path())
            .load(user())
            .await
            .unwrap()
            .unwrap();
        let number = whole(&kept).unwrap_or_else(|| unreachable!("{} bytes of no record", kept.len()));
        assert!(
            (acknowledged..=acknowledged + 1).contains(&number),
            "{acknowledged} {number}"
        );
        next = number + 1;
    }
}
