//! What a Jumpoint refuses before a single byte of a session flows.

use std::sync::Arc;

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};

use super::session::{Served, admit};
use super::{Jumpoint, JumpointIdentity};
use crate::access::{Action, Context, decide};
use crate::control::{
    BrokerEndpoint, Connection, FrameDecoder, Handler, Heartbeat, JumpointRequest, MAX_FRAME, Notice,
    OpenSession, Request, Response,
};
use crate::error::{ErrorKind, Result};
use crate::id::{GroupId, ItemId, JumpointId, SessionId, UserId};
use crate::keys::{PublicKey, SigningKey};
use crate::model::{
    Change, Hostname, ItemDetails, JumpGroup, JumpItem, JumpMethods, Jumpoint as JumpointRecord, Membership,
    Name, Placement, Role, ShellJump, User, UserName, World,
};
use crate::protocol::Registry;
use crate::serving::Outbox;
use crate::session::{EndReason, Grant};
use crate::time::{ManualClock, SignedDuration, Timestamp};
use crate::tunnel::{Party, Ticket};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

struct Scene {
    broker: SigningKey,
    clock: Arc<ManualClock>,
    served: Served,
}

fn scene() -> Scene {
    let broker = SigningKey::generate().unwrap();
    let clock = Arc::new(ManualClock::new(NOW));
    let endpoint = BrokerEndpoint {
        address: "broker".into(),
        key: broker.public(),
    };
    let jumpoint = Jumpoint::builder(JumpointIdentity::generate().unwrap(), endpoint, Registry::new())
        .clock(clock.clone())
        .build();
    let served = Served {
        jumpoint,
        id: Some(JumpointId::new(1).unwrap()),
        session_key: SigningKey::generate().unwrap(),
        recordings: None,
        outbox: outbox(watch::channel(None).1),
    };
    Scene {
        broker,
        clock,
        served,
    }
}

fn outbox(current: watch::Receiver<Option<Connection>>) -> Outbox {
    Outbox::new(current, |report| Request::Jumpoint(report.into()))
}

/// A session that a broker with this key opens for Jumpoint `jumpoint` and this connection key.
fn open(broker: &SigningKey, jumpoint: u32, connection: PublicKey) -> OpenSession {
    open_for(broker, jumpoint, connection, None)
}

/// The same on an item whose sessions last so many seconds.
fn open_for(
    broker: &SigningKey,
    jumpoint: u32,
    connection: PublicKey,
    max_duration_seconds: Option<u32>,
) -> OpenSession {
    let (user, group, item) = (
        UserId::new(1).unwrap(),
        GroupId::new(1).unwrap(),
        ItemId::new(1).unwrap(),
    );
    let jumpoint = JumpointId::new(jumpoint).unwrap();
    let mut alice = User::new(user, UserName::new("alice").unwrap());
    alice.allowed_methods = Some(JumpMethods::all());
    let shell = JumpItem {
        id: item,
        name: Name::new("web-1").unwrap(),
        placement: Placement::Shared(group),
        jumpoint: Some(jumpoint),
        hostname: Hostname::new("10.0.0.5").unwrap(),
        tag: Default::default(),
        comments: Default::default(),
        jump_policy: None,
        session_policy: None,
        copy_of: None,
        recording: Default::default(),
        max_duration_seconds,
        details: ItemDetails::ShellJump(ShellJump::ssh(22)),
    };
    let mut world = World::new().unwrap();
    world
        .apply(&[
            Change::PutUser(alice),
            Change::PutGroup(JumpGroup {
                id: group,
                name: Name::new("web").unwrap(),
                code_name: None,
                comments: Default::default(),
            }),
            Change::PutJumpoint(JumpointRecord::new(jumpoint, Name::new("berlin").unwrap())),
            Change::PutItem(shell.clone()),
            Change::PutMembership(Membership {
                user,
                group,
                role: Some(Role::START_SESSIONS_ONLY),
                policy: None,
            }),
            Change::GrantJumpoint { user, jumpoint },
        ])
        .unwrap();
    let (_, allowed) = decide(&world, user, item, Action::Start, &Context::default(), NOW);
    let rep = SigningKey::generate().unwrap().public();
    let session = SessionId::random().unwrap();
    let grant = Grant::issue(session, &allowed.unwrap(), &shell, rep, connection, NOW).unwrap();
    let ticket = Ticket::new(session, Party::Jumpoint, NOW + SignedDuration::from_secs(30)).unwrap();
    OpenSession {
        grant: grant.sign(broker).unwrap(),
        ticket: ticket.sign(broker),
        relay: None,
        credential: None,
    }
}

fn refusal(scene: &Scene, open: &OpenSession) -> (ErrorKind, String) {
    let error = admit(&scene.served, open).map(|_| ()).unwrap_err();
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn a_good_grant_is_admitted_once_and_a_replay_is_refused() {
    let scene = scene();
    let open = open(&scene.broker, 1, scene.served.session_key.public());
    assert!(admit(&scene.served, &open).is_ok());
    let (kind, message) = refusal(&scene, &open);
    assert_eq!(kind, ErrorKind::Grant);
    assert!(message.contains("used before"), "{message}");
}

#[tokio::test]
async fn a_replay_is_refused_even_after_the_session_ended() {
    let scene = scene();
    let open = open(&scene.broker, 1, scene.served.session_key.public());
    assert!(admit(&scene.served, &open).is_ok());
    super::session::lock(&scene.served.jumpoint.0.sessions).clear();
    scene.clock.set(NOW + SignedDuration::from_secs(50));
    assert_eq!(refusal(&scene, &open).0, ErrorKind::Grant);
}

#[tokio::test]
async fn a_grant_for_another_jumpoint_or_another_connection_is_refused() {
    let scene = scene();
    let other = open(&scene.broker, 2, scene.served.session_key.public());
    assert!(refusal(&scene, &other).1.contains("another jumpoint"));
    let elsewhere = open(&scene.broker, 1, SigningKey::generate().unwrap().public());
    assert!(refusal(&scene, &elsewhere).1.contains("another connection"));
}

#[tokio::test]
async fn a_grant_that_another_key_signed_is_refused() {
    let scene = scene();
    let forger = SigningKey::generate().unwrap();
    let forged = open(&forger, 1, scene.served.session_key.public());
    assert_eq!(refusal(&scene, &forged).0, ErrorKind::Grant);
}

#[tokio::test]
async fn s07_an_expired_grant_is_refused_and_a_clock_that_is_far_off_is_named() {
    let scene = scene();
    let open = open(&scene.broker, 1, scene.served.session_key.public());
    scene.clock.set(NOW + SignedDuration::from_mins(10));
    assert!(refusal(&scene, &open).1.contains("expired"));
    scene.clock.set(NOW - SignedDuration::from_mins(10));
    let (kind, message) = refusal(&scene, &open);
    assert_eq!(kind, ErrorKind::ClockSkew, "{message}");
    scene.clock.set(NOW + SignedDuration::from_mins(4));
    assert!(admit(&scene.served, &open).is_ok(), "four minutes are tolerated");
}

#[tokio::test]
async fn a_changed_grant_is_refused_at_every_byte() {
    let scene = scene();
    let open = open(&scene.broker, 1, scene.served.session_key.public());
    let json = serde_json::to_value(&open.grant).unwrap();
    let payload = json["payload"].as_str().unwrap().to_owned();
    for index in (0..payload.len()).step_by(7) {
        let mut changed = payload.clone().into_bytes();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        let mut json = json.clone();
        json["payload"] = String::from_utf8(changed).unwrap().into();
        if json["payload"] == payload.as_str() {
            continue;
        }
        let Ok(grant) = serde_json::from_value(json) else {
            continue;
        };
        assert_eq!(
            refusal(
                &scene,
                &OpenSession {
                    grant,
                    ..open.clone()
                }
            )
            .0,
            ErrorKind::Grant
        );
    }
}

#[tokio::test]
async fn s07_a_short_session_starts_with_any_tolerated_difference_of_the_clocks() {
    for minutes in [-4, 0, 4] {
        let scene = scene();
        let open = open_for(&scene.broker, 1, scene.served.session_key.public(), Some(60));
        scene.clock.set(NOW + SignedDuration::from_mins(minutes));
        let admitted = admit(&scene.served, &open).map_err(|error| error.to_string());
        assert_eq!(
            admitted.map(|admitted| admitted.lasts()),
            Ok(Duration::from_secs(60))
        );
    }
}

/// The broker's end of a connection: keeps what it is told.
#[derive(Debug)]
struct Told(mpsc::Sender<JumpointRequest>);

#[async_trait]
impl Handler for Told {
    async fn request(&self, _: &Connection, request: Request) -> Result<Response> {
        if let Request::Jumpoint(request) = request {
            let _ = self.0.send(request).await;
        }
        Ok(Response::Done)
    }

    async fn notice(&self, _: &Connection, _: Notice) {}
}

#[tokio::test]
async fn a_session_that_is_not_admitted_is_reported_with_the_reason() {
    let mut scene = scene();
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let (sender, mut told) = mpsc::channel(8);
    let start = |stream, handler: Arc<dyn Handler>| {
        Connection::start(
            stream,
            FrameDecoder::new(MAX_FRAME),
            handler,
            Heartbeat::default(),
        )
    };
    let handler = Arc::new(Told(sender));
    let _broker = start(theirs, handler.clone());
    let (_current, watcher) = watch::channel(Some(start(ours, handler)));
    scene.served.outbox = outbox(watcher);
    let open = open(&scene.broker, 1, scene.served.session_key.public());
    scene.clock.set(NOW - SignedDuration::from_mins(10));
    let served = Arc::new(scene.served);
    super::link::open(&served, open.clone());
    let Some(JumpointRequest::SessionEnded { outcome, .. }) = told.recv().await else {
        panic!("nothing was reported");
    };
    assert!(matches!(
        outcome.reason,
        EndReason::Failed {
            kind: ErrorKind::ClockSkew,
            ..
        }
    ));

    // A replay says nothing about the session that runs.
    scene.clock.set(NOW);
    let admitted = admit(&served, &open).unwrap();
    super::link::open(&served, open);
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(told.try_recv().is_err());
    drop(admitted);
}
