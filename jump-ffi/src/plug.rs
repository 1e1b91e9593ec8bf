//! What an embedder plugs into a broker: callbacks that are asked something as JSON and answer as JSON.

use std::ffi::{CStr, c_char, c_void};
use std::fmt;
use std::sync::Arc;

use jump_core::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::buffer::{Buffer, jump_buf};
use crate::status::{JUMP_OK, jump_status, kind_of};
use crate::table;
use crate::wake::UserData;

/// How many calls of one plug may run at once. Calls that hang keep their places, so that they take no more threads than these.
const AT_ONCE: usize = 64;

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
    places: Arc<Semaphore>,
}

impl fmt::Debug for Plug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plug({})", self.name)
    }
}

/// The question as JSON with a NUL behind it. It is wiped; `secret` bytes of it are, so that no copy is left behind when it grows.
fn written(question: &impl Serialize, secret: usize) -> Result<Zeroizing<Vec<u8>>> {
    // JSON writes a byte in at most six.
    let mut text = Zeroizing::new(Vec::with_capacity(1024 + 6 * secret));
    serde_json::to_writer(&mut *text, question).map_err(|error| {
        let message = "the question has no form in JSON";
        Error::new(ErrorKind::Internal, "ask the embedding program", message).with_source(error)
    })?;
    text.push(0);
    Ok(text)
}

impl Plug {
    pub(crate) fn new(name: &'static str, userdata: UserData) -> Self {
        Self {
            name,
            userdata: Arc::new(userdata),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn failed(&self, kind: ErrorKind, message: &str) -> Error {
        Error::new(
            kind,
            "ask the embedding program",
            format!("{}: {message}", self.name),
        )
    }

    /// Calls on the calling thread.
    fn call(&self, callback: Answering, question: &[u8]) -> Result<Option<Arc<Buffer>>> {
        let question = CStr::from_bytes_with_nul(question)
            .map_err(|_| self.failed(ErrorKind::Internal, "a NUL is in the question"))?;
        let mut answer: *mut jump_buf = std::ptr::null_mut();
        let status = callback(self.userdata.pointer(), question.as_ptr(), &raw mut answer);
        let answer = table::take::<Buffer>(answer, "answer_out")?;
        if status != JUMP_OK {
            return Err(self.failed(kind_of(status), "the callback failed"));
        }
        Ok(answer)
    }

    /// Calls on a thread that may wait. A call that nobody waits for any more goes on to its end.
    pub(crate) async fn ask(
        &self,
        callback: Answering,
        question: &impl Serialize,
    ) -> Result<Option<Arc<Buffer>>> {
        self.ask_secretly(callback, question, 0).await
    }

    /// The same with so many bytes of a secret in the question.
    async fn ask_secretly(
        &self,
        callback: Answering,
        question: &impl Serialize,
        secret: usize,
    ) -> Result<Option<Arc<Buffer>>> {
        self.ask_written(callback, written(question, secret)?).await
    }

    /// Tells something that is JSON already.
    pub(crate) async fn tell(&self, callback: Answering, json: &str) -> Result<()> {
        let text = json.bytes().chain([0]).collect();
        self.ask_written(callback, Zeroizing::new(text)).await.map(drop)
    }

    async fn ask_written(
        &self,
        callback: Answering,
        question: Zeroizing<Vec<u8>>,
    ) -> Result<Option<Arc<Buffer>>> {
        let cut_off = |_| self.failed(ErrorKind::Internal, "the call was cut off");
        let place = self
            .places
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| self.failed(ErrorKind::Internal, "it is closed"))?;
        let plug = self.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let answer = plug.call(callback, &question);
            drop(place);
            answer
        });
        asked.await.map_err(cut_off)?
    }

    pub(crate) async fn ask_for<T: DeserializeOwned>(
        &self,
        callback: Answering,
        question: &impl Serialize,
    ) -> Result<T> {
        self.ask_secretly_for(callback, question, 0).await
    }

    pub(crate) async fn ask_secretly_for<T: DeserializeOwned>(
        &self,
        callback: Answering,
        question: &impl Serialize,
        secret: usize,
    ) -> Result<T> {
        let answer = self.ask_secretly(callback, question, secret).await?;
        let answer = answer.ok_or_else(|| self.failed(ErrorKind::InvalidArgument, "there is no answer"))?;
        // What the parser says could quote a secret.
        serde_json::from_slice(answer.bytes())
            .map_err(|_| self.failed(ErrorKind::InvalidArgument, "the answer has another form"))
    }
}
