//! The grant: the broker's signed statement that one session may happen.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{GatePlace, RecordingMode, SessionPermissions};
use crate::access::Allowed;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ItemId, SessionId, UserId};
use crate::keys::{PublicKey, Signature, SigningKey, base64_bytes};
use crate::model::{
    CertificatePolicy, CommandFilter, Field, HostKeyPolicy, ItemDetails, JumpItem, PathLimits, RdpQuality,
    SecureApp, TargetAddress,
};
use crate::time::{SignedDuration, Timestamp};

const DOMAIN: &str = "jump session grant v1";

/// How long after it was signed a grant can start a session.
pub(crate) const START_WITHIN: SignedDuration = SignedDuration::from_secs(60);
/// How far the clocks of broker and Jumpoint may differ.
pub(crate) const CLOCK_LEEWAY: SignedDuration = SignedDuration::from_secs(5 * 60);
const LARGEST: usize = 32 * 1024;

/// 128 random bits that make a grant usable once.
pub type GrantId = SessionId;

/// Where a session leads and how the target proves itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantTarget {
    /// The only addresses that may be dialled.
    pub addresses: Vec<TargetAddress>,
    /// The host keys that a Shell Jump's target may show.
    #[serde(default)]
    pub host_key: HostKeyPolicy,
    /// Seconds between keep-alive packets to the target; 0 is off.
    #[serde(default)]
    pub keep_alive_seconds: u16,
    /// The certificates or keys that a VNC or RDP target may show, and a VNC target's weakest login.
    #[serde(default, skip_serializing_if = "CertificatePolicy::is_default")]
    pub certificates: CertificatePolicy,
    /// How an RDP target is logged in to, and what it is asked for.
    #[serde(default, skip_serializing_if = "RdpLogin::is_default")]
    pub rdp: RdpLogin,
}

/// How an RDP target is logged in to, and what it is asked for, in a grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RdpLogin {
    /// The domain; empty if the user's name says it, or there is none.
    pub domain: Field,
    /// Whether the target has to authenticate the login before it shows anything.
    pub require_nla: bool,
    /// The user's name where no credential is injected; empty if the item names nobody.
    #[serde(skip_serializing_if = "is_default")]
    pub username: Field,
    /// The picture quality.
    #[serde(skip_serializing_if = "is_default")]
    pub quality: RdpQuality,
    /// The console session, not a new one.
    #[serde(skip_serializing_if = "is_default")]
    pub console: bool,
    /// What starts in place of the desktop.
    #[serde(skip_serializing_if = "is_default")]
    pub secure_app: SecureApp,
}

/// What a Jumpoint of before does not know is left out where it says nothing.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl RdpLogin {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What was granted. A `Grant` in hand was made from an allowed decision, or came from a checked [`SignedGrant`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    id: GrantId,
    session: SessionId,
    user: UserId,
    user_name: String,
    item: ItemId,
    item_name: String,
    #[serde(rename = "jumpoint")]
    place: GatePlace,
    protocol: String,
    target: GrantTarget,
    permissions: SessionPermissions,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commands: Option<CommandFilter>,
    #[serde(default, skip_serializing_if = "PathLimits::is_empty")]
    paths: PathLimits,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idle_limit_seconds: Option<u32>,
    recording: RecordingMode,
    issued: Timestamp,
    until: Timestamp,
    rep_key: PublicKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jumpoint_key: Option<PublicKey>,
}

impl Grant {
    /// Turns an allowed decision into a grant for the two session keys, usable from `now` on. `jumpoint_key` is `None` for an
    /// item that the rep itself opens in its own network, and for no other.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the item is not the one that was decided on, has no valid target, or the keys are not
    /// those of its place; [`ErrorKind::Unsupported`] if its type has no gate.
    pub fn issue(
        session: SessionId,
        allowed: &Allowed,
        item: &JumpItem,
        rep_key: PublicKey,
        jumpoint_key: impl Into<Option<PublicKey>>,
        now: Timestamp,
    ) -> Result<Self> {
        if allowed.item() != item.id {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "issue a grant",
                "the decision was about another item",
            ));
        }
        let place = item.gate_place()?;
        let jumpoint_key = jumpoint_key.into();
        if jumpoint_key.is_none() != place.is_rep() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "issue a grant",
                "a jumpoint proves a key in its session, and a rep that runs the gate itself none",
            ));
        }
        let (host_key, keep_alive_seconds) = match &item.details {
            ItemDetails::ShellJump(shell) => (shell.host_key.clone(), shell.keep_alive_seconds),
            _ => (HostKeyPolicy::default(), 0),
        };
        let certificates = match &item.details {
            ItemDetails::LocalVnc(vnc) | ItemDetails::RemoteVnc(vnc) => CertificatePolicy {
                pinned: vnc.pinned_certificates.clone(),
                trust_first_use: vnc.trust_first_certificate,
                minimum_security: vnc.minimum_security,
            },
            ItemDetails::LocalRdp(rdp) | ItemDetails::RemoteRdp(rdp) => CertificatePolicy {
                pinned: rdp.pinned_certificates.clone(),
                trust_first_use: rdp.ignore_untrusted,
                ..CertificatePolicy::default()
            },
            _ => CertificatePolicy::default(),
        };
        let rdp = match &item.details {
            ItemDetails::LocalRdp(rdp) | ItemDetails::RemoteRdp(rdp) => RdpLogin {
                domain: rdp.domain.clone(),
                require_nla: rdp.require_nla,
                username: rdp.rdp_username.clone(),
                quality: rdp.quality,
                console: rdp.console,
                secure_app: rdp.secure_app.clone(),
            },
            _ => RdpLogin::default(),
        };
        let obligations = allowed.obligations();
        Ok(Self {
            id: GrantId::random()?,
            session,
            user: allowed.user(),
            user_name: allowed.user_name().to_owned(),
            item: item.id,
            item_name: item.name.to_string(),
            place,
            protocol: item.details.protocol().to_owned(),
            target: GrantTarget {
                addresses: item.targets()?,
                host_key,
                keep_alive_seconds,
                certificates,
                rdp,
            },
            permissions: obligations.permissions,
            commands: obligations.commands.clone(),
            paths: obligations.paths.clone(),
            idle_limit_seconds: obligations.idle_limit_seconds,
            recording: obligations.recording,
            issued: now,
            until: obligations.until,
            rep_key,
            jumpoint_key,
        })
    }

    /// Signs the grant with the broker's key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is too long for anybody to accept it.
    pub fn sign(&self, broker: &SigningKey) -> Result<SignedGrant> {
        let payload = serde_json::to_vec(self).map_err(|error| {
            Error::new(ErrorKind::Internal, "write a grant", "not serializable").with_source(error)
        })?;
        if payload.len() > LARGEST {
            let message = "the item's host keys and addresses and the session policy's commands and paths need more than 32 KiB: \
                           remove some";
            return Err(Error::new(ErrorKind::InvalidArgument, "write a grant", message));
        }
        let signature = broker.sign(DOMAIN, &payload);
        Ok(SignedGrant { payload, signature })
    }

    /// Its single-use id.
    #[must_use]
    pub const fn id(&self) -> GrantId {
        self.id
    }
    /// The session it allows.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }
    /// The user it was granted to.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }
    /// That user's name.
    #[must_use]
    pub fn user_name(&self) -> &str {
        &self.user_name
    }
    /// The Jump Item.
    #[must_use]
    pub const fn item(&self) -> ItemId {
        self.item
    }
    /// That item's name.
    #[must_use]
    pub fn item_name(&self) -> &str {
        &self.item_name
    }
    /// Who may serve it: one Jumpoint, or the rep itself.
    #[must_use]
    pub const fn place(&self) -> GatePlace {
        self.place
    }
    /// The key of the backend that serves it.
    #[must_use]
    pub fn protocol(&self) -> &str {
        &self.protocol
    }
    /// Where it leads.
    #[must_use]
    pub const fn target(&self) -> &GrantTarget {
        &self.target
    }
    /// What may happen in it.
    #[must_use]
    pub const fn permissions(&self) -> SessionPermissions {
        self.permissions
    }
    /// Which commands may run in it without a shell; `None` is any.
    #[must_use]
    pub const fn commands(&self) -> Option<&CommandFilter> {
        self.commands.as_ref()
    }
    /// Between which paths files may move in it.
    #[must_use]
    pub const fn paths(&self) -> &PathLimits {
        &self.paths
    }
    /// After how many seconds without a byte from the rep it ends; `None` is never.
    #[must_use]
    pub const fn idle_limit_seconds(&self) -> Option<u32> {
        self.idle_limit_seconds
    }
    /// How it is recorded.
    #[must_use]
    pub const fn recording(&self) -> RecordingMode {
        self.recording
    }
    /// When it was signed.
    #[must_use]
    pub const fn issued(&self) -> Timestamp {
        self.issued
    }
    /// When the session ends at the latest.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }
    /// The key that the rep proves inside the tunnel.
    #[must_use]
    pub const fn rep_key(&self) -> PublicKey {
        self.rep_key
    }
    /// The key that the Jumpoint proves inside the tunnel; `None` where the rep serves it, and there is no tunnel.
    #[must_use]
    pub const fn jumpoint_key(&self) -> Option<PublicKey> {
        self.jumpoint_key
    }
}

/// A grant as it travels: the exact bytes that were signed, and the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedGrant {
    #[serde(with = "base64_bytes")]
    payload: Vec<u8>,
    signature: Signature,
}

impl SignedGrant {
    /// Checks the broker's signature and that the time fits, and gives the grant.
    ///
    /// # Errors
    /// [`ErrorKind::Grant`] if the signature is not the broker's or the grant is expired; [`ErrorKind::ClockSkew`]
    /// if it was signed in the future by more than five minutes.
    pub fn verify(&self, broker: &PublicKey, now: Timestamp) -> Result<Grant> {
        let refuse = |rule: &str| Error::new(ErrorKind::Grant, "check a grant", rule);
        if self.payload.len() > LARGEST {
            return Err(refuse("it is longer than 32 KiB"));
        }
        broker.verify(DOMAIN, &self.payload, &self.signature)?;
        let grant: Grant = serde_json::from_slice(&self.payload)
            .map_err(|error| refuse("it is not readable").with_source(error))?;
        let ahead = grant.issued.duration_since(now);
        if ahead > CLOCK_LEEWAY {
            let message = format!(
                "it was signed {} s in the future: set the clocks right",
                ahead.as_secs()
            );
            return Err(Error::new(ErrorKind::ClockSkew, "check a grant", message));
        }
        // A grant for a minute is no shorter because a clock is ahead: whoever serves it measures its time.
        if now.duration_since(grant.issued) > START_WITHIN + CLOCK_LEEWAY
            || now.duration_since(grant.until) >= CLOCK_LEEWAY
        {
            return Err(refuse("it is expired"));
        }
        Ok(grant)
    }

    /// The session of a grant that the broker signed, whether or not it can be used.
    pub(crate) fn signed_session(&self, broker: &PublicKey) -> Option<SessionId> {
        broker.verify(DOMAIN, &self.payload, &self.signature).ok()?;
        let grant: Grant = serde_json::from_slice(&self.payload).ok()?;
        Some(grant.session)
    }
}

/// Remembers which grants were used, as long as they could be used again. Bounded by what a broker can sign in
/// that time; the oldest are forgotten only after they expired.
#[derive(Debug, Default)]
pub(crate) struct UsedGrants(HashMap<GrantId, Timestamp>);

impl UsedGrants {
    const MOST: usize = 100_000;

    /// Marks the grant as used.
    ///
    /// # Errors
    /// [`ErrorKind::Grant`] if it was used before; [`ErrorKind::ResourceLimit`] if too many are remembered.
    pub(crate) fn redeem(&mut self, grant: &Grant, now: Timestamp) -> Result<()> {
        let keep = START_WITHIN + CLOCK_LEEWAY + CLOCK_LEEWAY;
        if self.0.len() >= Self::MOST {
            self.0.retain(|_, issued| now.duration_since(*issued) <= keep);
        }
        if self.0.len() >= Self::MOST {
            return Err(Error::new(
                ErrorKind::ResourceLimit,
                "use a grant",
                "too many grants at once",
            ));
        }
        if self.0.insert(grant.id, grant.issued).is_some() {
            return Err(Error::new(
                ErrorKind::Grant,
                "use a grant",
                "this grant was used before",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> [String; 2] {
        [3, 4].map(|seed| {
            let key = SigningKey::from_seed(crate::secret::Secret::new([seed; 32])).unwrap();
            serde_json::to_string(&key.public()).unwrap()
        })
    }

    #[test]
    fn a_grant_of_a_version_that_knew_only_jumpoints_is_read_and_written_the_same_way() {
        let [rep, jumpoint] = keys();
        let id = "\"0123456789abcdef0123456789abcdef\"";
        let permissions = serde_json::to_string(&SessionPermissions::default()).unwrap();
        let old = format!(
            concat!(
                r#"{{"id":{id},"session":{id},"user":1,"user_name":"alice","item":2,"item_name":"web","jumpoint":7,"#,
                r#""protocol":"ssh","target":{{"addresses":[{{"host":"10.0.0.5","port":22}}],"#,
                r#""host_key":{{"pinned":[],"trust_first_use":false}},"keep_alive_seconds":0}},"#,
                r#""permissions":{permissions},"recording":"off","issued":"2026-01-02T03:04:05Z","#,
                r#""until":"2026-01-02T15:04:05Z","rep_key":{rep},"jumpoint_key":{jumpoint}}}"#
            ),
            id = id,
            permissions = permissions,
            rep = rep,
            jumpoint = jumpoint
        );
        let grant: Grant = serde_json::from_str(&old).unwrap();
        assert_eq!(grant.place().jumpoint().unwrap().get(), 7);
        assert!(grant.jumpoint_key().is_some());
        assert_eq!(serde_json::to_string(&grant).unwrap(), old);
        // The same for a rep; older Jumpoints and reps do not read it.
        let local = old
            .replace("\"jumpoint\":7", "\"jumpoint\":\"rep\"")
            .replace(&format!(",\"jumpoint_key\":{jumpoint}"), "");
        let grant: Grant = serde_json::from_str(&local).unwrap();
        assert_eq!((grant.place(), grant.jumpoint_key()), (GatePlace::Rep, None));
        assert_eq!(serde_json::to_string(&grant).unwrap(), local);
    }
}
