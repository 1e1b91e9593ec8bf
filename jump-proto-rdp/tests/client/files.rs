//! Files on the clipboard, both ways.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use jump_core::ErrorKind;
use jump_core::protocol::Progress;
use jump_core::session::SessionPermissions;
use jump_proto_rdp::client::{OfferedFiles, clipboard_files};
use jump_testkit::rdp::{RdpServer, XrdpBackend};

use crate::screen::{in_time, options, session_with};

/// More than is fetched at once.
fn large() -> Vec<u8> {
    (0..(5u32 << 19) + 17)
        .map(|place| (place * 7 + (place >> 11)) as u8)
        .collect()
}

/// What a file manager in the session leaves on the clipboard when a file is copied.
async fn copy(server: &RdpServer, paths: &[&Path]) -> jump_testkit::process::Process {
    let list: String = paths
        .iter()
        .map(|path| format!("file://{}\r\n", path.display()))
        .collect();
    let file = server.writable_file("list").unwrap();
    std::fs::write(&file, list).unwrap();
    let arguments = [
        "-selection",
        "clipboard",
        "-target",
        "text/uri-list",
        "-quiet",
        "-in",
        file.to_str().unwrap(),
    ];
    server.start("xclip", &arguments).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_a_session_copied_are_fetched() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let (end, mut files) = clipboard_files();
    let session = session_with(&server, options(&server).clipboard_files(end)).await;
    in_time(session.painted()).await.unwrap();
    let (first, second) = (
        server.writable_file("first file.txt").unwrap(),
        server.writable_file("second").unwrap(),
    );
    std::fs::write(&first, "some text").unwrap();
    std::fs::write(&second, large()).unwrap();
    let _owner = copy(&server, &[&first, &second]).await;
    let copied = in_time(files.copied()).await.unwrap();
    let names: Vec<_> = copied
        .files
        .iter()
        .map(|file| file.path.to_str().unwrap())
        .collect();
    assert_eq!(
        (names.as_slice(), copied.refused),
        (["first file.txt", "second"].as_slice(), 0)
    );
    let nothing = |_: Progress| {};
    let mut text = Vec::new();
    let fetched = files.fetch(&copied, &copied.files[0], 1000, &mut text, &nothing);
    assert_eq!(in_time(fetched).await.unwrap(), 9);
    assert_eq!(text, b"some text");
    let seen = AtomicU64::new(0);
    let progress = |progress: Progress| {
        assert!(progress.done > seen.swap(progress.done, Ordering::Relaxed));
    };
    let mut bytes = Vec::new();
    let fetched = files.fetch(&copied, &copied.files[1], 1 << 30, &mut bytes, &progress);
    assert_eq!(in_time(fetched).await.unwrap(), large().len() as u64);
    assert!(bytes == large());
    assert_eq!(seen.into_inner(), large().len() as u64);
    let too_long = files.fetch(&copied, &copied.files[1], 1000, &mut bytes, &nothing);
    assert_eq!(
        in_time(too_long).await.unwrap_err().kind(),
        ErrorKind::ResourceLimit
    );
    session.close().await.unwrap();
    let closed = files.fetch(&copied, &copied.files[0], 1000, &mut bytes, &nothing);
    assert_eq!(in_time(closed).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(in_time(files.copied()).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn offered_files_are_pasted_in_a_session() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let (end, files) = clipboard_files();
    let session = session_with(&server, options(&server).clipboard_files(end)).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("from the rep.txt"), "some text").unwrap();
    std::fs::write(folder.path().join("large"), large()).unwrap();
    let offered = OfferedFiles::of(folder.path())
        .and_then(|files| files.with("from the rep.txt"))
        .and_then(|files| files.with("large"))
        .unwrap();
    in_time(files.offer(offered)).await.unwrap();
    server.display().await.unwrap();
    let paste = ["-selection", "clipboard", "-target", "text/uri-list", "-out"];
    let pasted = in_time(async {
        loop {
            // Until it has arrived there is none.
            match server.run("xclip", &paste).await {
                Ok(pasted) if !pasted.is_empty() => return String::from_utf8(pasted).unwrap(),
                _ => {}
            }
        }
    })
    .await;
    let paths: Vec<_> = pasted
        .lines()
        .map(|line| line.strip_prefix("file://").unwrap().replace("%20", " "))
        .collect();
    assert_eq!(paths.len(), 2, "{pasted}");
    let text = in_time(server.run_inside("cat", &[&paths[0]])).await.unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), "some text");
    let bytes = in_time(server.run_inside("cat", &[&paths[1]])).await.unwrap();
    assert!(bytes == large(), "{} bytes", bytes.len());
    session.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_take_the_permissions_of_both_files_and_clipboard() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for permissions in [
        SessionPermissions {
            file_upload: false,
            ..SessionPermissions::ALL
        },
        SessionPermissions {
            clipboard_to_target: false,
            ..SessionPermissions::ALL
        },
    ] {
        let (end, files) = clipboard_files();
        let options = options(&server).permissions(permissions).clipboard_files(end);
        let session = session_with(&server, options).await;
        let offered = OfferedFiles::of(folder.path()).and_then(|files| files.with("file"));
        let error = in_time(files.offer(offered.unwrap())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        session.close().await.unwrap();
    }
}
