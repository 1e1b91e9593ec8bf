//! Programs that drive the same sessions in several languages: each does what it is told on a line, and says what it took.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use jump_core::{Error, ErrorKind, Result};
use jump_testkit::folder::Folder;
use serde::Deserialize;

use crate::child::{Part, command, own_executable};
use crate::roles::Account;
use crate::site::Site;

const OPERATION: &str = "drive a library";
const C: &str = include_str!("driver.c");
const PYTHON: &str = include_str!("driver.py");
const PEERS: &str = include_str!("peers.py");

/// What an order took, in seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Took {
    pub(crate) wall: f64,
    /// User and system time of the program itself.
    pub(crate) cpu: f64,
}

/// A program that waits for orders.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) name: &'static str,
    part: Part,
}

impl Driver {
    fn new(name: &'static str, mut part: Part) -> Result<Self> {
        part.hear()?;
        Ok(Self { name, part })
    }

    /// Has it carry an order out.
    pub(crate) fn order(&mut self, order: &str) -> Result<Took> {
        self.part.tell(order)?;
        serde_json::from_str(&self.part.hear()?).map_err(|error| {
            let message = format!("{} gave a bad answer", self.name);
            Error::new(ErrorKind::Internal, OPERATION, message).with_source(error)
        })
    }
}

/// Where the programs are made, and what they are given.
#[derive(Debug)]
pub(crate) struct Workshop {
    folder: Folder,
    words: [String; 4],
}

fn failed(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Unavailable, OPERATION, error)
}

/// A library that cargo has built beside this executable.
fn built(name: &str, package: &str) -> Result<PathBuf> {
    let library = own_executable()?.with_file_name(name);
    if library.exists() {
        return Ok(library);
    }
    let message = format!("{name} is not there: cargo build --release -p {package}");
    Err(Error::new(ErrorKind::Unavailable, OPERATION, message))
}

fn python() -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-python/bin/python");
    std::env::var_os("JUMP_TEST_PYTHON").map_or(tools, PathBuf::from)
}

impl Workshop {
    /// For these sessions; `changes` are the site of the decisions, and `port` is the target's.
    pub(crate) fn open(site: &Site, changes: &str, port: u16) -> Result<Self> {
        let folder = Folder::new()?;
        let changes = folder.write("changes", changes)?;
        let words = [
            site.login_file().display().to_string(),
            changes.display().to_string(),
            folder.path().display().to_string(),
            port.to_string(),
        ];
        Ok(Self { folder, words })
    }

    pub(crate) fn rust(&self) -> Result<Driver> {
        let words = self.words.each_ref().map(String::as_str);
        Driver::new("Rust", Part::start("driver", &words)?)
    }

    /// Builds the C program with `cc -O2`, against the library beside this executable.
    pub(crate) fn c(&self) -> Result<Driver> {
        let library = built("libjump.so", "jump-ffi")?;
        let source = self.folder.write("driver.c", C)?;
        for name in ["libjump.so", "libjump.so.0"] {
            std::os::unix::fs::symlink(&library, self.folder.join(name)).map_err(failed)?;
        }
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../jump-ffi/include");
        let program = self.folder.join("driver");
        let status = command("cc")
            .args(["-O2", "-Wall", "-Werror", "-o"])
            .arg(&program)
            .arg(source)
            .arg("-I")
            .arg(include)
            .arg("-L")
            .arg(self.folder.path())
            .arg(format!("-Wl,-rpath,{}", self.folder.path().display()))
            .arg("-ljump")
            .stdin(Stdio::null())
            .status()
            .map_err(failed)?;
        if !status.success() {
            let message = "driver.c does not build";
            return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
        }
        let mut program = command(program);
        program.args(&self.words);
        Driver::new("C", Part::of("C driver", program)?)
    }

    /// The Python package as it stands in the sources, with the native half beside this executable; `way` is `sync` or `asyncio`.
    pub(crate) fn python(&self, name: &'static str, way: &str) -> Result<Driver> {
        let library = built("lib_jump.so", "jump-python")?;
        let package = self.folder.join("package").join("jump");
        if !package.exists() {
            let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/python/python/jump");
            std::fs::create_dir_all(package.join("sync")).map_err(failed)?;
            for place in ["", "sync"] {
                for entry in std::fs::read_dir(sources.join(place)).map_err(failed)? {
                    let file = entry.map_err(failed)?.path();
                    if let (true, Some(name)) = (file.is_file(), file.file_name()) {
                        std::fs::copy(&file, package.join(place).join(name)).map_err(failed)?;
                    }
                }
            }
            std::os::unix::fs::symlink(library, package.join("_jump.so")).map_err(failed)?;
        }
        let source = self.folder.write("driver.py", PYTHON)?;
        let mut program = command(python());
        program
            .arg(source)
            .arg(way)
            .args(&self.words)
            .env("PYTHONPATH", self.folder.join("package"));
        Driver::new(name, Part::of("Python driver", program)?)
    }

    /// Somebody else's library, on the sshd itself.
    pub(crate) fn peer(&self, library: &'static str, account: &Account) -> Result<Driver> {
        let source = self.folder.write("peers.py", PEERS)?;
        let key = self.folder.write("key", &account.private_key)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&key, mode).map_err(failed)?;
        let mut program = command(python());
        program
            .arg(source)
            .arg(library)
            .arg(account.address.port().to_string())
            .arg(&account.user)
            .arg(key)
            .arg(self.folder.path());
        Driver::new(library, Part::of("peer", program)?)
    }
}
