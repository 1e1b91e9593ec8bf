//! How sessions end, and what a slow or broken side does to them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod common;

use std::time::Duration;

use common::{LONG, Setup, connect_over, exec, leave, read_all, rep_over, right_password};
use jump_core::ErrorKind;
use jump_core::protocol::{Backend, SessionEvent};
use jump_core::session::{EndReason, RecordingMode};
use jump_proto_ssh::SshBackend;
use jump_testkit::fault_proxy::{Direction, FaultProxy, Flow, Side};
use jump_testkit::sshd::Sshd;
use jump_testkit::world::Site;
use jump_testkit::{gate, ports};
use russh::ChannelMsg;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stop_signal_ends_both_legs_with_its_reason() {
    let mut sshd = Sshd::start().await.unwrap();
    let (rep, running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    let mut channel = rep.channel_open_session().await.unwrap();
    channel.exec(true, "echo ready; sleep 1000").await.unwrap();
    while !matches!(channel.wait().await, Some(ChannelMsg::Data { data }) if data == "ready\n") {}
    let reason = EndReason::EndedBy("root".to_owned());
    running.stop.stop(reason.clone());
    let said = read_all(&mut channel).await;
    assert_eq!(said.status, None);
    let (outcome, ..) = running.end().await;
    assert_eq!(outcome.reason, reason);
    assert_eq!(outcome.bytes_from_target, 6);
    sshd.wait_for_log("Close session").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stop_signal_ends_a_session_that_still_waits_for_its_target() {
    let (listener, address) = ports::listener().await.unwrap();
    let (_stream, running) = Setup::new(address, Vec::new()).start(right_password());
    let (mut silent, _) = listener.accept().await.unwrap();
    running.stop.stop(EndReason::Expired);
    let (outcome, ..) = running.end().await;
    assert_eq!(outcome.reason, EndReason::Expired);
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_goes_away_ends_the_session_and_says_so() {
    let sshd = Sshd::start().await.unwrap();
    let proxy = FaultProxy::start(sshd.address()).await.unwrap();
    let mut setup = Setup::for_sshd(&sshd);
    setup.address = proxy.address();
    let (rep, running) = setup.rep(right_password()).await;
    let mut channel = rep.channel_open_session().await.unwrap();
    channel.exec(true, "echo ready; sleep 1000").await.unwrap();
    while !matches!(channel.wait().await, Some(ChannelMsg::Data { data }) if data == "ready\n") {}
    proxy.reset_all();
    assert_eq!(read_all(&mut channel).await.status, None);
    let (outcome, ..) = running.end().await;
    assert_eq!(outcome.reason, EndReason::TargetClosed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_alives_notice_a_target_that_answers_no_more() {
    let sshd = Sshd::start().await.unwrap();
    let proxy = FaultProxy::start(sshd.address()).await.unwrap();
    let mut setup = Setup::for_sshd(&sshd);
    setup.address = proxy.address();
    setup.keep_alive_seconds = 1;
    let (rep, running) = setup.rep(right_password()).await;
    assert_eq!(exec(&rep, "echo hi").await.out(), "hi\n");
    proxy.freeze();
    let (outcome, ..) = running.end().await;
    assert!(
        matches!(
            &outcome.reason,
            EndReason::Failed {
                kind: ErrorKind::Timeout,
                ..
            }
        ),
        "{:?}",
        outcome.reason
    );
}

/// A target that tries to open channels of every kind toward us.
struct Pushy(tokio::sync::mpsc::Sender<usize>);

impl russh::server::Handler for Pushy {
    type Error = russh::Error;
    async fn auth_password(&mut self, _: &str, _: &str) -> Result<russh::server::Auth, russh::Error> {
        Ok(russh::server::Auth::Accept)
    }
    async fn auth_succeeded(&mut self, session: &mut russh::server::Session) -> Result<(), russh::Error> {
        let (handle, opened) = (session.handle(), self.0.clone());
        tokio::spawn(async move {
            let tries = [
                handle.channel_open_session().await.is_ok(),
                handle.channel_open_agent().await.is_ok(),
                handle.channel_open_x11("127.0.0.1", 1).await.is_ok(),
                handle
                    .channel_open_forwarded_tcpip("127.0.0.1", 1, "127.0.0.1", 1)
                    .await
                    .is_ok(),
                handle
                    .channel_open_direct_tcpip("127.0.0.1", 1, "127.0.0.1", 1)
                    .await
                    .is_ok(),
                handle.channel_open_direct_streamlocal("/x").await.is_ok(),
                handle.channel_open_forwarded_streamlocal("/x").await.is_ok(),
            ];
            opened
                .send(tries.into_iter().filter(|opened| *opened).count())
                .await
                .unwrap();
        });
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_cannot_open_channels() {
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::private::Ed25519Keypair;
    let (listener, address) = ports::listener().await.unwrap();
    let key = PrivateKey::new(Ed25519Keypair::from_seed(&[3; 32]).into(), "").unwrap();
    let config = russh::server::Config {
        keys: vec![key],
        ..Default::default()
    };
    let (sender, mut opened) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        russh::server::run_stream(std::sync::Arc::new(config), stream, Pushy(sender))
            .await
            .unwrap()
            .await
    });
    let mut setup = Setup::new(address, Vec::new());
    setup.host_key.trust_first_use = true;
    let (_rep, _running) = setup.rep(right_password()).await;
    let opened = tokio::time::timeout(LONG, opened.recv()).await.unwrap();
    assert_eq!(opened, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rep_that_vanishes_ends_the_session() {
    let sshd = Sshd::start().await.unwrap();
    let proxied = Setup::for_sshd(&sshd);
    let door = common::Door::open(proxied).await;
    let proxy = FaultProxy::start(door.address).await.unwrap();
    let mut door = door;
    let stream = tokio::net::TcpStream::connect(proxy.address()).await.unwrap();
    let config = std::sync::Arc::new(russh::client::Config::default());
    let mut rep = russh::client::connect_stream(config, stream, common::AcceptAny)
        .await
        .unwrap();
    assert!(rep.authenticate_none("rep").await.unwrap().success());
    assert_eq!(exec(&rep, "echo hi").await.out(), "hi\n");
    proxy.half_open(Side::Upstream);
    proxy.close_all();
    drop(rep);
    let (outcome, ..) = door.session().await.end().await;
    assert_eq!(outcome.reason, EndReason::RepClosed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_target_or_rep_is_given_up_after_the_handshake_timeout() {
    let sshd = Sshd::start().await.unwrap();
    let (silent, address) = ports::listener().await.unwrap();
    for (address, hold_rep) in [(address, false), (sshd.address(), true)] {
        let mut site = Site::new(address, &[address]).unwrap();
        site.edit_item(site.shell, |item| {
            let jump_core::model::ItemDetails::ShellJump(shell) = &mut item.details else {
                panic!()
            };
            shell.host_key.trust_first_use = true;
        })
        .unwrap();
        let (mut context, _ends) = gate::context(site.grant(site.shell).unwrap(), right_password());
        context.limits.handshake_timeout = Duration::from_millis(if hold_rep { 3000 } else { 300 });
        let (rep, gate) = tokio::io::duplex(64 * 1024);
        let outcome = tokio::time::timeout(LONG, SshBackend::new().gate(Box::new(gate), context))
            .await
            .unwrap();
        assert!(
            matches!(
                &outcome.reason,
                EndReason::Failed {
                    kind: ErrorKind::Timeout,
                    ..
                }
            ),
            "{:?}",
            outcome.reason
        );
        drop(rep);
    }
    drop(silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_from_the_target_is_a_typed_error() {
    for garbage in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-x\r\n\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let (listener, address) = ports::listener().await.unwrap();
        let (stream, running) = Setup::new(address, Vec::new()).start(right_password());
        tokio::spawn(async move {
            let (mut target, _) = listener.accept().await.unwrap();
            let _ = target.write_all(garbage).await;
            let _ = target.shutdown().await;
        });
        assert!(connect_over(stream).await.is_err());
        let (outcome, ..) = running.end().await;
        let EndReason::Failed { kind, .. } = outcome.reason else {
            panic!("{:?}", outcome.reason)
        };
        assert!(
            matches!(kind, ErrorKind::Protocol | ErrorKind::TargetUnreachable),
            "{kind:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rep_that_does_not_read_holds_its_target_back_and_nobody_else() {
    let sshd = Sshd::start().await.unwrap();
    let setup = Setup::for_sshd(&sshd);
    let (slow, slow_running) = setup.rep(right_password()).await;
    let channel = slow.channel_open_session().await.unwrap();
    channel.exec(true, "cat /dev/zero").await.unwrap();

    let (rep, running) = setup.rep(right_password()).await;
    let said = exec(&rep, "head -c 100000000 /dev/zero").await;
    assert_eq!(said.out.len(), 100_000_000);
    leave(rep).await;
    running.end().await;

    // In that time the slow one could have had as much. What it has is windows and queues.
    assert!(slow_running.recorded() < 32 << 20, "{}", slow_running.recorded());
    drop(channel);
    slow_running.stop.stop(EndReason::Expired);
    let (outcome, ..) = slow_running.end().await;
    assert_eq!(outcome.reason, EndReason::Expired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_recording_ends_the_session_if_its_mode_says_so() {
    let sshd = Sshd::start().await.unwrap();
    for (mode, goes_on) in [
        (RecordingMode::BestEffort, true),
        (RecordingMode::Backpressure, false),
        (RecordingMode::FailClosed, false),
    ] {
        let mut site = Site::new(sshd.address(), &[sshd.address()]).unwrap();
        site.edit_item(site.shell, |item| {
            item.recording = mode;
            let jump_core::model::ItemDetails::ShellJump(shell) = &mut item.details else {
                panic!()
            };
            shell.host_key.trust_first_use = true;
        })
        .unwrap();
        let (context, mut ends) = gate::context(site.grant(site.shell).unwrap(), right_password());
        let (rep, gate) = tokio::io::duplex(64 * 1024);
        let outcome = tokio::spawn(async move { SshBackend::new().gate(Box::new(gate), context).await });
        drop(ends.recording.take());
        let rep = rep_over(rep).await.unwrap();
        let said = match rep.channel_open_session().await {
            Ok(mut channel) => {
                let _ = channel.exec(true, "echo unrecorded").await;
                read_all(&mut channel).await
            }
            Err(_) => common::Said::default(),
        };
        if goes_on {
            assert_eq!(said.out(), "unrecorded\n");
            leave(rep).await;
            assert_eq!(outcome.await.unwrap().reason, EndReason::RepClosed);
            let mut lost = 0;
            while let Some(event) = ends.events.recv().await {
                if let SessionEvent::RecordingLost { bytes } = event {
                    lost = bytes;
                }
            }
            assert!(lost >= 11, "{lost}");
        } else {
            assert_eq!(said.out(), "", "{mode}: nothing passes unrecorded");
            let reason = outcome.await.unwrap().reason;
            assert!(
                matches!(&reason, EndReason::RecordingFailed(_)),
                "{mode}: {reason:?}"
            );
        }
    }
}

/// The session has ended while its client asked for channels: that is no limit of the target.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_the_end_overtakes_is_told_the_reason_and_nothing_else() {
    let sshd = Sshd::start().await.unwrap();
    let proxy = FaultProxy::start(sshd.address()).await.unwrap();
    let mut setup = Setup::for_sshd(&sshd);
    setup.address = proxy.address();
    let (session, running) = setup.session(right_password()).await;
    // No answer of the target arrives from here on, so that the gate still waits for it when the session ends.
    proxy.change(Direction::FromUpstream, |faults| faults.flow = Flow::Stall);
    let before: usize = proxy
        .captured()
        .iter()
        .filter(|captured| captured.direction == Direction::ToUpstream)
        .map(|captured| captured.bytes.len())
        .sum();
    let opening = async {
        let opens = (0..40).map(|_| session.exec(b"true", None));
        futures_util::future::join_all(opens).await
    };
    let reason = EndReason::EndedBy("root".to_owned());
    let ending = async {
        let asked = proxy.wait_for_bytes(Direction::ToUpstream, before as u64 + 1, LONG);
        asked.await.unwrap();
        running.stop.stop(reason.clone());
    };
    let (opened, ()) = tokio::join!(opening, ending);
    for outcome in opened {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
        assert!(error.to_string().contains("root"), "{error}");
    }
    let late = session.exec(b"true", None).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Closed, "{late}");
    let (outcome, ..) = running.end().await;
    assert_eq!(outcome.reason, reason);
}
