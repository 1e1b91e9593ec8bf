//! Logins that are limited to networks and to a time.

use serde_json::json;

use crate::support::{Site, User};

#[tokio::test]
async fn v06_a_login_is_limited_to_networks_and_to_a_time() {
    let site = Site::start().await;
    site.admin
        .run(&["users", "add", "robot", "--method", "all"])
        .await
        .ok();
    let invite = ["users", "invite", "robot"];
    let elsewhere = [&invite[..], &["--from", "192.0.2.0/24"]].concat();
    let invitation = site.admin.run(&elsewhere).await.ok();
    let refused = User::new().run_with(&["login"], &invitation).await;
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(
        refused.err.contains("may not be used from this address"),
        "{refused:?}"
    );

    let here = [
        &invite[..],
        &[
            "--from",
            "127.0.0.1",
            "--from",
            "2001:db8::1/32",
            "--expires",
            "2100-01-01T00:00:00Z",
        ],
    ]
    .concat();
    let robot = User::invited(&site.admin.run(&here).await.ok()).await;
    robot.run(&["items", "list"]).await.ok();
    let list = site.admin.run(&["users", "list"]).await.ok();
    let limits = "from 127.0.0.1/32, 2001:db8::/32, until 2100-01-01T00:00:00Z)";
    assert!(list.contains(limits), "{list}");
    let rows = site
        .admin
        .run(&["users", "list", "--search", "robot", "--json"])
        .await
        .json();
    assert_eq!(
        rows[0]["logins"][0]["sources"],
        json!(["127.0.0.1/32", "2001:db8::/32"])
    );
    // A limited login makes no other.
    assert_eq!(robot.run(&invite).await.code, 3);

    for wrong in [
        ["--from", "300.0.0.1"],
        ["--from", "::ffff:192.0.2.0/120"],
        ["--expires", "tomorrow"],
        ["--expires", "2020-01-01T00:00:00Z"],
    ] {
        let said = site.admin.run(&[&invite[..], &wrong[..]].concat()).await;
        assert_eq!(said.code, 2, "{wrong:?}: {said:?}");
    }
}
