//! `jump play` for a person at a terminal.

use jump_testkit::sshd::Sshd;

use crate::support::{Site, at_terminal};

/// The id of a session in which this command ran.
async fn recorded(site: &Site, command: &str) -> String {
    site.admin.run(&["ssh", "web", command]).await.ok();
    let sessions = site.admin.run(&["sessions", "--json"]).await.json();
    sessions[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_recording_is_played_on_a_terminal_with_line_ends_and_colours() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    let id = recorded(
        &site,
        "printf 'one\\ntwo\\n\\033[31mred\\033[0m\\n'; sleep 1; echo last",
    )
    .await;
    let (screen, code) = at_terminal(&site.admin, &format!("jump play --speed 1000 {id}"), &[]).await;
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("q quits"), "{screen}");
    // In raw mode a line feed alone would leave the cursor where it is.
    assert!(screen.contains("one\r\ntwo\r\n\u{1b}[31mred"), "{screen:?}");
    assert!(screen.contains("last\r\n"), "{screen:?}");
    // The terminal is as it was: a line that is typed is shown again.
    let line = format!("jump play --speed 1000 {id}; echo over; read answer; echo got:$answer");
    let (screen, code) = at_terminal(&site.admin, &line, &[("over\r\n", "typed\r")]).await;
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("got:typed"), "{screen:?}");
}

/// Something, then thirty pieces that at slow speed are two seconds apart, the longest pause; then the last.
const SLOW: &str = "echo first; for i in $(seq 30); do sleep 0.05; echo $i; done; echo last";

#[tokio::test]
async fn q_leaves_a_recording_and_ctrl_c_interrupts_it() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    let id = recorded(&site, SLOW).await;
    let play = format!("jump play --speed 0.001 {id}");
    // Other keys mean nothing; q means the same while it is paused.
    for keys in ["xq", " q", "  Q"] {
        let (screen, code) = at_terminal(&site.admin, &play, &[("first\r\n", keys)]).await;
        assert_eq!(code, 0, "{keys:?}: {screen:?}");
        assert!(!screen.contains("\nlast"), "{keys:?}: {screen:?}");
    }
    let (screen, code) = at_terminal(&site.admin, &play, &[("first\r\n", "\u{3}")]).await;
    assert_eq!(code, 1, "{screen:?}");
    assert!(
        screen.contains("interrupted") && !screen.contains("\nlast"),
        "{screen:?}"
    );
}
