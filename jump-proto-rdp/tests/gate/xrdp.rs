//! xrdp, which knows TLS only: it gets the password in the Client Info PDU.

use std::time::Duration;

use jump_core::session::SessionPermission;
use jump_playback::survey;
use jump_proto_rdp::recording::{Player, ScreenDecoder};
use jump_testkit::canary;
use jump_testkit::rdp::{PASSWORD, RdpServer, USER, XrdpBackend};

use super::corpus;
use super::desktop::{Desk, Terminal};
use super::harness::{Item, login, soon};
use super::native::mostly;
use super::recorded::Written;

/// What a new session shows.
const BLUE: [u8; 3] = [0x20, 0x40, 0x60];

#[tokio::test(flavor = "multi_thread")]
async fn xrdp_logs_in_with_the_injected_password_and_is_recorded() {
    for backend in [XrdpBackend::Xvnc, XrdpBackend::Xorg] {
        let server = RdpServer::xrdp(backend).await.unwrap();
        let desk = Desk::new().await;
        let (address, gate) = Item::new(server.address()).port(login(USER, PASSWORD)).await;
        // The channels of a real server: clipboard, sound, drives.
        let client = desk.xfreerdp(address, &["/u:rep", "/p:wrong", "+clipboard", "/sound"]);
        let shown = desk.screen.until_shown(|picture| mostly(picture, BLUE)).await;
        assert!(
            shown.is_ok(),
            "{backend:?}: {}\n{}",
            client.output(),
            server.log()
        );
        let mut terminal = Terminal::on(&server).await;
        let white = desk.screen.until_shown(|picture| mostly(picture, [255; 3])).await;
        assert!(white.is_ok(), "{backend:?}: {}", client.output());
        desk.type_text("typed through the gate").await;
        assert_eq!(terminal.line().await.unwrap(), "typed through the gate\n");
        let gone = desk.screen.until_shown(|picture| mostly(picture, BLUE)).await;
        assert!(gone.is_ok(), "{backend:?}: {}", client.output());

        let gate = soon(gate).await.unwrap();
        drop(client);
        let records = gate.records.clone();
        gate.end().await;
        let records = records.lock().unwrap().clone();
        let bytes: Vec<u8> = records
            .iter()
            .flat_map(|record| record.payload.to_vec())
            .collect();
        for secret in [PASSWORD.as_bytes(), b"wrong-password-of-the-rep"] {
            assert_eq!(canary::find(&bytes, secret), [], "{backend:?}");
        }
        corpus::write(&records, &format!("xrdp-{backend:?}").to_lowercase());
        let written = Written::new(&records);
        let found = survey::<ScreenDecoder>(written.open().unwrap()).unwrap();
        assert!(found.updates > 3 && found.missing == 0, "{found:?}");
        let mut player = Player::new(written.open().unwrap());
        player.play_to(Duration::MAX, &mut |_, _| {}).unwrap();
        let picture = player.screen().screen().unwrap();
        let blue = picture.rgba.as_chunks::<4>().0.iter().filter(|[r, g, b, _]| {
            r.abs_diff(BLUE[0]) < 12 && g.abs_diff(BLUE[1]) < 12 && b.abs_diff(BLUE[2]) < 12
        });
        assert!(blue.count() * 2 > picture.rgba.len() / 4, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn xrdp_gets_no_clipboard_where_it_is_not_permitted() {
    for permitted in [false, true] {
        let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
        let desk = Desk::new().await;
        let mut item = Item::new(server.address());
        if !permitted {
            item = item.denied(&[
                SessionPermission::ClipboardToTarget,
                SessionPermission::ClipboardFromTarget,
            ]);
        }
        let (address, gate) = item.port(login(USER, PASSWORD)).await;
        let client = desk.xfreerdp(address, &["/u:rep", "/p:x", "+clipboard"]);
        let shown = desk.screen.until_shown(|picture| mostly(picture, BLUE)).await;
        assert!(shown.is_ok(), "{}\n{}", client.output(), server.log());
        let gate = soon(gate).await.unwrap();
        let records = gate.records.clone();
        // The client's first words on the channel: CB_CLIP_CAPS (MS-RDPECLIP §2.2.2.1).
        let capabilities = [7, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0];
        let spoken = || {
            let records = records.lock().unwrap();
            let mut payloads = records.iter().map(|record| &record.payload);
            payloads.any(|bytes| bytes.windows(12).any(|part| part == capabilities))
        };
        if permitted {
            soon(async {
                while !spoken() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await;
        }
        drop(client);
        let (_, events) = gate.end().await;
        assert_eq!(spoken(), permitted, "what passed on the channel of the clipboard");
        let refused = format!("{events:?}").contains("the clipboard");
        assert_eq!(refused, !permitted, "{events:?}");
    }
}
