//! What a program plugs into its broker: Python's functions, asked on threads that may wait.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use jump_core::audit::{AuditEvent, AuditLog};
use jump_core::broker::{
    Authenticator, BrokerBuilder, FactorQuestion, LoginQuestion, Recognized, SecondFactor,
};
use jump_core::broker::{TicketChecker, TicketQuestion};
use jump_core::id::UserId;
use jump_core::model::{LoginScope, Sources, UserName};
use jump_core::notify::{Notification, Notifier};
use jump_core::secret::Secret as CoreSecret;
use jump_core::session::{Credential, CredentialSecret, SealedCredential};
use jump_core::store::Records;
use jump_core::time::{SignedDuration, Timestamp};
use jump_core::vault::{Candidate, CredentialProvider, CredentialQuery};
use jump_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};

use crate::bridge;
use crate::secret::Secret;

/// How many calls of one plug may run at once. Calls that hang keep their places, so that they take no more threads than these.
const AT_ONCE: usize = 16;

/// A function of Python's.
#[derive(Clone)]
struct Plug {
    what: &'static str,
    function: Arc<Py<PyAny>>,
    places: Arc<Semaphore>,
}

impl fmt::Debug for Plug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plug({})", self.what)
    }
}

impl Plug {
    fn failed(&self, kind: ErrorKind, message: &str) -> Error {
        Error::new(
            kind,
            "ask the embedding program",
            format!("{}: {message}", self.what),
        )
    }

    /// What was raised: of an error of ours its kind, and of any other that it was raised. Its words may hold a secret.
    fn raised(&self, py: Python<'_>, error: &PyErr) -> Error {
        let number = error
            .value(py)
            .getattr("number")
            .and_then(|number| number.extract());
        let number: i32 = number.unwrap_or_default();
        let known = ErrorKind::ALL.iter().find(|kind| kind.number() == number);
        let class = error.get_type(py).name();
        let class = class.map_or_else(|_| String::new(), |name| name.to_string());
        let kind = known.copied().unwrap_or(ErrorKind::Internal);
        self.failed(kind, &format!("it raised {class}"))
    }

    /// Calls on a thread that may wait; `read` makes of the answer what is wanted. A call that nobody waits for any more goes on to its
    /// end.
    async fn ask<T: Send + 'static>(
        &self,
        secret: Option<Secret>,
        question: Value,
        read: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T> + Send + 'static,
    ) -> Result<T> {
        self.ask_text(secret, question.to_string(), read).await
    }

    /// Tells it something that is JSON already.
    async fn tell(&self, json: String) -> Result<()> {
        self.ask_text(None, json, |_| Ok(())).await
    }

    async fn ask_text<T: Send + 'static>(
        &self,
        secret: Option<Secret>,
        question: String,
        read: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T> + Send + 'static,
    ) -> Result<T> {
        let closed = || self.failed(ErrorKind::Closed, "the interpreter is gone");
        let place = self.places.clone().acquire_owned().await;
        let place = place.map_err(|_| closed())?;
        let plug = self.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let answer = Python::try_attach(|py| {
                let ask = || -> PyResult<T> {
                    let answer = match secret {
                        Some(secret) => plug.function.bind(py).call1((secret, question)),
                        None => plug.function.bind(py).call1((question,)),
                    };
                    read(&answer?)
                };
                ask().map_err(|error| plug.raised(py, &error))
            });
            drop(place);
            answer
        });
        asked.await.map_err(|_| closed())?.ok_or_else(closed)?
    }

    async fn ask_json<T: for<'de> Deserialize<'de> + Send + 'static>(
        &self,
        secret: Option<Secret>,
        question: Value,
    ) -> Result<T> {
        let answer: String = self.ask(secret, question, |answer| answer.extract()).await?;
        bridge::read("ask the embedding program", &answer)
    }
}

/// What `authenticate` answers, if the proof is somebody's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vouched {
    user: UserName,
    lifetime_seconds: u32,
    scope: LoginScope,
    sources: Sources,
}

#[derive(Debug)]
struct Logins(Plug);

#[async_trait]
impl Authenticator for Logins {
    async fn authenticate(&self, question: LoginQuestion<'_>) -> Result<Option<Recognized>> {
        let source: Option<IpAddr> = question.source;
        let asked = json!({ "key": question.key, "source": source, "label": question.label });
        let proof = Secret::holding(question.proof.expose());
        let vouched: Option<Vouched> = self.0.ask_json(Some(proof), asked).await?;
        Ok(vouched.map(|vouched| {
            let lifetime = SignedDuration::from_secs(vouched.lifetime_seconds.into());
            let mut recognized = Recognized::new(vouched.user, question.now + lifetime);
            recognized.scope = vouched.scope;
            recognized.sources = vouched.sources;
            recognized
        }))
    }
}

#[derive(Debug)]
struct Notices(Plug);

#[async_trait]
impl Notifier for Notices {
    fn name(&self) -> &str {
        self.0.what
    }

    async fn deliver(&self, part: &Notification) -> Result<()> {
        let told = serde_json::to_value(part).map_err(|error| {
            let message = "a notification has no form in JSON";
            self.0.failed(ErrorKind::Internal, message).with_source(error)
        })?;
        self.0.ask(None, told, |_| Ok(())).await
    }
}

#[derive(Debug)]
struct Factor(Plug);

#[async_trait]
impl SecondFactor for Factor {
    async fn verify(&self, question: FactorQuestion<'_>) -> Result<bool> {
        let (user, at): (UserId, Timestamp) = (question.user, question.now);
        let asked = json!({ "user_id": user, "at": at });
        let code = Secret::holding(question.code);
        self.0.ask(Some(code), asked, |answer| answer.extract()).await
    }
}

#[derive(Debug)]
struct Tickets(Plug);

#[async_trait]
impl TicketChecker for Tickets {
    async fn check(&self, question: TicketQuestion<'_>) -> Result<bool> {
        let asked = json!({
            "ticket": question.ticket,
            "user": question.user_name,
            "item": question.item.name,
        });
        self.0.ask(None, asked, |answer| answer.extract()).await
    }
}

#[derive(Debug)]
struct Vault {
    candidates: Plug,
    reveal: Plug,
}

/// User name, password, private key, passphrase, certificate.
type CredentialParts = (
    String,
    Option<Py<Secret>>,
    Option<Py<Secret>>,
    Option<Py<Secret>>,
    Option<String>,
);

fn question(query: &CredentialQuery<'_>) -> Value {
    json!({
        "user": query.user_name,
        "item": query.item.name,
        "tag": query.item.tag,
        "protocol": query.protocol,
        "host": query.target.host().to_string(),
        "port": query.target.port(),
    })
}

fn credential(answer: &Bound<'_, PyAny>) -> PyResult<Option<Credential>> {
    let (username, password, key, passphrase, certificate): CredentialParts = answer.extract()?;
    let text = |secret: Py<Secret>| CoreSecret::new(secret.get().text().to_owned());
    let secret = match (password, key) {
        (Some(password), None) => CredentialSecret::Password(text(password)),
        (None, Some(pem)) => CredentialSecret::PrivateKey {
            pem: text(pem),
            passphrase: passphrase.map(text),
            certificate,
        },
        _ => return Ok(None),
    };
    Ok(Some(Credential { username, secret }))
}

#[async_trait]
impl CredentialProvider for Vault {
    fn name(&self) -> &str {
        self.candidates.what
    }

    async fn candidates(&self, query: &CredentialQuery<'_>) -> Result<Vec<Candidate>> {
        self.candidates.ask_json(None, question(query)).await
    }

    async fn seal(&self, query: &CredentialQuery<'_>, id: &str) -> Result<SealedCredential> {
        let mut asked = question(query);
        if let Some(fields) = asked.as_object_mut() {
            fields.insert("id".to_owned(), Value::String(id.to_owned()));
        }
        let revealed = self.reveal.ask(None, asked, credential).await?;
        let neither = || {
            let message = "the answer has either a password or a private key";
            self.reveal.failed(ErrorKind::InvalidArgument, message)
        };
        revealed
            .ok_or_else(neither)?
            .seal(&query.sealing_key, &query.binding())
    }
}

/// Where the records of a store are kept.
#[derive(Debug)]
pub(crate) struct Journal {
    load: Plug,
    append: Plug,
}

#[async_trait]
impl Records for Journal {
    async fn load(&self) -> Result<String> {
        self.load.ask(None, Value::Null, |answer| answer.extract()).await
    }

    async fn append(&self, record: &str) -> Result<()> {
        self.append.tell(record.to_owned()).await
    }
}

/// An audit log that Python keeps.
#[derive(Debug)]
pub(crate) struct Audit {
    append: Plug,
    /// The number of the last event; held while one is appended, so that they come in their order.
    last: Mutex<u64>,
}

#[async_trait]
impl AuditLog for Audit {
    async fn append(&self, event: &AuditEvent) -> Result<u64> {
        let mut last = self.last.lock().await;
        let sequence = *last + 1;
        let told = bridge::write(&json!({ "sequence": sequence, "event": event }))?;
        self.append.tell(told).await?;
        *last = sequence;
        Ok(sequence)
    }
}

/// What was plugged in.
#[derive(Default)]
pub(crate) struct Plugs {
    /// Taken before the broker starts: it is built on them.
    pub(crate) journal: Option<Journal>,
    pub(crate) audit: Option<Audit>,
    authenticator: Option<Arc<dyn Authenticator>>,
    factor: Option<Arc<dyn SecondFactor>>,
    tickets: Option<Arc<dyn TicketChecker>>,
    vaults: Vec<Arc<dyn CredentialProvider>>,
    notifiers: Vec<Arc<dyn Notifier>>,
}

impl Plugs {
    /// Takes the functions out of the dictionary that `_plugs.py` makes: lists of functions by what they are asked.
    pub(crate) fn of(functions: &Bound<'_, PyDict>) -> PyResult<Self> {
        let named = |name: &str, what: &'static str| -> PyResult<Vec<Plug>> {
            let found = functions.get_item(name)?;
            let found: Vec<Py<PyAny>> = found
                .map(|found| found.extract())
                .transpose()?
                .unwrap_or_default();
            let plug = |function| Plug {
                what,
                function: Arc::new(function),
                places: Arc::new(Semaphore::new(AT_ONCE)),
            };
            Ok(found.into_iter().map(plug).collect())
        };
        let one = |name: &str, what: &'static str| Ok::<_, PyErr>(named(name, what)?.pop());
        let mut plugs = Self::default();
        if let Some(plug) = one("authenticate", "the authenticator")? {
            plugs.authenticator = Some(Arc::new(Logins(plug)));
        }
        if let Some(plug) = one("verify", "the second factor")? {
            plugs.factor = Some(Arc::new(Factor(plug)));
        }
        if let Some(plug) = one("check", "the ticket system")? {
            plugs.tickets = Some(Arc::new(Tickets(plug)));
        }
        if let (Some(load), Some(append)) = (one("load", "the store")?, one("append", "the store")?) {
            plugs.journal = Some(Journal { load, append });
        }
        if let Some(append) = one("log", "the audit log")? {
            let last = Mutex::default();
            plugs.audit = Some(Audit { append, last });
        }
        for (candidates, reveal) in named("candidates", "the vault")?
            .into_iter()
            .zip(named("reveal", "the vault")?)
        {
            plugs.vaults.push(Arc::new(Vault { candidates, reveal }));
        }
        for plug in named("notify", "the notifier")? {
            plugs.notifiers.push(Arc::new(Notices(plug)));
        }
        Ok(plugs)
    }

    /// Plugs them in.
    pub(crate) fn into_broker(self, mut builder: BrokerBuilder) -> BrokerBuilder {
        if let Some(authenticator) = self.authenticator {
            builder = builder.authenticator(authenticator);
        }
        if let Some(factor) = self.factor {
            builder = builder.second_factor(factor);
        }
        if let Some(tickets) = self.tickets {
            builder = builder.ticket_checker(tickets);
        }
        for vault in self.vaults {
            builder = builder.credential_provider(vault);
        }
        for notifier in self.notifiers {
            builder = builder.notifier(notifier);
        }
        builder
    }
}
