//! One side of the gate while both are set up: whole messages, nothing read beyond what is taken.

use bytes::BytesMut;
use ironrdp_core::{Decode, Encode, decode, encode_vec};
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::wire::{Head, RdpError};

/// The longest message before the connection's settings.
const LONGEST: usize = 4096;
/// The longest message of CredSSP (MS-CSSP §2.2.1): a Kerberos ticket with many groups has 12000 bytes.
const LONGEST_CREDSSP: usize = 64 * 1024;

/// A stream, and what was read of it and not taken.
pub(super) struct Leg {
    pub(super) stream: BoxStream,
    pub(super) read: BytesMut,
    kind: ErrorKind,
    operation: &'static str,
}

impl Leg {
    /// `kind` is what a lost connection is.
    pub(super) fn new(stream: BoxStream, kind: ErrorKind, operation: &'static str) -> Self {
        Self {
            stream,
            read: BytesMut::new(),
            kind,
            operation,
        }
    }

    /// The same over another stream, which began after everything that was read.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if the peer spoke before it.
    pub(super) fn into_stream(self) -> Result<BoxStream> {
        if self.read.is_empty() {
            Ok(self.stream)
        } else {
            Err(RdpError::Protocol("the peer spoke before tls was there").into_error(self.operation))
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        written
            .await
            .map_err(|error| Error::from_io(self.kind, self.operation, error))
    }

    pub(super) async fn write_pdu(&mut self, pdu: &impl Encode) -> Result<()> {
        let bytes = encode_vec(pdu).map_err(|error| {
            Error::new(ErrorKind::Internal, self.operation, "a message cannot be written").with_source(error)
        })?;
        self.write(&bytes).await
    }

    /// Reads a message of X.224.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] for what is none, [`ErrorKind::ResourceLimit`] for a long one, [`ErrorKind::Closed`] if the peer
    /// has closed before it.
    pub(super) async fn read_pdu<T>(&mut self) -> Result<T>
    where
        T: for<'a> Decode<'a>,
    {
        let bytes = self
            .read_by(LONGEST, |read| match Head::read(read)? {
                Some(Head { fast_path: true, .. }) => {
                    Err(RdpError::Protocol("a message is none of the handshake"))
                }
                head => Ok(head.map(|head| head.length)),
            })
            .await?;
        decode::<T>(&bytes).map_err(|_| {
            Error::new(
                ErrorKind::Protocol,
                self.operation,
                "the peer's first message is none of rdp",
            )
        })
    }

    /// Reads a TSRequest of CredSSP.
    ///
    /// # Errors
    /// As for [`read_pdu`](Self::read_pdu).
    pub(super) async fn read_credssp(&mut self) -> Result<BytesMut> {
        self.read_by(LONGEST_CREDSSP, sequence_length).await
    }

    /// Reads so many bytes.
    pub(super) async fn read_exactly(&mut self, length: usize) -> Result<BytesMut> {
        self.read_by(length, |_| Ok(Some(length))).await
    }

    async fn read_by(
        &mut self,
        longest: usize,
        length: impl Fn(&[u8]) -> Result<Option<usize>, RdpError>,
    ) -> Result<BytesMut> {
        loop {
            let whole = length(&self.read).map_err(|error| error.into_error(self.operation))?;
            match whole {
                Some(length) if length > longest => {
                    let error = RdpError::Limit("a message of the handshake is too long");
                    return Err(error.into_error(self.operation));
                }
                Some(length) if length <= self.read.len() => return Ok(self.read.split_to(length)),
                _ => {}
            }
            let read = self.stream.read_buf(&mut self.read).await;
            if !matches!(read, Ok(1..)) {
                let closed = Error::new(
                    ErrorKind::Closed,
                    self.operation,
                    "the peer closed the connection",
                );
                return Err(match read {
                    Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
                        closed.with_source(error)
                    }
                    _ => closed,
                });
            }
        }
    }
}

/// The length of a SEQUENCE of the distinguished encoding rules (ITU-T X.690 §8.1.3).
fn sequence_length(bytes: &[u8]) -> Result<Option<usize>, RdpError> {
    Ok(match bytes {
        [] | [0x30] | [0x30, 0x81] | [0x30, 0x82] | [0x30, 0x82, _] => None,
        [0x30, short @ 0..=0x7f, ..] => Some(2 + usize::from(*short)),
        [0x30, 0x81, length, ..] => Some(3 + usize::from(*length)),
        [0x30, 0x82, high, low, ..] => Some(4 + usize::from(u16::from_be_bytes([*high, *low]))),
        _ => return Err(RdpError::Protocol("a message is none of credssp")),
    })
}
