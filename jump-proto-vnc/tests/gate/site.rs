//! A whole site: broker, relay, Jumpoint, rep.

use std::sync::Arc;

use jump_core::model::{ItemDetails, Vnc};
use jump_core::protocol::Registry;
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, RecordingMode};
use jump_proto_vnc::VncBackend;
use jump_proto_vnc::wire::{Encoding, PixelFormat};
use jump_testkit::running_site::{RunningSite, SiteOptions};
use jump_testkit::sshd;
use jump_testkit::vnc::VncServer;

use super::harness::{Viewer, soon};

fn backends() -> Registry {
    Registry::new().with(Arc::new(VncBackend::new()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_certificate_that_a_session_sees_is_pinned_on_its_item() {
    let server = VncServer::tigervnc("X509Plain").await.unwrap();
    let site = RunningSite::start(SiteOptions::new(backends()).over_tcp())
        .await
        .unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    let details = ItemDetails::RemoteVnc(Vnc {
        port: server.address().port(),
        trust_first_certificate: true,
        ..Vnc::default()
    });
    let item = site
        .add_item("desk", server.address(), RecordingMode::Off, None, details)
        .await
        .unwrap();
    let credential = Credential {
        username: sshd::USER.to_owned(),
        secret: CredentialSecret::Password(Secret::new(sshd::PASSWORD.to_owned())),
    };
    site.set_credential(&item, &credential).await.unwrap();
    let rep = site.login("alice", backends()).await.unwrap();

    let pins = || {
        let world = site.broker.world();
        let ItemDetails::RemoteVnc(vnc) = &world.item(item.id).unwrap().details else {
            panic!()
        };
        vnc.pinned_certificates.clone()
    };
    let session = rep.jump("desk").await.unwrap();
    let mut viewer = soon(Viewer::start(session.stream)).await.unwrap();
    viewer.prepare(PixelFormat::BGRX8888, &[Encoding::ZRLE]).await;
    viewer.whole().await;
    site.until("the certificate is pinned", || pins().len() == 1)
        .await
        .unwrap();
    // Once more, with the pin.
    drop(viewer);
    let session = rep.jump("desk").await.unwrap();
    soon(Viewer::start(session.stream)).await.unwrap();
    assert_eq!(pins().len(), 1);
}
