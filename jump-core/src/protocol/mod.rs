//! The contract between the core and the protocol crates.
//!
//! A [`Backend`] has two halves. The **gate** runs in the Jumpoint: it authenticates to the target with a credential
//! the rep never sees, enforces the grant's permissions message by message, and records. The **client** runs at the
//! rep: it takes any byte stream, does not know whether a gate is at its other end, and gives the embedder a
//! [`Session`].

mod backend;
mod gate;
mod screen;
mod session;

pub use backend::{Backend, Capabilities, ConnectOptions, Registry};
pub use gate::{Dialer, EventSink, GateContext, GateLimits, Outcome, SessionEvent, TransferDirection};
pub use screen::{
    Area, BYTES_PER_PIXEL, Cursor, Frame, Keysym, Picture, PointerButtons, ScreenEvent, ScreenSession,
};
pub use session::{
    ExitStatus, Progress, Session, SessionGoesOn, ShellChannel, ShellEvent, ShellReader, ShellSession,
    ShellWriter, Terminal, TunnelSession,
};
