//! The tour.

use crate::support::User;

#[tokio::test]
async fn the_tour_shows_every_step_and_ends_by_itself() {
    let user = User::new();
    let temporary = user.home.join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut demo = user.command(&["demo", "--fast"]);
    demo.env("TMPDIR", &temporary);
    let said = crate::support::finish(demo, "").await;
    assert_eq!(said.code, 0, "{said:?}");
    for sentence in [
        "bob is denied, and does not even learn whether there is such an item",
        "not a byte of his reached the relay",
        "alice runs: whoami",
        "encrypted from end to end",
        "the password is not among them",
        "it verifies, and holds every line of the output",
        "which is within a second",
        "session_ended",
        "each bound to the one before it, verify",
    ] {
        assert!(
            said.out.contains(sentence),
            "`{sentence}` is missing in:\n{}",
            said.out
        );
    }
    assert!(
        !said.out.contains('✗') || said.out.contains("✗ role"),
        "only the denied gate is crossed:\n{}",
        said.out
    );
    assert!(!said.out.contains('\u{1b}'), "no colour in a pipe");
    assert_eq!(
        std::fs::read_dir(&temporary).unwrap().count(),
        0,
        "its folder is gone"
    );
    assert_eq!(
        std::fs::read_dir(user.home.path()).unwrap().count(),
        1,
        "nothing else was touched"
    );
}

#[tokio::test]
async fn the_tour_gives_its_checks_to_programs() {
    let account = User::new().run(&["demo", "--json"]).await.json();
    assert_eq!(account["ok"], true);
    assert!(account["checks"].as_array().unwrap().len() >= 10, "{account}");
}

#[tokio::test]
async fn a_tour_that_is_kept_can_be_joined() {
    let user = User::new();
    let mut demo = user.spawn(&["demo", "--fast", "--keep"]);
    let line = demo
        .wait_for_line("export JUMP_HOME=", crate::support::LONG)
        .await
        .unwrap();
    demo.wait_for_line(" why web-1", crate::support::LONG)
        .await
        .unwrap();
    let home = line.split_once('=').unwrap().1;
    let said = user.run(&["--home", home, "ssh", "web-1", "hostname"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let pid = demo.pid().to_string();
    let kill = user.environment(jump_testkit::process::command("kill"), &["-INT", &pid]);
    crate::support::finish(kill, "").await.ok();
    assert_eq!(demo.wait(crate::support::LONG).await.unwrap().code(), Some(0));
    assert!(!std::path::Path::new(home).exists(), "the folder is gone");
}
