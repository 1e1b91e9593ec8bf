//! A task of a protocol's client or gate panics (S-36): whoever uses its session is told, and nothing hangs. The stream under it is what
//! panics, so it is in the task that reads or writes it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use jump_core::identity_file::LoginFile;
use jump_core::model::{Hostname, TargetAddress};
use jump_core::protocol::{
    Backend, Capabilities, ConnectOptions, GateContext, Keysym, Outcome, Registry, Session,
};
use jump_core::rep::{JumpOptions, OpenedSession, Rep, SessionNews};
use jump_core::session::EndReason;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::live::{Live, backends};

/// A safety net: no step may take longer.
const LONG: Duration = Duration::from_secs(60);

/// A stream that panics once it is told to.
struct Bomb {
    inner: BoxStream,
    armed: Arc<AtomicBool>,
}

impl Bomb {
    fn check(&mut self) -> Pin<&mut BoxStream> {
        assert!(!self.armed.load(Ordering::SeqCst), "as the test asked");
        Pin::new(&mut self.inner)
    }
}

impl AsyncRead for Bomb {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().check().poll_read(cx, into)
    }
}

impl AsyncWrite for Bomb {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().check().poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().check().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().check().poll_shutdown(cx)
    }
}

/// A session on an item over a stream that can be made to panic.
async fn session(rep: &Rep, item: &str, protocol: &str) -> (Session, Arc<AtomicBool>) {
    let jumped = rep.jump(item).await.unwrap();
    let armed = Arc::new(AtomicBool::new(false));
    let bomb = Bomb {
        inner: Box::new(jumped.stream),
        armed: armed.clone(),
    };
    let backend = backends().get(protocol).unwrap();
    let connected = backend.connect(Box::new(bomb), ConnectOptions::new(jumped.grant));
    (connected.await.unwrap(), armed)
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, work).await.expect("nothing hangs")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_protocols_client_ends_its_session_with_an_error() {
    let live = Live::start().await;
    let login = LoginFile::read(&live.login()).unwrap();
    let rep = Rep::builder(login.identity, login.broker)
        .backends(backends())
        .connect()
        .await
        .unwrap();

    let (shell, armed) = session(&rep, "box", "ssh").await;
    let Session::Shell(shell) = shell else {
        panic!("it is no shell")
    };
    let mut waiting = shell.exec(b"sleep 600", None).await.unwrap();
    armed.store(true, Ordering::SeqCst);
    soon(shell.exec(b"true", None)).await.unwrap_err();
    soon(waiting.reader.next()).await.unwrap_err();
    soon(shell.exec(b"true", None)).await.unwrap_err();

    let (tunnel, armed) = session(&rep, "port", "tunnel").await;
    let Session::Tunnel(tunnel) = tunnel else {
        panic!("it is no tunnel")
    };
    let target = TargetAddress::new(Hostname::new("127.0.0.1").unwrap(), live.sshd.address().port());
    let target = target.unwrap();
    let _open = soon(tunnel.open(&target)).await.unwrap();
    armed.store(true, Ordering::SeqCst);
    assert!(soon(tunnel.open(&target)).await.is_err());
    soon(tunnel.closed()).await.unwrap_err();

    let (screen, armed) = session(&rep, "desk", "vnc").await;
    let Session::Screen(screen) = screen else {
        panic!("it is no screen")
    };
    soon(screen.painted()).await.unwrap();
    armed.store(true, Ordering::SeqCst);
    // Keys go out by the task; one of them finds that it is gone.
    let typed = async { while screen.key(Keysym::of('x'), true).await.is_ok() {} };
    soon(typed).await;
    let heard = async { while let Ok(Some(_)) = screen.next_event().await {} };
    soon(heard).await;
    soon(screen.close()).await.ok();

    // Everything else goes on.
    rep.items().await.unwrap();
    let Session::Shell(shell) = rep.open("box").await.unwrap() else {
        panic!("it is no shell")
    };
    shell.close().await.unwrap();
}

/// A backend whose gate panics as soon as it touches the rep's stream once it is told to.
#[derive(Debug)]
struct Bursting {
    inner: Arc<dyn Backend>,
    armed: Arc<AtomicBool>,
}

#[async_trait]
impl Backend for Bursting {
    fn protocol(&self) -> &'static str {
        self.inner.protocol()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn gate(&self, rep: BoxStream, context: GateContext) -> Outcome {
        let armed = self.armed.clone();
        self.inner
            .gate(Box::new(Bomb { inner: rep, armed }), context)
            .await
    }

    async fn connect(&self, stream: BoxStream, options: ConnectOptions) -> Result<Session> {
        self.inner.connect(stream, options).await
    }
}

/// Has the session send something until that fails.
async fn use_up(session: &Session) {
    match session {
        Session::Shell(shell) => while shell.exec(b"true", None).await.is_ok() {},
        Session::Screen(screen) => {
            while screen.key(Keysym::of('x'), true).await.is_ok() {
                tokio::task::yield_now().await;
            }
        }
        Session::Tunnel(tunnel) => {
            let target = TargetAddress::new(Hostname::new("127.0.0.1").unwrap(), 1).unwrap();
            let denied = |error: Error| error.kind() == ErrorKind::Denied;
            while tunnel.open(&target).await.err().is_some_and(denied) {}
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_gate_ends_its_session_with_an_error() {
    let armed = Arc::new(AtomicBool::new(false));
    let gates = ["ssh", "vnc", "rdp", "tunnel"]
        .into_iter()
        .fold(Registry::new(), |gates, protocol| {
            gates.with(Arc::new(Bursting {
                inner: backends().get(protocol).unwrap(),
                armed: armed.clone(),
            }))
        });
    let live = Live::with_gates(gates).await;
    let login = LoginFile::read(&live.login()).unwrap();
    let rep = Rep::builder(login.identity, login.broker)
        .backends(backends())
        .connect()
        .await
        .unwrap();
    for item in ["box", "desk", "win", "port"] {
        let opened = rep.open_session(item, &JumpOptions::default()).await.unwrap();
        let OpenedSession {
            session, mut events, ..
        } = opened;
        armed.store(true, Ordering::SeqCst);
        soon(use_up(&session)).await;
        let reason = loop {
            match soon(events.next()).await.unwrap() {
                Some(SessionNews::Ended(reason)) => break reason,
                Some(_) => {}
                None => panic!("{item}: nobody said how it ended"),
            }
        };
        let EndReason::Failed { kind, message } = reason else {
            panic!("{item}: {reason:?}")
        };
        assert_eq!(kind, ErrorKind::Internal, "{item}: {message}");
        armed.store(false, Ordering::SeqCst);
    }
    // The Jumpoint goes on.
    for item in ["box", "desk", "win", "port"] {
        rep.open(item).await.unwrap();
    }
}
