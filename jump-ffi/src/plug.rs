//! What an embedder plugs into a broker: callbacks that are asked something as JSON and answer as JSON.

use std::ffi::{CString, c_char, c_void};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jump_core::audit::{AuditEvent, AuditLog};
use jump_core::broker::{FactorQuestion, SecondFactor, TicketChecker, TicketQuestion};
use jump_core::secret::Secret;
use jump_core::session::{Credential, CredentialSecret, SealedCredential};
use jump_core::vault::{Candidate, CredentialProvider, CredentialQuery};
use jump_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::buffer::{Buffer, jump_buf};
use crate::error::c_string;
use crate::status::{JUMP_OK, jump_status, kind_of};
use crate::table;
use crate::wake::UserData;

/// Answers a question of the library. It gets `userdata` and the question as JSON, which lives as long as the call; puts a buffer from
/// `jump_buf_new` into `answer_out` if an answer is wanted, which the library then owns; and gives `JUMP_OK`, or the `JUMP_ERR_…` that
/// the library is to fail with. It is called on threads that may wait, several at once, with nothing locked, and may call the library.
pub type jump_answer_fn = Option<
    extern "C" fn(
        userdata: *mut c_void,
        question_json: *const c_char,
        answer_out: *mut *mut jump_buf,
    ) -> jump_status,
>;

/// A callback that is there.
pub(crate) type Answering = extern "C" fn(*mut c_void, *const c_char, *mut *mut jump_buf) -> jump_status;

/// What is called, and with what; shared by the callbacks of one plug.
#[derive(Clone)]
pub(crate) struct Plug {
    name: &'static str,
    userdata: Arc<UserData>,
}

impl fmt::Debug for Plug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plug({})", self.name)
    }
}

impl Plug {
    pub(crate) fn new(name: &'static str, userdata: UserData) -> Self {
        let userdata = Arc::new(userdata);
        Self { name, userdata }
    }

    fn failed(&self, kind: ErrorKind, message: &str) -> Error {
        Error::new(
            kind,
            "ask the embedding program",
            format!("{}: {message}", self.name),
        )
    }

    /// Calls on the calling thread.
    fn call(&self, callback: Answering, question: &CString) -> Result<Option<Arc<Buffer>>> {
        let mut answer: *mut jump_buf = std::ptr::null_mut();
        let status = callback(self.userdata.pointer(), question.as_ptr(), &raw mut answer);
        let answer = table::take::<Buffer>(answer, "answer_out")?;
        if status != JUMP_OK {
            return Err(self.failed(kind_of(status), "the callback failed"));
        }
        Ok(answer)
    }

    /// Calls on a thread that may wait.
    async fn ask(&self, callback: Answering, question: &Value) -> Result<Option<Arc<Buffer>>> {
        let question = c_string(question.to_string());
        let plug = self.clone();
        tokio::task::spawn_blocking(move || plug.call(callback, &question))
            .await
            .map_err(|_| self.failed(ErrorKind::Internal, "the call was cut off"))?
    }

    async fn ask_for<T: DeserializeOwned>(&self, callback: Answering, question: &Value) -> Result<T> {
        let answer = self.ask(callback, question).await?;
        let answer = answer.ok_or_else(|| self.failed(ErrorKind::InvalidArgument, "there is no answer"))?;
        // What the parser says could quote a secret.
        serde_json::from_slice(answer.bytes())
            .map_err(|_| self.failed(ErrorKind::InvalidArgument, "the answer has another form"))
    }
}

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
        self.plug.name
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

/// Second factors that the embedding program checks.
#[derive(Debug)]
pub(crate) struct FactorPlug {
    pub(crate) plug: Plug,
    pub(crate) verify: Answering,
}

#[async_trait]
impl SecondFactor for FactorPlug {
    async fn verify(&self, question: FactorQuestion<'_>) -> Result<bool> {
        let question = json!({ "user_id": question.user, "code": question.code, "at": question.now });
        self.plug.ask_for(self.verify, &question).await
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

impl JournalPlug {
    /// Every record so far, in order: one a line.
    pub(crate) async fn load(&self) -> Result<String> {
        let Some(answer) = self.plug.ask(self.load, &json!({})).await? else {
            return Ok(String::new());
        };
        let text = std::str::from_utf8(answer.bytes());
        text.map(str::to_owned).map_err(|_| {
            self.plug
                .failed(ErrorKind::Integrity, "the records are not UTF-8")
        })
    }

    pub(crate) async fn append(&self, record: &Value) -> Result<()> {
        self.plug.ask(self.append, record).await.map(drop)
    }
}
