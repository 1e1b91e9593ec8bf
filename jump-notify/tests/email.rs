//! E-mail through a real SMTP server.
#![cfg(feature = "email")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Arc;

use common::{Identity, Server, both, close, jump, site, works};
use jump_core::ErrorKind;
use jump_core::audit::AuditKind;
use jump_core::model::Field;
use jump_notify::{Email, EmailOptions, SmtpTls};
use jump_testkit::running_site::RunningSite;

fn plain(port: u16) -> EmailOptions {
    let mut options = EmailOptions::new("127.0.0.1", port, "jump@example.com");
    options.tls = SmtpTls::None;
    options
}

fn given_up(site: &RunningSite) -> Vec<ErrorKind> {
    let events = site.audit.events().into_iter();
    events
        .filter_map(|event| match event.kind {
            AuditKind::NotificationFailed { kind, .. } => Some(kind),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn each_address_gets_a_message_of_its_own_and_no_name_makes_a_header() {
    let mut server = Server::start(&["smtp"]).await;
    let email = Arc::new(Email::new(plain(server.port)).unwrap());
    let (site, alice) = site(Some(email), None, |policy| {
        policy.notification = both(&["ops@example.com", "audit@example.org"]);
        policy.notification.display_name = Field::new("Ops, \"night\" <x@y> ümlaut").unwrap();
        policy.name = jump_core::model::Name::new("care: Bcc").unwrap();
    })
    .await;
    let session = jump(&alice).await;
    let id = session.grant.session().to_string();
    close(&site, session).await;
    let delivered = || site.broker.notifications().delivered == 4;
    site.until("all are delivered", delivered).await.unwrap();
    site.until("the server says so", || server.count() == 4)
        .await
        .unwrap();
    let first = server.got("alice started a session on web-1").await;
    assert_eq!(first["from"], "jump@example.com");
    assert_eq!(first["to"].as_array().unwrap().len(), 1);
    let content = first["content"].as_str().unwrap();
    let (headers, body) = content.split_once("\r\n\r\n").unwrap();
    let names: Vec<&str> = headers
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| line.split_once(':').unwrap().0)
        .collect();
    for name in &names {
        let known = [
            "From",
            "To",
            "Subject",
            "Message-ID",
            "Date",
            "Content-Type",
            "Content-Transfer-Encoding",
            "MIME-Version",
            "X-Peer",
            "X-MailFrom",
            "X-RcptTo",
        ];
        assert!(known.contains(name), "{name} in {headers}");
    }
    assert!(body.contains(&id) && body.contains("Item: web-1"), "{body}");
    let end = server.got("the session of alice on web-1 ended").await;
    assert!(
        end["content"]
            .as_str()
            .unwrap()
            .contains("Because: closed by the rep")
    );
}

#[tokio::test]
async fn f18_one_address_that_is_refused_keeps_no_other_from_hearing_and_a_busy_server_is_tried_again() {
    let arguments = ["smtp", "--refuse", "gone@example.com", "--down", "2"];
    let mut server = Server::start(&arguments).await;
    let email = Arc::new(Email::new(plain(server.port)).unwrap());
    let (site, alice) = site(Some(email), None, |policy| {
        policy.notification = both(&["gone@example.com", "ops@example.com"]);
        policy.notification.session_end = false;
    })
    .await;
    let mut session = jump(&alice).await;
    server.got("ops@example.com").await;
    let settled = || site.broker.notifications().waiting == 0 && !given_up(&site).is_empty();
    site.until("it is settled", settled).await.unwrap();
    assert_eq!(given_up(&site), [ErrorKind::Denied]);
    assert_eq!(site.broker.notifications().delivered, 1);
    works(&mut session).await;
}

#[tokio::test]
async fn mail_goes_over_tls_that_is_verified_or_not_at_all() {
    let (good, other) = (Identity::new(&["localhost"]), Identity::new(&["localhost"]));
    for (tls, option, trusted, expected) in [
        (SmtpTls::StartTls, Some("--starttls"), Some(&good), None),
        (SmtpTls::Implicit, Some("--tls"), Some(&good), None),
        (
            SmtpTls::StartTls,
            Some("--starttls"),
            Some(&other),
            Some(ErrorKind::UntrustedPeer),
        ),
        (
            SmtpTls::Implicit,
            Some("--tls"),
            Some(&other),
            Some(ErrorKind::UntrustedPeer),
        ),
        (
            SmtpTls::StartTls,
            Some("--starttls"),
            None,
            Some(ErrorKind::UntrustedPeer),
        ),
        // A server, or somebody on the way, that offers no STARTTLS gets no mail.
        (SmtpTls::StartTls, None, Some(&good), Some(ErrorKind::Protocol)),
    ] {
        let tls_arguments = option.map(|option| good.arguments(option)).unwrap_or_default();
        let arguments: Vec<&str> = ["smtp"]
            .into_iter()
            .chain(tls_arguments.iter().map(String::as_str))
            .collect();
        let server = Server::start(&arguments).await;
        let mut options = EmailOptions::new("localhost", server.port, "jump@example.com");
        options.tls = tls;
        options.roots = trusted.map(|identity| identity.certificate.clone());
        let email = Arc::new(Email::new(options).unwrap());
        let (site, alice) = site(Some(email), None, |policy| {
            policy.notification = both(&["ops@example.com"]);
            policy.notification.session_end = false;
        })
        .await;
        let mut session = jump(&alice).await;
        let settled = || site.broker.notifications().waiting == 0;
        site.until("it is settled", settled).await.unwrap();
        let delivered = expected.is_none();
        let told = || server.count() == usize::from(delivered);
        site.until("the server says so", told)
            .await
            .unwrap_or_else(|_| panic!("{tls:?} {option:?}: {}", server.count()));
        if let Some(kind) = expected {
            site.until("it is logged", || given_up(&site) == [kind])
                .await
                .unwrap_or_else(|_| panic!("{tls:?} {option:?}: {:?}", given_up(&site)));
        } else {
            assert!(server.process.output().contains("\"tls\": true"));
        }
        works(&mut session).await;
    }
}

#[test]
fn without_tls_mail_goes_to_this_machine_only() {
    for host in ["mail.example.com", "localhost", "10.0.0.1"] {
        let mut options = plain(25);
        options.host = host.to_owned();
        assert_eq!(
            Email::new(options).unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
    }
    let mut options = plain(25);
    options.from = "jump@example.com\r\nBcc: x@y.z".to_owned();
    assert!(Email::new(options).is_err());
}
