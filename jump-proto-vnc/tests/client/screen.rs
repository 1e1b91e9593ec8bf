//! A server with a screen to look at, and a session with it.

use jump_core::protocol::ScreenSession;
use jump_core::secret::Secret;
use jump_core::stream::BoxStream;
use jump_proto_vnc::client::{Login, VncClient, VncClientOptions};
use jump_proto_vnc::security::{SecurityPolicy, SecurityType, VncCredential};
use jump_testkit::process::Process;
pub(crate) use jump_testkit::screen::{event, next};
use jump_testkit::vnc::{PASSWORD, Picture, SIZE, Shown, VncServer};
pub(crate) use jump_testkit::waiting::{LONG as PATIENCE, soon as in_time};
use tokio::net::TcpStream;

/// Logs in with the password, or with nothing.
pub(crate) fn options() -> VncClientOptions {
    let password = VncCredential::Password(Secret::new(PASSWORD.to_owned()));
    VncClientOptions::default()
        .policy(SecurityPolicy::only(&[
            SecurityType::VNC_AUTH,
            SecurityType::NONE,
        ]))
        .login(Login::with(password))
}

pub(crate) async fn dial(server: &VncServer) -> BoxStream {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    Box::new(stream)
}

pub(crate) async fn session(server: &VncServer) -> Box<dyn ScreenSession> {
    VncClient::connect(dial(server).await, options()).await.unwrap()
}

/// Runs a client of the server's screen to its end.
pub(crate) async fn run(server: &VncServer, name: &str, arguments: &[&str]) -> Vec<u8> {
    server.run(name, arguments).await.unwrap()
}

/// Starts a client of the server's screen.
pub(crate) fn start(server: &VncServer, name: &str, arguments: &[&str]) -> Process {
    server.start(name, arguments).unwrap()
}

/// What is on the server's screen.
pub(crate) async fn dump(server: &VncServer) -> Vec<[u8; 4]> {
    server.screen().await.unwrap().pixels
}

/// A picture of the size of the screen with every kind of content, shown until the value is dropped.
pub(crate) async fn show_picture(server: &VncServer) -> Shown {
    let picture = Picture::of_all_kinds(SIZE.0.into(), SIZE.1.into());
    server.show(&picture).await.unwrap().0
}

/// Waits until the session's picture is the screen's.
pub(crate) async fn shows(session: &dyn ScreenSession, wanted: &[[u8; 4]]) {
    in_time(async {
        session.painted().await.unwrap();
        loop {
            let same = session.frame().await.unwrap().pixels() == wanted.as_flattened();
            if same {
                return;
            }
            next(session).await;
        }
    })
    .await;
}
