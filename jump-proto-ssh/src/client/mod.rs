//! placeholder
use jump_core::protocol::{ConnectOptions, Session};
use jump_core::stream::BoxStream;
pub(crate) async fn connect(_: BoxStream, _: &ConnectOptions) -> jump_core::Result<Session> {
    Err(jump_core::Error::new(jump_core::ErrorKind::Unsupported, "x", "x"))
}
