//! The tunnel: how a rep and a Jumpoint get one end-to-end encrypted stream, through a relay that cannot read it.
//!
//! Both dial the [`Relay`] with a one-time [`SignedTicket`] of the broker ([`dial_relay`]). The relay pairs the two
//! sockets and moves bytes; inside runs TLS 1.3 with raw public keys (RFC 8446, RFC 7250), each pinned by the grant
//! ([`Tls`]). So a session is encrypted once, the relay holds ciphertext only, and a stolen ticket opens nothing.
//!
//! ```text
//! rep ── TlsStream ── RelayedSocket ──► relay: pair, splice ◄── RelayedSocket ── TlsStream ── Jumpoint
//! ```
//!
//! Sockets come from a [`Transport`]: TCP, or memory for tests and for embedders that run all parts in one process.

mod admission;
mod backoff;
mod buffers;
mod engine;
mod handshake;
mod linger;
mod memory;
mod pump;
mod raw_key;
mod relay;
mod relayed;
mod seats;
#[cfg(target_os = "linux")]
mod splice;
mod tcp;
mod ticket;
mod tls;
mod tls_input;
mod tls_stream;
mod transport;

pub use admission::{Admission, Permit};
pub use backoff::Backoff;
pub use buffers::{Buffer, Buffers};
pub use memory::MemoryTransport;
pub use pump::{Scratch, Side, pump, pump_with};
pub use relay::{Relay, RelayBuilder};
pub use relayed::{PREFACE_LENGTH, RELAY_FIRST_BYTE, RelayedSocket, dial_relay};
pub use tcp::TcpTransport;
pub use ticket::{Party, SignedTicket, Ticket};
pub use tls::Tls;
pub use tls_stream::TlsStream;
pub use transport::{Listener, PeerAddress, Socket, Transport};
