//! Handles: numbers that look like pointers.
//!
//! C gets an opaque pointer that is never dereferenced: it is made of the kind of the object, the place in a table, and how often
//! that place was given away before. So every wrong use that C makes possible, of a handle that was freed, of one of another kind,
//! of memory that never was a handle, is found by looking it up, and is an error. With real addresses it could not be.
//!
//! The table is the one thing that all contexts of a process share, and it holds nothing that a context's behaviour depends on. An
//! object is reference counted: whoever frees a handle takes it out of the table, and calls that run on other threads end with
//! the object still there.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use jump_core::{Error, ErrorKind, Result};

/// What can be behind a handle.
pub(crate) trait Handle: Send + Sync + Sized + 'static {
    /// The opaque type that C sees.
    type C;
    /// Its kind, from 1; each has its own.
    const KIND: u8;
    /// The type's name in C.
    const NAME: &'static str;
}

/// Names by kind, for messages about a handle of another kind.
const NAMES: [&str; 18] = [
    "nothing",
    "jump_error",
    "jump_buf",
    "jump_secret",
    "jump_context",
    "jump_event",
    "jump_login",
    "jump_rep",
    "jump_session",
    "jump_shell",
    "jump_stream",
    "jump_listener",
    "jump_frame",
    "jump_world",
    "jump_broker",
    "jump_jumpoint",
    "jump_jumpoint_identity",
    "jump_broker_options",
];

/// No address that a program can have begins like this (bits 48 to 63), so that following a handle faults at once.
const TAG: u64 = 0xA5 << 56;
const KIND_SHIFT: u32 = 48;
const GENERATION_SHIFT: u32 = 24;
const FIELD: u64 = (1 << 24) - 1;

const _: () = assert!(usize::BITS == 64, "a handle needs 64 bits");

struct Slot {
    generation: u32,
    kind: u8,
    object: Option<Arc<dyn Any + Send + Sync>>,
}

struct Shard {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

const SHARDS: usize = 16;
static TABLE: [RwLock<Shard>; SHARDS] = [const {
    RwLock::new(Shard {
        slots: Vec::new(),
        free: Vec::new(),
    })
}; SHARDS];
static NEXT: AtomicUsize = AtomicUsize::new(0);

struct Place {
    kind: u8,
    generation: u32,
    shard: usize,
    index: usize,
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "look at a handle", message)
}

fn shard(number: usize) -> &'static RwLock<Shard> {
    // The remainder keeps it within the array.
    TABLE.get(number % SHARDS).unwrap_or(&TABLE[0])
}

fn decode(handle: u64) -> Option<Place> {
    let kind = ((handle >> KIND_SHIFT) & 0xff) as u8;
    if handle >> 56 != TAG >> 56 || kind == 0 || usize::from(kind) >= NAMES.len() {
        return None;
    }
    let place = (handle & FIELD) as usize;
    Some(Place {
        kind,
        generation: ((handle >> GENERATION_SHIFT) & FIELD) as u32,
        shard: place % SHARDS,
        index: place / SHARDS,
    })
}

/// Gives an object a handle.
///
/// # Errors
/// [`ErrorKind::ResourceLimit`] if a million handles per shard are taken.
pub(crate) fn put<T: Handle>(object: T) -> Result<*mut T::C> {
    put_shared(Arc::new(object))
}

/// The same for an object that is known elsewhere, too.
pub(crate) fn put_shared<T: Handle>(object: Arc<T>) -> Result<*mut T::C> {
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    let mut shard = shard(number).write().unwrap_or_else(PoisonError::into_inner);
    let index = match shard.free.pop() {
        Some(index) => index as usize,
        None if shard.slots.len() < (FIELD as usize) / SHARDS => {
            shard.slots.push(Slot {
                generation: 0,
                kind: 0,
                object: None,
            });
            shard.slots.len() - 1
        }
        None => {
            let message = "there are too many handles: free some";
            return Err(Error::new(ErrorKind::ResourceLimit, "make a handle", message));
        }
    };
    let Some(slot) = shard.slots.get_mut(index) else {
        return Err(Error::new(
            ErrorKind::Internal,
            "make a handle",
            "its place is gone",
        ));
    };
    slot.generation += 1;
    slot.kind = T::KIND;
    slot.object = Some(object);
    let place = (index * SHARDS + number) as u64;
    let handle =
        TAG | u64::from(T::KIND) << KIND_SHIFT | u64::from(slot.generation) << GENERATION_SHIFT | place;
    Ok(std::ptr::without_provenance_mut(handle as usize))
}

/// What the handle is of, and that it can be of `T`.
fn place_of<T: Handle>(handle: *const T::C, parameter: &'static str) -> Result<Place> {
    if handle.is_null() {
        return Err(wrong(format!("`{parameter}` is NULL")));
    }
    let place = decode(handle.addr() as u64)
        .ok_or_else(|| wrong(format!("`{parameter}` is no handle of this library")))?;
    if place.kind != T::KIND {
        let is = NAMES.get(usize::from(place.kind)).unwrap_or(&"something else");
        return Err(wrong(format!("`{parameter}` is a {is}, not a {}", T::NAME)));
    }
    Ok(place)
}

fn freed(parameter: &'static str) -> Error {
    wrong(format!("`{parameter}` was freed already"))
}

/// The object behind a handle.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for NULL and for what is no living handle of this kind.
pub(crate) fn get<T: Handle>(handle: *const T::C, parameter: &'static str) -> Result<Arc<T>> {
    let place = place_of::<T>(handle, parameter)?;
    let shard = shard(place.shard).read().unwrap_or_else(PoisonError::into_inner);
    let slot = shard.slots.get(place.index);
    let object = slot
        .filter(|slot| slot.generation == place.generation && slot.kind == place.kind)
        .and_then(|slot| slot.object.clone())
        .ok_or_else(|| freed(parameter))?;
    drop(shard);
    object.downcast::<T>().map_err(|_| freed(parameter))
}

/// Takes the object out of the table; `None` for NULL.
///
/// # Errors
/// As [`get`].
pub(crate) fn take<T: Handle>(handle: *mut T::C, parameter: &'static str) -> Result<Option<Arc<T>>> {
    if handle.is_null() {
        return Ok(None);
    }
    let place = place_of::<T>(handle, parameter)?;
    let mut shard = shard(place.shard).write().unwrap_or_else(PoisonError::into_inner);
    let slot = shard.slots.get_mut(place.index);
    let slot = slot
        .filter(|slot| slot.generation == place.generation && slot.kind == place.kind)
        .ok_or_else(|| freed(parameter))?;
    let object = slot.object.take().ok_or_else(|| freed(parameter))?;
    // A place whose generations are used up is never given away again.
    if u64::from(slot.generation) < FIELD {
        shard.free.push(place.index as u32);
    }
    // Objects are dropped without the lock: what they hold may free handles.
    drop(shard);
    object.downcast::<T>().map(Some).map_err(|_| freed(parameter))
}

/// How many handles are alive.
pub(crate) fn count() -> u64 {
    TABLE
        .iter()
        .map(|shard| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.slots.iter().filter(|slot| slot.object.is_some()).count() as u64
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;
    struct Other;

    impl Handle for One {
        type C = One;
        const KIND: u8 = 1;
        const NAME: &'static str = "one";
    }

    impl Handle for Other {
        type C = Other;
        const KIND: u8 = 2;
        const NAME: &'static str = "other";
    }

    fn said<T>(result: Result<T>) -> String {
        let error = result.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        error.context().to_owned()
    }

    #[test]
    fn a_handle_is_good_until_it_is_freed_and_for_its_own_kind_only() {
        let handle = put(One).unwrap();
        get::<One>(handle, "it").unwrap();
        assert_eq!(
            said(get::<Other>(handle.cast(), "it")),
            "`it` is a jump_error, not a other"
        );
        take::<One>(handle, "it").unwrap().unwrap();
        assert_eq!(said(get::<One>(handle, "it")), "`it` was freed already");
        assert_eq!(said(take::<One>(handle, "it")), "`it` was freed already");
        // Whoever gets the place next is somebody else.
        let others: Vec<_> = (0..2 * SHARDS).map(|_| put(One).unwrap()).collect();
        assert!(!others.contains(&handle));
        assert_eq!(said(get::<One>(handle, "it")), "`it` was freed already");
        for other in others {
            take::<One>(other, "it").unwrap();
        }
    }

    #[test]
    fn what_never_was_a_handle_is_refused() {
        let here = 1_u64;
        assert_eq!(said(get::<One>(std::ptr::null(), "it")), "`it` is NULL");
        for address in [
            std::ptr::from_ref(&here).addr(),
            1,
            usize::MAX,
            (TAG | FIELD) as usize,
        ] {
            let handle = std::ptr::without_provenance::<One>(address);
            assert_eq!(
                said(get::<One>(handle, "it")),
                "`it` is no handle of this library"
            );
        }
        let never_given = TAG | 1 << KIND_SHIFT | 1 << GENERATION_SHIFT | FIELD;
        let handle = std::ptr::without_provenance::<One>(never_given as usize);
        assert_eq!(said(get::<One>(handle, "it")), "`it` was freed already");
    }
}
