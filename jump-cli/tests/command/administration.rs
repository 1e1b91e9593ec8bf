//! Setting up a site by the command alone.

use jump_testkit::sshd::{HostKeyKind, PASSPHRASE, PASSWORD, Sshd, USER, UserKey};
use serde_json::json;

use crate::support::{ADMIN, Site, add_shell, finish, host_and_port};

#[tokio::test]
async fn why_shows_each_gate_and_the_verdict() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    site.add_user("bob").await;
    let said = site.admin.run(&["why", "bob", "web"]).await.ok();
    for line in [
        "May bob start a session on web at ",
        "✓ user      user \"bob\" is enabled",
        "✓ method    Shell Jump is an allowed method of the user",
        "✗ jumpoint  jumpoint \"local\" is not granted to the user",
        "✗ role      role \"No Access\" (the user is not in group \"default\") lacks perm_start",
        "denied",
    ] {
        assert!(said.contains(line), "`{line}` is missing in {said}");
    }
    site.let_in("bob").await;
    let said = site.admin.run(&["why", "bob", "web"]).await.ok();
    assert!(said.contains("allowed") && !said.contains('✗'), "{said}");
    let at = ["why", "web", "--at", "2030-01-01T00:00:00Z", "--json"];
    let explanation = site.admin.run(&at).await.json();
    assert_eq!(explanation["at"], "2030-01-01T00:00:00Z");
    assert_eq!(explanation["decision"]["effect"], "allow");
    assert_eq!(site.admin.run(&["why", "nobody", "web"]).await.code, 5);
}

#[tokio::test]
async fn every_list_is_a_table_and_json() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    site.admin.run(&["ssh", "web", "true"]).await.ok();
    for (list, name) in [
        ("items", "web"),
        ("groups", "default"),
        ("users", ADMIN),
        ("jumpoints", "local"),
    ] {
        let rows = site.admin.run(&[list, "list", "--json"]).await.json();
        assert_eq!(rows[0]["name"], json!(name), "{list}: {rows}");
        let table = site.admin.run(&[list, "list"]).await.ok();
        assert!(table.starts_with("ID") && table.contains(name), "{table}");
    }
    let sessions = site.admin.run(&["sessions", "--json"]).await.json();
    assert_eq!(
        (&sessions[0]["user"], &sessions[0]["item"]),
        (&json!(ADMIN), &json!("web"))
    );
    let verified = site.admin.run(&["audit", "verify", "--json"]).await.json();
    assert!(verified["events"].as_u64().unwrap() > 5, "{verified}");
    let events = site.admin.run(&["audit", "show", "--json"]).await.ok();
    let kinds: Vec<String> = events
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"]["event"].to_string())
        .collect();
    assert!(kinds.contains(&"\"session_granted\"".to_owned()), "{kinds:?}");
}

#[tokio::test]
async fn every_kind_of_credential_logs_in() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    let (host, port) = host_and_port(sshd.address());
    let host_key = sshd.host_key(HostKeyKind::Ed25519).unwrap().to_string();
    for (kind, name) in [
        (UserKey::Ed25519, "ed25519"),
        (UserKey::Rsa, "rsa"),
        (UserKey::Ecdsa, "ecdsa"),
        (UserKey::Encrypted, "encrypted"),
        (UserKey::Certified, "certified"),
    ] {
        let pem = sshd.user_key(kind).await.unwrap();
        let file = site.admin.home.write(name, pem).unwrap();
        let mut add = vec![
            "items",
            "add",
            "shell",
            name,
            "--host",
            &host,
            "--port",
            &port,
            "--host-key",
            &host_key,
        ];
        add.extend(["--user", USER, "--identity", file.to_str().unwrap()]);
        let certificate = site
            .admin
            .home
            .write("certificate", sshd.user_certificate().await.unwrap())
            .unwrap();
        if kind == UserKey::Certified {
            add.extend(["--certificate", certificate.to_str().unwrap()]);
        }
        if kind == UserKey::Encrypted {
            add.push("--passphrase-stdin");
        }
        site.admin.run_with(&add, PASSPHRASE).await.ok();
        assert_eq!(
            site.admin.run(&["ssh", name, "whoami"]).await.ok().trim(),
            USER,
            "{name}"
        );
    }
    // A credential can be taken away and given again.
    site.admin
        .run(&["items", "credential", "ed25519", "--remove"])
        .await
        .ok();
    assert_eq!(site.admin.run(&["ssh", "ed25519", "true"]).await.code, 9);
    let set = [
        "items",
        "credential",
        "ed25519",
        "--user",
        USER,
        "--password-stdin",
    ];
    site.admin.run_with(&set, PASSWORD).await.ok();
    site.admin.run(&["ssh", "ed25519", "true"]).await.ok();
}

#[tokio::test]
async fn the_first_host_key_is_pinned_and_another_one_refused() {
    let sshd = Sshd::start().await.unwrap();
    let site = Site::start().await;
    let (host, port) = host_and_port(sshd.address());
    let add = [
        "items",
        "add",
        "shell",
        "web",
        "--host",
        &host,
        "--port",
        &port,
        "--user",
        USER,
        "--password-stdin",
    ];
    site.admin
        .run_with(&[add.as_slice(), &["--trust-first-use"]].concat(), PASSWORD)
        .await
        .ok();
    site.admin.run(&["ssh", "web", "true"]).await.ok();
    let items = site.admin.run(&["items", "list", "--json"]).await.json();
    let pinned = items[0]["details"]["host_key"]["pinned"][0]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(pinned, sshd.host_key(HostKeyKind::Ed25519).unwrap().to_string());
    drop(sshd);
    let _impostor = Sshd::builder().port(port.parse().unwrap()).start().await.unwrap();
    let said = site.admin.run(&["ssh", "web", "true"]).await;
    assert_eq!(said.code, 9, "{said:?}");
    assert!(said.err.contains("host key"), "{said:?}");
}

#[tokio::test]
async fn a_jumpoint_of_its_own_enrols_serves_and_is_locked_out_when_removed() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    let token = site.admin.home.join("token");
    let token = token.to_str().unwrap();
    site.admin
        .run(&["jumpoints", "add", "branch", "--token-file", token])
        .await
        .ok();
    site.admin
        .run(&["jumpoints", "grant", "branch", ADMIN])
        .await
        .ok();
    let agent = crate::support::User::new();
    let start = ["jumpoint", "--allow", "127.0.0.0/8", "--only-listed"];
    let mut running = agent.spawn(&[start.as_slice(), &["--token-file", token]].concat());
    running
        .wait_for_line("connected to the broker", crate::support::LONG)
        .await
        .unwrap();
    add_shell(&site.admin, &sshd, &["--jumpoint", "branch"]).await;
    assert_eq!(site.admin.run(&["ssh", "web", "whoami"]).await.ok().trim(), USER);

    // The invitation is spent; the identity stays.
    running.kill().await.unwrap();
    let again = crate::support::User::new()
        .run(&["jumpoint", "--token-file", token])
        .await;
    assert_eq!(again.code, 4, "{again:?}");
    let mut running = agent.spawn(&start);
    running
        .wait_for_line("connected to the broker", crate::support::LONG)
        .await
        .unwrap();
    site.admin.run(&["ssh", "web", "true"]).await.ok();

    site.admin.run(&["jumpoints", "remove", "branch"]).await.ok();
    let ended = running.wait(crate::support::LONG).await.unwrap();
    assert_eq!(ended.code(), Some(4), "{}", running.output());
}

#[tokio::test]
async fn text_from_others_cannot_act_on_the_terminal() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    site.admin
        .run(&["ssh", "web", "printf '\\033]0;title\\007\\033[31mred\\033[0m\\n'"])
        .await
        .ok();
    let shown = site.admin.run(&["audit", "show"]).await.ok();
    assert!(!shown.contains('\u{1b}'), "{shown}");
    let sessions = site.admin.run(&["sessions", "--json"]).await.json();
    let id = sessions[0]["id"].as_str().unwrap();
    let played = site.admin.run(&["play", id]).await.ok();
    assert!(played.contains("red") && !played.contains('\u{1b}'), "{played:?}");
    // A name with a control character is refused at the door.
    assert_eq!(site.admin.run(&["groups", "add", "a\u{1b}b"]).await.code, 2);
}

#[tokio::test]
async fn an_invitation_never_appears_on_a_command_line() {
    let site = Site::start().await;
    let invitation = site.admin.run(&["users", "invite", ADMIN]).await.ok();
    for arguments in [
        ["login", invitation.trim()].as_slice(),
        &["login", "--token", invitation.trim()],
    ] {
        let said = site.admin.run(arguments).await;
        assert_eq!(said.code, 2, "{said:?}");
    }
    // It was not spent by that.
    let device = crate::support::User::invited(&invitation).await;
    device.run(&["items", "list"]).await.ok();
    let second = finish(crate::support::User::new().command(&["login"]), &invitation).await;
    assert_eq!(second.code, 4, "{second:?}");
}
