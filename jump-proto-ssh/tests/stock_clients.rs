//! Unmodified OpenSSH clients and rsync through the gate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod common;

use std::path::Path;

use common::{Door, Setup, said};
use jump_core::protocol::SessionEvent;
use jump_core::session::EndReason;
use jump_testkit::sshd::Sshd;

const SIZE: usize = 64 << 20;

async fn door(sshd: &Sshd) -> Door {
    Door::open(Setup::for_sshd(sshd)).await
}

fn contents(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ssh_runs_commands_shells_and_terminals() {
    let sshd = Sshd::start().await.unwrap();
    let mut door = door(&sshd).await;
    let output = door.ssh(&[], "echo out; echo err >&2; exit 7").await;
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(output.stdout, b"out\n");
    assert!(output.stderr.ends_with(b"err\n"), "{}", said(&output));
    let (outcome, ..) = door.session().await.end().await;
    assert_eq!(outcome.reason, EndReason::RepClosed);

    let output = door.ssh(&["-tt"], "tty; stty size; exit 3").await;
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("/dev/pts/"),
        "{}",
        said(&output)
    );

    let output = door.ssh(&["-v"], "true").await;
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("kex: server->client cipher: aes"), "{log}");
    assert!(log.contains("compression: none"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scp_and_sftp_move_files_both_ways_unchanged() {
    let sshd = Sshd::start().await.unwrap();
    let mut door = door(&sshd).await;
    let (local, bytes) = door.file("up", SIZE);
    let back = door.folder.join("back");
    let remote = sshd.path("remote");
    for options in [&[][..], &["-O"]] {
        let at = format!("rep@127.0.0.1:{}", remote.display());
        let output = door.run("scp", &[options, &[text(&local), &at]].concat()).await;
        assert!(output.status.success(), "{}", said(&output));
        assert!(contents(&remote) == bytes);
        let output = door.run("scp", &[options, &[&at, text(&back)]].concat()).await;
        assert!(output.status.success(), "{}", said(&output));
        assert!(contents(&back) == bytes);
        for _ in 0..2 {
            let (_, events, _) = door.session().await.end().await;
            let files = events.contains(&SessionEvent::FileTransferStarted);
            assert_eq!(files, options.is_empty(), "{events:?}");
        }
        std::fs::remove_file(&back).unwrap();
        // Written by the test user; the folder is open to all.
        std::fs::remove_file(&remote).unwrap();
    }
    let batch = format!(
        "put {} {r}\nget {r} {}\nls -l {r}\n",
        local.display(),
        back.display(),
        r = remote.display()
    );
    let batch = door.folder.write("batch", batch).unwrap();
    let output = door.run("sftp", &["-b", text(&batch), "rep@127.0.0.1"]).await;
    assert!(output.status.success(), "{}", said(&output));
    assert!(contents(&remote) == bytes && contents(&back) == bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsync_copies_a_tree() {
    let sshd = Sshd::start().await.unwrap();
    let door = door(&sshd).await;
    let tree = door.folder.join("tree");
    std::fs::create_dir_all(tree.join("a/b")).unwrap();
    for number in 0..50 {
        std::fs::write(tree.join(format!("a/b/{number}")), format!("file {number}")).unwrap();
    }
    let shell = format!("ssh {}", door.options().join(" "));
    let remote = sshd.path("tree");
    let mut run = jump_testkit::process::command("rsync");
    run.args(["-a", "-e", &shell, &format!("{}/", tree.display())]);
    run.arg(format!("rep@127.0.0.1:{}/", remote.display()));
    let output = run.output().await.unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(contents(&remote.join("a/b/49")), b"file 49");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_exchanged_again_on_both_legs_in_the_middle_of_a_file() {
    let sshd = Sshd::builder().line("RekeyLimit 1M").start().await.unwrap();
    let door = door(&sshd).await;
    let (remote, bytes) = door.file("big", SIZE);
    std::fs::set_permissions(
        door.folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let output = door
        .ssh(
            &["-v", "-o", "RekeyLimit=1M"],
            &format!("cat {}", remote.display()),
        )
        .await;
    assert!(output.status.success(), "{}", said(&output));
    assert!(output.stdout == bytes);
    let rekeys = String::from_utf8_lossy(&output.stderr)
        .matches("SSH2_MSG_NEWKEYS received")
        .count();
    assert!(rekeys > 10, "{rekeys}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_forwarding_works_where_permitted_and_agent_forwarding_never_does() {
    let sshd = Sshd::start().await.unwrap();
    let setup = Setup::for_sshd(&sshd).permissions(|permissions| permissions.port_forwarding = true);
    let mut door = Door::open(setup).await;
    let to = format!("127.0.0.1:{}", sshd.address().port());
    let mut run = jump_testkit::process::command("ssh");
    run.args(door.options())
        .args(["-W", &to, "rep@127.0.0.1"])
        .stdin(std::process::Stdio::null());
    let output = run.output().await.unwrap();
    assert!(output.stdout.starts_with(b"SSH-2.0-OpenSSH"), "{}", said(&output));
    let (_, events, _) = door.session().await.end().await;
    assert!(
        events.contains(&SessionEvent::ConnectionOpened { to }),
        "{events:?}"
    );

    let output = door.ssh(&["-A"], "echo agent=$SSH_AUTH_SOCK").await;
    assert_eq!(output.stdout, b"agent=\n", "{}", said(&output));
}
