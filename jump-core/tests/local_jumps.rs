//! Local Jumps: the gate in the rep's own process, decided, logged and ended by the broker like any other session, in a site
//! without a Jumpoint.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jump_core::audit::{Actor, AuditKind, RecordingNote};
use jump_core::control::{Edit, ItemPatch, RepRequest, Response};
use jump_core::model::{ItemDetails, Name, Rdp, UserName, Vnc};
use jump_core::protocol::{Backend, Capabilities, ConnectOptions, GateContext, Outcome, Registry, Session};
use jump_core::recording::RecordingReader;
use jump_core::rep::{CredentialSource, JumpOptions, JumpSession, LocalJumps, Rep};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, EndReason, GatePlace, Grant, RecordingMode};
use jump_core::store::SessionState;
use jump_core::stream::BoxStream;
use jump_core::{Error, ErrorKind, Result};
use jump_testkit::echo::EchoBackend;
use jump_testkit::folder::Folder;
use jump_testkit::running_site::{RunningSite, SiteOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const AT_MOST: Duration = Duration::from_secs(10);

fn echo() -> Registry {
    Registry::new().with(Arc::new(EchoBackend("vnc")))
}

/// A site without a Jumpoint, where alice may open `desk`, which is recorded in this way.
async fn site_with(options: SiteOptions, recording: RecordingMode) -> RunningSite {
    let site = RunningSite::start(options).await.unwrap();
    site.add_user("alice", Some("Start Sessions Only"), false)
        .await
        .unwrap();
    site.stop_jumpoint().await;
    let name = Name::new("berlin").unwrap();
    site.edit(Edit::RemoveJumpoint { name }).await.unwrap();
    let target = "127.0.0.1:5900".parse().unwrap();
    let details = ItemDetails::LocalVnc(Vnc::default());
    site.add_item("desk", target, recording, None, details)
        .await
        .unwrap();
    site
}

async fn site(recording: RecordingMode) -> RunningSite {
    site_with(SiteOptions::new(Registry::new()), recording).await
}

async fn alice(site: &RunningSite) -> Rep {
    site.login_local("alice", echo(), None).await.unwrap()
}

async fn say(session: &mut JumpSession, text: &[u8]) -> std::io::Result<Vec<u8>> {
    session.stream.write_all(text).await?;
    session.stream.flush().await?;
    let mut back = vec![0; text.len()];
    session.stream.read_exact(&mut back).await?;
    Ok(back)
}

/// Reads until the stream fails; the typed error it failed with, and how long that took.
async fn cut(session: &mut JumpSession) -> (Error, Duration) {
    let (mut rest, begun) = (Vec::new(), Instant::now());
    let result = tokio::time::timeout(AT_MOST, session.stream.read_to_end(&mut rest))
        .await
        .expect("it must stop");
    let error = result.expect_err("it must fail with a reason");
    (Error::from_io(ErrorKind::Network, "read", error), begun.elapsed())
}

async fn over(site: &RunningSite, grant: &Grant) -> SessionState {
    let id = grant.session();
    let stored = async {
        loop {
            let state = site.store.session(id).await.unwrap().unwrap().state;
            if !state.is_active() {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(AT_MOST, stored)
        .await
        .expect("the end of the session is stored")
}

async fn reason(site: &RunningSite, grant: &Grant) -> EndReason {
    match over(site, grant).await {
        SessionState::Ended { reason, .. } => reason,
        SessionState::Active => unreachable!(),
    }
}

/// What the log says that ended it: by whom, and its recording.
fn end_in_log(site: &RunningSite, grant: &Grant) -> (Actor, Option<RecordingNote>) {
    let id = grant.session();
    let events = site.audit.events();
    let mut ends = events.into_iter().filter_map(|event| match event.kind {
        AuditKind::SessionEnded {
            session, recording, ..
        } if session == id => Some((event.actor, recording)),
        _ => None,
    });
    let end = ends.next().expect("the end is in the log");
    assert!(ends.next().is_none(), "once");
    end
}

fn by_rep(actor: &Actor) -> bool {
    matches!(actor, Actor::Rep { name, login: Some(_), .. } if name == "alice")
}

#[tokio::test]
async fn a_rep_opens_an_item_of_its_own_network_in_a_site_without_a_jumpoint() {
    for options in [
        SiteOptions::new(Registry::new()),
        SiteOptions::new(Registry::new()).over_tcp(),
        SiteOptions::new(Registry::new()).with_relay_apart(),
    ] {
        let site = site_with(options, RecordingMode::Off).await;
        assert_eq!(site.broker.world().jumpoints().count(), 0);
        let rep = alice(&site).await;
        let mut session = rep.jump("web/desk").await.unwrap();
        assert_eq!(session.grant.place(), GatePlace::Rep);
        assert_eq!(say(&mut session, b"hello").await.unwrap(), b"hello");
        let views = rep.sessions(true, 10).await.unwrap();
        assert!(views.len() == 1 && views[0].local);
        session.stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        session.stream.read_to_end(&mut rest).await.unwrap();
        rep.settled().await;
        let SessionState::Ended {
            reason,
            bytes_from_rep,
            ..
        } = over(&site, &session.grant).await
        else {
            unreachable!()
        };
        assert_eq!((reason, bytes_from_rep), (EndReason::RepClosed, 5));
        let (actor, _) = end_in_log(&site, &session.grant);
        assert!(by_rep(&actor), "{actor:?}");
        let granted = site
            .audit
            .events()
            .into_iter()
            .find_map(|event| match event.kind {
                AuditKind::SessionGranted { place, .. } => Some((event.actor, place)),
                _ => None,
            });
        assert!(matches!(granted, Some((Actor::User { .. }, GatePlace::Rep))));
        let told = site
            .audit
            .events()
            .into_iter()
            .any(|event| by_rep(&event.actor) && matches!(event.kind, AuditKind::SessionEvent { .. }));
        assert!(told, "its events are in the log");
    }
}

#[tokio::test]
async fn more_than_both_buffers_hold_arrives_whole() {
    let site = site(RecordingMode::Off).await;
    let rep = alice(&site).await;
    let session = rep.jump("desk").await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(session.stream);
    let sent: Vec<u8> = (0..4u32 << 20).map(|at| (at % 251) as u8).collect();
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
        writer
    });
    let mut back = Vec::new();
    reader.read_to_end(&mut back).await.unwrap();
    sending.await.unwrap();
    assert!(back == expected, "what came back differs");
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Kill,
    TakeOutOfGroup,
    RemoveItem,
    ChangeItem,
    DisableUser,
    RemoveLogin,
}

impl Way {
    async fn end(self, site: &RunningSite, session: &JumpSession) {
        let (user, item) = (UserName::new("alice").unwrap(), "desk".to_owned());
        let edit = match self {
            Way::Kill => {
                site.add_user_without_jumpoint("admin", true).await.unwrap();
                let admin = site.login("admin", Registry::new()).await.unwrap();
                return admin.end_session(session.grant.session()).await.unwrap();
            }
            Way::TakeOutOfGroup => Edit::RemoveMember {
                group: Name::new("web").unwrap(),
                user,
            },
            Way::RemoveItem => Edit::RemoveItem { item },
            Way::ChangeItem => Edit::EditItem {
                item,
                patch: Box::new(ItemPatch {
                    recording: Some(RecordingMode::BestEffort),
                    ..ItemPatch::default()
                }),
            },
            Way::DisableUser => Edit::EnableUser {
                name: user,
                enabled: false,
            },
            Way::RemoveLogin => {
                let world = site.broker.world();
                let alice = world.user_named("alice").unwrap().id;
                let login = world.logins_of(alice).next().unwrap().id;
                Edit::RemoveLogin { login }
            }
        };
        site.edit(edit).await.unwrap();
    }
}

#[tokio::test]
async fn s10_whatever_takes_the_permission_away_ends_the_session_within_a_second_and_says_why() {
    for (way, why) in [
        (Way::Kill, "ended by admin"),
        (Way::TakeOutOfGroup, "access was revoked"),
        (Way::RemoveItem, "access was revoked"),
        (Way::ChangeItem, "the item was changed"),
        (Way::DisableUser, "the user is disabled"),
        (Way::RemoveLogin, "the login was removed"),
    ] {
        let site = site(RecordingMode::Off).await;
        let rep = alice(&site).await;
        let mut session = rep.jump("desk").await.unwrap();
        say(&mut session, b"x").await.unwrap();
        way.end(&site, &session).await;
        let (error, took) = cut(&mut session).await;
        assert!(error.to_string().contains(why), "{way:?}: {error}");
        assert_eq!(error.kind(), ErrorKind::SessionEnded);
        assert!(took < Duration::from_secs(1), "{way:?}: {took:?}");
        let reason = reason(&site, &session.grant).await.to_string();
        assert!(reason.contains(why), "{way:?}: {reason}");
    }
}

#[tokio::test]
async fn the_granted_time_ends_it() {
    let site = site(RecordingMode::Off).await;
    let patch = Box::new(ItemPatch {
        max_duration_seconds: Some(Some(1)),
        ..ItemPatch::default()
    });
    let item = "desk".to_owned();
    site.edit(Edit::EditItem { item, patch }).await.unwrap();
    let rep = alice(&site).await;
    let mut session = rep.jump("desk").await.unwrap();
    let (error, _) = cut(&mut session).await;
    assert!(error.to_string().contains("granted time is over"), "{error}");
    assert_eq!(reason(&site, &session.grant).await, EndReason::Expired);
}

#[tokio::test]
async fn it_does_not_outlive_the_connection_to_the_broker() {
    let site = site(RecordingMode::Off).await;
    let rep = alice(&site).await;
    let mut session = rep.jump("desk").await.unwrap();
    say(&mut session, b"x").await.unwrap();
    site.cut_off_broker();
    let (error, took) = cut(&mut session).await;
    assert!(error.to_string().contains("contact with the broker"), "{error}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(reason(&site, &session.grant).await, EndReason::RepLost);
    let (actor, recording) = end_in_log(&site, &session.grant);
    assert_eq!(
        (actor, recording),
        (Actor::System, None),
        "nobody has reported it"
    );
}

#[tokio::test]
async fn a_rep_that_is_dropped_with_its_session_still_reports_how_it_ended() {
    let site = site(RecordingMode::Off).await;
    let rep = alice(&site).await;
    let mut session = rep.jump("desk").await.unwrap();
    say(&mut session, b"four").await.unwrap();
    let JumpSession { grant, stream, .. } = session;
    drop((stream, rep));
    let SessionState::Ended {
        reason,
        bytes_from_rep,
        ..
    } = over(&site, &grant).await
    else {
        unreachable!()
    };
    assert_eq!((reason, bytes_from_rep), (EndReason::RepLost, 4));
    assert!(by_rep(&end_in_log(&site, &grant).0));
}

#[tokio::test]
async fn a_gate_that_panics_ends_its_own_session_and_no_other() {
    let site = site(RecordingMode::Off).await;
    let rep = alice(&site).await;
    let (mut one, mut other) = (rep.jump("desk").await.unwrap(), rep.jump("desk").await.unwrap());
    one.stream.write_all(b"panic\n").await.unwrap();
    let (error, _) = cut(&mut one).await;
    assert!(error.to_string().contains("this is a bug"), "{error}");
    assert_eq!(say(&mut other, b"on").await.unwrap(), b"on");
}

#[tokio::test]
async fn it_is_recorded_in_the_reps_folder_for_the_sites_key_only_and_the_log_knows_its_hash() {
    let site = site(RecordingMode::FailClosed).await;
    let folder = Folder::new().unwrap();
    let rep = site
        .login_local("alice", echo(), Some(folder.path()))
        .await
        .unwrap();
    let mut session = rep.jump("desk").await.unwrap();
    say(&mut session, b"recorded").await.unwrap();
    session.stream.shutdown().await.unwrap();
    rep.settled().await;
    let path = folder.path().join(format!("{}.jrec", session.grant.session()));
    let file = BufReader::new(File::open(&path).unwrap());
    let mut reader = RecordingReader::open(file, &site.recording_key).unwrap();
    assert_eq!(reader.info().user_name, "alice");
    let record = reader.next().unwrap().unwrap();
    assert_eq!(record.payload.as_ref(), b"recorded");
    let (actor, note) = end_in_log(&site, &session.grant);
    let note = note.unwrap();
    assert!(by_rep(&actor));
    let hash = jump_core::recording::verify(BufReader::new(File::open(&path).unwrap()), &site.recording_key)
        .unwrap()
        .hash;
    assert_eq!(note.hash, data_encoding::HEXLOWER.encode(&hash));
    assert_eq!(note.bytes, 8);
}

#[tokio::test]
async fn without_a_place_for_its_recording_it_does_not_begin() {
    for mode in [RecordingMode::FailClosed, RecordingMode::Backpressure] {
        let site = site(mode).await;
        let rep = alice(&site).await;
        let error = rep.jump("desk").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.to_string().contains("no place for recordings"), "{error}");
        site.until("it is over", || site.broker.live_sessions().is_empty())
            .await
            .unwrap();
        let begun = |kind: &AuditKind| matches!(kind, AuditKind::SessionEvent { .. });
        assert!(!site.audit.events().iter().any(|event| begun(&event.kind)));
    }
}

#[tokio::test]
async fn what_this_rep_runs_no_gate_for_is_refused() {
    let site = site(RecordingMode::Off).await;
    let rep = site.login("alice", echo()).await.unwrap();
    let error = rep.jump("desk").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("runs no gates"), "{error}");
    let target = "127.0.0.1:3389".parse().unwrap();
    let details = ItemDetails::LocalRdp(Rdp::default());
    site.add_item("windows", target, RecordingMode::Off, None, details)
        .await
        .unwrap();
    let rep = alice(&site).await;
    let error = rep.jump("windows").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("no backend for `rdp`"), "{error}");
    site.until("it is over", || site.broker.live_sessions().is_empty())
        .await
        .unwrap();
}

/// A gate that does nothing but say what it was given.
#[derive(Debug)]
struct Telling;

#[async_trait]
impl Backend for Telling {
    fn protocol(&self) -> &'static str {
        "vnc"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::none()
    }

    async fn gate(&self, mut rep: BoxStream, context: GateContext) -> Outcome {
        let given = match &context.credential {
            Some(credential) => match &credential.secret {
                CredentialSecret::Password(password) => {
                    format!("{} {}", credential.username, password.expose())
                }
                _ => "another".to_owned(),
            },
            None => "none".to_owned(),
        };
        let address = &context.grant.target().addresses[0];
        let dialled = context.dialer.dial(address).await.map(|_| ());
        let said = format!("{given}; {dialled:?}; {:?}", context.identity_seed.expose());
        rep.write_all(said.as_bytes()).await.unwrap();
        rep.shutdown().await.unwrap();
        Outcome::nothing_moved(EndReason::TargetClosed)
    }

    async fn connect(&self, _: BoxStream, _: ConnectOptions) -> Result<Session> {
        Err(Error::new(ErrorKind::Unsupported, "connect", "it has no client"))
    }
}

/// A prompt at which somebody gives up.
#[derive(Debug)]
struct GivesUp;

#[async_trait]
impl CredentialSource for GivesUp {
    async fn credential(&self, grant: &Grant) -> Result<Option<Credential>> {
        let message = format!("nobody knows the password of {}", grant.item_name());
        Err(Error::new(ErrorKind::TargetAuthentication, "ask", message))
    }
}

#[tokio::test]
async fn the_credential_is_what_the_caller_gives_and_the_way_out_is_the_policys() {
    let site = site(RecordingMode::Off).await;
    let gates = Registry::new().with(Arc::new(Telling));
    let login = site.enrol("alice").await.unwrap();
    let rep = site
        .rep(login)
        .local_jumps(LocalJumps::new(gates))
        .connect()
        .await
        .unwrap();
    let told = async |options: &JumpOptions| {
        let mut session = rep.jump_with("desk", options).await.unwrap();
        let mut said = String::new();
        session.stream.read_to_string(&mut said).await.unwrap();
        said
    };
    let without = told(&JumpOptions::default()).await;
    assert!(without.starts_with("none; Err"), "{without}");
    assert!(without.contains("network policy"), "{without}");
    let mut options = JumpOptions::default();
    options.target_credential = Some(Arc::new(Credential {
        username: "ada".to_owned(),
        secret: CredentialSecret::Password(Secret::new("secret12".to_owned())),
    }));
    for _ in 0..2 {
        let with = told(&options).await;
        assert_eq!(with, without.replace("none", "ada secret12"), "one identity, too");
    }
    assert!(!format!("{options:?}").contains("secret12"));

    options.target_credential = Some(Arc::new(GivesUp));
    let error = rep.jump_with("desk", &options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TargetAuthentication);
    assert!(error.to_string().contains("nobody knows the password of desk"));
}

#[tokio::test]
async fn a_raw_report_about_anothers_session_is_refused_over_a_real_connection() {
    let site = site(RecordingMode::Off).await;
    site.add_user_without_jumpoint("mallory", false).await.unwrap();
    let rep = alice(&site).await;
    let mut session = rep.jump("desk").await.unwrap();
    let report = |session| {
        RepRequest::Gate(jump_core::control::GateReport::Ended {
            session,
            outcome: Outcome::nothing_moved(EndReason::TargetClosed),
            recording: None,
        })
    };
    let id = session.grant.session();
    // Alice herself from another machine is nobody else.
    for name in ["mallory", "alice"] {
        let other = site.login_local(name, echo(), None).await.unwrap();
        let said = other.request(report(id)).await;
        assert_eq!(said.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(say(&mut session, b"on").await.unwrap(), b"on");
    assert!(matches!(rep.request(report(id)).await.unwrap(), Response::Done));
    assert_eq!(reason(&site, &session.grant).await, EndReason::TargetClosed);
}
