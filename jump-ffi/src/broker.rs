//! Brokers inside another program.

use std::ffi::c_char;
use std::sync::Arc;

use jump_core::Result;
use jump_core::broker::Caller;
use jump_core::session::EndReason;

use crate::access::{WorldObject, jump_world};
use crate::broker_options::{Options, jump_broker_options};
use crate::buffer::{Buffer, jump_buf};
use crate::context::{context_of, jump_context, parse_needed};
use crate::error::jump_error;
use crate::event::jump_event;
use crate::guard::{guard, guard_free, guard_value};
use crate::pointer::{Out, text};
use crate::pull;
use crate::running_broker::BrokerObject;
use crate::status::jump_status;
use crate::table;

/// A broker that runs: one site's control plane and its relay. It stops when it is freed.
pub struct jump_broker {
    _private: [u8; 0],
}

/// The broker behind a handle.
fn broker_of(broker: *const jump_broker) -> Result<Arc<BrokerObject>> {
    let broker = table::get::<BrokerObject>(broker, "broker")?;
    broker.context.check()?;
    Ok(broker)
}

/// Starts a broker. `options` may be NULL; what was plugged into them is used up. Peers can connect when this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_start(
    context: *const jump_context,
    options: *const jump_broker_options,
    broker_out: *mut *mut jump_broker,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (broker_out, error_out) = unsafe { (Out::handle(broker_out), Out::handle(error_out)) };
    guard(&error_out, || {
        broker_out.needed("broker_out")?;
        let context = context_of(context)?;
        let options = if options.is_null() {
            Arc::default()
        } else {
            table::get::<Options>(options, "options")?
        };
        let broker = context.wait(BrokerObject::start(context.clone(), &options))?;
        broker_out.give(broker)
    })
}

/// Where peers reach the broker and the key that they pin, as JSON: `address`, `key`. It lives as long as the broker. NULL for NULL and for
/// what is no living broker.
#[unsafe(no_mangle)]
pub extern "C" fn jump_broker_endpoint_json(broker: *const jump_broker) -> *const c_char {
    guard_value(std::ptr::null(), || {
        table::get::<BrokerObject>(broker, "broker").map(|broker| broker.endpoint.as_ptr())
    })
}

/// Asks the broker anything on behalf of the embedding program, which may do everything: as in `jump_rep_request`. `{"ask": "edit",
/// "edit": "invite_login", "user": "alice", "scope": "everything"}` makes an invitation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_request(
    broker: *const jump_broker,
    request_json: *const c_char,
    response_out: *mut *mut jump_buf,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (response_out, error_out) = unsafe { (Out::handle(response_out), Out::handle(error_out)) };
    guard(&error_out, || {
        response_out.needed("response_out")?;
        let broker = broker_of(broker)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let request = parse_needed(unsafe { text(request_json, "request_json") }?, "request_json")?;
        let local = Caller::local();
        let asked = broker.broker.request(&local, request);
        response_out.give(Buffer::json(&broker.context.wait(asked)?)?)
    })
}

/// The site as it stands, for decisions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_world(
    broker: *const jump_broker,
    world_out: *mut *mut jump_world,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let (world_out, error_out) = unsafe { (Out::handle(world_out), Out::handle(error_out)) };
    guard(&error_out, || {
        world_out.needed("world_out")?;
        let world = broker_of(broker)?.broker.world();
        world_out.give(WorldObject(world))
    })
}

/// Ends a live session at once; `who` is named in the audit log and told to the rep.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_end_session(
    broker: *const jump_broker,
    session_id: *const c_char,
    who: *const c_char,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let broker = broker_of(broker)?;
        // SAFETY: the caller passes NULL or NUL-terminated text.
        let (session_id, who) = unsafe { (text(session_id, "session_id")?, text(who, "who")?) };
        let reason = EndReason::EndedBy(who.to_owned());
        let _inside = broker.context.runtime().enter();
        broker.broker.end_session(session_id.parse()?, reason)
    })
}

/// The next event of the broker, as in `jump_session_next_event`: what it writes to its audit log, `JUMP_EVENT_AUDIT`. The broker does not
/// wait for who does not fetch them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_next_event(
    broker: *const jump_broker,
    timeout_ms: i64,
    event_out: *mut *mut jump_event,
    error_out: *mut *mut jump_error,
) -> jump_status {
    let queue = || Ok(broker_of(broker)?.queue.clone());
    // SAFETY: the caller passes NULL or what the header asks for.
    unsafe { pull::next_event(queue, timeout_ms, event_out, error_out) }
}

/// Ends the wait in `jump_broker_next_event`, from any thread; if nobody waits, the next wait ends at once.
#[unsafe(no_mangle)]
pub extern "C" fn jump_broker_interrupt(broker: *const jump_broker) -> jump_status {
    pull::interrupt(|| Ok(broker_of(broker)?.queue.clone()))
}

/// A file descriptor to poll for events of the broker, as `jump_session_wakeup_fd`.
#[unsafe(no_mangle)]
pub extern "C" fn jump_broker_wakeup_fd(broker: *const jump_broker) -> i32 {
    pull::wakeup_fd(|| Ok(broker_of(broker)?.queue.clone()))
}

/// Stops the broker: takes no new connection, ends every session with a reason, and waits until that is accounted for, at most 12
/// seconds. Does nothing the second time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_broker_stop(
    broker: *const jump_broker,
    error_out: *mut *mut jump_error,
) -> jump_status {
    // SAFETY: the caller passes NULL or what the header asks for.
    let error_out = unsafe { Out::handle(error_out) };
    guard(&error_out, || {
        let broker = broker_of(broker)?;
        if let Some(running) = broker.take_running() {
            running.serving.abort();
            broker.context.wait(async {
                broker.broker.shutdown().await;
                Ok(())
            })?;
        }
        Ok(())
    })
}

/// Frees a broker. If it was not stopped it stops now, without telling anybody. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_broker_free(broker: *mut jump_broker) -> jump_status {
    guard_free(|| {
        if let Some(broker) = table::take::<BrokerObject>(broker, "broker")?
            && let Some(running) = broker.take_running()
        {
            drop(running);
            broker.broker.disconnect_all();
        }
        Ok(())
    })
}
