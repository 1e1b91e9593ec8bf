//! What a newcomer does first.

use jump_testkit::process::Process;
use jump_testkit::sshd::{PASSWORD, Sshd, USER};

use crate::support::{LONG, User, at_terminal};

#[tokio::test]
async fn the_three_commands_that_up_prints_lead_to_a_session() {
    let sshd = Sshd::start().await.unwrap();
    let user = User::new();
    // As on a machine of one's own: nothing set, everything in its usual place.
    let mut up = user.command(&["up", "--listen", "127.0.0.1:0"]);
    up.env_remove("JUMP_HOME");
    let mut up = Process::spawn(up).unwrap();
    up.wait_for_line("  jump ssh my-server", LONG).await.unwrap();
    let said = up.output();
    let commands: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let [login, add, ssh] = commands.as_slice() else {
        panic!("three commands: {commands:?}")
    };
    assert!(login.starts_with("jump login < "), "{login}");

    let shell = |line: &str| format!("unset JUMP_HOME; USER={USER}; {line}");
    let (screen, code) = at_terminal(&user, &shell(login), &[]).await;
    assert_eq!(code, 0, "{screen}");
    // The newcomer's own part: where the machine is.
    let add = format!("{add} --port {}", sshd.address().port());
    let typed = format!("{PASSWORD}\r");
    let (screen, code) = at_terminal(
        &user,
        &shell(&add),
        &[("Password of jumptest on the target: ", &typed)],
    )
    .await;
    assert_eq!(code, 0, "{screen}");
    assert!(!screen.contains(PASSWORD), "the password is not echoed: {screen}");
    let dialogue = [
        ("$", "stty size; echo it-is-$USER\r"),
        ("it-is-jumptest", "exit 7\r"),
    ];
    let (screen, code) = at_terminal(&user, &shell(&format!("stty cols 91 rows 37; {ssh}")), &dialogue).await;
    assert_eq!(code, 7, "{screen}");
    assert!(
        screen.contains("37 91"),
        "the target knows the terminal's size: {screen}"
    );
    assert!(user.home.join(".local/share/jump/site/site.db").exists());
}

#[tokio::test]
async fn a_later_start_keeps_the_site_and_says_how_to_log_in_again() {
    let user = User::new();
    let mut up = user.spawn(&["up", "--listen", "127.0.0.1:0"]);
    let line = up.wait_for_line("The site is up at ", LONG).await.unwrap();
    up.wait_for_line("  jump ssh my-server", LONG).await.unwrap();
    let address = line
        .trim_start_matches("The site is up at ")
        .split(". ")
        .next()
        .unwrap()
        .to_owned();
    let invitation = std::fs::read_to_string(user.home.join("site/invitation")).unwrap();
    user.run_with(&["login"], &invitation).await.ok();
    user.run(&["groups", "remove", "default"]).await.ok();
    up.kill().await.unwrap();

    let mut up = user.spawn(&["up", "--listen", &address]);
    up.wait_for_line("jump users invite", LONG).await.unwrap();
    let groups = user.run(&["groups", "list", "--json"]).await.json();
    assert_eq!(
        groups,
        serde_json::json!([]),
        "what an administrator removed stays removed"
    );
    let jumpoints = user.run(&["jumpoints", "list", "--json"]).await.json();
    assert_eq!(jumpoints[0]["online"], true, "{jumpoints}");
}

#[tokio::test]
async fn two_brokers_on_one_folder_are_refused() {
    let user = User::new();
    let mut up = user.spawn(&["up", "--listen", "127.0.0.1:0"]);
    up.wait_for_line("  jump ssh my-server", LONG).await.unwrap();
    let second = user.run(&["up", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(second.code, 10, "{second:?}");
    assert!(second.err.contains("another broker"), "{second:?}");
}

#[tokio::test]
async fn told_to_stop_it_stops_cleanly() {
    let user = User::new();
    let mut up = user.spawn(&["up", "--listen", "127.0.0.1:0"]);
    up.wait_for_line("  jump ssh my-server", LONG).await.unwrap();
    let pid = up.pid().to_string();
    let kill = user.environment(jump_testkit::process::command("kill"), &["-TERM", &pid]);
    crate::support::finish(kill, "").await.ok();
    assert_eq!(up.wait(LONG).await.unwrap().code(), Some(0), "{}", up.output());
    assert!(user.run(&["audit", "verify"]).await.ok().contains("unchanged"));
}
