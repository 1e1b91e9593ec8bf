//! Broker, Jumpoint and rep together: what is granted works, what is not is refused with its reason, and what is
//! taken away stops at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jump_core::ErrorKind;
use jump_core::audit::{Actor, AuditKind};
use jump_core::broker::{Broker, BrokerSettings};
use jump_core::control::{Edit, ItemDraft, RepRequest, Response};
use jump_core::error::Error;
use jump_core::jumpoint::Jumpoint;
use jump_core::model::{Hostname, ItemDetails, LoginScope, Name, ShellJump, UserName};
use jump_core::protocol::{Backend, Capabilities, ConnectOptions, GateContext, Outcome, Registry, Session};
use jump_core::rep::{JumpSession, LoginIdentity, Rep};
use jump_core::session::{EndReason, RecordingMode};
use jump_core::store::SessionState;
use jump_core::stream::BoxStream;
use jump_core::tunnel::{Listener, Socket, Tls, Transport};
use jump_testkit::echo::EchoBackend;
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const AT_MOST: Duration = Duration::from_secs(10);

fn echo() -> Registry {
    Registry::new().with(Arc::new(EchoBackend("ssh")))
}

fn nowhere() -> SocketAddr {
    "127.0.0.1:9".parse().unwrap()
}

async fn site() -> RunningSite {
    let site = RunningSite::start(SiteOptions::new(echo())).await.unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    site.add_user("admin", None, true).await.unwrap();
    site.add_shell("web-1", nowhere(), RecordingMode::Off)
        .await
        .unwrap();
    site
}

async fn say(session: &mut JumpSession, text: &[u8]) -> std::io::Result<Vec<u8>> {
    session.stream.write_all(text).await?;
    session.stream.flush().await?;
    let mut back = vec![0; text.len()];
    session.stream.read_exact(&mut back).await?;
    Ok(back)
}

/// Reads until the stream fails or ends; the typed error it failed with.
async fn cut(session: &mut JumpSession) -> Error {
    let mut rest = Vec::new();
    let result = tokio::time::timeout(AT_MOST, session.stream.read_to_end(&mut rest))
        .await
        .expect("it must stop");
    Error::from_io(
        ErrorKind::Network,
        "read",
        result.expect_err("it must fail with a reason"),
    )
}

async fn ended(site: &RunningSite, session: &JumpSession) -> EndReason {
    let id = session.grant.session();
    site.until("the session is over", || {
        !site.broker.live_sessions().contains(&id)
    })
    .await
    .unwrap();
    // The registry forgets a session before its end is stored.
    for _ in 0..1000 {
        if let SessionState::Ended { reason, .. } = site.store.session(id).await.unwrap().unwrap().state {
            return reason;
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the end of the session was never stored");
}

#[tokio::test]
async fn a_rep_reaches_the_gate_through_relay_and_jumpoint() {
    for options in [SiteOptions::new(echo()), SiteOptions::new(echo()).over_tcp()] {
        let site = RunningSite::start(options).await.unwrap();
        site.add_user("alice", Some("Start Sessions Only"), false)
            .await
            .unwrap();
        site.add_shell("web-1", nowhere(), RecordingMode::Off)
            .await
            .unwrap();
        let rep = site.login("alice", Registry::new()).await.unwrap();
        assert_eq!(rep.user_name(), "alice");
        let mut session = rep.jump("web/web-1").await.unwrap();
        assert_eq!(say(&mut session, b"hello").await.unwrap(), b"hello");
        session.stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        session.stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(ended(&site, &session).await, EndReason::RepClosed);
    }
}

#[tokio::test]
async fn s18_the_grant_is_in_the_log_before_the_session_and_its_end_after_it() {
    let site = site().await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    let id = session.grant.session();
    let granted = |kind: &AuditKind| {
        matches!(kind, AuditKind::SessionGranted { session, reasons, .. }
        if *session == id && reasons.contains("Start Sessions Only"))
    };
    assert!(site.audit.events().iter().any(|event| granted(&event.kind)));
    say(&mut session, b"x").await.unwrap();
    drop(session);
    site.until("the end is logged", || {
        site.audit
            .events()
            .iter()
            .any(|event| matches!(&event.kind, AuditKind::SessionEnded { session, .. } if *session == id))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn who_may_not_start_is_told_why_and_who_may_not_see_is_told_nothing() {
    let site = site().await;
    site.add_user("auditor", Some("Auditor"), false).await.unwrap();
    site.add_user("stranger", None, false).await.unwrap();
    let auditor = site.login("auditor", Registry::new()).await.unwrap();
    let error = auditor.jump("web-1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("lacks perm_start"), "{error}");

    let stranger = site.login("stranger", Registry::new()).await.unwrap();
    let hidden = stranger.jump("web-1").await.unwrap_err();
    let missing = stranger.jump("no-such-item").await.unwrap_err();
    assert_eq!(
        (hidden.kind(), hidden.to_string()),
        (missing.kind(), missing.to_string())
    );
    assert!(stranger.items().await.unwrap().is_empty());
    let denied = |event: &jump_core::audit::AuditEvent| matches!(event.kind, AuditKind::SessionDenied { .. });
    site.until("both attempts on the real item are logged", || {
        site.audit.events().into_iter().filter(denied).count() == 2
    })
    .await
    .unwrap();
}

/// Everything that takes access away, and the kind of error the rep sees.
async fn stops(
    take_away: impl AsyncFnOnce(&RunningSite, &Rep, &JumpSession),
    wanted: fn(&EndReason) -> bool,
) {
    let site = site().await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    say(&mut session, b"before").await.unwrap();
    take_away(&site, &rep, &session).await;
    let error = cut(&mut session).await;
    assert_eq!(error.kind(), ErrorKind::SessionEnded, "{error}");
    let reason = ended(&site, &session).await;
    assert!(wanted(&reason), "{reason:?}");
    let id = session.grant.session();
    let logged = |event: &jump_core::audit::AuditEvent| {
        matches!(&event.kind,
        AuditKind::SessionEnded { session, reason: logged, .. } if *session == id && *logged == reason)
    };
    site.until("the end is logged", || site.audit.events().iter().any(logged))
        .await
        .unwrap();
}

fn revoked(reason: &EndReason) -> bool {
    matches!(reason, EndReason::AccessRevoked(_))
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn alice() -> UserName {
    UserName::new("alice").unwrap()
}

#[tokio::test]
async fn s10_losing_the_role_stops_the_session() {
    stops(
        async |site, _, _| {
            site.edit(Edit::RemoveMember {
                group: name("web"),
                user: alice(),
            })
            .await
            .unwrap();
        },
        revoked,
    )
    .await;
}

#[tokio::test]
async fn s10_deleting_the_item_stops_the_session() {
    stops(
        async |site, _, _| {
            site.edit(Edit::RemoveItem { item: "web-1".into() })
                .await
                .unwrap();
        },
        revoked,
    )
    .await;
}

#[tokio::test]
async fn s10_disabling_the_user_stops_the_session() {
    stops(
        async |site, _, _| {
            site.edit(Edit::EnableUser {
                name: alice(),
                enabled: false,
            })
            .await
            .unwrap();
        },
        revoked,
    )
    .await;
}

#[tokio::test]
async fn s10_removing_the_login_stops_the_session() {
    stops(
        async |site, _, _| {
            let login = site.broker.world().logins().next().unwrap().id;
            site.edit(Edit::RemoveLogin { login }).await.unwrap();
        },
        revoked,
    )
    .await;
}

#[tokio::test]
async fn s10_taking_the_jumpoint_away_stops_the_session() {
    stops(
        async |site, _, _| {
            site.edit(Edit::RevokeJumpoint {
                jumpoint: name("berlin"),
                user: alice(),
            })
            .await
            .unwrap();
        },
        revoked,
    )
    .await;
}

#[tokio::test]
async fn s10_removing_the_jumpoint_stops_the_session() {
    stops(
        async |site, _, _| {
            site.edit(Edit::RemoveJumpoint { name: name("berlin") })
                .await
                .unwrap();
        },
        revoked,
    )
    .await;
}

#[tokio::test]
async fn an_administrator_ends_a_session_and_its_owner_is_told_who_did() {
    stops(
        async |site, _, session| {
            let admin = site.login("admin", Registry::new()).await.unwrap();
            admin.end_session(session.grant.session()).await.unwrap();
        },
        |reason| *reason == EndReason::EndedBy("admin".into()),
    )
    .await;
}

#[tokio::test]
async fn others_cannot_end_ones_session_nor_see_it() {
    let site = site().await;
    site.add_user("bob", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    let bob = site.login("bob", Registry::new()).await.unwrap();
    let error = bob.end_session(session.grant.session()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(bob.sessions(false, 100).await.unwrap().is_empty());
    assert_eq!(rep.sessions(true, 100).await.unwrap().len(), 1);
    assert_eq!(say(&mut session, b"still here").await.unwrap(), b"still here");
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over() {
    let site = site().await;
    let details = ItemDetails::ShellJump(ShellJump::ssh(9));
    site.add_item("short", nowhere(), RecordingMode::Off, Some(1), details)
        .await
        .unwrap();
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("short").await.unwrap();
    let error = cut(&mut session).await;
    assert_eq!(error.kind(), ErrorKind::SessionEnded, "{error}");
    assert_eq!(ended(&site, &session).await, EndReason::Expired);
}

#[tokio::test]
async fn s36_a_panic_in_one_gate_ends_that_session_only() {
    let site = site().await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut other = rep.jump("web-1").await.unwrap();
    let mut doomed = rep.jump("web-1").await.unwrap();
    doomed.stream.write_all(b"panic\n").await.unwrap();
    doomed.stream.flush().await.unwrap();
    let error = cut(&mut doomed).await;
    assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
    assert_eq!(say(&mut other, b"alive").await.unwrap(), b"alive");
}

#[tokio::test]
async fn f03_a_jumpoint_that_vanishes_ends_its_sessions_with_a_typed_error() {
    let site = site().await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    say(&mut session, b"x").await.unwrap();
    site.stop_jumpoint().await;
    let error = cut(&mut session).await;
    assert!(
        matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::SessionEnded),
        "{error}"
    );
    assert_eq!(ended(&site, &session).await, EndReason::JumpointLost);
    let error = rep.jump("web-1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("berlin"), "{error}");
}

#[tokio::test]
async fn v93_s04_an_invitation_works_once_however_many_try_at_once() {
    let site = site().await;
    let text = site.invite("alice", LoginScope::Sessions).await.unwrap().reveal();
    let mut tries = Vec::new();
    for _ in 0..100 {
        let (transport, invitation) = (site.transport.clone(), text.expose().parse().unwrap());
        tries.push(tokio::spawn(async move {
            let identity = LoginIdentity::generate().unwrap();
            jump_core::rep::enrol(&*transport, &invitation, &identity, Name::new("device").unwrap()).await
        }));
    }
    let (mut enrolled, mut refused) = (0, 0);
    for one in tries {
        match one.await.unwrap() {
            Ok(_) => enrolled += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
                refused += 1;
            }
        }
    }
    assert_eq!((enrolled, refused), (1, 99));
    assert_eq!(site.broker.world().logins().count(), 1);
}

#[tokio::test]
async fn v17_an_invitation_for_a_login_enrols_no_jumpoint() {
    let site = site().await;
    let invitation = site.invite("alice", LoginScope::Everything).await.unwrap();
    let identity = jump_core::jumpoint::JumpointIdentity::generate().unwrap();
    let error = jump_core::jumpoint::enrol(&*site.transport, &invitation, &identity)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn an_unknown_key_is_not_let_in_and_a_wrong_broker_key_is_noticed() {
    let site = site().await;
    let stranger = LoginIdentity::generate().unwrap();
    let error = site.connect(stranger.clone(), Registry::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    let mut endpoint = site.endpoint.clone();
    endpoint.key = jump_core::keys::SigningKey::generate().unwrap().public();
    let error = Rep::builder(stranger, endpoint)
        .transport(site.transport.clone())
        .connect()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UntrustedPeer, "{error}");
}

#[tokio::test]
async fn v06_a_login_for_sessions_cannot_administer_even_if_its_user_may() {
    let site = site().await;
    let invitation = site.invite("admin", LoginScope::Sessions).await.unwrap();
    let identity = LoginIdentity::generate().unwrap();
    jump_core::rep::enrol(&*site.transport, &invitation, &identity, name("device"))
        .await
        .unwrap();
    let rep = site.connect(identity, Registry::new()).await.unwrap();
    let edit = Edit::RemoveUser { name: alice() };
    assert_eq!(rep.edit(edit).await.unwrap_err().kind(), ErrorKind::Denied);
    let wider = Edit::InviteLogin {
        user: UserName::new("admin").unwrap(),
        scope: LoginScope::Everything,
        limits: Default::default(),
    };
    assert_eq!(rep.edit(wider).await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(
        rep.request(RepRequest::Users).await.unwrap_err().kind(),
        ErrorKind::Denied
    );
}

#[tokio::test]
async fn v06_a_login_that_is_revoked_fails_on_its_live_connection_and_its_use_is_in_the_log() {
    let site = site().await;
    let invitation = site.invite("alice", LoginScope::Sessions).await.unwrap();
    let identity = LoginIdentity::generate().unwrap();
    jump_core::rep::enrol(&*site.transport, &invitation, &identity, name("device"))
        .await
        .unwrap();
    let other = site.login("alice", Registry::new()).await.unwrap();
    let rep = site.connect(identity.clone(), Registry::new()).await.unwrap();
    let login = {
        let world = site.broker.world();
        let scoped = world.logins().find(|login| login.scope == LoginScope::Sessions);
        scoped.unwrap().id
    };
    let mut session = rep.jump("web-1").await.unwrap();
    let by_login = |event: &jump_core::audit::AuditEvent| matches!(&event.actor, Actor::User { login: Some(by), .. } if *by == login);
    let uses: Vec<AuditKind> = site
        .audit
        .events()
        .into_iter()
        .filter(by_login)
        .map(|event| event.kind)
        .collect();
    assert!(uses.iter().any(|kind| matches!(kind, AuditKind::Connected)));
    assert!(
        uses.iter()
            .any(|kind| matches!(kind, AuditKind::SessionGranted { .. }))
    );

    site.edit(Edit::RemoveLogin { login }).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(20), rep.disconnected());
    assert_eq!(closed.await.unwrap().kind(), ErrorKind::Unauthenticated);
    assert!(rep.items().await.is_err());
    let mut rest = Vec::new();
    let cut = tokio::time::timeout(Duration::from_secs(20), session.stream.read_to_end(&mut rest));
    cut.await.unwrap().expect_err("its session is cut");
    // It does not come back, and the user's other login does not notice.
    let error = site.connect(identity, Registry::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    other.items().await.unwrap();
}

/// Adds a Shell Jump to a group.
fn draft(group: &str, item: &str) -> Edit {
    Edit::AddItem(Box::new(ItemDraft {
        jump_policy: None,
        session_policy: None,
        name: name(item),
        group: name(group),
        jumpoint: Some(name("berlin")),
        hostname: Hostname::new("10.0.0.9").unwrap(),
        tag: Default::default(),
        comments: Default::default(),
        recording: Default::default(),
        max_duration_seconds: None,
        details: ItemDetails::ShellJump(ShellJump::ssh(22)),
    }))
}

#[tokio::test]
async fn items_are_edited_by_role_and_only_in_ones_own_groups() {
    let site = site().await;
    site.add_user("lead", Some("Administrator"), false).await.unwrap();
    site.edit(Edit::AddGroup {
        name: name("db"),
        comments: Default::default(),
    })
    .await
    .unwrap();
    let lead = site.login("lead", Registry::new()).await.unwrap();
    assert!(matches!(
        lead.edit(draft("web", "new")).await.unwrap(),
        Response::Item(_)
    ));
    assert_eq!(
        lead.edit(draft("db", "new")).await.unwrap_err().kind(),
        ErrorKind::Denied
    );
    let rep = site.login("alice", Registry::new()).await.unwrap();
    assert_eq!(
        rep.edit(Edit::RemoveItem { item: "new".into() })
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Denied
    );
    assert!(matches!(
        lead.edit(Edit::RemoveItem { item: "new".into() }).await.unwrap(),
        Response::Done
    ));
}

#[tokio::test]
async fn a_credential_longer_than_any_that_can_be_sealed_is_refused() {
    let site = site().await;
    let item = site.broker.world().items().next().unwrap().id;
    let forged = serde_json::json!({ "encapsulated_key": "A".repeat(43), "ciphertext": "A".repeat(500_000) });
    let credential = Some(serde_json::from_value(forged).unwrap());
    let error = site
        .edit(Edit::SetCredential { item, credential })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
}

#[tokio::test]
async fn why_explains_oneself_to_oneself_and_others_to_administrators_only() {
    let site = site().await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let explanation = rep.why("web-1").await.unwrap();
    assert_eq!(explanation.decision.effect, jump_core::access::Effect::Allow);
    assert_eq!(explanation.decision.reasons.len(), 4);
    let about = |user: &str| RepRequest::Why {
        user: Some(UserName::new(user).unwrap()),
        item: "web-1".into(),
        at: None,
    };
    assert_eq!(
        rep.request(about("admin")).await.unwrap_err().kind(),
        ErrorKind::Denied
    );
    let admin = site.login("admin", Registry::new()).await.unwrap();
    let Response::Explanation(explanation) = admin.request(about("alice")).await.unwrap() else {
        panic!()
    };
    assert_eq!(explanation.user, "alice");
}

#[tokio::test]
async fn f02_sessions_of_an_earlier_run_are_not_active_after_a_restart() {
    let site = site().await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let session = rep.jump("web-1").await.unwrap();
    assert_eq!(site.store.sessions(true, 10).await.unwrap().len(), 1);
    let key = jump_core::keys::SigningKey::generate().unwrap();
    // As if an earlier run of the broker that is started now had granted it.
    let mut record = site
        .store
        .session(session.grant.session())
        .await
        .unwrap()
        .unwrap();
    record.broker = Some(key.public());
    site.store.put_session(&record).await.unwrap();
    let audit = Arc::new(jump_core::audit::MemoryAuditLog::new(100_000));
    let _again = jump_core::broker::Broker::builder(key, site.store.clone(), audit.clone())
        .start()
        .await
        .unwrap();
    assert!(site.store.sessions(true, 10).await.unwrap().is_empty());
    let record = site
        .store
        .session(session.grant.session())
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(
        record.state,
        SessionState::Ended {
            reason: EndReason::BrokerRestarted,
            ..
        }
    ));
    assert!(
        audit
            .events()
            .iter()
            .any(|event| matches!(event.kind, AuditKind::SessionEnded { .. }))
    );
}

#[tokio::test]
async fn f09_two_agents_with_one_key_do_not_take_turns_and_the_log_shows_them() {
    let site = site().await;
    let builder = Jumpoint::builder(site.stolen_identity(), site.endpoint.clone(), echo());
    let second = builder.transport(site.transport.clone()).build();
    let running = second.clone();
    let second_task = tokio::spawn(async move { running.run().await });
    // The newer one wins, and the older one gives up for good.
    let replaced = || {
        site.audit
            .events()
            .iter()
            .any(|event| event.kind == AuditKind::ConnectionReplaced)
    };
    site.until("the older connection was replaced", replaced)
        .await
        .unwrap();
    site.until("the older agent stopped", || site.jumpoint_stopped())
        .await
        .unwrap();
    assert!(site.is_online() && !second_task.is_finished());
    assert_eq!(
        site.audit
            .events()
            .iter()
            .filter(|e| e.kind == AuditKind::ConnectionReplaced)
            .count(),
        1
    );
    second_task.abort();
}

#[tokio::test]
async fn a_jumpoint_that_was_disabled_comes_back_when_it_is_enabled() {
    let site = site().await;
    let enable = async |enabled| {
        site.edit(Edit::EnableJumpoint {
            name: name("berlin"),
            enabled,
        })
        .await
        .unwrap();
    };
    enable(false).await;
    site.until("it is gone", || !site.is_online()).await.unwrap();
    enable(true).await;
    site.until("it is back", || site.is_online()).await.unwrap();
}

/// Leads to an impostor first, and then where it should.
#[derive(Debug)]
struct Misled {
    honest: Arc<dyn Transport>,
    dialled: AtomicU32,
}

#[async_trait]
impl Transport for Misled {
    async fn dial(&self, address: &str) -> Result<Socket, Error> {
        let first = self.dialled.fetch_add(1, Ordering::Relaxed) == 0;
        self.honest.dial(if first { "impostor" } else { address }).await
    }

    async fn listen(&self, address: &str) -> Result<Box<dyn Listener>, Error> {
        self.honest.listen(address).await
    }
}

#[tokio::test]
async fn a_jumpoint_that_meets_an_impostor_once_goes_on_looking_for_its_broker() {
    let site = site().await;
    site.stop_jumpoint().await;
    let mut impostor = site.transport.listen("impostor").await.unwrap();
    let met = tokio::spawn(async move {
        let (socket, _) = impostor.accept().await.unwrap();
        let key = jump_core::keys::SigningKey::generate().unwrap();
        let alpn = jump_core::control::CONTROL_ALPN;
        Tls::ring()
            .accept(socket, &[], &key, None, alpn, AT_MOST)
            .await
            .is_ok()
    });
    let misled = Misled {
        honest: site.transport.clone(),
        dialled: AtomicU32::new(0),
    };
    let jumpoint = Jumpoint::builder(site.stolen_identity(), site.endpoint.clone(), echo())
        .transport(Arc::new(misled))
        .reconnect_spread(Duration::from_millis(50))
        .build();
    let running = tokio::spawn(async move { jumpoint.run().await });
    site.until("it found its broker", || site.is_online())
        .await
        .unwrap();
    assert!(met.is_finished());
    running.abort();
}

#[tokio::test]
async fn a_jumpoint_whose_recordings_have_no_place_yet_goes_on_trying() {
    let site = site().await;
    site.add_shell("recorded", nowhere(), RecordingMode::Backpressure)
        .await
        .unwrap();
    let rep = site.login("alice", Registry::new()).await.unwrap();
    site.stop_jumpoint().await;
    let folder = jump_testkit::folder::Folder::new().unwrap();
    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, b"").unwrap();
    let jumpoint = Jumpoint::builder(site.stolen_identity(), site.endpoint.clone(), echo())
        .transport(site.transport.clone())
        .reconnect_spread(Duration::from_millis(50))
        .recordings(in_the_way.join("recordings"))
        .build();
    let running = tokio::spawn(async move { jumpoint.run().await });
    let connected = || {
        let events = site.audit.events();
        events
            .iter()
            .filter(|event| event.kind == AuditKind::Connected)
            .count()
    };
    let before = connected();
    site.until("it tried", || connected() > before).await.unwrap();
    std::fs::remove_file(&in_the_way).unwrap();
    for attempt in 0.. {
        match rep.jump("recorded").await {
            Ok(mut session) => {
                assert_eq!(say(&mut session, b"x").await.unwrap(), b"x");
                break;
            }
            Err(error) => assert!(attempt < 500 && !running.is_finished(), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running.abort();
}

/// A gate that listens to nobody.
#[derive(Debug)]
struct Deaf;

#[async_trait]
impl Backend for Deaf {
    fn protocol(&self) -> &'static str {
        "ssh"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::none()
    }

    async fn gate(&self, rep: BoxStream, context: GateContext) -> Outcome {
        std::future::pending::<()>().await;
        drop((rep, context));
        Outcome::nothing_moved(EndReason::RepClosed)
    }

    async fn connect(&self, _stream: BoxStream, _options: ConnectOptions) -> Result<Session, Error> {
        Err(Error::new(ErrorKind::Unsupported, "connect", "it is deaf"))
    }
}

#[tokio::test]
async fn a_gate_that_does_not_stop_is_stopped() {
    let site = RunningSite::start(SiteOptions::new(Registry::new().with(Arc::new(Deaf))))
        .await
        .unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    site.add_shell("web-1", nowhere(), RecordingMode::Off)
        .await
        .unwrap();
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let session = rep.jump("web-1").await.unwrap();
    rep.end_session(session.grant.session()).await.unwrap();
    site.until("the jumpoint is rid of it", || {
        site.jumpoint.sessions().is_empty()
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_item_is_found_by_its_name_in_any_case_and_with_any_character_in_it() {
    let site = site().await;
    for name in ["Büro", "a/b"] {
        site.add_shell(name, nowhere(), RecordingMode::Off).await.unwrap();
    }
    let rep = site.login("alice", Registry::new()).await.unwrap();
    for (text, name) in [
        ("BÜRO", "Büro"),
        ("WEB/büro", "Büro"),
        ("A/B", "a/b"),
        ("web/a/b", "a/b"),
    ] {
        assert_eq!(rep.item(text).await.unwrap().name, name, "{text}");
    }
}

#[tokio::test]
async fn v11_what_is_hidden_and_what_does_not_exist_look_the_same() {
    let site = site().await;
    for group in ["db", "mail"] {
        site.edit(Edit::AddGroup {
            name: name(group),
            comments: Default::default(),
        })
        .await
        .unwrap();
        let admin = site.login("admin", Registry::new()).await.unwrap();
        admin.edit(draft(group, "twin")).await.unwrap();
    }
    site.add_user("stranger", None, false).await.unwrap();
    let stranger = site.login("stranger", Registry::new()).await.unwrap();
    let answer = async |request: RepRequest| {
        let error = stranger.request(request).await.unwrap_err();
        (error.kind(), error.to_string())
    };
    let jump = |item: &str| RepRequest::Jump {
        item: item.into(),
        session_key: jump_core::keys::SigningKey::generate().unwrap().public(),
        credential: None,
        supplied: Default::default(),
        gates: false,
    };
    // Two hidden items of one name are no more than none.
    assert_eq!(answer(jump("twin")).await, answer(jump("nothing")).await);
    let credential = |item: u32| {
        RepRequest::Edit(Edit::SetCredential {
            item: jump_core::id::ItemId::new(item).unwrap(),
            credential: None,
        })
    };
    assert_eq!(answer(credential(1)).await, answer(credential(999)).await);
    let add = |group: &str| RepRequest::Edit(draft(group, "mine"));
    let (hidden, missing) = (answer(add("db")).await, answer(add("no")).await);
    assert_eq!((hidden.0, hidden.1.replace("db", "no")), missing);
}

#[tokio::test]
async fn who_adds_items_adds_them_only_behind_jumpoints_that_are_granted() {
    let site = site().await;
    site.add_user("lead", Some("Administrator"), false).await.unwrap();
    site.edit(Edit::RevokeJumpoint {
        jumpoint: name("berlin"),
        user: UserName::new("lead").unwrap(),
    })
    .await
    .unwrap();
    let lead = site.login("lead", Registry::new()).await.unwrap();
    let error = lead.edit(draft("web", "new")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn ones_own_sessions_are_listed_however_many_others_have() {
    let site = site().await;
    site.add_user("bob", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let _own = rep.jump("web-1").await.unwrap();
    let bob = site.login("bob", Registry::new()).await.unwrap();
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(bob.jump("web-1").await.unwrap());
    }
    assert_eq!(rep.sessions(false, 3).await.unwrap().len(), 1);
    assert_eq!(bob.sessions(false, 3).await.unwrap().len(), 3);
}

#[tokio::test]
async fn an_invitation_of_a_user_who_was_disabled_enrols_nobody() {
    let site = site().await;
    let invitation = site.invite("alice", LoginScope::Sessions).await.unwrap();
    site.edit(Edit::EnableUser {
        name: alice(),
        enabled: false,
    })
    .await
    .unwrap();
    let identity = LoginIdentity::generate().unwrap();
    let error = jump_core::rep::enrol(&*site.transport, &invitation, &identity, name("device"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
}

#[tokio::test]
async fn a_login_has_a_bounded_number_of_connections() {
    let site = site().await;
    let identity = site.enrol("alice").await.unwrap();
    let mut connected = Vec::new();
    let refused = loop {
        match site.connect(identity.clone(), Registry::new()).await {
            Ok(rep) => connected.push(rep),
            Err(error) => break error,
        }
        assert!(connected.len() <= 200, "there is no limit");
    };
    assert_eq!(refused.kind(), ErrorKind::ResourceLimit, "{refused}");
    // Others of the same user are not concerned, and a place that becomes free is free.
    site.login("alice", Registry::new()).await.unwrap();
    drop(connected.pop());
    for attempt in 0.. {
        match site.connect(identity.clone(), Registry::new()).await {
            Ok(_) => break,
            Err(error) => assert!(attempt < 500, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_user_invites_a_bounded_number_of_logins() {
    let site = site().await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let invite = || Edit::InviteLogin {
        user: alice(),
        scope: LoginScope::Sessions,
        limits: Default::default(),
    };
    let mut made = 0;
    let refused = loop {
        match rep.edit(invite()).await {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
        assert!(made <= 100, "there is no limit");
    };
    assert_eq!(refused.kind(), ErrorKind::ResourceLimit, "{refused}");
    // An administrator may for whom he likes.
    site.invite("alice", LoginScope::Sessions).await.unwrap();
}

#[tokio::test]
async fn refused_jumps_do_not_fill_the_log() {
    let site = site().await;
    site.add_user("auditor", Some("Auditor"), false).await.unwrap();
    let auditor = site.login("auditor", Registry::new()).await.unwrap();
    for _ in 0..300 {
        assert_eq!(auditor.jump("web-1").await.unwrap_err().kind(), ErrorKind::Denied);
    }
    let denied = |event: &jump_core::audit::AuditEvent| matches!(event.kind, AuditKind::SessionDenied { .. });
    let logged = site.audit.events().into_iter().filter(denied).count();
    assert!((10..200).contains(&logged), "{logged}");
}

#[tokio::test]
async fn v16_a_jumpoint_cannot_say_that_an_administrator_ended_a_session() {
    let site = RunningSite::start(SiteOptions::new(Registry::new().with(Arc::new(Liar))))
        .await
        .unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    site.add_shell("web-1", nowhere(), RecordingMode::Off)
        .await
        .unwrap();
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let session = rep.jump("web-1").await.unwrap();
    let EndReason::Failed { kind, message } = ended(&site, &session).await else {
        panic!("it was believed");
    };
    assert_eq!(kind, ErrorKind::Protocol);
    assert!(
        message.len() < 2000 && !message.contains("admin"),
        "{message:.80}"
    );
}

/// A gate that puts words into an administrator's mouth.
#[derive(Debug)]
struct Liar;

#[async_trait]
impl Backend for Liar {
    fn protocol(&self) -> &'static str {
        "ssh"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::none()
    }

    async fn gate(&self, _rep: BoxStream, _context: GateContext) -> Outcome {
        Outcome::nothing_moved(EndReason::EndedBy("admin".repeat(1000)))
    }

    async fn connect(&self, _stream: BoxStream, _options: ConnectOptions) -> Result<Session, Error> {
        Err(Error::new(ErrorKind::Unsupported, "connect", "it lies"))
    }
}

#[tokio::test]
async fn both_halves_of_a_cut_stream_hear_of_it() {
    let site = site().await;
    let rep = site.login("alice", Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    say(&mut session, b"x").await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(session.stream);
    let reading = tokio::spawn(async move { reader.read_to_end(&mut Vec::new()).await });
    let writing = tokio::spawn(async move {
        loop {
            writer.write_all(b"y").await?;
            writer.flush().await?;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        #[allow(unreachable_code)]
        Ok::<(), std::io::Error>(())
    });
    // The stream is cut a moment before the broker says why: both halves wait for that.
    site.stop_jumpoint().await;
    for half in [
        tokio::time::timeout(AT_MOST, reading)
            .await
            .expect("the reader")
            .unwrap()
            .map(|_| ()),
        tokio::time::timeout(AT_MOST, writing)
            .await
            .expect("the writer")
            .unwrap(),
    ] {
        let error = Error::from_io(ErrorKind::Network, "use the stream", half.unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_the_start() {
    let start = async |change: fn(&mut BrokerSettings)| {
        let store = Arc::new(jump_core::store::MemoryStore::new().unwrap());
        let audit = Arc::new(jump_core::audit::MemoryAuditLog::new(10));
        let key = jump_core::keys::SigningKey::generate().unwrap();
        let broker = Broker::builder(key, store, audit).settings(change).start().await;
        broker.map(|_| ()).map_err(|error| error.kind())
    };
    let wrong: [fn(&mut BrokerSettings); 6] = [
        |settings| settings.heartbeat = Duration::ZERO,
        |settings| settings.heartbeat = Duration::MAX,
        |settings| settings.lease = Duration::from_millis(999),
        |settings| settings.lease = settings.heartbeat / 2,
        |settings| settings.handshake_timeout = Duration::ZERO,
        |settings| settings.max_session = jump_core::time::SignedDuration::ZERO,
    ];
    for change in wrong {
        assert_eq!(start(change).await, Err(ErrorKind::InvalidArgument));
    }
    assert_eq!(start(|_| ()).await, Ok(()));
}
