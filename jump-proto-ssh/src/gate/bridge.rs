//! One channel: from the rep to the target and back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jump_core::model::{CommandFilter, PathLimits};
use jump_core::protocol::SessionEvent;
use jump_core::recording::{RecordKind, Recorder};
use jump_core::session::SessionPermissions;
use jump_core::{Error, ErrorKind, Result};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, client, server};
use tokio::sync::{Mutex, Notify, watch};

use super::asked::Unanswered;
use super::face::{Destination, Open};
use super::files::Files;
use super::hold::Hold;
use super::policy;
use super::reply_queue::ReplyQueue;
use super::reporter::Reporter;
use super::target::TargetHandler;
use super::up_queue::{Backlog, UpQueue, Upward};
use crate::failure::cut;
use crate::recording::ShellRecord;
use crate::sftp::Rules;
use crate::signal;

/// The longest command that goes into an event.
const COMMAND_IN_EVENT: usize = 4096;
/// The longest terminal kind, subsystem name and signal name.
const NAME: usize = 256;
/// Output that waits for this long may be waiting for window.
const STALL: Duration = Duration::from_millis(20);
/// Requests of one channel that the target has not answered; no client has more than a few.
const UNANSWERED: usize = 64;
/// `SSH_EXTENDED_DATA_STDERR` (RFC 4254 §5.2).
const STDERR: u32 = 1;

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
enum Program {
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
    channel: russh::ChannelId,
    rep: server::Handle,
    queue: UpQueue,
    /// Held while answers are sent, so that they leave in the queue's order.
    replies: Mutex<ReplyQueue>,
    rep_closed: watch::Sender<bool>,
    /// At the beginning.
    program: Program,
    /// Once file transfer was asked for.
    files: OnceLock<Files>,
    /// The filter has answers for the rep.
    pub(super) answers: Notify,
    /// The channel cannot go on.
    broken: Notify,
    /// The rep was told why a command was refused.
    explained: AtomicBool,
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

    async fn note(&self, record: &ShellRecord) -> Result<()> {
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

    /// Takes everything the rep sends, records it and queues what the target is to get.
    async fn take_from_rep(&self, mut rep: ChannelReadHalf) -> Result<()> {
        while let Some(message) = rep.wait().await {
            match message {
                ChannelMsg::Data { data } => {
                    self.shared
                        .from_rep
                        .fetch_add(data.len() as u64, Ordering::Relaxed);
                    self.record(RecordKind::FromRep, data.clone()).await?;
                    self.queue.push(Upward::Data(data)).await;
                }
                ChannelMsg::Eof => {
                    self.note(&ShellRecord::InputEnded).await?;
                    self.queue.push(Upward::Eof).await;
                }
                ChannelMsg::Close => break,
                ChannelMsg::WindowChange {
                    col_width,
                    row_height,
                    pix_width,
                    pix_height,
                } => {
                    self.note(&ShellRecord::Resized {
                        columns: col_width,
                        rows: row_height,
                    })
                    .await?;
                    self.queue
                        .push(Upward::WindowChange {
                            columns: col_width,
                            rows: row_height,
                            width: pix_width,
                            height: pix_height,
                        })
                        .await;
                }
                ChannelMsg::Signal { signal: sent } => {
                    let name = signal::name(&sent);
                    if name.len() <= NAME {
                        self.note(&ShellRecord::Signal {
                            name: name.to_owned(),
                        })
                        .await?;
                        self.queue.push(Upward::Signal(sent)).await;
                    }
                }
                other => self.ask(other).await?,
            }
        }
        self.rep_closed.send_replace(true);
        self.queue.finish();
        Ok(())
    }

    /// Passes on or refuses a request that wants an answer. Messages that are not requests of a rep, and requests that
    /// the face has answered already (agent and X11 forwarding), end here.
    async fn ask(&self, message: ChannelMsg) -> Result<()> {
        let permissions = self.shared.permissions;
        let (allowed, record, upward) = match message {
            ChannelMsg::RequestPty {
                term,
                col_width,
                row_height,
                pix_width,
                pix_height,
                terminal_modes,
                ..
            } => {
                let allowed = (term.len() <= NAME)
                    .then_some(())
                    .ok_or_else(|| "a terminal".to_owned());
                let record = ShellRecord::Terminal {
                    kind: cut(&term, NAME).to_owned(),
                    columns: col_width,
                    rows: row_height,
                };
                let upward = Upward::Pty {
                    term,
                    columns: col_width,
                    rows: row_height,
                    width: pix_width,
                    height: pix_height,
                    modes: terminal_modes,
                };
                (allowed, Some(record), upward)
            }
            ChannelMsg::SetEnv {
                variable_name: name,
                variable_value: value,
                ..
            } => {
                if !policy::env_allowed(&name, &value) {
                    // Clients send whatever their configuration says; it is refused without a word in the log.
                    return self.refuse().await;
                }
                (Ok(()), None, Upward::Env { name, value })
            }
            ChannelMsg::RequestShell { .. } => (
                policy::shell(permissions),
                Some(ShellRecord::Shell),
                Upward::Shell,
            ),
            ChannelMsg::Exec { command, .. } => (
                policy::exec(
                    permissions,
                    self.shared.commands.as_ref(),
                    &self.shared.paths,
                    &command,
                ),
                Some(ShellRecord::exec(&command)),
                Upward::Exec(command),
            ),
            ChannelMsg::RequestSubsystem { name, .. } => {
                let record = ShellRecord::Subsystem {
                    name: cut(&name, NAME).to_owned(),
                };
                (
                    policy::subsystem(permissions, &name),
                    Some(record),
                    Upward::Subsystem(name),
                )
            }
            _ => return Ok(()),
        };
        if let Err(what) = allowed {
            if what == policy::BY_PATHS {
                self.explain(&what).await;
            }
            self.shared.reporter.refused(what).await;
            return self.refuse().await;
        }
        if self.replies.lock().await.awaited() >= UNANSWERED {
            return self.refuse().await;
        }
        if let Some(record) = record {
            self.note(&record).await?;
        }
        if let Some(event) = event_of(&upward) {
            self.shared.reporter.report(event).await;
        }
        self.replies.lock().await.forwarded();
        self.queue.push(upward).await;
        Ok(())
    }

    /// Tells the rep's user why a program was refused, once in a channel: the answer itself has no room for a reason.
    /// Clients that leave at once on a refusal may not show it; the log has it.
    async fn explain(&self, what: &str) {
        if !self.explained.swap(true, Ordering::Relaxed) {
            let text = format!("jump: {what} is not permitted in this session\r\n");
            let _ = self
                .rep
                .extended_data(self.channel, STDERR, text.into_bytes())
                .await;
        }
    }

    async fn refuse(&self) -> Result<()> {
        let mut replies = self.replies.lock().await;
        let now = replies.refused();
        self.send_refusals(now).await;
        Ok(())
    }

    async fn send_refusals(&self, count: usize) {
        for _ in 0..count {
            let _ = self.rep.channel_failure(self.channel).await;
            self.shared.hold.answered(self.channel.number());
        }
    }

    /// Passes an answer of the target on, with the refusals that waited behind it.
    async fn answer(&self, success: bool) -> Result<()> {
        let mut replies = self.replies.lock().await;
        let Some(refusals) = replies.answered() else {
            return Ok(());
        };
        self.note(&ShellRecord::Answered { success }).await?;
        let _ = if success {
            self.rep.channel_success(self.channel).await
        } else {
            self.rep.channel_failure(self.channel).await
        };
        self.shared.hold.answered(self.channel.number());
        self.send_refusals(refusals).await;
        Ok(())
    }

    /// Gives the target what is queued, at its own pace.
    async fn give_to_target(&self, target: &ChannelWriteHalf<client::Msg>) -> Result<()> {
        let mut program = self.program;
        while let Some(upward) = self.queue.pop().await {
            match &upward {
                Upward::Subsystem(name) if name == policy::SFTP => {
                    let rules = Rules::new(self.shared.permissions, &self.shared.paths);
                    self.files.get_or_init(|| Files::new(rules));
                    program = Program::Files;
                }
                Upward::Shell | Upward::Exec(_) | Upward::Subsystem(_) if program == Program::None => {
                    program = Program::Any;
                }
                Upward::Data(_) if program == Program::None => {
                    let what = "data came before a shell, a command or file transfer was asked for";
                    let error = Error::new(ErrorKind::Protocol, "talk to the rep's client", what);
                    self.break_off(error).await;
                    return std::future::pending().await;
                }
                Upward::Eof => {
                    if let Some(Err(violation)) = self.files.get().map(Files::client_ended) {
                        self.break_off(violation.into()).await;
                        return std::future::pending().await;
                    }
                }
                _ => {}
            }
            let files = self.files.get().filter(|_| program == Program::Files);
            // If the target is gone, its own direction says so; what is queued is let go.
            let _ = match upward {
                Upward::Data(data) => match files {
                    Some(files) => {
                        if !self.filter_up(files, data, target).await {
                            // The channel is about to be closed, and this with it.
                            return std::future::pending().await;
                        }
                        Ok(())
                    }
                    None => target.data_bytes(data).await,
                },
                Upward::Eof => target.eof().await,
                Upward::Pty {
                    term,
                    columns,
                    rows,
                    width,
                    height,
                    modes,
                } => {
                    target
                        .request_pty(true, &term, columns, rows, width, height, &modes)
                        .await
                }
                Upward::Env { name, value } => target.set_env(true, name, value).await,
                Upward::Shell => target.request_shell(true).await,
                Upward::Exec(command) => target.exec(true, command).await,
                Upward::Subsystem(name) => target.request_subsystem(true, name).await,
                Upward::WindowChange {
                    columns,
                    rows,
                    width,
                    height,
                } => target.window_change(columns, rows, width, height).await,
                Upward::Signal(sent) => target.signal(sent).await,
            };
        }
        Ok(())
    }

    /// Records and passes on everything the target sends, until it closes the channel.
    async fn carry_down(
        &self,
        mut target: ChannelReadHalf,
        rep: &ChannelWriteHalf<server::Msg>,
    ) -> Result<()> {
        let mut rep_closed = self.rep_closed.subscribe();
        loop {
            let message = tokio::select! {
                biased;
                () = self.answers.notified() => {
                    if let Some(files) = self.files.get()
                        && !self.filter_down(files, None, rep, &mut rep_closed).await?
                    {
                        break;
                    }
                    continue;
                }
                message = target.wait() => message,
            };
            let Some(message) = message else { break };
            match message {
                ChannelMsg::Data { data } => {
                    self.count_down(&data);
                    if let Some(files) = self.files.get() {
                        if self.filter_down(files, Some(data), rep, &mut rep_closed).await? {
                            continue;
                        }
                        break;
                    }
                    self.record(RecordKind::FromTarget, data.clone()).await?;
                    if self
                        .pass_down(rep.data_bytes(data), rep, &mut rep_closed)
                        .await
                        .is_err()
                    {
                        break;
                    }
                }
                ChannelMsg::ExtendedData { data, ext } => {
                    self.count_down(&data);
                    let kind = if ext == STDERR {
                        RecordKind::FromTargetError
                    } else {
                        RecordKind::FromTarget
                    };
                    self.record(kind, data.clone()).await?;
                    let sending = rep.extended_data_bytes(ext, data);
                    if self.pass_down(sending, rep, &mut rep_closed).await.is_err() {
                        break;
                    }
                }
                ChannelMsg::Success => self.answer(true).await?,
                ChannelMsg::Failure => self.answer(false).await?,
                ChannelMsg::Eof => {
                    let _ = rep.eof().await;
                }
                ChannelMsg::ExitStatus { exit_status } => {
                    self.note(&ShellRecord::Exited { status: exit_status }).await?;
                    let _ = rep.exit_status(exit_status).await;
                }
                ChannelMsg::ExitSignal {
                    signal_name,
                    core_dumped,
                    error_message,
                    lang_tag,
                } => {
                    let name = cut(signal::name(&signal_name), NAME).to_owned();
                    self.note(&ShellRecord::Killed { signal: name }).await?;
                    let (message, language) = (cut(&error_message, 1024), cut(&lang_tag, NAME));
                    let _ = self
                        .rep
                        .exit_signal_request(
                            self.channel,
                            signal_name,
                            core_dumped,
                            message.to_owned(),
                            language.to_owned(),
                        )
                        .await;
                }
                ChannelMsg::XonXoff { client_can_do } => {
                    let _ = self.rep.xon_xoff_request(self.channel, client_can_do).await;
                }
                ChannelMsg::Close => break,
                // Window sizes are russh's business; nothing else comes from a target.
                _ => {}
            }
        }
        Ok(())
    }

    /// Waits until the rep's window and russh have taken some output.
    pub(super) async fn pass_down(
        &self,
        sending: impl Future<Output = Result<(), russh::Error>>,
        rep: &ChannelWriteHalf<server::Msg>,
        rep_closed: &mut watch::Receiver<bool>,
    ) -> Result<(), russh::Error> {
        tokio::pin!(sending);
        let mut stalled = None;
        loop {
            // Polled side by side with the sending: both take turns at the same lock.
            let room = async {
                tokio::time::sleep(STALL).await;
                rep.writable_packet_size().await
            };
            tokio::select! {
                biased;
                sent = &mut sending => return sent,
                // A rep that closed the channel gives no more window: waiting for it would hold up the others.
                () = closed(rep_closed) => return Ok(()),
                room = room, if stalled.is_none() => {
                    if room == 0 {
                        stalled = Some(self.shared.hold.stalled());
                    }
                }
            }
        }
    }

    fn count_down(&self, data: &Bytes) {
        self.shared
            .from_target
            .fetch_add(data.len() as u64, Ordering::Relaxed);
    }
}

async fn closed(watched: &mut watch::Receiver<bool>) {
    // The sender lives as long as the bridge.
    let _ = watched.wait_for(|closed| *closed).await;
}

/// What the audit log is told of a request that is passed on.
fn event_of(upward: &Upward) -> Option<SessionEvent> {
    match upward {
        Upward::Shell => Some(SessionEvent::ShellStarted),
        Upward::Exec(command) => Some(SessionEvent::CommandStarted {
            command: cut(&String::from_utf8_lossy(command), COMMAND_IN_EVENT).to_owned(),
        }),
        Upward::Subsystem(name) if name == policy::SFTP => Some(SessionEvent::FileTransferStarted),
        Upward::Subsystem(name) => Some(SessionEvent::CommandStarted {
            command: format!("subsystem {}", cut(name, NAME)),
        }),
        _ => None,
    }
}
