//! `kill -9` of each part while sessions run: nothing is left active, the log verifies, recordings play.

use std::time::Duration;

use jump_testkit::seeded::Seeded;
use jump_testkit::sshd::Sshd;

use crate::support::{LONG, Part, Parts, Site, User, add_shell, nothing_is_active};

const SESSIONS: usize = 4;
const ROUNDS: u64 = 3;

/// Starts sessions that talk for a while, kills `part` in the middle, starts it again, and looks at what is left.
async fn survive(seed: u64, part: fn(&mut Parts) -> &mut Part) {
    let sshd = Sshd::start().await.unwrap();
    let mut parts = Parts::start().await;
    add_shell(&parts.admin, &sshd, &[]).await;
    let mut random = Seeded::new(seed);
    for _ in 0..ROUNDS {
        let talk = [
            "ssh",
            "web",
            "for i in $(seq 1000); do echo line $i; sleep 0.01; done",
        ];
        let mut sessions: Vec<_> = (0..SESSIONS).map(|_| parts.admin.spawn(&talk)).collect();
        // One of them is in full swing, the others are anywhere.
        sessions[0].wait_for_line("line 3", LONG).await.unwrap();
        tokio::time::sleep(Duration::from_millis(random.below(300))).await;
        part(&mut parts).kill_and_restart().await;
        for session in &mut sessions {
            let ended = session.wait(LONG).await.unwrap();
            assert_ne!(
                ended.code(),
                Some(0),
                "it cannot have finished: {}",
                session.output()
            );
            session.wait_for_line("jump: ", LONG).await.unwrap();
        }
        nothing_is_active(&parts.admin).await;
    }
    // What came back works.
    let said = works_again(&parts.admin).await;
    assert_eq!(said.trim(), "again");
    let log = parts.audit_log();
    parts
        .admin
        .run(&["audit", "verify", log.to_str().unwrap()])
        .await
        .ok();
    let key = parts.recording_key();
    let mut played = 0;
    for recording in std::fs::read_dir(parts.recordings()).unwrap() {
        let path = recording.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "jrec") {
            parts
                .admin
                .run(&[
                    "play",
                    "--text",
                    "--key",
                    key.to_str().unwrap(),
                    path.to_str().unwrap(),
                ])
                .await
                .ok();
            played += 1;
        }
    }
    assert!(played > 0, "sessions were recorded");
}

async fn works_again(admin: &User) -> String {
    let again = async {
        loop {
            let said = admin.run(&["ssh", "web", "echo again"]).await;
            if said.code == 0 {
                return said.out;
            }
            // The Jumpoint reconnects in its own time.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(LONG, again)
        .await
        .expect("sessions can be started again")
}

#[tokio::test]
async fn f02_a_killed_broker_leaves_no_session_active() {
    survive(2, |parts| &mut parts.broker).await;
}

#[tokio::test]
async fn f03_a_killed_jumpoint_leaves_no_session_active() {
    survive(3, |parts| &mut parts.jumpoint).await;
}

#[tokio::test]
async fn a_killed_relay_leaves_no_session_active() {
    survive(4, |parts| &mut parts.relay).await;
}

#[tokio::test]
async fn a_killed_site_in_one_process_leaves_no_session_active() {
    let (mut site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    let talk = "echo ready; sleep 1.5; echo later; sleep 1000";
    let mut session = site.admin.spawn(&["ssh", "web", talk]);
    // What was written in the last second before a kill may be lost, and only that.
    session.wait_for_line("later", LONG).await.unwrap();
    let address = std::fs::read_to_string(site.folder().join("address")).unwrap();
    site.up.kill().await.unwrap();
    assert_ne!(session.wait(LONG).await.unwrap().code(), Some(0));
    let mut up = site.admin.spawn(&["up", "--listen", address.trim()]);
    up.wait_for_line("You are logged in from before", LONG)
        .await
        .unwrap();
    let sessions = site.admin.run(&["sessions", "--json"]).await.json();
    assert_eq!(sessions[0]["state"]["state"], "ended", "{sessions}");
    assert_eq!(
        sessions[0]["state"]["reason"]["reason"], "broker_restarted",
        "{sessions}"
    );
    site.admin.run(&["audit", "verify"]).await.ok();
    let played = site
        .admin
        .run(&["play", sessions[0]["id"].as_str().unwrap()])
        .await
        .ok();
    assert!(played.contains("ready"), "{played}");
}
