//! Sessions whose failures say why the session ended, whatever the protocol made of the cut.
//!
//! A backend's client half sees a stream that ends. The broker knows the reason and says it on the control connection;
//! these wrappers bring the two together, so that no backend has to.

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use super::Rep;
use super::ends::EndWatch;
use crate::error::Result;
use crate::model::TargetAddress;
use crate::protocol::{
    Frame, Keysym, Picture, PointerButtons, Progress, ScreenEvent, ScreenSession, Session, ShellChannel,
    ShellEvent, ShellReader, ShellSession, ShellWriter, Terminal, TunnelSession,
};
use crate::stream::BoxStream;

/// Wraps a session. The rep's connection to the broker is kept up as long as the session is used.
pub(super) fn explained(session: Session, end: EndWatch, rep: Rep) -> Session {
    let why = Why { end, _rep: rep };
    match session {
        Session::Shell(shell) => Session::Shell(Box::new(Explained(shell, why))),
        Session::Tunnel(tunnel) => Session::Tunnel(Box::new(Explained(tunnel, why))),
        Session::Screen(screen) => Session::Screen(Box::new(Explained(screen, why))),
    }
}

#[derive(Clone, Debug)]
struct Why {
    end: EndWatch,
    _rep: Rep,
}

impl Why {
    async fn of<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(self.end.clone().explain(error).await),
        }
    }
}

#[derive(Debug)]
struct Explained<T: ?Sized>(Box<T>, Why);

impl Explained<dyn ShellSession> {
    async fn channel(&self, opened: Result<ShellChannel>) -> Result<ShellChannel> {
        let ShellChannel { reader, writer } = self.1.of(opened).await?;
        let (reader, writer) = (
            Explained(reader, self.1.clone()),
            Explained(writer, self.1.clone()),
        );
        Ok(ShellChannel {
            reader: Box::new(reader),
            writer: Box::new(writer),
        })
    }
}

#[async_trait]
impl ShellSession for Explained<dyn ShellSession> {
    async fn shell(&self, terminal: &Terminal) -> Result<ShellChannel> {
        self.channel(self.0.shell(terminal).await).await
    }

    async fn exec(&self, command: &[u8], terminal: Option<&Terminal>) -> Result<ShellChannel> {
        self.channel(self.0.exec(command, terminal).await).await
    }

    async fn upload(
        &self,
        local: &Path,
        remote: &str,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<u64> {
        self.1.of(self.0.upload(local, remote, progress).await).await
    }

    async fn download(
        &self,
        remote: &str,
        local: &Path,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<u64> {
        self.1.of(self.0.download(remote, local, progress).await).await
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

#[async_trait]
impl ShellReader for Explained<dyn ShellReader> {
    async fn next(&mut self) -> Result<Option<ShellEvent>> {
        self.1.of(self.0.next().await).await
    }
}

#[async_trait]
impl ShellWriter for Explained<dyn ShellWriter> {
    async fn write(&mut self, data: Bytes) -> Result<()> {
        self.1.of(self.0.write(data).await).await
    }

    async fn finish(&mut self) -> Result<()> {
        self.1.of(self.0.finish().await).await
    }

    async fn resize(&mut self, columns: u32, rows: u32) -> Result<()> {
        self.1.of(self.0.resize(columns, rows).await).await
    }

    async fn signal(&mut self, name: &str) -> Result<()> {
        self.1.of(self.0.signal(name).await).await
    }
}

#[async_trait]
impl TunnelSession for Explained<dyn TunnelSession> {
    async fn open(&self, target: &TargetAddress) -> Result<BoxStream> {
        self.1.of(self.0.open(target).await).await
    }

    async fn closed(&self) -> Result<()> {
        self.1.of(self.0.closed().await).await
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

#[async_trait]
impl ScreenSession for Explained<dyn ScreenSession> {
    async fn painted(&self) -> Result<()> {
        self.1.of(self.0.painted().await).await
    }

    async fn frame(&self) -> Result<Frame> {
        self.1.of(self.0.frame().await).await
    }

    async fn screenshot(&self) -> Result<Picture> {
        self.1.of(self.0.screenshot().await).await
    }

    async fn next_event(&self) -> Result<Option<ScreenEvent>> {
        self.1.of(self.0.next_event().await).await
    }

    async fn key(&self, key: Keysym, pressed: bool) -> Result<()> {
        self.1.of(self.0.key(key, pressed).await).await
    }

    async fn pointer(&self, x: u32, y: u32, buttons: PointerButtons) -> Result<()> {
        self.1.of(self.0.pointer(x, y, buttons).await).await
    }

    async fn scroll(&self, right: i32, down: i32) -> Result<()> {
        self.1.of(self.0.scroll(right, down).await).await
    }

    async fn set_clipboard(&self, text: &str) -> Result<()> {
        self.1.of(self.0.set_clipboard(text).await).await
    }

    async fn resize(&self, width: u32, height: u32) -> Result<()> {
        self.1.of(self.0.resize(width, height).await).await
    }

    fn name(&self) -> String {
        self.0.name()
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}
