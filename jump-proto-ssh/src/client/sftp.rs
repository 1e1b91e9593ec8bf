//! The file transfer protocol (SFTP version 3, draft-ietf-secsh-filexfer-02), as far as copying needs it.

use std::time::Duration;

use jump_core::{Error, ErrorKind, Result};
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::{Config, RawSftpSession};
use russh_sftp::extensions::LIMITS;
use russh_sftp::protocol::{FileAttributes, OpenFlags, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::failure::cut;

/// What every server takes in one read or write.
const SAFE_PIECE: u32 = 32 * 1024;
/// What is asked for at most, even of a server that takes more: a packet has to fit in [`LARGEST_PACKET`].
const LARGEST_PIECE: u32 = 255 * 1024;
const LARGEST_PACKET: u32 = 256 * 1024;
/// Several megabytes are in flight at once; on a slow line the last of them waits for all the others.
const PATIENCE: Duration = Duration::from_secs(600);
/// The longest text of a server that goes into an error.
const REASON: usize = 256;

/// A file that is open on the target.
#[derive(Clone, Debug)]
pub(super) struct RemoteFile(String);

/// The file transfer of one channel.
pub(super) struct Files {
    raw: RawSftpSession,
    /// Bytes per read and per write.
    pub(super) piece: u32,
}

impl Files {
    /// Agrees on the version and learns the server's limits.
    pub(super) async fn start(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Self> {
        let raw = RawSftpSession::new_with_config(
            stream,
            Config {
                max_packet_len: LARGEST_PACKET,
                request_timeout_secs: PATIENCE.as_secs(),
                ..Config::default()
            },
        );
        let started = |error| failure("start the file transfer", error);
        let version = raw.init().await.map_err(started)?;
        let mut piece = SAFE_PIECE;
        if version.extensions.contains_key(LIMITS) {
            let limits = raw.limits().await.map_err(started)?;
            let allowed = limits.max_read_len.min(limits.max_write_len);
            // A server that sets no limit says 0.
            if allowed > 0 {
                piece = u32::try_from(allowed).unwrap_or(LARGEST_PIECE).min(LARGEST_PIECE);
            }
        }
        Ok(Self { raw, piece })
    }

    /// Opens a file for reading; gives its size too, if the server knows it.
    pub(super) async fn open(&self, path: &str) -> Result<(RemoteFile, Option<u64>)> {
        let opened = self
            .raw
            .open(path, OpenFlags::READ, FileAttributes::empty())
            .await;
        let file = opened
            .map_err(|error| failure("open the target's file", error))?
            .handle;
        let size = self
            .raw
            .fstat(file.as_str())
            .await
            .ok()
            .and_then(|found| found.attrs.size);
        Ok((RemoteFile(file), size))
    }

    /// Creates a file, or empties it. `mode` is its Unix mode if it is new.
    pub(super) async fn create(&self, path: &str, mode: Option<u32>) -> Result<RemoteFile> {
        let attributes = FileAttributes {
            permissions: mode,
            ..FileAttributes::empty()
        };
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let opened = self.raw.open(path, flags, attributes).await;
        Ok(RemoteFile(
            opened
                .map_err(|error| failure("create the target's file", error))?
                .handle,
        ))
    }

    /// Reads up to `length` bytes; fewer if the server gives fewer, `None` at the end of the file.
    pub(super) async fn read(&self, file: &RemoteFile, offset: u64, length: u32) -> Result<Option<Vec<u8>>> {
        match self.raw.read(file.0.as_str(), offset, length).await {
            Ok(data) if data.data.is_empty() || data.data.len() > length as usize => Err(Error::new(
                ErrorKind::Protocol,
                "read the target's file",
                "the server gave another amount than was asked for",
            )),
            Ok(data) => Ok(Some(data.data)),
            Err(SftpError::Status(status)) if status.status_code == StatusCode::Eof => Ok(None),
            Err(error) => Err(failure("read the target's file", error)),
        }
    }

    /// Writes all of `data`.
    pub(super) async fn write(&self, file: &RemoteFile, offset: u64, data: Vec<u8>) -> Result<()> {
        let written = self.raw.write(file.0.as_str(), offset, data).await;
        written
            .map(|_| ())
            .map_err(|error| failure("write the target's file", error))
    }

    /// Closes a file; what was written to it is complete when this succeeds.
    pub(super) async fn close(&self, file: RemoteFile) -> Result<()> {
        let closed = self.raw.close(file.0).await;
        closed
            .map(|_| ())
            .map_err(|error| failure("close the target's file", error))
    }
}

fn failure(operation: &'static str, error: SftpError) -> Error {
    let (kind, message) = match error {
        SftpError::Status(status) => {
            let kind = match status.status_code {
                StatusCode::NoSuchFile => ErrorKind::NotFound,
                StatusCode::PermissionDenied => ErrorKind::Denied,
                StatusCode::OpUnsupported => ErrorKind::Unsupported,
                StatusCode::NoConnection | StatusCode::ConnectionLost => ErrorKind::Closed,
                _ => ErrorKind::InvalidArgument,
            };
            (
                kind,
                format!("the target says: {}", cut(&status.error_message, REASON)),
            )
        }
        SftpError::Timeout => (ErrorKind::Timeout, "the target stopped answering".to_owned()),
        SftpError::IO(_) | SftpError::UnexpectedBehavior(_) => {
            (ErrorKind::Closed, "the file transfer was cut off".to_owned())
        }
        other => (ErrorKind::Protocol, cut(&other.to_string(), REASON).to_owned()),
    };
    Error::new(kind, operation, message)
}
