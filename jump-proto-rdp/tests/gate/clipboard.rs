//! Text on the clipboards of real programs on both sides, with an unmodified client between.

use std::time::Duration;

use jump_core::session::SessionPermission;
use jump_proto_rdp::{RdpRecord, Refused};
use jump_testkit::process::Process;
use jump_testkit::rdp::{PASSWORD, RdpServer, USER, XrdpBackend};

use super::desktop::Desk;
use super::harness::{Item, RunningGate, login, soon};
use super::native::mostly;

/// What a new session shows.
const BLUE: [u8; 3] = [0x20, 0x40, 0x60];
const OF_TARGET: &str = "from the target, ü";
const OF_REP: &str = "from the rep, €";
/// Asks whoever has the clipboard for what formats it has.
const TARGETS: [&str; 5] = ["-selection", "clipboard", "-t", "TARGETS", "-o"];
const PASTE: [&str; 5] = ["-selection", "clipboard", "-t", "UTF8_STRING", "-o"];

/// What puts a text on a clipboard until it is dropped.
fn copying(text: &str) -> [String; 2] {
    let script = format!("printf '%s' '{text}' | exec xclip -selection clipboard -t UTF8_STRING -quiet -i");
    ["-c".to_owned(), script]
}

/// How many messages of a kind the gate has dropped so far.
fn dropped(gate: &RunningGate, wanted: Refused) -> u32 {
    let records = gate.records.lock().unwrap();
    let dropped = records
        .iter()
        .filter_map(|record| match RdpRecord::read(&record.payload)? {
            RdpRecord::Dropped { what, messages } if what == wanted => Some(messages),
            _ => None,
        });
    dropped.sum()
}

/// Whether a text can be pasted soon. A client misses now and then what is copied while it is still busy with what was before;
/// people copy it again.
async fn comes<P: Future<Output = Option<String>>>(paste: impl Fn() -> P, text: &str) -> bool {
    let comes = async {
        while paste().await.as_deref() != Some(text) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), comes).await.is_ok()
}

struct Session {
    server: RdpServer,
    desk: Desk,
    gate: RunningGate,
    client: Process,
}

impl Session {
    async fn new(denied: &[SessionPermission]) -> Self {
        let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
        let desk = Desk::new().await;
        let item = Item::new(server.address()).denied(denied);
        let (address, gate) = item.port(login(USER, PASSWORD)).await;
        let client = desk.xfreerdp(address, &["/u:rep", "/p:x", "+clipboard"]);
        let shown = desk.screen.until_shown(|picture| mostly(picture, BLUE)).await;
        assert!(shown.is_ok(), "{}\n{}", client.output(), server.log());
        let gate = soon(gate).await.unwrap();
        // xrdp takes the session's clipboard when it hears what the client has. Something that is copied just then makes the two wait
        // for each other for ever, whatever is between them. It does not take it if the client has nothing.
        if !denied.contains(&SessionPermission::ClipboardToTarget) {
            soon(async { while server.run("xclip", &TARGETS).await.is_err() {} }).await;
        }
        Self {
            server,
            desk,
            gate,
            client,
        }
    }

    async fn copy_at_target(&self) -> Process {
        let words = copying(OF_TARGET);
        let words = words.each_ref().map(String::as_str);
        self.server.start("sh", &words).await.unwrap()
    }

    fn copy_at_rep(&self) -> Process {
        let words = copying(OF_REP);
        let mut run = jump_testkit::process::command("sh");
        run.args(words)
            .env("DISPLAY", self.desk.screen.display().unwrap());
        Process::spawn(run).unwrap()
    }

    async fn paste_at_rep(&self) -> Option<String> {
        let pasted = self.desk.screen.run("xclip", &PASTE).await.ok()?;
        String::from_utf8(pasted).ok()
    }

    async fn paste_at_target(&self) -> Option<String> {
        let pasted = self.server.run("xclip", &PASTE).await.ok()?;
        String::from_utf8(pasted).ok()
    }

    /// Copies at the target until it is on the rep's clipboard, too.
    async fn copied_at_target_arrives(&self) -> Process {
        let arrives = async {
            loop {
                let copied = self.copy_at_target().await;
                if comes(|| self.paste_at_rep(), OF_TARGET).await {
                    return copied;
                }
            }
        };
        let arrived = tokio::time::timeout(super::harness::LONG, arrives).await;
        arrived.unwrap_or_else(|_| panic!("{}\n{}", self.client.output(), self.server.log()))
    }

    /// Copies at the rep until it is on the target's clipboard, too.
    async fn copied_at_rep_arrives(&self) -> Process {
        let arrives = async {
            loop {
                let copied = self.copy_at_rep();
                if comes(|| self.paste_at_target(), OF_REP).await {
                    return copied;
                }
            }
        };
        let arrived = tokio::time::timeout(super::harness::LONG, arrives).await;
        arrived.unwrap_or_else(|_| panic!("{}\n{}", self.client.output(), self.server.log()))
    }

    /// Waits until more lists of one side's formats have been dropped than before.
    async fn drops(&self, what: Refused, before: u32) {
        soon(async {
            while dropped(&self.gate, what) <= before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_passes_both_ways_where_both_are_permitted() {
    let session = Session::new(&[]).await;
    drop(session.copied_at_target_arrives().await);
    session.copied_at_rep_arrives().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_passes_to_the_rep_only() {
    let session = Session::new(&[SessionPermission::ClipboardToTarget]).await;
    drop(session.copied_at_target_arrives().await);
    let before = dropped(&session.gate, Refused::ClipboardToTarget);
    let copied = session.copy_at_rep();
    session.drops(Refused::ClipboardToTarget, before).await;
    assert_ne!(session.paste_at_target().await.as_deref(), Some(OF_REP));
    drop(copied);
    session.copied_at_target_arrives().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_passes_to_the_target_only() {
    let session = Session::new(&[SessionPermission::ClipboardFromTarget]).await;
    drop(session.copied_at_rep_arrives().await);
    let before = dropped(&session.gate, Refused::ClipboardFromTarget);
    let copied = session.copy_at_target().await;
    session.drops(Refused::ClipboardFromTarget, before).await;
    assert_ne!(session.paste_at_rep().await.as_deref(), Some(OF_TARGET));
    drop(copied);
    session.copied_at_rep_arrives().await;
}
