//! Roles, policies, teams, users, groups and Jumpoints by the command: added, shown, changed, listed, removed.

use serde_json::{Value, json};

use crate::support::{Said, Site, User, at_terminal};

/// The arguments of one line; what is between single quotes is one argument.
fn words(line: &str) -> Vec<&str> {
    let quoted = line.split('\'').enumerate();
    quoted
        .flat_map(|(at, part)| match at % 2 {
            1 => vec![part],
            _ => part.split_whitespace().collect(),
        })
        .collect()
}

async fn run(user: &User, line: &str) -> Said {
    user.run(&words(line)).await
}

async fn json_of(user: &User, line: &str) -> Value {
    user.run(&[&["--json"], words(line).as_slice()].concat())
        .await
        .json()
}

/// Each step: a command, and what an object is then, by fields of its value.
async fn steps(admin: &User, steps: &[(&str, Value)]) {
    for (line, fields) in steps {
        let changed = json_of(admin, line).await;
        for (field, value) in fields.as_object().unwrap() {
            assert_eq!(&changed["value"][field], value, "{line}: {changed}");
        }
    }
}

/// A removed object is not found any more, and its name is free.
async fn removed(admin: &User, verb: &str, name: &str) {
    let said = run(admin, &format!("{verb} remove {name}")).await;
    assert!(said.out.starts_with("Removed ") && said.code == 0, "{said:?}");
    let said = run(admin, &format!("{verb} show {name}")).await;
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.err.contains(&format!("named `{name}`")), "{said:?}");
    assert_eq!(run(admin, &format!("{verb} remove {name}")).await.code, 5);
    assert!(!run(admin, &format!("{verb} list")).await.ok().contains(name));
}

#[tokio::test]
async fn roles() {
    let site = Site::start().await;
    let admin = &site.admin;
    let added = run(
        admin,
        "roles add night --allow start --allow perm_add --description 'by night'",
    )
    .await
    .ok();
    assert!(
        added.contains("Added role night.") && added.contains("add-member"),
        "{added}"
    );
    let shown = run(admin, "roles show night").await.ok();
    for line in [
        "description",
        "by night",
        "permissions.perm_start",
        "permissions.perm_remove",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let role = json_of(
        admin,
        "roles edit night --deny start --allow edit_tag --description ''",
    )
    .await;
    let held: Vec<&String> = role["value"]["permissions"]
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(one, held)| (held == true).then_some(one))
        .collect();
    assert_eq!(held, ["perm_add", "perm_edit_tag"], "{role}");
    let role = json_of(admin, "roles edit night --allow all --deny perm_remove").await;
    assert_eq!(role["value"]["permissions"]["perm_start"], true);
    assert_eq!(role["value"]["permissions"]["perm_remove"], false);
    let renamed = run(admin, "roles edit night --rename late").await.ok();
    assert_eq!(renamed, "Changed role late.\n");
    let list = run(admin, "roles list").await.ok();
    assert!(list.contains("late") && list.contains("Auditor"), "{list}");
    removed(admin, "roles", "late").await;
}

#[tokio::test]
async fn jump_policies() {
    let site = Site::start().await;
    let admin = &site.admin;
    site.add_user("bob").await;
    run(admin, "teams add ops").await.ok();
    steps(
        admin,
        &[
            (
                "policies add office --schedule 'Mon-Fri 08:00 - 18:00' --zone Europe/Berlin --advisory --code-name office_1",
                json!({"schedule_strict": false, "code_name": "office_1", "approval": null}),
            ),
            ("policies edit office_1 --strict", json!({"schedule_strict": true})),
            ("policies edit office --clear schedule --clear code-name", json!({"schedule": null, "code_name": null})),
            (
                "policies edit office --approver bob --approver-team ops --approval-email a@b.example --approval-email c@d.example \
                 --approval-minutes 60 --approval-scope anyone --self-approval yes",
                json!({"approval": {"max_duration_minutes": 60, "scope": "anyone", "self_approval": true,
                    "approvers": {"bob": true}, "approver_teams": {"ops": true},
                    "email_addresses": ["a@b.example", "c@d.example"]}}),
            ),
            (
                "policies edit office --approval-email e@f.example --remove-approver-team ops",
                json!({"approval": {"max_duration_minutes": 60, "scope": "anyone", "self_approval": true,
                    "approvers": {"bob": true}, "email_addresses": ["e@f.example"]}}),
            ),
            (
                "policies edit office --clear approval-email --approver ada --remove-approver bob",
                json!({"approval": {"max_duration_minutes": 60, "scope": "anyone", "self_approval": true,
                    "approvers": {"ada": true}, "email_addresses": []}}),
            ),
            ("policies edit office --clear approval", json!({"approval": null})),
            (
                "policies edit office --reason yes --ticket yes --second-factor yes --simultaneous disallow --count-copies yes \
                 --simultaneous-rdp new_session",
                json!({"reason_required": true, "ticket_id_required": true, "two_factor_challenge_required": true,
                    "simultaneous_jumps": "disallow", "simultaneous_jump_behavior_applies_to_copies": true,
                    "simultaneous_jumps_rdp": "new_session"}),
            ),
            (
                "policies edit office --reason no --ticket no --second-factor no --count-copies no --simultaneous global",
                json!({"reason_required": false, "ticket_id_required": false, "two_factor_challenge_required": false,
                    "simultaneous_jumps": "global", "simultaneous_jump_behavior_applies_to_copies": false}),
            ),
            (
                "policies edit office --recordings no --recording-mode fail_closed --max-duration 8h --idle-limit 15m",
                json!({"recordings_disabled": true, "recording_mode": "fail_closed", "max_duration_seconds": 28800,
                    "idle_limit_seconds": 900}),
            ),
            (
                "policies edit office --recordings yes --clear recording-mode --clear max-duration --clear idle-limit",
                json!({"recordings_disabled": false, "recording_mode": null, "max_duration_seconds": null,
                    "idle_limit_seconds": null}),
            ),
            (
                "policies edit office --notify-start yes --notify-end yes --email a@b.example --notify-name Night",
                json!({"notification": {"session_start": true, "session_end": true,
                    "email_addresses": ["a@b.example"], "display_name": "Night"}}),
            ),
            (
                "policies edit office --clear email --clear notify-name --description calm",
                json!({"description": "calm", "notification": {"session_start": true, "session_end": true,
                    "email_addresses": [], "display_name": ""}}),
            ),
            ("policies edit office --clear description", json!({"description": ""})),
        ],
    )
    .await;
    let list = run(admin, "policies list").await.ok();
    assert!(list.contains("office") && list.contains("always"), "{list}");
    // A window is shown as a person writes it.
    let weekend = "policies edit office --schedule 'Sat 22:00 - 06:00' --zone UTC";
    run(admin, weekend).await.ok();
    let shown = run(admin, "policies show office").await.ok();
    assert!(
        shown.contains("Sat 22:00") && !shown.contains("start_day"),
        "{shown}"
    );
    removed(admin, "policies", "office").await;
}

#[tokio::test]
async fn an_approval_that_nobody_can_give_is_pointed_out() {
    let site = Site::start().await;
    let said = run(&site.admin, "policies add door --approval-minutes 30")
        .await
        .ok();
    assert!(
        said.contains("Nobody may approve yet") && said.contains("--approver"),
        "{said}"
    );
    let said = run(&site.admin, "policies edit door --approver ada").await.ok();
    assert!(!said.contains("Nobody"), "{said}");
}

#[tokio::test]
async fn session_policies() {
    let site = Site::start().await;
    let admin = &site.admin;
    let policy = json_of(
        admin,
        "session-policies add calm --allow shell --deny file-upload --deny exec --only-command uptime --only-command 'df *'",
    )
    .await;
    assert_eq!(policy["value"]["permissions"]["shell"], true);
    assert_eq!(policy["value"]["permissions"]["file_upload"], false);
    assert_eq!(policy["value"]["commands"], json!({"only": ["uptime", "df *"]}));
    let policy = json_of(
        admin,
        "session-policies edit calm --undefine shell --allow file_upload --all-but-command reboot",
    )
    .await;
    assert_eq!(policy["value"]["permissions"]["shell"], Value::Null);
    assert_eq!(policy["value"]["permissions"]["file_upload"], true);
    assert_eq!(policy["value"]["permissions"]["exec"], false);
    assert_eq!(policy["value"]["commands"], json!({"all_but": ["reboot"]}));
    let policy = json_of(
        admin,
        "session-policies edit calm --clear commands --description d --code-name c",
    )
    .await;
    assert_eq!(policy["value"]["commands"], Value::Null);
    let list = run(admin, "session-policies list").await.ok();
    assert!(list.contains("calm") && list.contains("file_upload"), "{list}");
    let said = run(admin, "session-policies edit calm --allow shell --deny shell").await;
    assert_eq!(said.code, 2, "{said:?}");
    removed(admin, "session-policies", "calm").await;
}

#[tokio::test]
async fn group_policies_and_their_order() {
    let site = Site::start().await;
    let admin = &site.admin;
    site.add_user("bob").await;
    run(admin, "groups add web").await.ok();
    run(admin, "policies add care").await.ok();
    steps(
        admin,
        &[
            ("group-policies add staff --member bob --jumpoint local", json!({"members": {"bob": true},
                "jumpoints": {"local": true}, "roles_status": "not_defined", "place": {"number": 1}})),
            ("group-policies add late", json!({"place": {"number": 2}})),
            (
                "group-policies edit staff --method shell --default-role 'Start Sessions Only' --roles-status final",
                json!({"allowed_methods": {"status": "defined", "value": ["shell_jump"]}, "roles_status": "final"}),
            ),
            ("group-policies edit staff --methods-status final", json!({"allowed_methods": {"status": "final", "value": ["shell_jump"]}})),
            ("group-policies edit staff --methods-status not_defined --roles-status defined", json!({"roles_status": "defined"})),
            ("group-policies edit staff --clear default-role", json!({"roles_status": "defined"})),
            (
                "group-policies add-membership staff web --role Auditor --policy care",
                json!({"memberships": {"web": {"role": "Auditor", "policy": "care"}}, "memberships_status": "defined"}),
            ),
            ("group-policies edit staff --memberships-status final", json!({"memberships_status": "final"})),
            ("group-policies move staff down", json!({"place": {"number": 2}})),
            ("group-policies move staff top", json!({"place": {"number": 1}})),
            ("group-policies move staff 2", json!({"place": {"number": 2}})),
        ],
    )
    .await;
    let list = run(admin, "group-policies list").await.ok();
    let rows: Vec<&str> = list.lines().collect();
    assert!(rows[1].contains("late") && rows[2].contains("staff"), "{list}");
    assert!(
        rows[2].contains("web (Auditor)") && rows[2].contains("(final)"),
        "{list}"
    );
    run(admin, "group-policies remove-membership staff web")
        .await
        .ok();
    run(
        admin,
        "group-policies edit staff --remove-member bob --remove-jumpoint local",
    )
    .await
    .ok();
    let shown = json_of(admin, "group-policies show staff").await;
    assert!(
        shown["value"].get("members").is_none() && shown["value"].get("memberships").is_none(),
        "{shown}"
    );
    for wrong in [
        "group-policies move staff sideways",
        "group-policies move staff 0",
        "group-policies edit staff --method shell --methods-status not_defined",
        "group-policies edit staff --default-role Auditor --roles-status not_defined",
        "group-policies edit staff",
        "group-policies edit staff --member bob --remove-member bob",
        "group-policies edit late --methods-status final",
    ] {
        let said = run(admin, wrong).await;
        assert_eq!(said.code, 2, "{wrong}: {said:?}");
    }
    removed(admin, "group-policies", "staff").await;
}

#[tokio::test]
async fn teams_and_users() {
    let site = Site::start().await;
    let admin = &site.admin;
    site.add_user("bob").await;
    steps(
        admin,
        &[
            ("teams add ops", json!({})),
            ("teams add-member ops bob --role lead", json!({"members": {"bob": "lead"}})),
            ("teams add-member ops ada", json!({"members": {"bob": "lead", "ada": "member"}})),
            ("teams add-member ops bob --role manager", json!({"members": {"bob": "manager", "ada": "member"}})),
            ("teams remove-member ops ada", json!({"members": {"bob": "manager"}})),
            ("teams rename ops night", json!({"members": {"bob": "manager"}})),
            (
                "users edit bob --admin yes --method shell --default-role Auditor --personal-role Administrator \
                 --team-role 'Start Sessions Only' --system-role 'No Access'",
                json!({"administrator": true, "allowed_methods": ["shell_jump"], "default_role": "Auditor",
                    "personal_role": "Administrator", "team_role": "Start Sessions Only", "system_role": "No Access"}),
            ),
            (
                "users edit bob --admin no --clear method --clear default-role --clear personal-role --clear team-role --clear system-role",
                json!({"administrator": false, "allowed_methods": null, "default_role": null, "personal_role": null,
                    "team_role": null, "system_role": null}),
            ),
            ("users edit bob --rename rob", json!({"enabled": true})),
        ],
    )
    .await;
    assert!(run(admin, "teams list").await.ok().contains("rob (manager)"));
    removed(admin, "teams", "night").await;
    run(admin, "session-policies add calm").await.ok();
    let user = json_of(admin, "users edit rob --session-policy calm").await;
    assert_eq!(user["value"]["session_policy"], "calm");
    let said = run(admin, "session-policies remove calm").await;
    assert_eq!(said.code, 10, "{said:?}");
    assert!(said.err.contains("user `rob`"), "{said:?}");
    removed(admin, "users", "rob").await;
}

#[tokio::test]
async fn groups_and_jumpoints() {
    let site = Site::start().await;
    let admin = &site.admin;
    site.add_user("bob").await;
    run(admin, "groups add web --comments 'the front'").await.ok();
    let shown = run(admin, "groups show web").await.ok();
    assert!(shown.contains("the front"), "{shown}");
    steps(
        admin,
        &[
            (
                "groups edit web --code-name front --comments new",
                json!({"code_name": "front", "comments": "new"}),
            ),
            (
                "groups edit front --clear code-name --clear comments --rename door",
                json!({"code_name": null, "comments": ""}),
            ),
            (
                "jumpoints edit local --code-name here --comments c --shell no --tunnel no",
                json!({"code_name": "here",
                "comments": "c", "shell_jump_enabled": false, "protocol_tunnel_enabled": false}),
            ),
            (
                "jumpoints edit local --shell yes --tunnel yes --clear code-name --clear comments",
                json!({"code_name": null,
                "comments": "", "shell_jump_enabled": true, "protocol_tunnel_enabled": true}),
            ),
        ],
    )
    .await;
    run(admin, "groups add-member door bob --role Auditor").await.ok();
    assert!(run(admin, "groups members door").await.ok().contains("Auditor"));
    run(admin, "groups remove-member door bob").await.ok();
    let said = run(admin, "groups remove-member door bob").await;
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.err.contains("user `bob` is not in group `door`"), "{said:?}");
    let said = run(admin, "jumpoints revoke local bob").await;
    assert_eq!(said.code, 5, "{said:?}");
    assert!(
        said.err.contains("jumpoint `local` is not granted to user `bob`"),
        "{said:?}"
    );
    removed(admin, "groups", "door").await;
}

#[tokio::test]
async fn wrong_input_is_told_with_its_exit_code() {
    let site = Site::start().await;
    let admin = &site.admin;
    let bob = site.add_user("bob").await;
    run(admin, "roles add mine").await.ok();
    run(admin, "policies add care").await.ok();
    run(admin, "groups add-member default bob --role mine").await.ok();
    for (line, code, said) in [
        ("roles add mine", 10, "there is a role named `mine` already"),
        ("roles edit mine --rename Auditor", 10, "taken"),
        (
            "roles remove mine",
            10,
            "in use by the membership of `bob` in group `default`",
        ),
        ("roles remove Auditor", 2, "built in"),
        ("roles edit Auditor --description x", 2, "built in"),
        ("roles edit mine", 2, "say what to change"),
        (
            "roles edit mine --allow start --deny perm_start",
            2,
            "`perm_start` contradicts",
        ),
        ("roles edit mine --allow all --deny all", 2, "contradict"),
        (
            "policies edit care --approver bob --remove-approver bob",
            2,
            "`bob` contradicts",
        ),
        ("roles add fly --allow perm_fly", 2, "perm_start"),
        ("policies edit care", 2, "say what to change"),
        ("policies edit care --schedule 'Mon 08:00'  --zone UTC", 2, ""),
        (
            "policies edit care --schedule 'Mon 08:00 - 09:00' --zone Mars/Crater",
            2,
            "Mars/Crater",
        ),
        ("policies edit care --schedule 'Mon 08:00 - 09:00'", 2, "--zone"),
        ("policies edit care --strict --advisory", 2, "cannot be used with"),
        ("policies edit care --approval-minutes 0", 2, "1 to 524160"),
        ("policies edit care --approval-email nobody", 2, "user@host"),
        (
            "policies edit care --approval-email a@b.example --clear approval-email",
            2,
            "contradict",
        ),
        (
            "policies edit care --approver bob --clear approval",
            2,
            "contradict",
        ),
        ("policies edit care --max-duration 0", 2, "at least 1"),
        ("policies edit care --max-duration soon", 2, "8h"),
        ("policies edit care --idle-limit 5s", 2, "at least 10"),
        ("policies edit care --count-copies yes", 2, "join or disallow"),
        ("policies edit care --simultaneous never", 2, "disallow"),
        ("policies edit care --approver nope", 5, "no user named `nope`"),
        ("policies show nope", 5, "no jump policy named `nope`"),
        ("teams add-member nope bob", 5, "no team named `nope`"),
        ("teams add-member nope bob --role boss", 2, "manager"),
        ("users edit bob --default-role nope", 5, "no role named `nope`"),
        ("users edit bob --method fly", 2, "shell"),
        ("users edit bob --admin maybe", 2, "yes"),
        ("users add 'a b'", 2, "user name"),
        ("jumpoints show nope", 5, "no jumpoint named `nope`"),
        ("groups show nope", 5, "no group named `nope`"),
    ] {
        let answer = run(admin, line).await;
        assert_eq!(answer.code, code, "{line}: {answer:?}");
        assert!(answer.err.contains(said), "{line}: {answer:?}");
        assert_eq!(answer.out, "", "{line}");
    }
    // Whoever does not administer learns nothing of what there is.
    for verb in [
        "roles",
        "policies",
        "session-policies",
        "group-policies",
        "teams",
        "users",
        "groups",
        "jumpoints",
    ] {
        let mut answers = Vec::new();
        for name in ["bob", "mine", "care", "nope"] {
            let said = run(&bob, &format!("{verb} show {name}")).await;
            assert_eq!(said.code, 3, "{verb}: {said:?}");
            answers.push(said.err);
            let said = run(&bob, &format!("{verb} remove {name}")).await;
            assert_eq!(said.code, 3, "{verb}: {said:?}");
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
    }
    let said = bob.run(&["--json", "roles", "list"]).await;
    let error: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["error"]["kind"], "denied", "{error}");
}

#[tokio::test]
async fn tables_fit_the_terminal() {
    let site = Site::start().await;
    run(&site.admin, "roles add mine --allow all --deny remove")
        .await
        .ok();
    run(&site.admin, "policies add office --schedule 'Mon-Fri 08:00 - 18:00' --zone Europe/Berlin --reason yes --ticket yes --max-duration 8h --recordings no").await.ok();
    run(&site.admin, "group-policies add staff --member ada --jumpoint local --method shell --method tunnel --default-role mine --system-role mine").await.ok();
    run(
        &site.admin,
        "session-policies add calm --allow shell --allow exec --deny file_upload",
    )
    .await
    .ok();
    for columns in [80, 120] {
        for verb in [
            "roles",
            "policies",
            "session-policies",
            "group-policies",
            "users",
            "groups",
            "jumpoints",
        ] {
            let line = format!("stty cols {columns}; jump {verb} list");
            let (screen, code) = at_terminal(&site.admin, &line, &[]).await;
            assert_eq!(code, 0, "{screen}");
            let plain = screen.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
            for row in plain.lines() {
                assert!(
                    row.trim_end().chars().count() <= columns,
                    "{verb} at {columns}: {screen}"
                );
            }
        }
    }
    // Whoever reads it with a program gets a row in a line.
    let rows = run(&site.admin, "roles list").await.ok();
    assert!(
        rows.lines().any(|row| row.contains("mine") && row.len() > 120),
        "{rows}"
    );
}
