//! Old events removed by a running site, and what the command says of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jump_core::audit::{Actor, AuditEvent, AuditKind, AuditLog, FileAuditLog};
use jump_core::keys::SigningKey;
use jump_core::time::{SignedDuration, Timestamp};
use jump_testkit::process::{Process, command};

use crate::support::{LONG, User, finish};

/// Ends a site in order.
async fn stop(user: &User, mut up: Process) {
    let pid = up.pid().to_string();
    let kill = user.environment(command("kill"), &["-TERM", &pid]);
    finish(kill, "").await.ok();
    assert_eq!(up.wait(LONG).await.unwrap().code(), Some(0), "{}", up.output());
}

async fn start(user: &User, more: &[&str], line: &str) -> Process {
    let mut up = user.spawn(&[&["up", "--listen", "127.0.0.1:0"], more].concat());
    up.wait_for_line(line, LONG).await.unwrap();
    up
}

/// The key of a site that is not running.
fn site_key(folder: &Path) -> SigningKey {
    let text = std::fs::read_to_string(folder.join("broker.key")).unwrap();
    let seed = text.trim().rsplit(' ').next().unwrap();
    let seed = data_encoding::BASE64URL_NOPAD.decode(seed.as_bytes()).unwrap();
    SigningKey::from_seed(jump_core::secret::Secret::new(seed.try_into().unwrap())).unwrap()
}

/// A log as the site has it after some hundred days, with an event every ten of them.
async fn write_log(path: &Path, key: SigningKey) {
    for old in [path.to_owned(), FileAuditLog::checkpoints_path(path)] {
        std::fs::remove_file(old).unwrap();
    }
    let log = FileAuditLog::open_signed(path, key).unwrap();
    for day in (10..=200).rev().step_by(10) {
        let event = AuditEvent {
            time: Timestamp::now() - SignedDuration::from_hours(24 * day),
            actor: Actor::System,
            peer: None,
            kind: AuditKind::TokenCreated {
                purpose: format!("day {day}"),
            },
        };
        log.append(&event).await.unwrap();
        log.checkpoint().await.unwrap();
    }
}

/// Waits until the log was shortened: that is announced before it is done.
async fn shortened(log: &Path) {
    let done = async {
        while !std::fs::read(log).unwrap().starts_with(b"{\"cut\":") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONG, done).await.unwrap();
}

/// The name of a copy of the log, of which one word was replaced.
fn changed(user: &User, log: &Path, from: &str, to: &str) -> PathBuf {
    let text = std::fs::read_to_string(log).unwrap();
    assert!(text.contains(from), "{text}");
    user.home
        .write(format!("changed-{}.log", from.len()), text.replacen(from, to, 1))
        .unwrap()
}

#[tokio::test]
async fn a_site_keeps_its_log_for_so_many_days_and_verify_says_what_is_gone() {
    let user = User::new();
    stop(&user, start(&user, &[], "  jump ssh my-server").await).await;
    let site = user.home.join("site");
    let log = site.join("audit.log");
    write_log(&log, site_key(&site)).await;

    // Unless it is asked for, nothing goes.
    stop(&user, start(&user, &[], "You are logged in from before").await).await;
    let said = user.run(&["audit", "verify"]).await.ok();
    assert!(
        said.contains(" events, each follows") && !said.contains("retention"),
        "{said}"
    );

    let mut up = start(&user, &["--keep-audit", "95"], "You are logged in from before").await;
    up.wait_for_line("events 1 to 11 of the audit log", LONG)
        .await
        .unwrap();
    shortened(&log).await;
    stop(&user, up).await;
    let said = user.run(&["audit", "verify"]).await.ok();
    for part in [
        "events 12 to ",
        "each follows the one before it, unchanged.",
        "Events 1 to 11 were removed on ",
        " by retention (older than 95 days), signed by the site.",
        "the last one.",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let json = user.run(&["audit", "verify", "--json"]).await.json();
    assert_eq!(json["removed"]["last"], 11);
    let shown = user.run(&["audit", "show"]).await.ok();
    assert!(
        shown
            .trim_start()
            .starts_with("Events 1 to 11 were removed by retention."),
        "{shown}"
    );
    assert!(shown.contains("day 90") && !shown.contains("day 100"), "{shown}");

    // A report says what it lacks, if it lacks something.
    let path = log.to_str().unwrap();
    let report = user.run(&["report", "items", "--log", path]).await;
    assert!(
        report
            .err
            .contains("were removed by retention; what happened before"),
        "{report:?}"
    );
    let since = (Timestamp::now() - SignedDuration::from_hours(24 * 92)).to_string();
    let report = user
        .run(&["report", "items", "--log", path, "--from", &since])
        .await;
    assert!(!report.err.contains("retention"), "{report:?}");

    // What was done to it is named.
    let checkpoints = FileAuditLog::checkpoints_path(&log);
    let key = site_key(&site).public().to_string();
    let verify = async |log: &Path| {
        let checkpoints = checkpoints.to_str().unwrap();
        let log = log.to_str().unwrap();
        let said = user
            .run(&[
                "audit",
                "verify",
                log,
                "--checkpoints",
                checkpoints,
                "--key",
                &key,
            ])
            .await;
        assert_eq!(said.code, 7, "{said:?}");
        said.err
    };
    let said = verify(&changed(&user, &log, "day 70", "day 71")).await;
    assert!(said.contains("event 14 was changed"), "{said}");
    let said = verify(&changed(&user, &log, "\"last\":11,", "\"last\":12,")).await;
    assert!(said.contains("was not signed by this site"), "{said}");
    let text = std::fs::read_to_string(&log).unwrap();
    let headless = user
        .home
        .write("headless.log", text.split_once('\n').unwrap().1)
        .unwrap();
    let said = verify(&headless).await;
    assert!(said.contains("line 1 does not follow"), "{said}");
}

#[tokio::test]
async fn a_site_that_runs_reports_what_it_lacks() {
    let user = User::new();
    let first = start(&user, &[], "  jump ssh my-server").await;
    let invitation = std::fs::read_to_string(user.home.join("site/invitation")).unwrap();
    user.run_with(&["login"], &invitation).await.ok();
    stop(&user, first).await;
    let site = user.home.join("site");
    write_log(&site.join("audit.log"), site_key(&site)).await;
    let address = std::fs::read_to_string(site.join("address")).unwrap();
    let days = ["up", "--listen", address.trim(), "--keep-audit", "95"];
    let mut up = user.spawn(&[days.as_slice(), &["--keep-recordings", "30"]].concat());
    up.wait_for_line("events 1 to 11 of the audit log", LONG)
        .await
        .unwrap();
    up.wait_for_line("You are logged in from before", LONG)
        .await
        .unwrap();
    // It is logged before it is done.
    let lacks = async {
        while !user
            .run(&["report", "changes"])
            .await
            .err
            .contains("were removed by retention")
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONG, lacks).await.unwrap();
    for wrong in ["0", "x", "40000"] {
        for flag in ["--keep-audit", "--keep-recordings"] {
            assert_eq!(user.run(&["up", flag, wrong]).await.code, 2, "{flag} {wrong}");
        }
    }
    stop(&user, up).await;
}

#[tokio::test]
async fn a_key_may_begin_with_a_hyphen() {
    let user = User::new();
    stop(&user, start(&user, &[], "  jump ssh my-server").await).await;
    let log = user.home.join("site/audit.log");
    let log = log.to_str().unwrap();
    let key = format!("-{}", "A".repeat(42));
    let said = user.run(&["audit", "verify", log, "--key", &key]).await;
    assert_eq!(said.code, 7, "it is another site's: {said:?}");
    let said = user.run(&["report", "items", "--log", log, "--key", &key]).await;
    assert_ne!(said.code, 2, "{said:?}");
}
