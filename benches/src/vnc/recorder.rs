//! Records what a real server sends for a desktop that changes, in one encoding.

use std::io::ErrorKind as IoKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jump_core::{Error, ErrorKind, Result};
use jump_proto_vnc::RfbError;
use jump_proto_vnc::walk::{ServerMessageKind, Walker};
use jump_proto_vnc::wire::{Encoding, Size};
use jump_testkit::vnc::VncServer;

use super::desktop::Desktop;
use super::{LoggedIn, Recording};

const OPERATION: &str = "record a VNC server's stream";
/// Nothing came for this long: the server has shown what there is.
const QUIET: Duration = Duration::from_millis(150);
/// How long a whole screen may take.
const PATIENCE: Duration = Duration::from_secs(30);
const PIECE: usize = 256 * 1024;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Maker {
    Tigervnc,
    Tightvnc,
}

impl Maker {
    async fn start(self, size: Size) -> Result<VncServer> {
        let geometry = format!("{}x{}", size.width, size.height);
        match self {
            Maker::Tigervnc => VncServer::tigervnc_with("None", &["-geometry", &geometry]).await,
            Maker::Tightvnc => VncServer::tightvnc_with(&["-geometry", &geometry]).await,
        }
    }
}

/// Records a whole screen, so many steps of changes, and a whole screen again; `encodings` are all that the server may
/// use.
pub(crate) fn record(maker: Maker, size: Size, encodings: &[Encoding], steps: usize) -> Result<Recording> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(network)?;
    let server = runtime.block_on(maker.start(size))?;
    let _entered = runtime.enter();
    let display = server.display().unwrap_or_default();
    let mut desktop = Desktop::show(&display, size)?;
    let mut viewer = Viewer::connect(server.address(), encodings)?;
    if viewer.server.init.size != size {
        return Err(Error::new(
            ErrorKind::Unavailable,
            OPERATION,
            "the screen has another size",
        ));
    }
    // What the programs show at first is painted by updates that are thrown away.
    viewer.server.ask(true)?;
    viewer.watch()?;
    // The streams of some encodings go on from update to update, so recording means a connection of its own.
    drop(viewer);
    let mut viewer = Viewer::connect(server.address(), encodings)?;
    viewer.server.ask(false)?;
    viewer.watch()?;
    for _ in 0..steps {
        desktop.step()?;
        viewer.watch()?;
    }
    viewer.server.ask(false)?;
    viewer.watch()?;
    if !desktop.is_whole() {
        let message = "a program that paints ended; its error output says why";
        return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
    }
    Ok(Recording {
        size,
        format: viewer.server.init.pixel_format,
        messages: viewer.messages,
    })
}

struct Viewer {
    server: LoggedIn,
    walker: Walker,
    messages: Vec<u8>,
    walked: usize,
}

fn network(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Network, OPERATION, error)
}

fn wrong(error: RfbError) -> Error {
    error.into_error(OPERATION)
}

impl Viewer {
    fn connect(address: SocketAddr, encodings: &[Encoding]) -> Result<Self> {
        let mut server = LoggedIn::connect(address, encodings)?;
        server.stream.set_read_timeout(Some(QUIET)).map_err(network)?;
        Ok(Self {
            walker: Walker::new(server.init.pixel_format),
            messages: std::mem::take(&mut server.received),
            walked: 0,
            server,
        })
    }

    /// Takes updates, and asks for the next one after each, until the server has nothing more to show.
    fn watch(&mut self) -> Result<()> {
        let begun = Instant::now();
        let mut piece = vec![0; PIECE];
        let mut within = self.messages.is_empty();
        loop {
            match self.server.read(&mut piece) {
                Ok(0) => return Err(Error::new(ErrorKind::Closed, OPERATION, "the server went away")),
                Ok(read) => {
                    self.messages
                        .extend_from_slice(piece.get(..read).unwrap_or_default());
                    within = self.walk()?;
                }
                Err(error) if matches!(error.kind(), IoKind::WouldBlock | IoKind::TimedOut) => {
                    if !within {
                        return Ok(());
                    }
                    if begun.elapsed() > PATIENCE {
                        return Err(Error::new(
                            ErrorKind::Timeout,
                            OPERATION,
                            "the server stopped midway",
                        ));
                    }
                }
                Err(error) => return Err(network(error)),
            }
        }
    }

    /// Whether the last message is not whole.
    fn walk(&mut self) -> Result<bool> {
        loop {
            let rest = self.messages.get(self.walked..).unwrap_or_default();
            let walked = self.walker.walk(rest).map_err(wrong)?;
            self.walked += walked.consumed;
            if !walked.ends {
                return Ok(walked.message.is_some());
            }
            if walked.message == Some(ServerMessageKind::FramebufferUpdate) {
                self.server.ask(true)?;
            }
        }
    }
}
