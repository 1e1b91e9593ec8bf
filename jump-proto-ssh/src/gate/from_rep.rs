//! What the rep's client sends on a channel: recorded, asked about, and queued for the target.

use std::sync::atomic::Ordering;

use jump_core::Result;
use jump_core::protocol::SessionEvent;
use jump_core::recording::RecordKind;
use russh::{ChannelMsg, ChannelReadHalf};

use super::bridge::{Bridge, NAME, STDERR};
use super::policy;
use super::up_queue::Upward;
use crate::failure::cut;
use crate::recording::ShellRecord;
use crate::signal;

/// The longest command that goes into an event.
const COMMAND_IN_EVENT: usize = 4096;
/// Requests of one channel that the target has not answered; no client has more than a few.
const UNANSWERED: usize = 64;

impl Bridge<'_> {
    /// Takes everything the rep sends, records it and queues what the target is to get.
    pub(super) async fn take_from_rep(&self, mut rep: ChannelReadHalf) -> Result<()> {
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
