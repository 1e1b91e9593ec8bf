//! Records as JSON lines in plain files that are rotated.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;

use super::{Record, Sink};
use crate::append_file::{private_file, sync_folder_of};
use crate::error::{Error, ErrorKind, Result};
use crate::report::harmless_json;

/// When a file is put aside for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Once it has this many bytes.
    pub bytes: u64,
    /// Once it is this old.
    pub age: Duration,
    /// How many files that were put aside are kept; 0 keeps all.
    pub keep: u32,
}

impl Default for Rotation {
    /// 100 MB or a day; all are kept.
    fn default() -> Self {
        Self {
            bytes: 100_000_000,
            age: Duration::from_secs(24 * 60 * 60),
            keep: 0,
        }
    }
}

/// Appends records to a file, one JSON object a line. A file that is full or old is renamed to `PATH.N`, N counting up from
/// 1: a number is never used twice. What is handed over is on stable storage.
#[derive(Debug)]
pub struct FileSink(Option<Files>);

/// The file that is written and its forerunners; lent to a blocking task for each write.
#[derive(Debug)]
struct Files {
    path: PathBuf,
    rotation: Rotation,
    file: Option<(File, u64)>,
}

fn failed(error: std::io::Error) -> Error {
    Error::from_io(ErrorKind::Storage, "write the exported log", error)
}

impl FileSink {
    /// A sink for this file; it is opened, or made with mode 0600, when there is something to write.
    #[must_use]
    pub const fn new(path: PathBuf, rotation: Rotation) -> Self {
        Self(Some(Files {
            path,
            rotation,
            file: None,
        }))
    }
}

impl Files {
    fn write(&mut self, lines: &[u8]) -> Result<()> {
        let (mut file, length) = match self.file.take() {
            Some(open) => open,
            None => open(&self.path)?,
        };
        let old = file
            .metadata()
            .and_then(|found| found.created().or_else(|_| found.modified()))
            .ok()
            .and_then(|since| since.elapsed().ok())
            .is_some_and(|age| age >= self.rotation.age);
        let mut length = length;
        if length > 0 && (old || length.saturating_add(lines.len() as u64) > self.rotation.bytes) {
            self.put_aside()?;
            (file, length) = open(&self.path)?;
        }
        file.write_all(lines)
            .and_then(|()| file.sync_data())
            .map_err(failed)?;
        self.file = Some((file, length + lines.len() as u64));
        Ok(())
    }

    fn put_aside(&self) -> Result<()> {
        let numbers = self.numbers()?;
        let next = numbers.last().map_or(1, |last| last + 1);
        std::fs::rename(&self.path, self.numbered(next)).map_err(failed)?;
        sync_folder_of(&self.path).map_err(failed)?;
        if self.rotation.keep > 0 {
            let surplus = (numbers.len() + 1).saturating_sub(self.rotation.keep as usize);
            for number in numbers.iter().take(surplus) {
                std::fs::remove_file(self.numbered(*number)).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn numbered(&self, number: u64) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }

    /// The numbers of the files that were put aside, in ascending order.
    fn numbers(&self) -> Result<Vec<u64>> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let name = self
            .path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(folder.unwrap_or(Path::new("."))).map_err(failed)? {
            let found = entry.map_err(failed)?.file_name();
            let number: Option<u64> = found
                .to_str()
                .and_then(|found| found.strip_prefix(name)?.strip_prefix('.')?.parse().ok());
            numbers.extend(number);
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// Opens the file, cut back to its last whole line: what a crash left half written is written again.
fn open(path: &Path) -> Result<(File, u64)> {
    let mut file = private_file()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(failed)?;
    let whole = whole_lines(&mut file).map_err(failed)?;
    sync_folder_of(path).map_err(failed)?;
    Ok((file, whole))
}

fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    use std::io::{Read, Seek, SeekFrom};
    let length = file.metadata()?.len();
    let mut end = length;
    let mut piece = [0; 64 * 1024];
    let whole = loop {
        if end == 0 {
            break 0;
        }
        let start = end.saturating_sub(piece.len() as u64);
        let piece = piece.get_mut(..(end - start) as usize).unwrap_or_default();
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            break start + at as u64 + 1;
        }
        end = start;
    };
    if whole < length {
        file.set_len(whole)?;
    }
    file.seek(SeekFrom::Start(whole))?;
    Ok(whole)
}

#[async_trait]
impl Sink for FileSink {
    async fn send(&mut self, records: &[Record]) -> Result<()> {
        let mut lines = Vec::new();
        for record in records {
            let json = serde_json::to_string(record).map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    "write the exported log",
                    "a record has no form in JSON",
                )
                .with_source(error)
            })?;
            lines.extend_from_slice(harmless_json(&json).as_bytes());
            lines.push(b'\n');
        }
        if lines.is_empty() {
            return Ok(());
        }
        let stopped = || {
            Error::new(
                ErrorKind::Internal,
                "write the exported log",
                "writing was interrupted",
            )
        };
        let mut files = self.0.take().ok_or_else(stopped)?;
        let written = tokio::task::spawn_blocking(move || {
            let written = files.write(&lines);
            (files, written)
        });
        let (files, written) = written.await.map_err(|error| stopped().with_source(error))?;
        self.0 = Some(files);
        written
    }

    async fn reset(&mut self) {
        if let Some(files) = &mut self.0 {
            files.file = None;
        }
    }
}
