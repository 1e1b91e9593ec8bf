//! Writing a file as it comes, on blocking threads.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

use bytes::Bytes;

use super::write_behind::WriteBehind;

/// A file that is written from its beginning to its end.
pub(super) struct Disk {
    file: Arc<File>,
    behind: WriteBehind,
}

impl Disk {
    pub(super) fn new(file: File) -> Self {
        let file = Arc::new(file);
        Self {
            behind: WriteBehind::new(file.clone()),
            file,
        }
    }

    /// Writes what comes next, as it lies; gives how many bytes that were. A call that is dropped may still write.
    ///
    /// # Errors
    /// That of the write, or of bringing to the disk what was written before.
    pub(super) async fn write(&mut self, pieces: Vec<Bytes>) -> io::Result<u64> {
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || write_all(&file, &pieces)).await;
        let bytes = written.map_err(io::Error::other)??;
        self.behind.wrote(bytes).await?;
        Ok(bytes)
    }

    /// Brings all that was written to the disk.
    ///
    /// # Errors
    /// What the system says of it.
    pub(super) async fn finish(mut self) -> io::Result<()> {
        self.behind.settle().await?;
        let file = self.file;
        let synced = tokio::task::spawn_blocking(move || file.sync_all()).await;
        synced.map_err(io::Error::other)?
    }
}

fn write_all(mut file: &File, pieces: &[Bytes]) -> io::Result<u64> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut left = slices.as_mut_slice();
    // There may be empty pieces in front.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(pieces.iter().map(|piece| piece.len() as u64).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_in_many_pieces_is_there_in_order() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut disk = Disk::new(file.reopen().unwrap());
        // More than one call of the system takes.
        let pieces: Vec<Bytes> = (0..5_000_u32)
            .map(|number| Bytes::copy_from_slice(&number.to_be_bytes()))
            .collect();
        for half in pieces.chunks(2_500) {
            assert_eq!(disk.write(half.to_vec()).await.unwrap(), 10_000);
        }
        disk.finish().await.unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), pieces.concat());
    }

    #[tokio::test]
    async fn a_write_that_fails_is_told() {
        let mut disk = Disk::new(File::options().write(true).open("/dev/full").unwrap());
        let full = disk.write(vec![Bytes::from_static(b"x")]).await.unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }
}
