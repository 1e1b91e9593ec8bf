//! A site in a PostgreSQL database.

use jump_testkit::postgres::{PASSWORD, Postgres};
use jump_testkit::process::Process;

use crate::support::{LONG, User};

const READY: &str = "The site is up";

fn up(admin: &User, arguments: &[&str], password: Option<&str>) -> Process {
    let mut command = admin.command(&[&["up", "--listen", "127.0.0.1:0"], arguments].concat());
    if let Some(password) = password {
        command.env("JUMP_STORE_PASSWORD", password);
    }
    Process::spawn(command).unwrap()
}

#[tokio::test]
async fn a_site_in_a_database_is_there_again_after_kill_9() {
    let server = Postgres::start().await.unwrap();
    let address = format!("{}?schema=branch", server.address("127.0.0.1"));
    let admin = User::new();
    let mut process = up(&admin, &["--store", &address], Some(PASSWORD));
    process.wait_for_line("  jump ssh my-server", LONG).await.unwrap();
    let invitation = std::fs::read_to_string(admin.home.join("site/invitation")).unwrap();
    admin.run_with(&["login"], &invitation).await.ok();
    admin.run(&["users", "add", "bob"]).await.ok();
    process.kill().await.unwrap();
    assert!(!admin.home.join("site/site.db").exists());
    let note = std::fs::read_to_string(admin.home.join("site/store")).unwrap();
    assert!(note.contains("schema=branch") && !note.contains(PASSWORD));

    // The folder remembers where its site is; the password comes from a file this time.
    let file = admin.home.write("password", format!("{PASSWORD}\n")).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let listening = admin.home.join("site/address");
    let before = std::fs::read_to_string(&listening).unwrap();
    let file = file.to_str().unwrap();
    let mut again = admin.command(&["up", "--listen", before.trim(), "--store-password", file]);
    again.env_remove("JUMP_STORE_PASSWORD");
    let mut process = Process::spawn(again).unwrap();
    process.wait_for_line(READY, LONG).await.unwrap();
    assert!(admin.run(&["users", "list"]).await.ok().contains("bob"));
    assert!(!process.output().contains(PASSWORD));
}

#[tokio::test]
async fn what_is_wrong_with_the_database_is_said_and_nothing_is_begun_elsewhere() {
    let server = Postgres::start().await.unwrap();
    let address = server.address("127.0.0.1");
    let with_password = address.replacen("jump@", &format!("jump:{PASSWORD}@"), 1);
    for (address, password, code, word) in [
        (address.as_str(), Some("wrong-password"), 4, "password"),
        (&address, None, 4, "password"),
        (&with_password, None, 2, "file or in the environment"),
        ("mysql://h/d", None, 2, "postgres://"),
        ("postgres://u@192.0.2.1/d", None, 2, "certificate authorities"),
    ] {
        let admin = User::new();
        let mut process = up(&admin, &["--store", address], password);
        let line = process.wait_for_line("jump: ", LONG).await.unwrap();
        assert!(line.contains(word), "{line}");
        assert_eq!(process.wait(LONG).await.unwrap().code(), Some(code), "{line}");
        let said = process.output();
        assert!(
            !said.contains("wrong-password") && !said.contains(PASSWORD),
            "{said}"
        );
        assert!(!admin.home.join("site/site.db").exists());
        assert!(!admin.home.join("site/store").exists());
    }
}

#[tokio::test]
async fn a_site_that_is_kept_in_its_folder_is_not_left_behind_for_a_database() {
    let server = Postgres::start().await.unwrap();
    let admin = User::new();
    let mut process = up(&admin, &[], None);
    process.wait_for_line(READY, LONG).await.unwrap();
    process.kill().await.unwrap();
    let mut process = up(&admin, &["--store", &server.socket_address()], None);
    let line = process.wait_for_line("jump: ", LONG).await.unwrap();
    assert!(line.contains("site.db"), "{line}");
    assert_eq!(process.wait(LONG).await.unwrap().code(), Some(10));
}
