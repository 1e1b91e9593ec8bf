//! Sessions whose gates reps run themselves: what a rep may say of them, and of nothing else.

use super::super::accounting::{ended, event};
use super::super::presence::{rep_gone, started};
use super::super::reporter::Reporter;
use super::super::sessions::end;
use super::scene::{Peer, Scene, by_berlin, jumpoint, name, settle};
use crate::audit::{Actor, AuditKind, RecordingNote};
use crate::control::{GateReport, Jumped, MAX_FRAME, Notice, RepRequest, Request};
use crate::error::{ErrorKind, Result};
use crate::id::{GroupId, ItemId, LoginId, SessionId, UserId};
use crate::keys::{Sealed, SealingKey};
use crate::model::{Change, Field, Hostname, ItemDetails, JumpItem, Membership, Placement, Role, Vnc};
use crate::protocol::{Outcome, SessionEvent};
use crate::secret::Secret;
use crate::session::{Credential, CredentialBinding, CredentialSecret, EndReason, GatePlace, RecordingMode};
use crate::store::{SessionState, Store};

fn desk() -> ItemId {
    ItemId::new(2).unwrap()
}

fn vnc(change: impl FnOnce(&mut Vnc)) -> JumpItem {
    let mut details = Vnc::default();
    change(&mut details);
    let mut item = JumpItem::new(
        desk(),
        name("desk"),
        Placement::Shared(GroupId::new(1).unwrap()),
        None,
        Hostname::new("10.0.0.7").unwrap(),
        ItemDetails::LocalVnc(details),
    );
    item.recording = RecordingMode::Off;
    item
}

/// The scene with the Local VNC item `desk`.
async fn scene() -> Scene {
    let scene = Scene::new().await;
    put(&scene, vec![Change::PutItem(vnc(|_| {}))]).await;
    scene
}

async fn put(scene: &Scene, changes: Vec<Change>) {
    scene.broker.commit(Actor::System, changes).await.unwrap();
}

async fn jump(scene: &Scene, rep: &Peer) -> Result<Jumped> {
    Scene::jump_to(&scene.broker, &scene.alice, &rep.connection, "desk").await
}

/// A session of alice's that she serves over this connection.
async fn session(scene: &Scene, rep: &Peer) -> SessionId {
    jump(scene, rep).await.unwrap();
    let live = scene.broker.live_sessions();
    let local = |session: &&SessionId| {
        scene.broker.0.sessions.lock().live[*session]
            .record
            .place
            .is_rep()
    };
    *live.iter().find(local).unwrap()
}

fn over<'a>(scene: &'a Scene, rep: &'a Peer) -> Reporter<'a> {
    Reporter::Rep {
        connection: &rep.connection,
        caller: &scene.alice,
    }
}

/// Everything that can be said about a session, as far as it is refused.
async fn refusals(scene: &Scene, reporter: Reporter<'_>, session: SessionId) -> Vec<ErrorKind> {
    let said = [
        started(&scene.broker, reporter, session),
        event(&scene.broker, reporter, session, 1, SessionEvent::ShellStarted).await,
        ended(
            &scene.broker,
            reporter,
            session,
            Outcome::nothing_moved(EndReason::TargetClosed),
            None,
        )
        .await,
    ];
    said.into_iter()
        .filter_map(|said| Some(said.err()?.kind()))
        .collect()
}

#[tokio::test]
async fn v15_a_rep_reports_on_nothing_but_what_it_serves_over_the_same_connection() {
    let scene = scene().await;
    let (rep, other, _berlin) = (Peer::new(), Peer::new(), scene.connect_jumpoint());
    let local = session(&scene, &rep).await;
    scene.jump(&rep).await.unwrap();
    let all = scene.broker.live_sessions();
    let remote = *all.iter().find(|session| **session != local).unwrap();
    let nowhere = SessionId::random().unwrap();
    let logged = scene.logged(|_| true);
    for (reporter, session) in [
        // Her own session through a Jumpoint, over the very connection that started it.
        (over(&scene, &rep), remote),
        // Her own local session, over another connection of hers, which may be another machine's.
        (over(&scene, &other), local),
        (over(&scene, &rep), nowhere),
    ] {
        assert_eq!(
            refusals(&scene, reporter, session).await,
            [ErrorKind::NotFound; 3]
        );
    }
    assert_eq!(
        refusals(&scene, by_berlin(), local).await,
        [ErrorKind::Denied; 3],
        "nor is a rep's session a Jumpoint's"
    );
    assert_eq!(scene.logged(|_| true), logged, "nothing of it is in the log");
    assert_eq!(scene.broker.live_sessions().len(), 2);
    assert_eq!(refusals(&scene, over(&scene, &rep), local).await, []);
}

#[tokio::test]
async fn what_a_rep_says_is_logged_as_its_word() {
    let scene = scene().await;
    let rep = Peer::new();
    let session = session(&scene, &rep).await;
    let known = scene.logged(|_| true);
    let by = over(&scene, &rep);
    started(&scene.broker, by, session).unwrap();
    event(&scene.broker, by, session, 1, SessionEvent::ShellStarted)
        .await
        .unwrap();
    let note = RecordingNote {
        hash: "ab".repeat(32),
        bytes: 7,
        lost: 0,
    };
    let outcome = Outcome {
        reason: EndReason::EndedBy("the administrator".to_owned()),
        bytes_from_rep: 1,
        bytes_from_target: 2,
    };
    ended(&scene.broker, by, session, outcome, Some(note.clone()))
        .await
        .unwrap();
    let word = Actor::Rep {
        user: UserId::new(1).unwrap(),
        name: "alice".to_owned(),
        login: Some(LoginId::new(1).unwrap()),
    };
    let logged = scene.logged_behind(known);
    assert_eq!(logged.len(), 2);
    assert!(logged.iter().all(|event| event.actor == word), "{logged:?}");
    let AuditKind::SessionEnded {
        reason, recording, ..
    } = &logged[1].kind
    else {
        panic!("{logged:?}");
    };
    assert!(
        matches!(
            reason,
            EndReason::Failed {
                kind: ErrorKind::Protocol,
                ..
            }
        ),
        "who ended it is not for the rep to say: {reason:?}"
    );
    assert_eq!(recording.as_ref(), Some(&note));
    let record = scene.store.session(session).await.unwrap().unwrap();
    assert_eq!(record.place, GatePlace::Rep);
    let late = event(&scene.broker, by, session, 2, SessionEvent::ShellStarted).await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::NotFound, "it is over");
}

#[tokio::test]
async fn a_recordings_hash_that_is_none_is_not_taken_from_a_rep() {
    let scene = scene().await;
    let rep = Peer::new();
    let session = session(&scene, &rep).await;
    for hash in ["", "ab", &"g".repeat(64), &"a".repeat(1000)] {
        let note = RecordingNote {
            hash: hash.to_owned(),
            bytes: 7,
            lost: 0,
        };
        let outcome = Outcome::nothing_moved(EndReason::RepClosed);
        let said = ended(&scene.broker, over(&scene, &rep), session, outcome, Some(note)).await;
        assert_eq!(said.unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
    assert_eq!(scene.broker.live_sessions(), [session]);
}

#[tokio::test(start_paused = true)]
async fn s10_a_decision_is_told_to_the_rep_that_serves_and_counts_whatever_the_rep_says() {
    let scene = scene().await;
    let mut rep = Peer::new();
    let session = session(&scene, &rep).await;
    put(&scene, vec![Change::RemoveItem(desk())]).await;
    let notice = rep.notices.recv().await.unwrap();
    let Notice::SessionEnded {
        session: told,
        reason,
    } = notice
    else {
        panic!("{notice:?}");
    };
    assert_eq!(told, session);
    assert!(matches!(reason, EndReason::AccessRevoked(_)));
    let outcome = Outcome {
        reason: EndReason::TargetClosed,
        bytes_from_rep: 1,
        bytes_from_target: 2,
    };
    ended(&scene.broker, over(&scene, &rep), session, outcome, None)
        .await
        .unwrap();
    let SessionState::Ended {
        reason,
        bytes_from_target,
        ..
    } = scene.store.session(session).await.unwrap().unwrap().state
    else {
        panic!("it is not over");
    };
    assert!(matches!(reason, EndReason::AccessRevoked(_)), "{reason:?}");
    assert_eq!(bytes_from_target, 2);
}

#[tokio::test(start_paused = true)]
async fn a_rep_that_does_not_answer_an_end_is_accounted_for_without_it() {
    let scene = scene().await;
    let rep = Peer::new();
    let session = session(&scene, &rep).await;
    let known = scene.logged(|_| true);
    end(&scene.broker, session, EndReason::Expired).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    assert!(scene.broker.live_sessions().is_empty());
    let logged = scene.logged_behind(known);
    assert_eq!(logged.len(), 1);
    assert_eq!(logged[0].actor, Actor::System, "the rep did not say it");
}

#[tokio::test]
async fn the_sessions_that_a_rep_serves_end_with_its_connection_and_no_others() {
    let scene = scene().await;
    let (rep, other, _berlin) = (Peer::new(), Peer::new(), scene.connect_jumpoint());
    let local = session(&scene, &rep).await;
    scene.jump(&rep).await.unwrap();
    Scene::jump_to(&scene.broker, &scene.alice, &other.connection, "desk")
        .await
        .unwrap();
    rep_gone(&scene.broker, &rep.connection).await;
    let live = scene.broker.live_sessions();
    assert_eq!(live.len(), 2);
    assert!(!live.contains(&local));
    let SessionState::Ended { reason, .. } = scene.store.session(local).await.unwrap().unwrap().state else {
        panic!("it is not over");
    };
    assert_eq!(reason, EndReason::RepLost);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_gone_when_its_session_is_granted_gets_none() {
    let scene = scene().await;
    let rep = Peer::new();
    let gone = crate::Error::new(ErrorKind::Network, "read", "it is gone");
    rep.connection.close(&gone);
    assert!(jump(&scene, &rep).await.is_err());
    settle().await;
    assert!(scene.broker.live_sessions().is_empty());
}

#[tokio::test]
async fn a_rep_without_gates_gets_no_session_that_it_would_have_to_serve() {
    let scene = scene().await;
    let rep = Peer::new();
    let jump = RepRequest::Jump {
        item: "desk".to_owned(),
        session_key: super::scene::a_key(),
        credential: None,
        supplied: Default::default(),
        gates: false,
    };
    let said = super::super::request::answer(&scene.broker, &scene.alice, Some(&rep.connection), jump).await;
    assert_eq!(said.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(
        scene.logged(|kind| matches!(kind, AuditKind::SessionGranted { .. })),
        0
    );
}

#[tokio::test]
async fn s14_no_credential_goes_to_a_rep_that_serves_a_session() {
    let scene = scene().await;
    // No verb puts one there; a file that is imported could.
    let key = SealingKey::generate().unwrap();
    let credential = Credential {
        username: String::new(),
        secret: CredentialSecret::Password(Secret::new("canary".to_owned())),
    };
    let binding = CredentialBinding {
        item: desk(),
        jumpoint: jumpoint(),
        target: vnc(|_| {}).credential_target().unwrap(),
    };
    let sealed = credential.seal(&key.public(), &binding).unwrap();
    let text = serde_json::to_string(&sealed).unwrap();
    assert!(serde_json::from_str::<Sealed>(&text).is_ok());
    put(
        &scene,
        vec![Change::PutItem(vnc(|vnc| vnc.credential = Some(sealed)))],
    )
    .await;
    let rep = Peer::new();
    let jumped = jump(&scene, &rep).await.unwrap();
    let said = serde_json::to_string(&jumped).unwrap();
    assert!(!said.contains(text.trim_matches('"')) && jumped.ticket.is_none());
    let named = super::super::jump::Wanted {
        item: "desk",
        credential: Some("root"),
        supplied: &Default::default(),
        gates: true,
    };
    let key = super::scene::a_key();
    let said = super::super::jump::jump(&scene.broker, &scene.alice, &rep.connection, named, key).await;
    assert_eq!(said.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn a_rep_that_says_too_much_loses_its_session() {
    let scene = scene().await;
    let rep = Peer::new();
    for events in [vec!["x".to_owned(); 1001], vec!["x".repeat(40 * 1024)]] {
        let session = session(&scene, &rep).await;
        let (most, by) = (events.len() as u64, over(&scene, &rep));
        for (number, command) in (1..).zip(events) {
            let said = event(
                &scene.broker,
                by,
                session,
                number,
                SessionEvent::CommandStarted { command },
            )
            .await;
            assert_eq!(said.is_err(), number == most, "{number}");
        }
        let why = scene.broker.0.sessions.lock().live[&session].ending.clone();
        assert!(
            matches!(
                &why,
                Some(EndReason::Failed {
                    kind: ErrorKind::ResourceLimit,
                    ..
                })
            ),
            "{why:?}"
        );
        rep_gone(&scene.broker, &rep.connection).await;
    }
}

#[tokio::test]
async fn what_a_rep_sees_first_is_pinned_only_if_its_user_may_change_what_the_target_must_prove() {
    for (role, pins) in [(Role::ADMINISTRATOR, 1), (Role::START_SESSIONS_ONLY, 0)] {
        let scene = scene().await;
        let (user, group) = (UserId::new(1).unwrap(), GroupId::new(1).unwrap());
        put(
            &scene,
            vec![
                Change::PutItem(vnc(|vnc| vnc.trust_first_certificate = true)),
                Change::PutMembership(Membership {
                    user,
                    group,
                    role: Some(role),
                    policy: None,
                }),
            ],
        )
        .await;
        let rep = Peer::new();
        let session = session(&scene, &rep).await;
        let seen = SessionEvent::CertificateFirstSeen {
            sha256: Field::new("ab".repeat(32)).unwrap(),
        };
        event(&scene.broker, over(&scene, &rep), session, 1, seen)
            .await
            .unwrap();
        let world = scene.broker.world();
        let ItemDetails::LocalVnc(vnc) = &world.item(desk()).unwrap().details else {
            panic!()
        };
        assert_eq!(vnc.pinned_certificates.len(), pins);
        assert_eq!(
            scene.logged(|kind| matches!(kind, AuditKind::SessionEvent { .. })),
            1
        );
    }
}

#[test]
fn a_reps_report_is_one_flat_message_and_nothing_else_is_read() {
    let session = SessionId::from_bytes([5; 16]);
    let report = RepRequest::Gate(GateReport::Event {
        session,
        number: 1,
        event: SessionEvent::ShellStarted,
    });
    let text = serde_json::to_string(&Request::Rep(report)).unwrap();
    assert!(text.len() < MAX_FRAME);
    assert!(serde_json::from_str::<Request>(&text).is_ok(), "{text}");
    let more = text.replacen("\"number\":1", "\"number\":1,\"jumpoint\":1", 1);
    assert!(serde_json::from_str::<Request>(&more).is_err(), "{more}");
    let unknown = text.replace("\"event\"", "\"weather\"");
    assert!(serde_json::from_str::<Request>(&unknown).is_err(), "{unknown}");
}
