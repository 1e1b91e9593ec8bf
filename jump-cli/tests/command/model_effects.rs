//! What is changed by names holds at once: for who may do what, and for the sessions that run.

use jump_testkit::sshd::Sshd;

use crate::support::{LONG, Site};

/// Whether `jump why` says that bob may start a session on `web`, and what it says.
async fn why(site: &Site) -> (bool, String) {
    let said = site.admin.run(&["why", "bob", "web"]).await.ok();
    (
        said.lines().any(|line| line.trim_start().starts_with("allowed")),
        said,
    )
}

#[tokio::test]
async fn each_edit_takes_effect_on_access() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    site.add_user("bob").await;
    let admin = async |line: &[&str]| site.admin.run(line).await.ok();
    admin(&["roles", "add", "mine", "--allow", "start"]).await;
    admin(&["groups", "add-member", "default", "bob", "--role", "mine"]).await;
    admin(&["jumpoints", "grant", "local", "bob"]).await;
    // Each shuts a gate and opens it again; the word says which gate.
    for (shut, open, gate) in [
        (
            "roles edit mine --deny start",
            "roles edit mine --allow start",
            "role \"mine\"",
        ),
        (
            "users edit bob --method tunnel",
            "users edit bob --method shell",
            "method",
        ),
        (
            "jumpoints edit local --shell no",
            "jumpoints edit local --shell yes",
            "jumpoint",
        ),
        ("jumpoints disable local", "jumpoints enable local", "jumpoint"),
        ("users disable bob", "users enable bob", "user"),
    ] {
        assert!(why(&site).await.0, "before {shut}");
        admin(&shut.split(' ').collect::<Vec<_>>()).await;
        let (allowed, said) = why(&site).await;
        assert!(
            !allowed && said.lines().any(|line| line.contains('✗') && line.contains(gate)),
            "{shut}: {said}"
        );
        admin(&open.split(' ').collect::<Vec<_>>()).await;
    }
    assert!(why(&site).await.0);
    // A Jump Policy's requirement, then none.
    admin(&["policies", "add", "care", "--reason", "yes"]).await;
    admin(&["items", "edit", "web", "--jump-policy", "care"]).await;
    assert!(why(&site).await.1.contains("reason"));
    admin(&["policies", "edit", "care", "--reason", "no"]).await;
    assert!(why(&site).await.0);
    let said = site.admin.run(&["policies", "remove", "care"]).await;
    assert_eq!(said.code, 10, "{said:?}");
    assert!(said.err.contains("item `default/web`"), "{said:?}");
    // What a group policy says finally, no account can change.
    admin(&[
        "group-policies",
        "add",
        "shut",
        "--member",
        "bob",
        "--method",
        "tunnel",
        "--methods-status",
        "final",
    ])
    .await;
    assert!(!why(&site).await.0);
    admin(&[
        "group-policies",
        "edit",
        "shut",
        "--methods-status",
        "not_defined",
    ])
    .await;
    assert!(why(&site).await.0);
}

#[tokio::test]
async fn the_order_of_group_policies_decides() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    let admin = async |line: &[&str]| site.admin.run(line).await.ok();
    // Without a method of its own: what it may is its group policies' to say.
    admin(&["users", "add", "bob"]).await;
    admin(&["roles", "add", "mine", "--allow", "start"]).await;
    admin(&[
        "group-policies",
        "add",
        "yes",
        "--member",
        "bob",
        "--jumpoint",
        "local",
        "--method",
        "shell",
    ])
    .await;
    admin(&[
        "group-policies",
        "add-membership",
        "yes",
        "default",
        "--role",
        "mine",
    ])
    .await;
    assert!(why(&site).await.0, "{}", why(&site).await.1);
    admin(&[
        "group-policies",
        "add",
        "no",
        "--member",
        "bob",
        "--method",
        "tunnel",
    ])
    .await;
    assert!(!why(&site).await.0);
    admin(&["group-policies", "move", "no", "up"]).await;
    assert!(why(&site).await.0);
    admin(&[
        "group-policies",
        "edit",
        "no",
        "--methods-status",
        "final",
        "--method",
        "tunnel",
    ])
    .await;
    assert!(!why(&site).await.0);
}

#[tokio::test]
async fn a_role_that_loses_start_ends_the_session_that_runs() {
    let (mut site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    let bob = site.add_user("bob").await;
    let admin = async |line: &[&str]| site.admin.run(line).await.ok();
    admin(&["roles", "add", "mine", "--allow", "start"]).await;
    admin(&["groups", "add-member", "default", "bob", "--role", "mine"]).await;
    admin(&["jumpoints", "grant", "local", "bob"]).await;
    let mut session = bob.spawn(&["ssh", "web", "echo ready; sleep 1000"]);
    session.wait_for_line("ready", LONG).await.unwrap();
    site.session_started("bob").await;
    let admin = async |line: &[&str]| site.admin.run(line).await.ok();
    // What does not touch it does not end it.
    admin(&["roles", "edit", "mine", "--description", "still"]).await;
    admin(&["roles", "edit", "mine", "--deny", "start"]).await;
    assert_eq!(
        session.wait(LONG).await.unwrap().code(),
        Some(8),
        "{}",
        session.output()
    );
    let line = session.wait_for_line("jump: ", LONG).await.unwrap();
    assert!(line.contains("perm_start"), "{line}");
}
