//! Serving one session at the Jumpoint: check the grant, join the relay, let the rep in, run the gate.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Jumpoint;
use crate::control::{OpenSession, SESSION_ALPN};
use crate::error::{Error, ErrorKind, Result};
use crate::id::JumpointId;
use crate::keys::{PublicKey, SigningKey};
use crate::recording::RecordingFolder;
use crate::serving::{Admitted, Outbox, Prepared, record, serve as serve_admitted};
use crate::session::{Credential, CredentialBinding, GatePlace, Grant, SealedCredential};
use crate::tunnel::{RelayedSocket, TlsStream, dial_relay};

/// How long the rep has to come: the relay waits less.
const REP_PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the sessions of one broker connection share.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) jumpoint: Jumpoint,
    pub(super) id: Option<JumpointId>,
    pub(super) session_key: SigningKey,
    pub(super) recordings: Option<RecordingFolder>,
    pub(super) outbox: Outbox,
}

/// Checks everything about the grant that the Jumpoint can check, and marks it used.
///
/// # Errors
/// [`ErrorKind::Grant`] if it is badly signed, expired, used before, for another Jumpoint or another connection.
pub(super) fn admit(served: &Served, open: &OpenSession) -> Result<Admitted> {
    let inner = &served.jumpoint.0;
    let now = inner.clock.now();
    let grant = open.grant.verify(&inner.broker.key, now)?;
    let refuse = |rule| Error::new(ErrorKind::Grant, "check a grant", rule);
    if served.id.map(GatePlace::Jumpoint) != Some(grant.place()) {
        return Err(refuse("it is for another jumpoint"));
    }
    if grant.jumpoint_key() != Some(served.session_key.public()) {
        return Err(refuse("it is for another connection of this jumpoint"));
    }
    lock(&inner.used_grants).redeem(&grant, now)?;
    let admitted = Admitted::new(Arc::new(grant));
    let session = admitted.grant().session();
    let mut sessions = lock(&inner.sessions);
    if sessions.contains_key(&session) {
        return Err(refuse("its session runs already"));
    }
    sessions.insert(session, admitted.handle().clone());
    Ok(admitted)
}

/// Runs the session to its end and reports it.
pub(super) async fn serve(served: Arc<Served>, open: OpenSession, admitted: Admitted) {
    let (jumpoint, reports) = (served.jumpoint.clone(), served.outbox.session().0);
    let grant = admitted.grant().clone();
    let session = grant.session();
    let prepare = async move { prepare(&served, open, &grant).await };
    serve_admitted(admitted, prepare, reports, |_| {
        lock(&jumpoint.0.sessions).remove(&session);
    })
    .await;
}

/// Everything up to the gate. The relay is dialled while the recording's header is written.
async fn prepare(
    served: &Served,
    mut open: OpenSession,
    grant: &Grant,
) -> Result<Prepared<TlsStream<RelayedSocket>>> {
    let inner = &served.jumpoint.0;
    let backend = inner.backends.get(grant.protocol())?;
    let credential = open_credential(served, grant, open.credential.take())?;
    let no_folder = "this jumpoint has no place for recordings, or the site has no recording key";
    let recording = record(grant, served.recordings.as_ref(), &*inner.clock, no_folder);
    let (rep, recording) = tokio::try_join!(join_relay(served, grant.rep_key(), &open), recording)?;
    Ok(Prepared {
        backend,
        rep,
        credential,
        dialer: inner.dialer.clone(),
        recording,
        identity: inner.identity.key.clone(),
    })
}

fn open_credential(
    served: &Served,
    grant: &Grant,
    sealed: Option<SealedCredential>,
) -> Result<Option<Credential>> {
    let (Some(sealed), Some(target), Some(jumpoint)) =
        (sealed, grant.target().addresses.first(), grant.place().jumpoint())
    else {
        return Ok(None);
    };
    let binding = CredentialBinding {
        item: grant.item(),
        jumpoint,
        target: target.clone(),
    };
    sealed
        .open(&served.jumpoint.0.identity.sealing_key, &binding)
        .map(Some)
}

async fn join_relay(served: &Served, rep: PublicKey, open: &OpenSession) -> Result<TlsStream<RelayedSocket>> {
    let inner = &served.jumpoint.0;
    let address = open.relay.as_deref().unwrap_or(&inner.broker.address);
    let socket = dial_relay(&*inner.transport, address, &open.ticket, REP_PATIENCE).await?;
    let stream = inner.tls.accept(
        socket,
        &[],
        &served.session_key,
        Some(&rep),
        SESSION_ALPN,
        REP_PATIENCE,
    );
    Box::pin(stream).await
}
