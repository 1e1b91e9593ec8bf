//! A gate that runs on a port, as a rep's client sees it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jump_core::id::SessionPolicyId;
use jump_core::model::{Change, Field, ItemDetails, Name, Rdp, SessionPolicy};
use jump_core::protocol::{GateContext, Outcome, SessionEvent};
use jump_core::recording::Record;
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, Grant, RecordingMode, SessionPermission, StopHandle};
use jump_core::stream::BoxStream;
use jump_proto_rdp::gate;
use jump_testkit::gate::{GateEnds, context};
use jump_testkit::world::Site;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future)
        .await
        .expect("it takes too long")
}

/// What an item says of a target.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) address: SocketAddr,
    pub(crate) rdp: Rdp,
    pub(crate) denied: Vec<SessionPermission>,
    pub(crate) recording: RecordingMode,
}

impl Item {
    /// One that accepts the first certificate, and is recorded.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            rdp: Rdp {
                port: address.port(),
                ignore_untrusted: true,
                ..Rdp::default()
            },
            denied: Vec::new(),
            recording: RecordingMode::Backpressure,
        }
    }

    pub(crate) fn require_nla(mut self) -> Self {
        self.rdp.require_nla = true;
        self
    }

    pub(crate) fn pinned(mut self, sha256: &str) -> Self {
        self.rdp.pinned_certificates = vec![Field::new(sha256).unwrap()];
        self
    }

    pub(crate) fn no_certificate(mut self) -> Self {
        self.rdp.ignore_untrusted = false;
        self
    }

    pub(crate) fn denied(mut self, permissions: &[SessionPermission]) -> Self {
        self.denied = permissions.to_vec();
        self
    }

    pub(crate) fn grant(&self) -> Grant {
        let mut site = Site::new(self.address, &[self.address]).unwrap();
        let id = SessionPolicyId::new(1).unwrap();
        let mut policy = SessionPolicy::new(id, Name::new("view").unwrap());
        policy.permissions = self.denied.iter().map(|denied| (*denied, false)).collect();
        site.world.apply(&[Change::PutSessionPolicy(policy)]).unwrap();
        site.edit_item(site.shell, |item| {
            item.recording = self.recording;
            item.session_policy = Some(id);
            item.details = ItemDetails::RemoteRdp(self.rdp.clone());
        })
        .unwrap();
        site.grant(site.shell).unwrap()
    }

    /// Starts a gate over a stream.
    pub(crate) fn gate(&self, credential: Option<Credential>, near: BoxStream) -> Gate {
        let (context, ends) = context(self.grant(), credential);
        run(context, ends, near)
    }

    /// A port; the first connection to it is a session.
    pub(crate) async fn port(&self, credential: Option<Credential>) -> (SocketAddr, JoinHandle<Gate>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let item = self.clone();
        let gate = tokio::spawn(async move {
            let (near, _) = listener.accept().await.unwrap();
            near.set_nodelay(true).unwrap();
            item.gate(credential, Box::new(near))
        });
        (address, gate)
    }
}

fn run(context: GateContext, ends: GateEnds, near: BoxStream) -> Gate {
    let records = Arc::new(Mutex::new(Vec::new()));
    let taken = ends.recording.map(|mut queue| {
        let records = records.clone();
        tokio::spawn(async move {
            while let Some(record) = queue.next().await {
                records.lock().unwrap().push(record);
            }
        })
    });
    Gate {
        stop: ends.stop,
        events: ends.events,
        outcome: tokio::spawn(gate::run(near, context)),
        records,
        taken,
    }
}

pub(crate) struct Gate {
    pub(crate) stop: StopHandle,
    pub(crate) events: mpsc::Receiver<SessionEvent>,
    pub(crate) outcome: JoinHandle<Outcome>,
    pub(crate) records: Arc<Mutex<Vec<Record>>>,
    taken: Option<JoinHandle<()>>,
}

impl Gate {
    /// Waits until the session has ended; how, and what was reported.
    pub(crate) async fn end(mut self) -> (Outcome, Vec<SessionEvent>) {
        let outcome = soon(self.outcome).await.unwrap();
        let mut events = Vec::new();
        while let Some(event) = self.events.recv().await {
            events.push(event);
        }
        if let Some(taken) = self.taken {
            soon(taken).await.unwrap();
        }
        (outcome, events)
    }
}

pub(crate) fn login(user: &str, word: &str) -> Option<Credential> {
    Some(Credential {
        username: user.to_owned(),
        secret: CredentialSecret::Password(Secret::new(word.to_owned())),
    })
}

pub(crate) async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.unwrap(), far.unwrap().0)
}
