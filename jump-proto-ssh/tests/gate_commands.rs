//! Commands through the gate, against a real sshd.

mod common;

use common::{Setup, exec, right_password};
use jump_core::protocol::SessionEvent;
use jump_core::session::EndReason;
use jump_testkit::sshd::{Sshd, USER};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_gives_its_output_errors_and_exit_status_apart() {
    let sshd = Sshd::start().await.unwrap();
    let (rep, running) = Setup::for_sshd(&sshd).rep(right_password()).await;
    let said = exec(&rep, "id -un; echo problem >&2; exit 7").await;
    assert_eq!(said.out(), format!("{USER}\n"));
    assert_eq!(said.err, b"problem\n");
    assert_eq!(said.status, Some(7));
    rep.disconnect(russh::Disconnect::ByApplication, "", "")
        .await
        .unwrap();
    let (outcome, events, records) = running.end().await;
    assert_eq!(outcome.reason, EndReason::RepClosed);
    assert_eq!(outcome.bytes_from_target, USER.len() as u64 + 1 + 8);
    assert!(
        matches!(&events[0], SessionEvent::CredentialInjected { kind, .. } if kind == "password"),
        "{events:?}"
    );
    assert!(matches!(&events[1], SessionEvent::CommandStarted { command } if command.contains("id -un")));
    assert!(records.len() > 4);
}
