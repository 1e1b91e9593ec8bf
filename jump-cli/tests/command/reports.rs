//! `jump report`, over the network and from a log file, after real sessions; and the log sent elsewhere.

use jump_testkit::sshd::Sshd;
use tokio::io::AsyncReadExt;

use crate::support::{LONG, Site, User};

/// A comment that a spreadsheet or a template engine could act on.
const COMMENT: &str = "=HYPERLINK(\"x\") {{7*7}}";

#[tokio::test]
async fn a_session_and_the_changes_around_it_are_reported() {
    let sshd = Sshd::start().await.unwrap();
    let site = Site::start().await;
    site.add_shell(&sshd).await;
    let bob = site.add_user("bob").await;
    site.let_in("bob").await;
    bob.run(&["ssh", "web", "echo", "once"]).await.ok();
    let east = ["groups", "add", "east", "--comments", COMMENT];
    site.admin.run(&east).await.ok();

    let table = site.admin.run(&["report", "sessions", "--details"]).await.ok();
    for said in [
        "STARTED",
        "bob",
        "web",
        "default",
        "local",
        "closed by",
        "Session Start",
        "command: echo once",
        "Session End",
    ] {
        assert!(table.contains(said), "{said}: {table}");
    }
    let rows = bob.run(&["report", "sessions", "--json"]).await.json();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!(rows[0]["user"], "bob");
    assert_eq!(rows[0]["protocol"], "ssh");
    assert_eq!(rows[0]["bytes_from_target"], 5);
    assert_eq!(rows[0]["recording"]["hash"].as_str().unwrap().len(), 64);

    // Who may view no reports is shown nothing of others.
    let carol = site.add_user("carol").await;
    let none = serde_json::json!([]);
    let of_bob = ["report", "sessions", "--user", "bob", "--json"];
    assert_eq!(carol.run(&of_bob).await.json(), none);
    assert_eq!(bob.run(&["report", "items", "--json"]).await.json(), none);
    assert_eq!(bob.run(&["report", "changes"]).await.code, 3);

    let items = ["report", "items", "--item", "default/web", "--format", "csv"];
    let items = site.admin.run(&items).await.ok();
    let events: Vec<_> = items
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(2).unwrap().to_owned())
        .collect();
    assert_eq!(events, ["Created", "Session Started"], "{items}");
    let changes = ["report", "changes", "--group", "east", "--format", "jsonl"];
    let changes = site.admin.run(&changes).await.ok();
    let change: serde_json::Value = serde_json::from_str(changes.trim()).unwrap();
    assert_eq!(change["event"], "jump_group_added");
    assert_eq!(change["fields"]["new_comments"], COMMENT);
    assert_eq!(change["actor"], "ada");
}

#[tokio::test]
async fn a_log_file_gives_the_same_report_and_a_damaged_one_none() {
    let sshd = Sshd::start().await.unwrap();
    let site = Site::start().await;
    site.add_shell(&sshd).await;
    site.admin.run(&["ssh", "web", "true"]).await.ok();
    let log = site.folder().join("audit.log");
    let log = log.to_str().unwrap();
    for kind in ["sessions", "items", "changes"] {
        let asked = ["report", kind, "--format", "jsonl"];
        let read = ["report", kind, "--format", "jsonl", "--log", log];
        let asked = site.admin.run(&asked).await.ok();
        assert_eq!(asked, site.admin.run(&read).await.ok());
        assert!(!asked.is_empty());
    }
    let out = site.admin.home.join("report.csv");
    let out = out.to_str().unwrap();
    let kept = ["report", "items", "--log", log, "--format", "csv", "-o", out];
    site.admin.run(&kept).await.ok();
    assert_eq!(std::fs::read_to_string(out).unwrap().lines().count(), 3);

    let text = std::fs::read_to_string(log).unwrap();
    let granted = |line: &str| line.contains("\"session_granted\"");
    let number = text.lines().position(granted).unwrap() + 1;
    let bad = site.admin.home.join("bad.log");
    let bad = bad.to_str().unwrap();
    let changed = text.replace("\"item_name\":\"web\"", "\"item_name\":\"wet\"");
    std::fs::write(bad, changed).unwrap();
    let second = site.admin.home.join("second.csv");
    let report = ["report", "items", "--log", bad, "-o", second.to_str().unwrap()];
    let report = site.admin.run(&report).await;
    let verify = site.admin.run(&["audit", "verify", bad]).await;
    assert_eq!((report.code, verify.code), (7, 7));
    let named = format!("line {number} was changed");
    assert!(report.err.contains(&named), "{report:?}");
    assert_eq!(report.err, verify.err);
    assert!(
        !second.exists() && report.out.is_empty(),
        "nothing is reported from a damaged log"
    );
}

#[tokio::test]
async fn a_site_sends_its_log_to_syslog_and_to_a_file() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let syslog = format!("tcp://{}", listener.local_addr().unwrap());
    let user = User::new();
    let file = user.home.join("export.jsonl");
    let up = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--syslog",
        &syslog,
        "--export-file",
    ];
    let mut up = user.spawn(&[up.as_slice(), &[file.to_str().unwrap()]].concat());
    up.wait_for_line("  jump ssh my-server", LONG).await.unwrap();
    let (mut stream, _) = tokio::time::timeout(LONG, listener.accept())
        .await
        .unwrap()
        .unwrap();
    let reading = tokio::spawn(async move {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    });
    let pid = up.pid().to_string();
    let kill = user.environment(jump_testkit::process::command("kill"), &["-TERM", &pid]);
    crate::support::finish(kill, "").await.ok();
    assert_eq!(up.wait(LONG).await.unwrap().code(), Some(0), "{}", up.output());
    // It ended in order: both have everything that is in the log.
    let text = tokio::time::timeout(LONG, reading).await.unwrap().unwrap();
    let log = std::fs::read_to_string(user.home.join("site/audit.log")).unwrap();
    let events = log.lines().count();
    assert!(text.contains(&format!("seq=\"{events}\"")), "{text}");
    assert!(
        text.contains(" jump - user_added [jump@32473 seq=\"2\" event=\"user_added\" who=\"system\""),
        "{text}"
    );
    let exported = std::fs::read_to_string(file).unwrap();
    let last: serde_json::Value = serde_json::from_str(exported.lines().last().unwrap()).unwrap();
    assert_eq!(last["sequence"], events);
}
