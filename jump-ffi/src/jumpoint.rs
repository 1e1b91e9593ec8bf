//! Jumpoints: the agent in a remote network, inside another program.

use std::ffi::{CString, c_char};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use jump_core::Result;
use jump_core::control::{BrokerEndpoint, Invitation};
use jump_core::identity_file::JumpointFile;
use jump_core::jumpoint::{self, Jumpoint, JumpointIdentity, NetworkPolicy};
use jump_core::keys::{SealingKey, SigningKey};
use jump_core::secret::Secret;
use jump_core::tunnel::TcpTransport;
use serde::Deserialize;
use tokio::task::AbortHandle;

use crate::buffer::{Buffer, SecretText, jump_buf, jump_secret};
use crate::context::{Context, backends, context_of, jump_context, parse};
use crate::error::{c_string, jump_error};
use crate::event::{Event, jump_event};
use crate::guard::{guard, guard_free, guard_value};
use crate::pointer::{Out, invalid, optional_text, text};
use crate::pull;
use crate::queue::Queue;
use crate::status::jump_status;
use crate::table::{self, Handle};

/// Who a Jumpoint is to its broker: keys that were enrolled, and where the broker is.
pub struct jump_jumpoint_identity {
    _private: [u8; 0],
}

/// What is behind the handle.
pub(crate) struct Identity {
    file: JumpointFile,
    name: CString,
}

impl Handle for Identity {
    type C = jump_jumpoint_identity;
    const KIND: u8 = 16;
    const NAME: &'static str = "jump_jumpoint_identity";
}

impl Identity {
    fn new(file: JumpointFile) -> Self {
        let name = c_string(file.name.clone());
        Self { file, name }
    }

    /// The same keys once more, for a Jumpoint that runs.
    fn keys(&self) -> JumpointIdentity {
        let seed = self.file.identity.sealing_key.seed().expose();
        JumpointIdentity {
            key: SigningKey::clone(&self.file.identity.key),
            sealing_key: SealingKey::from_seed(Secret::new(*seed)),
        }
    }

    fn broker(&self) -> BrokerEndpoint {
        self.file.broker.clone()
    }
}

/// Turns an invitation for a Jumpoint, which works once, into its identity. Waits for the broker. Save the identity: without it the
/// Jumpoint has to be invited anew.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_jumpoint_identity_enrol(
    context: *const jump_context,
    invitation: *const jump_secret,
    identity_out: *mut *mut jump_jumpoint_identity,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (identity_out, error_out) = unsafe { (Out::handle(identity_out), Out::handle(error_out)) };
    guard(&error_out, || {
        identity_out.needed("identity_out")?;
        let context = context_of(context)?;
        let invitation = table::get::<SecretText>(invitation, "invitation")?;
        let invitation: Invitation = invitation.expose().parse()?;
        let identity = JumpointIdentity::generate()?;
        let enrolled = context.wait(jumpoint::enrol(&TcpTransport, &invitation, &identity))?;
        identity_out.give(Identity::new(JumpointFile {
            identity,
            broker: invitation.broker.clone(),
            name: enrolled.name,
        }))
    })
}

/// Reads the identity that `jump jumpoint` or `jump_jumpoint_identity_save` wrote: a file that only its owner may read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_jumpoint_identity_load(
    path: *const c_char,
    identity_out: *mut *mut jump_jumpoint_identity,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (identity_out, error_out) = unsafe { (Out::handle(identity_out), Out::handle(error_out)) };
    guard(&error_out, || {
        identity_out.needed("identity_out")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let path = unsafe { text(path, "path") }?;
        identity_out.give(Identity::new(JumpointFile::read(Path::new(path))?))
    })
}

/// Writes an identity to a file for its owner only, whole or not at all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_jumpoint_identity_save(
    identity: *const jump_jumpoint_identity,
    path: *const c_char,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let identity = table::get::<Identity>(identity, "identity")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let path = unsafe { text(path, "path") }?;
        identity.file.write(Path::new(path))
    })
}

/// The Jumpoint's name. It lives as long as the identity. NULL for NULL and for what is no living identity.
#[unsafe(no_mangle)]
pub extern "C" fn jump_jumpoint_identity_name(identity: *const jump_jumpoint_identity) -> *const c_char {
    guard_value(std::ptr::null(), || {
        table::get::<Identity>(identity, "identity").map(|identity| identity.name.as_ptr())
    })
}

/// Frees an identity; its keys are wiped. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_jumpoint_identity_free(identity: *mut jump_jumpoint_identity) -> jump_status {
    guard_free(|| table::take::<Identity>(identity, "identity").map(drop))
}

/// A Jumpoint that runs: the agent in a remote network. It stops when it is freed.
pub struct jump_jumpoint {
    _private: [u8; 0],
}

/// What is behind the handle.
pub(crate) struct JumpointObject {
    context: Arc<Context>,
    jumpoint: Jumpoint,
    queue: Arc<Queue>,
    running: Mutex<Option<AbortHandle>>,
}

impl Handle for JumpointObject {
    type C = jump_jumpoint;
    const KIND: u8 = 15;
    const NAME: &'static str = "jump_jumpoint";
}

impl JumpointObject {
    fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            running.abort();
        }
    }
}

impl Drop for JumpointObject {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a Jumpoint can be told.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    allow: Vec<IpNet>,
    only_listed: bool,
    recordings: Option<PathBuf>,
    keep_recordings: Option<u32>,
}

/// Starts a Jumpoint: it connects to its broker, again and again if it must, and serves sessions. `options_json` may be NULL: `allow` are
/// networks that targets may be in even if they are loopback or link-local, such as `["127.0.0.0/8"]`; `only_listed` permits no others;
/// `recordings` is the folder for recordings, without which only items with recording off are served; `keep_recordings` is for how many
/// days, 1 to 36500. `JUMP_EVENT_ENDED` says that it had to stop for good.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_jumpoint_start(
    context: *const jump_context,
    identity: *const jump_jumpoint_identity,
    options_json: *const c_char,
    jumpoint_out: *mut *mut jump_jumpoint,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (jumpoint_out, error_out) = unsafe { (Out::handle(jumpoint_out), Out::handle(error_out)) };
    guard(&error_out, || {
        jumpoint_out.needed("jumpoint_out")?;
        let context = context_of(context)?;
        let identity = table::get::<Identity>(identity, "identity")?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let options: Options = parse(
            unsafe { optional_text(options_json, "options_json") }?,
            "options_json",
        )?;
        let mut policy = NetworkPolicy::new().allowing(options.allow);
        if options.only_listed {
            policy = policy.only_listed();
        }
        let mut builder =
            Jumpoint::builder(identity.keys(), identity.broker(), backends()).network_policy(policy);
        if let Some(folder) = options.recordings {
            builder = builder.recordings(folder);
        }
        if let Some(days) = options.keep_recordings {
            if !(1..=36_500).contains(&days) {
                return Err(invalid("`options_json`: keep_recordings is 1 to 36500"));
            }
            builder = builder.keep_recordings(days);
        }
        let jumpoint = builder.build();
        let queue = Arc::new(Queue::new(context.wake.clone()));
        let (runs, told) = (jumpoint.clone(), queue.clone());
        let run = context.run(
            "run the jumpoint",
            async move { runs.run().await },
            move |ended| {
                let error = ended.unwrap_or_else(|error| error);
                told.end(Event::over(Some(&error)));
            },
        );
        let running = Mutex::new(Some(run));
        jumpoint_out.give(JumpointObject {
            context,
            jumpoint,
            queue,
            running,
        })
    })
}

/// The Jumpoint behind a handle.
fn jumpoint_of(jumpoint: *const jump_jumpoint) -> Result<Arc<JumpointObject>> {
    let jumpoint = table::get::<JumpointObject>(jumpoint, "jumpoint")?;
    jumpoint.context.check()?;
    Ok(jumpoint)
}

/// The ids of the sessions that run at the Jumpoint, as a JSON array.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_jumpoint_sessions(
    jumpoint: *const jump_jumpoint,
    sessions_out: *mut *mut jump_buf,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (sessions_out, error_out) = unsafe { (Out::handle(sessions_out), Out::handle(error_out)) };
    guard(&error_out, || {
        sessions_out.needed("sessions_out")?;
        let jumpoint = jumpoint_of(jumpoint)?;
        sessions_out.give(Buffer::json(&jumpoint.jumpoint.sessions())?)
    })
}

/// The next event of the Jumpoint, as in `jump_session_next_event`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_jumpoint_next_event(
    jumpoint: *const jump_jumpoint,
    timeout_ms: i64,
    event_out: *mut *mut jump_event,
    error_out: *mut *mut jump_error,
) -> jump_status {
    let queue = || Ok(jumpoint_of(jumpoint)?.queue.clone());
    // SAFETY: the caller passes NULL or what the header asks for.
    unsafe { pull::next_event(queue, timeout_ms, event_out, error_out) }
}

/// Ends the wait in `jump_jumpoint_next_event`, from any thread; if nobody waits, the next wait ends at once.
#[unsafe(no_mangle)]
pub extern "C" fn jump_jumpoint_interrupt(jumpoint: *const jump_jumpoint) -> jump_status {
    pull::interrupt(|| Ok(jumpoint_of(jumpoint)?.queue.clone()))
}

/// A file descriptor to poll for events of the Jumpoint, as `jump_session_wakeup_fd`.
#[unsafe(no_mangle)]
pub extern "C" fn jump_jumpoint_wakeup_fd(jumpoint: *const jump_jumpoint) -> i32 {
    pull::wakeup_fd(|| Ok(jumpoint_of(jumpoint)?.queue.clone()))
}

/// Stops the Jumpoint: its sessions end and it disconnects. The last event still comes.
#[unsafe(no_mangle)]
pub extern "C" fn jump_jumpoint_stop(jumpoint: *const jump_jumpoint) -> jump_status {
    guard_free(|| {
        jumpoint_of(jumpoint)?.stop();
        Ok(())
    })
}

/// Stops and frees a Jumpoint. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_jumpoint_free(jumpoint: *mut jump_jumpoint) -> jump_status {
    guard_free(|| {
        if let Some(jumpoint) = table::take::<JumpointObject>(jumpoint, "jumpoint")? {
            jumpoint.stop();
        }
        Ok(())
    })
}
