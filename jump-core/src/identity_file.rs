//! Who this machine is to a broker: the files of a login and of a Jumpoint.

use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use zeroize::Zeroize;

use crate::control::BrokerEndpoint;
use crate::error::{Error, ErrorKind, Result};
use crate::jumpoint::JumpointIdentity;
use crate::keys::{SealingKey, SigningKey};
use crate::private_file::{read_private, write_private};
use crate::rep::LoginIdentity;
use crate::secret::Secret;

/// A 32-byte seed as base64url text; wiped when dropped.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
struct Seed(String);

impl Seed {
    fn new(seed: &Secret<[u8; 32]>) -> Self {
        Self(BASE64URL_NOPAD.encode(seed.expose()))
    }

    fn open(&self) -> Result<Secret<[u8; 32]>> {
        let bytes = BASE64URL_NOPAD.decode(self.0.as_bytes()).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Secret::new)
            .ok_or_else(|| damaged("its key"))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What the file is, and the version of its form.
#[derive(Deserialize, Serialize)]
enum LoginKind {
    #[serde(rename = "jump-login-1")]
    Login,
}

/// The same for a Jumpoint.
#[derive(Deserialize, Serialize)]
enum JumpointKind {
    #[serde(rename = "jump-jumpoint-1")]
    Jumpoint,
}

fn damaged(what: &str) -> Error {
    Error::new(
        ErrorKind::Storage,
        "read a key file",
        format!("{what} is damaged"),
    )
}

fn parse<T: DeserializeOwned>(text: &str, what: &str) -> Result<T> {
    // The parser's own message could repeat a part of the file.
    serde_json::from_str(text).map_err(|_| damaged(what))
}

fn text_of(value: &impl Serialize) -> Result<Secret<String>> {
    let mut text = serde_json::to_string(value).map_err(|_| damaged("what was to be written"))?;
    text.push('\n');
    Ok(Secret::new(text))
}

/// A login of a user.
#[derive(Debug)]
pub struct LoginFile {
    /// Its key.
    pub identity: LoginIdentity,
    /// Where its broker is.
    pub broker: BrokerEndpoint,
    /// The user's name.
    pub user: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct LoginText {
    kind: LoginKind,
    user: String,
    broker: BrokerEndpoint,
    key: Seed,
}

impl LoginFile {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none; [`ErrorKind::Storage`] if it is damaged, or others than the owner may read it.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(read_private(path)?.expose(), &path.display().to_string())
    }

    /// The login that the file's text says.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it is damaged.
    pub fn from_text(text: &str) -> Result<Self> {
        Self::parse(text, "the text of the login")
    }

    fn parse(text: &str, what: &str) -> Result<Self> {
        let text: LoginText = parse(text, what)?;
        let identity = LoginIdentity(SigningKey::from_seed(text.key.open()?)?);
        Ok(Self {
            identity,
            broker: text.broker,
            user: text.user,
        })
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it has no such form.
    pub fn to_text(&self) -> Result<Secret<String>> {
        let key = Seed::new(self.identity.0.seed());
        let kind = LoginKind::Login;
        text_of(&LoginText {
            kind,
            user: self.user.clone(),
            broker: self.broker.clone(),
            key,
        })
    }

    /// Writes the file, whole or not at all, for its owner only.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the disk fails or is full.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_private(path, self.to_text()?.expose().as_bytes())
    }
}

/// An enrolled Jumpoint.
#[derive(Debug)]
pub struct JumpointFile {
    /// Its keys.
    pub identity: JumpointIdentity,
    /// Where its broker is.
    pub broker: BrokerEndpoint,
    /// Its name.
    pub name: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct JumpointText {
    kind: JumpointKind,
    name: String,
    broker: BrokerEndpoint,
    key: Seed,
    sealing_key: Seed,
}

impl JumpointFile {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none; [`ErrorKind::Storage`] if it is damaged, or others than the owner may read it.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(read_private(path)?.expose(), &path.display().to_string())
    }

    /// The Jumpoint that the file's text says.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it is damaged.
    pub fn from_text(text: &str) -> Result<Self> {
        Self::parse(text, "the text of the jumpoint")
    }

    fn parse(text: &str, what: &str) -> Result<Self> {
        let text: JumpointText = parse(text, what)?;
        let identity = JumpointIdentity {
            key: SigningKey::from_seed(text.key.open()?)?,
            sealing_key: SealingKey::from_seed(text.sealing_key.open()?),
        };
        Ok(Self {
            identity,
            broker: text.broker,
            name: text.name,
        })
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it has no such form.
    pub fn to_text(&self) -> Result<Secret<String>> {
        text_of(&JumpointText {
            kind: JumpointKind::Jumpoint,
            name: self.name.clone(),
            broker: self.broker.clone(),
            key: Seed::new(self.identity.key.seed()),
            sealing_key: Seed::new(self.identity.sealing_key.seed()),
        })
    }

    /// Writes the file, whole or not at all, for its owner only.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the disk fails or is full.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_private(path, self.to_text()?.expose().as_bytes())
    }
}

/// A site's own key: `kind`, a space, the seed.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is none; [`ErrorKind::Storage`] if it is damaged, or of another kind.
pub fn read_seed(path: &Path, kind: &str) -> Result<Secret<[u8; 32]>> {
    let text = read_private(path)?;
    match text.expose().trim_end().split_once(' ') {
        Some((found, seed)) if found == kind => Seed(seed.to_owned()).open(),
        _ => Err(damaged(&path.display().to_string())),
    }
}

/// Writes what [`read_seed`] reads.
///
/// # Errors
/// [`ErrorKind::Storage`] if the disk fails or is full.
pub fn write_seed(path: &Path, kind: &str, seed: &Secret<[u8; 32]>) -> Result<()> {
    let text = Secret::new(format!("{kind} {}\n", Seed::new(seed).0));
    write_private(path, text.expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker() -> BrokerEndpoint {
        let key = SigningKey::generate().unwrap().public();
        BrokerEndpoint {
            address: "broker.example:7422".to_owned(),
            key,
        }
    }

    #[test]
    fn identities_come_back_as_they_were_and_are_not_mixed_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("login");
        let login = LoginFile {
            identity: LoginIdentity::generate().unwrap(),
            broker: broker(),
            user: "a".into(),
        };
        login.write(&path).unwrap();
        let back = LoginFile::read(&path).unwrap();
        assert_eq!(back.identity.0.public(), login.identity.0.public());
        assert_eq!((back.broker, back.user), (login.broker, login.user));
        assert!(JumpointFile::read(&path).is_err());

        let jumpoint = JumpointFile {
            identity: JumpointIdentity::generate().unwrap(),
            broker: broker(),
            name: "b".into(),
        };
        jumpoint.write(&path).unwrap();
        let back = JumpointFile::read(&path).unwrap();
        assert_eq!(back.identity.key.public(), jumpoint.identity.key.public());
        assert_eq!(
            back.identity.sealing_key.public(),
            jumpoint.identity.sealing_key.public()
        );

        let key = SealingKey::generate().unwrap();
        write_seed(&path, "recording", key.seed()).unwrap();
        assert_eq!(
            read_seed(&path, "recording").unwrap().expose(),
            key.seed().expose()
        );
        assert!(read_seed(&path, "broker").is_err());
    }

    #[test]
    fn a_damaged_file_is_not_repeated_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("login");
        write_private(&path, br#"{"kind":"jump-login-1","key":"SEEDSEEDSEED"}"#).unwrap();
        let error = LoginFile::read(&path).unwrap_err();
        assert!(!error.to_string().contains("SEED"), "{error}");
    }
}
