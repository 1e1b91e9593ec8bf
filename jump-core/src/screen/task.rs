//! The task that owns the stream of a session.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{ClientState, End, Painted, Shared};
use crate::error::{Error, ErrorKind, Result};

/// How long what the target sent before it closed may take, once nothing can be sent to it any more.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long what is still to be sent may take when a session is closed.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Says that the session is over, even if its task panicked or was aborted: nobody may wait for it any longer.
struct Finishing<P: Painted, S: ClientState>(Arc<Shared<P, S>>);

impl<P: Painted, S: ClientState> Drop for Finishing<P, S> {
    fn drop(&mut self) {
        let message = "the session's task ended without a reason";
        let error = Error::new(ErrorKind::Internal, "show the target's screen", message);
        self.0.finish(End::Failed(Arc::new(error)));
    }
}

/// Receives and sends until the session ends, and says how. `receiving` ends with the stream, `sending` is [`deliver`].
pub async fn run<P: Painted, S: ClientState>(
    shared: Arc<Shared<P, S>>,
    receiving: impl Future<Output = Result<End>>,
    sending: impl Future<Output = Result<()>>,
) {
    let finishing = Finishing(shared.clone());
    tokio::pin!(receiving);
    let too_long = async {
        shared
            .until(&shared.outgoing, |state| state.ending().closing.then_some(()))
            .await;
        tokio::time::sleep(CLOSE_TIMEOUT).await;
    };
    let ended = tokio::select! {
        ended = &mut receiving => ended,
        () = too_long => Ok(End::Closed),
        sent = sending => match sent {
            Ok(()) => Ok(End::Closed),
            // Why the target closed is what it sent last, if anything.
            Err(error) => match tokio::time::timeout(LAST_WORDS, receiving).await {
                Ok(Err(reason)) => Err(reason),
                Ok(Ok(end)) => Ok(end),
                Err(_) => Err(error),
            },
        },
    };
    shared.finish(ended.unwrap_or_else(|error| End::Failed(Arc::new(error))));
    drop(finishing);
}

/// Sends what waits, as `seal` makes it, until the session is to be closed and everything was sent.
///
/// # Errors
/// [`ErrorKind::Network`] if the stream fails; what `seal` returns.
pub async fn deliver<P: Painted, S: ClientState>(
    mut stream: impl AsyncWrite + Unpin,
    shared: &Shared<P, S>,
    mut seal: impl FnMut(Vec<u8>) -> Result<Vec<u8>>,
) -> Result<()> {
    let failed = |error| Error::from_io(ErrorKind::Network, "send to the target", error);
    loop {
        let next = shared.until(&shared.outgoing, |state| {
            let waiting = state.outbox().take();
            (!waiting.is_empty() || state.ending().closing).then_some(waiting)
        });
        let bytes = next.await;
        if bytes.is_empty() {
            return stream.shutdown().await.map_err(failed);
        }
        shared.room.send_replace(());
        stream.write_all(&seal(bytes)?).await.map_err(failed)?;
        stream.flush().await.map_err(failed)?;
    }
}
