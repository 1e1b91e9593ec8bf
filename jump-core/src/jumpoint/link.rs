//! The Jumpoint's connection to its broker, kept up for ever.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Jumpoint;
use super::outbox::Outbox;
use super::session::{self, Served};
use crate::control::{
    Connection, Dial, Dialled, Handler, Heartbeat, HelloRole, Notice, OpenSession, Request, Response,
};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{SigningKey, random_bytes};
use crate::recording::RecordingFolder;
use crate::session::EndReason;
use crate::tunnel::Backoff;

/// Whether trying again cannot help.
fn is_final(error: &Error) -> bool {
    // A conflict: another agent with this key took over. To take over in turn would go on for ever.
    matches!(
        error.kind(),
        ErrorKind::Unauthenticated | ErrorKind::Unsupported | ErrorKind::UntrustedPeer | ErrorKind::Conflict
    )
}

pub(super) async fn run(jumpoint: &Jumpoint) -> Error {
    let (current, watcher) = watch::channel(None);
    // Ends every session and disconnects when the caller drops the future.
    let _end = EndAll {
        jumpoint,
        current: watcher.clone(),
    };
    let outbox = Outbox::start(watcher);
    let mut backoff = Backoff::new(jumpoint.0.reconnect_spread);
    let mut lease = JoinSet::new();
    loop {
        let error = match connect(jumpoint).await {
            Ok((dialled, session_key)) => {
                lease.abort_all();
                let lease_time = Duration::from_secs(u64::from(dialled.welcome.lease_seconds));
                let connected = Instant::now();
                let connection = match start(jumpoint, dialled, session_key, &outbox) {
                    Ok(connection) => connection,
                    Err(error) => return error,
                };
                current.send_replace(Some(connection.clone()));
                let error = connection.closed().await;
                current.send_replace(None);
                backoff.disconnected_after(connected.elapsed());
                let jumpoint = jumpoint.clone();
                // The lease counts from the last sign of life, not from when its absence was noticed.
                let lease_end = connection.last_heard() + lease_time;
                lease.spawn(async move {
                    tokio::time::sleep_until(lease_end).await;
                    jumpoint.end_all(&EndReason::LeaseLost);
                });
                error
            }
            Err(error) => error,
        };
        if is_final(&error) {
            return error;
        }
        let pause = match random_bytes() {
            Ok(random) => backoff.next_delay(u64::from_ne_bytes(random)),
            Err(error) => return error,
        };
        tracing::info!(%error, seconds = pause.as_secs_f32(), "not connected to the broker; trying again");
        tokio::time::sleep(pause).await;
    }
}

struct EndAll<'a> {
    jumpoint: &'a Jumpoint,
    current: watch::Receiver<Option<Connection>>,
}

impl Drop for EndAll<'_> {
    fn drop(&mut self) {
        self.jumpoint.end_all(&EndReason::JumpointLost);
        if let Some(connection) = &*self.current.borrow() {
            connection.close(&Error::new(
                ErrorKind::Unavailable,
                "stay connected",
                "the jumpoint was stopped",
            ));
        }
    }
}

async fn connect(jumpoint: &Jumpoint) -> Result<(Dialled, SigningKey)> {
    let inner = &jumpoint.0;
    // A key for the sessions of this connection only: what it signs is worth nothing once the connection is gone.
    let session_key = SigningKey::generate()?;
    let dial = Dial {
        transport: &*inner.transport,
        tls: &inner.tls,
        clock: &*inner.clock,
        broker: &inner.broker,
        key: &inner.identity.key,
    };
    let role = HelloRole::Jumpoint {
        session_key: session_key.public(),
        sessions: jumpoint.sessions(),
    };
    Ok((Box::pin(dial.connect(role)).await?, session_key))
}

fn start(
    jumpoint: &Jumpoint,
    dialled: Dialled,
    session_key: SigningKey,
    outbox: &Outbox,
) -> Result<Connection> {
    let recordings = match (&jumpoint.0.recordings, dialled.welcome.recording_key) {
        (Some(path), Some(key)) => Some(RecordingFolder::open(path, key)?),
        _ => None,
    };
    let served = Served {
        jumpoint: jumpoint.clone(),
        id: dialled.welcome.jumpoint,
        session_key,
        recordings,
        outbox: outbox.clone(),
    };
    tracing::info!(name = dialled.welcome.name, "connected to the broker");
    let handler = Arc::new(BrokerHandler(Arc::new(served)));
    Ok(Connection::start(
        dialled.stream,
        dialled.decoder,
        handler,
        Heartbeat::default(),
    ))
}

#[derive(Debug)]
struct BrokerHandler(Arc<Served>);

#[async_trait]
impl Handler for BrokerHandler {
    async fn request(&self, _: &Connection, _: Request) -> Result<Response> {
        Err(Error::new(
            ErrorKind::Protocol,
            "answer a request",
            "a jumpoint answers no requests",
        ))
    }

    async fn notice(&self, _: &Connection, notice: Notice) {
        match notice {
            Notice::Open(open) => self.open(*open),
            Notice::End { session, reason } => {
                if let Some(stop) = session::lock(&self.0.jumpoint.0.sessions).get(&session) {
                    stop.stop(reason);
                }
            }
            Notice::SessionEnded { .. } | Notice::Closing(_) => {}
        }
    }
}

impl BrokerHandler {
    fn open(&self, open: OpenSession) {
        match session::admit(&self.0, &open) {
            Ok(admitted) => {
                tokio::spawn(session::serve(self.0.clone(), open, admitted));
            }
            // Not a session: there is nothing to report about, and the broker that sent it is at fault.
            Err(error) => tracing::warn!(%error, "a session was refused"),
        }
    }
}
