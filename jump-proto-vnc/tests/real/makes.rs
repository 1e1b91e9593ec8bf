//! The servers, what is on their screens, and a site through which they are reached.

use std::sync::Arc;

use jump_core::model::{ItemDetails, Vnc, VncSecurity};
use jump_core::protocol::Registry;
use jump_core::rep::{Rep, SessionStream};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, RecordingMode};
use jump_proto_vnc::VncBackend;
use jump_proto_vnc::security::{SecurityPolicy, SecurityType};
use jump_proto_vnc::wire::{Channel, Encoding, PixelFormat};
use jump_testkit::folder::Folder;
use jump_testkit::running_site::{RunningSite, SiteOptions};
use jump_testkit::vnc::{PASSWORD, Picture, QemuLogin, Shown, VncServer, WayvncLogin, X11vncLogin};

use super::support::{Wire, log_in, password};
use super::viewer::Viewer;
use jump_testkit::waiting::{LONG, soon};

/// Big enough for every kind of content and small enough for every format.
const SMALL: &str = "330x210";

/// A server whose screen shows something, and what that is.
pub(crate) struct Make {
    pub(crate) server: VncServer,
    pub(crate) screen: Picture,
    _shown: Option<Shown>,
}

impl Make {
    /// Shows a picture before a pattern.
    async fn showing(server: VncServer) -> Self {
        let pattern = ["-mod", "5", "7", "-fg", "#ff8800", "-bg", "#003366"];
        let size = if server.display().is_some() {
            server.run("xsetroot", &pattern).await.unwrap();
            server
                .run("xsetroot", &["-cursor_name", "left_ptr"])
                .await
                .unwrap();
            (300, 180)
        } else {
            (640, 480)
        };
        let (shown, screen) = server.show(&Picture::of_all_kinds(size.0, size.1)).await.unwrap();
        Self::settled(server, screen, Some(shown)).await
    }

    /// Waits until the server has seen what is on the screen.
    pub(crate) async fn settled(server: VncServer, screen: Picture, shown: Option<Shown>) -> Self {
        let make = Self {
            server,
            screen,
            _shown: shown,
        };
        let mut viewer = make.viewer().await;
        viewer.understand(&[Encoding::RAW, Encoding::CURSOR]).await;
        viewer.move_pointer().await;
        soon(async { while viewer.whole().await != make.screen.pixels.as_flattened() {} }).await;
        make
    }

    pub(crate) async fn tigervnc() -> Self {
        let server = VncServer::tigervnc_with("None", &["-geometry", SMALL]);
        Self::showing(server.await.unwrap()).await
    }

    pub(crate) async fn tightvnc() -> Self {
        let server = VncServer::tightvnc_with(&["-geometry", SMALL]);
        Self::showing(server.await.unwrap()).await
    }

    pub(crate) async fn x11vnc() -> Self {
        let screen = format!("{SMALL}x24");
        let server = VncServer::x11vnc_with(X11vncLogin::Password, &screen).await;
        Self::showing(server.unwrap()).await
    }

    pub(crate) async fn wayvnc() -> Self {
        Self::showing(VncServer::wayvnc(WayvncLogin::None).await.unwrap()).await
    }

    pub(crate) async fn qemu() -> Self {
        let server = VncServer::qemu_painted(QemuLogin::Password).await.unwrap();
        let screen = server.screen().await.unwrap();
        Self::settled(server, screen, None).await
    }

    /// A viewer that is connected directly.
    pub(crate) async fn viewer(&self) -> Viewer<Box<dyn Wire>> {
        let policy = SecurityPolicy::only(&[SecurityType::NONE, SecurityType::VNC_AUTH]);
        let log_in = log_in(self.server.address(), policy, password(PASSWORD), "", |_| false);
        let logged_in = match tokio::time::timeout(LONG / 2, log_in).await {
            Ok(logged_in) => logged_in.unwrap(),
            Err(_) => panic!("no login; the server said: {}", self.server.log()),
        };
        Viewer::after_login(logged_in.wire, logged_in.session.server_init, logged_in.rest)
    }
}

/// A site with one item, which leads to a server.
pub(crate) struct Reached {
    rep: Rep,
    _site: RunningSite,
    _recordings: Folder,
}

impl Reached {
    pub(crate) async fn new(server: &VncServer) -> Self {
        let backends = || Registry::new().with(Arc::new(VncBackend::new()));
        let recordings = Folder::new().unwrap();
        let options = SiteOptions {
            recordings: Some(recordings.path().to_owned()),
            ..SiteOptions::new(backends()).over_tcp()
        };
        let site = RunningSite::start(options).await.unwrap();
        site.add_user("alice", Some("Start Sessions Only"), false)
            .await
            .unwrap();
        let details = ItemDetails::RemoteVnc(Vnc {
            port: server.address().port(),
            minimum_security: VncSecurity::None,
            ..Vnc::default()
        });
        let item = site
            .add_item(
                "desk",
                server.address(),
                RecordingMode::Backpressure,
                None,
                details,
            )
            .await
            .unwrap();
        let credential = Credential {
            username: String::new(),
            secret: CredentialSecret::Password(Secret::new(PASSWORD.to_owned())),
        };
        site.set_credential(&item, &credential).await.unwrap();
        let rep = site.login("alice", backends()).await.unwrap();
        Self {
            rep,
            _site: site,
            _recordings: recordings,
        }
    }

    /// A viewer at the end of rep, relay, Jumpoint and gate.
    pub(crate) async fn viewer(&self) -> Viewer<SessionStream> {
        let session = self.rep.jump("desk").await.unwrap();
        soon(Viewer::start(session.stream)).await.unwrap()
    }
}

/// Every pixel format that is worth a look, by name.
pub(crate) fn formats() -> Vec<(&'static str, PixelFormat)> {
    let big = [16, 8, 0].map(|shift| Channel { max: 255, shift });
    vec![
        ("bgrx", PixelFormat::BGRX8888),
        ("rgbx", PixelFormat::RGBX8888),
        ("xrgb-big", PixelFormat::true_colour(32, 24, true, big).unwrap()),
        ("rgb565", PixelFormat::RGB565),
        ("bgr233", PixelFormat::BGR233),
    ]
}
