//! RDP clients that know nothing of Jump, through a site's tunnel and gate, and what is recorded of them.

use jump_testkit::process::{Process, command};
use jump_testkit::rdp::{PASSWORD, RdpServer, ShadowSecurity, USER};
use jump_testkit::vnc::{Picture, VncServer};
use serde_json::Value;

use crate::support::{LONG, Site, host_and_port};

const ORANGE: [u8; 3] = [0xc0, 0x60, 0x20];

/// Whether most of a picture has a colour; RemoteFX loses a little.
fn mostly<'a>(pixels: impl ExactSizeIterator<Item = &'a [u8; 4]>, wanted: [u8; 3]) -> bool {
    let all = pixels.len();
    let near = |pixel: &&[u8; 4]| {
        pixel
            .iter()
            .zip(wanted)
            .all(|(one, other)| one.abs_diff(other) < 12)
    };
    pixels.filter(near).count() * 2 > all
}

/// A site with the item `desk`, the server that it leads to, and a screen for clients.
struct Desk {
    site: Site,
    server: RdpServer,
    screen: VncServer,
}

impl Desk {
    async fn start() -> Self {
        let server = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
        server.run("xsetroot", &["-solid", "#c06020"]).await.unwrap();
        let site = Site::start().await;
        let (host, port) = host_and_port(server.address());
        let add = [
            "items",
            "add",
            "remote-rdp",
            "desk",
            "--host",
            &host,
            "--port",
            &port,
        ];
        let said = site
            .admin
            .run(&[&add[..], &["--ignore-untrusted"]].concat())
            .await
            .ok();
        assert!(said.contains("jump rdp desk"), "{said}");
        let login = ["items", "credential", "desk", "--user", USER, "--password-stdin"];
        site.admin.run_with(&login, PASSWORD).await.ok();
        Self {
            site,
            server,
            screen: VncServer::tigervnc("None").await.unwrap(),
        }
    }

    fn file(&self, name: &str) -> String {
        self.site.admin.home.join(name).display().to_string()
    }

    async fn shows(&self, wanted: [u8; 3], client: &Process) -> Picture {
        let shown = self
            .screen
            .until_shown(|picture| mostly(picture.pixels.iter(), wanted));
        match shown.await {
            Ok(picture) => picture,
            Err(error) => panic!("{error}: {}\n{}", client.output(), self.server.log()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_ones_own_connects_without_a_password_and_is_recorded() {
    let desk = Desk::start().await;
    let admin = &desk.site.admin;
    let file = desk.file("desk.rdp");
    let open = [
        "rdp",
        "desk",
        "--no-viewer",
        "--listen",
        "0",
        "--json",
        "--file",
        &file,
    ];
    let mut open = admin.spawn(&open);
    let line = open.wait_for_line("listening", LONG).await.unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let address = said["listening"].as_str().unwrap();
    let written = std::fs::read_to_string(file).unwrap();
    assert!(
        written.starts_with(&format!("full address:s:{address}\r\n")),
        "{written}"
    );
    let mut run = command("xfreerdp");
    run.env("DISPLAY", desk.screen.display().unwrap())
        .env("HOME", admin.home.path())
        .arg(format!("/v:{address}"))
        .args(["/u:rep", "/p:x", "/cert:ignore", "/size:640x480", "/f"]);
    let client = Process::spawn(run).unwrap();
    desk.shows(ORANGE, &client).await;
    let line = open.wait_for_line("opened", LONG).await.unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let session = said["opened"]["session"].as_str().unwrap().to_owned();
    drop(client);
    open.wait_for_line("closed", LONG).await.unwrap();
    drop(open);

    let file = desk.file("desk.png");
    admin
        .run(&["export", &session, "--format", "png", "-o", &file])
        .await
        .ok();
    let reader = std::io::BufReader::new(std::fs::File::open(&file).unwrap());
    let mut reader = png::Decoder::new(reader).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!((info.width, info.height), (640, 480));
    let pixels: Vec<[u8; 4]> = bytes.chunks(3).map(|p| [p[0], p[1], p[2], 255]).collect();
    assert!(mostly(pixels.iter(), ORANGE));
    for format in ["sheet", "apng"] {
        let file = desk.file(format);
        admin
            .run(&["export", &session, "--format", format, "-o", &file])
            .await
            .ok();
        assert!(std::fs::read(file).unwrap().starts_with(b"\x89PNG"), "{format}");
    }
    #[cfg(feature = "h264")]
    {
        let file = desk.file("desk.mp4");
        admin
            .run(&["export", &session, "--format", "mp4", "-o", &file])
            .await
            .ok();
        assert_eq!(std::fs::read(file).unwrap().get(4..8), Some(&b"ftyp"[..]));
    }
    let text = admin
        .run(&["export", &session, "--format", "text", "--input"])
        .await
        .ok();
    assert!(text.contains("screen of 640x480"), "{text}");
    let said = admin.run(&["play", &session]).await.ok();
    assert!(said.contains("screen of at most 640x480"), "{said}");
    let wrong = admin.run(&["export", &session, "--format", "asciicast"]).await;
    assert_eq!(wrong.code, 2, "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_installed_client_is_started_and_shows_the_screen() {
    let desk = Desk::start().await;
    let mut open = desk.site.admin.command(&["rdp", "desk", "--viewer", "xfreerdp"]);
    open.env("DISPLAY", desk.screen.display().unwrap());
    let mut open = Process::spawn(open).unwrap();
    open.wait_for_line("A client is connected: session", LONG)
        .await
        .unwrap();
    // Its window is as large as it likes: the colour is somewhere on the screen.
    let near = |pixel: &[u8; 4]| {
        pixel
            .iter()
            .zip(ORANGE)
            .all(|(one, other)| one.abs_diff(other) < 12)
    };
    let shown = desk
        .screen
        .until_shown(|picture| picture.pixels.iter().filter(|pixel| near(pixel)).count() > 10_000)
        .await;
    assert!(shown.is_ok(), "{}", open.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_it_hears_why_there_is_no_session() {
    let desk = Desk::start().await;
    let login = ["items", "credential", "desk", "--user", USER, "--password-stdin"];
    desk.site.admin.run_with(&login, "wrong").await.ok();
    let mut open = desk.site.admin.command(&["rdp", "desk", "--viewer", "xfreerdp"]);
    open.env("DISPLAY", desk.screen.display().unwrap());
    let mut open = Process::spawn(open).unwrap();
    let status = open.wait(LONG).await.unwrap();
    assert!(!status.success());
    assert!(open.output().contains("refused the login"), "{}", open.output());
}
