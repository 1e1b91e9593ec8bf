//! One channel: from the rep to the target and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jump_core::Result;
use jump_core::model::CommandFilter;
use jump_core::protocol::SessionEvent;
use jump_core::recording::{RecordKind, Recorder};
use jump_core::session::SessionPermissions;
use russh::{Channel, ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf, client, server};
use tokio::sync::{Mutex, watch};

use super::face::{Destination, Open};
use super::hold::Hold;
use super::policy;
use super::reply_queue::ReplyQueue;
use super::reporter::Reporter;
use super::target::TargetHandler;
use super::up_queue::{Backlog, UpQueue, Upward};
use crate::failure::cut;
use crate::recording::ShellRecord;
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
    pub(super) recorder: Recorder,
    pub(super) reporter: Reporter,
    pub(super) hold: Arc<Hold>,
    pub(super) backlog: Arc<Backlog>,
    pub(super) from_rep: AtomicU64,
    pub(super) from_target: AtomicU64,
}

/// Opens the channel's other half and carries messages until one side closes it. `number` is the channel's number in
/// the recording.
///
/// # Errors
/// The recording failed and the session must end.
pub(super) async fn run(shared: Arc<Shared>, open: Open, number: u32) -> Result<()> {
    let Open {
        channel,
        reply,
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
            reply.reject(why).await;
            return Ok(());
        }
        Err(_) => {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        }
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
        shared: &shared,
    };
    reply.accept().await;
    let done = bridge.carry(channel, target, record).await;
    shared.hold.forget(id);
    done
}

struct Bridge<'a> {
    shared: &'a Shared,
    number: u32,
    channel: russh::ChannelId,
    rep: server::Handle,
    queue: UpQueue,
    /// Held while answers are sent, so that they leave in the queue's order.
    replies: Mutex<ReplyQueue>,
    rep_closed: watch::Sender<bool>,
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

    async fn record(&self, kind: RecordKind, payload: Bytes) -> Result<()> {
        self.shared.recorder.record(self.number, kind, payload).await
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
                policy::exec(permissions, self.shared.commands.as_ref(), &command),
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
        while let Some(upward) = self.queue.pop().await {
            // If the target is gone, its own direction says so; what is queued is let go.
            let _ = match upward {
                Upward::Data(data) => target.data_bytes(data).await,
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
        while let Some(message) = target.wait().await {
            match message {
                ChannelMsg::Data { data } => {
                    self.count_down(&data);
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
    async fn pass_down(
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
        Upward::Subsystem(name) if name == "sftp" => Some(SessionEvent::FileTransferStarted),
        Upward::Subsystem(name) => Some(SessionEvent::CommandStarted {
            command: format!("subsystem {}", cut(name, NAME)),
        }),
        _ => None,
    }
}
