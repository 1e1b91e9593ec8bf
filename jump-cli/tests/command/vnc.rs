//! Screens over VNC: our own verbs, and viewers that know nothing of Jump, against a real server.

use std::path::Path;
use std::time::Duration;

use jump_testkit::process::{Process, command};
use jump_testkit::vnc::{PASSWORD, Picture, SIZE, Shown, VncServer};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::{LONG, Site, User, finish, host_and_port, python};

pub(crate) type Pixels = Vec<[u8; 4]>;

/// A site with the item `desk`, and the server that it leads to.
struct Desk {
    site: Site,
    server: VncServer,
}

impl Desk {
    async fn start() -> Self {
        let (site, server) = (Site::start().await, VncServer::tigervnc("VncAuth").await.unwrap());
        let (host, port) = host_and_port(server.address());
        let add = [
            "items",
            "add",
            "remote-vnc",
            "desk",
            "--host",
            &host,
            "--port",
            &port,
        ];
        let add = [&add[..], &["--password-stdin"]].concat();
        let said = site.admin.run_with(&add, PASSWORD).await.ok();
        assert!(said.contains("jump vnc desk"), "{said}");
        Self { site, server }
    }

    async fn show_picture(&self) -> Shown {
        show_picture(&self.server, &self.site.admin).await
    }

    async fn watch_events(&self) -> Process {
        watch_events(&self.server).await
    }

    async fn screen(&self) -> Pixels {
        root_of(&self.server.display().unwrap()).await.1
    }

    fn file(&self, name: &str) -> String {
        self.site.admin.home.join(name).display().to_string()
    }

    /// `jump vnc desk` without a viewer, and its port.
    async fn open(&self, user: &User) -> (Process, u16) {
        let mut open = user.spawn(&["vnc", "desk", "--no-viewer", "--listen", "0", "--json"]);
        let port = listening(&mut open).await;
        (open, port)
    }

    /// Runs a Python program with a port and a file.
    async fn python(&self, program: &str, port: u16, file: &str) {
        let mut python = python();
        python.args(["-c", program, &port.to_string(), file]);
        finish(python, "").await.ok();
    }
}

/// Shows a picture of few colours, which every encoding keeps as they are, on the whole screen until the value is dropped.
/// The pointer is not to be seen: a server may paint it.
pub(crate) async fn show_picture(server: &VncServer, owner: &User) -> Shown {
    const COLOURS: [[u8; 4]; 4] = [
        [255, 128, 0, 255],
        [0, 64, 255, 255],
        [250, 250, 250, 255],
        [10, 20, 30, 255],
    ];
    let blank = concat!(
        "#define b_width 8\n#define b_height 1\n#define b_x_hot 0\n#define b_y_hot 0\n",
        "static unsigned char b_bits[] = {\n   0x00};\n"
    );
    let blank = owner.home.write("blank.xbm", blank).unwrap();
    let blank = blank.to_str().unwrap();
    let hide = ["-cursor", blank, blank];
    server.run("xsetroot", &hide).await.unwrap();
    let (width, height) = (usize::from(SIZE.0), usize::from(SIZE.1));
    let block = |at: usize| (at % width / 7 * 31 + at / width / 5 * 17) ^ (at / 4099);
    let picture = Picture {
        width,
        height,
        pixels: (0..width * height).map(|at| COLOURS[block(at) % 4]).collect(),
    };
    server.show(&picture).await.unwrap().0
}

/// A window on the whole screen that says which events it gets.
pub(crate) async fn watch_events(server: &VncServer) -> Process {
    let mut xev = command("stdbuf");
    xev.env("DISPLAY", server.display().unwrap());
    xev.args(["-oL", "xev", "-geometry"]);
    xev.arg(format!("{}x{}+0+0", SIZE.0, SIZE.1));
    let mut xev = Process::spawn(xev).unwrap();
    xev.wait_for_line("Expose event", LONG).await.unwrap();
    xev
}

/// The port of `jump vnc --json`.
pub(crate) async fn listening(open: &mut Process) -> u16 {
    let line = open.wait_for_line("listening", LONG).await.unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let address = said["listening"].as_str().unwrap();
    address.strip_prefix("127.0.0.1:").unwrap().parse().unwrap()
}

/// Waits for something that only looking can show.
pub(crate) async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is().await {
        assert!(Instant::now() < deadline, "it never came: {what}");
    }
}

/// What is on an X display: its width and its pixels. Empty while there is no display.
pub(crate) async fn root_of(display: &str) -> (usize, Pixels) {
    match Picture::of_display(display).await {
        Ok(picture) => (picture.width, picture.pixels),
        Err(_) => (0, Pixels::new()),
    }
}

pub(crate) fn png(path: impl AsRef<Path>) -> Pixels {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!((info.width, info.height), (u32::from(SIZE.0), u32::from(SIZE.1)));
    let samples = info.color_type.samples();
    let opaque = |pixel: &[u8]| [pixel[0], pixel[1], pixel[2], 255];
    bytes.chunks(samples).map(opaque).collect()
}

#[tokio::test]
async fn a_screenshot_is_what_the_screen_shows() {
    let desk = Desk::start().await;
    let _shown = desk.show_picture().await;
    let admin = &desk.site.admin;
    let file = desk.file("desk.png");
    let said = admin.run(&["screenshot", "desk", "-o", &file]).await.ok();
    assert!(said.contains("640 × 480"), "{said}");
    assert!(png(&file) == desk.screen().await, "the pixels differ");

    let piped = desk.file("piped.png");
    let line = format!("jump screenshot desk > '{piped}' && jump screenshot desk -o - | cmp - '{piped}'");
    finish(admin.environment(command("sh"), &["-c", &line]), "")
        .await
        .ok();
    assert!(png(&piped) == desk.screen().await, "the pixels differ");
    let said = admin
        .run(&["--json", "screenshot", "desk", "-o", &file])
        .await
        .json();
    assert_eq!((&said["width"], &said["height"]), (&640.into(), &480.into()));
}

#[tokio::test]
async fn keys_and_clicks_arrive_in_order() {
    let desk = Desk::start().await;
    let mut xev = desk.watch_events().await;
    let admin = &desk.site.admin;
    let said = admin
        .run(&["click", "desk", "100,200", "--button", "right"])
        .await
        .ok();
    assert_eq!(said, "Clicked at 100,200 on desk.\n");
    let line = xev.wait_for_line("button 3", LONG).await.unwrap();
    assert!(line.contains("button 3"), "{line}");
    admin.run(&["click", "desk", "30,40", "--double"]).await.ok();
    let presses = |said: &str| said.matches("ButtonPress event").count();
    until("three clicks", async || {
        // The next line of the window, or its end.
        let _ = xev.wait(Duration::from_millis(5)).await;
        presses(&xev.output()) == 3
    })
    .await;
    let said = xev.output();
    for place in ["root:(100,200)", "root:(30,40)"] {
        assert!(said.contains(place), "{place}: {said}");
    }

    let typed = admin
        .run(&["type", "desk", "aB{Return}€{Ctrl+x}{Escape}"])
        .await
        .ok();
    assert_eq!(typed, "Typed 6 keys on desk.\n");
    xev.wait_for_line("Escape", LONG).await.unwrap();
    let said = xev.output();
    let keys: Vec<&str> = said
        .split("\n\n")
        .filter(|event| event.starts_with("KeyPress event"))
        .filter_map(|event| event.split("keysym ").nth(1)?.split([',', ')']).nth(1))
        .map(str::trim)
        // How the server makes a capital is its own affair.
        .filter(|key| !key.starts_with("Shift") && *key != "Caps_Lock")
        .collect();
    assert_eq!(keys, ["a", "B", "Return", "EuroSign", "Control_L", "x", "Escape"]);

    let secret = admin
        .run_with(&["type", "desk", "-", "--literal"], "{q}")
        .await
        .ok();
    assert_eq!(secret, "Typed 3 keys on desk.\n");
    xev.wait_for_line("braceright", LONG).await.unwrap();
}

#[tokio::test]
async fn what_the_session_policy_denies_has_its_exit_code() {
    let desk = Desk::start().await;
    let admin = &desk.site.admin;
    let policy = ["session-policies", "add", "look", "--deny", "keyboard_mouse"];
    admin.run(&policy).await.ok();
    let edit = ["items", "edit", "desk", "--session-policy", "look"];
    admin.run(&edit).await.ok();
    for line in [&["type", "desk", "x"][..], &["click", "desk", "1,1"]] {
        let said = admin.run(line).await;
        assert_eq!(said.code, 3, "{line:?} {said:?}");
        assert_eq!(said.out, "");
    }
    let file = desk.file("desk.png");
    admin.run(&["screenshot", "desk", "-o", &file]).await.ok();
    let policy = ["session-policies", "edit", "look", "--deny", "screenshot"];
    admin.run(&policy).await.ok();
    let said = admin.run(&["screenshot", "desk", "-o", &file]).await;
    assert_eq!(said.code, 3, "{said:?}");
}

#[tokio::test]
async fn python_viewers_connect_without_a_password_and_see_the_screen() {
    const VNCDOTOOL: &str = r#"
import sys
from vncdotool import api
client = api.connect(f"127.0.0.1::{sys.argv[1]}", timeout=50)
client.captureScreen(sys.argv[2])
client.disconnect()
api.shutdown()
"#;
    const ASYNCVNC: &str = r#"
import asyncio, sys
import asyncvnc
from PIL import Image
async def main():
    async with asyncvnc.connect("127.0.0.1", int(sys.argv[1])) as client:
        Image.fromarray(await client.screenshot()).save(sys.argv[2])
asyncio.run(main())
"#;
    let desk = Desk::start().await;
    let _shown = desk.show_picture().await;
    let (mut open, port) = desk.open(&desk.site.admin).await;
    for (name, program) in [("vncdotool", VNCDOTOOL), ("asyncvnc", ASYNCVNC)] {
        let file = desk.file(&format!("{name}.png"));
        desk.python(program, port, &file).await;
        assert!(png(&file) == desk.screen().await, "{name}: the pixels differ");
    }
    open.wait_for_line("closed", LONG).await.unwrap();
    let sessions = desk.site.admin.run(&["sessions", "--json"]).await.json();
    assert_eq!(sessions.as_array().unwrap().len(), 2, "one for each connection");
}

/// An X server to show viewers on.
struct Xvfb {
    display: String,
    _process: Process,
}

impl Xvfb {
    async fn start() -> Self {
        let mut run = command("Xvfb");
        run.args([
            "-displayfd",
            "1",
            "-nolisten",
            "tcp",
            "-ac",
            "-screen",
            "0",
            "1024x768x24",
        ]);
        let mut process = Process::spawn(run).unwrap();
        let mut number = None;
        until("a display", async || {
            let _ = process.wait(Duration::from_millis(5)).await;
            let said = process.output();
            number = said.lines().find_map(|line| line.trim().parse::<u32>().ok());
            number.is_some()
        })
        .await;
        Self {
            display: format!(":{}", number.unwrap()),
            _process: process,
        }
    }
}

impl Drop for Xvfb {
    /// An X server that is killed leaves its lock and its socket behind.
    fn drop(&mut self) {
        let number = self.display.trim_start_matches(':');
        for path in [
            format!("/tmp/.X{number}-lock"),
            format!("/tmp/.X11-unix/X{number}"),
        ] {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Where the viewer's window is, once it has the size of the target's screen.
async fn window(display: &str) -> Option<(usize, usize)> {
    let mut info = command("xwininfo");
    info.args(["-root", "-tree", "-display", display]);
    let said = finish(info, "").await.out;
    let size = format!("{}x{}+", SIZE.0, SIZE.1);
    let line = said.lines().find(|line| line.contains(&size))?;
    let mut numbers = line
        .rsplit('+')
        .take(2)
        .map(|number| number.trim().parse::<usize>());
    let (y, x) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((x, y))
}

#[tokio::test]
async fn the_installed_viewer_is_started_and_shows_the_screen() {
    let desk = Desk::start().await;
    let _shown = desk.show_picture().await;
    let wanted = desk.screen().await;
    let xvfb = Xvfb::start().await;
    let mut open = desk
        .site
        .admin
        .command(&["vnc", "desk", "--viewer", "xtigervncviewer"]);
    open.env("DISPLAY", &xvfb.display);
    let mut open = Process::spawn(open).unwrap();
    open.wait_for_line("A viewer is connected", LONG).await.unwrap();
    until("the same picture", async || {
        let Some((left, top)) = window(&xvfb.display).await else {
            return false;
        };
        let (width, pixels) = root_of(&xvfb.display).await;
        let rows = pixels.chunks(width).skip(top).take(usize::from(SIZE.1));
        let part = rows.flat_map(|row| row.iter().skip(left).take(usize::from(SIZE.0)));
        part.eq(&wanted)
    })
    .await;
    // Without its screen the viewer ends, and the command with it.
    drop(xvfb);
    let ended = open.wait(LONG).await.unwrap();
    assert!(ended.success(), "{ended}: {}", open.output());
}

#[tokio::test]
async fn an_ended_session_says_why() {
    let mut desk = Desk::start().await;
    let alice = desk.site.add_user("alice").await;
    desk.site.let_in("alice").await;
    let (mut open, port) = desk.open(&alice).await;
    let mut viewer = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut version = [0; 12];
    viewer.read_exact(&mut version).await.unwrap();
    assert_eq!(&version, b"RFB 003.008\n");
    let session = desk.site.session_started("alice").await;
    desk.site.admin.run(&["sessions", "end", &session]).await.ok();
    assert_eq!(
        open.wait(LONG).await.unwrap().code(),
        Some(8),
        "{}",
        open.output()
    );
    open.wait_for_line("ended by ada", LONG).await.unwrap();
    let mut rest = Vec::new();
    // The viewer sees the end; it may be a reset.
    let _ = viewer.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn a_viewer_is_told_why_it_gets_no_session() {
    let desk = Desk::start().await;
    let alice = desk.site.add_user("alice").await;
    assert_eq!(alice.run(&["vnc", "desk", "--no-viewer"]).await.code, 5);
    let auditor = ["groups", "add-member", "default", "alice", "--role", "Auditor"];
    desk.site.admin.run(&auditor).await.ok();
    let (mut open, port) = desk.open(&alice).await;
    let mut viewer = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    viewer.write_all(b"RFB 003.008\n").await.unwrap();
    let mut said = Vec::new();
    viewer.read_to_end(&mut said).await.unwrap();
    let said = String::from_utf8_lossy(&said);
    assert!(
        said.starts_with("RFB 003.008\n\0") && said.contains("perm_start"),
        "{said}"
    );
    assert_eq!(
        open.wait(LONG).await.unwrap().code(),
        Some(3),
        "{}",
        open.output()
    );
}

#[tokio::test]
async fn a_wrong_command_line_starts_no_session() {
    let desk = Desk::start().await;
    let admin = &desk.site.admin;
    let add = [
        "items",
        "add",
        "tunnel",
        "db",
        "--host",
        "127.0.0.1",
        "--forward",
        "0:9",
    ];
    admin.run(&add).await.ok();
    for line in [
        "vnc desk --listen 0.0.0.0:5901",
        "vnc desk --viewer /bin/sh",
        "vnc db --no-viewer",
        "type db x",
        "type desk {Foo}",
        "type desk {",
        "click desk here",
        "screenshot desk -o /etc/hostname/desk.png",
        "screenshot desk -o /tmp",
        "screenshot desk --json",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let said = admin.run(&words).await;
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{line}: {said:?}");
    }
    let sessions = admin.run(&["sessions", "--json"]).await.json();
    assert_eq!(sessions, serde_json::json!([]));
}
