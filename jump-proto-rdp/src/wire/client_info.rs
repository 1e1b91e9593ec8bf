//! The Client Info PDU (MS-RDPBCGR §2.2.1.11), in which a client logs in. The only message whose length a gate changes.

use zeroize::Zeroizing;

use super::bytes::{le16, le32, part};
use super::{RdpError, RdpResult};

/// `SEC_INFO_PKT` in the security header.
const SEC_INFO_PKT: u16 = 0x40;
/// The longest of its texts (MS-RDPBCGR §2.2.1.11.1.1).
const LONGEST_TEXT: usize = 512;

// Flags (MS-RDPBCGR §2.2.1.11.1.1).
const AUTOLOGON: u32 = 0x8;
const UNICODE: u32 = 0x10;
const REMOTE_APP: u32 = 0x8000;
/// Compression and its kind; a RemoteApp; the rep's microphone; a password that is a smart card's.
const CLEARED: u32 = 0x80 | 0x1e00 | REMOTE_APP | 0x20_0000 | 0x4_0000;

/// Where in the data of the message the lengths and the texts are.
const LENGTHS: usize = 12;
const TEXTS: usize = 22;
/// `TS_TIME_ZONE_INFORMATION` and the two numbers behind it (MS-RDPBCGR §2.2.1.11.1.1.1).
const ZONE_AND_FLAGS: usize = 172 + 8;

/// Who logs in.
#[derive(Debug)]
pub struct Login<'a> {
    /// The domain; may be empty.
    pub domain: &'a str,
    /// The user's name on the target.
    pub user: &'a str,
    /// The password; empty where the target has it from CredSSP. Without one the client's own stays.
    pub password: Option<&'a str>,
}

/// What is put in the place of what a client says.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// Who logs in; without one the client's own login stays.
    pub login: Option<Login<'a>>,
    /// The program that starts in place of the desktop (`AlternateShell`), in a folder of its own choice.
    pub program: Option<&'a str>,
    /// Whether a client that wants a RemoteApp may have one: no desktop, and windows of its own (MS-RDPERP §1.3.2).
    pub remote_app: bool,
    /// `performanceFlags` (MS-RDPBCGR §2.2.1.11.1.1.1).
    pub performance: Option<u32>,
}

/// The same message twice.
#[derive(Debug)]
pub struct Changed {
    /// As the target gets it.
    pub data: Zeroizing<Vec<u8>>,
    /// Without a password, as it is recorded.
    pub recorded: Vec<u8>,
}

/// Whether a client wants a RemoteApp, in its Client Info PDU.
///
/// # Errors
/// [`RdpError::Protocol`] if it is cut.
pub fn wants_remote_app(data: &[u8]) -> RdpResult<bool> {
    Ok(le32(data, 8)? & REMOTE_APP != 0)
}

/// Whether this is a Client Info PDU, by its security header.
#[must_use]
pub fn is_client_info(data: &[u8]) -> bool {
    le16(data, 0).is_ok_and(|flags| flags & SEC_INFO_PKT != 0)
}

/// Puts a login, a program and a look in the place of the client's; no password is recorded.
///
/// What else the message says of the rep's machine (its address and folder) is left out, as is a cookie to join a session of
/// before (MS-RDPBCGR §5.5). Compression is not agreed on, so that every message can be judged.
///
/// # Errors
/// [`RdpError::Protocol`] if it cannot be read, [`RdpError::Limit`] for longer texts than there may be,
/// [`RdpError::Unsupported`] for a login that is not ASCII and a client without Unicode.
pub fn change(data: &[u8], changes: &Changes<'_>) -> RdpResult<Changed> {
    let flags = le32(data, 8)?;
    let unicode = flags & UNICODE != 0;
    let end = if unicode { 2 } else { 1 };
    let mut texts: [&[u8]; 5] = [&[]; 5];
    let mut at = TEXTS;
    for (index, text) in texts.iter_mut().enumerate() {
        let length: usize = le16(data, LENGTHS + index * 2)?.into();
        if length > LONGEST_TEXT {
            return Err(RdpError::Limit("a text of the client's login is too long"));
        }
        *text = part(data, at..at + length)?;
        at += length + end;
    }
    let [own_domain, own_user, own_password, shell, folder] = texts;
    let rest = data
        .get(at..)
        .ok_or(RdpError::Protocol("the client's login is cut"))?;
    let rest = extended(rest, changes.performance)?;
    let encoded = |text: &str| encode(text, unicode);
    let own = |text: &[u8]| Zeroizing::new(text.to_vec());
    let (domain, user) = match &changes.login {
        Some(login) => (encoded(login.domain)?, encoded(login.user)?),
        None => (own(own_domain), own(own_user)),
    };
    let (password, set) = match changes.login.as_ref().and_then(|login| login.password) {
        Some(password) => (encoded(password)?, AUTOLOGON),
        None => (own(own_password), 0),
    };
    let (shell, folder) = match changes.program {
        Some(program) => (encoded(program)?, Zeroizing::default()),
        None => (own(shell), own(folder)),
    };
    let write = |password: &[u8]| {
        let texts: [&[u8]; 5] = [&domain, &user, password, &shell, &folder];
        let room = TEXTS + rest.len() + texts.iter().map(|text| text.len() + end).sum::<usize>();
        let mut written = Zeroizing::new(Vec::with_capacity(room));
        written.extend_from_slice(part(data, 0..8)?);
        let kept = if changes.remote_app { flags & REMOTE_APP } else { 0 };
        written.extend_from_slice(&(flags & !CLEARED | kept | set).to_le_bytes());
        for text in texts {
            let length = u16::try_from(text.len()).map_err(|_| RdpError::Limit("a login is too long"))?;
            written.extend_from_slice(&length.to_le_bytes());
        }
        for text in texts {
            written.extend_from_slice(text);
            written.extend_from_slice(part(&[0; 2], 0..end)?);
        }
        written.extend_from_slice(&rest);
        Ok(written)
    };
    Ok(Changed {
        data: write(&password)?,
        recorded: write(&[])?.to_vec(),
    })
}

fn encode(text: &str, unicode: bool) -> RdpResult<Zeroizing<Vec<u8>>> {
    let bytes: Zeroizing<Vec<u8>> = if unicode {
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() * 2));
        for unit in text.encode_utf16() {
            bytes.extend_from_slice(&unit.to_le_bytes());
        }
        bytes
    } else if text.is_ascii() {
        Zeroizing::new(text.as_bytes().to_vec())
    } else {
        return Err(RdpError::Unsupported(
            "the client has no unicode, and the item needs it",
        ));
    };
    if bytes.len() > LONGEST_TEXT {
        return Err(RdpError::Limit("the item's login or program is too long for rdp"));
    }
    Ok(bytes)
}

/// The extended information (MS-RDPBCGR §2.2.1.11.1.1.1) without address, folder and cookie. All of it is optional from its
/// end.
fn extended(rest: &[u8], performance: Option<u32>) -> RdpResult<Vec<u8>> {
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let mut kept = Vec::with_capacity(rest.len());
    kept.extend_from_slice(part(rest, 0..2)?);
    let mut at = 2;
    // Both lengths are with the end of the text.
    for _ in 0..2 {
        let length: usize = le16(rest, at)?.into();
        part(rest, at..at + 2 + length)?;
        at += 2 + length;
        let empty: &[u8] = if length < 2 { &[0, 0] } else { &[2, 0, 0, 0] };
        kept.extend_from_slice(empty);
    }
    let Ok(fixed) = part(rest, at..at + ZONE_AND_FLAGS) else {
        kept.extend_from_slice(rest.get(at..).unwrap_or_default());
        return Ok(kept);
    };
    let (before, flags) = fixed.split_at(ZONE_AND_FLAGS - 4);
    kept.extend_from_slice(before);
    match performance {
        Some(performance) => kept.extend_from_slice(&performance.to_le_bytes()),
        None => kept.extend_from_slice(flags),
    }
    at += ZONE_AND_FLAGS;
    if at == rest.len() {
        return Ok(kept);
    }
    let cookie: usize = le16(rest, at)?.into();
    part(rest, at + 2..at + 2 + cookie)?;
    kept.extend_from_slice(&[0, 0]);
    kept.extend_from_slice(rest.get(at + 2 + cookie..).unwrap_or_default());
    Ok(kept)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    /// A client's message with these texts, an address, a folder, a time zone and, if there is one, a cookie.
    fn message(flags: u32, texts: [&[u8]; 5], cookie: &[u8]) -> Vec<u8> {
        let end = if flags & UNICODE != 0 { 2 } else { 1 };
        let mut data = vec![0x40, 0, 0, 0, 7, 0, 0, 0];
        data.extend_from_slice(&flags.to_le_bytes());
        for text in texts {
            data.extend_from_slice(&(text.len() as u16).to_le_bytes());
        }
        for text in texts {
            data.extend_from_slice(text);
            data.extend_from_slice(&[0; 2][..end]);
        }
        data.extend_from_slice(&[2, 0]);
        for text in ["192.0.2.44\0", "C:\\rep\0"] {
            let text = utf16(text);
            data.extend_from_slice(&(text.len() as u16).to_le_bytes());
            data.extend_from_slice(&text);
        }
        data.extend_from_slice(&[0x5a; ZONE_AND_FLAGS]);
        data.extend_from_slice(&(cookie.len() as u16).to_le_bytes());
        data.extend_from_slice(cookie);
        data.extend_from_slice(&[1, 2, 3, 4]);
        data
    }

    fn holds(data: &[u8], part: &[u8]) -> bool {
        data.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn the_login_is_the_items_and_nothing_of_the_reps_machine_is_left() {
        let names = [
            utf16("OWN"),
            utf16("rep"),
            utf16("typed"),
            utf16("shell"),
            utf16("work"),
        ];
        let texts = names.each_ref().map(Vec::as_slice);
        let came = message(UNICODE | 0x80 | 0x600 | 0x8000 | 0x1, texts, &[0xc0; 28]);
        let changes = Changes {
            login: Some(Login {
                domain: "EXAMPLE",
                user: "alice",
                password: Some("päss"),
            }),
            ..Changes::default()
        };
        let changed = change(&came, &changes).unwrap();
        for text in ["EXAMPLE", "alice", "päss", "shell", "work"] {
            assert!(holds(&changed.data, &utf16(text)), "{text}");
        }
        for text in ["OWN", "rep", "typed", "192.0.2.44"] {
            assert!(!holds(&changed.data, &utf16(text)), "{text}");
        }
        assert!(!holds(&changed.data, &[0xc0; 28]), "the cookie");
        assert!(holds(&changed.data, &[0x5a; ZONE_AND_FLAGS]) && changed.data.ends_with(&[0, 0, 1, 2, 3, 4]));
        assert_eq!(le32(&changed.data, 8), Ok(UNICODE | AUTOLOGON | 1));
        assert!(!holds(&changed.recorded, &utf16("päss")));
        assert_eq!(changed.recorded.len() + 8, changed.data.len());
        let again = change(&changed.data, &changes).unwrap();
        assert_eq!(*again.data, *changed.data);
    }

    #[test]
    fn a_reps_own_login_passes_and_is_not_recorded() {
        let texts: [&[u8]; 5] = [b"", b"rep", b"typed", b"", b""];
        let came = message(0, texts, &[]);
        let changed = change(&came, &Changes::default()).unwrap();
        assert!(holds(&changed.data, b"typed") && !holds(&changed.recorded, b"typed"));
        assert_eq!(le32(&changed.data, 8), Ok(0));
        let changes = Changes {
            login: Some(Login {
                domain: "",
                user: "älice",
                password: None,
            }),
            ..Changes::default()
        };
        assert!(change(&came, &changes).is_err(), "there is no unicode");
        // All but what may be missing at the end.
        for length in 0..came.len() - ZONE_AND_FLAGS - 6 {
            let cut = came.get(..length).unwrap();
            let whole = length == TEXTS + 13;
            assert_eq!(change(cut, &Changes::default()).is_ok(), whole, "{length}");
        }
    }

    #[test]
    fn an_items_name_program_and_look_take_the_place_of_the_clients() {
        let names = [
            utf16("OWN"),
            utf16("rep"),
            utf16("typed"),
            utf16("cmd.exe"),
            utf16("C:\\"),
        ];
        let came = message(UNICODE | 0x8000, names.each_ref().map(Vec::as_slice), &[]);
        let changes = Changes {
            login: Some(Login {
                domain: "EXAMPLE",
                user: "alice",
                password: None,
            }),
            program: Some("notepad.exe a.txt"),
            remote_app: false,
            performance: Some(0x6f),
        };
        let changed = change(&came, &changes).unwrap();
        for text in ["EXAMPLE", "alice", "typed", "notepad.exe a.txt"] {
            assert!(holds(&changed.data, &utf16(text)), "{text}");
        }
        for text in ["OWN", "rep", "cmd.exe", "C:"] {
            assert!(!holds(&changed.data, &utf16(text)), "{text}");
        }
        assert!(!holds(&changed.recorded, &utf16("typed")));
        assert_eq!(
            le32(&changed.data, 8),
            Ok(UNICODE),
            "no RemoteApp, and no login by itself"
        );
        // Before the cookie's length and two numbers that are kept.
        let end = changed.data.len() - 6;
        assert_eq!(le32(&changed.data, end - 4), Ok(0x6f));
        let long = "x".repeat(LONGEST_TEXT / 2 + 1);
        let changes = Changes {
            program: Some(&long),
            ..Changes::default()
        };
        assert!(change(&came, &changes).is_err());
    }
}
