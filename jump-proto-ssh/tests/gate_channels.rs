//! Channels through the gate, against a real sshd.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod common;

use common::{LONG, Setup, exec, leave, read_all, right_password};
use jump_core::protocol::SessionEvent;
use jump_core::session::EndReason;
use jump_testkit::sshd::{Sshd, USER};
use russh::{ChannelMsg, ChannelOpenFailure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_gives_its_output_errors_and_exit_status_apart() {
    let sshd = Sshd::start().await.unwrap();
    let (rep, running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    let said = exec(&rep, "id -un; echo problem >&2; exit 7").await;
    assert_eq!(said.out(), format!("{USER}\n"));
    assert_eq!(said.err, b"problem\n");
    assert_eq!(said.status, Some(7));
    leave(rep).await;
    let (outcome, events, _) = running.end().await;
    assert_eq!(outcome.reason, EndReason::RepClosed);
    assert_eq!(outcome.bytes_from_target, USER.len() as u64 + 1 + 8);
    assert!(
        matches!(&events[0], SessionEvent::CredentialInjected { kind, .. } if kind == "password"),
        "{events:?}"
    );
    assert!(matches!(&events[1], SessionEvent::CommandStarted { command } if command.contains("id -un")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_killed_by_a_signal_says_which() {
    let sshd = Sshd::start().await.unwrap();
    let (rep, _running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    let said = exec(&rep, "kill -KILL $$").await;
    assert_eq!((said.status, said.signal.as_deref()), (None, Some("KILL")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_reaches_the_command_and_its_end_ends_it() {
    let sshd = Sshd::start().await.unwrap();
    let (rep, running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    let mut channel = rep.channel_open_session().await.unwrap();
    channel.exec(true, "sort; echo done").await.unwrap();
    channel.data(&b"b\na\n"[..]).await.unwrap();
    channel.eof().await.unwrap();
    let said = read_all(&mut channel).await;
    assert_eq!((said.out().as_str(), said.status), ("a\nb\ndone\n", Some(0)));
    leave(rep).await;
    let (outcome, ..) = running.end().await;
    assert_eq!((outcome.bytes_from_rep, outcome.bytes_from_target), (4, 9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_on_a_terminal_sees_its_kind_and_every_new_size() {
    let sshd = Sshd::start().await.unwrap();
    let (rep, _running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    let mut channel = rep.channel_open_session().await.unwrap();
    channel
        .request_pty(true, "vt220", 80, 24, 0, 0, &[])
        .await
        .unwrap();
    channel.request_shell(true).await.unwrap();
    channel
        .data(&b"echo T=$TERM; stty size; read x\n"[..])
        .await
        .unwrap();
    let mut seen = String::new();
    let mut until = async |channel: &mut russh::Channel<_>, text: &str| {
        while !seen.contains(text) {
            match tokio::time::timeout(LONG, channel.wait()).await.unwrap() {
                Some(ChannelMsg::Data { data }) => seen.push_str(&String::from_utf8_lossy(&data)),
                Some(_) => {}
                None => panic!("no {text} in {seen}"),
            }
        }
    };
    until(&mut channel, "24 80").await;
    channel.window_change(132, 43, 0, 0).await.unwrap();
    channel.data(&b"\nstty size; exit 3\n"[..]).await.unwrap();
    until(&mut channel, "43 132").await;
    let said = read_all(&mut channel).await;
    assert_eq!(said.status, Some(3));
    assert!(seen.contains("T=vt220"), "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_reaches_the_program() {
    let sshd = Sshd::start().await.unwrap();
    let (rep, _running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    let mut channel = rep.channel_open_session().await.unwrap();
    let script = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done";
    channel.exec(true, script).await.unwrap();
    while !matches!(channel.wait().await, Some(ChannelMsg::Data { data }) if data == "ready\n") {}
    channel.signal(russh::Sig::INT).await.unwrap();
    let said = read_all(&mut channel).await;
    assert_eq!((said.out().as_str(), said.status), ("caught\n", Some(9)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_channels_run_at_once_and_one_more_than_the_limit_is_refused() {
    let sshd = Sshd::builder().line("MaxSessions 200").start().await.unwrap();
    let (rep, running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    let mut channels = Vec::new();
    for number in 0..64 {
        let channel = rep.channel_open_session().await.unwrap();
        channel.exec(true, format!("cat; echo {number}")).await.unwrap();
        channels.push(channel);
    }
    let refused = rep.channel_open_session().await.unwrap_err();
    assert!(
        matches!(
            &refused,
            russh::Error::ChannelOpenFailure(ChannelOpenFailure::ResourceShortage)
        ),
        "{refused:?}"
    );
    for (number, channel) in channels.iter_mut().enumerate().rev() {
        channel.eof().await.unwrap();
        assert_eq!(read_all(channel).await.out(), format!("{number}\n"));
    }
    assert_eq!(exec(&rep, "echo room again").await.out(), "room again\n");
    leave(rep).await;
    let (_, events, _) = running.end().await;
    assert!(
        events
            .iter()
            .any(|event| matches!(event, SessionEvent::RequestRefused { .. }))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_terminal_and_language_variables_reach_the_target() {
    // The target itself would take any.
    let sshd = Sshd::builder().line("AcceptEnv *").start().await.unwrap();
    let (rep, _running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    let mut channel = rep.channel_open_session().await.unwrap();
    for (name, value) in [
        ("LC_TIME", "C.UTF-8"),
        ("LD_PRELOAD", "/tmp/x.so"),
        ("BASH_ENV", "/tmp/x"),
        ("LANG", "C"),
    ] {
        channel.set_env(false, name, value).await.unwrap();
    }
    channel.exec(true, "env").await.unwrap();
    let out = read_all(&mut channel).await.out();
    assert!(out.contains("LC_TIME=C.UTF-8") && out.contains("LANG=C"), "{out}");
    assert!(!out.contains("LD_PRELOAD") && !out.contains("BASH_ENV"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_in_the_order_of_the_requests() {
    let sshd = Sshd::builder().line("AcceptEnv LANG").start().await.unwrap();
    let (rep, _running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    for _ in 0..10 {
        let mut channel = rep.channel_open_session().await.unwrap();
        // All are sent before any is answered: the target agrees, the gate refuses, the target refuses, in turn.
        channel
            .request_pty(true, "xterm", 80, 24, 0, 0, &[])
            .await
            .unwrap();
        channel.set_env(true, "LD_PRELOAD", "/tmp/x.so").await.unwrap();
        channel.set_env(true, "LANG", "C").await.unwrap();
        channel.set_env(false, "LC_ALL", "C").await.unwrap();
        channel.set_env(true, "LC_TIME", "C").await.unwrap();
        channel.agent_forward(true).await.unwrap();
        channel
            .request_subsystem(true, "no-such-subsystem")
            .await
            .unwrap();
        channel.exec(true, "true").await.unwrap();
        let mut answers = Vec::new();
        while let Some(message) = tokio::time::timeout(LONG, channel.wait()).await.unwrap() {
            match message {
                ChannelMsg::Success => answers.push(true),
                ChannelMsg::Failure => answers.push(false),
                _ => {}
            }
        }
        assert_eq!(answers, [true, false, true, false, false, false, true]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_through_the_target_needs_the_permission() {
    let sshd = Sshd::start().await.unwrap();
    let port = u32::from(sshd.address().port());

    let setup = Setup::for_sshd(&sshd);
    let (rep, running) = setup.rep(right_password()).await;
    let refused = rep
        .channel_open_direct_tcpip("127.0.0.1", port, "127.0.0.1", 4000)
        .await
        .unwrap_err();
    assert!(
        matches!(
            &refused,
            russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited)
        ),
        "{refused:?}"
    );
    assert!(rep.tcpip_forward("127.0.0.1", 0).await.is_err());
    leave(rep).await;
    let (_, events, _) = running.end().await;
    let refusals = events
        .iter()
        .filter(|event| matches!(event, SessionEvent::RequestRefused { .. }))
        .count();
    assert_eq!(refusals, 2, "{events:?}");

    let setup = setup.permissions(|permissions| permissions.port_forwarding = true);
    let (rep, running) = setup.rep(right_password()).await;
    let channel = rep
        .channel_open_direct_tcpip("127.0.0.1", port, "127.0.0.1", 4000)
        .await
        .unwrap();
    let mut greeting = [0; 8];
    channel.into_stream().read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"SSH-2.0-");
    let closed = rep
        .channel_open_direct_tcpip("127.0.0.1", 1, "127.0.0.1", 4000)
        .await
        .unwrap_err();
    assert!(
        matches!(
            &closed,
            russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed)
        ),
        "{closed:?}"
    );
    assert!(
        rep.tcpip_forward("127.0.0.1", 0).await.is_err(),
        "a remote forwarding is never possible"
    );
    leave(rep).await;
    let (_, events, _) = running.end().await;
    assert!(
        events.contains(&SessionEvent::ConnectionOpened {
            to: format!("127.0.0.1:{port}")
        }),
        "{events:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_grant_does_not_permit_is_refused_and_reported() {
    let sshd = Sshd::start().await.unwrap();
    let setup = Setup::for_sshd(&sshd).permissions(|permissions| {
        permissions.shell = false;
        permissions.file_upload = false;
        permissions.file_download = false;
    });
    let (rep, running) = setup.rep(right_password()).await;
    for ask in 0..5 {
        let mut channel = rep.channel_open_session().await.unwrap();
        match ask {
            0 => channel.request_shell(true).await.unwrap(),
            1 => channel.request_subsystem(true, "sftp").await.unwrap(),
            2 => channel.exec(true, "scp -t /tmp").await.unwrap(),
            3 => channel
                .request_x11(true, false, "MIT-MAGIC-COOKIE-1", "00", 0)
                .await
                .unwrap(),
            _ => channel.agent_forward(true).await.unwrap(),
        }
        assert!(matches!(channel.wait().await, Some(ChannelMsg::Failure)), "{ask}");
    }
    assert_eq!(exec(&rep, "echo allowed").await.out(), "allowed\n");
    leave(rep).await;
    let (_, events, _) = running.end().await;
    let refused: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            SessionEvent::RequestRefused { what } => Some(what.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        refused,
        [
            "a shell",
            "the subsystem sftp",
            "file transfer by a command",
            "x11 forwarding",
            "agent forwarding"
        ]
    );
    let log = sshd.log();
    assert!(!log.contains("subsystem") && !log.contains("auth-agent"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_busy_both_ways_does_not_lock_up() {
    // The program says far more than it reads, and reads nothing until it has said it. What it is sent meanwhile is
    // more than the gate holds.
    const SAYS: usize = 320 << 20;
    const SENT: usize = 80 << 20;
    let sshd = Sshd::start().await.unwrap();
    let mut setup = Setup::for_sshd(&sshd);
    setup.recording = jump_core::session::RecordingMode::Off;
    let (rep, running) = setup.rep(right_password()).await;
    let channel = rep.channel_open_session().await.unwrap();
    channel
        .exec(true, format!("head -c {SAYS} /dev/zero; cat"))
        .await
        .unwrap();
    let (mut reading, mut writing) = tokio::io::split(channel.into_stream());
    let write = async {
        let piece = vec![1; 1 << 20];
        for _ in 0..SENT >> 20 {
            writing.write_all(&piece).await.unwrap();
        }
        writing.shutdown().await.unwrap();
    };
    let read = async {
        let mut piece = vec![0; 1 << 20];
        let mut count = 0;
        while count < SAYS + SENT {
            let got = reading.read(&mut piece).await.unwrap();
            assert!(got > 0, "the output ended early: {count}");
            count += got;
        }
        assert_eq!(piece[0], 1, "what was sent comes last");
    };
    let both = async { tokio::join!(read, write) };
    tokio::time::timeout(LONG, both).await.expect("no lock-up");
    leave(rep).await;
    let (outcome, ..) = running.end().await;
    assert_eq!(
        (outcome.bytes_from_rep, outcome.bytes_from_target),
        (SENT as u64, (SAYS + SENT) as u64)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_run_beside_a_download_that_never_pauses() {
    let sshd = Sshd::start().await.unwrap();
    let mut setup = Setup::for_sshd(&sshd);
    setup.recording = jump_core::session::RecordingMode::Off;
    let (rep, _running) = setup.rep(right_password()).await;
    let mut bulk = rep.channel_open_session().await.unwrap();
    bulk.exec(true, "cat /dev/zero").await.unwrap();
    let reading = tokio::spawn(async move {
        let mut count = 0;
        while let Some(message) = bulk.wait().await {
            if let ChannelMsg::Data { data } = message {
                count += data.len();
            }
        }
        count
    });
    for number in 0..20 {
        assert_eq!(
            exec(&rep, &format!("echo {number}")).await.out(),
            format!("{number}\n")
        );
    }
    leave(rep).await;
    assert!(tokio::time::timeout(LONG, reading).await.unwrap().unwrap() > 1 << 20);
}
