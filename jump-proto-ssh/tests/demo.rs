//! The demo target behind the gate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use common::{LONG, Setup, exec, leave, read_all};
use jump_core::ErrorKind;
use jump_core::model::HostKey;
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, EndReason};
use jump_proto_ssh::demo::DemoTarget;
use jump_testkit::ports;
use russh::ChannelMsg;

const USER: &str = "operator";
const PASSWORD: &str = "demo-password-7310";

async fn demo() -> (SocketAddr, HostKey) {
    let (listener, address) = ports::listener().await.unwrap();
    let seed = Secret::new([9; 32]);
    let demo = DemoTarget::new("pump-house", USER, Secret::new(PASSWORD.to_owned()), &seed).unwrap();
    let key = demo.host_key().clone();
    tokio::spawn(Arc::new(demo).serve(listener));
    (address, key)
}

fn credential(password: &str) -> Option<Credential> {
    Some(Credential {
        username: USER.to_owned(),
        secret: CredentialSecret::Password(Secret::new(password.to_owned())),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_run_and_are_recorded() {
    let (address, key) = demo().await;
    let (rep, running) = Setup::new(address, vec![key]).rep(credential(PASSWORD)).await;
    let said = exec(&rep, "hostname; cat README nothing").await;
    assert!(said.out().starts_with("pump-house\nWelcome"));
    assert_eq!(
        (said.err.as_slice(), said.status),
        (&b"cat: nothing: no such file\n"[..], Some(1))
    );
    // More channels than the target allows at once, one after the other.
    for _ in 0..40 {
        assert_eq!(exec(&rep, "whoami").await.out(), "operator\n");
    }
    leave(rep).await;
    let (outcome, _, records) = running.end().await;
    assert_eq!(outcome.reason, EndReason::RepClosed);
    assert!(!records.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_on_a_terminal_echoes_and_ends_with_exit() {
    let (address, key) = demo().await;
    let (rep, _running) = Setup::new(address, vec![key]).rep(credential(PASSWORD)).await;
    let mut channel = rep.channel_open_session().await.unwrap();
    channel
        .request_pty(true, "xterm", 80, 24, 0, 0, &[])
        .await
        .unwrap();
    channel.request_shell(true).await.unwrap();
    let mut seen = String::new();
    while !seen.ends_with("$ ") {
        match tokio::time::timeout(LONG, channel.wait()).await.unwrap() {
            Some(ChannelMsg::Data { data }) => seen.push_str(&String::from_utf8_lossy(&data)),
            Some(_) => {}
            None => panic!("{seen}"),
        }
    }
    channel.data(&b"echo  hi\rexit 3\r"[..]).await.unwrap();
    let said = read_all(&mut channel).await;
    assert!(said.out().contains("echo  hi\r\nhi\r\n"), "{}", said.out());
    assert_eq!(said.status, Some(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_password_lets_in() {
    let (address, key) = demo().await;
    let (stream, running) = Setup::new(address, vec![key]).start(credential("guess"));
    assert!(common::connect_over(stream).await.is_err());
    let (outcome, ..) = running.end().await;
    let EndReason::Failed { kind, message } = outcome.reason else {
        panic!("{:?}", outcome.reason)
    };
    assert_eq!(kind, ErrorKind::TargetAuthentication, "{message}");
}
