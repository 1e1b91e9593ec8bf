//! What is played in a session.

use jump_proto_rdp::client::{SoundEvent, sound};
use jump_testkit::rdp::{RdpServer, XrdpBackend};

use crate::screen::{in_time, options, session_with};

/// Forty pieces of xrdp's. With fifty and more it leaves out some if it finds a client slow.
const BYTES: usize = 40 * 8192;

/// Samples that are different everywhere.
fn tune() -> Vec<i16> {
    (0..BYTES / 2)
        .map(|place| (place as i16).wrapping_mul(31).wrapping_add(place as i16 >> 3))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_played_comes_as_samples_and_nothing_is_missing() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let (sink, mut reader) = sound();
    let session = session_with(&server, options(&server).sound(sink)).await;
    let tune = tune();
    let bytes: Vec<u8> = tune.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    in_time(server.play(&bytes)).await.unwrap();
    let mut heard = Vec::new();
    loop {
        match in_time(reader.next()).await.unwrap() {
            SoundEvent::Samples(samples) => {
                assert_eq!((samples.rate, samples.channels), (44_100, 2));
                heard.extend(samples.samples);
            }
            SoundEvent::Stopped => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(heard == tune, "{} samples of {}", heard.len(), tune.len());
    session.close().await.unwrap();
    assert_eq!(in_time(reader.next()).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_listens_to_goes_on() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let (sink, reader) = sound();
    let session = session_with(&server, options(&server).sound(sink)).await;
    in_time(session.painted()).await.unwrap();
    drop(reader);
    // More than waits for a reader.
    in_time(server.play(&vec![1; 3 << 20])).await.unwrap();
    session.set_clipboard("still there").await.unwrap();
    in_time(async {
        loop {
            let pasted = server.run("xclip", &["-selection", "clipboard", "-out"]).await;
            if pasted.is_ok_and(|pasted| pasted == b"still there") {
                return;
            }
        }
    })
    .await;
}
