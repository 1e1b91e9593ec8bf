//! The gate in the rep's own process: Local VNC, with real servers and no Jumpoint.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jump_core::ErrorKind;
use jump_core::audit::{Actor, AuditKind};
use jump_core::control::Edit;
use jump_core::id::ItemId;
use jump_core::model::{ItemDetails, Name, UserName, Vnc, VncSecurity};
use jump_core::protocol::{Keysym, Registry, ScreenSession, Session, SessionEvent};
use jump_core::rep::{JumpOptions, Rep};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, EndReason, RecordingMode};
use jump_proto_vnc::VncBackend;
use jump_testkit::process::{Process, command};
use jump_testkit::running_site::{RunningSite, SiteOptions};
use jump_testkit::sshd;
use jump_testkit::vnc::{PASSWORD, Picture, Shown, VncServer};

use super::harness::soon;

/// A site whose only Jumpoint is gone, with the item `desk` that leads to a server on this machine.
struct Local {
    site: RunningSite,
    server: VncServer,
    item: ItemId,
}

fn gates() -> Registry {
    Registry::new().with(Arc::new(VncBackend::new()))
}

fn options(username: &str, password: &str) -> JumpOptions {
    let mut options = JumpOptions::default();
    options.target_credential = Some(Arc::new(Credential {
        username: username.to_owned(),
        secret: CredentialSecret::Password(Secret::new(password.to_owned())),
    }));
    options
}

impl Local {
    async fn new(server: VncServer, change: impl FnOnce(&mut Vnc)) -> Self {
        let options = SiteOptions::new(Registry::new()).over_tcp();
        let site = RunningSite::start(options).await.unwrap();
        site.stop_jumpoint().await;
        let name = Name::new("berlin").unwrap();
        site.edit(Edit::RemoveJumpoint { name }).await.unwrap();
        for (user, role) in [("alice", "Start Sessions Only"), ("ada", "Administrator")] {
            site.add_user_without_jumpoint(user, false).await.unwrap();
            site.edit(Edit::AddMember {
                group: Name::new("web").unwrap(),
                user: UserName::new(user).unwrap(),
                role: Some(Name::new(role).unwrap()),
                policy: None,
            })
            .await
            .unwrap();
        }
        let mut vnc = Vnc {
            port: server.address().port(),
            ..Vnc::default()
        };
        change(&mut vnc);
        let details = ItemDetails::LocalVnc(vnc);
        let item = site
            .add_item("desk", server.address(), RecordingMode::Off, None, details)
            .await
            .unwrap()
            .id;
        Self { site, server, item }
    }

    async fn rep(&self, user: &str) -> Rep {
        self.site.login_local(user, gates(), None).await.unwrap()
    }

    async fn show(&self) -> (Shown, Picture) {
        let picture = Picture::of_all_kinds(300, 180);
        self.server.show(&picture).await.unwrap()
    }

    fn pins(&self) -> usize {
        let world = self.site.broker.world();
        let ItemDetails::LocalVnc(vnc) = &world.item(self.item).unwrap().details else {
            panic!()
        };
        vnc.pinned_certificates.len()
    }
}

async fn screen(rep: &Rep, options: &JumpOptions) -> Box<dyn ScreenSession> {
    let opened = soon(rep.open_session("desk", options)).await.unwrap();
    let Session::Screen(screen) = opened.session else {
        panic!("it is no screen")
    };
    screen
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_of_a_local_screen_is_the_servers_and_an_end_by_somebody_is_a_typed_error() {
    let server = VncServer::tigervnc_with("VncAuth", &["-geometry", "330x210"]);
    let local = Local::new(server.await.unwrap(), |_| {}).await;
    let (_shown, wanted) = local.show().await;
    let rep = local.rep("alice").await;
    let screen = screen(&rep, &options("", PASSWORD)).await;
    let picture = soon(screen.screenshot()).await.unwrap();
    assert_eq!((picture.width, picture.height), (330, 210));
    // The pointer is drawn by a viewer, and is not in the picture.
    assert!(picture.rgba == wanted.pixels.as_flattened(), "the pixels differ");

    let session = local.site.broker.live_sessions()[0];
    let begun = Instant::now();
    let ended = EndReason::EndedBy("ada".to_owned());
    local.site.broker.end_session(session, ended).unwrap();
    let error = loop {
        match soon(screen.next_event()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended without a reason"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::SessionEnded);
    assert!(error.to_string().contains("ended by ada"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    soon(rep.settled()).await;
    let events = local.site.audit.events();
    let told = events
        .iter()
        .filter(|event| matches!(event.actor, Actor::Rep { .. }));
    let told: Vec<_> = told.map(|event| &event.kind).collect();
    assert!(
        matches!(
            told[..],
            [
                AuditKind::SessionEvent {
                    event: SessionEvent::CredentialInjected { .. },
                    ..
                },
                AuditKind::SessionEnded { .. },
            ]
        ),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_target_refuses_is_the_reps_error_and_in_the_log() {
    let local = Local::new(VncServer::tigervnc("VncAuth").await.unwrap(), |_| {}).await;
    let rep = local.rep("alice").await;
    for options in [options("", "wrong123"), JumpOptions::default()] {
        let error = soon(rep.open_session("desk", &options)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TargetAuthentication, "{error}");
    }
    soon(rep.settled()).await;
    let events = local.site.audit.events();
    let failed = events.iter().filter(|event| {
        matches!(
            &event.kind,
            AuditKind::SessionEnded {
                reason: EndReason::Failed {
                    kind: ErrorKind::TargetAuthentication,
                    ..
                },
                ..
            }
        ) && matches!(event.actor, Actor::Rep { .. })
    });
    assert_eq!(failed.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_seen_first_is_pinned_by_who_may_edit_that_and_checked_for_all() {
    let server = VncServer::tigervnc("X509Plain").await.unwrap();
    let local = Local::new(server, |vnc| {
        vnc.trust_first_certificate = true;
        vnc.minimum_security = VncSecurity::Encrypted;
    })
    .await;
    let options = options(sshd::USER, sshd::PASSWORD);
    let (alice, ada) = (local.rep("alice").await, local.rep("ada").await);
    for (rep, pins) in [(&alice, 0), (&ada, 1), (&alice, 1)] {
        let screen = screen(rep, &options).await;
        soon(screen.painted()).await.unwrap();
        soon(screen.close()).await.unwrap();
        soon(rep.settled()).await;
        assert_eq!(local.pins(), pins);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_were_held_at_a_local_target_are_let_go_when_the_rep_is_dropped() {
    let local = Local::new(VncServer::tigervnc("None").await.unwrap(), |vnc| {
        vnc.minimum_security = VncSecurity::None;
    })
    .await;
    let mut xev = command("stdbuf");
    xev.env("DISPLAY", local.server.display().unwrap());
    xev.args(["-oL", "xev", "-geometry", "640x480+0+0"]);
    let mut xev = Process::spawn(xev).unwrap();
    let long = Duration::from_secs(60);
    xev.wait_for_line("Expose event", long).await.unwrap();
    let rep = local.rep("alice").await;
    let screen = screen(&rep, &JumpOptions::default()).await;
    soon(screen.pointer(100, 100, Default::default())).await.unwrap();
    soon(screen.key(Keysym::of('k'), true)).await.unwrap();
    xev.wait_for_line("KeyPress event", long).await.unwrap();
    drop((screen, rep));
    xev.wait_for_line("KeyRelease event", long).await.unwrap();
}
