//! The rep: whoever asks for a Jump, a person's console or a program.
//!
//! ```no_run
//! # async fn example(login: jump_core::rep::LoginIdentity, broker: jump_core::control::BrokerEndpoint,
//! #     backends: jump_core::protocol::Registry) -> jump_core::Result<()> {
//! use jump_core::protocol::Session;
//! use jump_core::rep::Rep;
//!
//! let rep = Rep::builder(login, broker).backends(backends).connect().await?;
//! if let Session::Shell(shell) = rep.open("web-1").await? {
//!     let mut uptime = shell.exec(b"uptime", None).await?;
//!     while let Some(event) = uptime.reader.next().await? {
//!         tracing::info!(?event);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod client;
mod ends;
mod enrol;
mod events;
mod explained;
mod jump;
mod local;
mod local_stream;
mod report;
mod simulate;
mod stream;
mod transfer;
mod wire;

pub use client::{Rep, RepBuilder};
pub use enrol::{LoginIdentity, enrol, log_in};
pub use events::{SessionEvents, SessionNews};
pub use jump::{JumpOptions, JumpSession, OpenedSession};
pub use local::{CredentialSource, LocalJumpOptions, LocalJumps};
pub use report::Report;
pub use stream::SessionStream;
