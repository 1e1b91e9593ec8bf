//! The user's terminal.

use std::io::{self, IsTerminal};

use jump_core::protocol::Terminal;
use jump_core::{Error, ErrorKind, Result};
use tokio::io::AsyncReadExt;

/// Raw mode, until dropped.
#[derive(Debug)]
pub(crate) struct RawMode(());

impl RawMode {
    pub(crate) fn start() -> Result<Self> {
        let failed = |error| Error::from_io(ErrorKind::Unsupported, "set up the terminal", error);
        crossterm::terminal::enable_raw_mode().map_err(failed)?;
        Ok(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // The process ends next; there is nobody to tell.
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// The keys that are pressed: one by one and unseen while in raw mode. One of them serves a whole process, because a read
/// that is under way takes the next key even after this is dropped.
#[derive(Debug)]
pub(crate) struct Keys(tokio::io::Stdin);

/// Ctrl-C, which is a key like others in raw mode (ASCII ETX).
pub(crate) const INTERRUPT: u8 = 3;

impl Keys {
    /// `None` if nobody is at the terminal.
    pub(crate) fn of_person() -> Option<Self> {
        is_interactive().then(|| Self(tokio::io::stdin()))
    }

    /// Waits for the next key; for ever if no more come. Cancel-safe.
    pub(crate) async fn next(&mut self) -> u8 {
        match self.0.read_u8().await {
            Ok(key) => key,
            Err(_) => std::future::pending().await,
        }
    }
}

/// Whether both directions are a person at a terminal.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The terminal as the target is told about it.
pub(crate) fn describe() -> Terminal {
    let (columns, rows) = size();
    let kind = std::env::var("TERM")
        .ok()
        .filter(|kind| !kind.is_empty() && kind.len() <= 64);
    Terminal {
        kind: kind.unwrap_or_else(|| "xterm".to_owned()),
        columns,
        rows,
    }
}

/// Columns and rows; 80 by 24 if nobody knows.
pub(crate) fn size() -> (u32, u32) {
    match crossterm::terminal::size() {
        Ok((columns, rows)) if columns > 0 && rows > 0 => (u32::from(columns), u32::from(rows)),
        _ => (80, 24),
    }
}
