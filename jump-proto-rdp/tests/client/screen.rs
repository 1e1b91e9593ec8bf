//! A server with a screen to look at, and a session with it.

use jump_core::model::{CertificatePolicy, Field, fingerprint};
use jump_core::protocol::{Frame, ScreenSession};
use jump_core::secret::Secret;
use jump_core::stream::BoxStream;
use jump_proto_rdp::client::{RdpClient, RdpClientOptions, RdpLogin};
use jump_proto_rdp::tls::ServerCertificate;
use jump_testkit::rdp::{PASSWORD, RdpServer, SIZE, USER};
pub(crate) use jump_testkit::screen::{event, next};
use jump_testkit::vnc::Picture;
pub(crate) use jump_testkit::waiting::{LONG as PATIENCE, soon as in_time};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// What pins a server's certificate.
pub(crate) fn pinned_fingerprint(server: &RdpServer) -> String {
    let certificate = server.certificate().unwrap();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let sha256: [u8; 32] = Sha256::digest(certificate).into();
    fingerprint(&sha256)
}

/// Pins a server's certificate.
pub(crate) fn pinned(server: &RdpServer) -> ServerCertificate {
    ServerCertificate::by_policy(CertificatePolicy {
        pinned: vec![Field::new(pinned_fingerprint(server)).unwrap()],
        ..CertificatePolicy::default()
    })
}

pub(crate) fn login(password: &str) -> RdpLogin {
    RdpLogin {
        user: USER.to_owned(),
        domain: String::new(),
        password: Secret::new(password.to_owned()),
    }
}

/// Logs in with the right password to the right server, and asks for the size that shadow servers have.
pub(crate) fn options(server: &RdpServer) -> RdpClientOptions {
    RdpClientOptions::default()
        .certificate(pinned(server))
        .login(login(PASSWORD))
        .size(SIZE.0, SIZE.1)
}

pub(crate) async fn dial(server: &RdpServer) -> BoxStream {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    Box::new(stream)
}

pub(crate) async fn session_with(server: &RdpServer, options: RdpClientOptions) -> Box<dyn ScreenSession> {
    match RdpClient::connect(dial(server).await, options).await {
        Ok(session) => session,
        Err(error) => panic!("{error}\n{}", server.log()),
    }
}

pub(crate) async fn session(server: &RdpServer) -> Box<dyn ScreenSession> {
    session_with(server, options(server)).await
}

/// How far the values of a channel are from those on the screen: on average, and at most.
pub(crate) fn difference(frame: &Frame, screen: &Picture) -> (f64, u8) {
    let wanted = screen.pixels.as_flattened();
    assert_eq!(frame.pixels().len(), wanted.len());
    let (mut sum, mut most) = (0u64, 0);
    for (seen, wanted) in frame.pixels().iter().zip(wanted) {
        let off = seen.abs_diff(*wanted);
        sum += u64::from(off);
        most = most.max(off);
    }
    // Alpha is never off.
    (sum as f64 / (wanted.len() as f64 * 0.75), most)
}

/// Waits until the session's picture is the screen's, as nearly as `near` says.
pub(crate) async fn shows(session: &dyn ScreenSession, screen: &Picture, near: impl Fn(f64, u8) -> bool) {
    let mut last = None;
    let shown = async {
        session.painted().await.unwrap();
        loop {
            let frame = session.frame().await.unwrap();
            if (frame.width() as usize, frame.height() as usize) == (screen.width, screen.height) {
                let (mean, most) = difference(&frame, screen);
                last = Some((mean, most));
                if near(mean, most) {
                    return;
                }
            }
            drop(frame);
            next(session).await;
        }
    };
    if tokio::time::timeout(PATIENCE, shown).await.is_err() {
        panic!("the picture is not the screen's; it is off by {last:?} on average and at most");
    }
}

/// Waits until an exact session with xrdp shows the screen of its own: before that, xrdp takes no other size.
pub(crate) async fn shows_its_own(session: &dyn ScreenSession, server: &RdpServer) {
    in_time(session.painted()).await.unwrap();
    server.display().await.unwrap();
    server.run("xsetroot", &["-solid", "#c08040"]).await.unwrap();
    let orange = |screen: &Picture| screen.pixels.last() == Some(&[0xc0, 0x80, 0x40, 255]);
    let screen = server.until_shown(orange).await.unwrap();
    shows(session, &screen, exactly).await;
}

/// Every pixel is the same.
pub(crate) fn exactly(_: f64, most: u8) -> bool {
    most == 0
}
