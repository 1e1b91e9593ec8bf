//! The server's handshake with a viewer that people use: TigerVNC's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a step that fails is a test that fails"
)]

use jump_core::keys::random_bytes;
use jump_core::secret::Secret;
use jump_proto_vnc::RfbError;
use jump_proto_vnc::security::{ServerHandshake, ServerLogin, ServerStep};
use jump_proto_vnc::wire::{
    ClientFramer, ClientMessageKind, Encoding, Input, PixelFormat, ServerInit, Size, Version, limits,
};
use jump_testkit::ports;
use jump_testkit::process::{Process, command};
use jump_testkit::vnc::{PASSWORD, VncServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A viewer that shows what is on our port; the server is its screen.
async fn viewer(screen: &VncServer) -> (Process, TcpListener) {
    let (listener, address) = ports::listener().await.unwrap();
    let mut run = command("xtigervncviewer");
    run.env("DISPLAY", screen.display().unwrap())
        .env("HOME", "/nonexistent")
        .args([
            "-SecurityTypes",
            "None,VncAuth",
            "-Log",
            "*:stderr:100",
            "-passwd",
        ])
        .arg(screen.password_file())
        .arg(format!("127.0.0.1::{}", address.port()));
    (Process::spawn(run).unwrap(), listener)
}

/// Receives it; what was read beyond the handshake comes back, too.
async fn receive(wire: &mut TcpStream, login: ServerLogin) -> (Result<ServerStep, RfbError>, Vec<u8>) {
    let mut handshake = ServerHandshake::new(login);
    let mut received = Vec::new();
    loop {
        let mut output = Vec::new();
        let mut input = Input::new(&received);
        let step = handshake.advance(&mut input, &mut output);
        let read = input.consumed();
        received.drain(..read);
        wire.write_all(&output).await.unwrap();
        if step != Ok(ServerStep::More) {
            return (step, received);
        }
        assert!(wire.read_buf(&mut received).await.unwrap() > 0, "it went away");
    }
}

fn one_time(word: &str) -> ServerLogin {
    ServerLogin::Password {
        password: Secret::new(word.to_owned()),
        challenge: random_bytes().unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_logs_in_and_its_messages_are_understood() {
    let screen = VncServer::tigervnc("VncAuth").await.unwrap();
    for login in [ServerLogin::None, one_time(PASSWORD)] {
        let (process, listener) = viewer(&screen).await;
        let (mut wire, _) = listener.accept().await.unwrap();
        let (step, mut received) = receive(&mut wire, login).await;
        let Ok(ServerStep::Done(session)) = step else {
            panic!("{step:?}; {}", process.output());
        };
        assert_eq!(session.version, Version::V3_8);

        let init = ServerInit {
            size: Size {
                width: 320,
                height: 200,
            },
            pixel_format: PixelFormat::BGRX8888,
            name: b"gate".to_vec(),
        };
        let mut output = Vec::new();
        init.write(&mut output).unwrap();
        wire.write_all(&output).await.unwrap();
        // It says what it understands, and asks for the whole screen.
        let framer = ClientFramer::new();
        let mut kinds = Vec::new();
        let mut encodings = Vec::new();
        while !kinds.contains(&ClientMessageKind::UpdateRequest) {
            assert!(
                wire.read_buf(&mut received).await.unwrap() > 0,
                "{}",
                process.output()
            );
            assert!(received.len() <= limits::MAX_CLIENT_MESSAGE_BYTES);
            let mut input = Input::new(&received);
            while let Some(frame) = framer.next(&mut input).unwrap() {
                kinds.push(framer.head(frame.raw).unwrap().unwrap().kind);
                if let jump_proto_vnc::wire::ClientMessage::SetEncodings(list) = frame.message {
                    encodings = list;
                }
            }
            let read = input.consumed();
            received.drain(..read);
        }
        assert!(encodings.contains(&Encoding::ZRLE), "{encodings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_is_told_why_it_cannot_log_in() {
    let screen = VncServer::tigervnc("VncAuth").await.unwrap();
    for (login, said) in [
        (one_time("other"), "the password is wrong"),
        (
            ServerLogin::Refuse("the target is switched off".to_owned()),
            "the target is switched off",
        ),
    ] {
        let (mut process, listener) = viewer(&screen).await;
        let (mut wire, _) = listener.accept().await.unwrap();
        let (step, _) = receive(&mut wire, login).await;
        assert!(matches!(
            step,
            Err(RfbError::Refused(_)) | Ok(ServerStep::Refused)
        ));
        process
            .wait_for_line(said, std::time::Duration::from_secs(60))
            .await
            .unwrap();
    }
}
