//! Whether the certificate or key that a target shows is the right one.

use super::TlsFailure;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{CertificatePolicy, Field, fingerprint};
use crate::protocol::{EventSink, SessionEvent};

/// What a shown certificate or key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Pinned, or signed by an authority.
    Known,
    FirstSeen,
    /// Another one is pinned.
    Changed,
    /// None is pinned and the first is not accepted by itself.
    Unknown,
    /// The authorities do not vouch for it.
    Unverified,
}

impl Verdict {
    pub(super) fn by_policy(policy: &CertificatePolicy, sha256: &[u8; 32]) -> Self {
        if policy.pins(sha256) {
            Self::Known
        } else if !policy.pinned.is_empty() {
            Self::Changed
        } else if policy.trust_first_use {
            Self::FirstSeen
        } else {
            Self::Unknown
        }
    }

    /// Why it is not accepted, if it is not.
    pub(super) fn failure(self, sha256: [u8; 32]) -> Option<TlsFailure> {
        let why = match self {
            Self::Known | Self::FirstSeen => return None,
            Self::Changed => "it is not the pinned one: the target was changed, or somebody is in between",
            Self::Unknown => "none is pinned: pin it, or accept the first one on the item",
            Self::Unverified => "no trusted authority vouches for it under this name",
        };
        let message = format!("{why}; its SHA-256 is {}", fingerprint(&sha256));
        Some(TlsFailure {
            error: Error::new(ErrorKind::HostKey, "check the target's certificate", message),
            refused: Some(sha256),
        })
    }
}

/// Judges a key that a target shows without TLS by its SHA-256, and reports it if it is the first one or is refused.
///
/// # Errors
/// [`ErrorKind::HostKey`] if it is not allowed.
pub async fn check_key(policy: &CertificatePolicy, sha256: [u8; 32], events: &EventSink) -> Result<()> {
    let verdict = Verdict::by_policy(policy, &sha256);
    if let Some(failure) = verdict.failure(sha256) {
        report_refused(&sha256, events).await?;
        return Err(failure.error);
    }
    if verdict == Verdict::FirstSeen {
        report_first(&sha256, events).await?;
    }
    Ok(())
}

pub(super) async fn report_first(sha256: &[u8; 32], events: &EventSink) -> Result<()> {
    let sha256 = field(sha256)?;
    events.report(SessionEvent::CertificateFirstSeen { sha256 }).await;
    Ok(())
}

pub(super) async fn report_refused(sha256: &[u8; 32], events: &EventSink) -> Result<()> {
    let sha256 = field(sha256)?;
    events.report(SessionEvent::CertificateRefused { sha256 }).await;
    Ok(())
}

/// 64 digits are always a field.
fn field(sha256: &[u8; 32]) -> Result<Field> {
    Field::new(fingerprint(sha256))
}
