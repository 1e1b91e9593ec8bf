//! What must not be found, and who must not read it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jump_testkit::canary::Canary;
use jump_testkit::process::command;
use jump_testkit::sshd::{PASSWORD, Sshd, USER};

use crate::support::{Site, User, finish, host_and_port};

pub(crate) fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_under(&path));
        }
        found.push(path);
    }
    found
}

#[tokio::test]
async fn everything_on_disk_is_for_its_owner_only() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    site.admin.run(&["ssh", "web", "true"]).await.ok();
    let token = site.admin.home.join("made/token");
    site.admin
        .run(&["users", "invite", "ada", "--token-file", token.to_str().unwrap()])
        .await
        .ok();
    let export = site.admin.home.join("export");
    let sessions = site.admin.run(&["sessions", "--json"]).await.json();
    let id = sessions[0]["id"].as_str().unwrap();
    // Nothing was shown: an export that fails leaves nothing that others could read either.
    site.admin
        .run(&["export", id, "-o", export.to_str().unwrap()])
        .await;
    for path in files_under(site.admin.home.path()) {
        let mode = std::fs::metadata(&path).unwrap().mode() & 0o777;
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{} has mode {mode:o}", path.display());
    }
}

#[tokio::test]
async fn a_key_that_others_can_read_is_not_used() {
    let site = Site::start().await;
    let login = site.admin.home.join("profiles/default/login");
    std::fs::set_permissions(&login, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = site.admin.run(&["items", "list"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("chmod 600"), "{said:?}");
}

#[tokio::test]
async fn s14_an_injected_password_is_found_nowhere() {
    const WRONG: &str = "canary-wrong/pass+word-4711";
    let sshd = Sshd::start().await.unwrap();
    let site = Site::start_logging(Some("trace")).await;
    let user = &site.admin;
    let (host, port) = host_and_port(sshd.address());
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, password) in [("right", PASSWORD), ("wrong", WRONG)] {
        let target = ["--host", &host, "--port", &port, "--trust-first-use"];
        let add = [
            &["items", "add", "shell", name],
            target.as_slice(),
            &["--user", USER, "--password-stdin", "-vvv"],
        ];
        let said = finish(user.command(&add.concat()), password).await;
        assert_eq!(said.code, 0, "{said:?}");
        seen.push((format!("items add {name}"), (said.out + &said.err).into_bytes()));
        for arguments in [
            ["-vvv", "ssh", name, "id; cat /etc/hostname"].as_slice(),
            &["-vvv", "items", "list", "--json"],
            &["-vvv", "why", name, "--json"],
            &["-vvv", "sessions", "--json"],
        ] {
            let said = user.run(arguments).await;
            assert_eq!(
                said.code == 9,
                name == "wrong" && arguments[1] == "ssh",
                "{said:?}"
            );
            seen.push((arguments.join(" "), (said.out + &said.err).into_bytes()));
        }
        let mut ssh = user.environment(command("ssh"), &["-vvv", "-o", "BatchMode=yes"]);
        let proxy = format!("ProxyCommand=jump -vvv proxy {name}");
        ssh.args([
            "-o",
            &proxy,
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            name,
            "id",
        ]);
        let said = finish(ssh, "").await;
        assert_eq!(said.code == 0, name == "right", "{said:?}");
        seen.push((format!("ssh {name}"), (said.out + &said.err).into_bytes()));
    }
    // What recordings hold once they are opened, keystrokes included.
    let sessions = user.run(&["sessions", "--json"]).await.json();
    for session in sessions.as_array().unwrap() {
        let id = session["id"].as_str().unwrap();
        for format in [
            ["--format", "text"].as_slice(),
            &["--format", "asciicast", "--input"],
        ] {
            let said = user.run(&[&["export", id], format].concat()).await;
            seen.push((format!("export {id}"), (said.out + &said.err).into_bytes()));
        }
    }
    for path in files_under(user.home.path()) {
        if path.is_file() {
            seen.push((path.display().to_string(), std::fs::read(&path).unwrap()));
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
    assert!(
        seen.iter()
            .any(|(_, bytes)| bytes.windows(4).any(|window| window == b"uid=")),
        "sessions were held"
    );
    for secret in [PASSWORD, WRONG] {
        let canary = Canary::new(secret.as_bytes());
        for (place, bytes) in &seen {
            assert_eq!(canary.find(bytes), [], "found in {place}");
        }
    }
}

#[tokio::test]
async fn a_recording_opens_with_the_sites_key_only() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    site.admin
        .run(&["ssh", "web", "echo something-to-see"])
        .await
        .ok();
    let sessions = site.admin.run(&["sessions", "--json"]).await.json();
    let id = sessions[0]["id"].as_str().unwrap();
    let file = site.folder().join(format!("jumpoint/recordings/{id}.jrec"));
    let other = Site::start().await;
    let key = other.folder().join("recording.key");
    let said = site
        .admin
        .run(&["play", "--key", key.to_str().unwrap(), file.to_str().unwrap()])
        .await;
    assert_eq!(said.code, 7, "{said:?}");
    let stranger = User::new().run(&["play", file.to_str().unwrap()]).await;
    assert_eq!(stranger.code, 5, "{stranger:?}");
    assert!(stranger.err.contains("--key"), "{stranger:?}");
}
