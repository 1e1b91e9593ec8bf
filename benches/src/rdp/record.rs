//! Records what a real server sends for a desktop that changes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jump_core::model::{CertificatePolicy, ItemDetails, Rdp, RdpQuality};
use jump_core::recording::RecordKind;
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, Grant, RecordingMode, SessionPermissions};
use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::client::{RdpClient, RdpClientOptions, RdpSecurity};
use jump_proto_rdp::gate;
use jump_proto_rdp::tls::ServerCertificate;
use jump_proto_vnc::wire::Size as DesktopSize;
use jump_testkit::gate::context;
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER, XrdpBackend};
use jump_testkit::world::Site;

use super::{Recording, Size};
use crate::vnc::Desktop;

const OPERATION: &str = "record an RDP server's stream";
/// Nothing came for this long: the server has shown what there is.
const QUIET: Duration = Duration::from_millis(200);
/// How long a change may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    Xrdp,
    Shadow,
}

impl Maker {
    async fn start(self, size: Size) -> Result<RdpServer> {
        match self {
            Maker::Xrdp => RdpServer::xrdp(XrdpBackend::Xorg).await,
            Maker::Shadow => RdpServer::shadow_of(ShadowSecurity::Tls, (size.width, size.height)).await,
        }
    }
}

/// What the server may paint with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codecs {
    /// Bitmaps of 16 bits a pixel.
    Bitmaps16,
    /// Bitmaps of 32 bits a pixel.
    Bitmaps,
    /// RemoteFX and the graphics pipeline, too.
    All,
}

impl Codecs {
    pub(crate) fn lossy(self) -> bool {
        self == Self::All
    }

    /// What the gate's item asks the target for.
    const fn quality(self) -> RdpQuality {
        match self {
            Self::Bitmaps16 => RdpQuality::PerformanceQuality,
            Self::Bitmaps | Self::All => RdpQuality::BestPerformance,
        }
    }
}

/// What a gate passed on: whether the client sent it, and what it is.
type Passed = Arc<Mutex<Vec<(bool, bytes::Bytes)>>>;

/// Records a plain screen, the programs that appear on it, and so many steps of changes.
pub(crate) fn record(maker: Maker, size: Size, codecs: Codecs, steps: usize) -> Result<Recording> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Error::from_io(ErrorKind::Internal, OPERATION, error))?;
    let passed = Passed::default();
    let server = runtime.block_on(maker.start(size))?;
    let _entered = runtime.enter();
    let session = runtime.block_on(connect(&server, size, codecs, passed.clone()))?;
    let display = runtime.block_on(async {
        // What paints runs as another user than xrdp's session.
        server.run("xhost", &["+local:"]).await?;
        server.display().await
    })?;
    watch(&passed)?;
    let desktop_size = DesktopSize {
        width: size.width,
        height: size.height,
    };
    let mut desktop = Desktop::show(&display, desktop_size)?;
    watch(&passed)?;
    for _ in 0..steps {
        desktop.step()?;
        watch(&passed)?;
    }
    if !desktop.is_whole() {
        let message = "a program that paints ended; its error output says why";
        return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
    }
    drop(session);
    Recording::of(&lock(&passed))
}

fn lock(passed: &Passed) -> std::sync::MutexGuard<'_, Vec<(bool, bytes::Bytes)>> {
    passed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the server has nothing more to show.
fn watch(passed: &Passed) -> Result<()> {
    let begun = Instant::now();
    let mut seen = lock(passed).len();
    loop {
        std::thread::sleep(QUIET);
        let now = lock(passed).len();
        if now == seen {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            let message = "the server does not come to an end";
            return Err(Error::new(ErrorKind::Timeout, OPERATION, message));
        }
        seen = now;
    }
}

/// A session of our own client through a gate that writes down what passes. It ends when the value is dropped.
async fn connect(
    server: &RdpServer,
    size: Size,
    codecs: Codecs,
    passed: Passed,
) -> Result<tokio::task::JoinSet<()>> {
    let credential = Credential {
        username: USER.to_owned(),
        secret: CredentialSecret::Password(Secret::new(PASSWORD.to_owned())),
    };
    let (near, far) = tokio::io::duplex(256 * 1024);
    let (context, mut ends) = context(grant(server, codecs.quality())?, Some(credential));
    let mut tasks = tokio::task::JoinSet::new();
    let mut queue = ends
        .recording
        .take()
        .ok_or_else(|| Error::new(ErrorKind::Internal, OPERATION, "nothing is recorded"))?;
    tasks.spawn(async move {
        while let Some(record) = queue.next().await {
            let from_client = match record.kind {
                RecordKind::FromRep => true,
                RecordKind::FromTarget => false,
                _ => continue,
            };
            lock(&passed).push((from_client, record.payload));
        }
    });
    tasks.spawn(async move {
        // Its ends have to live as long as it.
        let _ends = ends;
        gate::run(Box::new(far), context).await;
    });
    let first = CertificatePolicy {
        trust_first_use: true,
        ..CertificatePolicy::default()
    };
    // Every client that takes the recording has this one static channel: that of the dynamic ones.
    let mut permissions = SessionPermissions::ALL;
    permissions.clipboard_to_target = false;
    permissions.clipboard_from_target = false;
    let options = RdpClientOptions::default()
        .certificate(ServerCertificate::by_policy(first))
        .security(RdpSecurity::Tls)
        .permissions(permissions)
        .size(size.width, size.height)
        .lossless(!codecs.lossy());
    let session = RdpClient::connect(Box::new(near), options).await?;
    tasks.spawn(async move { while let Ok(Some(_)) = session.next_event().await {} });
    Ok(tasks)
}

fn grant(server: &RdpServer, quality: RdpQuality) -> Result<Grant> {
    let mut site = Site::new(server.address(), &[server.address()])?;
    site.edit_item(site.shell, |item| {
        item.recording = RecordingMode::Backpressure;
        item.details = ItemDetails::RemoteRdp(Rdp {
            port: server.address().port(),
            quality,
            ignore_untrusted: true,
            ..Rdp::default()
        });
    })?;
    site.grant(site.shell)
}
