//! What is on a server's screen, by other means than VNC, and how to put something there.

use std::path::PathBuf;

use jump_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::Instant;

use super::wayvnc::wayland_command;
use super::{PATIENCE, Shows, VncServer, xwd};
use crate::process::{Process, command};

const CONTEXT: &str = "look at a server's screen";

fn odd(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, CONTEXT, message.into())
}

/// A picture, row by row; each pixel is red, green, blue and 255.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// All rows, from the top.
    pub pixels: Vec<[u8; 4]>,
}

impl Picture {
    /// Gradients, noise, patterns of two and of many colours, and areas of one colour, again and again: something for
    /// every encoding to be good at.
    #[must_use]
    pub fn of_all_kinds(width: usize, height: usize) -> Self {
        let mut random = 1u32;
        let pixels = (0..width * height).map(|at| {
            let (x, y) = (at % width, at / width);
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [noise, more, most, _] = random.to_be_bytes();
            let byte = |number: usize| (number % 256) as u8;
            match (x % 100 / 50, y % 60 / 20) {
                (0, 0) => [byte(x * 3), byte(y * 5), byte(x + y), 255],
                (1, 0) => [noise, more, most, 255],
                (0, 1) if (x / 3 + y / 5) % 2 == 0 => [255; 4],
                (0, 1) => [0, 0, 0, 255],
                (1, 1) => [byte(x / 9 * 40), byte(y / 7 * 50), 0, 255],
                _ => [20, 80, 140, 255],
            }
        });
        Self {
            width,
            height,
            pixels: pixels.collect(),
        }
    }

    /// What is on an X display, which has a name like `:7`.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] with what `xwd` said if there is no such display, [`ErrorKind::Protocol`] if it wrote
    /// no picture of a kind that is known here.
    pub async fn of_display(display: &str) -> Result<Self> {
        let mut run = command("xwd");
        run.args(["-root", "-silent", "-display", display]);
        let dump = output(run).await?;
        xwd::read(&dump).ok_or_else(|| odd("xwd wrote no picture of a known kind"))
    }

    /// Reads a binary portable pixmap with 256 values a channel.
    fn from_ppm(bytes: &[u8]) -> Option<Self> {
        let mut fields = bytes.splitn(4, |byte| byte.is_ascii_whitespace());
        let mut field = || std::str::from_utf8(fields.next()?).ok();
        if field()? != "P6" {
            return None;
        }
        let width: usize = field()?.parse().ok()?;
        let height: usize = field()?.parse().ok()?;
        let pixels = fields.next()?.strip_prefix(b"255\n")?;
        let pixels = pixels
            .as_chunks()
            .0
            .iter()
            .map(|[red, green, blue]| [*red, *green, *blue, 255]);
        let picture = Self {
            width,
            height,
            pixels: pixels.collect(),
        };
        (picture.pixels.len() == width * height).then_some(picture)
    }

    /// Reads what `xwd` wrote; `None` if that is no picture of a known kind.
    pub(crate) fn from_xwd(dump: &[u8]) -> Option<Self> {
        xwd::read(dump)
    }

    /// As `xwud` shows it on a screen as deep as that of which `dump` is.
    pub(crate) fn to_xwd(&self, dump: &[u8]) -> Vec<u8> {
        xwd::write(self, xwd::depth(dump).unwrap_or(24))
    }

    fn to_ppm(&self) -> Vec<u8> {
        let mut bytes = format!("P6\n{} {}\n255\n", self.width, self.height).into_bytes();
        bytes.extend(
            self.pixels
                .iter()
                .flat_map(|[red, green, blue, _]| [*red, *green, *blue]),
        );
        bytes
    }
}

/// A picture that is shown until this value is dropped.
#[derive(Debug)]
pub struct Shown {
    _process: Process,
}

impl VncServer {
    /// What is on the screen now: as `xwd` sees an X screen, `grim` a Wayland screen, and qemu its own machine's.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if what they say is no picture; what running them gives.
    pub async fn screen(&self) -> Result<Picture> {
        match &self.shows {
            Shows::Display => Picture::of_display(&self.display().unwrap_or_default()).await,
            Shows::Wayland(_) => {
                let picture = self.run("grim", &["-t", "ppm", "-"]).await?;
                Picture::from_ppm(&picture).ok_or_else(|| odd("grim wrote no picture"))
            }
            Shows::Machine => self.dump_machine().await,
        }
    }

    /// Waits until the screen is as `wanted` says; what is on it then.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if it does not become so; as for [`screen`](Self::screen).
    pub async fn until_shown(&self, wanted: impl Fn(&Picture) -> bool) -> Result<Picture> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let picture = self.screen().await?;
            if wanted(&picture) {
                return Ok(picture);
            }
        }
        Err(Error::new(
            ErrorKind::Timeout,
            CONTEXT,
            "it did not become what was waited for",
        ))
    }

    /// Shows a picture in the upper left corner, or, on a Wayland screen, one that fills it. An X screen has to have 24
    /// bits a pixel. What is on the screen then comes back, too.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for qemu; as for [`until_shown`](Self::until_shown).
    pub async fn show(&self, picture: &Picture) -> Result<(Shown, Picture)> {
        let process = match &self.shows {
            Shows::Display => {
                let file = self.file("picture.xwd", &xwd::write(picture, 24))?;
                self.start("xwud", &["-geometry", "+0+0", "-in", &file.display().to_string()])?
            }
            Shows::Wayland(_) => {
                let file = self.file("picture.ppm", &picture.to_ppm())?;
                self.start("swaybg", &["-m", "fill", "-i", &file.display().to_string()])?
            }
            Shows::Machine => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "show a picture",
                    "a machine without a system shows nothing",
                ));
            }
        };
        let rows = picture.pixels.chunks_exact(picture.width);
        let screen = self
            .until_shown(|screen| {
                let shown = screen.pixels.chunks_exact(screen.width);
                shown.len() >= rows.len()
                    && rows.clone().zip(shown).all(|(row, shown)| shown.starts_with(row))
            })
            .await?;
        Ok((Shown { _process: process }, screen))
    }

    /// Runs a client of the screen to its end; what it wrote.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] with what it said if it fails, [`ErrorKind::NotFound`] if it is not there.
    pub async fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut run = self.client(program);
        run.args(arguments);
        output(run).await
    }

    /// Starts a client of the screen.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it is not there.
    pub fn start(&self, program: &str, arguments: &[&str]) -> Result<Process> {
        let mut run = self.client(program);
        run.args(arguments);
        Process::spawn(run)
    }

    fn client(&self, program: &str) -> Command {
        let mut run = match &self.shows {
            Shows::Wayland(wayland) => wayland_command(program, self.folder.path(), Some(wayland)),
            Shows::Display | Shows::Machine => {
                let mut run = command(program);
                run.env("DISPLAY", self.display().unwrap_or_default());
                run
            }
        };
        run.env("LC_ALL", "C.UTF-8");
        run
    }

    /// A file that everybody may read, as far as they may enter the folder.
    fn file(&self, name: &str, contents: &[u8]) -> Result<PathBuf> {
        self.folder.write(name, contents)
    }

    /// What qemu writes when it is told to, through its machine protocol: an object in JSON a line.
    async fn dump_machine(&self) -> Result<Picture> {
        let failed = |error| Error::from_io(ErrorKind::Network, CONTEXT, error);
        let mut stream = BufReader::new(
            UnixStream::connect(self.folder.join("qmp"))
                .await
                .map_err(failed)?,
        );
        let file = self.folder.join("screen.ppm");
        let dump = format!(
            r#"{{"execute":"screendump","arguments":{{"filename":"{}"}},"id":"dump"}}"#,
            file.display()
        );
        let mut line = String::new();
        for say in [r#"{"execute":"qmp_capabilities"}"#, &dump] {
            stream.write_all(say.as_bytes()).await.map_err(failed)?;
            stream.write_all(b"\n").await.map_err(failed)?;
        }
        while !line.contains(r#""id": "dump""#) {
            line.clear();
            if stream.read_line(&mut line).await.map_err(failed)? == 0 {
                return Err(odd("qemu went away"));
            }
        }
        let bytes =
            std::fs::read(&file).map_err(|error| Error::from_io(ErrorKind::Storage, CONTEXT, error))?;
        Picture::from_ppm(&bytes).ok_or_else(|| odd(format!("qemu wrote no picture: {line}")))
    }
}

/// Runs a program to its end; what it wrote.
pub(crate) async fn output(mut run: Command) -> Result<Vec<u8>> {
    let output = run
        .output()
        .await
        .map_err(|error| Error::from_io(ErrorKind::NotFound, "start a program", error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = format!("{run:?}: {}", String::from_utf8_lossy(&output.stderr));
    Err(Error::new(ErrorKind::Unavailable, "run a program", said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_written_is_the_one_that_is_read() {
        let picture = Picture::of_all_kinds(133, 71);
        assert_eq!(Picture::from_ppm(&picture.to_ppm()), Some(picture.clone()));
        assert_eq!(xwd::read(&xwd::write(&picture, 24)), Some(picture));
        assert_eq!(Picture::from_ppm(b"P6\n2 1\n255\nabc"), None);
        assert_eq!(xwd::read(b"no dump"), None);
    }
}
