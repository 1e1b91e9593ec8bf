//! Logging in to the target with the injected credential.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Setup, connect_over, exec, leave, password, right_password};
use jump_core::ErrorKind;
use jump_core::model::HostKey;
use jump_core::protocol::SessionEvent;
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, EndReason};
use jump_testkit::canary::Canary;
use jump_testkit::ports;
use jump_testkit::sshd::{PASSPHRASE, Sshd, USER, UserKey};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server::{self, Auth, Response};
use russh::{MethodKind, MethodSet};

fn key(pem: String, passphrase: Option<&str>, certificate: Option<String>) -> Option<Credential> {
    let passphrase = passphrase.map(|text| Secret::new(text.to_owned()));
    Some(Credential {
        username: USER.to_owned(),
        secret: CredentialSecret::PrivateKey {
            pem: Secret::new(pem),
            passphrase,
            certificate,
        },
    })
}

async fn logs_in(sshd: &Sshd, credential: Option<Credential>, kind: &str) {
    let (rep, running) = Setup::for_sshd(sshd).rep(credential).await;
    assert_eq!(exec(&rep, "id -un").await.out(), format!("{USER}\n"));
    leave(rep).await;
    let (_, events, _) = running.end().await;
    let expected = SessionEvent::CredentialInjected {
        kind: kind.to_owned(),
        username: USER.to_owned(),
    };
    assert_eq!(events.first(), Some(&expected));
}

/// The session fails before the rep's client sees an SSH server; the client is told why.
async fn is_refused(
    setup: &Setup,
    credential: Option<Credential>,
    kind: ErrorKind,
) -> (String, Vec<SessionEvent>) {
    let (stream, running) = setup.start(credential);
    assert!(connect_over(stream).await.is_err());
    let (outcome, events, records) = running.end().await;
    assert!(records.is_empty());
    let EndReason::Failed {
        kind: failed,
        message,
    } = outcome.reason
    else {
        panic!("{:?}", outcome.reason)
    };
    assert_eq!(failed, kind, "{message}");
    (message, events)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_logs_in() {
    let sshd = Sshd::start().await.unwrap();
    logs_in(&sshd, right_password(), "password").await;
    assert!(sshd.log().contains("Accepted password"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_answers_prompts_where_only_prompts_are_offered() {
    let sshd = Sshd::builder().password(false).start().await.unwrap();
    logs_in(&sshd, right_password(), "password").await;
    assert!(sshd.log().contains("Accepted keyboard-interactive"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_key_logs_in() {
    let sshd = Sshd::start().await.unwrap();
    for kind in [UserKey::Ed25519, UserKey::Ecdsa, UserKey::Rsa] {
        logs_in(
            &sshd,
            key(sshd.user_key(kind).await.unwrap(), None, None),
            "private key",
        )
        .await;
    }
    let encrypted = sshd.user_key(UserKey::Encrypted).await.unwrap();
    logs_in(&sshd, key(encrypted, Some(PASSPHRASE), None), "private key").await;
    assert!(!sshd.log().contains("ssh-rsa SHA1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_logs_in_where_its_bare_key_does_not() {
    let sshd = Sshd::start().await.unwrap();
    let pem = sshd.user_key(UserKey::Certified).await.unwrap();
    let certificate = sshd.user_certificate().await.unwrap();
    logs_in(&sshd, key(pem.clone(), None, Some(certificate)), "certificate").await;
    let (_, events) = is_refused(
        &Setup::for_sshd(&sshd),
        key(pem, None, None),
        ErrorKind::TargetAuthentication,
    )
    .await;
    assert!(matches!(&events[0], SessionEvent::CredentialRefused { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_tried_once_and_reported() {
    let sshd = Sshd::start().await.unwrap();
    let secret = "not-the-password-5521";
    let (message, events) = is_refused(
        &Setup::for_sshd(&sshd),
        password(secret),
        ErrorKind::TargetAuthentication,
    )
    .await;
    let expected = SessionEvent::CredentialRefused {
        kind: "password".to_owned(),
        username: USER.to_owned(),
    };
    assert_eq!(events, [expected]);
    assert!(
        message.contains("refused") && !message.contains(secret),
        "{message}"
    );
    assert_eq!(sshd.log().matches("Failed password").count(), 1);
    assert!(!sshd.log().contains("Failed keyboard-interactive"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_keys_unreadable_keys_and_missing_credentials_are_told_apart() {
    let sshd = Sshd::start().await.unwrap();
    let setup = Setup::for_sshd(&sshd);
    let stranger = sshd.user_key(UserKey::Stranger).await.unwrap();
    let (message, _) = is_refused(&setup, key(stranger, None, None), ErrorKind::TargetAuthentication).await;
    assert!(message.contains("private key"), "{message}");

    let encrypted = sshd.user_key(UserKey::Encrypted).await.unwrap();
    let (message, _) = is_refused(
        &setup,
        key(encrypted, Some("wrong"), None),
        ErrorKind::TargetAuthentication,
    )
    .await;
    assert!(message.contains("enter it again"), "{message}");

    let (message, events) = is_refused(&setup, None, ErrorKind::TargetAuthentication).await;
    assert!(
        message.contains("no credential is stored") && events.is_empty(),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rep_is_told_why_there_is_no_session() {
    let refusing = ports::RefusingPort::new().unwrap();
    let setup = Setup::new(refusing.address(), Vec::new());
    let (message, _) = is_refused(&setup, right_password(), ErrorKind::TargetUnreachable).await;

    let (mut stream, running) = setup.start(right_password());
    let mut told = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut told)
        .await
        .unwrap();
    drop(stream);
    running.end().await;
    let told = String::from_utf8_lossy(&told);
    assert!(
        told.starts_with("SSH-2.0-Jump_") && told.contains(&message),
        "{told}"
    );
}

/// A target that asks questions, with answers in the test's hand.
struct Asking {
    rounds: Vec<Vec<(&'static str, bool)>>,
    next: usize,
    answers: Arc<Mutex<Vec<Vec<String>>>>,
}

impl server::Handler for Asking {
    type Error = russh::Error;

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        if let Some(response) = response {
            let said = response.map(|answer| String::from_utf8_lossy(&answer).into_owned());
            self.answers.lock().unwrap().push(said.collect());
        }
        let Some(round) = self.rounds.get(self.next) else {
            return Ok(Auth::Accept);
        };
        self.next += 1;
        Ok(Auth::Partial {
            name: "".into(),
            instructions: "".into(),
            prompts: round
                .iter()
                .map(|(text, echo)| ((*text).into(), *echo))
                .collect::<Vec<_>>()
                .into(),
        })
    }
}

async fn asking(
    methods: &[MethodKind],
    rounds: Vec<Vec<(&'static str, bool)>>,
) -> (SocketAddr, HostKey, Arc<Mutex<Vec<Vec<String>>>>) {
    let (listener, address) = ports::listener().await.unwrap();
    let host_key = PrivateKey::new(Ed25519Keypair::from_seed(&[3; 32]).into(), "").unwrap();
    let shown = HostKey::new(&host_key.public_key().to_openssh().unwrap()).unwrap();
    let config = Arc::new(server::Config {
        keys: vec![host_key],
        methods: MethodSet::from(methods),
        auth_rejection_time: Duration::ZERO,
        ..server::Config::default()
    });
    let answers = Arc::new(Mutex::new(Vec::new()));
    let handler = Asking {
        rounds,
        next: 0,
        answers: answers.clone(),
    };
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = server::run_stream(config, stream, handler).await.unwrap().await;
    });
    (address, shown, answers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hidden_prompts_get_the_password_visible_ones_nothing_and_empty_rounds_an_empty_answer() {
    let rounds = vec![
        vec![("Floor? ", true), ("Password: ", false)],
        vec![("Again: ", false)],
        vec![],
    ];
    let (address, shown, answers) = asking(&[MethodKind::KeyboardInteractive], rounds).await;
    let (rep, running) = Setup::new(address, vec![shown]).rep(password("word-0441")).await;
    assert_eq!(
        *answers.lock().unwrap(),
        [vec!["", "word-0441"], vec!["word-0441"], vec![]]
    );
    leave(rep).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_never_stops_asking_is_given_up() {
    let rounds = vec![vec![("Password: ", false)]; 100];
    let (address, shown, answers) = asking(&[MethodKind::KeyboardInteractive], rounds).await;
    let setup = Setup::new(address, vec![shown]);
    let (message, _) = is_refused(&setup, right_password(), ErrorKind::Protocol).await;
    assert!(message.contains("rounds"), "{message}");
    assert!(answers.lock().unwrap().len() < 20);
}

/// The target offers both; what it refused as a password must not be said again as an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_password_is_not_tried_again_as_an_answer() {
    let (address, shown, answers) = asking(
        &[MethodKind::Password, MethodKind::KeyboardInteractive],
        vec![vec![("Password: ", false)]],
    )
    .await;
    is_refused(
        &Setup::new(address, vec![shown]),
        right_password(),
        ErrorKind::TargetAuthentication,
    )
    .await;
    assert!(answers.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_injected_password_reaches_neither_rep_nor_recording_nor_events() {
    let sshd = Sshd::start().await.unwrap();
    let secret = jump_testkit::sshd::PASSWORD;
    let canary = Canary::new(secret.as_bytes());
    let (rep, running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    let said = exec(&rep, "env; cat /proc/self/cmdline; set").await;
    assert!(!said.out.is_empty());
    assert_eq!(canary.find(&said.out), []);
    assert_eq!(canary.find(&said.err), []);
    leave(rep).await;
    let (outcome, events, records) = running.end().await;
    assert_eq!(canary.find(format!("{outcome:?} {events:?}").as_bytes()), []);
    for record in &records {
        assert_eq!(canary.find(&record.payload), []);
    }

    let wrong = "canary-password-8841";
    let canary = Canary::new(wrong.as_bytes());
    let (mut stream, running) = Setup::for_sshd(&sshd).start(password(wrong));
    let mut told = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut told)
        .await
        .unwrap();
    drop(stream);
    let (outcome, events, _) = running.end().await;
    assert!(!told.is_empty());
    assert_eq!(canary.find(&told), []);
    assert_eq!(
        canary.find(format!("{outcome:?} {outcome:#?} {events:?}").as_bytes()),
        []
    );
}
