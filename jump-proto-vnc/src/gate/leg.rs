//! The connection to a target, with or without the encryption of RSA-AES.

use std::io;

use bytes::BytesMut;
use jump_core::stream::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::security::{EaxOpener, EaxSealer, EaxStream};
use crate::wire::Input;

/// How much is read at once.
pub(super) const CHUNK: usize = 128 * 1024;

/// What comes from the target.
pub(super) struct Reader {
    stream: ReadHalf<BoxStream>,
    sealed: Option<Sealed>,
}

struct Sealed {
    opener: EaxOpener,
    input: BytesMut,
    opened: Vec<u8>,
}

/// What goes to the target.
pub(super) struct Writer {
    stream: WriteHalf<BoxStream>,
    sealer: Option<EaxSealer>,
    /// As it goes out: what the stream has not taken yet.
    waiting: BytesMut,
}

/// Takes a connection apart after the login; `received` is what was not read of it.
pub(super) fn split(
    stream: BoxStream,
    encryption: Option<EaxStream>,
    received: &[u8],
) -> (Reader, Writer, BytesMut) {
    let (read, write) = tokio::io::split(stream);
    let (opener, sealer) = match encryption {
        Some(EaxStream { opener, sealer }) => (Some(opener), Some(sealer)),
        None => (None, None),
    };
    let plain = opener.is_none();
    let sealed = opener.map(|opener| Sealed {
        opener,
        input: BytesMut::from(received),
        opened: Vec::new(),
    });
    let early = if plain {
        BytesMut::from(received)
    } else {
        BytesMut::new()
    };
    let reader = Reader { stream: read, sealed };
    let writer = Writer {
        stream: write,
        sealer,
        waiting: BytesMut::new(),
    };
    (reader, writer, early)
}

impl Reader {
    /// Appends what comes next, up to [`CHUNK`] bytes or one encrypted message; how many bytes, 0 at the end.
    pub(super) async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        let Some(sealed) = &mut self.sealed else {
            if buffer.capacity() - buffer.len() < CHUNK / 4 {
                buffer.reserve(CHUNK);
            }
            return self.stream.read_buf(buffer).await;
        };
        loop {
            let mut input = Input::new(&sealed.input);
            let opened = sealed
                .opener
                .open(&mut input, &mut sealed.opened)
                .map_err(|error| error.into_error("decrypt what the target sent"))?;
            let consumed = input.consumed();
            if opened {
                let _ = sealed.input.split_to(consumed);
                let length = sealed.opened.len();
                buffer.extend_from_slice(&sealed.opened);
                sealed.opened.clear();
                if length > 0 {
                    return Ok(length);
                }
                continue;
            }
            sealed.input.reserve(CHUNK);
            if self.stream.read_buf(&mut sealed.input).await? == 0 {
                return Ok(0);
            }
        }
    }
}

impl Writer {
    /// Sends all of it. If this is cancelled, the rest of it goes out with what is sent next, so that no message is ever cut.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.sealer {
            None => self.waiting.extend_from_slice(bytes),
            Some(sealer) => {
                let mut sealed = Vec::new();
                sealer
                    .seal(bytes, &mut sealed)
                    .map_err(|error| error.into_error("encrypt what the target gets"))?;
                self.waiting.extend_from_slice(&sealed);
            }
        }
        while !self.waiting.is_empty() {
            if self.stream.write_buf(&mut self.waiting).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.stream.flush().await
    }
}
