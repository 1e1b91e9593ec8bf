//! From the keyboard to the target.

use std::future::pending;

use bytes::{Bytes, BytesMut};
use jump_core::protocol::ShellWriter;
use tokio::io::AsyncReadExt;

use super::escape::Escape;
use crate::stdio::StandardInput;
use crate::terminal;

const PIECE: usize = 64 * 1024;

/// Sends standard input, and on a terminal its size, to the target. Returns only if the user leaves with the escape
/// sequence; every other end is the reader's to tell.
pub(super) async fn forward(mut writer: Box<dyn ShellWriter>, raw: bool) {
    let left = if raw {
        from_terminal(&mut *writer).await
    } else {
        from_pipe(&mut *writer).await
    };
    if left.is_err() {
        // The channel is gone: its reader knows why.
        pending::<()>().await;
    }
}

/// Gives `Err` when the channel is gone, and never anything else.
async fn from_pipe(writer: &mut dyn ShellWriter) -> Result<(), ()> {
    let mut input = StandardInput::open().map_err(drop)?;
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(PIECE);
        match input.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(_) => writer.write(buffer.split().freeze()).await.map_err(drop)?,
        }
    }
    writer.finish().await.map_err(drop)?;
    pending().await
}

async fn from_terminal(writer: &mut dyn ShellWriter) -> Result<(), ()> {
    let mut input = tokio::io::stdin();
    let mut escape = Escape::default();
    let mut resizes = Resizes::start();
    let mut buffer = [0u8; 4096];
    loop {
        tokio::select! {
            read = input.read(&mut buffer) => {
                let typed = match read {
                    Ok(length) if length > 0 => buffer.get(..length).unwrap_or_default(),
                    _ => {
                        writer.finish().await.map_err(drop)?;
                        return pending().await;
                    }
                };
                let (pass, leave) = escape.take(typed);
                if !pass.is_empty() {
                    writer.write(Bytes::from(pass)).await.map_err(drop)?;
                }
                if leave {
                    return Ok(());
                }
            }
            () = resizes.next() => {
                let (columns, rows) = terminal::size();
                writer.resize(columns, rows).await.map_err(drop)?;
            }
        }
    }
}

/// Changes of the terminal's size.
struct Resizes {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Resizes {
    fn start() -> Self {
        Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change()).ok(),
        }
    }

    /// Waits for the next one. Cancel-safe.
    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        pending().await
    }
}
