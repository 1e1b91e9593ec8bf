//! A gate between a test and a real sshd.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code; each test program uses its own part"
)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jump_core::id::SessionPolicyId;
use jump_core::model::{
    Change, HostKey, HostKeyPolicy, ItemDetails, Name, PathLimits, PathPattern, SessionPolicy,
};
use jump_core::protocol::{Backend, ConnectOptions, Outcome, Session, SessionEvent, ShellSession};
use jump_core::recording::Record;
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, RecordingMode, SessionPermissions, StopHandle};
use jump_core::stream::BoxStream;
use jump_proto_ssh::SshBackend;
use jump_testkit::folder::Folder;
use jump_testkit::process::command;
use jump_testkit::sshd::{HostKeyKind, PASSWORD, Sshd, USER};
use jump_testkit::world::Site;
use jump_testkit::{gate, ports};
use russh::client;
use russh::keys::PublicKeyOrCertificate;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A safety net: no test waits longer for anything.
pub const LONG: Duration = Duration::from_secs(120);

pub fn password(text: &str) -> Option<Credential> {
    Some(Credential {
        username: USER.to_owned(),
        secret: CredentialSecret::Password(Secret::new(text.to_owned())),
    })
}

pub fn right_password() -> Option<Credential> {
    password(PASSWORD)
}

/// What a test may change about an item.
#[derive(Clone)]
pub struct Setup {
    pub address: SocketAddr,
    pub host_key: HostKeyPolicy,
    pub permissions: SessionPermissions,
    pub paths: PathLimits,
    pub recording: RecordingMode,
    pub keep_alive_seconds: u16,
}

impl Setup {
    /// The sshd's key is pinned, everything but port forwarding is permitted, and the session is recorded.
    pub fn for_sshd(sshd: &Sshd) -> Self {
        Self::new(sshd.address(), vec![sshd.host_key(HostKeyKind::Ed25519).unwrap()])
    }

    pub fn new(address: SocketAddr, pinned: Vec<HostKey>) -> Self {
        Self {
            address,
            host_key: HostKeyPolicy {
                pinned,
                trust_first_use: false,
            },
            permissions: SessionPermissions::default(),
            paths: PathLimits::default(),
            recording: RecordingMode::Backpressure,
            keep_alive_seconds: 0,
        }
    }

    pub fn permissions(mut self, change: impl FnOnce(&mut SessionPermissions)) -> Self {
        change(&mut self.permissions);
        self
    }

    /// Files may be written and read only beneath these paths.
    pub fn paths(mut self, upload: &[&str], download: &[&str]) -> Self {
        let patterns = |paths: &[&str]| paths.iter().map(|path| PathPattern::new(path).unwrap()).collect();
        self.paths = PathLimits {
            upload: patterns(upload),
            download: patterns(download),
        };
        self
    }

    fn site(&self) -> Site {
        let mut site = Site::new(self.address, &[self.address]).unwrap();
        let id = SessionPolicyId::new(1).unwrap();
        let mut policy = SessionPolicy::new(id, Name::new("paths").unwrap());
        policy.paths = self.paths.clone();
        site.world.apply(&[Change::PutSessionPolicy(policy)]).unwrap();
        site.edit_item(site.shell, |item| {
            item.recording = self.recording;
            item.session_policy = Some(id);
            let ItemDetails::ShellJump(shell) = &mut item.details else {
                panic!()
            };
            shell.host_key = self.host_key.clone();
            shell.permissions = self.permissions;
            shell.keep_alive_seconds = self.keep_alive_seconds;
        })
        .unwrap();
        site
    }

    /// Starts a gate with the test's stream as the rep's.
    pub fn gate(&self, rep: BoxStream, credential: Option<Credential>) -> Running {
        let site = self.site();
        let (context, ends) = gate::context(site.grant(site.shell).unwrap(), credential);
        let records = Arc::new(Mutex::new(Vec::new()));
        let taken = ends.recording.map(|mut queue| {
            let records = records.clone();
            tokio::spawn(async move {
                while let Some(record) = queue.next().await {
                    records.lock().unwrap().push(record);
                }
            })
        });
        let outcome = tokio::spawn(async move { SshBackend::new().gate(rep, context).await });
        Running {
            stop: ends.stop,
            events: ends.events,
            outcome,
            records,
            taken,
        }
    }

    /// A gate and the stream of its rep.
    pub fn start(&self, credential: Option<Credential>) -> (tokio::io::DuplexStream, Running) {
        let (rep, gate) = tokio::io::duplex(256 * 1024);
        (rep, self.gate(Box::new(gate), credential))
    }

    /// A gate and an SSH client that has logged in through it.
    pub async fn rep(&self, credential: Option<Credential>) -> (Rep, Running) {
        let (stream, running) = self.start(credential);
        match rep_over(stream).await {
            Ok(rep) => (rep, running),
            Err(error) => panic!("{error}: {:?}", running.end().await.0),
        }
    }

    /// A gate and our own client half.
    pub async fn session(&self, credential: Option<Credential>) -> (Box<dyn ShellSession>, Running) {
        let (stream, running) = self.start(credential);
        let site = self.site();
        let options = ConnectOptions::new(Arc::new(site.grant(site.shell).unwrap()));
        let session = SshBackend::new()
            .connect(Box::new(stream), options)
            .await
            .unwrap();
        let Session::Shell(session) = session else {
            panic!()
        };
        (session, running)
    }
}

/// A running gate and what it says.
pub struct Running {
    pub stop: StopHandle,
    pub events: mpsc::Receiver<SessionEvent>,
    pub outcome: JoinHandle<Outcome>,
    records: Arc<Mutex<Vec<Record>>>,
    taken: Option<JoinHandle<()>>,
}

impl Running {
    /// Waits for the end; gives the outcome, every event and every record.
    pub async fn end(mut self) -> (Outcome, Vec<SessionEvent>, Vec<Record>) {
        let outcome = tokio::time::timeout(LONG, self.outcome).await.unwrap().unwrap();
        let mut events = Vec::new();
        while let Some(event) = self.events.recv().await {
            events.push(event);
        }
        if let Some(taken) = self.taken {
            taken.await.unwrap();
        }
        let records = std::mem::take(&mut *self.records.lock().unwrap());
        (outcome, events, records)
    }

    /// Payload bytes recorded so far.
    pub fn recorded(&self) -> usize {
        self.records
            .lock()
            .unwrap()
            .iter()
            .map(|record| record.payload.len())
            .sum()
    }
}

pub struct AcceptAny;

impl client::Handler for AcceptAny {
    type Error = russh::Error;
    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

pub type Rep = client::Handle<AcceptAny>;

pub async fn connect_over(stream: tokio::io::DuplexStream) -> Result<Rep, russh::Error> {
    client::connect_stream(Arc::new(client::Config::default()), stream, AcceptAny).await
}

pub async fn rep_over(stream: tokio::io::DuplexStream) -> Result<Rep, russh::Error> {
    let mut rep = connect_over(stream).await?;
    assert!(rep.authenticate_none("rep").await?.success());
    Ok(rep)
}

/// Says goodbye; channels that are still held do not keep the connection open.
pub async fn leave(rep: Rep) {
    rep.disconnect(russh::Disconnect::ByApplication, "", "")
        .await
        .unwrap();
}

/// What a command said.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub out: Vec<u8>,
    pub err: Vec<u8>,
    pub status: Option<u32>,
    pub signal: Option<String>,
}

impl Said {
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

/// Reads a channel to its end.
pub async fn read_all(channel: &mut russh::Channel<client::Msg>) -> Said {
    use russh::ChannelMsg;
    let mut said = Said::default();
    let all = async {
        while let Some(message) = channel.wait().await {
            match message {
                ChannelMsg::Data { data } => said.out.extend_from_slice(&data),
                ChannelMsg::ExtendedData { data, ext: 1 } => said.err.extend_from_slice(&data),
                ChannelMsg::ExitStatus { exit_status } => said.status = Some(exit_status),
                ChannelMsg::ExitSignal { signal_name, .. } => said.signal = Some(format!("{signal_name:?}")),
                _ => {}
            }
        }
    };
    tokio::time::timeout(LONG, all).await.expect("the channel ends");
    said
}

pub async fn exec(rep: &Rep, command: &str) -> Said {
    let mut channel = rep.channel_open_session().await.unwrap();
    channel.exec(true, command).await.unwrap();
    read_all(&mut channel).await
}

/// A loopback port where every connection is a session of its own, for stock clients.
pub struct Door {
    pub address: SocketAddr,
    pub folder: Folder,
    running: mpsc::Receiver<Running>,
    task: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Door {
    pub async fn open(setup: Setup) -> Self {
        let (listener, address) = ports::listener().await.unwrap();
        let (sender, running) = mpsc::channel(64);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                sender
                    .send(setup.gate(Box::new(stream), right_password()))
                    .await
                    .unwrap();
            }
        });
        Self {
            address,
            folder: Folder::new().unwrap(),
            running,
            task,
        }
    }

    /// The session of the oldest connection not yet asked for.
    pub async fn session(&mut self) -> Running {
        self.running.recv().await.unwrap()
    }

    /// Options with which stock clients talk to this door and to nothing else of the machine's configuration.
    pub fn options(&self) -> Vec<String> {
        let known = self.folder.join("known_hosts");
        [
            "-F".to_owned(),
            "/dev/null".to_owned(),
            "-o".to_owned(),
            "StrictHostKeyChecking=accept-new".to_owned(),
            "-o".to_owned(),
            format!("UserKnownHostsFile={}", known.display()),
            "-o".to_owned(),
            "BatchMode=yes".to_owned(),
            "-o".to_owned(),
            format!("Port={}", self.address.port()),
        ]
        .into()
    }

    /// Runs a stock client to its end.
    pub async fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut run = command(program);
        run.args(self.options())
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true);
        tokio::time::timeout(LONG, run.output())
            .await
            .expect("the client ends")
            .unwrap()
    }

    /// Runs `ssh … 127.0.0.1 COMMAND`.
    pub async fn ssh(&self, options: &[&str], command: &str) -> Output {
        let mut arguments = options.to_vec();
        arguments.extend(["rep@127.0.0.1", command]);
        self.run("ssh", &arguments).await
    }

    /// A file in the door's folder with bytes that no two tests share.
    pub fn file(&self, name: &str, size: usize) -> (PathBuf, Vec<u8>) {
        let bytes = jump_testkit::seeded::Seeded::new(size as u64).bytes(size);
        (self.folder.write(name, &bytes).unwrap(), bytes)
    }
}

pub fn said(output: &Output) -> String {
    format!(
        "{}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout[..output.stdout.len().min(2000)]),
        String::from_utf8_lossy(&output.stderr)
    )
}
