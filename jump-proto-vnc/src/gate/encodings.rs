//! Which encodings a viewer and a target may agree on.

use crate::wire::{ClientFramer, ClientMessage, Encoding};

/// Clamps what a viewer lists to what can be measured on the way and decoded in a recording, all of it by the one table of
/// [`Encoding::kind`]: everything else is left out.
///
/// More than eight mouse buttons are left out: a pointer's message then has one length always. The extended clipboard is
/// left out unless both directions are permitted, as it needs both to work; text in Latin-1 goes on.
pub(super) fn clamp(listed: Vec<Encoding>, clipboard: bool) -> Vec<Encoding> {
    let mut kept = Vec::with_capacity(listed.len());
    for encoding in listed {
        let allowed = encoding.kind().is_some()
            && encoding != Encoding::EXTENDED_MOUSE_BUTTONS
            && (clipboard || encoding != Encoding::EXTENDED_CLIPBOARD);
        if allowed && !kept.contains(&encoding) {
            kept.push(encoding);
        }
    }
    kept
}

/// The message with these encodings.
///
/// # Errors
/// Never in practice: there are no more of them than were read.
pub(super) fn message(encodings: Vec<Encoding>, output: &mut Vec<u8>) -> crate::RfbResult<()> {
    ClientFramer::new().write(&ClientMessage::SetEncodings(encodings), output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_agreed_on() {
        let listed = vec![
            Encoding::TIGHT,
            Encoding(22),
            Encoding::compression(0),
            Encoding::compression(0),
            Encoding::EXTENDED_CLIPBOARD,
            Encoding::EXTENDED_MOUSE_BUTTONS,
            Encoding(-309),
            Encoding::RAW,
        ];
        let kept = [Encoding::TIGHT, Encoding::compression(0)];
        assert_eq!(
            clamp(listed.clone(), false),
            [&kept[..], &[Encoding::RAW]].concat()
        );
        let both = [&kept[..], &[Encoding::EXTENDED_CLIPBOARD, Encoding::RAW]].concat();
        assert_eq!(clamp(listed, true), both);
    }
}
