//! The file transfer protocol, SFTP version 3 (draft-ietf-secsh-filexfer-02), between a client and a server that do not
//! know of it: what the session policy does not permit is answered here and never forwarded, the rest passes unchanged.
//!
//! [`Filter`] is sans-I/O: bytes of either side in, bytes for either side and events out. It holds these lines:
//!
//! * **Directions** ([`Rules`]): what reads a file is a download, what writes or changes anything an upload. Looking
//!   (listing, `stat`) needs either; `realpath` tells where links lead and is always answered.
//! * **Path limits**: before a path is used the filter asks the target itself for its real name, with a `realpath` of
//!   its own; the client's packets wait meanwhile. So neither `..` nor a link that is there leads out, as far as the
//!   target's `realpath` follows links (OpenSSH's does). Links cannot be made under limits, nor can a file be brought
//!   into what may be downloaded. Between question and use somebody else may exchange a part of the path: whoever has a
//!   shell, or a second session, can race. With one file transfer at a time nobody can.
//! * **What is not known is refused**: packet types and extensions, also those that the target announces.
//! * **Everything is bounded**: packets, requests on their way, open files.

mod check;
mod error;
mod filter;
mod request;
mod rules;
mod stream;
mod tally;
pub(crate) mod wire;

pub use error::{Side, Violation};
pub use filter::{Filter, Output};
pub use rules::{Access, Rules};
