//! File transfer through the gate by real clients, against a real sshd: directions, path limits, and what is said of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod common;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Output;

use common::{Door, LONG, Setup, leave, right_password, said};
use jump_core::ErrorKind;
use jump_core::protocol::{Progress, SessionEvent, TransferDirection};
use jump_core::recording::RecordKind;
use jump_testkit::sshd::Sshd;
use russh::ChannelMsg;

use TransferDirection::{Download, Upload};

const SIZE: usize = 8 << 20;

/// A target with two folders that anybody may write to, and a file in each.
struct Stage {
    sshd: Sshd,
    door: Door,
}

impl Stage {
    async fn new(setup: impl FnOnce(&Stage, Setup) -> Setup) -> Self {
        let sshd = Sshd::start().await.unwrap();
        let door = Door::open(Setup::for_sshd(&sshd)).await;
        let mut stage = Self { sshd, door };
        for folder in ["in", "out", "else"] {
            let folder = stage.sshd.path(folder);
            std::fs::create_dir(&folder).unwrap();
            std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
            let file = folder.join("file");
            std::fs::write(&file, folder.to_str().unwrap()).unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o666)).unwrap();
        }
        let setup = setup(&stage, Setup::for_sshd(&stage.sshd));
        stage.door = Door::open(setup).await;
        stage
    }

    /// What the target calls a path of its folder.
    fn there(&self, path: &str) -> String {
        let folder = self.sshd.path("").canonicalize().unwrap();
        folder.join(path).to_str().unwrap().to_owned()
    }

    fn here(&self, path: &str) -> String {
        self.door.folder.join(path).to_str().unwrap().to_owned()
    }

    /// Runs lines of `sftp`; each goes on after an error. `FOLDER` is the target's folder, `HERE` the local one.
    async fn sftp(&self, lines: &[&str]) -> Output {
        let lines: Vec<String> = lines
            .iter()
            .map(|line| {
                let line = line
                    .replace("FOLDER", &self.there(""))
                    .replace("HERE", &self.here(""));
                format!("-{line}\n")
            })
            .collect();
        let batch = self.door.folder.write("batch", lines.concat()).unwrap();
        self.door
            .run("sftp", &["-b", batch.to_str().unwrap(), "rep@127.0.0.1"])
            .await
    }

    async fn events(&mut self) -> Vec<SessionEvent> {
        self.door.session().await.end().await.1
    }
}

fn exists(path: impl AsRef<Path>) -> bool {
    path.as_ref().exists()
}

/// Direction and file of every transfer, and whether it came to its end.
fn transfers(events: &[SessionEvent]) -> Vec<(TransferDirection, String, bool)> {
    let name = |path: &str| Path::new(path).file_name().unwrap().to_str().unwrap().to_owned();
    events
        .iter()
        .filter_map(|event| match event {
            SessionEvent::FileTransferred {
                direction, filename, ..
            } => Some((*direction, name(filename), true)),
            SessionEvent::FileTransferFailed {
                direction, filename, ..
            } => Some((*direction, name(filename), false)),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_direction_alone_works_and_the_other_does_not() {
    let mut stage = Stage::new(|_, setup| setup.permissions(|may| may.file_upload = false)).await;
    stage.door.folder.write("new", "new").unwrap();
    let output = stage
        .sftp(&[
            "get FOLDERout/file HEREgot",
            "put HEREnew FOLDERin/new",
            "rm FOLDERin/file",
            "rename FOLDERin/file FOLDERin/other",
            "mkdir FOLDERin/folder",
            "ls -l FOLDERin",
            "chmod 600 FOLDERin/file",
        ])
        .await;
    assert!(
        exists(stage.here("got")) && exists(stage.there("in/file")),
        "{}",
        said(&output)
    );
    assert!(!exists(stage.there("in/new")) && !exists(stage.there("in/folder")));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("ermission denied"),
        "{}",
        said(&output)
    );
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("/file"),
        "{}",
        said(&output)
    );
    let events = stage.events().await;
    let expected = [
        (Download, "file".to_owned(), true),
        (Upload, "new".to_owned(), false),
    ];
    assert_eq!(transfers(&events), expected, "{events:?}");
    let refused = |event: &&SessionEvent| matches!(event, SessionEvent::RequestRefused { .. });
    assert_eq!(events.iter().filter(refused).count(), 4, "{events:?}");

    let mut stage = Stage::new(|_, setup| setup.permissions(|may| may.file_download = false)).await;
    stage.door.folder.write("new", "new").unwrap();
    let output = stage
        .sftp(&[
            "get FOLDERout/file HEREgot",
            "put HEREnew FOLDERin/new",
            "rename FOLDERin/file FOLDERin/other",
            "mkdir FOLDERin/folder",
            "rm FOLDERelse/file",
        ])
        .await;
    assert!(!exists(stage.here("got")), "{}", said(&output));
    assert!(
        exists(stage.there("in/new")) && exists(stage.there("in/other")) && exists(stage.there("in/folder"))
    );
    let events = stage.events().await;
    let expected = [
        (Download, "file".to_owned(), false),
        (Upload, "new".to_owned(), true),
    ];
    assert_eq!(transfers(&events), expected, "{events:?}");
    for (event, times) in [
        (
            SessionEvent::FileDeleted {
                filename: stage.there("else/file"),
            },
            1,
        ),
        (
            SessionEvent::DirectoryCreated {
                filename: stage.there("in/folder"),
            },
            1,
        ),
    ] {
        assert_eq!(
            events.iter().filter(|one| **one == event).count(),
            times,
            "{events:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_move_only_between_the_paths_that_are_named() {
    let limits = |stage: &Stage, setup: Setup| setup.paths(&[&stage.there("in")], &[&stage.there("out")]);
    let mut stage = Stage::new(limits).await;
    symlink(stage.there("else"), stage.there("out/away")).unwrap();
    symlink(stage.there("else/file"), stage.there("out/awayfile")).unwrap();
    symlink(stage.there("else/nothing"), stage.there("in/dangling")).unwrap();
    stage.door.folder.write("new", "new").unwrap();
    let output = stage
        .sftp(&[
            "get FOLDERout/file HEREgot",
            "get FOLDERout/../out/file HEREgot2",
            "get FOLDERelse/file HEREno1",
            "get FOLDERout/../else/file HEREno2",
            "get FOLDERout/away/file HEREno3",
            "get FOLDERout/awayfile HEREno4",
            "get FOLDERin/file HEREno5",
            "get /etc/passwd HEREno6",
            "put HEREnew FOLDERin/new",
            "put HEREnew FOLDERin/../in/new2",
            "put HEREnew FOLDERelse/new",
            "put HEREnew FOLDERin/../else/new",
            "put HEREnew FOLDERin/dangling",
            "put HEREnew FOLDERout/new",
            "rename FOLDERin/new2 FOLDERin/new3",
            "rename FOLDERin/new FOLDERout/new",
            "rename FOLDERelse/file FOLDERin/stolen",
            "rename FOLDERout/file FOLDERin/file2",
            "ln -s FOLDERelse FOLDERin/link",
            "ln FOLDERin/file FOLDERin/hard",
            "rm FOLDERelse/file",
            "ls FOLDERelse",
            "ls FOLDERin",
        ])
        .await;
    assert!(
        exists(stage.here("got")) && exists(stage.here("got2")),
        "{}",
        said(&output)
    );
    for no in 1..=6 {
        assert!(
            !exists(stage.here(&format!("no{no}"))),
            "no{no}: {}",
            said(&output)
        );
    }
    for there in ["in/new", "in/new3", "else/file", "out/file"] {
        assert!(exists(stage.there(there)), "{there}: {}", said(&output));
    }
    for not in [
        "else/new",
        "else/nothing",
        "out/new",
        "in/new2",
        "in/stolen",
        "in/file2",
        "in/link",
        "in/hard",
    ] {
        assert!(!exists(stage.there(not)), "{not}: {}", said(&output));
    }
    let listed = String::from_utf8_lossy(&output.stdout);
    let listed: Vec<&str> = listed.lines().filter(|line| !line.starts_with("sftp>")).collect();
    let listed = listed.concat();
    assert!(
        listed.contains("in/new3") && !listed.contains("else/"),
        "{listed}"
    );
    let events = stage.events().await;
    let done: Vec<_> = transfers(&events)
        .into_iter()
        .filter(|(.., done)| *done)
        .collect();
    let expected = [
        (Download, "file".to_owned(), true),
        (Download, "file".to_owned(), true),
        (Upload, "new".to_owned(), true),
        (Upload, "new2".to_owned(), true),
    ];
    assert_eq!(done, expected, "{events:?}");
    let real = stage.there("else/new");
    let by_real_name = |event: &SessionEvent| matches!(event, SessionEvent::FileTransferFailed { filename, .. } if *filename == real);
    assert!(
        events.iter().any(by_real_name),
        "the log has the real name: {events:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scp_works_within_its_limits_and_not_outside() {
    let limits = |stage: &Stage, setup: Setup| setup.paths(&[&stage.there("in")], &[&stage.there("in")]);
    let mut stage = Stage::new(limits).await;
    let (local, bytes) = stage.door.file("up", SIZE);
    let local = local.to_str().unwrap();
    let remote = |path: &str| format!("rep@127.0.0.1:{}", stage.there(path));
    let output = stage.door.run("scp", &[local, &remote("in/up")]).await;
    assert!(output.status.success(), "{}", said(&output));
    assert!(std::fs::read(stage.there("in/up")).unwrap() == bytes);
    let output = stage
        .door
        .run("scp", &[&remote("in/up"), &stage.here("back")])
        .await;
    assert!(output.status.success(), "{}", said(&output));
    assert!(std::fs::read(stage.here("back")).unwrap() == bytes);
    let output = stage.door.run("scp", &[local, &remote("else/up")]).await;
    assert!(
        !output.status.success() && !exists(stage.there("else/up")),
        "{}",
        said(&output)
    );
    let output = stage.door.run("scp", &["-O", local, &remote("in/old")]).await;
    assert!(
        !output.status.success() && !exists(stage.there("in/old")),
        "{}",
        said(&output)
    );
    // The client leaves as soon as it is refused, and may or may not show why before.
    let mut events = Vec::new();
    for _ in 0..4 {
        events = stage.events().await;
    }
    assert!(
        events
            .iter()
            .any(|event| matches!(event, SessionEvent::RequestRefused { what } if what.contains("use sftp"))),
        "{events:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_any_bytes_come_through() {
    use std::os::unix::ffi::OsStrExt;
    let limits = |stage: &Stage, setup: Setup| setup.paths(&[], &[&stage.there("out")]);
    let stage = Stage::new(limits).await;
    let name = std::ffi::OsStr::from_bytes(b"\xff\xfe name\x01");
    std::fs::write(Path::new(&stage.there("out")).join(name), "odd").unwrap();
    std::fs::create_dir(stage.here("got")).unwrap();
    let output = stage.sftp(&["get -r FOLDERout/* HEREgot"]).await;
    let got = std::fs::read(Path::new(&stage.here("got")).join(name));
    assert_eq!(got.ok().as_deref(), Some(&b"odd"[..]), "{}", said(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_own_client_copies_within_its_limits() {
    let limits = |stage: &Stage, setup: Setup| setup.paths(&[&stage.there("in")], &[&stage.there("in")]);
    let stage = Stage::new(limits).await;
    let setup = limits(&stage, Setup::for_sshd(&stage.sshd));
    let (session, running) = setup.session(right_password()).await;
    let (local, bytes) = stage.door.file("up", SIZE);
    let quiet = |_: Progress| {};
    session
        .upload(&local, &stage.there("in/up"), &quiet)
        .await
        .unwrap();
    let back = stage.door.folder.join("back");
    session
        .download(&stage.there("in/up"), &back, &quiet)
        .await
        .unwrap();
    assert!(std::fs::read(&back).unwrap() == bytes);
    let error = session
        .upload(&local, &stage.there("else/up"), &quiet)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    drop(session);
    let (_, events, records) = running.end().await;
    let size = bytes.len() as u64;
    for direction in [Upload, Download] {
        let event = SessionEvent::FileTransferred {
            direction,
            filename: stage.there("in/up"),
            filesize: size,
        };
        assert!(events.contains(&event), "{events:?}");
    }
    let recorded: usize = records
        .iter()
        .filter(|record| matches!(record.kind, RecordKind::FromRep | RecordKind::FromTarget))
        .map(|record| record.payload.len())
        .sum();
    assert!(
        recorded > 2 * bytes.len(),
        "the recording has the file both ways: {recorded}"
    );
}

/// A channel on which `first` is sent, and `then` as soon as `wanted` has come back; what came until the gate closed it.
async fn raw(
    setup: &Setup,
    subsystem: bool,
    first: &[u8],
    wanted: &[u8],
    then: &[u8],
) -> (Vec<u8>, Vec<SessionEvent>) {
    let (rep, running) = setup.rep(right_password()).await;
    let mut channel = rep.channel_open_session().await.unwrap();
    if subsystem {
        channel.request_subsystem(true, "sftp").await.unwrap();
    }
    channel.data(first).await.unwrap();
    let (mut got, mut sent) = (Vec::new(), false);
    let all = async {
        while let Some(message) = channel.wait().await {
            if let ChannelMsg::Data { data } = message {
                got.extend_from_slice(&data);
            }
            let came = !wanted.is_empty() && got.windows(wanted.len()).any(|bytes| bytes == wanted);
            if came && !sent {
                sent = true;
                channel.data(then).await.unwrap();
            }
        }
    };
    tokio::time::timeout(LONG, all)
        .await
        .expect("the gate closes the channel");
    leave(rep).await;
    (got, running.end().await.1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_breaks_the_protocol_loses_its_channel_and_the_log_says_why() {
    let sshd = Sshd::start().await.unwrap();
    let setup = Setup::for_sshd(&sshd);
    let init: &[u8] = &[0, 0, 0, 5, 1, 0, 0, 0, 3];
    let unknown: &[u8] = &[0, 0, 0, 5, 77, 0, 0, 0, 9];
    let unsupported: &[u8] = &[101, 0, 0, 0, 9, 0, 0, 0, 8];
    let too_long: &[u8] = &[0x7f, 0, 0, 0, 3];
    let (got, events) = raw(&setup, true, &[init, unknown].concat(), unsupported, too_long).await;
    assert!(got.windows(9).any(|bytes| bytes == unsupported), "{got:?}");
    let problem = |text: &'static str| move |event: &SessionEvent| matches!(event, SessionEvent::Problem { kind: ErrorKind::Protocol, message } if message.contains(text));
    assert!(events.iter().any(problem("too long")), "{events:?}");

    // Some targets keep what comes before the subsystem for it.
    let (got, events) = raw(&setup, false, init, &[], &[]).await;
    assert!(
        got.is_empty() && events.iter().any(problem("before")),
        "{events:?}"
    );
}
