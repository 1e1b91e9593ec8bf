//! What is said about a session is kept, also when it could not be kept at once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::accounting::{ended, event};
use super::scene::{Peer, Scene, a_key, by_berlin, jumpoint, settle};
use crate::audit::{Actor, AuditKind};
use crate::control::Notice;
use crate::error::ErrorKind;
use crate::id::SessionId;
use crate::model::{Change, Jumpoint};
use crate::protocol::{Outcome, SessionEvent};
use crate::session::EndReason;
use crate::store::{SessionState, Store};

/// Longer than a broker waits before it tries again; the clock of these tests is the runtime's, and stands still.
const A_WHILE: Duration = Duration::from_secs(5);

fn outcome() -> Outcome {
    Outcome {
        reason: EndReason::RepClosed,
        bytes_from_rep: 1,
        bytes_from_target: 2,
    }
}

async fn session(scene: &Scene) -> (SessionId, Peer, Peer) {
    let (berlin, rep) = (scene.connect_jumpoint(), Peer::new());
    scene.jump(&rep).await.unwrap();
    (scene.broker.live_sessions()[0], berlin, rep)
}

async fn state(scene: &Scene, session: SessionId) -> SessionState {
    scene.store.session(session).await.unwrap().unwrap().state
}

fn is_end(kind: &AuditKind) -> bool {
    matches!(kind, AuditKind::SessionEnded { .. })
}

#[tokio::test(start_paused = true)]
async fn f18_an_end_that_could_not_be_stored_is_stored_later() {
    let scene = Scene::new().await;
    let (session, _berlin, _rep) = session(&scene).await;
    scene.store.refuses_sessions.store(true, Ordering::Relaxed);
    let error = ended(&scene.broker, by_berlin(), session, outcome(), None)
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Storage,
        "nothing is confirmed that is not stored"
    );
    let again = ended(&scene.broker, by_berlin(), session, outcome(), None)
        .await
        .unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Storage);
    tokio::time::sleep(A_WHILE).await;
    assert!(state(&scene, session).await.is_active());
    scene.store.refuses_sessions.store(false, Ordering::Relaxed);
    tokio::time::sleep(A_WHILE).await;
    let SessionState::Ended {
        reason,
        bytes_from_target,
        ..
    } = state(&scene, session).await
    else {
        panic!("it is active for ever");
    };
    assert_eq!((reason, bytes_from_target), (EndReason::RepClosed, 2));
    assert_eq!(scene.logged(is_end), 1);
    ended(&scene.broker, by_berlin(), session, outcome(), None)
        .await
        .unwrap();
    assert_eq!(scene.logged(is_end), 1);
}

#[tokio::test(start_paused = true)]
async fn f14_an_end_that_could_not_be_logged_is_logged_later_and_once() {
    let scene = Scene::new().await;
    let (session, _berlin, _rep) = session(&scene).await;
    scene.audit.refuses.store(true, Ordering::Relaxed);
    assert!(
        ended(&scene.broker, by_berlin(), session, outcome(), None)
            .await
            .is_err()
    );
    scene.audit.refuses.store(false, Ordering::Relaxed);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(scene.logged(is_end), 1);
    assert!(!state(&scene, session).await.is_active());
}

#[tokio::test]
async fn an_event_that_could_not_be_logged_is_logged_when_it_is_sent_again() {
    let scene = Scene::new().await;
    let (session, _berlin, _rep) = session(&scene).await;
    let report = || event(&scene.broker, by_berlin(), session, 1, SessionEvent::ShellStarted);
    scene.audit.refuses.store(true, Ordering::Relaxed);
    assert!(report().await.is_err());
    scene.audit.refuses.store(false, Ordering::Relaxed);
    report().await.unwrap();
    report().await.unwrap();
    assert_eq!(
        scene.logged(|kind| matches!(kind, AuditKind::SessionEvent { .. })),
        1
    );
}

#[tokio::test]
async fn an_event_that_comes_after_its_session_ended_is_logged() {
    let scene = Scene::new().await;
    let (session, _berlin, _rep) = session(&scene).await;
    ended(&scene.broker, by_berlin(), session, outcome(), None)
        .await
        .unwrap();
    let late = event(&scene.broker, by_berlin(), session, 1, SessionEvent::ShellStarted);
    late.await.unwrap();
    assert_eq!(
        scene.logged(|kind| matches!(kind, AuditKind::SessionEvent { .. })),
        1
    );
    let unknown = SessionId::random().unwrap();
    let never = event(&scene.broker, by_berlin(), unknown, 1, SessionEvent::ShellStarted);
    assert!(never.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_grant_whose_record_could_not_be_stored_has_an_end_in_the_log() {
    let scene = Scene::new().await;
    let (mut berlin, rep) = (scene.connect_jumpoint(), Peer::new());
    scene.store.refuses_sessions.store(true, Ordering::Relaxed);
    let error = scene.jump(&rep).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    scene.store.refuses_sessions.store(false, Ordering::Relaxed);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(
        scene.logged(|kind| matches!(kind, AuditKind::SessionGranted { .. })),
        1
    );
    assert_eq!(scene.logged(is_end), 1);
    assert!(!matches!(berlin.notices.try_recv(), Ok(Notice::Open(_))));
}

#[tokio::test]
async fn jumps_at_once_do_not_pass_the_limit_of_sessions() {
    let scene = std::sync::Arc::new(Scene::new().await);
    let _berlin = scene.connect_jumpoint();
    scene.audit.passes.send_replace(false);
    let mut jumps = Vec::new();
    for _ in 0..100 {
        let scene = scene.clone();
        jumps.push(tokio::spawn(
            async move { scene.jump(&Peer::new()).await.map(|_| ()) },
        ));
    }
    settle().await;
    scene.audit.passes.send_replace(true);
    let mut started = 0;
    for jump in jumps {
        match jump.await.unwrap() {
            Ok(()) => started += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::ResourceLimit, "{error}"),
        }
    }
    assert_eq!(started, 64);
}

#[tokio::test(start_paused = true)]
async fn s10_a_jumpoint_that_enrols_anew_ends_the_sessions_of_its_old_key_at_once() {
    let scene = Scene::new().await;
    let (session, _berlin, mut rep) = session(&scene).await;
    let anew = Jumpoint {
        key: Some(a_key()),
        ..Jumpoint::clone(scene.broker.world().jumpoint(jumpoint()).unwrap())
    };
    scene
        .broker
        .commit(Actor::System, vec![Change::PutJumpoint(anew)])
        .await
        .unwrap();
    let told = tokio::time::timeout(Duration::from_secs(1), rep.notices.recv()).await;
    let Ok(Some(Notice::SessionEnded {
        session: ended,
        reason,
    })) = told
    else {
        panic!("{told:?}");
    };
    assert_eq!(ended, session);
    assert!(matches!(reason, EndReason::AccessRevoked(_)), "{reason:?}");
}
