//! The scenarios of `tests/c/conformance.c`, in Rust against the same live site: what the other languages do has to be this.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use jump_core::control::{ItemQuery, Look};
use jump_core::identity_file::LoginFile;
use jump_core::jumpoint::NetworkPolicy;
use jump_core::model::TargetAddress;
use jump_core::protocol::{
    ExitStatus, Keysym, PointerButtons, ScreenEvent, Session, ShellChannel, ShellEvent, ShellSession,
    Terminal, TunnelSession,
};
use jump_core::rep::{JumpOptions, LocalJumps, OpenedSession, Rep, SessionNews};
use jump_core::session::{EndReason, GatePlace};
use jump_core::{Error, ErrorKind};
use jump_proto_tunnel::{LocalForward, LocalListener};
use jump_testkit::vnc;
use tokio::io::AsyncReadExt;

use crate::live::{Live, backends, password};

async fn shell(rep: &Rep) -> Box<dyn ShellSession> {
    match rep.open("box").await.unwrap() {
        Session::Shell(shell) => shell,
        other => panic!("{other:?}"),
    }
}

/// Output, error output and how it ended.
async fn all(mut channel: ShellChannel) -> (String, String, Option<ExitStatus>) {
    let (mut out, mut err, mut status) = (Vec::new(), Vec::new(), None);
    while let Some(event) = channel.reader.next().await.unwrap() {
        match event {
            ShellEvent::Output(bytes) => out.extend_from_slice(&bytes),
            ShellEvent::ErrorOutput(bytes) => err.extend_from_slice(&bytes),
            ShellEvent::Exit(exit) => status = Some(exit),
        }
    }
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(out), text(err), status)
}

/// Reads until this has come.
async fn until(channel: &mut ShellChannel, wanted: &str) {
    let mut text = String::new();
    while !text.contains(wanted) {
        match channel.reader.next().await.unwrap() {
            Some(ShellEvent::Output(bytes)) => text.push_str(std::str::from_utf8(&bytes).unwrap()),
            other => panic!("{other:?} after {text}"),
        }
    }
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.err().expect("it fails").kind()
}

async fn list_and_decide(rep: &Rep) {
    let names: Vec<String> = rep
        .items()
        .await
        .unwrap()
        .into_iter()
        .map(|item| item.name)
        .collect();
    assert_eq!(names, ["box", "desk", "here", "port", "win"]);
    let port = ItemQuery {
        name: Some("port".to_owned()),
        ..ItemQuery::default()
    };
    assert_eq!(rep.all_items(port).await.unwrap().len(), 1);
    let why = rep.why("box").await.unwrap();
    assert!(why.decision.needs().is_empty() && why.decision.obligations.is_some());
    assert_eq!(
        kind(rep.who("box", false, Look::first(None, 10)).await),
        ErrorKind::Denied
    );
    assert_eq!(kind(rep.why("nowhere").await), ErrorKind::NotFound);
    assert_eq!(kind(rep.open("nowhere").await), ErrorKind::NotFound);
}

async fn shells_and_files(rep: &Rep, live: &Live) {
    let session = shell(rep).await;
    let channel = session
        .exec(b"id -un; echo oops >&2; exit 7", None)
        .await
        .unwrap();
    let expected = (
        "jumptest\n".to_owned(),
        "oops\n".to_owned(),
        Some(ExitStatus::Code(7)),
    );
    assert_eq!(all(channel).await, expected);
    let mut channel = session.exec(b"cat; kill -TERM $$", None).await.unwrap();
    channel.writer.write("hello\n".into()).await.unwrap();
    channel.writer.finish().await.unwrap();
    let (out, _, status) = all(channel).await;
    assert_eq!(
        (out.as_str(), status),
        ("hello\n", Some(ExitStatus::Signal("TERM".to_owned())))
    );
    let terminal = Terminal {
        kind: "vt100".to_owned(),
        columns: 80,
        rows: 24,
    };
    let mut channel = session.shell(&terminal).await.unwrap();
    // A shell that waits for a line may write an old size back, so what waits here is a program.
    let waits = "exec sh -c 'echo ready-$((1+1)); read line; stty size; exit 3'\n";
    channel.writer.write(waits.into()).await.unwrap();
    until(&mut channel, "ready-2").await;
    channel.writer.resize(132, 50).await.unwrap();
    channel.writer.write("\n".into()).await.unwrap();
    let (out, _, status) = all(channel).await;
    assert!(out.contains("50 132"), "{out}");
    assert_eq!(status, Some(ExitStatus::Code(3)));

    let (local, back) = (live.path("local-rust"), live.path("back-rust"));
    let bytes: Vec<u8> = (0..3_000_000_u32)
        .map(|place| (place * 31 + place / 4096) as u8)
        .collect();
    std::fs::write(&local, &bytes).unwrap();
    let remote = format!("/tmp/jump-ffi-rust-{}", std::process::id());
    let length = bytes.len() as u64;
    assert_eq!(session.upload(&local, &remote, &|_| {}).await.unwrap(), length);
    assert_eq!(session.download(&remote, &back, &|_| {}).await.unwrap(), length);
    assert_eq!(std::fs::read(&back).unwrap(), bytes);
    let missing = session.download("/tmp/no/such/file", &back, &|_| {}).await;
    assert_eq!(kind(missing), ErrorKind::NotFound);
    let remove = format!("rm {remote}");
    all(session.exec(remove.as_bytes(), None).await.unwrap()).await;
    session.close().await.unwrap();
}

async fn rdp(rep: &Rep) {
    let Session::Screen(session) = rep.open("win").await.unwrap() else {
        panic!("it is no screen")
    };
    let picture = session.screenshot().await.unwrap();
    assert_eq!((picture.width, picture.height), (640, 480));
    session.pointer(20, 30, PointerButtons::LEFT).await.unwrap();
    session.pointer(20, 30, PointerButtons::NONE).await.unwrap();
    for pressed in [true, false] {
        session.key(Keysym::of('j'), pressed).await.unwrap();
    }
    session.close().await.unwrap();
}

/// An item without a Jumpoint: this process is the gate.
async fn local(live: &Live, without: &Rep) {
    let mut options = JumpOptions::default();
    options.target_credential = Some(Arc::new(password("", vnc::PASSWORD)));
    let refused = without.open_session("here", &options).await;
    assert_eq!(kind(refused), ErrorKind::Unsupported);
    let login = LoginFile::read(&live.login()).unwrap();
    let connect = |policy: NetworkPolicy| {
        Rep::builder(login.identity.clone(), login.broker.clone())
            .backends(backends())
            .local_jumps(LocalJumps::new(backends()).network_policy(policy))
            .connect()
    };
    // Nothing of this machine is reached unless it is named.
    let elsewhere = connect(NetworkPolicy::new()).await.unwrap();
    let refused = elsewhere.open_session("here", &options).await.unwrap_err();
    assert!(refused.to_string().contains("network policy"), "{refused}");
    let policy = NetworkPolicy::new().allowing(["127.0.0.0/8".parse().unwrap()]);
    let rep = connect(policy).await.unwrap();
    let opened = rep.open_session("here", &options).await.unwrap();
    assert_eq!(opened.grant.place(), GatePlace::Rep);
    let Session::Screen(session) = opened.session else {
        panic!("it is no screen")
    };
    session.painted().await.unwrap();
    assert!(session.frame().await.unwrap().width() > 0);
    session.key(Keysym::of('j'), true).await.unwrap();
    session.key(Keysym::of('j'), false).await.unwrap();
    session.close().await.unwrap();
    rep.settled().await;
}

async fn screens(rep: &Rep) {
    let Session::Screen(session) = rep.open("desk").await.unwrap() else {
        panic!("it is no screen")
    };
    session.painted().await.unwrap();
    {
        let frame = session.frame().await.unwrap();
        assert_eq!((frame.width(), frame.height()), (640, 480));
    }
    assert_eq!(session.screenshot().await.unwrap().rgba.len(), 640 * 480 * 4);
    session.pointer(20, 30, PointerButtons::LEFT).await.unwrap();
    session.pointer(20, 30, PointerButtons::NONE).await.unwrap();
    session.scroll(0, 1).await.unwrap();
    for pressed in [true, false] {
        session.key(Keysym::of('ä'), pressed).await.unwrap();
    }
    session.set_clipboard("from Rust").await.unwrap();
    let beyond = session.pointer(4000, 0, PointerButtons::NONE).await;
    assert_eq!(kind(beyond), ErrorKind::InvalidArgument);
    session.resize(800, 600).await.unwrap();
    let resized = ScreenEvent::Resized {
        width: 800,
        height: 600,
    };
    while session.next_event().await.unwrap() != Some(resized.clone()) {}
    session.close().await.unwrap();
}

async fn tunnels(rep: &Rep, live: &Live) {
    let Session::Tunnel(session) = rep.open("port").await.unwrap() else {
        panic!("it is no tunnel")
    };
    let address = |port| {
        let host = jump_core::model::Hostname::new("127.0.0.1").unwrap();
        TargetAddress::new(host, port).unwrap()
    };
    let port = live.sshd.address().port();
    let mut stream = session.open(&address(port)).await.unwrap();
    let mut banner = [0; 4];
    stream.read_exact(&mut banner).await.unwrap();
    assert_eq!(&banner, b"SSH-");
    assert_eq!(kind(session.open(&address(port ^ 1)).await), ErrorKind::Denied);
    let session: Arc<dyn TunnelSession> = Arc::from(session);
    let forward = LocalForward {
        port: 0,
        target: address(port),
    };
    let listener = LocalListener::bind(session.clone(), Ipv4Addr::LOCALHOST, [forward], None);
    let listener = listener.await.unwrap();
    let (local, _) = listener.forwards()[0];
    let mut stream = tokio::net::TcpStream::connect(local).await.unwrap();
    stream.read_exact(&mut banner).await.unwrap();
    assert_eq!(&banner, b"SSH-");
    session.close().await.unwrap();
}

/// Somebody else ends the session while a command runs in it.
async fn is_ended(rep: &Rep, live: &Live, how: &str) {
    let opened = rep.open_session("box", &JumpOptions::default()).await.unwrap();
    let OpenedSession {
        grant,
        session: Session::Shell(session),
        mut events,
    } = opened
    else {
        panic!("it is no shell")
    };
    let mut channel = session.exec(b"sleep 600", None).await.unwrap();
    live.meanwhile(how, Some(grant.session())).await;
    let ended = loop {
        match channel.reader.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended in order"),
            Err(error) => break error,
        }
    };
    assert_eq!(ended.kind(), ErrorKind::SessionEnded);
    assert_eq!(kind(session.exec(b"true", None).await), ErrorKind::SessionEnded);
    let reason = loop {
        match events.next().await.unwrap() {
            Some(SessionNews::Ended(reason)) => break reason,
            Some(_) => {}
            None => panic!("nobody said why"),
        }
    };
    let expected = match how {
        "kill" => matches!(reason, EndReason::EndedBy(_)),
        _ => matches!(reason, EndReason::AccessRevoked(_)),
    };
    assert!(expected, "{reason:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_holds_in_rust() {
    let live = Live::start().await;
    let login = LoginFile::read(&live.login()).unwrap();
    let rep = Rep::builder(login.identity, login.broker)
        .backends(backends())
        .connect()
        .await
        .unwrap();
    assert_eq!(rep.user_name(), "alice");
    let scenarios = async {
        list_and_decide(&rep).await;
        shells_and_files(&rep, &live).await;
        screens(&rep).await;
        rdp(&rep).await;
        local(&live, &rep).await;
        tunnels(&rep, &live).await;
        is_ended(&rep, &live, "kill").await;
        is_ended(&rep, &live, "revoke").await;
    };
    tokio::time::timeout(Duration::from_secs(240), scenarios)
        .await
        .expect("the scenarios come to their end");
}
