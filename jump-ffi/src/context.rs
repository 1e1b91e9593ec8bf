//! Contexts: what everything else is made in.

use std::ffi::{c_char, c_void};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jump_core::protocol::Registry;
use jump_core::{Error, ErrorKind, Result};
use jump_proto_rdp::RdpBackend;
use jump_proto_ssh::SshBackend;
use jump_proto_tunnel::TunnelBackend;
use jump_proto_vnc::VncBackend;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Handle as RuntimeHandle, Runtime};
use tokio::task::AbortHandle;
use tracing::dispatcher::Dispatch;

use crate::error::jump_error;
use crate::guard::{guard, guard_free, guard_value};
use crate::log::{
    JUMP_LOG_ERROR, JUMP_LOG_INFO, JUMP_LOG_TRACE, Log, jump_log_fn, jump_log_level, log_on_this_thread,
};
use crate::pointer::{Out, invalid, optional_text};
use crate::status::jump_status;
use crate::table::{self, Handle};
use crate::wake::{Callback, UserData, Wake};

/// What everything else is made in: it has the threads. Whatever was made in it keeps it alive, so it can be freed at any time.
pub struct jump_context {
    _private: [u8; 0],
}

/// What is behind the handle.
pub(crate) struct Context {
    runtime: Option<Runtime>,
    handle: RuntimeHandle,
    log: Option<Dispatch>,
    pub(crate) wake: Arc<Wake>,
    process: u32,
    /// What a test wants the next task of which name to do.
    #[cfg(debug_assertions)]
    pub(crate) panics: crate::panic_export::Panics,
}

impl Handle for Context {
    type C = jump_context;
    const KIND: u8 = 4;
    const NAME: &'static str = "jump_context";
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It may be one of its own threads that lets go of it last, and that cannot wait for itself.
            runtime.shutdown_background();
        }
    }
}

/// What a context can be told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    threads: usize,
    log_level: jump_log_level,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 2,
            log_level: JUMP_LOG_INFO,
        }
    }
}

/// The options of a context, from C.
///
/// # Safety
/// As [`optional_text`].
unsafe fn options(options_json: *const c_char) -> Result<Options> {
    // SAFETY: as the caller of this function promises.
    let text = unsafe { optional_text(options_json, "options_json") }?;
    let options: Options = parse(text, "options_json")?;
    if !(1..=64).contains(&options.threads) {
        return Err(invalid("`options_json`: threads are 1 to 64"));
    }
    if !(JUMP_LOG_ERROR..=JUMP_LOG_TRACE).contains(&options.log_level) {
        return Err(invalid("`options_json`: log_level is 1 to 5"));
    }
    Ok(options)
}

/// JSON from C, or the default for NULL.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] with what is wrong with it.
pub(crate) fn parse<T: DeserializeOwned + Default>(json: Option<&str>, parameter: &str) -> Result<T> {
    json.map_or_else(|| Ok(T::default()), |json| parse_needed(json, parameter))
}

/// The same where there is no default.
pub(crate) fn parse_needed<T: DeserializeOwned>(json: &str, parameter: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        // What is wrong may quote a value, and a value may be a secret.
        let what = match error.classify() {
            serde_json::error::Category::Data => "a field is unknown, is missing or has a wrong value",
            _ => "it is not JSON",
        };
        invalid(format!("`{parameter}`: {what} ({place})"))
    })
}

/// How long a call may wait.
pub(crate) fn patience(timeout_ms: i64) -> Option<Duration> {
    u64::try_from(timeout_ms).ok().map(Duration::from_millis)
}

/// Every protocol that this library speaks.
pub(crate) fn backends() -> Registry {
    Registry::new()
        .with(Arc::new(SshBackend::new()))
        .with(Arc::new(TunnelBackend::new()))
        .with(Arc::new(VncBackend::new()))
        .with(Arc::new(RdpBackend::new()))
}

impl Context {
    fn new(threads: usize, log: Option<Log>) -> Result<Self> {
        let log = log.map(Dispatch::new);
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads(threads)
            .thread_name("libjump")
            .enable_all();
        if let Some(log) = log.clone() {
            builder.on_thread_start(move || log_on_this_thread(&log));
        }
        let runtime = builder
            .build()
            .map_err(|error| Error::from_io(ErrorKind::ResourceLimit, "start threads", error))?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
            log,
            wake: Arc::default(),
            process: std::process::id(),
            #[cfg(debug_assertions)]
            panics: Default::default(),
        })
    }

    /// # Errors
    /// [`ErrorKind::Unsupported`] in a child of the process that made the context: the threads stayed behind.
    pub(crate) fn check(&self) -> Result<()> {
        if self.process != std::process::id() {
            let message = "the context was made before fork(): make one in this process";
            return Err(Error::new(ErrorKind::Unsupported, "call libjump", message));
        }
        Ok(())
    }

    pub(crate) const fn runtime(&self) -> &RuntimeHandle {
        &self.handle
    }

    /// Runs a task on the context's threads, and tells `over` how it ended: what it gave, [`ErrorKind::Internal`] if it panicked,
    /// [`ErrorKind::Closed`] if it was aborted. So a bug ends what the task was for, and whoever waits for that hears of it.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        name: &'static str,
        task: impl Future<Output = T> + Send + 'static,
        over: impl FnOnce(Result<T>) + Send + 'static,
    ) -> AbortHandle {
        #[cfg(debug_assertions)]
        let task = self.panics.within(name, task);
        let running = self.handle.spawn(task);
        let abort = running.abort_handle();
        self.handle.spawn(async move {
            over(running.await.map_err(|failure| {
                let (kind, message) = if failure.is_panic() {
                    (ErrorKind::Internal, "its task panicked")
                } else {
                    (ErrorKind::Closed, "it was stopped")
                };
                Error::new(kind, name, message)
            }));
        });
        abort
    }

    /// Waits on the calling thread until the future is done.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        self.check()?;
        // Futures of the core are large, and the caller's stack may be small.
        let future = Box::pin(future);
        match &self.log {
            Some(log) => tracing::dispatcher::with_default(log, || self.handle.block_on(future)),
            None => self.handle.block_on(future),
        }
    }
}

/// Drops what belongs to a context where its parts may need the context's threads.
pub(crate) fn drop_inside<T>(context: &Context, object: T) {
    let runtime = context.runtime().clone();
    let _inside = runtime.enter();
    drop(object);
}

/// The context behind a handle, in the process in which it was made.
pub(crate) fn context_of(context: *const jump_context) -> Result<Arc<Context>> {
    let context = table::get::<Context>(context, "context")?;
    context.check()?;
    Ok(context)
}

/// Makes a context. `options_json` may be NULL; `{"threads": 2}` is how many threads it has, 1 to 64.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_context_new(
    options_json: *const c_char,
    context_out: *mut *mut jump_context,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (context_out, error_out) = unsafe { (Out::handle(context_out), Out::handle(error_out)) };
    guard(&error_out, || {
        context_out.needed("context_out")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let options = unsafe { options(options_json) }?;
        context_out.give(Context::new(options.threads, None)?)
    })
}

/// Makes a context that tells `log` what happens in it; `log_level` in `options_json` is how much, `JUMP_LOG_INFO` otherwise. `destroy`,
/// if not NULL, is called with `userdata` when the library has no more use for it. The rest is as in `jump_context_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_context_new_logging(
    options_json: *const c_char,
    log: jump_log_fn,
    userdata: *mut c_void,
    destroy: Option<extern "C" fn(*mut c_void)>,
    context_out: *mut *mut jump_context,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (context_out, error_out) = unsafe { (Out::handle(context_out), Out::handle(error_out)) };
    guard(&error_out, || {
        let userdata = UserData::new(userdata, destroy);
        context_out.needed("context_out")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let options = unsafe { options(options_json) }?;
        let log = Log {
            callback: log.ok_or_else(|| invalid("`log` is NULL"))?,
            userdata,
            level: options.log_level,
        };
        context_out.give(Context::new(options.threads, Some(log))?)
    })
}

/// A file descriptor that can be read from (poll it, never read it) as long as any session, broker or Jumpoint of the context has an
/// event to fetch. It belongs to the context. -1 if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn jump_context_wakeup_fd(context: *const jump_context) -> i32 {
    guard_value(-1, || context_of(context)?.wake.descriptor())
}

/// Has `wake` called with `userdata` when a session, broker or Jumpoint of the context that had no event has got one; NULL for no
/// call any more. It comes from any thread, may stand for many events, and is for notification only: it may not call the library
/// (such a call fails), wait, throw or longjmp. `destroy`, if not NULL, is called with `userdata` when the library has no more use
/// for it. Nothing is locked meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_context_set_wakeup(
    context: *const jump_context,
    wake: Option<extern "C" fn(*mut c_void)>,
    userdata: *mut c_void,
    destroy: Option<extern "C" fn(*mut c_void)>,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let context = context_of(context)?;
        let userdata = UserData::new(userdata, destroy);
        context
            .wake
            .set_callback(wake.map(|call| Callback { call, userdata }));
        Ok(())
    })
}

/// Frees a context. What was made in it goes on. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_context_free(context: *mut jump_context) -> jump_status {
    guard_free(|| table::take::<Context>(context, "context").map(drop))
}
