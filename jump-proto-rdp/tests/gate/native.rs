//! An unmodified xfreerdp through the gate.

use jump_core::protocol::SessionEvent;
use jump_core::session::{EndReason, SessionPermission};
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER};
use jump_testkit::vnc::Picture;

use super::desktop::{Desk, ORANGE, Terminal, orange};
use super::harness::{Item, login, soon};

/// Whether most of the picture has this colour; RemoteFX loses a little.
pub(crate) fn mostly(picture: &Picture, [red, green, blue]: [u8; 3]) -> bool {
    let near = |one: u8, other: u8| one.abs_diff(other) < 12;
    let same = picture
        .pixels
        .iter()
        .filter(|[r, g, b, _]| near(*r, red) && near(*g, green) && near(*b, blue));
    same.count() * 2 > picture.pixels.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_client_sees_the_desktop_without_the_password() {
    for security in [ShadowSecurity::Tls, ShadowSecurity::Nla] {
        let shadow = orange(security).await;
        let desk = Desk::new().await;
        let (address, gate) = Item::new(shadow.address()).port(login(USER, PASSWORD)).await;
        let client = desk.xfreerdp(address, &["/u:rep", "/p:wrong"]);
        let shown = desk.screen.until_shown(|picture| mostly(picture, ORANGE)).await;
        if shown.is_err() {
            panic!("{security:?}: {}\n{}", client.output(), shadow.log());
        }
        drop(client);
        let (outcome, events) = soon(gate).await.unwrap().end().await;
        assert!(
            matches!(outcome.reason, EndReason::RepClosed | EndReason::RepLost),
            "{outcome:?}"
        );
        assert!(
            matches!(
                &events[..],
                [
                    SessionEvent::CertificateFirstSeen { .. },
                    SessionEvent::CredentialInjected { .. },
                    ..
                ]
            ),
            "{events:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_arrives_unless_the_session_may_only_be_viewed() {
    for arguments in [&["/u:rep", "/p:x"][..], &["/u:rep", "/p:x", "-fast-path"]] {
        let shadow = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
        let desk = Desk::new().await;
        let mut terminal = Terminal::on(&shadow).await;
        let item = Item::new(shadow.address());
        for (item, text) in [
            (item.clone().denied(&[SessionPermission::KeyboardMouse]), "bad"),
            (item, "good"),
        ] {
            let (address, gate) = item.port(login(USER, PASSWORD)).await;
            let client = desk.xfreerdp(address, arguments);
            // The terminal is white.
            let shown = desk.screen.until_shown(|picture| mostly(picture, [255; 3])).await;
            if shown.is_err() {
                panic!("{}\n{}", client.output(), shadow.log());
            }
            desk.type_text(text).await;
            if text == "good" {
                assert_eq!(terminal.line().await.unwrap(), "good\n");
            }
            drop(client);
            let (_, events) = soon(gate).await.unwrap().end().await;
            let refused = events.iter().any(
                |event| matches!(event, SessionEvent::RequestRefused { what } if what == "keys and pointer"),
            );
            assert_eq!(refused, text == "bad", "{events:?}");
        }
    }
}
