//! Passwords and certificates as VNC servers read them.

use std::path::{Path, PathBuf};

use jump_core::{Error, ErrorKind, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::screen::output;
use super::{PASSWORD, PATIENCE};
use crate::folder::Folder;
use crate::process::{Process, command};

const PAM: &str = "/etc/pam.d/jumpvnc";

/// The file that VNC servers read the password from.
pub(super) async fn password_file(folder: &Folder) -> Result<PathBuf> {
    let path = folder.join("passwd");
    let mut run = command("sh");
    run.args([
        "-c",
        "umask 077; echo \"$1\" | tigervncpasswd -f > \"$2\"",
        "sh",
        PASSWORD,
    ])
    .arg(&path);
    let mut process = Process::spawn(run)?;
    if process.wait(PATIENCE).await?.success() {
        return Ok(path);
    }
    Err(Error::new(
        ErrorKind::Unavailable,
        "make a VNC password file",
        process.output(),
    ))
}

/// The PAM service of TigerVNC's logins with a system user.
pub(super) fn ensure_pam() -> Result<()> {
    if Path::new(PAM).exists() {
        return Ok(());
    }
    let failed = |error| Error::from_io(ErrorKind::Storage, "prepare the VNC tests", error);
    // Several test programs may come here at once, and none may see half of it.
    let fresh = format!("{PAM}-{}", std::process::id());
    std::fs::write(
        &fresh,
        "auth required pam_unix.so\naccount required pam_unix.so\n",
    )
    .map_err(failed)?;
    std::fs::rename(fresh, PAM).map_err(failed)
}

/// An authority and a server's certificate, under the names that qemu wants; the authority in PEM. Without a key of the
/// server's own it is one of an elliptic curve.
pub(super) fn certificates(folder: &Folder, key: Option<KeyPair>) -> Result<String> {
    let make = |key: Option<KeyPair>| {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = key.map_or_else(KeyPair::generate, Ok)?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &authority)?;
        Ok::<_, rcgen::Error>((authority.pem(), certificate.pem(), key.serialize_pem()))
    };
    let (authority, certificate, key) = make(key).map_err(no_certificate)?;
    folder.write("ca-cert.pem", &authority)?;
    // x11vnc wants both in one file.
    folder.write("server-both.pem", format!("{key}{certificate}"))?;
    folder.write("server-cert.pem", certificate)?;
    folder.write("server-key.pem", key)?;
    Ok(authority)
}

/// An RSA key, which x11vnc wants.
pub(super) async fn rsa_key(folder: &Folder) -> Result<KeyPair> {
    let path = folder.join("rsa");
    let mut run = command("ssh-keygen");
    run.args(["-q", "-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "", "-f"])
        .arg(&path);
    output(run).await?;
    let written = std::fs::read_to_string(&path)
        .map_err(|error| Error::from_io(ErrorKind::Storage, "make a test certificate", error))?;
    KeyPair::from_pem(&written).map_err(no_certificate)
}

fn no_certificate(error: rcgen::Error) -> Error {
    Error::new(ErrorKind::Internal, "make a test certificate", error.to_string())
}
