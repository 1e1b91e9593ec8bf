//! The frames of a tunnel session, as bytes. No I/O, no state beyond the frame that is arriving.
//!
//! A frame is a header of 8 bytes and a payload:
//!
//! ```text
//! 0       1       2               4                               8
//! | type  |   0   |    length     |           stream              | payload…
//! ```
//!
//! Numbers are big-endian. A whole frame is at most 16 KiB, so that a full data frame fills exactly one TLS record
//! (RFC 8446 §5.1) and sixteen of them one 256 KiB write. `stream` is 0 for the frames that concern the session.

use bytes::{BufMut, BytesMut};
use jump_core::error::{Error, ErrorKind, Result};
use jump_core::model::{Hostname, TargetAddress};

/// The version of the frames described here; it stands in the first frame of each side.
pub const VERSION: u16 = 1;
/// The length of a header in bytes.
pub const HEADER: usize = 8;
/// The largest payload in bytes: 16 KiB less the header.
pub const MAX_PAYLOAD: usize = 16 * 1024 - HEADER;
/// The longest message in an [`Frame::OpenFailed`] or [`Frame::Bye`], in bytes of UTF-8.
pub const MAX_TEXT: usize = 512;

/// The first bytes of a session's payload: "this is a Jump tunnel".
const MAGIC: [u8; 4] = *b"JTUN";
/// The longest host in an [`Frame::Open`], in bytes; no [`Hostname`] is longer.
const MAX_HOST: usize = 128;

/// A number for a stream, given by the rep: 1 or more, each larger than all before it, never used twice.
pub type StreamId = u32;

/// What each side says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// How many streams the sender accepts at once, 1..=65535. The rep accepts none and says so with any number.
    pub streams: u16,
    /// The credit that every new stream starts with, in bytes, for data to the sender of this frame.
    pub window: u32,
}

/// Why something failed: a kind, and a message of at most [`MAX_TEXT`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind, by its frozen number on the wire. A number that this version does not know is read as
    /// [`ErrorKind::Internal`].
    pub kind: ErrorKind,
    /// The message.
    pub text: String,
}

impl Failure {
    /// A failure whose message is cut to [`MAX_TEXT`] bytes, at a character.
    #[must_use]
    pub fn new(kind: ErrorKind, text: &str) -> Self {
        let end = text.floor_char_boundary(MAX_TEXT);
        Self {
            kind,
            text: text.get(..end).unwrap_or_default().to_owned(),
        }
    }

    /// The error that it stands for, which happened during `operation`.
    #[must_use]
    pub fn to_error(&self, operation: &'static str) -> Error {
        Error::new(self.kind, operation, self.text.clone())
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self::new(error.kind(), &error.to_string())
    }
}

/// A frame other than data. The number is its type on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// 1: the first frame of each side.
    Hello(Hello),
    /// 2: the rep asks for a stream to an address.
    Open {
        /// The new stream.
        stream: StreamId,
        /// To where.
        target: TargetAddress,
    },
    /// 3: the gate has connected; data may flow.
    Opened {
        /// Which stream.
        stream: StreamId,
    },
    /// 4: the gate has not; the stream is over.
    OpenFailed {
        /// Which stream.
        stream: StreamId,
        /// Why.
        failure: Failure,
    },
    /// 6: no more data follows from the sender; the other direction goes on.
    Eof {
        /// Which stream.
        stream: StreamId,
    },
    /// 7: the sender neither sends nor takes any more. The receiver answers with the same unless it ended its own
    /// direction before, so both know when the stream's last frame has passed.
    Reset {
        /// Which stream.
        stream: StreamId,
        /// Why.
        kind: ErrorKind,
    },
    /// 8: so many more bytes may be sent: that many were written to where they go, or the window has grown.
    Credit {
        /// Which stream.
        stream: StreamId,
        /// How many, at least 1.
        bytes: u32,
    },
    /// 9: asks for a [`Frame::Pong`] with the same number; no other before that one came.
    Ping(u64),
    /// 10: the answer.
    Pong(u64),
    /// 11: the session is over; nothing follows.
    Bye(Failure),
}

const HELLO: u8 = 1;
const OPEN: u8 = 2;
const OPENED: u8 = 3;
const OPEN_FAILED: u8 = 4;
const DATA: u8 = 5;
const EOF: u8 = 6;
const RESET: u8 = 7;
const CREDIT: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const BYE: u8 = 11;

/// The error for a peer that breaks the rules.
pub(crate) fn violation(rule: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, "read from the tunnel session", rule)
}

fn put_header(kind: u8, length: usize, stream: StreamId, into: &mut BytesMut) {
    into.put_u8(kind);
    into.put_u8(0);
    // Every caller keeps to MAX_PAYLOAD, which fits.
    into.put_u16(u16::try_from(length).unwrap_or(u16::MAX));
    into.put_u32(stream);
}

/// Writes the header of a data frame with `length` bytes of payload (1..=[`MAX_PAYLOAD`]).
pub fn put_data_header(stream: StreamId, length: usize, into: &mut BytesMut) {
    put_header(DATA, length, stream, into);
}

fn kind_number(kind: ErrorKind) -> u16 {
    u16::try_from(kind.number()).unwrap_or(0)
}

fn kind_of(number: u16) -> ErrorKind {
    let known = ErrorKind::ALL.iter().find(|kind| kind_number(**kind) == number);
    known.copied().unwrap_or(ErrorKind::Internal)
}

impl Frame {
    /// Writes the frame at the end of `into`.
    pub fn put(&self, into: &mut BytesMut) {
        match self {
            Frame::Hello(hello) => {
                put_header(HELLO, 12, 0, into);
                into.put_slice(&MAGIC);
                into.put_u16(VERSION);
                into.put_u16(hello.streams);
                into.put_u32(hello.window);
            }
            Frame::Open { stream, target } => {
                let host = target.host().as_str().as_bytes();
                put_header(OPEN, 2 + host.len(), *stream, into);
                into.put_u16(target.port());
                into.put_slice(host);
            }
            Frame::Opened { stream } => put_header(OPENED, 0, *stream, into),
            Frame::OpenFailed { stream, failure } => put_failure(OPEN_FAILED, *stream, failure, into),
            Frame::Eof { stream } => put_header(EOF, 0, *stream, into),
            Frame::Reset { stream, kind } => {
                put_header(RESET, 2, *stream, into);
                into.put_u16(kind_number(*kind));
            }
            Frame::Credit { stream, bytes } => {
                put_header(CREDIT, 4, *stream, into);
                into.put_u32(*bytes);
            }
            Frame::Ping(number) => {
                put_header(PING, 8, 0, into);
                into.put_u64(*number);
            }
            Frame::Pong(number) => {
                put_header(PONG, 8, 0, into);
                into.put_u64(*number);
            }
            Frame::Bye(failure) => put_failure(BYE, 0, failure, into),
        }
    }

    fn read(header: Header, payload: &[u8]) -> Result<Self> {
        let stream = header.stream;
        let short = || violation("a frame is shorter than its type needs");
        Ok(match header.kind {
            HELLO => {
                let (magic, rest) = payload.split_first_chunk::<4>().ok_or_else(short)?;
                let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
                if *magic != MAGIC {
                    return Err(violation("the peer does not speak the tunnel protocol"));
                }
                let version = u16::from_be_bytes(*version);
                if version != VERSION {
                    let message = format!(
                        "the peer speaks version {version} and this is version {VERSION}: update the older one"
                    );
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "start the tunnel session",
                        message,
                    ));
                }
                let (streams, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
                let (window, _) = rest.split_first_chunk::<4>().ok_or_else(short)?;
                Frame::Hello(Hello {
                    streams: u16::from_be_bytes(*streams),
                    window: u32::from_be_bytes(*window),
                })
            }
            OPEN => {
                let (port, host) = payload.split_first_chunk::<2>().ok_or_else(short)?;
                let host = std::str::from_utf8(host).map_err(|_| violation("a host is not UTF-8"))?;
                let target = Hostname::new(host)
                    .and_then(|host| TargetAddress::new(host, u16::from_be_bytes(*port)))
                    .map_err(|error| violation("an address is not valid").with_source(error))?;
                Frame::Open { stream, target }
            }
            OPENED => Frame::Opened { stream },
            OPEN_FAILED => Frame::OpenFailed {
                stream,
                failure: read_failure(payload)?,
            },
            EOF => Frame::Eof { stream },
            RESET => Frame::Reset {
                stream,
                kind: read_failure(payload)?.kind,
            },
            CREDIT => {
                let (bytes, _) = payload.split_first_chunk::<4>().ok_or_else(short)?;
                let bytes = u32::from_be_bytes(*bytes);
                if bytes == 0 {
                    return Err(violation("a credit of nothing"));
                }
                Frame::Credit { stream, bytes }
            }
            PING | PONG => {
                let (number, _) = payload.split_first_chunk::<8>().ok_or_else(short)?;
                let number = u64::from_be_bytes(*number);
                if header.kind == PING {
                    Frame::Ping(number)
                } else {
                    Frame::Pong(number)
                }
            }
            BYE => Frame::Bye(read_failure(payload)?),
            _ => return Err(violation("an unknown type of frame")),
        })
    }
}

fn put_failure(kind: u8, stream: StreamId, failure: &Failure, into: &mut BytesMut) {
    let end = failure.text.floor_char_boundary(MAX_TEXT);
    let text = failure.text.as_bytes().get(..end).unwrap_or_default();
    put_header(kind, 2 + text.len(), stream, into);
    into.put_u16(kind_number(failure.kind));
    into.put_slice(text);
}

fn read_failure(payload: &[u8]) -> Result<Failure> {
    let (kind, text) = payload
        .split_first_chunk::<2>()
        .ok_or_else(|| violation("a frame is shorter than its type needs"))?;
    let text = std::str::from_utf8(text).map_err(|_| violation("a message is not UTF-8"))?;
    Ok(Failure {
        kind: kind_of(u16::from_be_bytes(*kind)),
        text: text.to_owned(),
    })
}

#[derive(Clone, Copy, Debug)]
struct Header {
    kind: u8,
    length: usize,
    stream: StreamId,
}

impl Header {
    /// Reads a header and checks everything that does not depend on a stream's state, before a byte of the payload is
    /// taken or room for it is made.
    fn read(bytes: [u8; HEADER]) -> Result<Self> {
        let [kind, zero, length0, length1, stream @ ..] = bytes;
        let header = Self {
            kind,
            length: usize::from(u16::from_be_bytes([length0, length1])),
            stream: u32::from_be_bytes(stream),
        };
        if zero != 0 {
            return Err(violation("the second byte of a frame is not 0"));
        }
        let (least, most, of_session) = match kind {
            HELLO => (12, 12, true),
            OPEN => (3, 2 + MAX_HOST, false),
            OPENED | EOF => (0, 0, false),
            OPEN_FAILED => (2, 2 + MAX_TEXT, false),
            DATA => (1, MAX_PAYLOAD, false),
            RESET => (2, 2, false),
            CREDIT => (4, 4, false),
            PING | PONG => (8, 8, true),
            BYE => (2, 2 + MAX_TEXT, true),
            _ => return Err(violation(format!("frame type {kind} is not known"))),
        };
        if header.length < least || header.length > most {
            let length = header.length;
            return Err(violation(format!(
                "a frame of type {kind} has {length} bytes, not {least} to {most}"
            )));
        }
        if (header.stream == 0) != of_session {
            return Err(violation(format!(
                "a frame of type {kind} has a wrong stream number"
            )));
        }
        Ok(header)
    }
}

/// What the decoder found.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A frame.
    Frame(Frame),
    /// A piece of a data frame, at least one byte. The pieces of one frame come one after the other.
    Data {
        /// Which stream.
        stream: StreamId,
        /// The bytes.
        bytes: &'a [u8],
    },
}

/// Cuts arriving bytes into frames. It keeps at most one header and one small payload; data passes through.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The bytes of a header, or of the payload of a frame other than data, that have arrived so far.
    kept: Vec<u8>,
    /// The header of the frame whose payload is arriving; its length is what is missing of a data frame.
    header: Option<Header>,
}

impl Decoder {
    /// Takes bytes from the front of `input` up to the end of the next item and gives that; `None` if more input is
    /// needed. After an error the input cannot be understood any more.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if the bytes are not a frame, [`ErrorKind::Unsupported`] for another version.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Item<'a>>> {
        let header = match self.header {
            Some(header) => header,
            None => {
                if !self.fill(input, HEADER) {
                    return Ok(None);
                }
                let bytes = self.kept.first_chunk().copied().unwrap_or_default();
                let header = Header::read(bytes)?;
                self.kept.clear();
                self.header = Some(header);
                header
            }
        };
        if header.kind == DATA {
            let (bytes, rest) = input.split_at(header.length.min(input.len()));
            if bytes.is_empty() {
                return Ok(None);
            }
            *input = rest;
            let missing = header.length - bytes.len();
            self.header = (missing > 0).then_some(Header {
                length: missing,
                ..header
            });
            return Ok(Some(Item::Data {
                stream: header.stream,
                bytes,
            }));
        }
        if !self.fill(input, header.length) {
            return Ok(None);
        }
        let frame = Frame::read(header, &self.kept)?;
        self.header = None;
        // An idle session keeps no room.
        self.kept = Vec::new();
        Ok(Some(Item::Frame(frame)))
    }

    /// Whether the input ended between two frames.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.header.is_none() && self.kept.is_empty()
    }

    /// Moves input until `length` bytes are kept.
    fn fill(&mut self, input: &mut &[u8], length: usize) -> bool {
        let missing = length.saturating_sub(self.kept.len());
        let (taken, rest) = input.split_at(missing.min(input.len()));
        self.kept.extend_from_slice(taken);
        *input = rest;
        self.kept.len() >= length
    }
}
