//! One channel: from the rep to the target and back.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock, PoisonError};

use bytes::Bytes;
use jump_core::model::{CommandFilter, PathLimits};
use jump_core::protocol::SessionEvent;
use jump_core::recording::{RecordKind, Recorder};
use jump_core::session::SessionPermissions;
use jump_core::{Error, Result};
use russh::{Channel, client, server};
use tokio::sync::{Mutex, Notify, watch};

use super::asked::Unanswered;
use super::face::{Destination, Open};
use super::files::Files;
use super::hold::Hold;
use super::reply_queue::ReplyQueue;
use super::reporter::Reporter;
use super::target::TargetHandler;
use super::up_queue::{Backlog, UpQueue};
use crate::recording::ShellRecord;

/// The longest terminal kind, subsystem name and signal name.
pub(super) const NAME: usize = 256;
/// `SSH_EXTENDED_DATA_STDERR` (RFC 4254 §5.2).
pub(super) const STDERR: u32 = 1;

/// What all channels of a session share.
pub(super) struct Shared {
    pub(super) target: Arc<client::Handle<TargetHandler>>,
    pub(super) permissions: SessionPermissions,
    pub(super) commands: Option<CommandFilter>,
    pub(super) paths: PathLimits,
    pub(super) recorder: Recorder,
    pub(super) reporter: Reporter,
    pub(super) hold: Arc<Hold>,
    pub(super) backlog: Arc<Backlog>,
    pub(super) unanswered: Arc<Unanswered>,
    /// What is still to be said of files whose channels are gone.
    pub(super) unfinished: std::sync::Mutex<Vec<SessionEvent>>,
    pub(super) from_rep: AtomicU64,
    pub(super) from_target: AtomicU64,
}

impl Shared {
    /// Says what there is to say of files that were never closed.
    pub(super) async fn report_unfinished(&self) {
        let events = std::mem::take(&mut *self.unfinished.lock().unwrap_or_else(PoisonError::into_inner));
        for event in events {
            self.reporter.file(event).await;
        }
    }
}

/// Opens the channel's other half and carries messages until one side closes it. `number` is the channel's number in
/// the recording.
///
/// # Errors
/// The recording failed and the session must end.
pub(super) async fn run(shared: Arc<Shared>, open: Open, number: u32) -> Result<()> {
    let Open {
        channel,
        asked,
        destination,
        rep,
    } = open;
    let (opened, record) = match &destination {
        Destination::Session => (shared.target.channel_open_session().await, ShellRecord::Opened),
        Destination::Host {
            host,
            port,
            from_host,
            from_port,
        } => {
            let to = format!("{host}:{port}");
            let event = SessionEvent::ConnectionOpened { to: to.clone() };
            shared.reporter.report(event).await;
            let opened = shared
                .target
                .channel_open_direct_tcpip(host.as_str(), *port, from_host.as_str(), *from_port)
                .await;
            (opened, ShellRecord::Connected { to })
        }
    };
    let target = match opened {
        Ok(target) => target,
        Err(russh::Error::ChannelOpenFailure(why)) => {
            asked.reject(why).await;
            return Ok(());
        }
        // The target is gone: the session ends, and says why.
        Err(_) => return Ok(()),
    };
    let id = channel.id().number();
    shared.hold.register(id);
    let bridge = Bridge {
        queue: UpQueue::new(shared.backlog.clone()),
        replies: Mutex::default(),
        rep_closed: watch::Sender::new(false),
        channel: channel.id(),
        rep,
        number,
        program: match destination {
            Destination::Session => Program::None,
            Destination::Host { .. } => Program::Any,
        },
        files: OnceLock::new(),
        answers: Notify::new(),
        broken: Notify::new(),
        explained: AtomicBool::new(false),
        shared: &shared,
    };
    asked.accept().await;
    let done = bridge.carry(channel, target, record).await;
    drop(bridge);
    shared.hold.forget(id);
    shared.report_unfinished().await;
    done
}

/// What a channel's data is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// Nothing was asked for yet: a target could keep data for whatever is asked for later, past the filter.
    None,
    /// A shell, a command, a connection.
    Any,
    /// File transfer.
    Files,
}

pub(super) struct Bridge<'a> {
    pub(super) shared: &'a Shared,
    number: u32,
    pub(super) channel: russh::ChannelId,
    pub(super) rep: server::Handle,
    pub(super) queue: UpQueue,
    /// Held while answers are sent, so that they leave in the queue's order.
    pub(super) replies: Mutex<ReplyQueue>,
    pub(super) rep_closed: watch::Sender<bool>,
    /// At the beginning.
    pub(super) program: Program,
    /// Once file transfer was asked for.
    pub(super) files: OnceLock<Files>,
    /// The filter has answers for the rep.
    pub(super) answers: Notify,
    /// The channel cannot go on.
    broken: Notify,
    /// The rep was told why a command was refused.
    pub(super) explained: AtomicBool,
}

impl Drop for Bridge<'_> {
    fn drop(&mut self) {
        if let Some(files) = self.files.get() {
            let mut unfinished = self
                .shared
                .unfinished
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            unfinished.extend(files.unfinished());
        }
    }
}

impl Bridge<'_> {
    async fn carry(
        &self,
        rep: Channel<server::Msg>,
        target: Channel<client::Msg>,
        record: ShellRecord,
    ) -> Result<()> {
        self.note(&record).await?;
        let (from_rep, to_rep) = rep.split();
        let (from_target, to_target) = target.split();
        let up = async { tokio::try_join!(self.take_from_rep(from_rep), self.give_to_target(&to_target)) };
        tokio::select! {
            done = self.carry_down(from_target, &to_rep) => done?,
            done = up => done.map(|((), ())| ())?,
            () = self.broken.notified() => {}
        }
        // russh tells nothing more of a channel once our own close is sent: both directions are done here. A close for
        // a channel that its other side closed is not sent again.
        let _ = to_target.close().await;
        let _ = to_rep.close().await;
        self.note(&ShellRecord::Closed).await
    }

    pub(super) async fn note(&self, record: &ShellRecord) -> Result<()> {
        self.record(RecordKind::Event, record.encode()).await
    }

    pub(super) async fn record(&self, kind: RecordKind, payload: Bytes) -> Result<()> {
        self.shared.recorder.record(self.number, kind, payload).await
    }

    /// Ends the channel, and only it.
    pub(super) async fn break_off(&self, error: Error) {
        let event = SessionEvent::Problem {
            kind: error.kind(),
            message: error.to_string(),
        };
        self.shared.reporter.file(event).await;
        self.broken.notify_one();
    }
}
