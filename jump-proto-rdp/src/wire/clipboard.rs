//! The clipboard's messages (MS-RDPECLIP §2.2), which travel whole or in chunks of a static channel.

use std::ops::Range;

use super::bytes::{change32, le16, le32, part};
use super::{RdpError, RdpResult};

/// Type, flags and length (MS-RDPECLIP §2.2.1).
pub const HEADER: usize = 8;
/// The most formats of a list that are looked at.
const MOST_FORMATS: usize = 1024;
/// A name of fixed length in a list of short ones, in bytes (MS-RDPECLIP §2.2.3.1.1.1).
const SHORT_NAME: usize = 32;

/// `CB_RESPONSE_OK` and `CB_RESPONSE_FAIL` (MS-RDPECLIP §2.2.1, `msgFlags`).
const RESPONSE_OK: u16 = 1;
const RESPONSE_FAIL: u16 = 2;
/// `CB_ASCII_NAMES`.
const ASCII_NAMES: u16 = 4;

/// `CB_CAPSTYPE_GENERAL` (MS-RDPECLIP §2.2.2.1.1).
const GENERAL: u16 = 1;
/// `CB_USE_LONG_FORMAT_NAMES` (MS-RDPECLIP §2.2.2.1.1.1, `generalFlags`).
const LONG_NAMES: u32 = 2;
/// `CB_STREAM_FILECLIP_ENABLED`, `CB_FILECLIP_NO_FILE_PATHS`, `CB_CAN_LOCK_CLIPDATA`, `CB_HUGE_FILE_SUPPORT_ENABLED`.
const FILES: u32 = 0x4 | 0x8 | 0x10 | 0x20;

/// `CF_HDROP`, a list of files.
const DROPPED_FILES: u32 = 15;
/// Formats that lead to files, as Windows names them: their lists, contents, names and places.
const FILE_FORMATS: [&str; 6] = [
    "FileGroupDescriptorW",
    "FileGroupDescriptor",
    "FileContents",
    "FileNameW",
    "FileName",
    "Shell IDList Array",
];

/// What a message is (MS-RDPECLIP §2.2.1, `msgType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// The server begins (§2.2.2.2).
    MonitorReady = 1,
    /// What a side has (§2.2.3.1).
    FormatList = 2,
    /// The other has heard it (§2.2.3.2).
    FormatListResponse = 3,
    /// Give me this (§2.2.5.1).
    DataRequest = 4,
    /// It, or nothing (§2.2.5.2).
    DataResponse = 5,
    /// A folder of the client (§2.2.2.3).
    TempDirectory = 6,
    /// What a side can do (§2.2.2.1).
    Capabilities = 7,
    /// Give me a piece of a file (§2.2.5.3).
    FileRequest = 8,
    /// It, or nothing (§2.2.5.4).
    FileResponse = 9,
    /// Keep what you have (§2.2.4.1).
    Lock = 10,
    /// Keep it no longer (§2.2.4.2).
    Unlock = 11,
}

/// The first bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is.
    pub kind: Kind,
    /// How it is written.
    pub flags: u16,
}

impl Header {
    /// Reads the first bytes of a message of so many bytes in all.
    ///
    /// # Errors
    /// [`RdpError::Protocol`] for an unknown one, or one that is longer than its chunks.
    pub fn read(first: &[u8], total: usize) -> RdpResult<Self> {
        let kind = match le16(first, 0)? {
            1 => Kind::MonitorReady,
            2 => Kind::FormatList,
            3 => Kind::FormatListResponse,
            4 => Kind::DataRequest,
            5 => Kind::DataResponse,
            6 => Kind::TempDirectory,
            7 => Kind::Capabilities,
            8 => Kind::FileRequest,
            9 => Kind::FileResponse,
            10 => Kind::Lock,
            11 => Kind::Unlock,
            _ => return Err(RdpError::Protocol("an unknown message of the clipboard")),
        };
        let flags = le16(first, 2)?;
        // Some add bytes that do not count.
        if total < HEADER || (le32(first, 4)? as usize) > total - HEADER {
            return Err(RdpError::Protocol("a message of the clipboard is cut"));
        }
        Ok(Self { kind, flags })
    }
}

/// What is behind the header of a whole message.
fn body(message: &[u8]) -> RdpResult<&[u8]> {
    let length = le32(message, 4)? as usize;
    part(message, HEADER..HEADER.saturating_add(length))
}

/// A number at the begin of what is behind the header: the format of a data request, the stream of a file request.
///
/// # Errors
/// [`RdpError::Protocol`] if there is none.
pub fn number(message: &[u8]) -> RdpResult<u32> {
    le32(body(message)?, 0)
}

/// Clamps what a side can do (MS-RDPECLIP §2.2.2.1): without `files` nothing that belongs to files. Whether it has long names.
///
/// # Errors
/// [`RdpError::Protocol`] if it cannot be read.
pub fn clamp(message: &mut [u8], files: bool) -> RdpResult<bool> {
    body(message)?;
    let count = le16(message, HEADER)?;
    let mut at = HEADER + 4;
    let mut long = false;
    for _ in 0..count {
        let (kind, length) = (le16(message, at)?, usize::from(le16(message, at + 2)?));
        if length < 4 {
            return Err(RdpError::Protocol("a capability of the clipboard is cut"));
        }
        part(message, at..at + length)?;
        if kind == GENERAL {
            if length < 12 {
                return Err(RdpError::Protocol("a capability of the clipboard is cut"));
            }
            let flags = le32(message, at + 8)?;
            long = flags & LONG_NAMES != 0;
            if !files {
                change32(message, at + 8, |flags| flags & !FILES)?;
            }
        }
        at += length;
    }
    Ok(long)
}

/// A format that a side has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Its number.
    pub id: u32,
    /// Whether it leads to files.
    pub file: bool,
    /// Where it is in the message.
    pub place: Range<usize>,
}

/// Whether a format of no name leads to files.
#[must_use]
pub const fn leads_to_files(id: u32) -> bool {
    id == DROPPED_FILES
}

/// The formats of a list (MS-RDPECLIP §2.2.3.1), with long names if both sides have them.
///
/// # Errors
/// [`RdpError::Protocol`] if it cannot be read, [`RdpError::Limit`] for more than 1024.
pub fn formats(message: &[u8], long: bool) -> RdpResult<Vec<Format>> {
    let ascii = le16(message, 2)? & ASCII_NAMES != 0;
    let end = HEADER + body(message)?.len();
    let message = part(message, 0..end)?;
    let mut found = Vec::new();
    let mut at = HEADER;
    while at < end {
        if found.len() == MOST_FORMATS {
            return Err(RdpError::Limit("a clipboard has too many formats"));
        }
        let id = le32(message, at)?;
        let (name, next) = if long {
            let units = message.get(at + 4..).unwrap_or_default().chunks_exact(2);
            let length = 2 * units.take_while(|unit| *unit != [0, 0]).count();
            let name = part(message, at + 4..at + 4 + length)?;
            (name, at + 4 + length + 2)
        } else {
            let next = at + 4 + SHORT_NAME;
            (part(message, at + 4..next)?, next)
        };
        if next > end {
            return Err(RdpError::Protocol("a list of formats is cut"));
        }
        let wide = long || !ascii;
        found.push(Format {
            id,
            file: leads_to_files(id) || is_file_name(name, wide, !long),
            place: at..next,
        });
        at = next;
    }
    Ok(found)
}

/// Whether a name is that of a format that leads to files. Short ones may be cut.
fn is_file_name(name: &[u8], wide: bool, short: bool) -> bool {
    let text: String = if wide {
        let units = name
            .as_chunks()
            .0
            .iter()
            .map(|unit| u16::from_le_bytes(*unit))
            .take_while(|unit| *unit != 0);
        char::decode_utf16(units).map_while(Result::ok).collect()
    } else {
        let bytes = name.iter().take_while(|byte| **byte != 0);
        bytes.map(|byte| char::from(*byte)).collect()
    };
    /// Fifteen characters and their end fit into a short name of two bytes each.
    const CUT: usize = SHORT_NAME / 2 - 1;
    FILE_FORMATS.iter().any(|known| {
        text.eq_ignore_ascii_case(known)
            || short
                && text.len() >= CUT
                && known
                    .get(..text.len())
                    .is_some_and(|begin| text.eq_ignore_ascii_case(begin))
    })
}

/// A list without some of its formats.
///
/// # Errors
/// As for [`formats`].
pub fn without(message: &[u8], left_out: &[Format]) -> RdpResult<Vec<u8>> {
    let mut kept = part(message, 0..HEADER)?.to_vec();
    let end = HEADER + body(message)?.len();
    let mut at = HEADER;
    for format in left_out {
        kept.extend_from_slice(part(message, at..format.place.start)?);
        at = format.place.end;
    }
    kept.extend_from_slice(part(message, at..end)?);
    let length = u32::try_from(kept.len() - HEADER).unwrap_or(u32::MAX);
    change32(&mut kept, 4, |_| length)?;
    Ok(kept)
}

fn message(kind: Kind, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut message = (kind as u16).to_le_bytes().to_vec();
    message.extend_from_slice(&flags.to_le_bytes());
    message.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    message.extend_from_slice(body);
    message
}

/// There is nothing on a clipboard.
#[must_use]
pub fn nothing() -> Vec<u8> {
    message(Kind::FormatList, 0, &[])
}

/// A list was heard.
#[must_use]
pub fn heard() -> Vec<u8> {
    message(Kind::FormatListResponse, RESPONSE_OK, &[])
}

/// There is no data.
#[must_use]
pub fn no_data() -> Vec<u8> {
    message(Kind::DataResponse, RESPONSE_FAIL, &[])
}

/// There is no file, for the stream of a request.
#[must_use]
pub fn no_file(stream: u32) -> Vec<u8> {
    message(Kind::FileResponse, RESPONSE_FAIL, &stream.to_le_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn long(formats: &[(u32, &str)]) -> Vec<u8> {
        let body = formats
            .iter()
            .flat_map(|(id, name)| [&id.to_le_bytes()[..], &utf16(name), &[0, 0]].concat());
        message(Kind::FormatList, 0, &body.collect::<Vec<_>>())
    }

    #[test]
    fn formats_that_lead_to_files_are_found_and_left_out() {
        let list = long(&[
            (13, ""),
            (0xc00a, "FileGroupDescriptorW"),
            (15, ""),
            (0xc123, "HTML Format"),
            (0xc00b, "filecontents"),
        ]);
        let found = formats(&list, true).unwrap();
        let files: Vec<Format> = found.iter().filter(|format| format.file).cloned().collect();
        let ids: Vec<u32> = files.iter().map(|format| format.id).collect();
        assert_eq!(ids, [0xc00a, 15, 0xc00b]);
        assert_eq!(
            without(&list, &files).unwrap(),
            long(&[(13, ""), (0xc123, "HTML Format")])
        );
        assert_eq!(without(&list, &found).unwrap(), nothing());
        for cut in HEADER..list.len() {
            let mut cut = list.get(..cut).unwrap().to_vec();
            assert!(
                Header::read(&cut, cut.len()).is_err(),
                "it says that it is longer"
            );
            let length = (cut.len() - HEADER) as u32;
            change32(&mut cut, 4, |_| length).unwrap();
            if let Ok(found) = formats(&cut, true) {
                assert_eq!(found.last().map_or(HEADER, |format| format.place.end), cut.len());
            }
        }
    }

    #[test]
    fn short_names_are_known_by_their_begin() {
        let entry = |id: u32, name: &[u8]| {
            let mut entry = id.to_le_bytes().to_vec();
            entry.extend_from_slice(name);
            entry.resize(4 + SHORT_NAME, 0);
            entry
        };
        let cut = utf16("FileGroupDescri");
        let body = [entry(0xc00a, &cut), entry(0xc00b, &utf16("File"))].concat();
        let wide = message(Kind::FormatList, 0, &body);
        let found = formats(&wide, false).unwrap();
        assert_eq!(
            found.iter().map(|format| format.file).collect::<Vec<_>>(),
            [true, false]
        );
        let body = [entry(0xc00a, b"FileGroupDescriptorW"), entry(1, b"")].concat();
        let ascii = message(Kind::FormatList, ASCII_NAMES, &body);
        let found = formats(&ascii, false).unwrap();
        assert_eq!(
            found.iter().map(|format| format.file).collect::<Vec<_>>(),
            [true, false]
        );
    }

    #[test]
    fn what_belongs_to_files_is_taken_out_of_what_a_side_can_do() {
        let body = [1, 0, 0, 0, 1, 0, 12, 0, 2, 0, 0, 0, 0x3e, 0, 0, 0];
        let came = message(Kind::Capabilities, 0, &body);
        let mut kept = came.clone();
        assert_eq!(clamp(&mut kept, true), Ok(true));
        assert_eq!(kept, came);
        let mut clamped = came.clone();
        assert_eq!(clamp(&mut clamped, false), Ok(true));
        assert_eq!(le32(&clamped, 20), Ok(LONG_NAMES));
        for length in 0..came.len() {
            let mut cut = came.get(..length).unwrap().to_vec();
            assert!(clamp(&mut cut, false).is_err(), "{length}");
        }
    }

    #[test]
    fn only_known_messages_that_fit_their_chunks_are_read() {
        let request = message(Kind::DataRequest, 0, &13_u32.to_le_bytes());
        let header = Header::read(&request, request.len()).unwrap();
        assert_eq!((header.kind, number(&request)), (Kind::DataRequest, Ok(13)));
        // xrdp adds four bytes to some.
        Header::read(&request, request.len() + 4).unwrap();
        Header::read(&request, request.len() - 1).unwrap_err();
        let mut unknown = request.clone();
        change32(&mut unknown, 0, |_| 12).unwrap();
        Header::read(&unknown, unknown.len()).unwrap_err();
        assert_eq!(number(&no_file(7)), Ok(7));
        number(&heard()).unwrap_err();
    }
}
