//! Clipboards of real servers, directly and through the gate, with each direction switched off, too.

use jump_core::model::VncSecurity;
use jump_core::protocol::{ScreenEvent, ScreenSession, SessionEvent};
use jump_core::secret::Secret;
use jump_core::session::{EndReason, SessionPermission, SessionPermissions};
use jump_core::stream::BoxStream;
use jump_proto_vnc::client::{Login, VncClient, VncClientOptions};
use jump_proto_vnc::security::{SecurityPolicy, SecurityType, VncCredential};
use jump_testkit::process::Process;
use jump_testkit::vnc::{PASSWORD, VncServer, WayvncLogin};
use tokio::net::TcpStream;

use super::harness::{Gate, Item, password, soon};

/// Letters that every clipboard has.
const TEXT: &str = "Twelve: 12";
/// Letters for those that know more.
const MORE: &str = "Zwölf: 12 €, двенадцать";

/// A client of a server with its password.
async fn client(stream: BoxStream, permissions: SessionPermissions) -> Box<dyn ScreenSession> {
    let login = VncCredential::Password(Secret::new(PASSWORD.to_owned()));
    let options = VncClientOptions::default()
        .policy(SecurityPolicy::only(&[
            SecurityType::NONE,
            SecurityType::VNC_AUTH,
        ]))
        .login(Login::with(login))
        .permissions(permissions);
    let session = VncClient::connect(stream, options).await.unwrap();
    soon(session.painted()).await.unwrap();
    session
}

async fn directly(server: &VncServer) -> Box<dyn ScreenSession> {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    client(Box::new(stream), SessionPermissions::ALL).await
}

/// A client behind a gate that denies these; the client itself would do everything.
async fn gated(server: &VncServer, denied: &[SessionPermission]) -> (Box<dyn ScreenSession>, Gate) {
    let item = Item::new(server.address())
        .minimum(VncSecurity::None)
        .denied(denied);
    let (stream, gate) = item.gate(password(PASSWORD)).await;
    (client(Box::new(stream), SessionPermissions::ALL).await, gate)
}

/// Puts a text into the clipboard of the server's screen, until the value is dropped or it is replaced.
async fn own(server: &VncServer, text: &str) -> Process {
    let folder = jump_testkit::folder::Folder::new().unwrap();
    let owner = if server.display().is_some() {
        let file = folder.write("clipboard", text).unwrap();
        let file = file.to_str().unwrap();
        let options = ["-in", "-quiet", "-selection", "clipboard", file];
        server.start("xclip", &options).unwrap()
    } else {
        server.start("wl-copy", &["--foreground", text]).unwrap()
    };
    soon(async { while clipboard_of(server).await != text {} }).await;
    owner
}

/// What is in the clipboard of the server's screen; nothing while nobody owns it.
async fn clipboard_of(server: &VncServer) -> String {
    let read = if server.display().is_some() {
        let options = ["-out", "-selection", "clipboard", "-target", "UTF8_STRING"];
        server.run("xclip", &options).await
    } else {
        server.run("wl-paste", &["--no-newline"]).await
    };
    String::from_utf8(read.unwrap_or_default()).unwrap()
}

/// Waits for a text of the target's clipboard.
async fn arrives(session: &dyn ScreenSession, text: &str) {
    loop {
        match soon(session.next_event()).await.unwrap() {
            Some(ScreenEvent::Clipboard(found)) if found == text => return,
            Some(_) => {}
            None => panic!("the session has ended"),
        }
    }
}

async fn from_target(server: &VncServer, session: &dyn ScreenSession, text: &str) {
    let _owner = own(server, text).await;
    arrives(session, text).await;
}

async fn to_target(server: &VncServer, session: &dyn ScreenSession, text: &str) {
    session.set_clipboard(text).await.unwrap();
    soon(async { while clipboard_of(server).await != text {} }).await;
}

async fn both_ways(server: &VncServer, session: &dyn ScreenSession, text: &str) {
    from_target(server, session, text).await;
    to_target(server, session, &format!("{text}, back")).await;
    from_target(server, session, &format!("{text}, again")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clipboards_go_both_ways_directly_and_through_the_gate() {
    let servers = [
        (VncServer::tigervnc("None").await.unwrap(), MORE),
        (VncServer::wayvnc(WayvncLogin::None).await.unwrap(), TEXT),
    ];
    for (server, text) in servers {
        let session = directly(&server).await;
        both_ways(&server, &*session, text).await;
        session.close().await.unwrap();
        let (session, gate) = gated(&server, &[]).await;
        both_ways(&server, &*session, text).await;
        session.close().await.unwrap();
        assert_eq!(gate.end().await.0.reason, EndReason::RepClosed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clipboard_that_may_not_leave_the_target_does_not_and_the_other_way_is_open() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let (session, gate) = gated(&server, &[SessionPermission::ClipboardFromTarget]).await;
    let witness = directly(&server).await;
    from_target(&server, &*witness, TEXT).await;
    // What the server said to all is said by now; this comes behind it.
    server.run("xkbbell", &[]).await.unwrap();
    loop {
        match soon(session.next_event()).await.unwrap() {
            Some(ScreenEvent::Bell) => break,
            Some(ScreenEvent::Clipboard(text)) => panic!("{text}"),
            Some(_) => {}
            None => panic!("the session has ended"),
        }
    }
    to_target(&server, &*session, "the other way").await;
    session.close().await.unwrap();
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clipboard_that_may_not_reach_the_target_does_not_and_the_other_way_is_open() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let (session, gate) = gated(&server, &[SessionPermission::ClipboardToTarget]).await;
    let _owner = own(&server, TEXT).await;
    session.set_clipboard("not for the target").await.unwrap();
    // The server answers in order, so it has read what was sent before.
    soon(session.screenshot()).await.unwrap();
    assert_eq!(clipboard_of(&server).await, TEXT);
    from_target(&server, &*session, "the other way").await;
    session.close().await.unwrap();
    let (_, events) = gate.end().await;
    let refused = |event: &SessionEvent| matches!(event, SessionEvent::RequestRefused { what } if what.contains("clipboard"));
    assert!(events.iter().any(refused), "{events:?}");
}

/// What is in the oldest clipboard of X, a property of the root window: x11vnc and Xtightvnc keep theirs there. x11vnc owns
/// a selection only when a client has been there for three quarters of a minute.
async fn cut_buffer_of(server: &VncServer) -> String {
    let read = server.run("xprop", &["-root", "-notype", "CUT_BUFFER0"]).await;
    let said = String::from_utf8(read.unwrap()).unwrap();
    let text = said.split_once('"').map_or("", |(_, text)| text);
    text.trim_end().trim_end_matches('"').to_owned()
}

async fn cut(server: &VncServer, text: &str) {
    let set = [
        "-root",
        "-format",
        "CUT_BUFFER0",
        "8s",
        "-set",
        "CUT_BUFFER0",
        text,
    ];
    server.run("xprop", &set).await.unwrap();
    assert_eq!(cut_buffer_of(server).await, text);
}

/// Both ways by the cut buffer.
async fn cut_both_ways(server: &VncServer, session: &dyn ScreenSession) {
    session.set_clipboard("to the target").await.unwrap();
    soon(async { while cut_buffer_of(server).await != "to the target" {} }).await;
    cut(server, TEXT).await;
    arrives(session, TEXT).await;
    session.close().await.unwrap();
}

async fn cut_both_ways_directly_and_through_the_gate(one: VncServer, other: VncServer) {
    let direct = async { cut_both_ways(&one, &*directly(&one).await).await };
    let through = async {
        let (session, gate) = gated(&other, &[]).await;
        cut_both_ways(&other, &*session).await;
        assert_eq!(gate.end().await.0.reason, EndReason::RepClosed);
    };
    tokio::join!(direct, through);
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_buffers_of_xtightvnc_go_both_ways() {
    let server = || async { VncServer::tightvnc().await.unwrap() };
    cut_both_ways_directly_and_through_the_gate(server().await, server().await).await;
}

/// x11vnc says nothing of its own for the first quarter of a minute: both at once.
#[tokio::test(flavor = "multi_thread")]
async fn cut_buffers_of_x11vnc_go_both_ways() {
    let server = || async { VncServer::x11vnc().await.unwrap() };
    cut_both_ways_directly_and_through_the_gate(server().await, server().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_buffer_that_may_not_pass_does_not_in_either_direction() {
    for server in [
        VncServer::tightvnc().await.unwrap(),
        VncServer::x11vnc().await.unwrap(),
    ] {
        let denied = [
            SessionPermission::ClipboardToTarget,
            SessionPermission::ClipboardFromTarget,
        ];
        let (session, gate) = gated(&server, &denied).await;
        let witness = directly(&server).await;
        session.set_clipboard("not for the target").await.unwrap();
        cut(&server, TEXT).await;
        arrives(&*witness, TEXT).await;
        assert_eq!(cut_buffer_of(&server).await, TEXT);
        // What the server said to all is said by now; this comes behind it.
        server.run("xkbbell", &[]).await.unwrap();
        loop {
            match soon(session.next_event()).await.unwrap() {
                Some(ScreenEvent::Bell) => break,
                Some(ScreenEvent::Clipboard(text)) => panic!("{text}"),
                Some(_) => {}
                None => panic!("the session has ended"),
            }
        }
        session.close().await.unwrap();
        gate.end().await;
    }
}
