//! What clipboards hold: plain text in Latin-1, and the messages of the extended clipboard (rfbproto "Extended Clipboard
//! Pseudo-Encoding").
//!
//! Texts are given out and taken with `\n` at the ends of lines; the wire's forms are made here.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use zlib_rs::{Inflate, InflateFlush, Status};

use super::{Input, limits};
use crate::{RfbError, RfbResult};

/// Kinds of contents, one bit each; only the lowest 16 bits of a message's flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Formats(pub u16);

impl Formats {
    /// Plain text; see [`text`].
    pub const TEXT: Self = Self(1 << 0);
    /// Microsoft's Rich Text Format.
    pub const RTF: Self = Self(1 << 1);
    /// Microsoft's HTML fragments.
    pub const HTML: Self = Self(1 << 2);
    /// A bitmap.
    pub const DIB: Self = Self(1 << 3);
    /// Reserved and not defined yet.
    pub const FILES: Self = Self(1 << 4);

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Each one alone, lowest bit first, which is their order in messages.
    pub fn each(self) -> impl Iterator<Item = Self> {
        (0..16)
            .map(|bit| Self(1 << bit))
            .filter(move |one| self.contains(*one))
    }
}

/// What a side can do with its clipboard, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Actions(u32);

impl Actions {
    /// Says what it understands.
    pub const CAPABILITIES: Self = Self(1 << 24);
    /// Answers [`ClipboardMessage::Request`].
    pub const REQUEST: Self = Self(1 << 25);
    /// Answers [`ClipboardMessage::Peek`].
    pub const PEEK: Self = Self(1 << 26);
    /// Takes [`ClipboardMessage::Notify`].
    pub const NOTIFY: Self = Self(1 << 27);
    /// Takes [`ClipboardMessage::Provide`].
    pub const PROVIDE: Self = Self(1 << 28);

    /// All of them.
    pub const ALL: Self = Self(0x1f << 24);

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A message of the extended clipboard: what [`CutText::Extended`](super::CutText::Extended) holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClipboardMessage {
    /// What the sender understands, and how much of each format it takes without having asked for it.
    Capabilities {
        /// What it can do.
        actions: Actions,
        /// Each format and its most bytes, lowest bit first.
        formats: Vec<(Formats, u32)>,
    },
    /// Asks for the contents in these formats.
    Request(Formats),
    /// Asks which formats there are.
    Peek,
    /// Says which formats there are.
    Notify(Formats),
    /// The contents in each format, lowest bit first.
    Provide(Vec<(Formats, Vec<u8>)>),
}

impl ClipboardMessage {
    /// Reads a message from its flags on. What follows the sizes of [`Capabilities`](Self::Capabilities), and the data
    /// of the actions that have none, is not looked at, as with other implementations.
    ///
    /// # Errors
    /// [`RfbError::Protocol`] for a message that is not whole, or that means nothing or several things;
    /// [`RfbError::Limit`] if it unfolds to more than [`limits::MAX_CLIPBOARD_BYTES`].
    pub fn read(payload: &[u8]) -> RfbResult<Self> {
        let cut = RfbError::Protocol("a clipboard message is incomplete");
        let mut input = Input::new(payload);
        let flags = input.u32().ok_or(cut.clone())?;
        let [_, _, high, low] = flags.to_be_bytes();
        let formats = Formats(u16::from_be_bytes([high, low]));
        let actions = Actions(flags & 0xff00_0000);
        if actions.contains(Actions::CAPABILITIES) {
            let sizes = formats.each().map(|format| Some((format, input.u32()?)));
            return Ok(ClipboardMessage::Capabilities {
                actions,
                formats: sizes.collect::<Option<_>>().ok_or(cut)?,
            });
        }
        match actions {
            Actions::REQUEST => Ok(ClipboardMessage::Request(formats)),
            Actions::PEEK => Ok(ClipboardMessage::Peek),
            Actions::NOTIFY => Ok(ClipboardMessage::Notify(formats)),
            Actions::PROVIDE => {
                let unfolded = unfold(input.rest())?;
                let mut data = Input::new(&unfolded);
                let contents = formats.each().map(|format| {
                    let length = usize::try_from(data.u32()?).ok()?;
                    Some((format, data.take(length)?.to_vec()))
                });
                let contents = contents.collect::<Option<_>>().ok_or(cut)?;
                if !data.rest().is_empty() {
                    return Err(RfbError::Protocol("a clipboard message has data of no format"));
                }
                Ok(ClipboardMessage::Provide(contents))
            }
            _ => Err(RfbError::Protocol("a clipboard message is to be one thing")),
        }
    }

    /// Its bytes, from its flags on.
    ///
    /// # Errors
    /// [`RfbError::Limit`] for contents of more than [`limits::MAX_CLIPBOARD_BYTES`], [`RfbError::Protocol`] if formats
    /// are not single ones in the order of their bits.
    pub fn to_bytes(&self) -> RfbResult<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut head = |actions: Actions, formats: Formats| {
            bytes.extend((actions.0 | u32::from(formats.0)).to_be_bytes())
        };
        match self {
            ClipboardMessage::Capabilities { actions, formats } => {
                head(
                    actions.with(Actions::CAPABILITIES),
                    union(formats.iter().map(|(format, _)| *format))?,
                );
                for (_, size) in formats {
                    bytes.extend(size.to_be_bytes());
                }
            }
            ClipboardMessage::Request(formats) => head(Actions::REQUEST, *formats),
            ClipboardMessage::Peek => head(Actions::PEEK, Formats::default()),
            ClipboardMessage::Notify(formats) => head(Actions::NOTIFY, *formats),
            ClipboardMessage::Provide(contents) => {
                head(
                    Actions::PROVIDE,
                    union(contents.iter().map(|(format, _)| *format))?,
                );
                fold(contents, &mut bytes)?;
            }
        }
        if bytes.len() > limits::MAX_CLIPBOARD_BYTES {
            return Err(RfbError::Limit("a clipboard has at most 1 MiB"));
        }
        Ok(bytes)
    }
}

/// Single formats, ascending, as one value.
fn union(formats: impl Iterator<Item = Formats>) -> RfbResult<Formats> {
    let mut all = 0;
    for Formats(one) in formats {
        if one.count_ones() != 1 || one <= all {
            return Err(RfbError::Protocol("clipboard formats are out of order"));
        }
        all |= one;
    }
    Ok(Formats(all))
}

/// The most bytes of all formats together, each with its length.
const MAX_UNFOLDED: usize = limits::MAX_CLIPBOARD_BYTES + 16 * 4;

/// Decompresses, with the largest window there is (15 bits, RFC 1950 §2.2). Some servers only flush the stream and do not
/// end it, so its end is not asked for.
fn unfold(bytes: &[u8]) -> RfbResult<Vec<u8>> {
    let broken = RfbError::Protocol("a clipboard is not a zlib stream");
    let mut inflate = Inflate::new(true, 15);
    let mut unfolded = Vec::new();
    let mut rest = Input::new(bytes);
    let mut chunk = [0; 4096];
    loop {
        let (read, written) = (inflate.total_in(), inflate.total_out());
        let status = inflate
            .decompress(rest.rest(), &mut chunk, InflateFlush::SyncFlush)
            .map_err(|_| broken.clone())?;
        let read = usize::try_from(inflate.total_in() - read).map_err(|_| broken.clone())?;
        let written = usize::try_from(inflate.total_out() - written).map_err(|_| broken.clone())?;
        rest.take(read);
        unfolded.extend(chunk.get(..written).unwrap_or_default());
        if unfolded.len() > MAX_UNFOLDED {
            return Err(RfbError::Limit("a clipboard has at most 1 MiB"));
        }
        if status == Status::StreamEnd || (read == 0 && written == 0) {
            return Ok(unfolded);
        }
    }
}

fn fold(contents: &[(Formats, Vec<u8>)], output: &mut Vec<u8>) -> RfbResult<()> {
    let length: usize = contents.iter().map(|(_, data)| data.len()).sum();
    if length > limits::MAX_CLIPBOARD_BYTES {
        return Err(RfbError::Limit("a clipboard has at most 1 MiB"));
    }
    let mut deflate = ZlibEncoder::new(output, Compression::default());
    let mut write = || {
        for (_, data) in contents {
            // No more than the limit, as checked.
            deflate.write_all(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes())?;
            deflate.write_all(data)?;
        }
        deflate.try_finish()
    };
    write().map_err(|_| RfbError::Protocol("a clipboard cannot be compressed"))
}

/// The text that [`Formats::TEXT`] holds: UTF-8 with CR LF at the ends of lines and a NUL at its own; servers that leave
/// these out are understood.
///
/// # Errors
/// [`RfbError::Protocol`] if it is not UTF-8 or has a NUL within.
pub fn text(data: &[u8]) -> RfbResult<String> {
    let data = data.strip_suffix(&[0]).unwrap_or(data);
    let text = str::from_utf8(data).map_err(|_| RfbError::Protocol("a clipboard's text is not UTF-8"))?;
    if text.contains('\0') {
        return Err(RfbError::Protocol("a clipboard's text goes on after its end"));
    }
    Ok(line_feeds(text))
}

/// What [`Formats::TEXT`] holds for a text.
///
/// # Errors
/// [`RfbError::Unsupported`] if it has a NUL, which would end it.
pub fn text_data(text: &str) -> RfbResult<Vec<u8>> {
    if text.contains('\0') {
        return Err(RfbError::Unsupported("a clipboard's text with a NUL"));
    }
    let mut data = line_feeds(text).replace('\n', "\r\n").into_bytes();
    data.push(0);
    Ok(data)
}

/// The text of [`CutText::Latin1`](super::CutText::Latin1) (RFC 6143 §7.5.6).
#[must_use]
pub fn latin1_text(bytes: &[u8]) -> String {
    line_feeds(&bytes.iter().copied().map(char::from).collect::<String>())
}

/// What [`CutText::Latin1`](super::CutText::Latin1) holds for a text, and how many characters Latin-1 does not have: there
/// is a `?` for each of them.
#[must_use]
pub fn latin1_bytes(text: &str) -> (Vec<u8>, usize) {
    let mut missing = 0;
    let bytes = line_feeds(text)
        .chars()
        .map(|character| {
            u8::try_from(u32::from(character)).unwrap_or_else(|_| {
                missing += 1;
                b'?'
            })
        })
        .collect();
    (bytes, missing)
}

fn line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_the_wires_ends_of_lines_on_the_wire_only() {
        assert_eq!(text_data("a\nb\r\nc").unwrap(), b"a\r\nb\r\nc\0");
        assert_eq!(text(b"a\r\nb\rc\0"), Ok("a\nb\nc".to_owned()));
        assert_eq!(text(b"no end"), Ok("no end".to_owned()));
        assert!(text(b"a\0b\0").is_err());
        assert!(text(&[0xff, 0]).is_err());
        assert!(text_data("a\0b").is_err());
        assert_eq!(latin1_text(b"\xe4\r\n"), "ä\n");
        assert_eq!(latin1_bytes("ä€\n"), (b"\xe4?\n".to_vec(), 1));
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        for (length, fits) in [
            (limits::MAX_CLIPBOARD_BYTES, true),
            (limits::MAX_CLIPBOARD_BYTES + 1000, false),
            (limits::MAX_CLIPBOARD_BYTES * 4, false),
        ] {
            let mut deflate = ZlibEncoder::new(vec![0x10, 0, 0, 1], Compression::best());
            let size = u32::try_from(length).unwrap();
            deflate.write_all(&size.to_be_bytes()).unwrap();
            deflate.write_all(&vec![b'x'; length]).unwrap();
            let read = ClipboardMessage::read(&deflate.finish().unwrap());
            assert_eq!(read.is_ok(), fits, "{length}");
            if !fits {
                assert!(matches!(read, Err(RfbError::Limit(_))));
            }
        }
    }

    #[test]
    fn a_stream_that_is_only_flushed_is_whole() {
        let mut deflate = ZlibEncoder::new(vec![0x10, 0, 0, 1], Compression::default());
        deflate.write_all(&[0, 0, 0, 3, b'h', b'i', 0]).unwrap();
        deflate.flush().unwrap();
        assert_eq!(
            ClipboardMessage::read(deflate.get_ref()),
            Ok(ClipboardMessage::Provide(vec![(Formats::TEXT, b"hi\0".to_vec())]))
        );
    }

    #[test]
    fn a_message_is_one_thing() {
        for flags in [0u32, 1, 0x0600_0001, 0x2000_0000, 0x1800_0001] {
            assert!(ClipboardMessage::read(&flags.to_be_bytes()).is_err(), "{flags:x}");
        }
        // As Xtigervnc says it: text of up to 20 MiB, and all that can be done with it.
        let sent = [0x1f, 0, 0, 1, 1, 0x40, 0, 0];
        let meant = ClipboardMessage::Capabilities {
            actions: Actions::ALL,
            formats: vec![(Formats::TEXT, 20 << 20)],
        };
        assert_eq!(ClipboardMessage::read(&sent), Ok(meant.clone()));
        assert_eq!(meant.to_bytes().unwrap(), sent);
    }
}
