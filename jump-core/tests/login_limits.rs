//! Logins that work only from certain networks, or for a time (V-06).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::audit::{Actor, AuditKind};
use jump_core::control::{Edit, Invitation, RepRequest, Response};
use jump_core::model::{Change, Login, LoginLimits, LoginScope, Name, Sources, UserName};
use jump_core::protocol::Registry;
use jump_core::rep::{self, LoginIdentity, Rep};
use jump_core::session::RecordingMode;
use jump_core::time::{ManualClock, SignedDuration, Timestamp};
use jump_testkit::echo::EchoBackend;
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::AsyncReadExt;

const AT_MOST: Duration = Duration::from_secs(20);

fn options() -> SiteOptions {
    SiteOptions::new(Registry::new().with(Arc::new(EchoBackend("ssh"))))
}

async fn site(options: SiteOptions) -> RunningSite {
    let site = RunningSite::start(options).await.unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    site.add_user("admin", None, true).await.unwrap();
    let nowhere: SocketAddr = "127.0.0.1:9".parse().unwrap();
    site.add_shell("web-1", nowhere, RecordingMode::Off)
        .await
        .unwrap();
    site
}

fn within(networks: &[&str]) -> LoginLimits {
    let sources = Sources::new(networks.iter().map(|network| network.parse().unwrap()));
    LoginLimits {
        expires: None,
        sources: sources.unwrap(),
    }
}

fn invite(user: &str, limits: LoginLimits) -> Edit {
    Edit::InviteLogin {
        user: UserName::new(user).unwrap(),
        scope: LoginScope::Everything,
        limits,
    }
}

async fn invitation(site: &RunningSite, user: &str, limits: LoginLimits) -> Invitation {
    let Response::Invitation(invitation) = site.edit(invite(user, limits)).await.unwrap() else {
        panic!("it is no invitation");
    };
    invitation.expose().parse().unwrap()
}

async fn enrol(site: &RunningSite, invitation: &Invitation) -> jump_core::Result<LoginIdentity> {
    let identity = LoginIdentity::generate()?;
    rep::enrol(&*site.transport, invitation, &identity, Name::new("key")?).await?;
    Ok(identity)
}

fn login_of(site: &RunningSite, user: &str) -> Login {
    let world = site.broker.world();
    let user = world.user_named(user).unwrap().id;
    world.logins_of(user).last().unwrap().clone()
}

async fn limit(site: &RunningSite, login: Login) {
    let (changes, dry_run) = (vec![Change::PutLogin(login)], false);
    site.edit(Edit::Change { changes, dry_run }).await.unwrap();
}

/// What was refused, as the log has it, with the address.
fn refusals(site: &RunningSite) -> Vec<(String, Option<String>)> {
    let refused = |event: jump_core::audit::AuditEvent| match event.kind {
        AuditKind::Refused { message, .. } => Some((message, event.peer)),
        _ => None,
    };
    site.audit.events().into_iter().filter_map(refused).collect()
}

#[tokio::test]
async fn v06_a_login_enrols_and_connects_from_its_networks_and_its_use_is_in_the_log() {
    let site = site(options().over_tcp()).await;
    let home = invitation(&site, "alice", within(&["192.0.2.0/24", "127.0.0.0/8"])).await;
    let identity = enrol(&site, &home).await.unwrap();
    let login = login_of(&site, "alice");
    assert_eq!(login.sources.to_string(), "192.0.2.0/24, 127.0.0.0/8");
    let rep = site.connect(identity, Registry::new()).await.unwrap();
    rep.items().await.unwrap();
    let made = |event: &jump_core::audit::AuditEvent| matches!(&event.kind, AuditKind::TokenCreated { purpose } if purpose.contains("from 192.0.2.0/24, 127.0.0.0/8"));
    let used = |event: &jump_core::audit::AuditEvent| {
        let by = matches!(&event.actor, Actor::User { login: Some(by), .. } if *by == login.id);
        by && matches!(event.kind, AuditKind::Connected) && event.peer.is_some()
    };
    let events = site.audit.events();
    assert!(events.iter().any(made) && events.iter().any(used));
}

#[tokio::test]
async fn v06_an_invitation_for_other_networks_enrols_nobody_and_is_used_up() {
    let site = site(options().over_tcp()).await;
    let before = site.broker.world().logins().count();
    let elsewhere = invitation(&site, "alice", within(&["192.0.2.0/24", "::1/128"])).await;
    for _ in 0..2 {
        let error = enrol(&site, &elsewhere).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    }
    assert_eq!(site.broker.world().logins().count(), before);
    let (message, peer) = &refusals(&site)[0];
    assert!(message.contains("from this address"), "{message}");
    assert!(peer.as_ref().unwrap().starts_with("127.0.0.1:"), "{peer:?}");
}

#[tokio::test]
async fn v06_a_stolen_key_is_refused_elsewhere_by_name_and_a_narrower_limit_cuts_what_is_live() {
    let site = site(options().over_tcp()).await;
    let identity = enrol(&site, &invitation(&site, "alice", LoginLimits::default()).await)
        .await
        .unwrap();
    let other = site.login("alice", Registry::new()).await.unwrap();
    let world = site.broker.world();
    let login = world.login_with_key(&identity.0.public()).unwrap().clone();
    let rep = site.connect(identity.clone(), Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    let sources = within(&["192.0.2.0/24"]).sources;
    limit(
        &site,
        Login {
            sources,
            ..login.clone()
        },
    )
    .await;
    let closed = tokio::time::timeout(AT_MOST, rep.disconnected()).await;
    assert_eq!(closed.unwrap().kind(), ErrorKind::Unauthenticated);
    let late = rep.items().await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Unauthenticated);
    let mut rest = Vec::new();
    let cut = tokio::time::timeout(AT_MOST, session.stream.read_to_end(&mut rest));
    cut.await.unwrap().expect_err("its session is cut");
    let error = site.connect(identity.clone(), Registry::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    let named = format!("login {} of user alice may not be used from 127.0.0.1", login.id);
    assert!(
        refusals(&site)
            .iter()
            .any(|(message, _)| message.contains(&named))
    );
    // Another login of the user does not notice, and it comes back when it may.
    other.items().await.unwrap();
    limit(&site, login).await;
    site.connect(identity, Registry::new()).await.unwrap();
}

#[tokio::test]
async fn v06_from_an_address_that_is_not_known_only_logins_without_networks_are_used() {
    let site = site(options()).await;
    let identity = site.enrol("alice").await.unwrap();
    let login = login_of(&site, "alice");
    let sources = within(&["0.0.0.0/0", "::/0"]).sources;
    limit(&site, Login { sources, ..login }).await;
    let error = site.connect(identity.clone(), Registry::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    let key = identity.0.public();
    assert!(site.broker.caller(&key).is_err());
    let known = Some("2001:db8::1".parse().unwrap());
    let caller = site.broker.caller_from(&key, known).unwrap();
    site.broker.request(&caller, RepRequest::Items).await.unwrap();
    let narrower = Login {
        sources: within(&["10.0.0.0/8"]).sources,
        ..login_of(&site, "alice")
    };
    limit(&site, narrower).await;
    let late = site.broker.request(&caller, RepRequest::Items).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Unauthenticated, "asked again each time");
}

#[tokio::test]
async fn v06_a_login_ends_at_its_time_on_its_live_connection() {
    let clock = Arc::new(ManualClock::new(Timestamp::now()));
    let mut options = options();
    options.clock = clock.clone();
    let site = site(options).await;
    let now = Timestamp::now();
    let past = LoginLimits {
        expires: Some(now - SignedDuration::from_secs(1)),
        ..LoginLimits::default()
    };
    let error = site.edit(invite("alice", past)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let soon = now + SignedDuration::from_secs(60);
    let limits = LoginLimits {
        expires: Some(soon),
        ..LoginLimits::default()
    };
    let identity = enrol(&site, &invitation(&site, "alice", limits).await)
        .await
        .unwrap();
    let rep: Rep = site.connect(identity.clone(), Registry::new()).await.unwrap();
    rep.items().await.unwrap();
    clock.set(soon);
    let closed = tokio::time::timeout(AT_MOST, rep.disconnected()).await;
    assert_eq!(closed.unwrap().kind(), ErrorKind::Unauthenticated);
    let late = rep.items().await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Unauthenticated);
    let error = site.connect(identity, Registry::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn v18_a_limited_login_makes_no_login_without_its_limits() {
    let site = site(options().over_tcp()).await;
    for limits in [
        within(&["127.0.0.0/8"]),
        LoginLimits {
            expires: Some(Timestamp::now() + SignedDuration::from_hours(1)),
            ..LoginLimits::default()
        },
    ] {
        let identity = enrol(&site, &invitation(&site, "alice", limits.clone()).await)
            .await
            .unwrap();
        let rep = site.connect(identity, Registry::new()).await.unwrap();
        for wanted in [LoginLimits::default(), limits] {
            let error = rep.edit(invite("alice", wanted)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Denied);
        }
    }
    let free = site.login("alice", Registry::new()).await.unwrap();
    free.edit(invite("alice", within(&["127.0.0.0/8"])))
        .await
        .unwrap();
}
