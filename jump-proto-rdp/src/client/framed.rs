//! A stream as messages, while it is connected.

use bytes::{Bytes, BytesMut};
use ironrdp_pdu::PduHint;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The longest message of the connection sequence: what a TPKT header can say (RFC 1006 §6).
const LONGEST: usize = 65_535;

/// Reads no more than the message that is wanted, so that nothing is left when TLS begins.
pub(super) struct Framed {
    pub(super) stream: BoxStream,
    buffer: BytesMut,
}

impl Framed {
    pub(super) fn new(stream: BoxStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// The next message that `hint` is for; `None` if the stream ends before.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`], [`ErrorKind::ResourceLimit`], [`ErrorKind::Network`].
    pub(super) async fn read(&mut self, hint: &dyn PduHint) -> Result<Option<Bytes>> {
        let failed = |kind, message: String| Error::new(kind, super::OPERATION, message);
        loop {
            let wanted = match hint.find_size(&self.buffer) {
                Ok(Some((_, length))) if length > LONGEST => {
                    let message = format!("a message of {length} bytes is too long");
                    return Err(failed(ErrorKind::ResourceLimit, message));
                }
                // A header announces itself and more.
                Ok(Some((_, 0))) => {
                    return Err(failed(ErrorKind::Protocol, "a message without a byte".to_owned()));
                }
                Ok(Some((matched, length))) if length <= self.buffer.len() => {
                    let message = self.buffer.split_to(length).freeze();
                    if matched {
                        return Ok(Some(message));
                    }
                    continue;
                }
                Ok(Some((_, length))) => length - self.buffer.len(),
                // The header is read byte by byte.
                Ok(None) => 1,
                Err(error) => return Err(failed(ErrorKind::Protocol, error.report().to_string())),
            };
            let mut rest = (&mut self.stream).take(wanted as u64);
            let read = rest.read_buf(&mut self.buffer).await;
            match read {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(Error::from_io(ErrorKind::Network, super::OPERATION, error)),
            }
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let failed = |error| Error::from_io(ErrorKind::Network, super::OPERATION, error);
        self.stream.write_all(bytes).await.map_err(failed)?;
        self.stream.flush().await.map_err(failed)
    }
}
