//! The file header: what is recorded, in clear, and the sealed content key.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::keys::{Sealed, SealingKey, SealingPublicKey, random_bytes};
use crate::recording::RecordingInfo;
use crate::secret::Secret;

const MAGIC: &[u8; 8] = b"JUMPREC\n";
const VERSION: u16 = 1;
const PURPOSE: &str = "jump recording key v1";
const MAX_JSON: usize = 64 * 1024;
/// An X25519 encapsulated key (32), the content key (32) and the tag of ChaCha20-Poly1305 (16): RFC 9180.
const SEALED_KEY: usize = 32 + 32 + 16;

/// How many bytes say how long the file header is.
pub const HEADER_PREFIX: usize = 14;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    recording: RecordingInfo,
    cipher: Cipher,
}

#[derive(Serialize, Deserialize)]
enum Cipher {
    #[serde(rename = "aes-256-gcm")]
    Aes256Gcm,
}

fn integrity(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Integrity, "read a recording", message)
}

/// How long the whole file header is, from its first [`HEADER_PREFIX`] bytes; at most 64 KiB and 94 bytes.
///
/// # Errors
/// [`ErrorKind::Integrity`] if this is no recording, [`ErrorKind::Unsupported`] if it is of a newer version.
pub fn header_length(prefix: &[u8; HEADER_PREFIX]) -> Result<usize> {
    let [magic @ .., v0, v1, l0, l1, l2, l3] = prefix;
    if magic != MAGIC {
        return Err(integrity("the file is not a recording"));
    }
    let version = u16::from_be_bytes([*v0, *v1]);
    if version != VERSION {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "read a recording",
            format!("the recording is of version {version}, this reads version {VERSION}; use a newer jump"),
        ));
    }
    usize::try_from(u32::from_be_bytes([*l0, *l1, *l2, *l3]))
        .ok()
        .filter(|length| *length <= MAX_JSON)
        .map(|length| HEADER_PREFIX + length + SEALED_KEY)
        .ok_or_else(|| integrity("the header is too long"))
}

/// A fresh content key and the file header that seals it to `site_key`.
pub(super) fn seal(info: &RecordingInfo, site_key: &SealingPublicKey) -> Result<(Secret<[u8; 32]>, Vec<u8>)> {
    let json = Json {
        recording: info.clone(),
        cipher: Cipher::Aes256Gcm,
    };
    let json = serde_json::to_vec(&json).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            "start a recording",
            "the header cannot be written",
        )
        .with_source(error)
    })?;
    let length = u32::try_from(json.len())
        .ok()
        .filter(|_| json.len() <= MAX_JSON)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                "start a recording",
                "the names are too long: a header is at most 64 KiB",
            )
        })?;
    let key = Secret::new(random_bytes()?);
    let mut header = Vec::with_capacity(HEADER_PREFIX + json.len() + SEALED_KEY);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&VERSION.to_be_bytes());
    header.extend_from_slice(&length.to_be_bytes());
    header.extend_from_slice(&json);
    let sealed = site_key.seal(PURPOSE, &header, key.expose())?;
    header.extend_from_slice(&sealed.to_bytes());
    Ok((key, header))
}

/// What a file header says, and its content key.
pub(super) fn open(header: &[u8], key: &SealingKey) -> Result<(RecordingInfo, Secret<[u8; 32]>)> {
    let short = || integrity("the file header is cut off");
    let prefix = header.first_chunk().ok_or_else(short)?;
    if header_length(prefix)? != header.len() {
        return Err(short());
    }
    let (clear, sealed) = header
        .split_at_checked(header.len().saturating_sub(SEALED_KEY))
        .ok_or_else(short)?;
    let opened = key.open(PURPOSE, clear, &Sealed::from_bytes(sealed)?)?;
    let content_key: [u8; 32] = opened
        .expose()
        .as_slice()
        .try_into()
        .map_err(|_| integrity("the content key has the wrong length"))?;
    Ok((read_json(clear)?, Secret::new(content_key)))
}

/// What a whole file header says, which without the key nobody can verify.
pub(crate) fn clear_info(header: &[u8]) -> Result<RecordingInfo> {
    let (clear, _) = header
        .split_at_checked(header.len().saturating_sub(SEALED_KEY))
        .ok_or_else(|| integrity("the file header is cut off"))?;
    read_json(clear)
}

fn read_json(clear: &[u8]) -> Result<RecordingInfo> {
    let json = clear.get(HEADER_PREFIX..).unwrap_or_default();
    let json: Json = serde_json::from_slice(json)
        .map_err(|error| integrity("the header is not the expected JSON").with_source(error))?;
    let Cipher::Aes256Gcm = json.cipher;
    Ok(json.recording)
}
