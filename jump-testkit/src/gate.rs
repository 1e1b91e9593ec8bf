//! What a gate is given, with every end in the test's hand.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::model::TargetAddress;
use jump_core::protocol::{Dialer, EventSink, GateContext, SessionEvent};
use jump_core::recording::{Queue, Recorder};
use jump_core::secret::Secret;
use jump_core::session::{Credential, Grant, RecordingMode, StopHandle};
use jump_core::stream::BoxStream;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Dials IP addresses directly, with no policy of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectDialer;

#[async_trait]
impl Dialer for DirectDialer {
    async fn dial(&self, target: &TargetAddress) -> Result<BoxStream> {
        let failed = |error| Error::from_io(ErrorKind::TargetUnreachable, "connect to the target", error);
        let address: IpAddr = target.host().as_str().parse().map_err(|_| {
            Error::new(
                ErrorKind::InvalidArgument,
                "connect to the target",
                "tests dial IP addresses only",
            )
        })?;
        let stream = TcpStream::connect((address, target.port()))
            .await
            .map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Box::new(stream))
    }
}

/// The other ends of a [`GateContext`].
#[derive(Debug)]
pub struct GateEnds {
    /// Ends the session.
    pub stop: StopHandle,
    /// What the gate reports; up to 1024 events wait.
    pub events: mpsc::Receiver<SessionEvent>,
    /// What the gate records; `None` if the grant says that nothing is. Take from it, or the gate waits.
    pub recording: Option<Queue>,
}

/// A context for a grant: [`DirectDialer`] unless another dialer is put in, room for 4 MiB of recording, and the other
/// end of everything.
pub fn context(grant: Grant, credential: Option<Credential>) -> (GateContext, GateEnds) {
    let (recorder, recording) = match grant.recording() {
        RecordingMode::Off => (Recorder::off(), None),
        mode => {
            let (recorder, queue) = Recorder::queue(mode, 4 << 20);
            (recorder, Some(queue))
        }
    };
    let (events, taken) = EventSink::channel(1024);
    let (handle, stop) = StopHandle::new();
    let context = GateContext::new(
        Arc::new(grant),
        credential,
        Arc::new(DirectDialer),
        recorder,
        events,
        stop,
        Secret::new([7; 32]),
    );
    let ends = GateEnds {
        stop: handle,
        events: taken,
        recording,
    };
    (context, ends)
}
