//! What is left in memory of secrets that were dropped: a process looks through its own memory for them (Linux).
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a step that fails is a test that fails; a child talks to its parent"
)]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use jump_core::id::{ItemId, JumpointId};
use jump_core::keys::{SealingKey, random_bytes};
use jump_core::model::{Hostname, TargetAddress};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialBinding, CredentialSecret};
use jump_testkit::process::{Process, command};

const CHILD: &str = "JUMP_TEST_SECRET_MEMORY";
const LONG: Duration = Duration::from_secs(120);
const LETTERS: usize = 48;

/// A secret that stands in memory nowhere but where it is made on purpose; what is kept of it here is turned around.
struct Canary([u8; LETTERS]);

impl Canary {
    fn new() -> Self {
        let random: [u8; LETTERS] = random_bytes().unwrap();
        // Letters and digits, each with every bit flipped.
        Self(random.map(|byte| !(b'0' + byte % 10)))
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LETTERS);
        bytes.extend(self.0.iter().map(|byte| !byte));
        bytes
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    fn is_at(&self, bytes: &[u8]) -> bool {
        bytes.len() >= LETTERS && bytes.iter().zip(&self.0).all(|(byte, kept)| *byte == !kept)
    }

    /// How often it stands in the memory that this process may write.
    fn found(&self) -> usize {
        let mut memory = File::open("/proc/self/mem").unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mut chunk = vec![0; 1 << 20];
        let mut found = 0;
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let range = line.split(' ').next().unwrap();
            let (from, to) = range.split_once('-').unwrap();
            let [mut at, to] = [from, to].map(|end| u64::from_str_radix(end, 16).unwrap());
            while at < to {
                let length = usize::try_from((to - at).min(1 << 20)).unwrap();
                // The copy of one part must not be found again when the copy's own memory is looked through.
                chunk.fill(0);
                if memory.seek(SeekFrom::Start(at)).is_err()
                    || memory.read_exact(&mut chunk[..length]).is_err()
                {
                    break;
                }
                let first = !self.0[0];
                let starts = (0..length).filter(|start| chunk[*start] == first);
                found += starts.filter(|start| self.is_at(&chunk[*start..length])).count();
                let whole = length < 1 << 20;
                at += u64::try_from(if whole { length } else { length - LETTERS + 1 }).unwrap();
            }
        }
        chunk.fill(0);
        found
    }
}

#[tokio::test]
#[ignore = "the process that looks through its own memory"]
async fn child_drops_its_secrets() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    println!();
    let canary = Canary::new();
    assert_eq!(canary.found(), 0, "before there is a secret");

    let plain = String::from_utf8(canary.bytes()).unwrap();
    assert!(canary.found() > 0, "the search finds what is there");
    let text = Secret::new(plain);
    drop(text);
    assert_eq!(canary.found(), 0, "a text");

    let bytes = Secret::new(canary.bytes());
    assert!(canary.found() > 0);
    drop(bytes);
    assert_eq!(canary.found(), 0, "bytes");

    let key = SealingKey::generate().unwrap();
    let binding = CredentialBinding {
        item: ItemId::new(1).unwrap(),
        jumpoint: JumpointId::new(1).unwrap(),
        target: TargetAddress::new(Hostname::new("10.0.0.5").unwrap(), 22).unwrap(),
    };
    let credential = Credential {
        username: "root".to_owned(),
        secret: CredentialSecret::Password(Secret::new(canary.text())),
    };
    let sealed = credential.seal(&key.public(), &binding).unwrap();
    assert!(canary.found() > 0);
    drop(credential);
    assert_eq!(canary.found(), 0, "a credential that was sealed");

    let opened = sealed.open(&key, &binding).unwrap();
    assert!(canary.found() > 0);
    drop(opened);
    assert_eq!(canary.found(), 0, "a credential that was opened");
    println!("nothing was found");
}

#[tokio::test]
async fn s15_secrets_that_were_dropped_are_nowhere_in_the_memory_of_the_process() {
    let mut child = command(std::env::current_exe().unwrap());
    child.args(["--exact", "child_drops_its_secrets", "--ignored", "--nocapture"]);
    child.env(CHILD, "1");
    let mut process = Process::spawn(child).unwrap();
    let status = process.wait(LONG).await.unwrap();
    let _ = process.wait_for_line("\0", LONG).await;
    assert!(
        status.success() && process.output().contains("nothing was found"),
        "{}",
        process.output()
    );
}
