//! Screens over RDP: our own verbs through a site's tunnel and gate, against a real server.

use std::time::Instant;

use jump_testkit::process::Process;
use jump_testkit::rdp::{PASSWORD, RdpServer, SIZE, ShadowSecurity, USER};
use jump_testkit::vnc::Picture;

use crate::support::{LONG, Site, host_and_port};

/// A site with the item `desk`, and the server that it leads to.
struct Desk {
    site: Site,
    server: RdpServer,
}

impl Desk {
    async fn start() -> Self {
        let server = RdpServer::shadow(ShadowSecurity::Nla).await.unwrap();
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
        let login = [
            "--user",
            USER,
            "--password-stdin",
            "--ignore-untrusted",
            "--require-nla",
        ];
        let add = [&add[..], &login].concat();
        site.admin.run_with(&add, PASSWORD).await.ok();
        Self { site, server }
    }

    /// A window on the whole screen that says which events it gets.
    async fn watch_events(&self) -> Process {
        let geometry = format!("{}x{}+0+0", SIZE.0, SIZE.1);
        let watch = ["-oL", "xev", "-geometry", &geometry];
        let mut xev = self.server.start("stdbuf", &watch).await.unwrap();
        xev.wait_for_line("Expose event", LONG).await.unwrap();
        xev
    }
}

/// The pixels of a file in PNG.
fn png(path: &str) -> (usize, Vec<[u8; 3]>) {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let samples = info.color_type.samples();
    let pixels = bytes.chunks(samples).map(|pixel| [pixel[0], pixel[1], pixel[2]]);
    (info.width as usize, pixels.collect())
}

/// Blocks in colours that RemoteFX keeps apart.
pub(crate) fn blocks() -> Picture {
    let (width, height) = (usize::from(SIZE.0), usize::from(SIZE.1));
    let block = |at: usize| (at % width / 40 * 3 + at / width / 30 * 5) % 4;
    let colours = [
        [255, 128, 0, 255],
        [0, 64, 255, 255],
        [250, 250, 250, 255],
        [10, 20, 30, 255],
    ];
    Picture {
        width,
        height,
        pixels: (0..width * height).map(|at| colours[block(at)]).collect(),
    }
}

/// How far a file in PNG is off from the screen, on average over all samples of 0 to 255. RemoteFX, which the server chooses,
/// blurs the edges of the blocks.
fn difference(path: &str, screen: &Picture) -> f64 {
    let (width, pixels) = png(path);
    assert_eq!((width, pixels.len()), (screen.width, screen.pixels.len()));
    let off: usize = pixels
        .iter()
        .zip(&screen.pixels)
        .flat_map(|(seen, wanted)| seen.iter().zip(wanted).map(|(a, b)| usize::from(a.abs_diff(*b))))
        .sum();
    off as f64 / (pixels.len() * 3) as f64
}

/// Takes screenshots until one is what the screen shows: the server shows to whoever comes what it has looked at last, and only
/// then looks again.
pub(crate) async fn until_shown(file: &str, screen: &Picture, shoot: impl AsyncFn()) {
    let begun = Instant::now();
    loop {
        shoot().await;
        let off = difference(file, screen);
        if off < 4.0 {
            return;
        }
        assert!(begun.elapsed() < LONG, "the picture is off by {off} on average");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screenshot_is_what_the_screen_shows() {
    let desk = Desk::start().await;
    let (_shown, screen) = desk.server.show(&blocks()).await.unwrap();
    let file = desk.site.admin.home.join("desk.png").display().to_string();
    until_shown(&file, &screen, async || {
        let shot = ["screenshot", "desk", "-o", &file];
        let said = desk.site.admin.run(&shot).await.ok();
        assert!(said.contains("640 × 480"), "{said}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_clicks_arrive_in_order() {
    let desk = Desk::start().await;
    let mut xev = desk.watch_events().await;
    let admin = &desk.site.admin;
    let said = admin
        .run(&["click", "desk", "100,200", "--button", "right"])
        .await
        .ok();
    assert_eq!(said, "Clicked at 100,200 on desk.\n");
    xev.wait_for_line("button 3", LONG).await.unwrap();
    assert!(xev.output().contains("root:(100,200)"));
    let typed = admin
        .run(&["type", "desk", "aB{Return}{Ctrl+x}{Escape}"])
        .await
        .ok();
    assert_eq!(typed, "Typed 5 keys on desk.\n");
    xev.wait_for_line("Escape", LONG).await.unwrap();
    let said = xev.output();
    let keys: Vec<&str> = said
        .split("\n\n")
        .filter(|event| event.starts_with("KeyPress event"))
        .filter_map(|event| event.split("keysym ").nth(1)?.split([',', ')']).nth(1))
        .map(str::trim)
        .filter(|key| !key.starts_with("Shift"))
        .collect();
    assert_eq!(keys, ["a", "B", "Return", "Control_L", "x", "Escape"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_has_its_reason() {
    let desk = Desk::start().await;
    let login = ["items", "credential", "desk", "--user", USER, "--password-stdin"];
    desk.site.admin.run_with(&login, "wrong").await.ok();
    let said = desk
        .site
        .admin
        .run(&["screenshot", "desk", "-o", "never.png"])
        .await;
    assert_ne!(said.code, 0);
    assert!(said.err.contains("log in to the target"), "{said:?}");
}
