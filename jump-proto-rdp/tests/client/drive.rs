//! A folder of the rep as a drive of the session.

use jump_core::session::SessionPermissions;
use jump_proto_rdp::client::SharedFolder;
use jump_testkit::rdp::{RdpServer, USER, XrdpBackend};
use tempfile::TempDir;

use crate::screen::{in_time, options, session_with};

/// Where xrdp mounts the drive.
fn mounted(name: &str) -> String {
    format!("/home/{USER}/thinclient_drives/files/{name}")
}

/// Waits until the session has the drive.
async fn until_mounted(server: &RdpServer) {
    server.display().await.unwrap();
    in_time(async { while server.run_inside("ls", &[&mounted("")]).await.is_err() {} }).await;
}

/// What a shell in the session writes with the drive as its folder; whether it succeeds, too.
async fn shell(server: &RdpServer, script: &str) -> jump_core::Result<String> {
    let script = format!("cd {} && {script}", mounted(""));
    in_time(server.run_inside("sh", &["-c", &script]))
        .await
        .map(|output| String::from_utf8(output).unwrap())
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hello.txt"), "hello from the rep\n").unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_reads_and_writes_in_a_folder_of_the_rep() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let folder = folder();
    let shared = SharedFolder::open("files", folder.path()).unwrap();
    let session = session_with(&server, options(&server).share(shared)).await;
    until_mounted(&server).await;
    assert_eq!(shell(&server, "ls").await.unwrap(), "hello.txt\n");
    assert_eq!(
        shell(&server, "cat hello.txt").await.unwrap(),
        "hello from the rep\n"
    );
    // More than is read or written at once.
    let large: Vec<u8> = (0..3u32 << 20)
        .map(|place| (place * 7 + (place >> 11)) as u8)
        .collect();
    std::fs::write(folder.path().join("large"), &large).unwrap();
    let copied = shell(
        &server,
        "mkdir sub && cp large sub/copy && mv sub/copy sub/moved && rm large && sha256sum < sub/moved",
    );
    let expected = sha256(&large);
    assert_eq!(copied.await.unwrap(), format!("{expected}  -\n"));
    assert!(std::fs::read(folder.path().join("sub/moved")).unwrap() == large);
    assert!(!folder.path().join("large").exists());
    session.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_may_only_read_changes_nothing() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let folder = folder();
    let shared = SharedFolder::open("files", folder.path()).unwrap();
    let permissions = SessionPermissions {
        file_download: false,
        ..SessionPermissions::ALL
    };
    let options = options(&server).share(shared).permissions(permissions);
    let session = session_with(&server, options).await;
    until_mounted(&server).await;
    assert_eq!(
        shell(&server, "cat hello.txt").await.unwrap(),
        "hello from the rep\n"
    );
    for script in [
        "echo x > new",
        "echo x >> hello.txt",
        "rm hello.txt",
        "mv hello.txt other",
        "mkdir sub",
    ] {
        assert!(shell(&server, script).await.is_err(), "{script}");
    }
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["hello.txt"]);
    assert_eq!(
        std::fs::read_to_string(folder.path().join("hello.txt")).unwrap(),
        "hello from the rep\n"
    );
    session.close().await.unwrap();
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
