//! Servers that stop, flood, or are used by many at once.

use std::sync::Arc;

use jump_core::ErrorKind;
use jump_core::protocol::{Keysym, PointerButtons, ScreenEvent, ScreenSession};
use jump_testkit::memory::resident_kib;
use jump_testkit::vnc::VncServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::screen::{dump, in_time, options, run, session, shows};
use crate::scripted::scripted;

/// An update of the whole screen, Raw.
const UPDATE: [u8; 24] = [
    0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 10, 20, 30, 0, 40, 50, 60, 0,
];

#[tokio::test]
async fn a_server_that_closes_between_messages_ends_the_session_in_order() {
    let (session, mut far) = scripted([2, 1], options()).await;
    far.write_all(&UPDATE).await.unwrap();
    drop(far);
    in_time(session.painted()).await.unwrap();
    let frame = session.frame().await.unwrap();
    assert_eq!(frame.pixels(), [10, 20, 30, 255, 40, 50, 60, 255]);
    drop(frame);
    assert!(matches!(
        session.next_event().await.unwrap(),
        Some(ScreenEvent::Damage(_))
    ));
    assert_eq!(in_time(session.next_event()).await.unwrap(), None);
    let error = session.key(Keysym::of('a'), true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_server_that_is_cut_within_an_update_is_an_error() {
    for length in [1, 3, 4, 15, 23] {
        let (session, mut far) = scripted([2, 1], options()).await;
        far.write_all(&UPDATE[..length]).await.unwrap();
        drop(far);
        let error = in_time(session.painted()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network, "{error}");
        while let Ok(event) = in_time(session.next_event()).await {
            assert!(event.is_some(), "this is no end in order");
        }
    }
}

#[tokio::test]
async fn nonsense_of_a_server_is_an_error() {
    let (session, mut far) = scripted([2, 1], options()).await;
    far.write_all(&[77]).await.unwrap();
    let error = in_time(session.next_event()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_no_events_holds_only_the_newest() {
    let (session, far) = scripted([2, 1], options()).await;
    let (mut from_client, mut to_client) = tokio::io::split(far);
    let drain = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut tokio::io::sink()).await });
    let text = vec![b'x'; 100_000];
    let mut flood = vec![3, 0, 0, 0];
    flood.extend(100_000u32.to_be_bytes());
    flood.extend(&text);
    flood.push(2);
    flood.extend(UPDATE);
    let mut before = 0;
    for turn in 0..1500 {
        to_client.write_all(&flood).await.unwrap();
        if turn == 100 {
            before = resident_kib(std::process::id()).unwrap();
        }
    }
    let after = resident_kib(std::process::id()).unwrap();
    assert!(after < before + 40_000, "{before} KiB became {after} KiB");
    drop(to_client);
    drain.abort();
    let _ = drain.await;
    let mut events = Vec::new();
    while let Some(event) = in_time(session.next_event()).await.unwrap() {
        events.push(event);
    }
    // The flood may still be arriving while it is read: three kinds, and each may have come once more.
    assert!(events.len() <= 64, "{}", events.len());
    assert!(events.contains(&ScreenEvent::Bell));
}

#[tokio::test]
async fn what_is_held_is_let_go_when_a_session_is_closed_or_dropped() {
    for closed in [true, false] {
        let (session, mut far) = scripted([2, 1], options()).await;
        for (key, pressed) in [(0xffe1, true), (0x61, true), (0x61, false)] {
            session.key(Keysym(key), pressed).await.unwrap();
        }
        session.pointer(1, 0, PointerButtons::LEFT).await.unwrap();
        let reading = tokio::spawn(async move {
            let mut sent = Vec::new();
            far.read_to_end(&mut sent).await.unwrap();
            sent
        });
        if closed {
            session.close().await.unwrap();
        }
        drop(session);
        let sent = in_time(reading).await.unwrap();
        let up = [&[4, 0, 0, 0, 0, 0, 0xff, 0xe1][..], &[5, 0, 0, 1, 0, 0]].concat();
        assert!(sent.ends_with(&up), "{sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn s27_a_storm_of_sizes_is_taken_at_ten_a_second() {
    let (session, far) = scripted([2, 1], options()).await;
    let (mut from_client, mut to_client) = tokio::io::split(far);
    let drain = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut tokio::io::sink()).await });
    let size = |width: u16| {
        let mut update = vec![0, 0, 0, 1, 0, 0, 0, 0];
        update.extend(width.to_be_bytes());
        update.extend([0, 1]);
        update.extend((-223_i32).to_be_bytes());
        update
    };
    let storm: Vec<u8> = (0..1000)
        .flat_map(|turn| size(3 + turn % 2))
        .chain(size(7))
        .collect();
    let started = tokio::time::Instant::now();
    to_client.write_all(&storm).await.unwrap();
    let last = ScreenEvent::Resized { width: 7, height: 1 };
    while session.next_event().await.unwrap() != Some(last.clone()) {}
    // What the paused clock says, not this machine.
    assert!(started.elapsed() >= std::time::Duration::from_secs(98));
    drain.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_use_one_session() {
    let server = VncServer::tigervnc("None").await.unwrap();
    let session: Arc<dyn ScreenSession> = session(&server).await.into();
    let tasks: Vec<_> = (0..8u32)
        .map(|task| {
            let session = session.clone();
            tokio::spawn(async move {
                for turn in 0..200 {
                    let shift = Keysym(0xffe1);
                    session.key(shift, turn % 2 == 0).await.unwrap();
                    session
                        .pointer(task * 9 + turn, turn, PointerButtons::NONE)
                        .await
                        .unwrap();
                    assert_eq!(session.frame().await.unwrap().width(), 640);
                    session.set_clipboard(&format!("{task} {turn}")).await.unwrap();
                }
                session.resize(640, 480).await.unwrap();
                session.screenshot().await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        in_time(task).await.unwrap();
    }
    run(&server, "xsetroot", &["-mod", "5", "7"]).await;
    shows(&*session, &dump(&server).await).await;
}
