//! The gate: an SSH client toward the target, an SSH server toward the rep, and a bridge per channel between them.
//!
//! The target comes first. Only when it has accepted the credential does the rep's client see an SSH server; if
//! anything fails before, it is told why in one readable line.

mod asked;
mod auth;
mod bridge;
mod face;
mod farewell;
mod files;
mod from_rep;
mod from_target;
pub(crate) mod hold;
mod host_key;
mod policy;
mod reply_queue;
mod reporter;
mod target;
mod to_target;
mod up_queue;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jump_core::protocol::{GateContext, Outcome, SessionEvent};
use jump_core::session::EndReason;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use russh::server::RunningSession;
use russh::{ChannelOpenFailure, Disconnect, server};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use self::bridge::Shared;
use self::face::{Face, Open};
use self::hold::Hold;
use self::reporter::Reporter;
use self::target::Target;
use self::up_queue::Backlog;
use crate::failure::from_russh;
use crate::identity;
use crate::leg::{Leg, Scissors};

/// How long channels may take to pass on what is under way when one side has left.
const DRAIN: Duration = Duration::from_secs(2);
/// How long a side may take to hear why the session ends.
const GOODBYE: Duration = Duration::from_millis(250);
/// How long to wait for the rep's client to say what it is.
const IDENTIFICATION: Duration = Duration::from_millis(250);
/// Channels that wait to be opened.
const OPENS: usize = 16;

/// Runs a session to its end.
pub(crate) async fn run(rep: BoxStream, mut context: GateContext) -> Outcome {
    let reporter = Reporter::new(context.events.clone());
    let recorder = context.recorder.clone();
    let deadline = Instant::now() + context.limits.handshake_timeout;
    let credential = context.credential.take();
    let connecting = target::connect(&context.grant, context.dialer.as_ref(), credential, &reporter);
    let connected = tokio::select! {
        biased;
        reason = context.stop.stopped() => Err(reason),
        connected = timeout_at(deadline, connecting) => match connected {
            Ok(connected) => connected.map_err(|error| EndReason::from_error(&error)),
            Err(_) => Err(too_slow("the target did not finish its SSH handshake and login in time")),
        },
    };
    match connected {
        Ok(target) => {
            let outcome = Gate::new(context, &target, reporter.clone())
                .serve(rep, target, deadline)
                .await;
            let lost = recorder.lost();
            if lost > 0 {
                reporter.report(SessionEvent::RecordingLost { bytes: lost }).await;
            }
            outcome
        }
        Err(reason) => {
            farewell::say(rep, &face::goodbye(&reason)).await;
            Outcome::nothing_moved(reason)
        }
    }
}

fn too_slow(message: &str) -> EndReason {
    EndReason::Failed {
        kind: ErrorKind::Timeout,
        message: message.to_owned(),
    }
}

/// The rep's side of a running session.
struct Rep {
    running: RunningSession<Face>,
    scissors: Scissors,
    ended: bool,
}

struct Gate {
    context: GateContext,
    shared: Arc<Shared>,
}

impl Gate {
    fn new(context: GateContext, target: &Target, reporter: Reporter) -> Self {
        let shared = Arc::new(Shared {
            target: target.handle.clone(),
            permissions: context.grant.permissions(),
            commands: context.grant.commands().cloned(),
            paths: context.grant.paths().clone(),
            recorder: context.recorder.clone(),
            reporter,
            hold: Arc::new(Hold::default()),
            backlog: Arc::new(Backlog::default()),
            unanswered: Arc::default(),
            unfinished: Mutex::default(),
            from_rep: AtomicU64::new(0),
            from_target: AtomicU64::new(0),
        });
        Self { context, shared }
    }

    async fn serve(mut self, rep: BoxStream, mut target: Target, deadline: Instant) -> Outcome {
        let (opens_in, opens) = mpsc::channel(OPENS);
        let (logged_in, login) = oneshot::channel();
        let (leg, scissors) = Leg::new(rep, Some(self.shared.hold.clone()));
        let mut stop = self.context.stop.clone();
        let starting = self.start_face(leg, opens_in, logged_in, target.greeting());
        let started = tokio::select! {
            biased;
            reason = stop.stopped() => Err(reason),
            started = timeout_at(deadline, starting) => match started {
                Ok(started) => started.map_err(|error| EndReason::from_error(&error)),
                Err(_) => Err(too_slow("the rep's client did not start an SSH handshake in time")),
            },
        };
        let reason = match started {
            Ok(running) => {
                let mut rep = Rep {
                    running,
                    scissors,
                    ended: false,
                };
                let mut tasks = JoinSet::new();
                let mut stop = self.context.stop.clone();
                // Outermost, so that nothing the session waits for keeps it from ending.
                let reason = tokio::select! {
                    biased;
                    reason = stop.stopped() => reason,
                    reason = self.attend(&mut rep, &mut target, &mut tasks, opens, login, deadline) => reason,
                };
                self.finish(&reason, rep, &mut target, tasks).await;
                self.shared.report_unfinished().await;
                reason
            }
            Err(reason) => reason,
        };
        Outcome {
            reason,
            bytes_from_rep: self.shared.from_rep.load(Ordering::Relaxed),
            bytes_from_target: self.shared.from_target.load(Ordering::Relaxed),
        }
    }

    async fn start_face(
        &self,
        mut leg: Leg,
        opens: mpsc::Sender<Box<Open>>,
        logged_in: oneshot::Sender<()>,
        greeting: Option<String>,
    ) -> Result<RunningSession<Face>> {
        let host_key = identity::host_key(&self.context.identity_seed)?;
        let face = Face {
            permissions: self.shared.permissions,
            reporter: self.shared.reporter.clone(),
            hold: self.shared.hold.clone(),
            backlog: self.shared.backlog.clone(),
            unanswered: self.shared.unanswered.clone(),
            opens,
            logged_in: Some(logged_in),
            greeting,
        };
        // Clients send their identification at once; one that waits for ours is served without it.
        let client = timeout(IDENTIFICATION, leg.first_line()).await.ok().flatten();
        server::run_stream(face::settings(host_key, client.as_deref()), leg, face)
            .await
            .map_err(|error| from_russh(ErrorKind::Closed, "greet the rep's client", error))
    }

    /// Serves channels until something ends the session; says what.
    async fn attend(
        &self,
        rep: &mut Rep,
        target: &mut Target,
        tasks: &mut JoinSet<Result<()>>,
        mut opens: mpsc::Receiver<Box<Open>>,
        mut login: oneshot::Receiver<()>,
        deadline: Instant,
    ) -> EndReason {
        let mut number = 0;
        let mut logged_in = false;
        loop {
            tokio::select! {
                biased;
                done = &mut rep.running => {
                    rep.ended = true;
                    return end_of_rep(done);
                }
                Some(done) = tasks.join_next(), if !tasks.is_empty() => match done {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return EndReason::RecordingFailed(error.to_string()),
                    Err(_) => return EndReason::Failed {
                        kind: ErrorKind::Internal,
                        message: "a channel of the session failed".to_owned(),
                    },
                },
                _ = &mut target.gone => {
                    target.ended = true;
                    return target.end();
                }
                _ = &mut login, if !logged_in => logged_in = true,
                () = tokio::time::sleep_until(deadline), if !logged_in => {
                    return too_slow("the rep's client did not finish its SSH handshake in time");
                }
                Some(open) = opens.recv() => {
                    if tasks.len() >= self.context.limits.channels {
                        open.asked.reject(ChannelOpenFailure::ResourceShortage).await;
                        self.shared.reporter.refused("more channels at once than the limit").await;
                    } else {
                        tasks.spawn(bridge::run(self.shared.clone(), *open, number));
                        number += 1;
                    }
                }
            }
        }
    }

    /// Ends both legs: gently where a side left by itself, at once where the session was ended.
    async fn finish(
        &mut self,
        reason: &EndReason,
        rep: Rep,
        target: &mut Target,
        mut tasks: JoinSet<Result<()>>,
    ) {
        if reason.is_normal() {
            let drained = async { while tasks.join_next().await.is_some() {} };
            tokio::select! {
                _ = timeout(DRAIN, drained) => {}
                _ = self.context.stop.stopped() => {}
            }
        }
        // Before the target is cut: a channel that saw the cut would tell the rep that its program had ended.
        tasks.shutdown().await;
        if !reason.is_normal() {
            target.scissors.cut();
        }
        let Rep {
            mut running,
            scissors,
            ended,
        } = rep;
        if !ended {
            let goodbye = async {
                let text = face::goodbye(reason).into_owned();
                let _ = running
                    .handle()
                    .disconnect(Disconnect::ByApplication, text, String::new())
                    .await;
                // The rep's client closes when it has read it.
                let _ = (&mut running).await;
            };
            let _ = timeout(GOODBYE, goodbye).await;
        }
        scissors.cut();
        if target.ended {
            return;
        }
        let goodbye = async {
            let _ = self
                .shared
                .target
                .disconnect(Disconnect::ByApplication, "", "")
                .await;
            let _ = (&mut target.gone).await;
        };
        let _ = timeout(GOODBYE, goodbye).await;
        target.scissors.cut();
    }
}

fn end_of_rep(done: Result<(), russh::Error>) -> EndReason {
    match done {
        Ok(()) | Err(russh::Error::IO(_) | russh::Error::Disconnect | russh::Error::HUP) => {
            EndReason::RepClosed
        }
        Err(error) => {
            let error: Error = from_russh(ErrorKind::Closed, "talk to the rep's client", error);
            EndReason::from_error(&error)
        }
    }
}
