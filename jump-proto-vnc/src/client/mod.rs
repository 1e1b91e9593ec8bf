//! A viewer without a window: connects to a VNC server, or to a gate, and gives a [`ScreenSession`].
//!
//! One task owns the stream. It paints into a picture that callers share without copying, answers the server, and keeps of
//! everything that happens only the newest, so that a slow reader costs no memory. What callers send waits in a queue of
//! 64 KiB; who sends more waits, too.
//!
//! Painting waits while a frame is held, and a frame that is asked for waits while painting does: let one go before asking for
//! the next, or for a screenshot.

mod clipboard;
mod cursor;
mod exact;
mod handshake;
mod keys;
mod options;
mod outbox;
mod pace;
mod receive;
mod session;
mod shared;

use std::sync::Arc;

use jump_core::protocol::{ConnectOptions, ScreenSession, Session};
use jump_core::screen::{self, ResizePace};
use jump_core::session::SessionPermissions;
use jump_core::stream::BoxStream;
pub use jump_core::tls::ServerCertificate;
use jump_core::{Error, ErrorKind, Result};
use tokio::sync::Mutex;

use self::handshake::{LoggedIn, Terms};
use self::options::Source;
pub use self::options::{Login, VncClientOptions};
use self::pace::Pace;
use self::receive::Receiver;
use self::session::VncSession;
use self::shared::{Shared, State};
use crate::decode::{Helpers, UpdateDecoder};
use crate::security::{ClientSession, SecurityPolicy, SecurityType, VncCredential};
use crate::wire::{ClientMessage, Encoding, PixelFormat, Rectangle};
use crate::{RfbError, RfbResult};

/// Connects to VNC servers.
///
/// ```no_run
/// use jump_core::protocol::{Keysym, ScreenEvent, ScreenSession};
/// use jump_core::secret::Secret;
/// use jump_proto_vnc::client::{Login, VncClient, VncClientOptions};
/// use jump_proto_vnc::security::VncCredential;
///
/// # async fn example() -> jump_core::Result<()> {
/// # let failed = |error| jump_core::Error::from_io(jump_core::ErrorKind::Network, "connect", error);
/// let stream = tokio::net::TcpStream::connect("192.0.2.7:5900").await.map_err(failed)?;
/// let password = VncCredential::Password(Secret::new("secret12".to_owned()));
/// let options = VncClientOptions::default().login(Login::with(password));
/// let session = VncClient::connect(Box::new(stream), options).await?;
///
/// let picture = session.screenshot().await?;
/// println!("{} × {} pixels", picture.width, picture.height);
/// for pressed in [true, false] {
///     session.key(Keysym::of('a'), pressed).await?;
/// }
/// while let Some(event) = session.next_event().await? {
///     if let ScreenEvent::Damage(areas) = event {
///         let frame = session.frame().await?;
///         println!("{} places of {frame:?} are new", areas.len());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct VncClient;

impl VncClient {
    /// Logs in to whoever is at the other end of `stream`, and starts the session. Call it within a tokio runtime.
    /// Not cancel-safe: dropping the future closes the stream.
    ///
    /// # Errors
    /// [`ErrorKind::TargetAuthentication`] with the server's reason, [`ErrorKind::HostKey`] if it is not the server that is
    /// trusted, [`ErrorKind::Unsupported`], [`ErrorKind::Protocol`], [`ErrorKind::ResourceLimit`],
    /// [`ErrorKind::Network`], [`ErrorKind::Timeout`], and what the callbacks return.
    pub async fn connect(stream: BoxStream, options: VncClientOptions) -> Result<Box<dyn ScreenSession>> {
        let credential = match options.login.0 {
            Source::Given(credential) => credential,
            Source::Asked(ask) => ask().await?,
        };
        let terms = Terms {
            policy: options.policy,
            credential,
            shared: options.shared,
            certificate: options.certificate,
            key: options.key,
        };
        let logged_in = tokio::time::timeout(options.handshake_timeout, handshake::log_in(stream, terms))
            .await
            .map_err(|_| {
                let message = "the server did not finish its handshake in time";
                Error::new(ErrorKind::Timeout, handshake::OPERATION, message)
            })??;
        start(logged_in, options.permissions, options.lossless, options.helpers)
    }
}

/// Starts the client half over a stream whose other end is authenticated already: no login is done in it.
/// Not cancel-safe: dropping the future closes the stream.
///
/// # Errors
/// As for [`VncClient::connect`].
pub(crate) async fn connect(stream: BoxStream, options: ConnectOptions) -> Result<Session> {
    let options = VncClientOptions::default()
        .policy(SecurityPolicy::only(&[SecurityType::NONE]))
        .login(Login::with(VncCredential::None))
        .permissions(options.grant.permissions())
        .lossless(false)
        .handshake_timeout(options.handshake_timeout);
    Ok(Session::Screen(VncClient::connect(stream, options).await?))
}

/// Says what is wanted, and starts the task that owns the stream.
fn start(
    logged_in: LoggedIn,
    permissions: SessionPermissions,
    lossless: bool,
    helpers: Helpers,
) -> Result<Box<dyn ScreenSession>> {
    let ClientSession {
        server_init,
        stream: eax,
        received,
        ..
    } = *logged_in.session;
    let format = PixelFormat::RGBX8888;
    let failed = |error: RfbError| error.into_error(receive::OPERATION);
    let decoder = UpdateDecoder::new(server_init.size, format).map_err(failed)?;
    let decoder = decoder.with_helpers(helpers);
    let name = String::from_utf8_lossy(&server_init.name).into_owned();
    let pace = Pace::new(lossless);
    let hints = pace.encodings().collect();
    let shared = Arc::new(Shared::new(
        decoder,
        State::new(server_init.size, name, hints, permissions),
    ));
    first_words(&mut shared.lock(), format).map_err(failed)?;
    let (read, write) = tokio::io::split(logged_in.stream);
    let (opener, sealer) = eax.map(|eax| (eax.opener, eax.sealer)).unzip();
    let (buffer, sealed) = match opener {
        Some(_) => (received, logged_in.rest),
        None => (logged_in.rest, Vec::new()),
    };
    let receiver = Receiver {
        stream: read,
        shared: shared.clone(),
        opener,
        sealed,
        buffer,
        broken: None,
        pace,
        resizes: ResizePace::new(),
        update: None,
        continuous: false,
    };
    let sending = shared.clone();
    let sending = async move {
        let mut sealer = sealer;
        let seal = |clear: Vec<u8>| {
            let Some(sealer) = &mut sealer else {
                return Ok(clear);
            };
            let mut sealed = Vec::new();
            let done = sealer.seal(&clear, &mut sealed);
            done.map_err(|error| error.into_error("send to the VNC server"))?;
            Ok(sealed)
        };
        screen::deliver(write, &sending, seal).await
    };
    let task = tokio::spawn(screen::run(shared.clone(), receiver.run(), sending));
    Ok(Box::new(VncSession {
        shared,
        permissions,
        task: task.abort_handle(),
        resizing: Mutex::new(()),
        screenshots: Mutex::new(()),
    }))
}

fn first_words(state: &mut State, format: PixelFormat) -> RfbResult<()> {
    state.outbox.push(&ClientMessage::SetPixelFormat(format))?;
    announce(state)?;
    let rectangle = Rectangle::whole(state.size);
    state.outbox.push(&ClientMessage::UpdateRequest {
        incremental: false,
        rectangle,
    })
}

/// Tells the server what is understood, best first: all of it, so that every server finds something.
fn announce(state: &mut State) -> RfbResult<()> {
    let mut encodings = UNDERSTOOD.to_vec();
    let SessionPermissions {
        clipboard_to_target,
        clipboard_from_target,
        ..
    } = state.permissions;
    if clipboard_to_target || clipboard_from_target {
        encodings.push(Encoding::EXTENDED_CLIPBOARD);
    }
    let exact = state.exact.is_some();
    for hint in state.hints.iter().filter(|hint| !(exact && is_lossy(**hint))) {
        state.lossy |= is_lossy(*hint);
        encodings.push(*hint);
    }
    state.outbox.push(&ClientMessage::SetEncodings(encodings))
}

/// Whether it allows JPEG, which no server sends without (rfbproto "JPEG Quality Level Pseudo-encoding").
fn is_lossy(encoding: Encoding) -> bool {
    (Encoding::jpeg_quality(0)..=Encoding::jpeg_quality(9)).contains(&encoding)
}

const UNDERSTOOD: &[Encoding] = &[
    Encoding::COPY_RECT,
    Encoding::TIGHT,
    Encoding::ZRLE,
    Encoding::ZLIB,
    Encoding::HEXTILE,
    Encoding::TRLE,
    Encoding::CORRE,
    Encoding::RRE,
    Encoding::RAW,
    Encoding::LAST_RECT,
    Encoding::EXTENDED_DESKTOP_SIZE,
    Encoding::DESKTOP_SIZE,
    Encoding::DESKTOP_NAME,
    Encoding::CURSOR_WITH_ALPHA,
    Encoding::VMWARE_CURSOR,
    Encoding::CURSOR,
    Encoding::X_CURSOR,
    Encoding::POINTER_POSITION,
    Encoding::QEMU_EXTENDED_KEY,
    Encoding::EXTENDED_MOUSE_BUTTONS,
    Encoding::FENCE,
    Encoding::CONTINUOUS_UPDATES,
];
