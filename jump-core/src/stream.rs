//! Byte streams as trait objects, for the places where parts of different origin meet.

use tokio::io::{AsyncRead, AsyncWrite};

/// Anything that bytes can be read from and written to: a socket, a TLS session, a pipe in memory.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for T {}

/// A boxed [`ByteStream`].
pub type BoxStream = Box<dyn ByteStream>;
