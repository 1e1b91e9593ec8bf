//! Real servers, certificates, and a site whose Jump Policy notifies.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jump_core::broker::TicketChecker;
use jump_core::control::Edit;
use jump_core::id::PolicyId;
use jump_core::model::{Change, Field, JumpItem, JumpPolicy, Name, Notification};
use jump_core::notify::Notifier;
use jump_core::protocol::Registry;
use jump_core::rep::{JumpOptions, JumpSession, Rep};
use jump_core::session::RecordingMode;
use jump_testkit::echo::EchoBackend;
use jump_testkit::folder::Folder;
use jump_testkit::process::{Process, command};
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A safety net, not a measure.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A server as `servers.py` has it.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let python = std::env::var("JUMP_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/servers.py");
        let mut server = command(python);
        server.arg(script).args(arguments);
        let mut process = Process::spawn(server).unwrap();
        let ready = process.wait_for_line("ready ", LONG).await.unwrap();
        let port = ready.trim().rsplit(' ').next().unwrap().parse().unwrap();
        Self { process, port }
    }

    /// What it got first that holds this text.
    pub(crate) async fn got(&mut self, text: &str) -> serde_json::Value {
        let line = self.process.wait_for_line(text, LONG).await.unwrap();
        serde_json::from_str(line.strip_prefix("got ").unwrap()).unwrap()
    }

    /// How many things it got.
    pub(crate) fn count(&self) -> usize {
        self.process
            .output()
            .lines()
            .filter(|line| line.starts_with("got "))
            .count()
    }
}

/// A certificate for these names and its key, in files; gives the certificate's text.
pub(crate) struct Identity {
    folder: Folder,
    pub(crate) certificate: String,
}

impl Identity {
    pub(crate) fn new(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let folder = Folder::new().unwrap();
        let certificate = made.cert.pem();
        folder.write("certificate", &certificate).unwrap();
        folder.write("key", made.signing_key.serialize_pem()).unwrap();
        Self { folder, certificate }
    }

    fn path(&self, name: &str) -> String {
        let path: &Path = &self.folder.join(name);
        path.to_str().unwrap().to_owned()
    }

    /// The arguments of a server that proves it.
    pub(crate) fn arguments(&self, option: &str) -> Vec<String> {
        vec![option.to_owned(), self.path("certificate"), self.path("key")]
    }
}

/// A policy's notifications: of start and end, to these addresses.
pub(crate) fn both(addresses: &[&str]) -> Notification {
    Notification {
        session_start: true,
        session_end: true,
        email_addresses: addresses.iter().map(|text| Field::new(text).unwrap()).collect(),
        display_name: Field::default(),
    }
}

/// A site on which alice may jump to `web-1` under a policy.
pub(crate) async fn site(
    notifier: Option<Arc<dyn Notifier>>,
    tickets: Option<Arc<dyn TicketChecker>>,
    edit: impl FnOnce(&mut JumpPolicy),
) -> (RunningSite, Rep) {
    let mut options = SiteOptions::new(Registry::new().with(Arc::new(EchoBackend("ssh"))));
    options.notifiers.extend(notifier);
    options.tickets = tickets;
    let site = RunningSite::start(options).await.unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    site.add_shell("web-1", "127.0.0.1:9".parse().unwrap(), RecordingMode::Off)
        .await
        .unwrap();
    let id = PolicyId::new(1).unwrap();
    let mut policy = JumpPolicy::new(id, Name::new("care").unwrap());
    edit(&mut policy);
    let item = JumpItem::clone(site.broker.world().items().next().unwrap());
    let item = JumpItem {
        jump_policy: Some(id),
        ..item
    };
    let changes = vec![Change::PutPolicy(policy), Change::PutItem(item)];
    let dry_run = false;
    site.edit(Edit::Change { changes, dry_run }).await.unwrap();
    let alice = site.login("alice", Registry::new()).await.unwrap();
    (site, alice)
}

/// A session that works.
pub(crate) async fn jump(alice: &Rep) -> JumpSession {
    let mut session = alice.jump_with("web-1", &JumpOptions::default()).await.unwrap();
    works(&mut session).await;
    session
}

pub(crate) async fn works(session: &mut JumpSession) {
    session.stream.write_all(b"ping").await.unwrap();
    session.stream.flush().await.unwrap();
    let mut back = [0; 4];
    session.stream.read_exact(&mut back).await.unwrap();
}

/// Ends it and waits until that is accounted for.
pub(crate) async fn close(site: &RunningSite, mut session: JumpSession) {
    session.stream.shutdown().await.unwrap();
    let id = session.grant.session();
    let over = || !site.broker.live_sessions().contains(&id);
    site.until("the session is over", over).await.unwrap();
}
