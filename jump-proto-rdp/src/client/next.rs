//! What is next for the task that owns the stream: bytes of the server, or something to be said to it.

use bytes::BytesMut;
use ironrdp_rdpdr::pdu::RdpdrPdu;
use jump_core::screen::ClientState;
use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::files;
use super::monitors;
use super::receive::{OPERATION, Receiver};
use super::shared::Shared;
use super::sound::SoundSink;

/// How much is read at once.
const PIECE: usize = 64 * 1024;

/// What is next for a receiver.
pub(super) enum Next {
    /// So many bytes have come, none at the end.
    Read(usize),
    /// The drive has answers.
    Done(Vec<RdpdrPdu>),
    /// Something about files on the clipboard.
    Files(files::Done),
    /// Other monitors are wanted.
    Monitors(monitors::Wish),
}

/// Reads what is there, once there is room for the sound in it; 0 at the end. Cancel-safe.
async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    sound: Option<&SoundSink>,
    shared: &Shared,
) -> Result<usize> {
    if let Some(sound) = sound {
        let closing = shared.until(&shared.outgoing, |state| state.ending().is_near().then_some(()));
        tokio::select! {
            room = sound.room() => room?,
            () = closing => sound.silence(),
        }
    }
    buffer.reserve(PIECE);
    match stream.read_buf(buffer).await {
        Ok(read) => Ok(read),
        // Servers leave TLS without a word.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(0),
        Err(error) => Err(Error::from_io(ErrorKind::Network, OPERATION, error)),
    }
}

impl<R: AsyncRead + Unpin> Receiver<R> {
    /// Reads what is there, or takes what is to be said about files. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Next> {
        let Self { drive, clipboard, .. } = self;
        let room = drive.as_mut().is_none_or(|drive| {
            drive.begin();
            drive.has_room()
        });
        let reading = read(
            &mut self.stream,
            &mut self.buffer,
            self.sound.as_ref(),
            &self.shared,
        );
        let done = async {
            match drive {
                Some(drive) => drive.done().await,
                None => std::future::pending().await,
            }
        };
        let files = async {
            match &mut clipboard.files {
                Some(files) => files.next().await,
                None => std::future::pending().await,
            }
        };
        let arrange = async {
            match &mut self.monitors {
                Some(monitors) => monitors.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = reading, if room => read.map(Next::Read),
            done = done => done.map(Next::Done),
            files = files => files.map(Next::Files),
            wish = arrange => Ok(Next::Monitors(wish)),
        }
    }
}
