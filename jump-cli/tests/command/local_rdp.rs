//! Local RDP by the command: a real server, a site that has no Jumpoint, and the gate in the command's own process.

use jump_testkit::process::Process;
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER};

use crate::rdp::{blocks, until_shown};
use crate::support::{LONG, Said, User, host_and_port};

/// What lets the command reach a server of this machine, and log in there.
const HERE: [&str; 3] = ["--allow", "127.0.0.0/8", "--password-stdin"];

/// A broker without a Jumpoint and its administrator; the Local RDP item `desk` leads to the server.
async fn desk(server: &RdpServer) -> (User, User, Process) {
    let operator = User::new();
    let mut broker = operator.spawn(&["broker", "--listen", "127.0.0.1:0"]);
    broker.wait_for_line("The broker serves at ", LONG).await.unwrap();
    let invitation = std::fs::read_to_string(operator.home.join("site/invitation")).unwrap();
    let admin = User::invited(&invitation).await;
    let (host, port) = host_and_port(server.address());
    let add = [
        "items",
        "add",
        "local-rdp",
        "desk",
        "--host",
        &host,
        "--port",
        &port,
    ];
    let trust = ["--ignore-untrusted", "--require-nla"];
    admin.run(&[&add[..], &trust].concat()).await.ok();
    (operator, admin, broker)
}

#[track_caller]
fn refused(said: Said, why: &str) {
    assert!(said.code != 0 && said.err.contains(why), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_screen_is_shown_to_whoever_knows_the_targets_password() {
    let server = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
    let (_operator, admin, _broker) = desk(&server).await;
    let file = admin.home.join("desk.png").display().to_string();
    let verb = ["screenshot", "desk", "-o", &file];
    let with_user = [&verb[..], &HERE, &["--user", USER]].concat();

    let said = admin.run_with(&[&verb[..], &HERE].concat(), PASSWORD).await;
    refused(said, "--user NAME");
    let said = admin.run_with(&with_user, "wrong").await;
    refused(said, "refused the login");
    let (_shown, screen) = server.show(&blocks()).await.unwrap();
    until_shown(&file, &screen, async || {
        admin.run_with(&with_user, PASSWORD).await.ok();
    })
    .await;

    let report = admin.run(&["report", "sessions", "--json"]).await.json();
    let rows = report.as_array().unwrap();
    assert!(rows.len() >= 2, "{report}");
    for row in rows {
        assert_eq!(row["jumpoint"], "local, reported by the rep");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_nothing_injects_into_keeps_no_credential() {
    let server = RdpServer::shadow(ShadowSecurity::Tls).await.unwrap();
    let (_operator, admin, _broker) = desk(&server).await;
    let add = ["items", "add", "local-rdp", "other", "--host", "127.0.0.1"];
    let login = ["--user", USER, "--password-stdin"];
    let said = admin.run_with(&[&add[..], &login].concat(), PASSWORD).await;
    refused(said, "nothing injects a credential");
}
