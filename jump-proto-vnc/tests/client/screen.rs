//! A server with a screen to look at, and a session with it.

use std::time::Duration;

use jump_core::protocol::{ScreenEvent, ScreenSession};
use jump_core::secret::Secret;
use jump_core::stream::BoxStream;
use jump_proto_vnc::client::{Login, VncClient, VncClientOptions};
use jump_proto_vnc::security::{SecurityPolicy, SecurityType, VncCredential};
use jump_testkit::process::{Process, command};
use jump_testkit::vnc::{PASSWORD, SIZE, VncServer};
use tokio::net::TcpStream;

use crate::xwd;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

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

/// Runs an X client on the server's display to its end.
pub(crate) async fn run(server: &VncServer, name: &str, arguments: &[&str]) -> Vec<u8> {
    let output = command(name)
        .env("DISPLAY", server.display().unwrap())
        .args(arguments)
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Starts an X client on the server's display.
pub(crate) fn start(server: &VncServer, name: &str, arguments: &[&str]) -> Process {
    let mut run = command(name);
    run.env("DISPLAY", server.display().unwrap())
        .env("LC_ALL", "C.UTF-8")
        .args(arguments);
    Process::spawn(run).unwrap()
}

/// What is on the server's screen.
pub(crate) async fn dump(server: &VncServer) -> Vec<[u8; 4]> {
    xwd::read(&run(server, "xwd", &["-root", "-silent"]).await).1
}

/// A picture of the size of the screen with every kind of content, shown until the value is dropped.
pub(crate) async fn show_picture(server: &VncServer) -> (Process, tempfile::TempDir) {
    let (width, height) = (usize::from(SIZE.0), usize::from(SIZE.1));
    let pixels: Vec<[u8; 3]> = (0..width * height)
        .map(|at| {
            let (x, y) = (at % width, at / width);
            match (x / 160, y / 120) {
                (column, row) if (column + row) % 3 == 0 => [x as u8, y as u8, (x * y) as u8],
                (column, row) if (column + row) % 3 == 1 => [(column * 60) as u8, (row * 60) as u8, 200],
                _ => [
                    (x.wrapping_mul(2_654_435_761) >> 3) as u8,
                    (y * 7 + x) as u8,
                    (x ^ y) as u8,
                ],
            }
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture.xwd");
    std::fs::write(&file, xwd::write(width, &pixels)).unwrap();
    let file = file.to_str().unwrap();
    let shown = start(server, "xwud", &["-geometry", "+0+0", "-in", file]);
    let marked = [pixels[width * height - 1], pixels[0]];
    in_time(async {
        loop {
            let dumped = dump(server).await;
            let corner = [dumped[width * height - 1], dumped[0]];
            if corner == marked.map(|[red, green, blue]| [red, green, blue, 255]) {
                return;
            }
        }
    })
    .await;
    (shown, folder)
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

/// The next event of a session that goes on.
pub(crate) async fn next(session: &dyn ScreenSession) -> ScreenEvent {
    in_time(session.next_event())
        .await
        .unwrap()
        .expect("the session goes on")
}

/// The first event that `wanted` finds something in.
pub(crate) async fn event<T>(
    session: &dyn ScreenSession,
    mut wanted: impl FnMut(ScreenEvent) -> Option<T>,
) -> T {
    loop {
        if let Some(found) = wanted(next(session).await) {
            return found;
        }
    }
}

pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it happens in time")
}
