//! What our own client has besides a screen, through the gate.

use jump_core::session::SessionPermission;
use jump_proto_rdp::client::{
    OfferedFiles, RdpClient, RdpClientOptions, SharedFolder, SoundEvent, clipboard_files, sound,
};
use jump_testkit::ports;
use jump_testkit::rdp::{PASSWORD, RdpServer, USER, XrdpBackend};

use super::harness::{Item, login, soon};

/// Where xrdp mounts the drive.
fn mounted(name: &str) -> String {
    format!("/home/{USER}/thinclient_drives/files/{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_a_drive_and_files_go_through_the_gate() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let item = Item::new(server.address());
    let (near, far) = ports::tcp_pair().await.unwrap();
    let gate = item.gate(login(USER, PASSWORD), Box::new(near));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hello.txt"), "hello from the rep\n").unwrap();
    let (sink, mut heard) = sound();
    let (end, files) = clipboard_files();
    let options = RdpClientOptions::default()
        .through_gate(&item.grant())
        .sound(sink)
        .clipboard_files(end)
        .share(SharedFolder::open("files", folder.path()).unwrap());
    let session = soon(RdpClient::connect(Box::new(far), options)).await.unwrap();

    let tune: Vec<u8> = (0..20u32 * 8192).map(|place| (place * 31) as u8).collect();
    soon(server.play(&tune)).await.unwrap();
    let mut played = Vec::new();
    loop {
        match soon(heard.next()).await.unwrap() {
            SoundEvent::Samples(samples) => {
                played.extend(samples.samples.iter().flat_map(|sample| sample.to_le_bytes()));
            }
            SoundEvent::Stopped => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(played == tune);

    let read = soon(async {
        loop {
            // Until it is mounted there is none.
            if let Ok(read) = server.run_inside("cat", &[&mounted("hello.txt")]).await {
                return read;
            }
        }
    });
    assert_eq!(read.await, b"hello from the rep\n");

    let offered = OfferedFiles::of(folder.path()).and_then(|files| files.with("hello.txt"));
    soon(files.offer(offered.unwrap())).await.unwrap();
    session.close().await.unwrap();
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_permission_for_files_a_session_has_no_drive() {
    let server = RdpServer::xrdp(XrdpBackend::Xvnc).await.unwrap();
    let denied = [SessionPermission::FileUpload, SessionPermission::FileDownload];
    let item = Item::new(server.address()).denied(&denied);
    let (near, far) = ports::tcp_pair().await.unwrap();
    let gate = item.gate(login(USER, PASSWORD), Box::new(near));
    let folder = tempfile::tempdir().unwrap();
    let (sink, _heard) = sound();
    let options = RdpClientOptions::default()
        .through_gate(&item.grant())
        .sound(sink)
        .share(SharedFolder::open("files", folder.path()).unwrap());
    let session = soon(RdpClient::connect(Box::new(far), options)).await.unwrap();
    // The sound is there, and with it all devices that there are.
    soon(server.play(&[0; 8192])).await.unwrap();
    assert!(server.run_inside("ls", &[&mounted("")]).await.is_err());
    session.close().await.unwrap();
    gate.end().await;
}
