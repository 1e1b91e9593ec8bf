//! Import and export by the command.

use serde_json::{Value, json};

use crate::support::{ADMIN, Site};

const SHELLS: &str = "name,jump_group,jumpoint,hostname,protocol,comments\r\n\
    one,default,local,10.0.0.1,ssh,\"'=1+1\"\r\n\
    two,default,local,10.0.0.2,ssh,{{7*7}} ${7*7} <%= %> #{}\r\n";

fn names(items: &Value) -> Vec<&str> {
    items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn s29_items_come_and_go_as_csv_and_one_bad_row_stops_all() {
    let site = Site::start().await;
    let header = site.admin.run(&["items", "template", "shell-jump"]).await.ok();
    assert!(
        header.starts_with("name,jump_group,jumpoint,hostname,protocol,port,"),
        "{header}"
    );

    let file = site
        .admin
        .home
        .write(
            "bad.csv",
            format!("{SHELLS}three,nowhere,local,10.0.0.3,ssh,\r\n,default,local,a b,ssh,\r\n"),
        )
        .unwrap();
    let bad = site
        .admin
        .run(&["items", "import", "shell_jump", file.to_str().unwrap()])
        .await;
    assert_eq!(bad.code, 2, "{bad:?}");
    for line in [
        "row 5, column name: it is required",
        "row 5, column hostname: ",
        "nothing was changed",
    ] {
        assert!(bad.err.contains(line), "{bad:?}");
    }
    let bad = site
        .admin
        .run_with(
            &["items", "import", "shell_jump", "-", "--json"],
            &format!("{SHELLS}three,nowhere,local,10.0.0.3,ssh,\n"),
        )
        .await;
    let told: Value = serde_json::from_str(&bad.out).unwrap();
    assert_eq!(
        (&told["made"], &told["problems"]["count"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(told["problems"]["list"][0]["row"], json!(4));
    assert_eq!(told["problems"]["list"][0]["column"], json!("jump_group"));
    assert_eq!(
        names(&site.admin.run(&["items", "list", "--json"]).await.json()),
        [""; 0]
    );

    // A dry run says what the real one then does, and does nothing.
    let import = ["items", "import", "shell_jump", "-", "--json"];
    let dry = site
        .admin
        .run_with(
            &["items", "import", "shell_jump", "-", "--json", "--dry-run"],
            SHELLS,
        )
        .await
        .json();
    assert_eq!(
        names(&site.admin.run(&["items", "list", "--json"]).await.json()),
        [""; 0]
    );
    let made = site.admin.run_with(&import, SHELLS).await.json();
    assert_eq!((&dry["made"], &made["made"]), (&json!(false), &json!(true)));
    assert_eq!(dry["differences"], made["differences"]);
    let items = site.admin.run(&["items", "list", "--json"]).await.json();
    assert_eq!(names(&items), ["one", "two"]);
    assert_eq!(items[0]["comments"], "=1+1");

    let again = site.admin.run_with(&import, SHELLS).await;
    assert_eq!(again.code, 2, "{again:?}");
    let skip = site
        .admin
        .run_with(
            &["items", "import", "shell_jump", "-", "--on-conflict", "skip"],
            SHELLS,
        )
        .await
        .ok();
    assert!(
        skip.contains("0 added, 0 changed, 0 removed, 2 rows left out"),
        "{skip}"
    );
    let other = SHELLS.replace("10.0.0.2", "10.0.0.9");
    let update = site
        .admin
        .run_with(
            &["items", "import", "shell_jump", "-", "--on-conflict", "update"],
            &other,
        )
        .await
        .ok();
    assert!(
        update.contains("~ items default/two\n    hostname: \"10.0.0.2\" → \"10.0.0.9\"\n"),
        "{update}"
    );

    // Out and in again: nothing changes.
    let out = site.admin.run(&["items", "export", "shell_jump"]).await.ok();
    assert!(
        out.contains("'=1+1") && out.contains("{{7*7}} ${7*7} <%= %> #{}"),
        "{out}"
    );
    let same = site
        .admin
        .run_with(
            &["items", "import", "shell_jump", "-", "--on-conflict", "update"],
            &out,
        )
        .await
        .ok();
    assert!(same.starts_with("0 added, 0 changed, 0 removed"), "{same}");
    site.admin.run(&["audit", "verify"]).await.ok();
}

#[tokio::test]
async fn the_site_goes_out_and_into_another_site() {
    let (site, other) = (Site::start().await, Site::start().await);
    site.add_user("bob").await;
    site.let_in("bob").await;
    site.admin
        .run_with(&["items", "import", "shell_jump", "-"], SHELLS)
        .await
        .ok();
    let secret = ["items", "credential", "one", "--user", "root", "--password-stdin"];
    site.admin.run_with(&secret, "canary-in-the-mine").await.ok();
    let path = site.admin.home.path().join("site.toml");
    let file = path.to_str().unwrap();
    site.admin.run(&["site", "export", "-o", file]).await.ok();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("version = 1\n") && !text.contains("canary") && !text.contains("credential"),
        "{text}"
    );
    let json = site.admin.run(&["site", "export", "--json"]).await.json();
    assert_eq!(json["version"], 1);

    // Into itself: nothing, and the credential stays.
    let same = site.admin.run(&["site", "import", "--prune", file]).await.ok();
    assert!(same.starts_with("0 added, 0 changed, 0 removed"), "{same}");
    let tagged = text.replace(
        "hostname = \"10.0.0.1\"",
        "hostname = \"10.0.0.1\"\ntag = \"new\"",
    );
    let changed = site.admin.run_with(&["site", "import", "-"], &tagged).await.ok();
    assert!(
        changed.contains("~ items default/one\n    tag: (default) → \"new\""),
        "{changed}"
    );
    let items = site.admin.run(&["items", "list", "--json"]).await.json();
    assert_eq!(
        (&items[0]["tag"], &items[0]["has_credential"]),
        (&json!("new"), &json!(true))
    );

    // Into another: the same by names.
    let dry = other
        .admin
        .run_with(
            &["site", "import", "-", "--prune", "--dry-run", "--json"],
            &tagged,
        )
        .await
        .json();
    let made = other
        .admin
        .run_with(&["site", "import", "-", "--prune", "--json"], &tagged)
        .await
        .json();
    assert_eq!(dry["differences"], made["differences"]);
    let there = other.admin.run(&["site", "export"]).await.ok();
    assert_eq!(there, site.admin.run(&["site", "export"]).await.ok());
    // The other site's Jumpoint kept its keys and is still there.
    let jumpoints = other.admin.run(&["jumpoints", "list", "--json"]).await.json();
    assert!(jumpoints[0]["key"].is_string(), "{jumpoints}");
}

#[tokio::test]
async fn only_an_administrator_imports_and_exports() {
    let site = Site::start().await;
    let bob = site.add_user("bob").await;
    for arguments in [
        ["site", "export"].as_slice(),
        &["site", "import", "-"],
        &["items", "export", "shell_jump"],
        &["items", "import", "shell_jump", "-"],
    ] {
        let input = if arguments[0] == "site" {
            "version = 1"
        } else {
            SHELLS
        };
        let said = bob.run_with(arguments, input).await;
        assert_eq!(said.code, 3, "{arguments:?}: {said:?}");
    }
    let gone = "version = 1\nusers = []\n";
    let said = site
        .admin
        .run_with(&["site", "import", "-", "--prune"], gone)
        .await;
    assert_eq!(said.code, 2);
    assert!(said.err.contains("no enabled administrator"), "{said:?}");
    let users = site.admin.run(&["users", "list", "--json"]).await.json();
    assert_eq!(names(&users), [ADMIN, "bob"]);
}
