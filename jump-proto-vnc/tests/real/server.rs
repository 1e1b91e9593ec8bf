//! Xtigervnc and x11vnc, each with a port and, the first one, a display of its own; and clients that paint.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with this value.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An X screen with a VNC server.
pub(crate) struct Screen {
    pub(crate) port: u16,
    pub(crate) display: String,
    _server: Process,
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn start(command: &mut Command) -> Process {
    let name = format!("{command:?}");
    Process(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(&name),
    )
}

/// Waits until something listens.
fn wait_for(port: u16) {
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "nothing listens at {port}");
        std::thread::yield_now();
    }
}

impl Screen {
    /// Xtigervnc without a password.
    pub(crate) fn new(width: u16, height: u16, depth: u8) -> Self {
        let port = free_port();
        let display = format!(":{}", u32::from(port) + 1000);
        let server = start(Command::new("Xtigervnc").args([
            &display,
            "-SecurityTypes=None",
            &format!("-rfbport={port}"),
            "-localhost=1",
            "-AlwaysShared=1",
            "-UseBlacklist=0",
            "-nolisten",
            "tcp",
            "-ac",
            "-geometry",
            &format!("{width}x{height}"),
            "-depth",
            &depth.to_string(),
        ]));
        wait_for(port);
        let screen = Self {
            port,
            display,
            _server: server,
        };
        screen.run("xsetroot", &["-cursor_name", "left_ptr"]);
        screen
    }

    /// x11vnc without a password for the same screen, and its port.
    pub(crate) fn second_server(&self) -> (Process, u16) {
        let port = free_port();
        let server = start(Command::new("x11vnc").args([
            "-display",
            &self.display,
            "-localhost",
            "-noipv6",
            "-rfbport",
            &port.to_string(),
            "-nopw",
            "-shared",
            "-forever",
            "-norc",
            "-quiet",
            "-noxdamage",
            "-nocursor",
        ]));
        wait_for(port);
        (server, port)
    }

    /// Runs an X client to its end.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(name)
            .env("DISPLAY", &self.display)
            .args(arguments)
            .output()
            .expect(name);
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// Shows a picture in the upper left corner until the value is dropped.
    pub(crate) fn show(&self, file: &Path) -> Process {
        start(
            Command::new("xwud")
                .env("DISPLAY", &self.display)
                .args(["-geometry", "+0+0", "-in"])
                .arg(file),
        )
    }

    /// What is on the screen.
    pub(crate) fn dump(&self) -> Vec<[u8; 4]> {
        super::xwd::read(&self.run("xwd", &["-root", "-silent"])).1
    }
}

/// A connection after the handshake, and its ServerInit.
pub(crate) fn connect(port: u16) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let take = |stream: &mut TcpStream, length: usize| {
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).unwrap();
        bytes
    };
    take(&mut stream, 12);
    stream.write_all(b"RFB 003.008\n").unwrap();
    let count = take(&mut stream, 1);
    assert!(
        take(&mut stream, count[0].into()).contains(&1),
        "a server without a password"
    );
    stream.write_all(&[1]).unwrap();
    assert_eq!(take(&mut stream, 4), [0; 4]);
    stream.write_all(&[1]).unwrap();
    let mut init = take(&mut stream, 24);
    let name = u32::from_be_bytes(init[20..].try_into().unwrap());
    init.extend(take(&mut stream, name as usize));
    (stream, init)
}
