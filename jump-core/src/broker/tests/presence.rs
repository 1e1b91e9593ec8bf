//! Jumpoints that come, go and come back, and what becomes of their sessions.

use std::time::Duration;

use super::super::jumpoint_link::JumpointHandler;
use super::super::presence::{reconcile, start_lease, started};
use super::super::sessions::end;
use super::super::{Broker, lock};
use super::scene::{Peer, Scene, by_berlin, jumpoint, settle};
use crate::control::{Handler, Notice};
use crate::error::ErrorKind;
use crate::id::SessionId;
use crate::session::EndReason;

async fn told_to_end(peer: &mut Peer) -> Option<SessionId> {
    loop {
        match tokio::time::timeout(Duration::from_millis(100), peer.notices.recv()).await {
            Ok(Some(Notice::End { session, .. })) => return Some(session),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

fn disconnect(broker: &Broker) {
    lock(&broker.0.jumpoints).remove(&jumpoint());
}

#[tokio::test(start_paused = true)]
async fn a_jumpoint_that_comes_back_is_told_of_the_sessions_that_were_ended_meanwhile() {
    let scene = Scene::new().await;
    // A connection that is dead without anybody having noticed.
    let (_dead, rep) = (scene.connect_jumpoint(), Peer::new());
    scene.jump(&rep).await.unwrap();
    let session = scene.broker.live_sessions()[0];
    end(&scene.broker, session, EndReason::EndedBy("admin".into())).unwrap();
    let mut back = scene.connect_jumpoint();
    reconcile(&scene.broker, &[session], &[session], &back.connection).await;
    assert_eq!(told_to_end(&mut back).await, Some(session));
}

#[tokio::test(start_paused = true)]
async fn a_jumpoint_with_a_thousand_unknown_sessions_is_told_of_each_and_stays_connected() {
    let scene = Scene::new().await;
    let mut berlin = scene.connect_jumpoint();
    let unknown: Vec<SessionId> = (0..1000).map(|_| SessionId::random().unwrap()).collect();
    reconcile(&scene.broker, &[], &unknown, &berlin.connection).await;
    for session in unknown {
        assert_eq!(told_to_end(&mut berlin).await, Some(session));
    }
    assert!(!berlin.connection.is_closed());
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_an_earlier_absence_ends_nothing_in_a_later_one() {
    let scene = Scene::new().await;
    let (_first, rep) = (scene.connect_jumpoint(), Peer::new());
    scene.jump(&rep).await.unwrap();
    let session = scene.broker.live_sessions()[0];
    started(&scene.broker, by_berlin(), session).unwrap();
    disconnect(&scene.broker);
    start_lease(&scene.broker, jumpoint());
    tokio::time::sleep(Duration::from_secs(50)).await;
    let _back = scene.connect_jumpoint();
    tokio::time::sleep(Duration::from_secs(9)).await;
    disconnect(&scene.broker);
    start_lease(&scene.broker, jumpoint());
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(
        scene.broker.live_sessions(),
        [session],
        "it was away for half the lease"
    );
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert!(scene.broker.live_sessions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_broker_does_not_know_is_ended_when_its_start_is_reported() {
    let scene = Scene::new().await;
    let mut berlin = scene.connect_jumpoint();
    let unknown = SessionId::random().unwrap();
    let _ = started(&scene.broker, by_berlin(), unknown);
    assert_eq!(told_to_end(&mut berlin).await, Some(unknown));
}

#[tokio::test(start_paused = true)]
async fn a_jump_through_a_connection_that_was_replaced_meanwhile_fails_at_once() {
    let scene = std::sync::Arc::new(Scene::new().await);
    let _first = scene.connect_jumpoint();
    scene.audit.passes.send_replace(false);
    let jumping = tokio::spawn({
        let scene = scene.clone();
        async move { scene.jump(&Peer::new()).await.map(|_| ()) }
    });
    settle().await;
    let _second = scene.connect_jumpoint();
    scene.audit.passes.send_replace(true);
    let error = jumping.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn v90_an_older_connection_that_breaks_the_protocol_does_not_take_the_newer_one_with_it() {
    let scene = Scene::new().await;
    let older = JumpointHandler {
        broker: scene.broker.clone(),
        jumpoint: jumpoint(),
    };
    let (broken, newer) = (Peer::new(), scene.connect_jumpoint());
    let session = SessionId::random().unwrap();
    let reason = EndReason::RepLost;
    let notice = Notice::SessionEnded { session, reason };
    older.notice(&broken.connection, notice).await;
    assert!(broken.connection.is_closed() && !newer.connection.is_closed());
}
