//! A gate that runs on a port, as a rep's client sees it.

use std::net::SocketAddr;

use jump_core::id::SessionPolicyId;
use jump_core::model::{Change, Field, ItemDetails, Name, Rdp, SessionPolicy};
use jump_core::session::{Credential, Grant, RecordingMode, SessionPermission};
use jump_core::stream::BoxStream;
use jump_proto_rdp::gate;
use jump_testkit::gate::context;
pub(crate) use jump_testkit::gate::{RunningGate, login};
pub(crate) use jump_testkit::waiting::{LONG, soon};
use jump_testkit::world::Site;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

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
    pub(crate) fn gate(&self, credential: Option<Credential>, near: BoxStream) -> RunningGate {
        let (context, ends) = context(self.grant(), credential);
        RunningGate::start(ends, gate::run(near, context))
    }

    /// A port; the first connection to it is a session.
    pub(crate) async fn port(&self, credential: Option<Credential>) -> (SocketAddr, JoinHandle<RunningGate>) {
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
