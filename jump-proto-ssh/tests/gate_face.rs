//! What the rep's side of the gate accepts as proof: nothing, because it needs none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod common;

use std::sync::Arc;

use common::{Setup, connect_over, exec, right_password};
use jump_core::session::EndReason;
use jump_testkit::sshd::Sshd;
use russh::client::{AuthResult, KeyboardInteractiveAuthResponse as Interactive};
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};

fn key(seed: u8) -> PrivateKeyWithHashAlg {
    let key = PrivateKey::new(Ed25519Keypair::from_seed(&[seed; 32]).into(), "").unwrap();
    PrivateKeyWithHashAlg::new(Arc::new(key), None)
}

/// Refused, and only `none` is left.
fn refused(result: AuthResult) {
    let only_none = MethodSet::from([MethodKind::None].as_slice());
    let expected = AuthResult::Failure {
        remaining_methods: only_none,
        partial_success: false,
    };
    assert_eq!(result, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_password_or_answer_is_a_proof_for_any_user() {
    let sshd = Sshd::start().await.unwrap();
    let (stream, _running) = Setup::for_sshd(&sshd).start(right_password());
    let mut rep = connect_over(stream).await.unwrap();
    // Offers, signatures and passwords of several users in turn, on one connection.
    refused(rep.authenticate_publickey("alice", key(1)).await.unwrap());
    refused(rep.authenticate_password("bob", "pw").await.unwrap());
    refused(rep.authenticate_publickey("bob", key(1)).await.unwrap());
    refused(rep.authenticate_publickey("alice", key(2)).await.unwrap());
    let answer = rep
        .authenticate_keyboard_interactive_start("alice", None::<String>)
        .await
        .unwrap();
    assert!(
        matches!(
            answer,
            Interactive::Failure {
                partial_success: false,
                ..
            }
        ),
        "{answer:?}"
    );
    // `none` needs no proof, and after it the session works.
    assert!(rep.authenticate_none("anybody").await.unwrap().success());
    assert_eq!(exec(&rep, "echo hi").await.out(), "hi\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_happens_before_the_login_and_tries_are_limited() {
    let sshd = Sshd::start().await.unwrap();
    let (stream, running) = Setup::for_sshd(&sshd).start(right_password());
    let mut rep = connect_over(stream).await.unwrap();
    let mut tries = 0;
    while !rep.is_closed() && tries < 50 {
        let _ = rep.authenticate_password("alice", format!("guess {tries}")).await;
        tries += 1;
    }
    assert!(tries < 20, "the connection is closed after a few tries");
    let (outcome, events, records) = running.end().await;
    assert_eq!(outcome.reason, EndReason::RepClosed);
    assert_eq!(
        events.len(),
        1,
        "nothing but the target's login happened: {events:?}"
    );
    assert!(records.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn native_clients_see_the_same_host_key_each_time() {
    let sshd = Sshd::start().await.unwrap();
    let mut door = common::Door::open(Setup::for_sshd(&sshd)).await;
    for _ in 0..2 {
        let output = door.ssh(&[], "echo hi").await;
        assert!(output.status.success(), "{}", common::said(&output));
        door.session().await.end().await;
    }
    let known = std::fs::read_to_string(door.folder.join("known_hosts")).unwrap();
    assert_eq!(known.lines().count(), 1, "{known}");
}
