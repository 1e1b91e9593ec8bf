//! A few connections, shared by all calls.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jump_core::{Error, ErrorKind, Result};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::PostgresOptions;
use super::connection::Connection;

/// Connections that are made when they are needed and kept for the next call.
pub(super) struct Pool {
    options: PostgresOptions,
    free: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

/// A connection for one call. It goes back with [`Lease::give_back`]; one that is dropped instead, because the call
/// failed or was cancelled, is closed, and the server undoes what was not committed.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    pub(super) fn new(options: PostgresOptions) -> Self {
        Self {
            free: Semaphore::new(options.most_connections()),
            idle: Mutex::default(),
            options,
        }
    }

    pub(super) const fn options(&self) -> &PostgresOptions {
        &self.options
    }

    /// A connection, used before or new.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if all are busy for as long as a statement may take; otherwise what
    /// [`Connection::open`] says.
    pub(super) async fn lease(&self) -> Result<Lease<'_>> {
        let patience = self.options.longest_statement();
        let permit = tokio::time::timeout(patience, self.free.acquire()).await;
        let Ok(Ok(permit)) = permit else {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "use the store",
                "all connections to the database are busy",
            ));
        };
        let kept = {
            let mut idle = self.idle();
            idle.retain(|connection| !connection.is_closed());
            idle.pop()
        };
        let connection = match kept {
            Some(connection) => connection,
            None => Connection::open(&self.options).await?,
        };
        Ok(Lease {
            pool: self,
            connection: Some(connection),
            _permit: permit,
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease<'_> {
    /// The connection.
    ///
    /// # Errors
    /// None in practice: a lease has its connection until it is given back.
    pub(super) fn connection(&mut self) -> Result<&mut Connection> {
        self.connection
            .as_mut()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "use the store", "there is no connection"))
    }

    /// Keeps the connection for the next call: no transaction is open on it, and nothing failed.
    pub(super) fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.idle().push(connection);
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.cut();
        }
    }
}
