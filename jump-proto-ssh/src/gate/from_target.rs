//! What the target sends on a channel: recorded, and passed to the rep's client as far as that takes it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use jump_core::Result;
use jump_core::recording::RecordKind;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, server};
use tokio::sync::watch;

use super::bridge::{Bridge, NAME, STDERR};
use crate::failure::cut;
use crate::recording::ShellRecord;
use crate::signal;

/// Output that waits for this long may be waiting for window.
const STALL: Duration = Duration::from_millis(20);

impl Bridge<'_> {
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

    /// Records and passes on everything the target sends, until it closes the channel.
    pub(super) async fn carry_down(
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

    pub(super) async fn send_refusals(&self, count: usize) {
        for _ in 0..count {
            let _ = self.rep.channel_failure(self.channel).await;
            self.shared.hold.answered(self.channel.number());
        }
    }
}

async fn closed(watched: &mut watch::Receiver<bool>) {
    // The sender lives as long as the bridge.
    let _ = watched.wait_for(|closed| *closed).await;
}
