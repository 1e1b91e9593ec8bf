//! Our own client through the gate, with TLS as a native one has it.

use std::net::SocketAddr;

use jump_core::ErrorKind;
use jump_core::model::CertificatePolicy;
use jump_core::protocol::ScreenSession;
use jump_core::session::SessionPermission;
use jump_proto_rdp::client::{RdpClient, RdpClientOptions, RdpSecurity};
use jump_proto_rdp::tls::ServerCertificate;
use jump_testkit::rdp::{PASSWORD, RdpServer, USER, XrdpBackend};
use tokio::net::TcpStream;

use super::desktop::ORANGE;
use super::harness::{Item, login, soon};

/// A session whose screen has been painted.
pub(crate) async fn connect(address: SocketAddr) -> Box<dyn ScreenSession> {
    let first = CertificatePolicy {
        trust_first_use: true,
        ..CertificatePolicy::default()
    };
    let options = RdpClientOptions::default()
        .certificate(ServerCertificate::by_policy(first))
        .security(RdpSecurity::Tls);
    let stream = Box::new(TcpStream::connect(address).await.unwrap());
    let session = RdpClient::connect(stream, options).await.unwrap();
    soon(session.painted()).await.unwrap();
    session
}

async fn shows_orange(session: &dyn ScreenSession) -> bool {
    let frame = session.frame().await.unwrap();
    let last = frame.pixels().last_chunk::<4>().unwrap();
    last.iter()
        .zip(ORANGE)
        .all(|(one, other)| one.abs_diff(other) < 12)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_gets_another_size_unless_the_session_may_only_be_viewed() {
    for permitted in [true, false] {
        let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
        let mut item = Item::new(server.address());
        if !permitted {
            item = item.denied(&[SessionPermission::KeyboardMouse]);
        }
        let (address, gate) = item.port(login(USER, PASSWORD)).await;
        let session = connect(address).await;
        // xrdp takes no size before it shows the session's own screen.
        server.display().await.unwrap();
        server.run("xsetroot", &["-solid", "#c06020"]).await.unwrap();
        soon(async {
            while !shows_orange(session.as_ref()).await {
                session.next_event().await.unwrap().unwrap();
            }
        })
        .await;
        let resized = session.resize(1024, 700).await;
        let frame = session.frame().await.unwrap();
        let size = (frame.width(), frame.height());
        drop(frame);
        if permitted {
            resized.unwrap();
            assert_eq!(size, (1024, 700));
        } else {
            assert_eq!(resized.unwrap_err().kind(), ErrorKind::Unsupported);
            assert_eq!(size, (1280, 800));
        }
        session.close().await.unwrap();
        let (_, events) = soon(gate).await.unwrap().end().await;
        let refused = format!("{events:?}").contains("another size of the screen");
        assert_eq!(refused, !permitted, "{events:?}");
    }
}
