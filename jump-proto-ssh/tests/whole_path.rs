//! From the rep through relay and Jumpoint to a real sshd: commands and files work, the credential stays at the
//! Jumpoint, the recording and the log say what happened, and taking the role away stops a running command.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::audit::AuditKind;
use jump_core::control::{Edit, ItemView};
use jump_core::model::{HostKeyPolicy, ItemDetails, Name, UserName};
use jump_core::protocol::{ExitStatus, Registry, Session, SessionEvent, ShellEvent, ShellSession};
use jump_core::recording::{Record, RecordingReader};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, RecordingMode};
use jump_proto_ssh::SshBackend;
use jump_testkit::canary::Canary;
use jump_testkit::folder::Folder;
use jump_testkit::running_site::{RunningSite, SiteOptions};
use jump_testkit::seeded::Seeded;
use jump_testkit::sshd::{HostKeyKind, PASSWORD, Sshd, USER};

const AT_MOST: Duration = Duration::from_secs(60);

struct Path {
    site: RunningSite,
    sshd: Sshd,
    folder: Folder,
}

fn backends() -> Registry {
    Registry::new().with(Arc::new(SshBackend::new()))
}

async fn path(host_key: impl FnOnce(&Sshd) -> HostKeyPolicy) -> (Path, ItemView) {
    let sshd = Sshd::start().await.unwrap();
    let folder = Folder::new().unwrap();
    let mut options = SiteOptions::new(backends()).over_tcp();
    options.recordings = Some(folder.join("recordings"));
    let site = RunningSite::start(options).await.unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    let policy = host_key(&sshd);
    let item = site
        .add_shell_with(
            "box",
            sshd.address(),
            RecordingMode::Backpressure,
            policy,
            Default::default(),
        )
        .await
        .unwrap();
    let secret = CredentialSecret::Password(Secret::new(PASSWORD.to_owned()));
    let credential = Credential {
        username: USER.to_owned(),
        secret,
    };
    site.set_credential(&item, &credential).await.unwrap();
    (Path { site, sshd, folder }, item)
}

fn pinned(sshd: &Sshd) -> HostKeyPolicy {
    HostKeyPolicy {
        pinned: vec![sshd.host_key(HostKeyKind::Ed25519).unwrap()],
        trust_first_use: false,
    }
}

async fn shell(path: &Path) -> Box<dyn ShellSession> {
    let rep = path.site.login("alice", backends()).await.unwrap();
    match rep.open("box").await.unwrap() {
        Session::Shell(shell) => shell,
        other => panic!("{other:?}"),
    }
}

async fn run(shell: &dyn ShellSession, command: &str) -> (Vec<u8>, Vec<u8>, Option<ExitStatus>) {
    let mut channel = shell.exec(command.as_bytes(), None).await.unwrap();
    let (mut out, mut err, mut status) = (Vec::new(), Vec::new(), None);
    while let Some(event) = channel.reader.next().await.unwrap() {
        match event {
            ShellEvent::Output(bytes) => out.extend_from_slice(&bytes),
            ShellEvent::ErrorOutput(bytes) => err.extend_from_slice(&bytes),
            ShellEvent::Exit(exit) => status = Some(exit),
        }
    }
    (out, err, status)
}

fn recording_file(path: &Path) -> std::path::PathBuf {
    std::fs::read_dir(path.folder.join("recordings"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
}

/// Every record of the only recording.
fn records(path: &Path) -> Vec<Record> {
    let reader = std::io::BufReader::new(std::fs::File::open(recording_file(path)).unwrap());
    RecordingReader::open(reader, &path.site.recording_key)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

async fn until_over(path: &Path) {
    let site = &path.site;
    site.until("the session is over", || site.broker.live_sessions().is_empty())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_command_runs_on_the_target_and_the_recording_and_the_log_tell_of_it() {
    let (path, _) = path(pinned).await;
    let shell = shell(&path).await;
    let (out, err, status) = run(&*shell, "id -un; echo oops >&2; exit 7").await;
    assert_eq!(
        (out.as_slice(), err.as_slice()),
        (&b"jumptest\n"[..], &b"oops\n"[..])
    );
    assert_eq!(status, Some(ExitStatus::Code(7)));
    shell.close().await.unwrap();
    until_over(&path).await;
    let mut recorded = Vec::new();
    jump_proto_ssh::recording::text(records(&path).into_iter().map(Ok), 0, &mut recorded).unwrap();
    let recorded = String::from_utf8(recorded).unwrap();
    assert!(
        recorded.contains("jumptest") && recorded.contains("oops"),
        "{recorded}"
    );
    let events = path.site.audit.events();
    let noted = events.iter().find_map(|e| match &e.kind {
        AuditKind::SessionEnded { recording, .. } => recording.clone(),
        _ => None,
    });
    let file = std::io::BufReader::new(std::fs::File::open(recording_file(&path)).unwrap());
    let verified = jump_core::recording::verify(file, &path.site.recording_key).unwrap();
    let hash: String = verified.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        noted.unwrap().hash,
        hash,
        "the log names the recording that is on disk"
    );
    let said = |wanted: fn(&SessionEvent) -> bool| {
        events
            .iter()
            .any(|e| matches!(&e.kind, AuditKind::SessionEvent { event, .. } if wanted(event)))
    };
    assert!(said(
        |event| matches!(event, SessionEvent::CredentialInjected { kind, username }
        if kind == "password" && username == USER)
    ));
    assert!(said(
        |event| matches!(event, SessionEvent::CommandStarted { command } if command.contains("exit 7"))
    ));
}

#[tokio::test]
async fn files_go_both_ways_unchanged() {
    let (path, _) = path(pinned).await;
    let shell = shell(&path).await;
    let content = Seeded::new(7).bytes(24 * 1024 * 1024 + 17);
    let local = path.folder.write("up.bin", &content).unwrap();
    let remote = format!("/tmp/jump-whole-path-{}.bin", path.sshd.address().port());
    let sent = shell.upload(&local, &remote, &|_| ()).await.unwrap();
    assert_eq!(sent, content.len() as u64);
    let back = path.folder.join("down.bin");
    shell.download(&remote, &back, &|_| ()).await.unwrap();
    assert!(
        std::fs::read(&back).unwrap() == content,
        "the file came back changed"
    );
    run(&*shell, &format!("rm {remote}")).await;
}

#[tokio::test]
async fn s14_the_credential_is_nowhere_but_at_the_jumpoint() {
    let (path, _) = path(pinned).await;
    let shell = shell(&path).await;
    let (out, err, _) = run(&*shell, "echo hello").await;
    shell.close().await.unwrap();
    until_over(&path).await;
    let canary = Canary::new(PASSWORD.as_bytes());
    let world = format!("{:?}", path.site.broker.world());
    let log = serde_json::to_string(&path.site.audit.events()).unwrap();
    let sessions = format!("{:?}", path.site.store.sessions(false, 100).await.unwrap());
    let recorded: Vec<u8> = records(&path)
        .iter()
        .flat_map(|record| record.payload.to_vec())
        .collect();
    for (place, bytes) in [
        ("what the rep received", [out, err].concat()),
        ("the world", world.into_bytes()),
        ("the log", log.into_bytes()),
        ("the sessions", sessions.into_bytes()),
        ("the recording", recorded),
    ] {
        assert!(!bytes.is_empty());
        assert!(canary.find(&bytes).is_empty(), "the password is in {place}");
    }
}

#[tokio::test]
async fn s25_the_first_host_key_is_pinned_and_another_one_is_refused_for_good() {
    let (path, item) = path(|_| HostKeyPolicy {
        pinned: Vec::new(),
        trust_first_use: true,
    })
    .await;
    let first = shell(&path).await;
    let (out, ..) = run(&*first, "echo one").await;
    assert_eq!(out, b"one\n");
    first.close().await.unwrap();
    let pins = || match &path.site.broker.world().item(item.id).unwrap().details {
        ItemDetails::ShellJump(shell) => shell.host_key.pinned.clone(),
        other => panic!("{other:?}"),
    };
    path.site
        .until("the key is pinned", || pins().len() == 1)
        .await
        .unwrap();
    // Another server takes the same address.
    let (address, Path { site, sshd, folder }) = (path.sshd.address(), path);
    drop(sshd);
    let sshd = Sshd::builder().port(address.port()).start().await.unwrap();
    let path = Path { site, sshd, folder };
    let rep = path.site.login("alice", backends()).await.unwrap();
    let error = rep.open("box").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey, "{error}");
    assert!(
        !path.sshd.log().contains("Accepted"),
        "no credential may be sent: {}",
        path.sshd.log()
    );
    let refused = |event: &jump_core::audit::AuditEvent| {
        matches!(
            &event.kind,
            AuditKind::SessionEvent {
                event: SessionEvent::HostKeyRefused { .. },
                ..
            }
        )
    };
    path.site
        .until("the refusal is logged", || {
            path.site.audit.events().iter().any(refused)
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn s10_losing_the_role_stops_a_running_command_with_a_typed_error() {
    let (path, _) = path(pinned).await;
    let shell = shell(&path).await;
    let mut channel = shell
        .exec(b"echo started; while :; do echo tick; sleep 0.05; done", None)
        .await
        .unwrap();
    let first = channel.reader.next().await.unwrap();
    assert!(matches!(first, Some(ShellEvent::Output(_))), "{first:?}");
    let (user, group) = (UserName::new("alice").unwrap(), Name::new("web").unwrap());
    path.site.edit(Edit::RemoveMember { group, user }).await.unwrap();
    let error = async {
        loop {
            match channel.reader.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the channel ended without an error"),
                Err(error) => return error,
            }
        }
    };
    let error = tokio::time::timeout(AT_MOST, error).await.unwrap();
    assert_eq!(error.kind(), ErrorKind::SessionEnded, "{error}");
    assert!(error.to_string().contains("not in group"), "{error}");
}

#[tokio::test]
async fn a_wrong_credential_is_a_typed_error_at_the_rep() {
    let (path, item) = path(pinned).await;
    let secret = CredentialSecret::Password(Secret::new("wrong".to_owned()));
    path.site
        .set_credential(
            &item,
            &Credential {
                username: USER.into(),
                secret,
            },
        )
        .await
        .unwrap();
    let rep = path.site.login("alice", backends()).await.unwrap();
    let error = rep.open("box").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TargetAuthentication, "{error}");
}
