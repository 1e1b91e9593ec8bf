//! What `kill -9` leaves of a login's and a Jumpoint's key file that are being replaced: the old one or the new one, whole and for
//! its owner only, at every moment.
#![cfg(unix)]

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jump_core::control::BrokerEndpoint;
use jump_core::jumpoint::JumpointIdentity;
use jump_core::keys::{SealingKey, SigningKey};
use jump_core::rep::LoginIdentity;
use jump_core::secret::Secret;
use jump_testkit::process::{Process, command};

use super::{JumpointFile, LoginFile};

const FOLDER: &str = "JUMP_TEST_KEY_FOLDER";
const LONG: Duration = Duration::from_secs(60);

/// A seed of which each byte says whose it is.
fn seed(number: u64) -> Secret<[u8; 32]> {
    let mut seed = [number.to_be_bytes()[7]; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    Secret::new(seed)
}

fn broker(number: u64) -> BrokerEndpoint {
    let key = SigningKey::from_seed(seed(number)).unwrap().public();
    // Long and short, so that the remains of a longer one would show.
    let address = format!(
        "{}:7422",
        "b".repeat(usize::try_from(number * 911 % 4000).unwrap() + 1)
    );
    BrokerEndpoint { address, key }
}

fn login(number: u64) -> LoginFile {
    LoginFile {
        identity: LoginIdentity(SigningKey::from_seed(seed(number)).unwrap()),
        broker: broker(number),
        user: number.to_string(),
    }
}

fn jumpoint(number: u64) -> JumpointFile {
    JumpointFile {
        identity: JumpointIdentity {
            key: SigningKey::from_seed(seed(number)).unwrap(),
            sealing_key: SealingKey::from_seed(seed(number + 1)),
        },
        broker: broker(number),
        name: number.to_string(),
    }
}

/// The number of the login in the file, which is whole.
fn login_at(path: &Path) -> u64 {
    let found = LoginFile::read(path).unwrap();
    let number = found.user.parse().unwrap();
    let wanted = login(number);
    assert_eq!(found.identity.0.public(), wanted.identity.0.public());
    assert_eq!(found.broker, wanted.broker);
    number
}

fn jumpoint_at(path: &Path) -> u64 {
    let found = JumpointFile::read(path).unwrap();
    let number = found.name.parse().unwrap();
    let wanted = jumpoint(number);
    assert_eq!(found.identity.key.public(), wanted.identity.key.public());
    assert_eq!(
        found.identity.sealing_key.public(),
        wanted.identity.sealing_key.public()
    );
    assert_eq!(found.broker, wanted.broker);
    number
}

fn is_for_its_owner(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        // A draft may have become the file meanwhile.
        if let Ok(metadata) = entry.unwrap().metadata() {
            assert_eq!(metadata.mode() & 0o077, 0);
        }
    }
}

#[test]
#[ignore = "the process that the test kills"]
fn child_replaces_key_files_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let (logins, jumpoints) = (folder.join("login"), folder.join("jumpoint"));
    let first = if logins.exists() { login_at(&logins) + 1 } else { 0 };
    println!();
    for number in first.. {
        login(number).write(&logins).unwrap();
        jumpoint(number).write(&jumpoints).unwrap();
        println!("kept: {number}.");
    }
}

#[tokio::test]
async fn f16_a_killed_writer_of_key_files_leaves_the_old_or_the_new_one_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    super::private_folder(&path).unwrap();
    let (logins, jumpoints) = (path.join("login"), path.join("jumpoint"));
    let mut next = 0;
    for round in 0..8 {
        // Whatever the umask permits.
        let mut child = command("sh");
        child.args(["-c", "umask 0; exec \"$@\"", "sh"]);
        child.arg(std::env::current_exe().unwrap());
        let test = "state::kill_tests::child_replaces_key_files_until_it_is_killed";
        child.args(["--exact", test, "--ignored", "--nocapture"]);
        child.env(FOLDER, &path);
        let mut process = Process::spawn(child).unwrap();
        process
            .wait_for_line(&format!("kept: {next}."), LONG)
            .await
            .unwrap();
        let (stop, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let watching = tokio::task::spawn_blocking({
            let (stop, looks) = (stop.clone(), looks.clone());
            let (path, logins, jumpoints) = (path.clone(), logins.clone(), jumpoints.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    login_at(&logins);
                    jumpoint_at(&jumpoints);
                    is_for_its_owner(&path);
                    looks.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let wanted = format!("kept: {}.", next + 10 + round * 7);
        process.wait_for_line(&wanted, LONG).await.unwrap();
        process.kill().await.unwrap();
        stop.store(true, Ordering::Relaxed);
        watching.await.unwrap();
        assert!(looks.load(Ordering::Relaxed) > 0);
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
        let (login, jumpoint) = (login_at(&logins), jumpoint_at(&jumpoints));
        let possible = acknowledged..=acknowledged + 1;
        assert!(possible.contains(&login) && possible.contains(&jumpoint) && jumpoint <= login);
        is_for_its_owner(&path);
        next = login + 1;
    }
}
