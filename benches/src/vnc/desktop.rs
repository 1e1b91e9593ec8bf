//! What is on the screen that is recorded: a picture like a photograph, a terminal in which coloured text scrolls, and a
//! small terminal that is moved about over both. Text and windows are a real xterm's.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use jump_core::{Error, ErrorKind, Result};
use jump_proto_vnc::wire::Size;
use jump_testkit::folder::Folder;
use jump_testkit::seeded::Seeded;

use crate::child::{Running, command};

const OPERATION: &str = "show something on a screen";
/// Lines that scroll by in a step.
const LINES: usize = 12;
/// How often the small terminal is moved in a step, and how far in pixels.
const MOVES: usize = 2;
const DISTANCE: usize = 23;

/// A screen with content that changes step by step.
#[derive(Debug)]
pub(crate) struct Desktop {
    text: File,
    moved: File,
    size: Size,
    steps: usize,
    random: Seeded,
    programs: Vec<Running>,
    _folder: Folder,
}

fn failed(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Unavailable, OPERATION, error)
}

impl Desktop {
    /// Shows it on an X display.
    pub(crate) fn show(display: &str, size: Size) -> Result<Self> {
        let folder = Folder::new()?;
        run("xsetroot", display, &["-solid", "#30507a"])?;
        let (wide, high) = (usize::from(size.width), usize::from(size.height));
        // A larger screen has larger letters, as its user would want.
        let font = if high > 1500 { "10x20" } else { "7x13" };
        let picture = folder.join("picture.xwd");
        write_picture(&picture, wide * 45 / 100, high * 55 / 100)?;
        let shown = ["-geometry", &format!("+{}+{}", wide / 2, high / 4), "-in"].map(str::to_owned);
        let mut words = vec!["xwud".to_owned(), "-display".to_owned(), display.to_owned()];
        words.extend(shown);
        words.push(picture.display().to_string());
        let mut programs = vec![Running::start(&words)?];
        let (columns, rows) = if high > 1500 { (170, 85) } else { (120, 66) };
        let mut terminal = |name: &str, geometry: String| -> Result<File> {
            let pipe = folder.join(name);
            make_pipe(&pipe)?;
            let words = [
                "xterm",
                "-display",
                display,
                "-fn",
                font,
                "-geometry",
                &geometry,
                "-bg",
                "black",
                "-fg",
                "gray90",
                // So that text can move the window.
                "-xrm",
                "XTerm*allowWindowOps: true",
                "-e",
                "cat",
                &pipe.display().to_string(),
            ]
            .map(str::to_owned);
            programs.push(Running::start(&words)?);
            // Opens once the terminal reads.
            File::options().write(true).open(&pipe).map_err(failed)
        };
        let text = terminal("text", format!("{columns}x{rows}+{}+{}", wide / 50, high / 20))?;
        let moved = terminal("moved", format!("40x12+{}+{}", wide / 3, high / 2))?;
        let mut desktop = Self {
            text,
            moved,
            size,
            steps: 0,
            random: Seeded::new(7),
            programs,
            _folder: folder,
        };
        desktop.scroll(rows)?;
        desktop
            .moved
            .write_all(b"\x1b[2J\x1b[Hthis window is moved about\r\n")
            .map_err(failed)?;
        Ok(desktop)
    }

    /// A few lines, a few moves.
    pub(crate) fn step(&mut self) -> Result<()> {
        self.scroll(LINES)?;
        for _ in 0..MOVES {
            self.steps += 1;
            let (wide, high) = (usize::from(self.size.width), usize::from(self.size.height));
            let along = self.steps * DISTANCE * wide / 1920;
            let (x, y) = (wide / 3 + along % (wide / 2), high / 3 + along % (high / 3));
            // xterm: CSI 3 ; x ; y t
            write!(self.moved, "\x1b[3;{x};{y}tat {x}, {y}\r\n").map_err(failed)?;
        }
        Ok(())
    }

    /// Whether every program still shows what it should.
    pub(crate) fn is_whole(&mut self) -> bool {
        self.programs.iter_mut().all(Running::runs)
    }

    /// Lines like those of a long listing of files.
    fn scroll(&mut self, lines: usize) -> Result<()> {
        let mut text = String::new();
        for _ in 0..lines {
            let size = self.random.below(10_000_000);
            let colour = 31 + self.random.below(6);
            let name: String = (0..8 + self.random.below(24))
                .map(|_| char::from(b'a' + self.random.below(26) as u8))
                .collect();
            let day = 1 + self.random.below(28);
            text += &format!(
                "-rw-r--r-- 1 root root {size:>9} Nov {day:>2} 12:34 \x1b[1;{colour}m{name}\x1b[0m.tar.gz\r\n"
            );
        }
        self.text.write_all(text.as_bytes()).map_err(failed)
    }
}

fn run(program: &str, display: &str, words: &[&str]) -> Result<()> {
    let status = command(program)
        .args(["-display", display])
        .args(words)
        .stdin(Stdio::null())
        .status()
        .map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    let message = format!("{program} ended with {status}");
    Err(Error::new(ErrorKind::Unavailable, OPERATION, message))
}

fn make_pipe(path: &Path) -> Result<()> {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
        .map_err(|error| failed(error.into()))
}

/// A picture with soft shapes of every size and a fine grain, as an X window dump (X11's XWDFile.h, version 7).
fn write_picture(path: &Path, width: usize, height: usize) -> Result<()> {
    // xwud wants the window to have a name.
    let name = b"picture\0";
    let head = [
        100 + name.len() as u32,
        7,
        // ZPixmap, depth, width, height, no offset.
        2,
        24,
        width as u32,
        height as u32,
        0,
        // Least significant byte first, units of 32 bits, bit order, pad, bits of a pixel, bytes of a line.
        0,
        32,
        0,
        32,
        32,
        width as u32 * 4,
        // TrueColor with its masks, 8 bits of a colour, a map of 256 entries, of which none follow.
        4,
        0x00ff_0000,
        0x0000_ff00,
        0x0000_00ff,
        8,
        256,
        0,
        // The window: width, height, x, y, border.
        width as u32,
        height as u32,
        0,
        0,
        0,
    ];
    let mut bytes: Vec<u8> = head.iter().flat_map(|number| number.to_be_bytes()).collect();
    bytes.extend(name);
    let mut random = Seeded::new(11);
    let layers: Vec<Layer> = (0..7).map(|n| Layer::new(&mut random, 4 << n)).collect();
    let grain = random.bytes(width * height);
    for (place, grain) in grain.iter().enumerate() {
        let (x, y) = (
            (place % width) as f32 / width as f32,
            (place / width) as f32 / height as f32,
        );
        let channel = |shift: usize| {
            let mut value = 70.0 + 110.0 * (if shift == 2 { 1.0 - y } else { x * y });
            for (number, layer) in layers.iter().enumerate() {
                value += layer.at(x, y, shift) * 90.0 / (1 << number) as f32;
            }
            value as i32 + i32::from(grain >> (2 * shift) & 3)
        };
        let [red, green, blue] = [channel(0), channel(1), channel(2)].map(|value| value.clamp(0, 255) as u8);
        bytes.extend([blue, green, red, 0]);
    }
    std::fs::write(path, bytes).map_err(failed)
}

/// Random values at the crossings of a grid, and between them by their neighbours.
struct Layer {
    values: Vec<u8>,
    cells: usize,
}

impl Layer {
    fn new(random: &mut Seeded, cells: usize) -> Self {
        Self {
            values: random.bytes((cells + 1) * (cells + 1)),
            cells,
        }
    }

    /// −1 to 1.
    fn at(&self, x: f32, y: f32, channel: usize) -> f32 {
        let (x, y) = (x * self.cells as f32, y * self.cells as f32);
        let (left, top) = (x as usize, y as usize);
        let value = |x: usize, y: usize| {
            let place = (y * (self.cells + 1) + x + channel / 2) % self.values.len();
            f32::from(self.values.get(place).copied().unwrap_or_default()) / 127.5 - 1.0
        };
        let between = |from: f32, to: f32, part: f32| from + (to - from) * part * part * (3.0 - 2.0 * part);
        let upper = between(value(left, top), value(left + 1, top), x.fract());
        let lower = between(value(left, top + 1), value(left + 1, top + 1), x.fract());
        between(upper, lower, y.fract())
    }
}
