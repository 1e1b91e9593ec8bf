//! Local VNC by the command: a real server, a site that has no Jumpoint, and the gate in the command's own process.

use jump_testkit::process::{Process, command};
use jump_testkit::vnc::{PASSWORD, VncServer};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{LONG, Said, User, at_terminal, finish, host_and_port, nothing_is_active, python};
use crate::vnc::{Pixels, listening, png, root_of, show_picture, until, watch_events};

/// What lets the command reach a server of this machine, and log in there.
const HERE: [&str; 3] = ["--allow", "127.0.0.0/8", "--password-stdin"];

/// A broker without a Jumpoint, and the Local VNC item `desk`.
struct Desk {
    admin: User,
    broker: Process,
    server: VncServer,
    operator: User,
}

impl Desk {
    async fn start() -> Self {
        let operator = User::new();
        let mut broker = operator.spawn(&["broker", "--listen", "127.0.0.1:0"]);
        broker.wait_for_line("The broker serves at ", LONG).await.unwrap();
        let invitation = std::fs::read_to_string(operator.home.join("site/invitation")).unwrap();
        let admin = User::invited(&invitation).await;
        let server = VncServer::tigervnc("VncAuth").await.unwrap();
        let (host, port) = host_and_port(server.address());
        let add = [
            "items",
            "add",
            "local-vnc",
            "desk",
            "--host",
            &host,
            "--port",
            &port,
        ];
        let said = admin.run(&add).await.ok();
        assert!(said.contains("jump vnc desk"), "{said}");
        let jumpoints = admin.run(&["jumpoints", "list", "--json"]).await.json();
        assert_eq!(jumpoints, serde_json::json!([]), "there is none");
        Self {
            admin,
            broker,
            server,
            operator,
        }
    }

    /// A verb on the item, with the target's password.
    async fn on_desk(&self, user: &User, verb: &[&str]) -> Said {
        user.run_with(&[verb, &HERE].concat(), PASSWORD).await
    }

    async fn screen(&self) -> Pixels {
        root_of(&self.server.display().unwrap()).await.1
    }

    fn file(&self, name: &str) -> String {
        self.admin.home.join(name).display().to_string()
    }

    /// Another user, who may start sessions.
    async fn user(&self, name: &str) -> User {
        let add = ["users", "add", name, "--method", "local-vnc"];
        self.admin.run(&add).await.ok();
        let role = ["groups", "add-member", "default", name];
        self.admin
            .run(&[&role[..], &["--role", "Start Sessions Only"]].concat())
            .await
            .ok();
        let invitation = self.admin.run(&["users", "invite", name]).await.ok();
        User::invited(&invitation).await
    }
}

/// `jump vnc desk` with the target's password, which is in a file that the shell opens, and its port.
async fn open(user: &User) -> (Process, u16) {
    let password = user.home.write("password", PASSWORD).unwrap();
    let line = format!(
        "exec jump vnc desk --no-viewer --json {} < '{}'",
        HERE.join(" "),
        password.display()
    );
    let mut open = Process::spawn(user.environment(command("sh"), &["-c", &line])).unwrap();
    let port = listening(&mut open).await;
    (open, port)
}

/// The session of the viewer that is connected.
async fn session(open: &mut Process) -> String {
    let line = open.wait_for_line("opened", LONG).await.unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    said["opened"]["session"].as_str().unwrap().to_owned()
}

/// A viewer that has been let in.
async fn viewer(port: u16) -> TcpStream {
    let mut viewer = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut version = [0; 12];
    viewer.read_exact(&mut version).await.unwrap();
    assert_eq!(&version, b"RFB 003.008\n");
    viewer.write_all(&version).await.unwrap();
    let mut logins = [0; 2];
    viewer.read_exact(&mut logins).await.unwrap();
    assert_eq!(logins, [1, 1], "no login");
    viewer.write_all(&[1, 1]).await.unwrap();
    // The login's result, and ServerInit up to the length of the name (RFC 6143 §7.1.3, §7.3.2).
    let mut welcome = [0; 4 + 24];
    viewer.read_exact(&mut welcome).await.unwrap();
    let mut name = vec![0; usize::from(welcome[27])];
    viewer.read_exact(&mut name).await.unwrap();
    viewer
}

#[tokio::test]
async fn a_local_screen_is_what_the_server_shows_and_log_report_and_recording_say_so() {
    let desk = Desk::start().await;
    let _shown = show_picture(&desk.server, &desk.admin).await;
    let alice = desk.user("alice").await;
    let file = desk.file("desk.png");
    let said = desk
        .on_desk(&alice, &["screenshot", "desk", "-o", &file])
        .await
        .ok();
    assert!(said.contains("640 × 480"), "{said}");
    assert!(png(&file) == desk.screen().await, "the pixels differ");

    let sessions = desk.admin.run(&["sessions", "--json"]).await.json();
    let session = sessions[0]["id"].as_str().unwrap();
    assert_eq!(
        (&sessions[0]["local"], sessions.as_array().unwrap().len()),
        (&true.into(), 1)
    );
    let table = desk.admin.run(&["sessions"]).await.ok();
    assert!(table.contains("vnc, local"), "{table}");

    let report = desk.admin.run(&["report", "sessions", "--json"]).await.json();
    let row = &report[0];
    assert_eq!(row["jumpoint"], "local, reported by the rep");
    assert_eq!(
        (&row["jumpoint_id"], &row["end_reason"]),
        (&Value::Null, &"closed by the rep".into())
    );
    assert_eq!(row["recording_mode"], "backpressure");
    assert!(row["bytes_from_target"].as_u64().unwrap() > 1000, "{row}");
    let events = row["events"].as_array().unwrap();
    let by = |kind: &str| {
        let event = events.iter().find(|event| event["event_type"] == kind).unwrap();
        event["performed_by"].as_str().unwrap()
    };
    assert_eq!(by("Session Start"), "alice");
    assert_eq!(by("Credential Injected"), "alice, reported by the rep");
    assert_eq!(by("Session End"), "alice, reported by the rep");
    let text = desk.admin.run(&["report", "sessions"]).await.ok();
    assert!(text.contains("local, reported by the rep"), "{text}");
    let csv = desk
        .admin
        .run(&["report", "sessions", "--format", "csv"])
        .await
        .ok();
    assert!(csv.contains("\"local, reported by the rep\""), "{csv}");

    // The site's key opens it, and the log has its hash; the rep has no key.
    let recording = alice
        .home
        .join(format!("profiles/default/recordings/{session}.jrec"));
    let recording = recording.to_str().unwrap();
    let key = desk.operator.home.join("site/recording.key");
    let seen = desk.file("seen.png");
    let export = [
        "export",
        recording,
        "--key",
        key.to_str().unwrap(),
        "--format",
        "png",
    ];
    let export = [&export[..], &["-o", &seen]].concat();
    let said = desk.admin.run(&export).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(png(&seen) == desk.screen().await, "the recorded pixels differ");
    let withheld = alice
        .run(&["export", recording, "--format", "png", "-o", &seen])
        .await;
    assert_ne!(withheld.code, 0);
    assert_eq!(row["recording"]["hash"].as_str().unwrap().len(), 64);
    let verified = desk.operator.run(&["audit", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
}

#[tokio::test]
async fn keys_arrive_at_a_local_item_and_view_only_is_enforced_for_every_client() {
    let desk = Desk::start().await;
    let mut xev = watch_events(&desk.server).await;
    let typed = desk
        .on_desk(&desk.admin, &["type", "desk", "a{Return}"])
        .await
        .ok();
    assert_eq!(typed, "Typed 2 keys on desk.\n");
    xev.wait_for_line("keysym 0xff0d, Return", LONG).await.unwrap();
    desk.on_desk(&desk.admin, &["click", "desk", "30,40"]).await.ok();
    xev.wait_for_line("root:(30,40)", LONG).await.unwrap();

    let admin = &desk.admin;
    let policy = ["session-policies", "add", "look", "--deny", "keyboard_mouse"];
    admin.run(&policy).await.ok();
    let edit = ["items", "edit", "desk", "--session-policy", "look"];
    admin.run(&edit).await.ok();
    for verb in [&["type", "desk", "z"][..], &["click", "desk", "99,99"]] {
        let said = desk.on_desk(admin, verb).await;
        assert_eq!(said.code, 3, "{verb:?} {said:?}");
    }
    // A viewer that does not care sends a key all the same; what it asks for behind that is answered, so the key was seen.
    let (mut open, port) = open(admin).await;
    let mut viewer = viewer(port).await;
    let z = [4, 1, 0, 0, 0, 0, 0, b'z'];
    let update = [3, 0, 0, 0, 0, 0, 0, 16, 0, 16];
    viewer.write_all(&[&z[..], &update].concat()).await.unwrap();
    assert_eq!(viewer.read_u8().await.unwrap(), 0, "an update");
    drop(viewer);
    open.wait_for_line("closed", LONG).await.unwrap();
    // What may be typed again comes behind it.
    let clear = ["items", "edit", "desk", "--clear", "session-policy"];
    admin.run(&clear).await.ok();
    desk.on_desk(admin, &["type", "desk", "q"]).await.ok();
    xev.wait_for_line("keysym 0x71, q", LONG).await.unwrap();
    assert!(!xev.output().contains("keysym 0x7a, z"), "{}", xev.output());
    let report = admin.run(&["report", "sessions", "--json"]).await.json();
    let refused = report.to_string();
    assert!(refused.contains("Request Refused"), "{refused}");
}

#[tokio::test]
async fn an_end_by_an_administrator_and_a_revoked_role_reach_a_local_session() {
    let mut desk = Desk::start().await;
    let alice = desk.user("alice").await;
    let ways: [(&[&str], i32, &str); 2] = [
        (&["sessions", "end"], 8, "ended by ada"),
        (
            &["groups", "remove-member", "default", "alice"],
            8,
            "access was revoked",
        ),
    ];
    for (end, code, why) in ways {
        let (mut open, port) = open(&alice).await;
        let mut viewer = viewer(port).await;
        let session = session(&mut open).await;
        let mut end = end.to_vec();
        if end[0] == "sessions" {
            end.push(&session);
        }
        desk.admin.run(&end).await.ok();
        let ended = open.wait(LONG).await.unwrap();
        assert_eq!(ended.code(), Some(code), "{}", open.output());
        open.wait_for_line(why, LONG).await.unwrap();
        // The viewer sees the end; it may be a reset.
        let _ = viewer.read_to_end(&mut Vec::new()).await;
        nothing_is_active(&desk.admin).await;
        desk.broker.wait_for_line(why, LONG).await.unwrap();
    }
}

#[tokio::test]
async fn a_command_that_is_killed_leaves_no_session_and_no_hash_of_its_recording() {
    let mut desk = Desk::start().await;
    let alice = desk.user("alice").await;
    let (mut open, port) = open(&alice).await;
    let viewer = viewer(port).await;
    session(&mut open).await;
    open.kill().await.unwrap();
    desk.broker
        .wait_for_line("the rep went away", LONG)
        .await
        .unwrap();
    nothing_is_active(&desk.admin).await;
    drop(viewer);
    let report = desk.admin.run(&["report", "sessions", "--json"]).await.json();
    assert_eq!(report[0]["end_reason"], "the rep went away");
    assert_eq!(
        (&report[0]["recording_mode"], &report[0]["recording"]),
        (&"backpressure".into(), &Value::Null),
        "that it is missing shows"
    );
    let events = report[0]["events"].as_array().unwrap();
    assert_eq!(events.last().unwrap()["performed_by"], "system");
}

#[tokio::test]
async fn what_a_local_item_needs_is_said_and_what_others_do_not_take_is_refused() {
    let desk = Desk::start().await;
    let admin = &desk.admin;
    let file = desk.file("desk.png");
    let shot = ["screenshot", "desk", "-o", &file];
    let said = admin
        .run_with(&[&shot[..], &["--password-stdin"]].concat(), PASSWORD)
        .await;
    assert!(said.code != 0 && said.err.contains("network policy"), "{said:?}");
    let said = desk
        .admin
        .run_with(&[&shot[..], &HERE].concat(), "wrong123")
        .await;
    assert_eq!(said.code, 9, "{said:?}");
    let said = admin
        .run(&[&shot[..], &["--allow", "127.0.0.0/8"]].concat())
        .await;
    assert!(said.code != 0 && said.err.contains("password"), "{said:?}");
    assert!(!std::path::Path::new(&file).exists());
    nothing_is_active(admin).await;
    let report = admin.run(&["report", "sessions", "--json"]).await.json();
    assert_eq!(report.as_array().unwrap().len(), 3);
    assert!(
        report
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["jumpoint"] == "local, reported by the rep"),
        "each of them says how it ended: {report}"
    );

    let (host, port) = host_and_port(desk.server.address());
    let add = [
        "items",
        "add",
        "local-vnc",
        "other",
        "--host",
        &host,
        "--port",
        &port,
    ];
    let said = admin
        .run_with(&[&add[..], &["--password-stdin"]].concat(), PASSWORD)
        .await;
    assert!(said.code == 2 && said.err.contains("nothing injects"), "{said:?}");
    let credential = ["items", "credential", "desk", "--password-stdin"];
    let said = admin.run_with(&credential, PASSWORD).await;
    assert!(said.code == 2 && said.err.contains("nothing injects"), "{said:?}");
    let both = ["type", "desk", "-", "--password-stdin"];
    assert_eq!(admin.run_with(&both, PASSWORD).await.code, 2);
    let proxy = ["proxy", "desk", "--password-stdin"];
    assert_eq!(admin.run_with(&proxy, PASSWORD).await.code, 2);
    let named = [&shot[..], &HERE, &["--credential", "root"]].concat();
    let said = admin.run_with(&named, PASSWORD).await;
    assert!(
        said.code == 2 && said.err.contains("the rep would see it"),
        "{said:?}"
    );
    admin.run(&["jumpoints", "add", "branch"]).await.ok();
    let remote = [
        "items",
        "add",
        "remote-vnc",
        "far",
        "--host",
        "192.0.2.7",
        "--jumpoint",
        "branch",
    ];
    admin.run(&remote).await.ok();
    let far = ["screenshot", "far", "-o", &file];
    let said = admin.run_with(&[&far[..], &HERE].concat(), PASSWORD).await;
    assert!(
        said.code == 2 && said.err.contains("goes through a jumpoint"),
        "{said:?}"
    );
}

#[tokio::test]
async fn the_password_is_asked_for_at_a_terminal() {
    let desk = Desk::start().await;
    let _shown = show_picture(&desk.server, &desk.admin).await;
    let file = desk.file("asked.png");
    let line = format!("jump screenshot desk --allow 127.0.0.0/8 -o '{file}'");
    let answer = format!("{PASSWORD}\r");
    let dialogue = [("Password of desk", answer.as_str())];
    let (screen, code) = at_terminal(&desk.admin, &line, &dialogue).await;
    assert_eq!(code, 0, "{screen}");
    assert!(!screen.contains(PASSWORD), "{screen}");
    assert!(png(&file) == desk.screen().await, "the pixels differ");
}

#[tokio::test]
async fn a_python_viewer_sees_a_local_screen_through_the_port() {
    const VNCDOTOOL: &str = r#"
import sys
from vncdotool import api
client = api.connect(f"127.0.0.1::{sys.argv[1]}", timeout=50)
client.captureScreen(sys.argv[2])
client.disconnect()
api.shutdown()
"#;
    let desk = Desk::start().await;
    let _shown = show_picture(&desk.server, &desk.admin).await;
    let (mut open, port) = open(&desk.admin).await;
    let file = desk.file("viewer.png");
    let mut viewer = python();
    viewer.args(["-c", VNCDOTOOL, &port.to_string(), &file]);
    finish(viewer, "").await.ok();
    assert!(png(&file) == desk.screen().await, "the pixels differ");
    open.wait_for_line("closed", LONG).await.unwrap();
    until("the session is over", async || {
        let sessions = desk.admin.run(&["sessions", "--active", "--json"]).await.json();
        sessions == serde_json::json!([])
    })
    .await;
}
