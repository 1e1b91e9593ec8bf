//! Being told to stop: Ctrl-C, SIGTERM, SIGHUP.

use jump_core::{Error, ErrorKind};

use crate::error::Failure;

/// Listens for the signals from the moment it is made: one that comes before anybody waits is not lost, and does not
/// end the process on the spot.
#[derive(Debug)]
pub(crate) struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

impl Stop {
    /// Starts listening. Must be called within a tokio runtime.
    pub(crate) fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let kinds = (
                SignalKind::interrupt(),
                SignalKind::terminate(),
                SignalKind::hangup(),
            );
            let signals = || Ok([signal(kinds.0)?, signal(kinds.1)?, signal(kinds.2)?]);
            signals()
                .map(|signals| Self { signals })
                .map_err(|error: std::io::Error| {
                    Error::from_io(ErrorKind::Internal, "listen for signals", error).into()
                })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits until the process is told to stop. Cancel-safe.
    pub(crate) async fn told(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate, hang_up] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            // Nothing will ever tell.
            std::future::pending::<()>().await;
        }
    }
}
