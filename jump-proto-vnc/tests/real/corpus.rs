//! Seeds for the fuzzer.

use jump_proto_vnc::walk::ServerMessageKind;
use jump_proto_vnc::wire::{Encoding, PixelFormat, Rectangle};

use super::makes::Make;

/// Writes the first update of a new connection, whose streams are fresh, where the corpus is made.
pub(crate) async fn record(make: &Make, format: PixelFormat, encodings: &[Encoding], name: &str) {
    let Some(folder) = std::env::var_os("JUMP_VNC_RECORD") else {
        return;
    };
    let mut viewer = make.viewer().await;
    viewer.prepare(format, encodings).await;
    let part = Rectangle {
        x: 0,
        y: 0,
        width: 100,
        height: 60,
    };
    viewer.ask(false, part).await;
    let (kind, message) = viewer.next().await.unwrap();
    assert_eq!(kind, ServerMessageKind::FramebufferUpdate);
    for (target, rest) in [("rfb_update", &message[2..]), ("rfb_walker", &message[..])] {
        let folder = std::path::Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).unwrap();
        let bytes = [&[63][..], &format.to_bytes(), rest].concat();
        assert!(bytes.len() < 64 * 1024);
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
