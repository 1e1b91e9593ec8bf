//! Asking about access before somebody is refused, and about changes before they are made.

use jump_testkit::sshd::Sshd;
use serde_json::json;

use crate::support::{ADMIN, LONG, Site};

/// The id of the first row with this name.
async fn id_of(site: &Site, list: &str, name: &str) -> serde_json::Value {
    let rows = site.admin.run(&[list, "list", "--json"]).await.json();
    let rows = rows.as_array().unwrap();
    rows.iter().find(|row| row["name"] == name).unwrap()["id"].clone()
}

#[tokio::test]
async fn who_what_and_diff_tell_a_person_and_a_program() {
    let (site, sshd) = (Site::start().await, Sshd::start().await.unwrap());
    site.add_shell(&sshd).await;
    let bob = site.add_user("bob").await;
    site.let_in("bob").await;
    site.add_user("eve").await;

    let said = site.admin.run(&["who", "web"]).await.ok();
    assert!(
        said.starts_with("Who may start a session on default/web at 20"),
        "{said}"
    );
    assert!(said.contains("\nUSER  ACCESS  AT MOST UNTIL"), "{said}");
    assert!(
        said.contains("\nbob   yes     20") && !said.contains("eve"),
        "{said}"
    );
    let said = site.admin.run(&["who", "web", "--denied"]).await.ok();
    assert!(
        said.contains("\neve   no ") && said.contains("jumpoint \"local\" is not granted to the user; role"),
        "{said}"
    );
    let said = site.admin.run(&["who", "web", "--limit", "1"]).await.ok();
    assert!(
        said.ends_with("There are more than 1: --limit shows more.\n"),
        "{said}"
    );
    let at = [
        "who",
        "web",
        "--at",
        "2030-01-01T01:00:00+01:00",
        "--json",
        "--limit",
        "2",
    ];
    let found = site.admin.run(&at).await.json();
    assert_eq!(
        (&found["at"], &found["more"], &found["about"]),
        (
            &json!("2030-01-01T00:00:00Z"),
            &json!(false),
            &json!("default/web")
        )
    );
    assert_eq!(
        (
            &found["rows"][0]["user"],
            &found["rows"][1]["user"],
            &found["rows"][1]["reach"]
        ),
        (&json!(ADMIN), &json!("bob"), &json!("now"))
    );

    let own = bob.run(&["what"]).await.ok();
    assert!(
        own.contains("\ndefault/web  yes") && own.starts_with("On what may bob "),
        "{own}"
    );
    assert_eq!(bob.run(&["what", "--user", "eve"]).await.code, 3);
    assert_eq!(bob.run(&["who", "web"]).await.code, 3);
    let eve = site.admin.run(&["what", "--user", "eve"]).await.ok();
    assert!(eve.ends_with("\nOn nothing.\n"), "{eve}");

    let mut session = bob.spawn(&["ssh", "web", "echo ready; sleep 1000"]);
    session.wait_for_line("ready", LONG).await.unwrap();
    let (user, group) = (
        id_of(&site, "users", "bob").await,
        id_of(&site, "groups", "default").await,
    );
    let policy = json!({ "id": 1, "name": "office", "reason_required": true });
    let changes = json!([
        { "change": "remove_membership", "value": { "user": user, "group": group } },
        { "change": "put_policy", "value": policy },
        { "change": "put_membership", "value": {
            "user": id_of(&site, "users", ADMIN).await, "group": group, "role": 3, "policy": 1 } },
    ]);
    let file = site
        .admin
        .home
        .write("changes.json", changes.to_string())
        .unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(bob.run(&["diff", file]).await.code, 3);
    for verb in [["diff", file].as_slice(), &["site", "change", file, "--dry-run"]] {
        let said = site.admin.run(verb).await.ok();
        for line in [
            "\nUSER  ITEM         NOW  THEN           WHY\n",
            "\nbob   default/web  yes  no             role \"No Access\" (the user is not in group \"default\")",
            "\nada   default/web  yes  with a reason  a jump policy applies\n",
            "\nOne running session would end:\n",
            "lacks perm_start\n",
        ] {
            assert!(said.contains(line), "{verb:?}: `{line}` is missing in {said}");
        }
    }
    let diff = site.admin.run(&["diff", file, "--json"]).await.json();
    let running = site.admin.run(&["sessions", "--active", "--json"]).await.json();
    assert_eq!(diff["sessions"][0]["id"], running[0]["id"]);
    assert_eq!(diff["differences"].as_array().unwrap().len(), 2);
    // Nothing of it was made; and then what was told happens.
    bob.run(&["ssh", "web", "true"]).await.ok();
    site.admin.run(&["site", "change", file]).await.ok();
    assert_eq!(
        session.wait(LONG).await.unwrap().code(),
        Some(8),
        "{}",
        session.output()
    );
    let why = site.admin.run(&["why", "web"]).await.ok();
    for line in [
        "Allowed with a reason; then, in the session:",
        "no  port_forwarding       the item leaves it out",
    ] {
        assert!(why.contains(line), "`{line}` is missing in {why}");
    }
    let said = site.admin.run(&["diff", file]).await;
    assert_eq!(said.code, 5, "bob is in the group no more: {said:?}");
}
