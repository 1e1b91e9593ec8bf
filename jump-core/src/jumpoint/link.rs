//! The Jumpoint's connection to its broker, kept up for ever.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Jumpoint;
use super::session::{self, Served};
use crate::control::{
    Answer, Connection, Dial, Dialled, GateReport, Handler, Heartbeat, HelloRole, Notice, OpenSession,
    Request, Response,
};
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{SigningKey, random_bytes};
use crate::protocol::Outcome;
use crate::recording::RecordingFolder;
use crate::serving::Outbox;
use crate::session::EndReason;
use crate::tunnel::Backoff;

/// Whether trying again cannot help after the broker said this. What others cause, such as somebody on the way who
/// proves the wrong key, is never final: it passes.
fn is_final(said: &Error) -> bool {
    // A conflict: another agent with this key took over. To take over in turn would go on for ever.
    matches!(
        said.kind(),
        ErrorKind::Unauthenticated | ErrorKind::Unsupported | ErrorKind::Conflict
    )
}

/// Signs of life that notice a silent broker before the lease is over, and at the usual pace if the lease is long.
fn heartbeat(lease: Duration) -> Heartbeat {
    let usual = Heartbeat::default();
    let shortest = Duration::from_millis(100);
    Heartbeat {
        every: usual.every.min(lease / 4).max(shortest),
        give_up: usual.give_up.min(lease).max(shortest * 4),
    }
}

pub(super) async fn run(jumpoint: &Jumpoint) -> Error {
    let (current, watcher) = watch::channel(None);
    // Ends every session and disconnects when the caller drops the future.
    let _end = EndAll {
        jumpoint,
        current: watcher.clone(),
    };
    let outbox = Outbox::new(watcher, |report| Request::Jumpoint(report.into()));
    let mut backoff = Backoff::new(jumpoint.0.reconnect_spread);
    let mut lease = JoinSet::new();
    // Ends with this future.
    let mut keeping = JoinSet::new();
    loop {
        let error = match connect(jumpoint).await {
            Ok((Answer::Accepted(dialled), session_key)) => {
                let lease_time = Duration::from_secs(u64::from(dialled.welcome.lease_seconds));
                match start(jumpoint, *dialled, session_key, &outbox) {
                    Ok(connection) => {
                        let connected = Instant::now();
                        current.send_replace(Some(connection.clone()));
                        *session::lock(&jumpoint.0.linked) = Some(connection.clone());
                        if let Some(days) = jumpoint.0.keep_recordings.filter(|_| keeping.is_empty()) {
                            let jumpoint = jumpoint.clone();
                            keeping.spawn(async move { jumpoint.keep_recordings(days).await });
                        }
                        lease.shutdown().await;
                        let error = connection.closed().await;
                        current.send_replace(None);
                        *session::lock(&jumpoint.0.linked) = None;
                        backoff.disconnected_after(connected.elapsed());
                        let jumpoint = jumpoint.clone();
                        // The lease counts from the last sign of life, not from when its absence was noticed.
                        let lease_end = connection.last_heard() + lease_time;
                        lease.spawn(async move {
                            tokio::time::sleep_until(lease_end).await;
                            jumpoint.end_all(&EndReason::LeaseLost);
                        });
                        if is_final(&error) {
                            return error;
                        }
                        error
                    }
                    // The disk may be there again the next time.
                    Err(error) => error,
                }
            }
            Ok((Answer::Refused(error), _)) if is_final(&error) => return error,
            Ok((Answer::Refused(error), _)) | Err(error) => error,
        };
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

async fn connect(jumpoint: &Jumpoint) -> Result<(Answer, SigningKey)> {
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
    let heartbeat = heartbeat(Duration::from_secs(u64::from(dialled.welcome.lease_seconds)));
    tracing::info!(name = dialled.welcome.name, "connected to the broker");
    let handler = Arc::new(BrokerHandler(Arc::new(served)));
    Ok(Connection::start(
        dialled.stream,
        dialled.decoder,
        handler,
        heartbeat,
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
            Notice::Open(opened) => open(&self.0, *opened),
            Notice::End { session, reason } => {
                if let Some(stop) = session::lock(&self.0.jumpoint.0.sessions).get(&session) {
                    stop.stop(reason);
                }
            }
            Notice::SessionEnded { .. } | Notice::SessionEnding(_) | Notice::Closing(_) => {}
        }
    }
}

/// Serves a session, or reports why not.
pub(super) fn open(served: &Arc<Served>, open: OpenSession) {
    let error = match session::admit(served, &open) {
        Ok(admitted) => {
            tokio::spawn(session::serve(served.clone(), open, admitted));
            return;
        }
        Err(error) => error,
    };
    tracing::warn!(%error, "a session was refused");
    let jumpoint = &served.jumpoint.0;
    let Some(session) = open.grant.signed_session(&jumpoint.broker.key) else {
        return;
    };
    // A second grant for a session that runs, or the same one again, says nothing about that session.
    if session::lock(&jumpoint.sessions).contains_key(&session) {
        return;
    }
    let (reports, _) = served.outbox.session();
    let outcome = Outcome::nothing_moved(EndReason::from_error(&error));
    tokio::spawn(async move {
        reports
            .report(GateReport::Ended {
                session,
                outcome,
                recording: None,
            })
            .await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s11_a_silent_broker_is_noticed_within_the_lease() {
        for seconds in 1..200 {
            let lease = Duration::from_secs(seconds);
            let Heartbeat { every, give_up } = heartbeat(lease);
            assert!(give_up <= lease && every * 2 <= give_up, "{seconds}");
        }
        assert!(!heartbeat(Duration::ZERO).every.is_zero());
    }
}
