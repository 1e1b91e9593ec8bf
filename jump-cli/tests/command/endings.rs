//! How sessions end, and what the command says and returns.

use std::time::Duration;

use jump_testkit::fault_proxy::{Direction, FaultProxy, Faults};
use jump_testkit::process::{Process, command};
use jump_testkit::sshd::Sshd;

use crate::support::{ADMIN, LONG, Parts, Site, User, add_shell, nothing_is_active};

#[tokio::test]
async fn the_exit_code_of_a_remote_command_passes_through() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    let said = site
        .admin
        .run(&["ssh", "web", "echo out; echo err >&2; exit 42"])
        .await;
    assert_eq!(
        (said.code, said.out.as_str(), said.err.as_str()),
        (42, "out\n", "err\n")
    );
    let said = site
        .admin
        .run_with(&["ssh", "web", "--", "tr", "a-z", "A-Z"], "upside\n")
        .await;
    assert_eq!(said.ok(), "UPSIDE\n");
    let said = site.admin.run(&["ssh", "web", "kill -TERM $$"]).await;
    assert_eq!(said.code, 128 + 15, "{said:?}");
}

#[tokio::test]
async fn every_kind_of_failure_has_its_exit_code() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    let alice = site.add_user("alice").await;

    // Not even visible.
    assert_eq!(alice.run(&["ssh", "web", "id"]).await.code, 5);
    let auditor = ["groups", "add-member", "default", "alice", "--role", "Auditor"];
    site.admin.run(&auditor).await.ok();
    let denied = alice.run(&["ssh", "web", "id"]).await;
    assert_eq!(denied.code, 3, "{denied:?}");
    assert!(
        denied.err.contains("lacks perm_start") && denied.err.contains("jumpoint"),
        "{denied:?}"
    );
    assert_eq!(alice.run(&["users", "list"]).await.code, 3);

    assert_eq!(User::new().run(&["items", "list"]).await.code, 4);
    assert_eq!(
        User::new()
            .run_with(&["login"], "jump-invite-1.nonsense")
            .await
            .code,
        2
    );
    assert_eq!(site.admin.run(&["ssh"]).await.code, 2);
    assert_eq!(site.admin.run(&["groups", "add", "default"]).await.code, 10);
    let closed = jump_testkit::ports::free_port().unwrap().to_string();
    let add = [
        "items",
        "add",
        "shell",
        "gone",
        "--host",
        "127.0.0.1",
        "--port",
        &closed,
        "--trust-first-use",
    ];
    site.admin.run(&add).await.ok();
    let said = site.admin.run(&["ssh", "gone", "id"]).await;
    assert_eq!(said.code, 9, "{said:?}");

    let log = site.admin.home.join("copy.log");
    let mut text = std::fs::read_to_string(site.folder().join("audit.log")).unwrap();
    text = text.replacen("alice", "malic", 1);
    std::fs::write(&log, text).unwrap();
    assert_eq!(
        site.admin
            .run(&["audit", "verify", log.to_str().unwrap()])
            .await
            .code,
        7
    );

    let Site { admin, mut up } = site;
    up.kill().await.unwrap();
    let said = admin.run(&["items", "list"]).await;
    assert_eq!(said.code, 6, "{said:?}");
    assert!(said.err.contains("hint: "), "{said:?}");
}

#[tokio::test]
async fn a_failure_is_json_if_asked() {
    let said = User::new().run(&["--json", "items", "list"]).await;
    assert_eq!((said.code, said.out.as_str()), (4, ""));
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["error"]["kind"], "unauthenticated", "{error}");
}

#[tokio::test]
async fn a_session_that_an_administrator_ends_says_so() {
    let (mut site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    let alice = site.add_user("alice").await;
    site.let_in("alice").await;

    // Our own client.
    let mut ours = alice.spawn(&["ssh", "web", "echo ready; sleep 1000"]);
    ours.wait_for_line("ready", LONG).await.unwrap();
    let session = site.session_started("alice").await;
    site.admin.run(&["sessions", "end", &session]).await.ok();
    assert_eq!(
        ours.wait(LONG).await.unwrap().code(),
        Some(8),
        "{}",
        ours.output()
    );
    let line = ours.wait_for_line("jump: ", LONG).await.unwrap();
    assert_eq!(line, format!("jump: the session was ended by {ADMIN}"));

    // OpenSSH's client, through the proxy.
    let options = [
        "-o",
        "ProxyCommand=jump proxy web",
        "-o",
        "StrictHostKeyChecking=accept-new",
    ];
    let known = alice.home.join("known_hosts");
    let known = format!("UserKnownHostsFile={}", known.display());
    let mut ssh = alice.environment(command("ssh"), &options);
    ssh.args([
        "-o",
        &known,
        "-o",
        "BatchMode=yes",
        "web",
        "echo ready; sleep 1000",
    ]);
    let mut ssh = Process::spawn(ssh).unwrap();
    ssh.wait_for_line("ready", LONG).await.unwrap();
    let active = site.admin.run(&["sessions", "--active", "--json"]).await.json();
    let session = active[0]["id"].as_str().unwrap();
    site.admin.run(&["sessions", "end", session]).await.ok();
    ssh.wait_for_line(&format!("jump: the session was ended by {ADMIN}"), LONG)
        .await
        .unwrap();
    assert_eq!(ssh.wait(LONG).await.unwrap().code(), Some(255));
}

/// The client hears of the end from the Jumpoint, through the relay; the reason comes from the broker.
#[tokio::test]
async fn the_reason_is_told_even_if_it_comes_after_the_client_is_gone() {
    let (parts, sshd) = (Parts::start().await, Sshd::start().await.unwrap());
    add_shell(&parts.admin, &sshd, &[]).await;
    // From now on the administrator's other device reaches the broker over a wire that can be slow.
    let invitation = parts.admin.run(&["users", "invite", ADMIN]).await.ok();
    let device = User::invited(&invitation).await;
    let file = device.home.join("profiles/default/login");
    let mut login: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let address = login["broker"]["address"].as_str().unwrap().parse().unwrap();
    let wire = FaultProxy::start(address).await.unwrap();
    login["broker"]["address"] = wire.address().to_string().into();
    std::fs::write(&file, login.to_string()).unwrap();

    let known = format!("UserKnownHostsFile={}", device.home.join("known_hosts").display());
    let options = [
        "-o",
        "ProxyCommand=jump proxy web",
        "-o",
        "StrictHostKeyChecking=accept-new",
    ];
    let mut ssh = device.environment(command("ssh"), &options);
    ssh.args([
        "-o",
        &known,
        "-o",
        "BatchMode=yes",
        "web",
        "echo ready; sleep 1000",
    ]);
    let mut ssh = Process::spawn(ssh).unwrap();
    ssh.wait_for_line("ready", LONG).await.unwrap();
    wire.set(
        Direction::FromUpstream,
        Faults {
            delay: Duration::from_secs(1),
            ..Faults::default()
        },
    );
    let active = parts.admin.run(&["sessions", "--active", "--json"]).await.json();
    let session = active[0]["id"].as_str().unwrap();
    parts.admin.run(&["sessions", "end", session]).await.ok();
    assert_eq!(ssh.wait(LONG).await.unwrap().code(), Some(255));
    ssh.wait_for_line(&format!("jump: the session was ended by {ADMIN}"), LONG)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_session_ends_with_the_role_the_user_or_the_item() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    for change in [
        ["groups", "remove-member", "default", "alice"].as_slice(),
        &["jumpoints", "revoke", "local", "alice"],
        &["users", "disable", "alice"],
        &["users", "remove", "alice"],
    ] {
        let alice = site.add_user("alice").await;
        site.let_in("alice").await;
        let mut session = alice.spawn(&["ssh", "web", "echo ready; sleep 1000"]);
        session.wait_for_line("ready", LONG).await.unwrap();
        site.admin.run(change).await.ok();
        assert_eq!(
            session.wait(LONG).await.unwrap().code(),
            Some(8),
            "{change:?}: {}",
            session.output()
        );
        session
            .wait_for_line("jump: the session ended: ", LONG)
            .await
            .unwrap();
        if change[1] != "remove" {
            site.admin.run(&["users", "remove", "alice"]).await.ok();
        }
    }
    // A lost device: its login goes, the user stays.
    let device = site.add_user("carol").await;
    site.let_in("carol").await;
    let mut session = device.spawn(&["ssh", "web", "echo ready; sleep 1000"]);
    session.wait_for_line("ready", LONG).await.unwrap();
    let users = site.admin.run(&["users", "list", "--json"]).await.json();
    let carol = users
        .as_array()
        .unwrap()
        .iter()
        .find(|user| user["name"] == "carol")
        .unwrap();
    let login = carol["logins"][0]["id"].to_string();
    site.admin.run(&["users", "remove-login", &login]).await.ok();
    assert_eq!(
        session.wait(LONG).await.unwrap().code(),
        Some(8),
        "{}",
        session.output()
    );
    assert_eq!(device.run(&["items", "list"]).await.code, 4);

    let mut session = site.admin.spawn(&["ssh", "web", "echo ready; sleep 1000"]);
    session.wait_for_line("ready", LONG).await.unwrap();
    site.admin.run(&["items", "remove", "web"]).await.ok();
    assert_eq!(
        session.wait(LONG).await.unwrap().code(),
        Some(8),
        "{}",
        session.output()
    );
    nothing_is_active(&site.admin).await;
}

#[tokio::test]
async fn a_session_that_time_will_end_says_so_on_standard_error_and_not_among_its_bytes() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    add_shell(&site.admin, &sshd, &["--max-duration", "4"]).await;
    let said = site.admin.run(&["ssh", "web", "echo ready; sleep 1000"]).await;
    assert_eq!(said.out, "ready\n", "{said:?}");
    let warning = "jump: the session ends in ";
    assert!(
        said.err.starts_with(warning)
            && said.err.contains(" seconds, at 20")
            && said.err.contains("Z: it may not last longer\n"),
        "{said:?}"
    );
    let port = sshd.address().port();
    let forward = format!("0:{port}");
    let tunnel = ["items", "add", "tunnel", "db", "--host", "127.0.0.1"];
    let tunnel = [&tunnel[..], &["--forward", &forward, "--max-duration", "30"]].concat();
    site.admin.run(&tunnel).await.ok();
    // A proxy whose client says nothing.
    for line in ["exec jump tunnel db", "sleep 30 | jump proxy db"] {
        let shell = site.admin.environment(command("sh"), &["-c", line]);
        let mut session = Process::spawn(shell).unwrap();
        session
            .wait_for_line("jump: the session ends in ", LONG)
            .await
            .unwrap();
    }
}
