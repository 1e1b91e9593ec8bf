//! Webhooks against a real HTTP server.
#![cfg(feature = "webhook")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Arc;

use common::{Identity, Server, both, close, jump, site, works};
use jump_core::audit::AuditKind;
use jump_core::control::{RepRequest, Response};
use jump_core::model::{Approval, Field, Remark};
use jump_core::rep::{JumpOptions, Rep};
use jump_core::secret::Secret;
use jump_core::time::Timestamp;
use jump_core::{ErrorKind, Result};
use jump_notify::{SIGNATURE_HEADER, TicketWebhook, Webhook, WebhookOptions, verify_signature};
use jump_testkit::ports::free_port;
use jump_testkit::running_site::RunningSite;

const SECRET: &[u8] = b"a secret of 24 bytes !!!";

fn options() -> WebhookOptions {
    let mut options = WebhookOptions::default();
    options.secret = Some(Secret::new(SECRET.to_vec()));
    options
}

fn webhook(port: u16) -> Arc<Webhook> {
    let url = format!("http://127.0.0.1:{port}/hook");
    Arc::new(Webhook::new(&url, options()).unwrap())
}

/// The notifications that were given up: what they were about, the attempts, and why.
fn given_up(site: &RunningSite) -> Vec<(String, u32, ErrorKind)> {
    let failed = |kind: AuditKind| match kind {
        AuditKind::NotificationFailed {
            about,
            attempts,
            kind,
            ..
        } => Some((about, attempts, kind)),
        _ => None,
    };
    let events = site.audit.events().into_iter();
    events.filter_map(|event| failed(event.kind)).collect()
}

#[tokio::test]
async fn starts_and_ends_are_posted_signed_where_the_policy_says_so() {
    let mut server = Server::start(&["http"]).await;
    let (site, alice) = site(Some(webhook(server.port)), None, |policy| {
        policy.notification = both(&["ops@example.com"]);
    })
    .await;
    let session = jump(&alice).await;
    let id = session.grant.session().to_string();
    let started = server.got("session_started").await;
    close(&site, session).await;
    let ended = server.got("session_ended").await;

    let body = started["body"].as_str().unwrap();
    let header = started["headers"][SIGNATURE_HEADER.to_lowercase()]
        .as_str()
        .unwrap();
    let now = Timestamp::now();
    assert!(verify_signature(SECRET, header, body.as_bytes(), now, 300));
    assert!(!verify_signature(
        b"another secret !",
        header,
        body.as_bytes(),
        now,
        300
    ));
    assert_eq!(started["path"], "/hook");
    let told: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(told["policy"], "care");
    assert_eq!(told["detail"]["session"], id.as_str());
    assert_eq!(
        (&told["detail"]["user"], &told["detail"]["item"]),
        (&"alice".into(), &"web-1".into())
    );
    // Addresses are for mail.
    assert!(!body.contains("ops@example.com"));
    let told: serde_json::Value = serde_json::from_str(ended["body"].as_str().unwrap()).unwrap();
    assert_eq!(told["detail"]["session"], id.as_str());
    assert_eq!(told["detail"]["end"]["reason"], "rep_closed");
    assert_eq!(told["detail"]["bytes_from_rep"], 4);

    // Nobody asked about these.
    let delivered = || site.broker.notifications().delivered == 2;
    site.until("both are delivered", delivered).await.unwrap();
    assert_eq!(site.broker.notifications().failed, 0);
}

#[tokio::test]
async fn what_a_policy_does_not_ask_for_is_not_told() {
    let mut server = Server::start(&["http"]).await;
    let (site, alice) = site(Some(webhook(server.port)), None, |policy| {
        policy.notification.session_end = true;
    })
    .await;
    let session = jump(&alice).await;
    close(&site, session).await;
    server.got("session_ended").await;
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn f18_a_receiver_that_is_down_for_a_while_hears_later_and_sessions_do_not_notice() {
    let mut server = Server::start(&["http", "--status", "503,429,500,200"]).await;
    let (site, alice) = site(Some(webhook(server.port)), None, |policy| {
        policy.notification.session_start = true;
    })
    .await;
    let mut session = jump(&alice).await;
    let delivered = || site.broker.notifications().delivered == 1;
    site.until("it is delivered", delivered).await.unwrap();
    site.until("the receiver says so", || server.count() == 4)
        .await
        .unwrap();
    // Every attempt is the same notification.
    let first = server.got("session_started").await;
    let told: serde_json::Value = serde_json::from_str(first["body"].as_str().unwrap()).unwrap();
    let id = told["id"].as_str().unwrap();
    assert_eq!(server.process.output().matches(id).count(), 4);
    works(&mut session).await;
    assert!(given_up(&site).is_empty());
}

#[tokio::test]
async fn f18_what_cannot_be_delivered_is_given_up_in_the_log_and_ends_no_session() {
    for (statuses, attempts, kind) in [
        // Refused for good; a redirect is not followed.
        ("403", 1, ErrorKind::Denied),
        ("307", 1, ErrorKind::Denied),
        ("500", 7, ErrorKind::Unavailable),
    ] {
        let server = Server::start(&["http", "--status", statuses]).await;
        let (site, alice) = site(Some(webhook(server.port)), None, |policy| {
            policy.notification.session_start = true;
        })
        .await;
        let mut session = jump(&alice).await;
        let failed = || site.broker.notifications().failed == 1 && !given_up(&site).is_empty();
        site.until("it is given up", failed).await.unwrap();
        assert_eq!(given_up(&site), [("session_started".to_owned(), attempts, kind)]);
        // What the receiver says of itself may come after its answer.
        let told = || server.count() == attempts as usize;
        site.until("the receiver says so", told).await.unwrap();
        assert_eq!(site.broker.notifications().waiting, 0);
        works(&mut session).await;
    }
    // Nobody listens.
    let (site, alice) = site(Some(webhook(free_port().unwrap())), None, |policy| {
        policy.notification.session_start = true;
    })
    .await;
    let mut session = jump(&alice).await;
    site.until("it is given up", || !given_up(&site).is_empty())
        .await
        .unwrap();
    assert_eq!(given_up(&site)[0].2, ErrorKind::Unavailable);
    works(&mut session).await;
}

#[tokio::test]
async fn f18_a_receiver_that_hangs_holds_up_nothing_and_what_waits_when_the_broker_stops_is_in_the_log() {
    let mut server = Server::start(&["http", "--slow"]).await;
    let (site, alice) = site(Some(webhook(server.port)), None, |policy| {
        policy.notification = both(&[]);
    })
    .await;
    for _ in 0..3 {
        let session = jump(&alice).await;
        close(&site, session).await;
    }
    server.got("session_started").await;
    // A session leaves the registry a moment before its end is told.
    let all_wait = || site.broker.notifications().waiting == 6;
    site.until("both ends of each session wait", all_wait)
        .await
        .unwrap();
    site.broker.shutdown().await;
    assert_eq!(given_up(&site).len(), 6);
    assert_eq!(site.broker.notifications().waiting, 0);
}

#[tokio::test]
async fn a_certificate_is_verified_and_a_wrong_one_is_refused_without_a_word() {
    let good = Identity::new(&["localhost"]);
    let other = Identity::new(&["localhost"]);
    let named = Identity::new(&["example.com"]);
    for (shown, trusted, right) in [
        (&good, Some(&good), true),
        // Somebody else's, for another name, and one that only Mozilla's roots could vouch for.
        (&good, Some(&other), false),
        (&named, Some(&named), false),
        (&good, None, false),
    ] {
        let tls = shown.arguments("--tls");
        let arguments: Vec<&str> = ["http"]
            .into_iter()
            .chain(tls.iter().map(String::as_str))
            .collect();
        let server = Server::start(&arguments).await;
        let mut options = options();
        options.roots = trusted.map(|identity| identity.certificate.clone());
        let url = format!("https://localhost:{}/", server.port);
        let webhook = Arc::new(Webhook::new(&url, options).unwrap());
        let (site, alice) = site(Some(webhook), None, |policy| {
            policy.notification.session_start = true;
        })
        .await;
        let mut session = jump(&alice).await;
        let settled = || site.broker.notifications().waiting == 0;
        site.until("it is settled", settled).await.unwrap();
        assert_eq!(site.broker.notifications().delivered, u64::from(right));
        let told = || server.count() == usize::from(right);
        site.until("the receiver says so", told).await.unwrap();
        if !right {
            let expected = ("session_started".to_owned(), 1, ErrorKind::UntrustedPeer);
            site.until("it is logged", || given_up(&site) == [expected.clone()])
                .await
                .unwrap();
        }
        works(&mut session).await;
    }
}

#[test]
fn a_webhook_goes_over_tls_or_to_this_machine_and_has_a_real_secret() {
    let made = |url: &str| Webhook::new(url, options()).map(drop);
    for url in ["https://example.com/x", "http://127.0.0.1:1/", "http://[::1]/x"] {
        made(url).unwrap();
    }
    for url in [
        "http://example.com/",
        "http://localhost/",
        "ftp://127.0.0.1/",
        "https://",
        "example.com",
        "https://user:password@example.com/",
        "http://127.0.0.1.example.com/",
    ] {
        let error = made(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{url}");
        assert!(!error.to_string().contains("password@"));
    }
    let mut short = WebhookOptions::default();
    short.secret = Some(Secret::new(b"too short".to_vec()));
    assert!(Webhook::new("https://example.com/", short).is_err());
    let mut rubbish = options();
    rubbish.roots = Some("rubbish".into());
    assert!(Webhook::new("https://example.com/", rubbish).is_err());
}

#[tokio::test]
async fn an_approval_request_names_who_may_answer() {
    let mut server = Server::start(&["http"]).await;
    let (site, alice) = site(Some(webhook(server.port)), None, |_| {}).await;
    site.add_user("bob", None, false).await.unwrap();
    let world = site.broker.world();
    let bob = world.user_named("bob").unwrap().id;
    let mut policy = jump_core::model::JumpPolicy::clone(world.policies().next().unwrap());
    policy.approval = Some(Approval {
        max_duration_minutes: 60,
        scope: Default::default(),
        approvers: [bob].into(),
        approver_teams: Default::default(),
        email_addresses: Vec::new(),
        self_approval: false,
    });
    let changes = vec![jump_core::model::Change::PutPolicy(policy)];
    let dry_run = false;
    site.edit(jump_core::control::Edit::Change { changes, dry_run })
        .await
        .unwrap();
    let ask = RepRequest::RequestApproval {
        item: "web-1".into(),
        start: None,
        duration_seconds: None,
        reason: Remark::new("patch\r\nBcc: mallory@example.com").unwrap_or_default(),
    };
    let Response::Approvals(asked) = alice.request(ask).await.unwrap() else {
        panic!("no request");
    };
    let told = server.got("approval_requested").await;
    let told: serde_json::Value = serde_json::from_str(told["body"].as_str().unwrap()).unwrap();
    assert_eq!(told["detail"]["approvers"], serde_json::json!(["bob"]));
    assert_eq!(told["detail"]["requester"], "alice");
    assert_eq!(told["detail"]["request"], serde_json::json!(asked[0].id));
}

async fn with_ticket(alice: &Rep, ticket: &str) -> Result<()> {
    let mut options = JumpOptions::default();
    options.supplied.ticket = Some(Field::new(ticket).unwrap());
    alice.jump_with("web-1", &options).await.map(drop)
}

#[tokio::test]
async fn a_ticket_system_that_allows_lets_in_and_every_other_answer_does_not() {
    for (arguments, allowed) in [
        (
            vec!["--answer", r#"{"allow": true, "attributes": {"cost": 3}}"#],
            true,
        ),
        (vec!["--answer", r#"{"allow": false}"#], false),
        (vec!["--answer", r#"{"allow": "true"}"#], false),
        (vec!["--answer", r#"{}"#], false),
        (vec!["--answer", "true"], false),
        (vec!["--answer", r#"{"allow": true}"#, "--status", "201"], false),
        (vec!["--answer", r#"{"allow": true}"#, "--status", "500"], false),
        (vec!["--answer", r#"{"allow": true}"#, "--status", "307"], false),
    ] {
        let mut server = Server::start(&[&["http"], &arguments[..]].concat()).await;
        let url = format!("http://127.0.0.1:{}/ticket", server.port);
        let tickets = Arc::new(TicketWebhook::new(&url, options()).unwrap());
        let (_site, alice) = site(None, Some(tickets), |policy| policy.ticket_id_required = true).await;
        let answer = with_ticket(&alice, "INC-7").await;
        assert_eq!(answer.is_ok(), allowed, "{arguments:?}: {answer:?}");
        if let Err(error) = answer {
            assert_eq!(error.kind(), ErrorKind::Denied);
        }
        let asked = server.got("INC-7").await;
        let body = asked["body"].as_str().unwrap();
        let header = asked["headers"][SIGNATURE_HEADER.to_lowercase()]
            .as_str()
            .unwrap();
        assert!(verify_signature(
            SECRET,
            header,
            body.as_bytes(),
            Timestamp::now(),
            300
        ));
        let question: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(question["user"], "alice");
        assert_eq!(question["item"]["name"], "web-1");
        assert_eq!(server.count(), 1, "asked once");
    }
    // Nobody listens.
    let url = format!("http://127.0.0.1:{}/ticket", free_port().unwrap());
    let tickets = Arc::new(TicketWebhook::new(&url, options()).unwrap());
    let (_site, alice) = site(None, Some(tickets), |policy| policy.ticket_id_required = true).await;
    assert_eq!(
        with_ticket(&alice, "INC-7").await.unwrap_err().kind(),
        ErrorKind::Denied
    );
}
