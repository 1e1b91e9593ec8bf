//! Clipboards both ways: the extended one where the server has it, Latin-1 where not (RFC 6143 §7.5.6, §7.6.4; rfbproto
//! "Extended Clipboard Pseudo-Encoding").

use jump_core::{Error, ErrorKind, Result};

use super::shared::State;
use crate::RfbResult;
use crate::wire::clipboard::{self, Actions, ClipboardMessage, Formats};
use crate::wire::{ClientMessage, CutText, limits};

const OPERATION: &str = "set the target's clipboard";

/// Gives the server a text, or says that there is one where the server fetches it by itself.
pub(super) fn offer(state: &mut State, text: &str) -> Result<()> {
    let failed = |kind, message: &str| Err(Error::new(kind, OPERATION, message));
    if text.len() > limits::MAX_CLIPBOARD_BYTES {
        return failed(ErrorKind::ResourceLimit, "a clipboard has at most 1 MiB");
    }
    let (latin1, missing) = clipboard::latin1_bytes(text);
    let notifies = state
        .server
        .clipboard
        .map(|actions| actions.contains(Actions::NOTIFY));
    match notifies {
        None if missing > 0 => {
            let message = format!("the server takes Latin-1 only, and {missing} characters are not in it");
            return failed(ErrorKind::Unsupported, &message);
        }
        // A server that cannot be told that there is a text may be a library that takes it and drops it, because the program
        // around it knows only the old clipboard: libvncserver 0.9.14 in x11vnc. The old one is known to all of them.
        None | Some(false) if missing == 0 => {
            state.clipboard = Some(text.into());
            return state.push(OPERATION, &ClientMessage::CutText(CutText::Latin1(&latin1)));
        }
        _ => {}
    }
    // Checked now, as it may be sent later, when nobody is there to hear of it.
    let data = provide(text).map_err(|error| error.into_error(OPERATION))?;
    state.clipboard = Some(text.into());
    let message = match notifies {
        Some(true) => ClipboardMessage::Notify(Formats::TEXT),
        _ => data,
    };
    push(state, &message).map_err(|error| error.into_error(OPERATION))
}

/// What the server's clipboard said: its text, if it did; answers are appended.
pub(super) fn receive(state: &mut State, text: CutText<'_>) -> RfbResult<Option<String>> {
    let from_target = state.permissions.clipboard_from_target;
    let bytes = match text {
        CutText::Latin1(bytes) => return Ok(from_target.then(|| clipboard::latin1_text(bytes))),
        CutText::Extended(bytes) => bytes,
    };
    match ClipboardMessage::read(bytes)? {
        ClipboardMessage::Capabilities { actions, formats } => {
            if formats.iter().any(|(format, _)| *format == Formats::TEXT) {
                state.server.clipboard = Some(actions);
            }
            let most = u32::try_from(limits::MAX_CLIPBOARD_BYTES).unwrap_or(u32::MAX);
            push(
                state,
                &ClipboardMessage::Capabilities {
                    actions: Actions::ALL,
                    formats: vec![(Formats::TEXT, most)],
                },
            )?;
        }
        ClipboardMessage::Notify(formats) if from_target && formats.contains(Formats::TEXT) => {
            push(state, &ClipboardMessage::Request(Formats::TEXT))?;
        }
        ClipboardMessage::Request(formats) if formats.contains(Formats::TEXT) => {
            if let Some(text) = state.clipboard.clone() {
                push(state, &provide(&text)?)?;
            }
        }
        ClipboardMessage::Peek => {
            let formats = match state.clipboard {
                Some(_) => Formats::TEXT,
                None => Formats::default(),
            };
            push(state, &ClipboardMessage::Notify(formats))?;
        }
        ClipboardMessage::Provide(contents) if from_target => {
            if let Some((_, data)) = contents.iter().find(|(format, _)| *format == Formats::TEXT) {
                return clipboard::text(data).map(Some);
            }
        }
        ClipboardMessage::Notify(_) | ClipboardMessage::Request(_) | ClipboardMessage::Provide(_) => {}
    }
    Ok(None)
}

fn provide(text: &str) -> RfbResult<ClipboardMessage> {
    let data = clipboard::text_data(text)?;
    let message = ClipboardMessage::Provide(vec![(Formats::TEXT, data)]);
    message.to_bytes().map(|_| message)
}

fn push(state: &mut State, message: &ClipboardMessage) -> RfbResult<()> {
    let bytes = message.to_bytes()?;
    state
        .outbox
        .push(&ClientMessage::CutText(CutText::Extended(&bytes)))
}
