//! Logins that the embedder's authenticator vouches for (V-06).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jump_core::audit::{Actor, AuditKind};
use jump_core::broker::{Authenticator, LoginQuestion, Recognized};
use jump_core::control::Edit;
use jump_core::model::{Login, LoginScope, Name, Sources, UserName};
use jump_core::protocol::Registry;
use jump_core::rep::{self, LoginIdentity};
use jump_core::secret::Secret;
use jump_core::session::RecordingMode;
use jump_core::time::{ManualClock, SignedDuration, Timestamp};
use jump_core::{Error, ErrorKind, Result};
use jump_testkit::canary::Canary;
use jump_testkit::echo::EchoBackend;
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

/// What somebody has to know.
const PROOF: &str = "token-of-alice-5d1f";

/// The vendor's own system: a proof is good for whom it was told, and some words have their own effects.
#[derive(Debug)]
struct Vendor {
    answer: Mutex<Option<Recognized>>,
    asked: AtomicUsize,
    /// Who waits here until the test lets them go.
    held: Semaphore,
}

impl Vendor {
    fn new(answer: Recognized) -> Arc<Self> {
        Arc::new(Self {
            answer: Mutex::new(Some(answer)),
            asked: AtomicUsize::new(0),
            held: Semaphore::new(0),
        })
    }
}

#[async_trait]
impl Authenticator for Vendor {
    async fn authenticate(&self, question: LoginQuestion<'_>) -> Result<Option<Recognized>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match question.proof.expose().as_str() {
            PROOF => Ok(self.answer.lock().unwrap().clone()),
            "fail" => Err(Error::new(ErrorKind::Unavailable, "ask", "the directory is down")),
            "panic" => panic!("as the test asked"),
            "hang" => std::future::pending().await,
            "wait" => {
                let _here = self.held.acquire().await.unwrap();
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}

fn hours(count: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(count)
}

fn alice(until: Timestamp) -> Recognized {
    Recognized::new(UserName::new("alice").unwrap(), until)
}

fn options() -> SiteOptions {
    SiteOptions::new(Registry::new().with(Arc::new(EchoBackend("ssh"))))
}

async fn site(mut options: SiteOptions, vendor: Option<Arc<Vendor>>) -> RunningSite {
    options.authenticator = vendor.map(|vendor| vendor as Arc<dyn Authenticator>);
    let site = RunningSite::start(options).await.unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    let nowhere: SocketAddr = "127.0.0.1:9".parse().unwrap();
    site.add_shell("web-1", nowhere, RecordingMode::Off)
        .await
        .unwrap();
    site
}

async fn log_in(site: &RunningSite, proof: &str) -> Result<LoginIdentity> {
    let identity = LoginIdentity::generate()?;
    let proof = Secret::new(proof.to_owned());
    let label = Name::new("laptop")?;
    let transport = &*site.transport;
    let enrolled = rep::log_in(transport, &site.endpoint, &proof, &identity, label).await?;
    assert_eq!(enrolled.name, "alice");
    Ok(identity)
}

fn logins(site: &RunningSite) -> Vec<Login> {
    let world = site.broker.world();
    let alice = world.user_named("alice").unwrap().id;
    world.logins_of(alice).cloned().collect()
}

#[tokio::test]
async fn whoever_the_authenticator_recognizes_jumps_and_the_log_names_the_user() {
    let vendor = Vendor::new(alice(hours(1)));
    let site = site(options().over_tcp(), Some(vendor)).await;
    let identity = log_in(&site, PROOF).await.unwrap();
    let rep = site.connect(identity, Registry::new()).await.unwrap();
    let mut session = rep.jump("web-1").await.unwrap();
    session.stream.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    session.stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");
    let login = logins(&site)[0].clone();
    assert_eq!(
        (login.scope, login.label.as_str()),
        (LoginScope::Sessions, "laptop")
    );
    let enrolled = |event: &jump_core::audit::AuditEvent| {
        let by = matches!(&event.actor, Actor::User { login: Some(by), .. } if *by == login.id);
        by && matches!(event.kind, AuditKind::Enrolled) && event.peer.is_some()
    };
    let events = site.audit.events();
    assert!(events.iter().any(enrolled));
    let log = serde_json::to_vec(&events).unwrap();
    assert!(Canary::new(PROOF.as_bytes()).find(&log).is_empty());
    // The authenticator stands beside invitations, not in their place.
    site.login("alice", Registry::new()).await.unwrap();
}

#[tokio::test]
async fn v06_what_the_authenticator_does_not_accept_is_no_login_and_the_reason_stays_inside() {
    let vendor = Vendor::new(alice(hours(1)));
    let site = site(options().over_tcp(), Some(vendor)).await;
    for proof in ["wrong", "fail", "panic"] {
        let error = log_in(&site, proof).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{proof}");
        assert!(
            error.to_string().contains("the proof was not accepted"),
            "{error}"
        );
        assert!(!error.to_string().contains("directory"), "{error}");
    }
    assert!(logins(&site).is_empty());
    let refused = |event: &jump_core::audit::AuditEvent| matches!(event.kind, AuditKind::Refused { .. });
    assert_eq!(site.audit.events().into_iter().filter(refused).count(), 3);
    log_in(&site, PROOF).await.unwrap();
}

#[tokio::test]
async fn v06_without_an_authenticator_no_proof_is_taken() {
    let site = site(options(), None).await;
    let error = log_in(&site, PROOF).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert!(logins(&site).is_empty());
}

#[tokio::test]
async fn v06_a_proof_of_no_size_or_too_much_is_refused_before_it_is_sent() {
    let vendor = Vendor::new(alice(hours(1)));
    let site = site(options(), Some(vendor.clone())).await;
    for proof in [String::new(), "x".repeat(12 * 1024 + 1)] {
        let error = log_in(&site, &proof).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    let longest = log_in(&site, &"x".repeat(12 * 1024)).await.unwrap_err();
    assert_eq!(longest.kind(), ErrorKind::Unauthenticated, "{longest}");
    assert_eq!(vendor.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn v06_an_authenticator_that_hangs_is_a_no() {
    let site = site(options(), Some(Vendor::new(alice(hours(1))))).await;
    let error = log_in(&site, "hang").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
}

#[tokio::test]
async fn v13_only_so_many_proofs_are_checked_at_once_and_the_rest_come_later() {
    let vendor = Vendor::new(alice(hours(1)));
    let site = site(options(), Some(vendor.clone())).await;
    let waiting = futures_util::future::join_all((0..32).map(|_| log_in(&site, "wait")));
    let beside = async {
        site.until("all of them are asked about", || {
            vendor.asked.load(Ordering::SeqCst) == 32
        })
        .await
        .unwrap();
        let error = log_in(&site, PROOF).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceLimit, "{error}");
        assert!(error.is_retryable());
        vendor.held.add_permits(32);
    };
    tokio::join!(waiting, beside);
    log_in(&site, PROOF).await.unwrap();
}

#[tokio::test]
async fn v06_the_user_has_to_be_there_and_enabled_and_the_login_has_its_networks_and_its_time() {
    let vendor = Vendor::new(alice(hours(1)));
    let site = site(options().over_tcp(), Some(vendor.clone())).await;
    let say = |answer: Recognized| *vendor.answer.lock().unwrap() = Some(answer);
    say(Recognized::new(UserName::new("nobody").unwrap(), hours(1)));
    assert_eq!(
        log_in(&site, PROOF).await.unwrap_err().kind(),
        ErrorKind::Unauthenticated
    );
    say(alice(hours(-1)));
    assert_eq!(
        log_in(&site, PROOF).await.unwrap_err().kind(),
        ErrorKind::Unauthenticated
    );
    let mut elsewhere = alice(hours(1));
    elsewhere.sources = Sources::new(["192.0.2.0/24".parse().unwrap()]).unwrap();
    say(elsewhere);
    assert_eq!(
        log_in(&site, PROOF).await.unwrap_err().kind(),
        ErrorKind::Unauthenticated
    );
    assert!(logins(&site).is_empty());
    let mut here = alice(hours(1));
    here.sources = Sources::new(["127.0.0.0/8".parse().unwrap()]).unwrap();
    say(here);
    let identity = log_in(&site, PROOF).await.unwrap();
    assert_eq!(logins(&site)[0].sources.to_string(), "127.0.0.0/8");
    let rep = site.connect(identity, Registry::new()).await.unwrap();
    let name = UserName::new("alice").unwrap();
    site.edit(Edit::EnableUser { name, enabled: false })
        .await
        .unwrap();
    assert_eq!(rep.disconnected().await.kind(), ErrorKind::Unauthenticated);
    assert_eq!(
        log_in(&site, PROOF).await.unwrap_err().kind(),
        ErrorKind::Unauthenticated
    );
}

#[tokio::test]
async fn logins_that_are_over_make_room_and_a_user_has_no_more_than_64() {
    let clock = Arc::new(ManualClock::new(Timestamp::now()));
    let mut options = options();
    options.clock = clock.clone();
    let site = site(options, Some(Vendor::new(alice(hours(1))))).await;
    for _ in 0..64 {
        log_in(&site, PROOF).await.unwrap();
    }
    let error = log_in(&site, PROOF).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceLimit, "{error}");
    assert_eq!(logins(&site).len(), 64);
    // Soon enough that the clocks of the two sides still agree.
    let soon = Timestamp::now() + SignedDuration::from_secs(20);
    let ends = logins(&site).into_iter().map(|login| {
        let expires = Some(soon);
        jump_core::model::Change::PutLogin(Login { expires, ..login })
    });
    site.edit(Edit::Change {
        changes: ends.collect(),
        dry_run: false,
    })
    .await
    .unwrap();
    clock.set(soon);
    log_in(&site, PROOF).await.unwrap();
    assert_eq!(logins(&site).len(), 1);
}
