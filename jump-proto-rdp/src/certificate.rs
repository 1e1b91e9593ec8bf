//! What is read of a certificate.

use jump_core::{Error, ErrorKind, Result};
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;

const OPERATION: &str = "read the server's certificate";

/// The key to which CredSSP binds itself (MS-CSSP §3.1.5): the contents of the BIT STRING `subjectPublicKey` (RFC 5280 §4.1.2.7).
///
/// # Errors
/// [`ErrorKind::Protocol`] if it is no certificate, or its key is no whole number of bytes.
pub(crate) fn public_key(certificate: &CertificateDer<'_>) -> Result<Vec<u8>> {
    let wrong = |what: &str| Error::new(ErrorKind::Protocol, OPERATION, what);
    let certificate =
        Certificate::from_der(certificate).map_err(|_| wrong("the server's certificate cannot be read"))?;
    certificate
        .tbs_certificate()
        .subject_public_key_info()
        .subject_public_key
        .as_bytes()
        .map(<[u8]>::to_vec)
        .ok_or_else(|| wrong("the key in the server's certificate cannot be read"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use super::*;

    #[test]
    fn the_key_in_a_certificate_is_the_one_it_was_made_for() {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        assert_eq!(
            public_key(certificate.der()).unwrap(),
            rcgen::PublicKeyData::der_bytes(&key)
        );
        for length in 0..certificate.der().len() {
            let cut = CertificateDer::from(&certificate.der()[..length]);
            assert_eq!(public_key(&cut).unwrap_err().kind(), ErrorKind::Protocol);
        }
    }
}
