//! Does what it is told on a line of its input, through the Rust library, and says what it took.

use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use jump_core::access::{Action, Context, decide};
use jump_core::identity_file::LoginFile;
use jump_core::model::{Change, Hostname, TargetAddress, World};
use jump_core::protocol::{
    ExitStatus, Registry, ScreenSession, Session, ShellEvent, ShellSession, TunnelSession,
};
use jump_core::rep::Rep;
use jump_core::stream::BoxStream;
use jump_core::time::Timestamp;
use jump_core::{Error, ErrorKind, Result};
use jump_proto_ssh::SshBackend;
use jump_proto_tunnel::TunnelBackend;
use jump_proto_vnc::VncBackend;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

use super::{OPERATION, Starter, failed};
use crate::usage;

const PIECE: usize = 256 * 1024;

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, OPERATION, message)
}

/// What can be driven.
struct Driver {
    login: LoginFile,
    folder: std::path::PathBuf,
    port: u16,
    world: World,
    tunnel: Box<dyn TunnelSession>,
    screen: Box<dyn ScreenSession>,
    unrecorded: Box<dyn ShellSession>,
    recorded: Box<dyn ShellSession>,
}

async fn connect(login: &LoginFile) -> Result<Rep> {
    let backends = Registry::new()
        .with(Arc::new(SshBackend::new()))
        .with(Arc::new(TunnelBackend::new()))
        .with(Arc::new(VncBackend::new()));
    Rep::builder(login.identity.clone(), login.broker.clone())
        .backends(backends)
        .connect()
        .await
}

async fn shell(rep: &Rep, item: &str) -> Result<Box<dyn ShellSession>> {
    match Box::pin(rep.open(item)).await? {
        Session::Shell(shell) => Ok(shell),
        _ => Err(wrong("this item is no shell")),
    }
}

async fn run_true(shell: &dyn ShellSession) -> Result<()> {
    let mut channel = shell.exec(b"true", None).await?;
    channel.writer.finish().await?;
    let mut ended = None;
    while let Some(event) = channel.reader.next().await? {
        if let ShellEvent::Exit(status) = event {
            ended = Some(status);
        }
    }
    match ended {
        Some(ExitStatus::Code(0)) => Ok(()),
        _ => Err(wrong("the command failed")),
    }
}

async fn down(mut stream: BoxStream, mut amount: u64) -> Result<()> {
    let mut piece = vec![0; PIECE];
    while amount > 0 {
        let mut buffer = ReadBuf::new(&mut piece);
        poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buffer))
            .await
            .map_err(failed)?;
        let read = buffer.filled().len();
        if read == 0 {
            return Err(wrong("the target sent too little"));
        }
        amount = amount.saturating_sub(read as u64);
    }
    Ok(())
}

async fn up(mut stream: BoxStream, mut amount: u64) -> Result<()> {
    let piece = vec![0; PIECE];
    while amount > 0 {
        let now = usize::try_from(amount).unwrap_or(PIECE).min(PIECE);
        let data = piece.get(..now).unwrap_or_default();
        stream.write_all(data).await.map_err(failed)?;
        stream.flush().await.map_err(failed)?;
        amount -= now as u64;
    }
    stream.read_u8().await.map_err(failed)?;
    Ok(())
}

impl Driver {
    async fn open(login: &str, changes: &str, folder: &str, port: &str) -> Result<Self> {
        let changes: Vec<Change> = serde_json::from_slice(&std::fs::read(changes).map_err(failed)?)
            .map_err(|error| wrong("these are no changes").with_source(error))?;
        let login = LoginFile::read(Path::new(login))?;
        let rep = connect(&login).await?;
        let Session::Tunnel(tunnel) = Box::pin(rep.open("tunnel")).await? else {
            return Err(wrong("this item is no tunnel"));
        };
        let Session::Screen(screen) = Box::pin(rep.open("screen")).await? else {
            return Err(wrong("this item is no screen"));
        };
        screen.painted().await?;
        Ok(Self {
            folder: folder.into(),
            port: port.parse().map_err(|_| wrong("this is no port"))?,
            world: World::restore(changes, 0)?,
            tunnel,
            screen,
            unrecorded: shell(&rep, "unrecorded").await?,
            recorded: shell(&rep, "recorded").await?,
            login,
        })
    }

    /// A stream to the target that has said that it is there, with an order sent.
    async fn ordered(&self, kind: u8, amount: u64) -> Result<BoxStream> {
        let target = TargetAddress::new(Hostname::new("127.0.0.1")?, self.port)?;
        let mut stream = self.tunnel.open(&target).await?;
        stream.read_u8().await.map_err(failed)?;
        let mut order = vec![kind];
        order.extend(amount.to_be_bytes());
        stream.write_all(&order).await.map_err(failed)?;
        stream.flush().await.map_err(failed)?;
        Ok(stream)
    }

    async fn frames(&self, count: u64) -> Result<()> {
        for number in 0..count {
            let frame = self.screen.frame().await?;
            let (width, height) = (frame.width() as usize, frame.height() as usize);
            let place = 4 * (width * (height / 2) + number as usize % width);
            std::hint::black_box(frame.pixels().get(place));
        }
        Ok(())
    }

    fn decide(&self, count: u64) -> Result<()> {
        for _ in 0..count {
            let user = self.world.user_named("user7").ok_or_else(|| wrong("no user"))?;
            let item = self.world.items_named("item 7").next();
            let item = item.ok_or_else(|| wrong("no item"))?;
            let asked = Context::default();
            let now = Timestamp::now();
            std::hint::black_box(decide(&self.world, user.id, item.id, Action::Start, &asked, now));
        }
        Ok(())
    }

    async fn cold(&self) -> Result<()> {
        let rep = connect(&self.login).await?;
        let shell = shell(&rep, "recorded").await?;
        run_true(&*shell).await?;
        shell.close().await
    }

    /// Carries one order out.
    async fn carry_out(&self, word: &str, place: &str, stream: Option<BoxStream>) -> Result<()> {
        let amount = place.parse().unwrap_or_default();
        match (word, stream) {
            ("down", Some(stream)) => down(stream, amount).await,
            ("up", Some(stream)) => up(stream, amount).await,
            ("frames", _) => self.frames(amount).await,
            ("decide", _) => self.decide(amount),
            ("commands" | "recorded", _) => {
                let shell = if word == "recorded" {
                    &self.recorded
                } else {
                    &self.unrecorded
                };
                for _ in 0..amount {
                    run_true(&**shell).await?;
                }
                Ok(())
            }
            ("cold", _) => {
                for _ in 0..amount {
                    Box::pin(self.cold()).await?;
                }
                Ok(())
            }
            ("file" | "filmed", _) => {
                let shell = if word == "filmed" {
                    &self.recorded
                } else {
                    &self.unrecorded
                };
                let local = self.folder.join("rust");
                shell.download(place, &local, &|_| ()).await.map(drop)
            }
            _ => Err(wrong("this is no order")),
        }
    }
}

pub(super) fn run(login: &str, changes: &str, folder: &str, port: &str) -> Result<()> {
    // As many threads as a context of libjump has.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(Box::pin(async {
        let mut starter = Starter::listen();
        let driver = Driver::open(login, changes, folder, port).await?;
        starter.tell("ready")?;
        loop {
            let line = starter.hear().await?;
            let (word, place) = line.split_once(' ').ok_or_else(|| wrong("this is no order"))?;
            let amount = place.parse().unwrap_or_default();
            let stream = match word {
                "down" => Some(driver.ordered(b'g', amount).await?),
                "up" => Some(driver.ordered(b't', amount).await?),
                _ => None,
            };
            let (began, used) = (Instant::now(), usage::own_cpu());
            driver.carry_out(word, place, stream).await?;
            let (wall, cpu) = (began.elapsed(), usage::own_cpu().saturating_sub(used));
            starter.tell(json!({ "wall": wall.as_secs_f64(), "cpu": cpu.as_secs_f64() }))?;
        }
    }))
}
