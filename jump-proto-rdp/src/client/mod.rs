//! A viewer without a window: connects to an RDP server, or to a gate, and gives a [`ScreenSession`].
//!
//! IronRDP speaks the protocol; one task owns the stream and decodes into a picture that callers share without copying. Of
//! everything that happens it keeps only the newest, so that a slow reader costs no memory. What callers send waits in a queue
//! of 64 KiB; who sends more waits, too.
//!
//! Painting waits while a frame is held, and a frame that is asked for waits while painting does: let one go before asking for
//! the next, or for a screenshot.
//!
//! Pictures come as bitmaps, RemoteFX or by the graphics pipeline (MS-RDPEGFX) without H.264. A server that sends its clients
//! elsewhere is followed only before the session begins, and only if that was asked for.

mod bitmaps;
pub(crate) mod budget;
mod clipboard;
mod config;
mod cursor;
mod drive;
mod files;
mod framed;
mod handshake;
mod input;
mod kerberos;
mod keys;
mod monitors;
mod names;
mod next;
mod options;
mod painting;
mod picture;
mod receive;
mod reconnect;
mod redirect;
mod session;
mod settings;
mod shared;
mod size;
mod sound;

use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use ironrdp_core::encode_vec;
use ironrdp_dvc::DrdynvcClient;
use ironrdp_graphics::image_processing::PixelFormat;
use ironrdp_pdu::mcs::{DisconnectProviderUltimatum, DisconnectReason};
use ironrdp_pdu::x224::X224;
use ironrdp_session::ActiveStageBuilder;
use ironrdp_session::image::DecodedImage;
use jump_core::protocol::{ConnectOptions, ScreenSession, Session};
use jump_core::screen::{self, ResizePace};
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use tokio::sync::Mutex;

use self::bitmaps::Bitmaps;
use self::budget::Budget;
use self::clipboard::{Backend, Clipboard};
use self::drive::Drive;
pub use self::drive::SharedFolder;
use self::files::Exchange;
pub use self::files::{
    ClipboardFiles, ClipboardFilesEnd, OfferedFiles, RemoteFile, RemoteFiles, clipboard_files,
};
use self::handshake::{Connected, Connecting};
use self::input::Channel;
pub use self::kerberos::{KdcClient, TcpKdc};
pub use self::monitors::{Monitor, Monitors, MonitorsEnd, monitors};
pub use self::options::{RdpClientOptions, RdpLogin, RdpSecurity};
use self::picture::Picture;
use self::receive::{Receiver, Redraw};
pub use self::reconnect::{ReconnectCookie, ReconnectCookies, ReconnectEnd, reconnect_cookies};
use self::redirect::Redirection;
use self::session::RdpSession;
use self::shared::{Shared, State};
use self::size::Size;
pub use self::size::{MAX_PIXELS, MAX_SIDE};
pub use self::sound::{
    MAX_WAITING as MAX_WAITING_SOUND, SoundEvent, SoundReader, SoundSamples, SoundSink, sound,
};

const OPERATION: &str = "connect to the RDP server";
/// Connects to RDP servers.
///
/// ```no_run
/// use jump_core::model::{CertificatePolicy, Field};
/// use jump_core::protocol::{Keysym, ScreenSession};
/// use jump_core::secret::Secret;
/// use jump_proto_rdp::client::{RdpClient, RdpClientOptions, RdpLogin, RdpSecurity};
/// use jump_proto_rdp::tls::ServerCertificate;
///
/// # async fn example(sha256: &str) -> jump_core::Result<()> {
/// # let failed = |error| jump_core::Error::from_io(jump_core::ErrorKind::Network, "connect", error);
/// let stream = tokio::net::TcpStream::connect("192.0.2.7:3389").await.map_err(failed)?;
/// let certificates = CertificatePolicy {
///     pinned: vec![Field::new(sha256)?],
///     ..CertificatePolicy::default()
/// };
/// let options = RdpClientOptions::default()
///     .security(RdpSecurity::Nla)
///     .certificate(ServerCertificate::by_policy(certificates))
///     .login(RdpLogin {
///         user: "administrator".to_owned(),
///         domain: String::new(),
///         password: Secret::new("secret12".to_owned()),
///     });
/// let session = RdpClient::connect(Box::new(stream), options).await?;
///
/// let picture = session.screenshot().await?;
/// println!("{} × {} pixels", picture.width, picture.height);
/// for pressed in [true, false] {
///     session.key(Keysym::of('a'), pressed).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RdpClient;

impl RdpClient {
    /// Logs in to whoever is at the other end of `stream`, and starts the session. Call it within a tokio runtime.
    /// Not cancel-safe: dropping the future closes the stream.
    ///
    /// With TLS alone a server does not say whether it accepted the password: what it shows then is its own login.
    ///
    /// # Errors
    /// [`ErrorKind::TargetAuthentication`] if the server does not accept the login or does not have the security that is
    /// asked for, [`ErrorKind::HostKey`] if its certificate is not allowed, [`ErrorKind::InvalidArgument`],
    /// [`ErrorKind::Unsupported`], [`ErrorKind::Protocol`], [`ErrorKind::ResourceLimit`], [`ErrorKind::Network`],
    /// [`ErrorKind::Timeout`].
    pub async fn connect(stream: BoxStream, options: RdpClientOptions) -> Result<Box<dyn ScreenSession>> {
        let clipboard = Backend::new(options.clipboard_files.is_some() && options.permissions.moves_files());
        let connecting = follow(stream, &options, &clipboard);
        let connected = tokio::time::timeout(options.handshake_timeout, Box::pin(connecting))
            .await
            .map_err(|_| {
                let message = "the server did not finish its handshake in time";
                Error::new(ErrorKind::Timeout, OPERATION, message)
            })??;
        start(connected, options, clipboard)
    }
}

/// Starts the client half over a stream whose other end is authenticated already, where a gate of ours is: neither TLS nor a
/// login is done in it. Not cancel-safe: dropping the future closes the stream.
///
/// # Errors
/// As for [`RdpClient::connect`].
pub(crate) async fn connect(stream: BoxStream, options: ConnectOptions) -> Result<Session> {
    let options = RdpClientOptions::default()
        .through_gate(&options.grant)
        .handshake_timeout(options.handshake_timeout);
    Ok(Session::Screen(RdpClient::connect(stream, options).await?))
}

/// Connects, and goes on to where the server says, if that is to be followed.
async fn follow(mut stream: BoxStream, options: &RdpClientOptions, clipboard: &Backend) -> Result<Connected> {
    let mut sent = None;
    for _ in 0..=redirect::MAX_HOPS {
        let said = match handshake::connect(stream, options, clipboard.clone(), sent.as_ref()).await? {
            Connecting::Connected(connected) => return Ok(*connected),
            Connecting::Sent(said) => said,
        };
        let Some((dialer, from)) = &options.follow else {
            let message = "the server sends its clients to another one, which is not followed";
            return Err(Error::new(ErrorKind::Unsupported, OPERATION, message));
        };
        let next = Redirection::new(*said, from.port())?;
        stream = dialer.dial(next.address.as_ref().unwrap_or(from)).await?;
        sent = Some(next);
    }
    let message = "the servers send their clients from one to the other";
    Err(Error::new(ErrorKind::Protocol, OPERATION, message))
}

/// Starts the task that owns the stream.
fn start(
    connected: Connected,
    options: RdpClientOptions,
    backend: Backend,
) -> Result<Box<dyn ScreenSession>> {
    let Connected { stream, result } = connected;
    let size = Size::of_screen(result.desktop_size.width, result.desktop_size.height, OPERATION)?;
    let channel = Channel {
        user: result.user_channel_id,
        io: result.io_channel_id,
        share: result.share_id,
        flags: result.input_flags,
    };
    let goodbye = X224(DisconnectProviderUltimatum::from_reason(
        DisconnectReason::UserRequested,
    ));
    let goodbye = encode_vec(&goodbye)
        .map_err(|error| Error::new(ErrorKind::Internal, OPERATION, error.report().to_string()))?;
    let state = State::new(size, channel, goodbye);
    let shared = Arc::new(Shared::new(Picture::new(size)?, state));
    if options.permissions.keyboard_mouse {
        let mut state = shared.lock();
        let bytes = state.input.without_locks()?;
        state.outbox.push(&bytes);
    }
    if let Some(layout) = options
        .layout
        .filter(|layout| layout.size() == (size.width, size.height))
        && let Some(unpainted) = &mut shared.lock().unpainted
    {
        for gap in layout.gaps() {
            unpainted.paint(gap);
        }
    }
    let dynamic = result.static_channels.get_channel_id_by_type::<DrdynvcClient>();
    let permissions = options.permissions;
    let drive = options.folder.filter(|_| permissions.moves_files());
    let redraw = Redraw {
        refresh: result.refresh_rect_support,
        suppress: result.suppress_output_support,
    };
    let stage = ActiveStageBuilder {
        static_channels: result.static_channels,
        user_channel_id: result.user_channel_id,
        io_channel_id: result.io_channel_id,
        message_channel_id: result.message_channel_id,
        share_id: result.share_id,
        compression_type: result.compression_type,
        enable_server_pointer: result.enable_server_pointer,
        pointer_software_rendering: result.pointer_software_rendering,
    }
    .build();
    let (read, write) = tokio::io::split(stream);
    let receiver = Receiver {
        stream: read,
        shared: shared.clone(),
        buffer: BytesMut::new(),
        stage,
        image: DecodedImage::new(PixelFormat::RgbA32, size.width, size.height),
        bitmaps: Some(Bitmaps::default()),
        measured: false,
        factory: result.activation_factory,
        activating: None,
        clipboard: Clipboard {
            backend,
            permissions,
            text: None,
            untold: false,
            files: options.clipboard_files.map(|end| Exchange::new(end, permissions)),
            early: None,
            streams: false,
        },
        dynamic,
        message_channel: result.message_channel_id,
        budget: Budget::of(size.pixels()),
        resizes: ResizePace::new(),
        redraw,
        sound: options.sound,
        cookies: options.cookies,
        monitors: options.monitors,
        drive: drive.map(|folder| Drive::new(folder, permissions)),
        began: Instant::now(),
    };
    let sending = shared.clone();
    let sending = async move { screen::deliver(write, &sending, Ok).await };
    let task = tokio::spawn(screen::run(shared.clone(), receiver.run(), sending));
    Ok(Box::new(RdpSession {
        shared,
        permissions,
        task: task.abort_handle(),
        resizing: Mutex::new(()),
        h264_pictures: options.h264_pictures,
    }))
}
