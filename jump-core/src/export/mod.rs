//! Taking the audit log elsewhere: to a syslog server, or to plain files.
//!
//! A [`Forwarder`] reads the log from a position that it keeps in a file, and gives its events in order to a [`Sink`]. A sink
//! that is down stops nobody else: the log holds what is to come, and after an outage of whatever length everything is
//! delivered. Events may be delivered twice, never left out; each carries its sequence number in the log.

mod connection;
mod files;
mod forwarder;
mod record;
mod syslog;
mod target;

#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result};

pub use files::{FileSink, Rotation};
pub use forwarder::{Delivered, Forwarder};
pub use record::{Record, Severity, records};
pub use syslog::{Facility, SyslogFormat, SyslogSink};
pub use target::{SyslogTarget, SyslogTransport};

/// Somewhere that records are sent to.
#[async_trait]
pub trait Sink: Send + Debug + 'static {
    /// Sends records, in order. `Ok` means that they were handed over, not that they arrived: see [`grace`](Self::grace).
    /// After an error the sink starts afresh, and records are sent again. Not cancel-safe: a cancelled call counts as an error.
    ///
    /// # Errors
    /// Whatever keeps it from sending; it is tried again later.
    async fn send(&mut self, records: &[Record]) -> Result<()>;

    /// For how long after [`send`](Self::send) a failure may still mean that the records were lost. Until then they are kept
    /// as not delivered. Zero if `Ok` means that they arrived.
    fn grace(&self) -> Duration {
        Duration::ZERO
    }

    /// Waits until what was handed over is known to be lost, or never ends. Cancel-safe.
    async fn broken(&mut self) -> Error {
        std::future::pending().await
    }

    /// Starts afresh: what follows was perhaps sent before.
    async fn reset(&mut self) {}

    /// Ends in order, and says whether everything that was handed over is known to have arrived.
    async fn close(&mut self) -> bool {
        self.grace().is_zero()
    }
}
