//! Events.

use std::ffi::{CString, c_char};

use jump_core::Error;
use jump_core::protocol::{Area, Progress, ScreenEvent};
use jump_core::rep::SessionNews;
use jump_core::session::EndReason;
use serde_json::{Value, json};

use crate::error::c_string;
use crate::guard::{guard_free, guard_value};
use crate::pointer::{Out, invalid};
use crate::status::{JUMP_OK, jump_status};
use crate::table::{self, Handle};

/// Something that happened: free it with `jump_event_free`. It may be kept as long as you like.
pub struct jump_event {
    _private: [u8; 0],
}

/// What happened. Ignore numbers that you do not know: later versions have more.
pub type jump_event_type = i32;

/// No event: what `jump_event_type_of` gives for NULL.
pub const JUMP_EVENT_NONE: jump_event_type = 0;
/// Time will end the session; JSON: `at`, `seconds_left`, `rule`. Of several the latest counts.
pub const JUMP_EVENT_ENDING: jump_event_type = 1;
/// It is over, and this is the last event: of a session, with its reason as JSON; of a Jumpoint or broker that had to stop. The
/// status says how: `JUMP_OK` if in order, `JUMP_ERR_SESSION_ENDED` if by a decision.
pub const JUMP_EVENT_ENDED: jump_event_type = 2;
/// The shell or stream of this request id can be read from, which a read with the time-out 0 could not do before. Comes once for
/// such a read.
pub const JUMP_EVENT_READABLE: jump_event_type = 3;
/// Parts of the picture have changed: see `jump_event_damage`.
pub const JUMP_EVENT_DAMAGE: jump_event_type = 4;
/// The screen has another size; JSON: `width`, `height`. Everything on it may have changed.
pub const JUMP_EVENT_RESIZED: jump_event_type = 5;
/// The pointer has another shape, or none. JSON: `width`, `height`, `hotspot_x`, `hotspot_y`, or `null`.
pub const JUMP_EVENT_CURSOR: jump_event_type = 6;
/// The target moved the pointer; JSON: `x`, `y`.
pub const JUMP_EVENT_POINTER_MOVED: jump_event_type = 7;
/// The target's clipboard has a text, at most 1 MiB; JSON: `text`.
pub const JUMP_EVENT_CLIPBOARD: jump_event_type = 8;
/// The target rang its bell.
pub const JUMP_EVENT_BELL: jump_event_type = 9;
/// The desktop has another name; JSON: `name`.
pub const JUMP_EVENT_NAME: jump_event_type = 10;
/// How far the transfer of this request id is; JSON: `done`, `total` or `null`. Of several the latest counts.
pub const JUMP_EVENT_PROGRESS: jump_event_type = 11;
/// The transfer of this request id is over: with `JUMP_OK` it is complete, and JSON has `bytes`; otherwise JSON has `error`.
pub const JUMP_EVENT_TRANSFERRED: jump_event_type = 12;
/// A program connected to a listener of the session; JSON: `from`, `to`, and `error` if it was refused. With `error` alone: the listener's
/// connections cannot be told any more.
pub const JUMP_EVENT_CONNECTION: jump_event_type = 13;
/// The broker wrote an event to its audit log; JSON: `sequence`, `event`. With another status than `JUMP_OK`: its events cannot be told
/// any more, and JSON has `error`; the broker and its log go on.
pub const JUMP_EVENT_AUDIT: jump_event_type = 14;
/// The connection to the broker is lost, and the status says how: `JUMP_ERR_CLOSED`, `JUMP_ERR_NETWORK` or `JUMP_ERR_TIMEOUT`. The session
/// may go on, but nobody tells why it will end, nor that it did: reads do.
pub const JUMP_EVENT_BROKER_LOST: jump_event_type = 15;

/// A rectangle in pixels, from the upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct jump_rect {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// To the right of `x`.
    pub width: u32,
    /// Below `y`.
    pub height: u32,
}

/// What is behind the handle, and waits in queues.
pub(crate) struct Event {
    kind: jump_event_type,
    request: u64,
    status: jump_status,
    json: CString,
    damage: Vec<jump_rect>,
}

impl Handle for Event {
    type C = jump_event;
    const KIND: u8 = 5;
    const NAME: &'static str = "jump_event";
}

impl Event {
    fn new(kind: jump_event_type, json: &Value) -> Self {
        Self {
            kind,
            request: 0,
            status: JUMP_OK,
            json: c_string(json.to_string()),
            damage: Vec::new(),
        }
    }

    const fn of_request(mut self, request: u64) -> Self {
        self.request = request;
        self
    }

    const fn with_status(mut self, status: jump_status) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn readable(id: u64) -> Self {
        Self::new(JUMP_EVENT_READABLE, &json!({})).of_request(id)
    }

    pub(crate) fn progress(request: u64, progress: Progress) -> Self {
        let json = json!({ "done": progress.done, "total": progress.total });
        Self::new(JUMP_EVENT_PROGRESS, &json).of_request(request)
    }

    pub(crate) fn transferred(request: u64, outcome: &Result<u64, Error>) -> Self {
        match outcome {
            Ok(bytes) => Self::new(JUMP_EVENT_TRANSFERRED, &json!({ "bytes": bytes })),
            Err(error) => Self::new(JUMP_EVENT_TRANSFERRED, &json!({ "error": error.to_string() }))
                .with_status(error.kind().number()),
        }
        .of_request(request)
    }

    pub(crate) fn connection(from: &str, to: &str, error: Option<&Error>) -> Self {
        let mut json = json!({ "from": from, "to": to });
        if let (Some(error), Some(fields)) = (error, json.as_object_mut()) {
            fields.insert("error".to_owned(), Value::String(error.to_string()));
        }
        let status = error.map_or(JUMP_OK, |error| error.kind().number());
        Self::new(JUMP_EVENT_CONNECTION, &json).with_status(status)
    }

    /// What happens at a listener is not known any more.
    pub(crate) fn connections_lost(error: &Error) -> Self {
        Self::new(JUMP_EVENT_CONNECTION, &json!({ "error": error.to_string() }))
            .with_status(error.kind().number())
    }

    pub(crate) fn audit(sequence: u64, event: &Value) -> Self {
        Self::new(JUMP_EVENT_AUDIT, &json!({ "sequence": sequence, "event": event }))
    }

    pub(crate) fn audit_lost(error: &Error) -> Self {
        Self::new(JUMP_EVENT_AUDIT, &json!({ "error": error.to_string() })).with_status(error.kind().number())
    }

    pub(crate) fn broker_lost(error: &Error) -> Self {
        Self::new(JUMP_EVENT_BROKER_LOST, &json!({ "error": error.to_string() }))
            .with_status(error.kind().number())
    }

    /// The end of a session, as the broker says it.
    pub(crate) fn ended(reason: &EndReason) -> Self {
        let json = json!({ "reason": reason, "text": reason.to_string() });
        let status = if reason.is_normal() {
            JUMP_OK
        } else {
            reason.to_error().kind().number()
        };
        Self::new(JUMP_EVENT_ENDED, &json).with_status(status)
    }

    /// An end that nobody gave a reason for but an error; `None` if it was in order.
    pub(crate) fn over(error: Option<&Error>) -> Self {
        let text = error.map_or_else(|| "closed".to_owned(), Error::to_string);
        let status = error.map_or(JUMP_OK, |error| error.kind().number());
        Self::new(JUMP_EVENT_ENDED, &json!({ "text": text })).with_status(status)
    }

    /// `None` for the end of a session, which is told apart.
    pub(crate) fn of_news(news: &SessionNews) -> Option<Self> {
        match news {
            SessionNews::Ending(ending) => {
                let json =
                    json!({ "at": ending.at, "seconds_left": ending.seconds_left, "rule": ending.rule });
                Some(Self::new(JUMP_EVENT_ENDING, &json))
            }
            _ => None,
        }
    }

    /// `None` for what this version has no event for.
    pub(crate) fn of_screen(event: ScreenEvent) -> Option<Self> {
        Some(match event {
            ScreenEvent::Damage(areas) => {
                let mut event = Self::new(JUMP_EVENT_DAMAGE, &json!({}));
                event.damage = areas.into_iter().map(rectangle).collect();
                event
            }
            ScreenEvent::Resized { width, height } => {
                Self::new(JUMP_EVENT_RESIZED, &json!({ "width": width, "height": height }))
            }
            ScreenEvent::Cursor(cursor) => {
                let json = cursor.map(|cursor| {
                    json!({
                        "width": cursor.picture.width,
                        "height": cursor.picture.height,
                        "hotspot_x": cursor.hotspot_x,
                        "hotspot_y": cursor.hotspot_y,
                    })
                });
                Self::new(JUMP_EVENT_CURSOR, &json.unwrap_or(Value::Null))
            }
            ScreenEvent::PointerMoved { x, y } => {
                Self::new(JUMP_EVENT_POINTER_MOVED, &json!({ "x": x, "y": y }))
            }
            ScreenEvent::Clipboard(text) => Self::new(JUMP_EVENT_CLIPBOARD, &json!({ "text": text })),
            ScreenEvent::Bell => Self::new(JUMP_EVENT_BELL, &json!({})),
            ScreenEvent::Name(name) => Self::new(JUMP_EVENT_NAME, &json!({ "name": name })),
            _ => return None,
        })
    }
}

const fn rectangle(area: Area) -> jump_rect {
    jump_rect {
        x: area.x,
        y: area.y,
        width: area.width,
        height: area.height,
    }
}

fn value<T>(event: *const jump_event, otherwise: T, of: impl FnOnce(&Event) -> T) -> T {
    guard_value(otherwise, || {
        table::get::<Event>(event, "event").map(|event| of(&event))
    })
}

/// What happened; `JUMP_EVENT_NONE` for NULL and for what is no living event.
#[unsafe(no_mangle)]
pub extern "C" fn jump_event_type_of(event: *const jump_event) -> jump_event_type {
    value(event, JUMP_EVENT_NONE, |event| event.kind)
}

/// What the event is about: the id of a shell, a stream or a transfer; otherwise 0.
#[unsafe(no_mangle)]
pub extern "C" fn jump_event_request_id(event: *const jump_event) -> u64 {
    value(event, 0, |event| event.request)
}

/// How what the event is about went; `JUMP_OK` if it is about no such thing.
#[unsafe(no_mangle)]
pub extern "C" fn jump_event_status(event: *const jump_event) -> jump_status {
    value(event, JUMP_OK, |event| event.status)
}

/// The event's details as JSON. It lives as long as the event. What a target or another user wrote is in it as it came: escape it
/// where you show it. NULL for NULL and for what is no living event.
#[unsafe(no_mangle)]
pub extern "C" fn jump_event_json(event: *const jump_event) -> *const c_char {
    value(event, std::ptr::null(), |event| event.json.as_ptr())
}

/// What has changed, of a `JUMP_EVENT_DAMAGE`: writes at most `capacity` rectangles to `rects`, which may be NULL if that is 0, and
/// gives how many there are, at most 64.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jump_event_damage(
    event: *const jump_event,
    rects: *mut jump_rect,
    capacity: usize,
) -> usize {
    guard_value(0, || {
        let event = table::get::<Event>(event, "event")?;
        if rects.is_null() && capacity > 0 {
            return Err(invalid("`rects` is NULL"));
        }
        for (place, rect) in event.damage.iter().take(capacity).enumerate() {
            // SAFETY: the caller passes room for as many rectangles as it says, and this is one of them.
            let out = unsafe { Out::new(rects.add(place)) };
            out.set(*rect);
        }
        Ok(event.damage.len())
    })
}

/// Frees an event. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jump_event_free(event: *mut jump_event) -> jump_status {
    guard_free(|| table::take::<Event>(event, "event").map(drop))
}
