//! The audit log in a real syslog server, rsyslogd, which dies in the middle.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jump_core::audit::{Actor, AuditEvent, AuditKind, AuditLog, FileAuditLog};
use jump_core::export::{Forwarder, SyslogFormat, SyslogSink, SyslogTransport};
use jump_core::id::{ItemId, UserId};
use jump_testkit::ports::free_port;
use jump_testkit::process::{Process, command};

/// A safety net, not a measure.
const LONG: Duration = Duration::from_secs(60);
/// What another may write into a name or a reason.
const EVIL: &str = "a\"b]c\\d;e\u{1b}]0;t\u{7}\r\n<0>1 - - - - - - %msg% {{7*7}} büro\u{202e}";
const EVENTS: u32 = 2000;

fn event(number: u32) -> AuditEvent {
    AuditEvent {
        time: "2026-01-02T03:04:05Z".parse().unwrap(),
        actor: Actor::User {
            user: UserId::new(1).unwrap(),
            name: EVIL.to_owned(),
            login: None,
        },
        peer: None,
        kind: AuditKind::SessionDenied {
            item: ItemId::new(1).unwrap(),
            reasons: format!("{EVIL} nr {number}"),
        },
    }
}

/// Starts rsyslogd on `port`; it appends what it understood to `out`, one message a line.
fn rsyslogd(folder: &Path, port: u16, out: &Path) -> Process {
    let config = folder.join("rsyslog.conf");
    let text = format!(
        "global(workDirectory=\"{folder}\" maxMessageSize=\"64k\" parser.escapeControlCharactersOnReceive=\"on\")\n\
         module(load=\"imtcp\")\n\
         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
         template(name=\"t\" type=\"list\") {{\n\
           property(name=\"syslogfacility-text\") constant(value=\"|\") property(name=\"syslogseverity-text\")\n\
           constant(value=\"|\") property(name=\"hostname\") constant(value=\"|\") property(name=\"app-name\")\n\
           constant(value=\"|\") property(name=\"msgid\") constant(value=\"|\") property(name=\"structured-data\")\n\
           constant(value=\"|\") property(name=\"msg\") constant(value=\"\\n\")\n\
         }}\n\
         *.* action(type=\"omfile\" file=\"{out}\" template=\"t\" asyncWriting=\"off\" flushOnTXEnd=\"on\")\n",
        folder = folder.display(),
        out = out.display()
    );
    std::fs::write(&config, text).unwrap();
    let mut rsyslogd = command("rsyslogd");
    rsyslogd.args(["-n", "-i", "NONE", "-f"]).arg(&config);
    Process::spawn(rsyslogd).unwrap()
}

/// The sequence numbers in the order in which they came, once the server has `wanted` lines at least.
async fn lines(out: &Path, wanted: usize) -> Vec<String> {
    let written = async {
        loop {
            let text = std::fs::read_to_string(out).unwrap_or_default();
            let whole = text.matches('\n').count();
            if whole >= wanted {
                return text.lines().take(whole).map(ToOwned::to_owned).collect();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, written)
        .await
        .expect("the server writes")
}

fn sequence(line: &str) -> u32 {
    let data = line.split_once("seq=\"").expect("structured data").1;
    data.split_once('"').unwrap().0.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_syslog_server_that_is_killed_gets_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.txt");
    let port = free_port().unwrap();
    let log = Arc::new(FileAuditLog::open(&folder.path().join("audit.log")).unwrap());
    for number in 1..=EVENTS / 2 {
        log.append(&event(number)).await.unwrap();
    }
    let target = format!("tcp://127.0.0.1:{port}").parse().unwrap();
    let format = SyslogFormat {
        hostname: "berlin".to_owned(),
        ..SyslogFormat::for_transport(SyslogTransport::Tcp)
    };
    let sink = SyslogSink::new(target, format);
    let forwarder = Forwarder::start(log.clone(), Box::new(sink), folder.path().join("position")).unwrap();

    let mut server = rsyslogd(folder.path(), port, &out);
    lines(&out, 100).await;
    server.kill().await.unwrap();
    for number in EVENTS / 2 + 1..=EVENTS {
        log.append(&event(number)).await.unwrap();
    }
    let _server = rsyslogd(folder.path(), port, &out);
    let mut received = lines(&out, EVENTS as usize).await;
    while received.last().map(|line| sequence(line)) != Some(EVENTS) {
        let more = received.len() + 1;
        received = lines(&out, more).await;
    }
    let mut reached = 0;
    for line in &received {
        let sequence = sequence(line);
        assert!(sequence <= reached + 1, "{reached} is followed by {sequence}");
        reached = reached.max(sequence);
        let parts: Vec<&str> = line.splitn(7, '|').collect();
        assert_eq!(
            parts[..5],
            ["local0", "warning", "berlin", "jump", "session_denied"],
            "{line}"
        );
        // As RFC 5424 §6.3.3 writes what this project writes of control characters.
        let who = "who=\"a\\\"b\\]c\\\\d;e\\\\u{1b}\\]0;t\\\\u{7}";
        assert!(parts[5].contains(who), "{line}");
        assert!(parts[6].contains("%msg% {{7*7}} büro"), "{line}");
    }
    assert_eq!(reached, EVENTS);
    drop(forwarder);
}
