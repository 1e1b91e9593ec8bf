//! A gate that runs, a viewer, and a target in the test's hand.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use jump_core::id::SessionPolicyId;
use jump_core::model::{Change, Field, ItemDetails, Name, SessionPolicy, TargetAddress, Vnc, VncSecurity};
use jump_core::protocol::{Backend, Dialer, GateContext, SessionEvent};
use jump_core::recording::Queue;
use jump_core::session::{Credential, EndReason, Grant, RecordingMode, SessionPermission};
use jump_core::stream::BoxStream;
use jump_proto_vnc::VncBackend;
use jump_proto_vnc::wire::{PixelFormat, ServerInit, Size, Version};
use jump_testkit::gate::{self, GateEnds};
pub(crate) use jump_testkit::gate::{RunningGate as Gate, login};
use jump_testkit::ports;
use jump_testkit::world::Site;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};

pub(crate) use crate::viewer::Viewer;
pub(crate) use jump_testkit::waiting::{LONG, soon};

/// What an item says of a target.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) address: SocketAddr,
    pub(crate) vnc: Vnc,
    pub(crate) denied: Vec<SessionPermission>,
    pub(crate) recording: RecordingMode,
}

impl Item {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            vnc: Vnc {
                port: address.port(),
                ..Vnc::default()
            },
            denied: Vec::new(),
            recording: RecordingMode::Off,
        }
    }

    pub(crate) fn minimum(mut self, minimum: VncSecurity) -> Self {
        self.vnc.minimum_security = minimum;
        self
    }

    pub(crate) fn trust_first(mut self) -> Self {
        self.vnc.trust_first_certificate = true;
        self
    }

    pub(crate) fn pinned(mut self, sha256: &str) -> Self {
        self.vnc.pinned_certificates = vec![Field::new(sha256).unwrap()];
        self
    }

    pub(crate) fn denied(mut self, permissions: &[SessionPermission]) -> Self {
        self.denied = permissions.to_vec();
        self
    }

    pub(crate) fn recorded(mut self) -> Self {
        self.recording = RecordingMode::Backpressure;
        self
    }

    fn grant(&self) -> Grant {
        let mut site = Site::new(self.address, &[self.address]).unwrap();
        let id = SessionPolicyId::new(1).unwrap();
        let mut policy = SessionPolicy::new(id, Name::new("view").unwrap());
        policy.permissions = self.denied.iter().map(|denied| (*denied, false)).collect();
        site.world.apply(&[Change::PutSessionPolicy(policy)]).unwrap();
        site.edit_item(site.shell, |item| {
            item.recording = self.recording;
            item.session_policy = Some(id);
            item.details = ItemDetails::RemoteVnc(self.vnc.clone());
        })
        .unwrap();
        site.grant(site.shell).unwrap()
    }

    /// Starts a gate; the other end of it is the rep's.
    pub(crate) async fn gate(&self, credential: Option<Credential>) -> (TcpStream, Gate) {
        let (context, ends) = gate::context(self.grant(), credential);
        let (rep, near) = ports::tcp_pair().await.unwrap();
        (rep, run(context, ends, Box::new(near)))
    }

    /// Starts a gate without a socket: the rep's end and the target's, each with 64 KiB of room.
    pub(crate) fn gate_in_memory(&self) -> (DuplexStream, DuplexStream, Gate) {
        let (context, ends) = gate::context(self.grant(), None);
        in_memory(context, ends)
    }

    /// The same with a recording that is full after 4 MiB: nobody takes anything from it.
    pub(crate) fn gate_with_a_full_recording(&self) -> (DuplexStream, DuplexStream, Gate, Queue) {
        let (context, mut ends) = gate::context(self.grant(), None);
        let queue = ends.recording.take().expect("it is recorded");
        let (rep, target, gate) = in_memory(context, ends);
        (rep, target, gate, queue)
    }

    /// A viewer that the gate has let in.
    pub(crate) async fn viewer(&self, credential: Option<Credential>) -> (Viewer<TcpStream>, Gate) {
        let (rep, gate) = self.gate(credential).await;
        match soon(Viewer::start(rep)).await {
            Ok(viewer) => (viewer, gate),
            Err(error) => panic!("{error:?}; {:?}", soon(gate.outcome).await),
        }
    }

    /// What a gate says that does not let the viewer in: the reason in the viewer's own protocol, and the rest.
    pub(crate) async fn refusal(&self, credential: Option<Credential>) -> Refusal {
        let (mut rep, gate) = self.gate(credential).await;
        soon(async {
            rep.write_all(&Version::V3_8.to_bytes()).await.unwrap();
            let mut received = Vec::new();
            rep.read_to_end(&mut received).await.unwrap();
            drop(rep);
            let (outcome, events) = gate.end().await;
            let EndReason::Failed { kind, message } = outcome.reason else {
                panic!("{outcome:?}");
            };
            assert_eq!(received[..13], *b"RFB 003.008\n\0");
            let reason = String::from_utf8(received[17..].to_vec()).unwrap();
            Refusal {
                received,
                reason,
                kind,
                message,
                events,
            }
        })
        .await
    }
}

fn in_memory(mut context: GateContext, ends: GateEnds) -> (DuplexStream, DuplexStream, Gate) {
    let (rep, near) = tokio::io::duplex(64 * 1024);
    let (far, target) = tokio::io::duplex(64 * 1024);
    context.dialer = Arc::new(Given(Mutex::new(Some(far))));
    (rep, target, run(context, ends, Box::new(near)))
}

/// The one target that there is.
#[derive(Debug)]
struct Given(Mutex<Option<DuplexStream>>);

#[async_trait::async_trait]
impl Dialer for Given {
    async fn dial(&self, _: &TargetAddress) -> jump_core::Result<BoxStream> {
        Ok(Box::new(
            self.0.lock().unwrap().take().expect("it is dialled once"),
        ))
    }
}

fn run(context: GateContext, ends: GateEnds, near: BoxStream) -> Gate {
    Gate::start(ends, async move { VncBackend::new().gate(near, context).await })
}

#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) received: Vec<u8>,
    pub(crate) reason: String,
    pub(crate) kind: jump_core::ErrorKind,
    pub(crate) message: String,
    pub(crate) events: Vec<SessionEvent>,
}

pub(crate) fn password(word: &str) -> Option<Credential> {
    login("", word)
}

/// A target that the test plays: it has let the gate in and is at its first words' end.
pub(crate) struct Played {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
}

/// The screen of a played target.
pub(crate) const PLAYED: Size = Size {
    width: 64,
    height: 64,
};

impl Played {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// Offers a list of security types; what it chose, or `None` if it left.
    pub(crate) async fn offer(&self, types: &[u8]) -> (TcpStream, Option<u8>) {
        let (mut stream, _) = soon(self.listener.accept()).await.unwrap();
        stream.write_all(b"RFB 003.008\n").await.unwrap();
        let mut version = [0; 12];
        stream.read_exact(&mut version).await.unwrap();
        stream.write_all(&[types.len() as u8]).await.unwrap();
        stream.write_all(types).await.unwrap();
        let mut choice = [0];
        let chosen = stream.read_exact(&mut choice).await.is_ok();
        (stream, chosen.then_some(choice[0]))
    }

    /// Lets the gate in without a login.
    pub(crate) async fn let_in(&self) -> TcpStream {
        let (mut stream, choice) = self.offer(&[1]).await;
        assert_eq!(choice, Some(1));
        greet(&mut stream).await;
        stream
    }
}

/// Lets the gate in that has chosen no login.
async fn greet(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    stream.write_all(&[0; 4]).await.unwrap();
    let mut shared = [0];
    stream.read_exact(&mut shared).await.unwrap();
    assert_eq!(shared, [1], "nobody is thrown out");
    let mut init = Vec::new();
    ServerInit {
        size: PLAYED,
        pixel_format: PixelFormat::BGRX8888,
        name: b"played".to_vec(),
    }
    .write(&mut init)
    .unwrap();
    stream.write_all(&init).await.unwrap();
}

/// Plays a target that lets in whoever asks, over any stream.
pub(crate) async fn let_in(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    stream.write_all(b"RFB 003.008\n\x01\x01").await.unwrap();
    stream.read_exact(&mut [0; 13]).await.unwrap();
    greet(stream).await;
}

/// A viewer, a gate and a played target.
pub(crate) async fn played(change: impl FnOnce(Item) -> Item) -> (Viewer<TcpStream>, Gate, TcpStream) {
    let played = Played::new().await;
    let item = change(Item::new(played.address).minimum(VncSecurity::None));
    let (target, (viewer, gate)) = tokio::join!(played.let_in(), item.viewer(None));
    (viewer, gate, target)
}

/// Reads exactly so many bytes.
pub(crate) async fn take(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    soon(stream.read_exact(&mut bytes)).await.unwrap();
    bytes
}
