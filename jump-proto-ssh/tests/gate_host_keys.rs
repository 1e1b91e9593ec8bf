//! Which target the gate talks to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod common;

use common::{Setup, connect_over, exec, leave, right_password};
use jump_core::ErrorKind;
use jump_core::model::HostKey;
use jump_core::protocol::SessionEvent;
use jump_core::session::EndReason;
use jump_testkit::sshd::{HostKeyKind, Sshd};

const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

async fn is_refused(setup: &Setup, sshd: &mut Sshd) -> String {
    let (stream, running) = setup.start(right_password());
    assert!(connect_over(stream).await.is_err());
    let (outcome, events, _) = running.end().await;
    let shown = sshd.host_key(HostKeyKind::Ed25519).unwrap();
    assert_eq!(events, [SessionEvent::HostKeyRefused { key: shown.clone() }]);
    let EndReason::Failed {
        kind: ErrorKind::HostKey,
        message,
    } = outcome.reason
    else {
        panic!("{:?}", outcome.reason)
    };
    assert!(message.contains(&shown.fingerprint()), "{message}");
    // The server has seen the end of the connection, and no user name, let alone a proof, before it.
    sshd.wait_for_log("[preauth]").await.unwrap();
    let log = sshd.log();
    for word in ["authenticating user", "Failed", "Accepted", "jumptest"] {
        assert!(!log.contains(word), "{log}");
    }
    message
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_key_ends_the_session_before_any_credential_is_sent() {
    let mut sshd = Sshd::start().await.unwrap();
    let mut setup = Setup::new(sshd.address(), vec![HostKey::new(OTHER).unwrap()]);
    // Accepting the first key ends with the first key.
    setup.host_key.trust_first_use = true;
    let message = is_refused(&setup, &mut sshd).await;
    assert!(message.contains("not the pinned one"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_pinned_key_and_without_first_use_nothing_is_sent() {
    let mut sshd = Sshd::start().await.unwrap();
    let setup = Setup::new(sshd.address(), Vec::new());
    let message = is_refused(&setup, &mut sshd).await;
    assert!(message.contains("no host key is pinned"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_key_is_accepted_and_reported_where_the_policy_says_so() {
    let sshd = Sshd::start().await.unwrap();
    let mut setup = Setup::new(sshd.address(), Vec::new());
    setup.host_key.trust_first_use = true;
    let (rep, running) = setup.rep(right_password()).await;
    assert_eq!(exec(&rep, "echo hi").await.out(), "hi\n");
    leave(rep).await;
    let (_, events, _) = running.end().await;
    let key = sshd.host_key(HostKeyKind::Ed25519).unwrap();
    assert_eq!(events.first(), Some(&SessionEvent::HostKeyFirstSeen { key }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_with_several_keys_shows_the_pinned_one() {
    let kinds = [HostKeyKind::Ed25519, HostKeyKind::Ecdsa, HostKeyKind::Rsa];
    let sshd = Sshd::builder().host_keys(&kinds).start().await.unwrap();
    for kind in kinds {
        let setup = Setup::new(sshd.address(), vec![sshd.host_key(kind).unwrap()]);
        let (rep, _running) = setup.rep(right_password()).await;
        assert_eq!(exec(&rep, "echo hi").await.out(), "hi\n", "{kind:?}");
    }
}
