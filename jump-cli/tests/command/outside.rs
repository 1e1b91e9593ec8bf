//! What a Jump Policy asks of the world outside: tickets, one-time passwords, notifications; all with real servers.

use jump_testkit::process::{Process, command};
use jump_testkit::sshd::Sshd;
use serde_json::{Value, json};

use crate::support::{LONG, Site, User, python};

/// An HTTP server that gives one answer.
async fn http(answer: &str) -> (Process, String) {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../jump-notify/tests/common/servers.py"
    );
    let program = python().as_std().get_program().to_owned();
    let mut server = command(program);
    server.arg(script).args(["http", "--answer", answer]);
    let mut server = Process::spawn(server).unwrap();
    let ready = server.wait_for_line("ready ", LONG).await.unwrap();
    let url = format!("http://127.0.0.1:{}/", ready.trim().rsplit(' ').next().unwrap());
    (server, url)
}

/// Puts alice's membership under a policy with these fields.
async fn policy(site: &Site, fields: Value) {
    let shown: Value = site.admin.run(&["site", "show", "--json"]).await.json();
    let membership = shown.as_array().unwrap().iter();
    let mut membership = membership
        .filter(|change| change["change"] == "put_membership")
        .find(|change| change["value"]["role"] == 2)
        .unwrap()
        .clone();
    membership["value"]["policy"] = json!(1);
    let mut policy = json!({ "id": 1, "name": "care" });
    for (name, value) in fields.as_object().unwrap() {
        policy[name] = value.clone();
    }
    let changes = json!([{ "change": "put_policy", "value": policy }, membership]).to_string();
    site.admin.run_with(&["site", "change", "-"], &changes).await.ok();
}

/// The code of an `otpauth://` address at a moment from now (RFC 6238), apart from ours.
fn code(address: &str, seconds_from_now: i64) -> String {
    let (_, secret) = address.split_once("?secret=").unwrap();
    let (secret, _) = secret.split_once('&').unwrap();
    let secret = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let step = (jump_core::time::Timestamp::now().as_second() + seconds_from_now) / 30;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let tag = ring::hmac::sign(&key, &step.to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let word = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

async fn alice(site: &Site) -> User {
    let alice = site.add_user("alice").await;
    site.let_in("alice").await;
    alice
}

#[tokio::test]
async fn a_one_time_password_is_enrolled_once_and_opens_a_session_with_code() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    let alice = alice(&site).await;
    policy(&site, json!({ "two_factor_challenge_required": true })).await;
    let refused = alice.run(&["ssh", "web", "echo in"]).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.err.contains("a second factor"), "{refused:?}");

    // For people a picture, too; what was shown before counts no longer.
    let shown = alice.run(&["users", "totp", "enrol"]).await.ok();
    assert!(
        shown.contains("otpauth://totp/") && shown.contains('█'),
        "{shown}"
    );
    let begun = alice.run(&["users", "totp", "enrol", "--json"]).await.json();
    let address = begun["address"].as_str().unwrap();
    let wrong = alice.run(&["users", "totp", "confirm", "000000x"]).await;
    assert_eq!(wrong.code, 3, "{wrong:?}");
    let now = code(address, 0);
    alice.run(&["users", "totp", "confirm", &now]).await.ok();
    assert!(
        alice
            .run(&["users", "totp", "status"])
            .await
            .ok()
            .contains("second factor since")
    );
    // The next code: the first is used up.
    assert_eq!(
        alice.run(&["ssh", "--code", &now, "web", "echo in"]).await.code,
        3
    );
    let next = code(address, 30);
    let said = alice.run(&["ssh", "--code", &next, "web", "echo in"]).await;
    assert_eq!(said.ok(), "in\n");

    // The secret is on no disk and in no output of the server.
    let (_, secret) = address.split_once("?secret=").unwrap();
    let (secret, _) = secret.split_once('&').unwrap();
    let log = std::fs::read_to_string(site.folder().join("audit.log")).unwrap();
    assert!(!log.contains(secret) && !site.up.output().contains(secret));
    assert!(log.contains("second_factor_changed"));
    site.admin.run(&["users", "totp", "reset", "alice"]).await.ok();
    assert!(
        alice
            .run(&["users", "totp", "status"])
            .await
            .ok()
            .contains("no second factor")
    );
}

#[tokio::test]
async fn a_ticket_system_is_asked_and_a_webhook_hears_of_start_and_end() {
    let (mut tickets, ticket_url) = http(r#"{"allow": true}"#).await;
    let (mut hook, hook_url) = http("").await;
    let admin = User::new();
    let secret = admin.home.write("secret", "a secret of 24 bytes !!!\n").unwrap();
    let secret = secret.to_str().unwrap();
    let outside = [
        "--ticket-url",
        &ticket_url,
        "--webhook-url",
        &hook_url,
        "--webhook-secret-file",
        secret,
    ];
    let site = Site::start_with(admin, None, &outside).await;
    let sshd = Sshd::start().await.unwrap();
    site.add_shell(&sshd).await;
    let alice = alice(&site).await;
    let notification = json!({ "session_start": true, "session_end": true });
    policy(
        &site,
        json!({ "ticket_id_required": true, "notification": notification }),
    )
    .await;
    assert_eq!(alice.run(&["ssh", "web", "echo in"]).await.code, 3);
    let said = alice.run(&["ssh", "--ticket", "INC-7", "web", "echo in"]).await;
    assert_eq!(said.ok(), "in\n");
    let asked = tickets.wait_for_line("INC-7", LONG).await.unwrap();
    assert!(asked.contains("jump-signature"), "{asked}");
    hook.wait_for_line("session_started", LONG).await.unwrap();
    let ended = hook.wait_for_line("session_ended", LONG).await.unwrap();
    assert!(
        ended.contains("jump-signature") && ended.contains("alice"),
        "{ended}"
    );
}
