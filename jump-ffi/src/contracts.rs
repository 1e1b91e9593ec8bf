//! The contracts of the core, kept by callbacks of the embedding program.

use std::net::IpAddr;

use async_trait::async_trait;
use jump_core::audit::{AuditEvent, AuditLog};
use jump_core::broker::{
    Authenticator, FactorQuestion, LoginQuestion, Recognized, SecondFactor, TicketChecker, TicketQuestion,
};
use jump_core::id::UserId;
use jump_core::keys::PublicKey;
use jump_core::model::{LoginScope, Name, Sources, UserName};
use jump_core::notify::{Notification, Notifier};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, SealedCredential};
use jump_core::store::Records;
use jump_core::time::{SignedDuration, Timestamp};
use jump_core::vault::{Candidate, CredentialProvider, CredentialQuery};
use jump_core::{ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::plug::{Answering, Plug};

/// Credentials that the embedding program keeps.
#[derive(Debug)]
pub(crate) struct VaultPlug {
    pub(crate) plug: Plug,
    pub(crate) candidates: Answering,
    pub(crate) reveal: Answering,
}

/// What `reveal` answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revealed {
    username: String,
    password: Option<String>,
    private_key: Option<String>,
    passphrase: Option<String>,
    certificate: Option<String>,
}

impl Revealed {
    fn credential(self, plug: &Plug) -> Result<Credential> {
        let secret = match (self.password, self.private_key) {
            (Some(password), None) => CredentialSecret::Password(Secret::new(password)),
            (None, Some(pem)) => CredentialSecret::PrivateKey {
                pem: Secret::new(pem),
                passphrase: self.passphrase.map(Secret::new),
                certificate: self.certificate,
            },
            _ => {
                let message = "the answer has either a password or a private_key";
                return Err(plug.failed(ErrorKind::InvalidArgument, message));
            }
        };
        let username = self.username;
        Ok(Credential { username, secret })
    }
}

fn question(query: &CredentialQuery<'_>) -> Value {
    json!({
        "user": query.user_name,
        "user_id": query.user,
        "item": query.item.name,
        "item_id": query.item.id,
        "tag": query.item.tag,
        "protocol": query.protocol,
        "host": query.target.host().to_string(),
        "port": query.target.port(),
    })
}

#[async_trait]
impl CredentialProvider for VaultPlug {
    fn name(&self) -> &str {
        self.plug.name()
    }

    async fn candidates(&self, query: &CredentialQuery<'_>) -> Result<Vec<Candidate>> {
        self.plug.ask_for(self.candidates, &question(query)).await
    }

    async fn seal(&self, query: &CredentialQuery<'_>, id: &str) -> Result<SealedCredential> {
        let mut question = question(query);
        if let Some(fields) = question.as_object_mut() {
            fields.insert("id".to_owned(), Value::String(id.to_owned()));
        }
        let revealed: Revealed = self.plug.ask_for(self.reveal, &question).await?;
        revealed
            .credential(&self.plug)?
            .seal(&query.sealing_key, &query.binding())
    }
}

/// What `authenticate` is asked.
#[derive(Serialize)]
struct LoginAsked<'a> {
    proof: &'a str,
    key: PublicKey,
    source: Option<IpAddr>,
    label: &'a Name,
}

/// What it answers, if it is somebody's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vouched {
    user: UserName,
    lifetime_seconds: u32,
    #[serde(default = "for_sessions")]
    scope: LoginScope,
    #[serde(default)]
    sources: Sources,
}

const fn for_sessions() -> LoginScope {
    LoginScope::Sessions
}

/// Logins that the embedding program vouches for.
#[derive(Debug)]
pub(crate) struct LoginPlug {
    pub(crate) plug: Plug,
    pub(crate) authenticate: Answering,
}

#[async_trait]
impl Authenticator for LoginPlug {
    async fn authenticate(&self, question: LoginQuestion<'_>) -> Result<Option<Recognized>> {
        let asked = LoginAsked {
            proof: question.proof.expose(),
            key: question.key,
            source: question.source,
            label: question.label,
        };
        let secret = asked.proof.len();
        let vouched: Option<Vouched> = self
            .plug
            .ask_secretly_for(self.authenticate, &asked, secret)
            .await?;
        Ok(vouched.map(|vouched| {
            let lifetime = SignedDuration::from_secs(vouched.lifetime_seconds.into());
            let mut recognized = Recognized::new(vouched.user, question.now + lifetime);
            recognized.scope = vouched.scope;
            recognized.sources = vouched.sources;
            recognized
        }))
    }
}

/// Notifications that the embedding program carries.
#[derive(Debug)]
pub(crate) struct NotifierPlug {
    pub(crate) plug: Plug,
    pub(crate) notify: Answering,
}

#[async_trait]
impl Notifier for NotifierPlug {
    fn name(&self) -> &str {
        self.plug.name()
    }

    async fn deliver(&self, part: &Notification) -> Result<()> {
        self.plug.ask(self.notify, part).await.map(drop)
    }
}

/// What `verify` is asked.
#[derive(Serialize)]
struct FactorAsked<'a> {
    user_id: UserId,
    code: &'a str,
    at: Timestamp,
}

/// Second factors that the embedding program checks.
#[derive(Debug)]
pub(crate) struct FactorPlug {
    pub(crate) plug: Plug,
    pub(crate) verify: Answering,
}

#[async_trait]
impl SecondFactor for FactorPlug {
    async fn verify(&self, question: FactorQuestion<'_>) -> Result<bool> {
        let asked = FactorAsked {
            user_id: question.user,
            code: question.code,
            at: question.now,
        };
        let secret = asked.code.len();
        self.plug.ask_secretly_for(self.verify, &asked, secret).await
    }
}

/// Tickets that the embedding program checks.
#[derive(Debug)]
pub(crate) struct TicketPlug {
    pub(crate) plug: Plug,
    pub(crate) check: Answering,
}

#[async_trait]
impl TicketChecker for TicketPlug {
    async fn check(&self, question: TicketQuestion<'_>) -> Result<bool> {
        let question = json!({
            "ticket": question.ticket,
            "user": question.user_name,
            "user_id": question.user,
            "item": question.item.name,
            "item_id": question.item.id,
        });
        self.plug.ask_for(self.check, &question).await
    }
}

/// An audit log that the embedding program keeps.
#[derive(Debug)]
pub(crate) struct AuditPlug {
    pub(crate) plug: Plug,
    pub(crate) append: Answering,
    /// The number of the last event; held while one is appended, so that they come in their order.
    pub(crate) last: tokio::sync::Mutex<u64>,
}

#[async_trait]
impl AuditLog for AuditPlug {
    async fn append(&self, event: &AuditEvent) -> Result<u64> {
        let mut last = self.last.lock().await;
        let sequence = *last + 1;
        let question = json!({ "sequence": sequence, "event": event });
        self.plug.ask(self.append, &question).await?;
        *last = sequence;
        Ok(sequence)
    }
}

/// Where the embedding program keeps the records of a store.
#[derive(Debug)]
pub(crate) struct JournalPlug {
    pub(crate) plug: Plug,
    pub(crate) load: Answering,
    pub(crate) append: Answering,
}

#[async_trait]
impl Records for JournalPlug {
    async fn load(&self) -> Result<String> {
        let Some(answer) = self.plug.ask(self.load, &json!({})).await? else {
            return Ok(String::new());
        };
        let text = std::str::from_utf8(answer.bytes());
        text.map(str::to_owned).map_err(|_| {
            self.plug
                .failed(ErrorKind::Integrity, "the records are not UTF-8")
        })
    }

    async fn append(&self, record: &str) -> Result<()> {
        self.plug.tell(self.append, record).await
    }
}
