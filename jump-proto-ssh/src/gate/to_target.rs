//! What the target is given of a channel, at its own pace.

use jump_core::{Error, ErrorKind, Result};
use russh::{ChannelWriteHalf, client};

use super::bridge::{Bridge, Program};
use super::files::Files;
use super::policy;
use super::up_queue::Upward;
use crate::sftp::Rules;

impl Bridge<'_> {
    /// Gives the target what is queued, at its own pace.
    pub(super) async fn give_to_target(&self, target: &ChannelWriteHalf<client::Msg>) -> Result<()> {
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
}
