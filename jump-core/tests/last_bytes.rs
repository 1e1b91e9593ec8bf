//! What a target said last reaches a rep that reads late.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a step that fails is a test that fails"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jump_core::protocol::{Backend, Capabilities, ConnectOptions, GateContext, Outcome, Registry, Session};
use jump_core::session::{EndReason, RecordingMode};
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// More than the pipe between relay and rep holds, and less than all pipes on the way: a part is still on the Jumpoint's
/// side of the relay when the session has ended.
const SAID: usize = 100 * 1024;

/// A target that says something and goes away.
#[derive(Debug)]
struct Farewell;

#[async_trait]
impl Backend for Farewell {
    fn protocol(&self) -> &'static str {
        "ssh"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::none()
    }

    async fn gate(&self, mut rep: BoxStream, _: GateContext) -> Outcome {
        rep.write_all(&vec![7; SAID]).await.unwrap();
        rep.shutdown().await.unwrap();
        Outcome {
            reason: EndReason::TargetClosed,
            bytes_from_rep: 0,
            bytes_from_target: SAID as u64,
        }
    }

    async fn connect(&self, _: BoxStream, _: ConnectOptions) -> Result<Session> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "connect",
            "there is no client",
        ))
    }
}

async fn all_of_it_arrives(change: impl FnOnce(SiteOptions) -> SiteOptions) {
    let options = SiteOptions::new(Registry::new().with(Arc::new(Farewell)));
    let site = RunningSite::start(change(options)).await.unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    site.add_shell("web-1", "127.0.0.1:9".parse().unwrap(), RecordingMode::Off)
        .await
        .unwrap();
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    let id = session.grant.session();
    let ended = async {
        while site.store.session(id).await.unwrap().unwrap().state.is_active() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .unwrap();
    let mut read = Vec::new();
    session.stream.read_to_end(&mut read).await.unwrap();
    assert_eq!(read.len(), SAID);
}

#[tokio::test]
async fn what_a_target_said_last_reaches_a_rep_that_reads_after_the_end() {
    all_of_it_arrives(|options| options).await;
}

#[tokio::test]
async fn it_does_over_tcp() {
    all_of_it_arrives(SiteOptions::over_tcp).await;
}

#[tokio::test]
async fn it_does_through_a_relay_that_runs_apart() {
    all_of_it_arrives(SiteOptions::with_relay_apart).await;
}
