//! A running shell or command.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jump_core::protocol::{ExitStatus, ShellChannel, ShellEvent, ShellReader, ShellWriter};
use jump_core::{Error, Result};
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::sync::{mpsc, watch};

use super::notes::Notes;
use crate::signal;

/// Messages that wait for the reader, besides those that wait in russh.
const QUEUE: usize = 8;
/// The longest signal name that is shown.
const SIGNAL: usize = 64;

/// What both halves of a channel share; the channel is closed when both are gone.
#[derive(Debug)]
pub(super) struct Open {
    half: Option<ChannelWriteHalf<Msg>>,
    notes: Arc<Notes>,
}

impl Open {
    /// The two halves of a channel on which a program was started.
    pub(super) fn split(channel: Channel<Msg>, notes: &Arc<Notes>) -> ShellChannel {
        let closed = notes.watch(channel.id());
        let (reading, writing) = channel.split();
        let (sender, messages) = mpsc::channel(QUEUE);
        tokio::spawn(pump(reading, sender));
        let open = Arc::new(Self {
            half: Some(writing),
            notes: notes.clone(),
        });
        ShellChannel {
            reader: Box::new(Reader {
                messages,
                exit: None,
                done: false,
                open: open.clone(),
            }),
            writer: Box::new(Writer { open, closed }),
        }
    }

    fn half(&self) -> Result<&ChannelWriteHalf<Msg>> {
        self.half.as_ref().ok_or_else(|| self.notes.channel_closed())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(half) = self.half.take() else { return };
        self.notes.forget(half.id());
        // Outside a runtime the connection is gone as well.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = half.close().await;
            });
        }
    }
}

/// Takes what russh has for the reader. Word of each window adjustment is among it: unread, it would fill russh's queue
/// and stop the whole connection although the program has said nothing.
async fn pump(mut reading: ChannelReadHalf, sender: mpsc::Sender<ChannelMsg>) {
    while let Some(message) = reading.wait().await {
        if !matches!(message, ChannelMsg::WindowAdjusted { .. }) && sender.send(message).await.is_err() {
            break;
        }
    }
}

#[derive(Debug)]
struct Reader {
    messages: mpsc::Receiver<ChannelMsg>,
    /// Held back until the channel closes: output may still follow it.
    exit: Option<ExitStatus>,
    done: bool,
    open: Arc<Open>,
}

#[async_trait]
impl ShellReader for Reader {
    async fn next(&mut self) -> Result<Option<ShellEvent>> {
        while !self.done {
            match self.messages.recv().await {
                Some(ChannelMsg::Data { data }) => return Ok(Some(ShellEvent::Output(data))),
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    return Ok(Some(ShellEvent::ErrorOutput(data)));
                }
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    self.exit = Some(ExitStatus::Code(exit_status));
                }
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                    self.exit = Some(ExitStatus::Signal(name_of(&signal_name)));
                }
                Some(ChannelMsg::Close) => self.done = true,
                Some(_) => {}
                None => {
                    self.done = true;
                    if self.exit.is_none() {
                        return Err(self.open.notes.lost("read from the program"));
                    }
                }
            }
        }
        Ok(self.exit.take().map(ShellEvent::Exit))
    }
}

#[derive(Debug)]
struct Writer {
    open: Arc<Open>,
    closed: watch::Receiver<bool>,
}

impl Writer {
    fn failure(&self, error: russh::Error) -> Error {
        self.open.notes.failure("write to the program", error)
    }
}

#[async_trait]
impl ShellWriter for Writer {
    async fn write(&mut self, data: Bytes) -> Result<()> {
        // A program that ended without reading never takes the rest.
        tokio::select! {
            biased;
            _ = self.closed.wait_for(|closed| *closed) => Err(self.open.notes.channel_closed()),
            sent = self.open.half()?.data_bytes(data) => sent.map_err(|error| self.open.notes.failure("write to the program", error)),
        }
    }

    async fn finish(&mut self) -> Result<()> {
        let sent = self.open.half()?.eof().await;
        sent.map_err(|error| self.failure(error))
    }

    async fn resize(&mut self, columns: u32, rows: u32) -> Result<()> {
        let sent = self.open.half()?.window_change(columns, rows, 0, 0).await;
        sent.map_err(|error| self.failure(error))
    }

    async fn signal(&mut self, name: &str) -> Result<()> {
        let sent = self.open.half()?.signal(signal::from_name(name)).await;
        sent.map_err(|error| self.failure(error))
    }
}

fn name_of(sent: &Sig) -> String {
    crate::failure::cut(signal::name(sent), SIGNAL).to_owned()
}
