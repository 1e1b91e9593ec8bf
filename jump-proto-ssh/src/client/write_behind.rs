//! Bringing a file to the disk while more of it comes, so that little is left to wait for at its end.

use std::fs::File;
use std::io;
use std::sync::Arc;

use tokio::task::JoinHandle;

/// How much is written before it is brought to the disk, in bytes.
const EACH: u64 = 32 << 20;

/// Syncs what was written again and again, on a blocking thread, one sync at a time.
pub(super) struct WriteBehind {
    file: Arc<File>,
    /// Bytes since the last sync began.
    behind: u64,
    running: Option<JoinHandle<io::Result<()>>>,
}

impl WriteBehind {
    /// For this file, which goes on to be written elsewhere.
    pub(super) const fn new(file: Arc<File>) -> Self {
        Self {
            file,
            behind: 0,
            running: None,
        }
    }

    /// Counts bytes that were written.
    ///
    /// # Errors
    /// That of a sync before: the system tells of it only once.
    pub(super) async fn wrote(&mut self, bytes: u64) -> io::Result<()> {
        self.behind += bytes;
        if self.behind < EACH {
            return Ok(());
        }
        if self
            .running
            .as_ref()
            .is_some_and(|running| !running.is_finished())
        {
            // The disk is slower than what comes; what is left over is for the next one.
            return Ok(());
        }
        self.settle().await?;
        self.behind = 0;
        let file = self.file.clone();
        self.running = Some(tokio::task::spawn_blocking(move || file.sync_data()));
        Ok(())
    }

    /// Waits for a sync that runs. What was written after it began is not synced.
    ///
    /// # Errors
    /// As [`WriteBehind::wrote`].
    pub(super) async fn settle(&mut self) -> io::Result<()> {
        match self.running.take() {
            Some(running) => running.await.map_err(io::Error::other)?,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sync_that_fails_is_told_by_the_next_call() {
        // It takes bytes, and cannot be synced.
        let nowhere = File::options().write(true).open("/dev/null").unwrap();
        let mut behind = WriteBehind::new(Arc::new(nowhere));
        behind.wrote(EACH - 1).await.unwrap();
        behind.settle().await.unwrap();
        behind.wrote(1).await.unwrap();
        behind.settle().await.unwrap_err();
        behind.settle().await.unwrap();
        behind.wrote(EACH).await.unwrap();
        let told = loop {
            if let Err(error) = behind.wrote(EACH).await {
                break error;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(told.kind(), io::ErrorKind::InvalidInput);
    }

    #[tokio::test]
    async fn what_was_written_is_synced_as_it_comes() {
        let file = tempfile::tempfile().unwrap();
        let mut behind = WriteBehind::new(Arc::new(file));
        for _ in 0..4 {
            behind.wrote(EACH / 2).await.unwrap();
        }
        assert!(behind.running.is_some());
        behind.settle().await.unwrap();
        assert!(behind.running.is_none());
    }
}
