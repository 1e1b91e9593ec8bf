//! What a real server says to our own client through a gate, where nothing encrypts it.

use std::io::Cursor;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use jump_core::model::{ItemDetails, Rdp};
use jump_core::protocol::{Backend, ConnectOptions, ScreenSession, Session};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, Grant, RecordingMode};
use jump_core::stream::BoxStream;
use jump_core::{ErrorKind, Result};
use jump_proto_rdp::{RdpBackend, gate};
use jump_testkit::gate::context;
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER};
use jump_testkit::world::Site;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::sync::watch;

/// A server's stream, and a grant with which a client takes it.
pub(crate) struct Recorded {
    pub(crate) bytes: Vec<u8>,
    grant: Arc<Grant>,
}

/// How a session with such a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// With what it could not begin.
    pub(crate) refused: Option<ErrorKind>,
    /// Why it was over; `None` if it was closed in order.
    pub(crate) failed: Option<ErrorKind>,
    pub(crate) painted: bool,
}

/// A stream whose reader's side is written down.
struct Tap(DuplexStream, Arc<Mutex<Vec<u8>>>);

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.0).poll_read(context, buffer);
        let new = buffer.filled()[before..].to_vec();
        self.1.lock().unwrap().extend(new);
        read
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

fn grant(server: &RdpServer) -> Grant {
    let mut site = Site::new(server.address(), &[server.address()]).unwrap();
    site.edit_item(site.shell, |item| {
        item.recording = RecordingMode::Off;
        item.details = ItemDetails::RemoteRdp(Rdp {
            port: server.address().port(),
            ignore_untrusted: true,
            ..Rdp::default()
        });
    })
    .unwrap();
    site.grant(site.shell).unwrap()
}

async fn connect(stream: BoxStream, grant: Arc<Grant>) -> Result<Box<dyn ScreenSession>> {
    let Session::Screen(session) = RdpBackend::new()
        .connect(stream, ConnectOptions::new(grant))
        .await?
    else {
        panic!("it is no screen");
    };
    Ok(session)
}

impl Recorded {
    /// From X.224 to the first whole picture.
    pub(crate) async fn new() -> Self {
        let server = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
        let credential = Credential {
            username: USER.to_owned(),
            secret: CredentialSecret::Password(Secret::new(PASSWORD.to_owned())),
        };
        let (near, far) = tokio::io::duplex(64 * 1024);
        let grant_of_rep = grant(&server);
        let (context, _ends) = context(grant_of_rep.clone(), Some(credential));
        let gate = tokio::spawn(gate::run(Box::new(far), context));
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let grant = Arc::new(grant_of_rep);
        let session = connect(Box::new(Tap(near, bytes.clone())), grant.clone()).await;
        let session = session.unwrap();
        tokio::time::timeout(Duration::from_secs(60), session.painted())
            .await
            .unwrap()
            .unwrap();
        session.close().await.unwrap();
        gate.abort();
        let bytes = std::mem::take(&mut *bytes.lock().unwrap());
        assert!(bytes.len() > 2000, "{} bytes are no screen", bytes.len());
        Self { bytes, grant }
    }

    /// Lets a client take these bytes, and close when there are no more.
    pub(crate) async fn play(&self, bytes: &[u8]) -> Ended {
        let stream = tokio::io::join(Cursor::new(bytes.to_vec()), tokio::io::sink());
        let playing = async {
            let session = match connect(Box::new(stream), self.grant.clone()).await {
                Ok(session) => session,
                Err(error) => {
                    return Ended {
                        refused: Some(error.kind()),
                        failed: None,
                        painted: false,
                    };
                }
            };
            let failed = loop {
                match session.next_event().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break None,
                    Err(error) => break Some(error.kind()),
                }
            };
            Ended {
                refused: None,
                failed,
                painted: session.painted().await.is_ok(),
            }
        };
        tokio::time::timeout(Duration::from_secs(60), playing)
            .await
            .expect("it ends when the stream does")
    }

    /// Lets a client take these bytes, and then nothing more. What it says comes second.
    pub(crate) async fn session(&self, bytes: &[u8]) -> (Box<dyn ScreenSession>, watch::Receiver<Vec<u8>>) {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (mut hear, mut say) = tokio::io::split(far);
        let (heard, said) = watch::channel(Vec::new());
        let bytes = bytes.to_vec();
        tokio::spawn(async move {
            let hearing = async {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = hear.read(&mut buffer).await {
                    heard.send_modify(|heard| heard.extend_from_slice(&buffer[..count]));
                }
            };
            // A client may close before it has taken all.
            tokio::join!(hearing, async { say.write_all(&bytes).await.ok() })
        });
        let session = connect(Box::new(near), self.grant.clone()).await;
        (session.unwrap(), said)
    }

    /// Where the handshake ends, or a little later.
    pub(crate) fn handshake(&self) -> usize {
        self.messages().into_iter().find(|at| *at > 1500).unwrap()
    }

    /// Where the messages begin, and where the last one ends.
    pub(crate) fn messages(&self) -> Vec<usize> {
        let mut places = vec![0];
        let mut at = 0;
        while at < self.bytes.len() {
            let length = match self.bytes[at..] {
                [3, _, high, low, ..] => usize::from(u16::from_be_bytes([high, low])),
                [_, high, low, ..] if high & 0x80 != 0 => usize::from(u16::from_be_bytes([high & 0x7f, low])),
                [_, length, ..] => usize::from(length),
                _ => 0,
            };
            assert!(length > 1, "no message begins at {at}");
            at += length;
            places.push(at.min(self.bytes.len()));
        }
        places
    }
}
