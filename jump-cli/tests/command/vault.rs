//! The vault: credentials that are kept once and injected on many items.

use std::os::unix::fs::MetadataExt;

use jump_testkit::canary::Canary;
use jump_testkit::folder::Folder;
use jump_testkit::process::command;
use jump_testkit::sshd::{HostKeyKind, PASSPHRASE, PASSWORD, Sshd, USER, UserKey};

use crate::secrets::files_under;
use crate::support::{ADMIN, JUMP, LONG, Said, Site, User, finish, host_and_port};

/// The shell item `web`, with the server's host key and no credential of its own.
async fn add_bare_shell(site: &Site, sshd: &Sshd) {
    let (host, port) = host_and_port(sshd.address());
    let key = sshd.host_key(HostKeyKind::Ed25519).unwrap().to_string();
    let add = ["items", "add", "shell", "web", "--host", &host, "--port", &port];
    site.admin
        .run(&[&add, ["--host-key", &key].as_slice()].concat())
        .await
        .ok();
}

/// An account that goes with every item of this machine, and that the administrator may inject.
async fn add_account(user: &User, name: &str, password: &str) {
    let add = ["vault", "add", name, "--user", USER, "--password-stdin"];
    user.run_with(&add, password).await.ok();
    user.run(&["vault", "associate", name, "--host", "127.*"])
        .await
        .ok();
    user.run(&["vault", "grant", name, ADMIN]).await.ok();
}

fn whole(said: &Said) -> Vec<u8> {
    [said.out.as_bytes(), said.err.as_bytes()].concat()
}

#[tokio::test]
async fn s14_a_credential_of_the_vault_logs_in_and_is_found_nowhere() {
    const WRONG: &str = "canary-wrong/pass+word-0815";
    let sshd = Sshd::start().await.unwrap();
    let site = Site::start_with_vault(Some("trace")).await;
    let user = &site.admin;
    add_bare_shell(&site, &sshd).await;
    let outside = Folder::new().unwrap();
    let pem = sshd.user_key(UserKey::Encrypted).await.unwrap();
    let identity = outside.write("identity", &pem).unwrap();
    let first_key = std::fs::read_to_string(site.folder().join("vault.key")).unwrap();

    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    let mut run = async |arguments: &[&str], input: &str, code: i32| {
        let arguments = [&["-vvv"], arguments].concat();
        let said = finish(user.command(&arguments), input).await;
        assert_eq!(said.code, code, "{arguments:?} {said:?}");
        seen.push((arguments.join(" "), whole(&said)));
        said
    };
    let add = ["vault", "add", "servers", "--user", USER, "--password-stdin"];
    run(&add, PASSWORD, 0).await;
    let associate = [
        "vault",
        "associate",
        "servers",
        "--host",
        "127.*",
        "--item-name",
        "*EB*",
    ];
    run(&associate, "", 0).await;
    let said = run(&["ssh", "web", "id -un"], "", 9).await;
    assert!(said.err.contains("credential"), "nobody was granted it: {said:?}");
    run(&["vault", "grant", "servers", ADMIN], "", 0).await;
    let said = run(&["ssh", "web", "id -un"], "", 0).await;
    assert_eq!(said.out, format!("{USER}\n"));

    // V-29: the next session gets what is set, in the same process.
    let set = ["vault", "set", "servers", "--user", USER, "--password-stdin"];
    run(&set, WRONG, 0).await;
    run(&["ssh", "web", "id"], "", 9).await;
    run(&set, PASSWORD, 0).await;
    run(&["ssh", "web", "id"], "", 0).await;
    // V-10: and after the master key was changed.
    run(&["vault", "rotate-key"], "", 0).await;
    run(&["ssh", "web", "id"], "", 0).await;
    let second_key = std::fs::read_to_string(site.folder().join("vault.key")).unwrap();
    assert_ne!(first_key, second_key);

    let identity = identity.to_str().unwrap();
    let add = [
        "vault",
        "add",
        "key",
        "--user",
        USER,
        "--identity",
        identity,
        "--passphrase-stdin",
    ];
    run(&add, PASSPHRASE, 0).await;
    run(&["vault", "associate", "key", "--item", "web"], "", 0).await;
    run(&["vault", "grant", "key", ADMIN], "", 0).await;
    run(&["ssh", "web", "id"], "", 0).await;
    run(&["ssh", "--credential", "servers", "web", "id"], "", 0).await;
    run(&["ssh", "--credential", "other", "web", "id"], "", 5).await;
    let said = run(&["vault", "match", "web"], "", 0).await;
    let at = |name| said.out.find(name).unwrap();
    assert!(at("key ") < at("servers "), "the closest comes first: {said:?}");
    let said = run(&["vault", "list"], "", 0).await;
    assert!(
        said.out.contains("host 127.*, name *eb*") && said.out.contains("ada (inject)"),
        "{said:?}"
    );
    run(&["vault", "list", "--json"], "", 0).await;

    for path in files_under(&site.folder()) {
        if path.is_file() && !path.ends_with("vault.key") {
            seen.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
        if path.file_name().unwrap().to_string_lossy().starts_with("vault.") {
            assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
    }
    for file in ["cmdline", "environ"] {
        let path = format!("/proc/{}/{file}", site.up.pid());
        seen.push((path.clone(), std::fs::read(path).unwrap()));
    }
    let log = site.up.output();
    assert!(
        log.contains("TRACE") && log.contains(" russh"),
        "the log was at its most talkative"
    );
    seen.push(("the log of the server".to_owned(), log.into_bytes()));
    let inside = pem.lines().nth(2).unwrap();
    for secret in [
        PASSWORD,
        WRONG,
        PASSPHRASE,
        inside,
        first_key.trim(),
        second_key.trim(),
    ] {
        let canary = Canary::new(secret.as_bytes());
        for (place, bytes) in &seen {
            assert_eq!(canary.find(bytes), [], "found in {place}");
        }
    }
    let audit = std::fs::read_to_string(site.folder().join("audit.log")).unwrap();
    for event in [
        "credential_injection_attempt",
        "credential_injection_failed",
        "vault_changed",
        "\"name\":\"servers\"",
    ] {
        assert!(audit.contains(event), "{event}");
    }
}

#[tokio::test]
async fn a_credential_is_shown_to_who_may_check_it_out_and_to_one_at_a_time() {
    let site = Site::start_with_vault(None).await;
    let (ada, bob) = (&site.admin, site.add_user("bob").await);
    add_account(ada, "servers", "hunter2-hunter2").await;
    ada.run(&["vault", "grant", "servers", "bob", "--role", "inject"])
        .await
        .ok();
    let denied = bob.run(&["vault", "checkout", "servers"]).await;
    assert_eq!(denied.code, 3, "{denied:?}");
    for user in [ADMIN, "bob"] {
        let grant = ["vault", "grant", "servers", user, "--role", "inject_and_checkout"];
        ada.run(&grant).await.ok();
    }
    let shown = bob.run(&["vault", "checkout", "servers"]).await.ok();
    assert!(shown.contains("password: hunter2-hunter2\n"), "{shown}");
    let busy = ada.run(&["vault", "checkout", "servers"]).await;
    assert_eq!(busy.code, 10, "{busy:?}");
    let listed = ada.run(&["vault", "list"]).await.ok();
    assert!(listed.contains("bob until"), "{listed}");
    ada.run(&["vault", "checkin", "servers", "--user", "bob"])
        .await
        .ok();
    let shown = ada.run(&["vault", "checkout", "servers", "--json"]).await.json();
    assert_eq!(shown["password"], "hunter2-hunter2");
    ada.run(&["vault", "checkin", "servers"]).await.ok();
    ada.run(&["vault", "revoke", "servers", "bob"]).await.ok();
    assert_eq!(bob.run(&["vault", "checkout", "servers"]).await.code, 5);
    assert_eq!(bob.run(&["vault", "remove", "servers"]).await.code, 3);
    assert_eq!(
        bob.run(&["vault", "list", "--json"]).await.json(),
        serde_json::json!([])
    );
}

#[tokio::test]
async fn several_credentials_that_match_alike_are_asked_about_by_name() {
    let (site, sshd) = (Site::start_with_vault(None).await, Sshd::start().await.unwrap());
    let user = &site.admin;
    add_bare_shell(&site, &sshd).await;
    add_account(user, "one", PASSWORD).await;
    add_account(user, "two", "not the password").await;
    let said = user.run(&["ssh", "web", "true"]).await;
    assert_eq!(said.code, 10, "{said:?}");
    assert!(said.err.contains("\"one\", \"two\""), "{said:?}");
    user.run(&["ssh", "--credential", "one", "web", "true"])
        .await
        .ok();
    let copied = user.home.join("hostname");
    let copied = copied.to_str().unwrap();
    let copy = ["cp", "--credential", "one", "web:/etc/hostname", copied];
    user.run(&copy).await.ok();
    user.run(&["vault", "add-group", "old"]).await.ok();
    user.run(&["vault", "associate", "two", "--inherit"]).await.ok();
    user.run(&["ssh", "web", "true"]).await.ok();
    user.run(&["vault", "remove", "two"]).await.ok();
    let groups = user.run(&["vault", "groups", "--json"]).await.json();
    assert_eq!(groups[0]["name"], "old");
    user.run(&["vault", "remove-group", "old"]).await.ok();
}

#[tokio::test]
async fn a_broker_does_not_start_without_the_vaults_key() {
    let user = User::new();
    user.run(&["vault", "init"]).await.ok();
    let again = user.run(&["vault", "init"]).await;
    assert_eq!(again.code, 10, "{again:?}");
    let path = user.home.join("site/vault.key");
    let key = std::fs::read_to_string(&path).unwrap();
    let other = "A".repeat(43);
    let up = ["up", "--listen", "127.0.0.1:0"];
    std::fs::write(&path, &other).unwrap();
    let said = user.run(&up).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("master key is not this vault's"), "{said:?}");
    std::fs::remove_file(&path).unwrap();
    let said = user.run(&up).await;
    assert_eq!(said.code, 5, "{said:?}");

    // The key may be in the environment instead.
    let with = |key: &str, arguments: &[&str]| {
        let mut command = user.environment(command(JUMP), arguments);
        command.env("JUMP_VAULT_KEY", key.trim());
        command
    };
    let rotate = ["vault", "rotate-key", "--new-key-stdin"];
    let said = finish(with(&other, &rotate), &other).await;
    assert_eq!(said.code, 2, "{said:?}");
    finish(with(&key, &rotate), &other).await.ok();
    let said = finish(with(&key, &up), "").await;
    assert_eq!(said.code, 2, "{said:?}");
    let mut site = jump_testkit::process::Process::spawn(with(&other, &up)).unwrap();
    site.wait_for_line("  jump ssh my-server", LONG).await.unwrap();
}
