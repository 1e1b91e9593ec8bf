//! What the tunnel's tests share: sockets, keys, tickets, and a safety net against hanging.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test helpers"
)]

pub mod forger;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jump_core::Result;
use jump_core::id::SessionId;
use jump_core::keys::SigningKey;
use jump_core::time::{Clock, SignedDuration, SystemClock, Timestamp};
use jump_core::tunnel::{
    Admission, MemoryTransport, Party, Relay, RelayedSocket, SignedTicket, Socket, TcpTransport, Ticket, Tls,
    TlsStream, Transport, dial_relay,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub const ALPN: &str = "jump-test/1";
/// Nothing takes this long; a test that waits for something that never comes fails instead of hanging.
pub const SAFETY_NET: Duration = Duration::from_secs(60);

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SAFETY_NET, Box::pin(future))
        .await
        .expect("this waits for something that does not come")
}

/// The two transports that every behaviour must hold on.
pub fn transports() -> [(&'static str, Arc<dyn Transport>); 2] {
    [
        ("127.0.0.1:0", Arc::new(TcpTransport)),
        ("somewhere", Arc::new(MemoryTransport::new())),
    ]
}

pub async fn socket_pair(transport: &dyn Transport, address: &str) -> (Socket, Socket) {
    let mut listener = transport.listen(address).await.unwrap();
    let address = listener.address();
    let (near, far) = tokio::join!(transport.dial(&address), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

pub async fn tcp_pair() -> (Socket, Socket) {
    socket_pair(&TcpTransport, "127.0.0.1:0").await
}

/// A rep's and a Jumpoint's keys.
pub struct Keys {
    pub rep: SigningKey,
    pub jumpoint: SigningKey,
}

impl Keys {
    pub fn new() -> Self {
        Self {
            rep: SigningKey::generate().unwrap(),
            jumpoint: SigningKey::generate().unwrap(),
        }
    }

    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        tls: &Tls,
        socket: S,
    ) -> Result<TlsStream<S>> {
        tls.connect(socket, &self.rep, &self.jumpoint.public(), ALPN, SAFETY_NET)
            .await
    }

    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        tls: &Tls,
        socket: S,
    ) -> Result<TlsStream<S>> {
        let rep = self.rep.public();
        tls.accept(socket, &[], &self.jumpoint, Some(&rep), ALPN, SAFETY_NET)
            .await
    }
}

/// A TLS connection over these sockets.
pub async fn secure<A, B>(near: A, far: B) -> (TlsStream<A>, TlsStream<B>)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (tls, keys) = (Tls::ring(), Keys::new());
    let (near, far) = tokio::join!(keys.connect(&tls, near), keys.accept(&tls, far));
    (near.unwrap(), far.unwrap())
}

pub async fn tls_pair() -> (TlsStream<Socket>, TlsStream<Socket>) {
    let (near, far) = tcp_pair().await;
    secure(near, far).await
}

/// `length` bytes that are different at each place and for each seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

/// Sends `data` and the end of the stream while reading the other direction to its end.
pub async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(stream: S, data: &[u8]) -> (S, Vec<u8>) {
    let (mut read, mut write) = tokio::io::split(stream);
    let mut got = Vec::new();
    let (sent, received) = tokio::join!(
        async {
            write.write_all(data).await?;
            write.shutdown().await
        },
        read.read_to_end(&mut got)
    );
    sent.unwrap();
    received.unwrap();
    (read.unsplit(write), got)
}

/// A site's broker key and a relay that trusts it, listening.
pub struct Site {
    pub broker: SigningKey,
    pub relay: Relay,
    pub transport: Arc<dyn Transport>,
    pub address: String,
    pub session: SessionId,
    pub running: tokio::task::JoinHandle<Result<()>>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Site {
    pub async fn tcp() -> Self {
        Self::with(
            Arc::new(TcpTransport),
            "127.0.0.1:0",
            |relay| relay,
            Admission::new(1024, 1024),
        )
        .await
    }

    pub async fn with(
        transport: Arc<dyn Transport>,
        address: &str,
        settings: impl FnOnce(jump_core::tunnel::RelayBuilder) -> jump_core::tunnel::RelayBuilder,
        admission: Admission,
    ) -> Self {
        let broker = SigningKey::generate().unwrap();
        let relay = settings(Relay::builder(broker.public())).build();
        let listener = transport.listen(address).await.unwrap();
        let address = listener.address();
        let running = tokio::spawn({
            let relay = relay.clone();
            async move { relay.run(listener, admission).await }
        });
        Self {
            broker,
            relay,
            transport,
            address,
            session: SessionId::random().unwrap(),
            running,
        }
    }

    pub fn ticket(&self, party: Party) -> SignedTicket {
        Ticket::new(self.session, party, in_a_minute())
            .unwrap()
            .sign(&self.broker)
    }

    pub async fn dial(&self, ticket: &SignedTicket) -> RelayedSocket {
        dial_relay(&*self.transport, &self.address, ticket, SAFETY_NET)
            .await
            .unwrap()
    }

    /// Both parties' sockets, each with a ticket of its own.
    pub async fn dial_both(&self) -> (RelayedSocket, RelayedSocket) {
        let (rep, jumpoint) = (self.ticket(Party::Rep), self.ticket(Party::Jumpoint));
        tokio::join!(self.dial(&rep), self.dial(&jumpoint))
    }
}

pub fn in_a_minute() -> Timestamp {
    SystemClock.now() + SignedDuration::from_secs(60)
}

/// Waits until `condition` holds, giving way to everybody else in between.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(SAFETY_NET, wait)
        .await
        .unwrap_or_else(|_| panic!("never came true: {what}"));
}

/// Raises this process's bound on open files to at least `files`, as far as the system allows.
#[cfg(target_os = "linux")]
pub fn allow_open_files(files: u64) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < files) {
        limit.current = Some(limit.maximum.map_or(files, |most| most.min(files)));
        setrlimit(Resource::Nofile, limit).unwrap();
    }
}

/// Elsewhere the default has to be enough.
#[cfg(not(target_os = "linux"))]
pub fn allow_open_files(_files: u64) {}
