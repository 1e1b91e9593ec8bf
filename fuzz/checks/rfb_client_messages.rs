//! What must hold for any bytes that are taken for a client's messages. An ordinary test replays the corpus through this.

use jump_proto_vnc::wire::{ClientFramer, Input, limits};

/// The first byte says how long the pieces are and whether the mouse has more buttons.
pub(crate) fn check(data: &[u8]) {
    let Some((&first, stream)) = data.split_first() else {
        return;
    };
    let mut framer = ClientFramer::new();
    framer.set_extended_buttons(first & 0x80 != 0);
    let piece = usize::from(first & 0x7f).max(1);

    let mut input = Input::new(stream);
    let mut whole = Vec::new();
    let end = loop {
        match framer.next(&mut input) {
            Ok(Some(frame)) => {
                assert!(frame.raw.len() <= limits::MAX_CLIENT_MESSAGE_BYTES);
                let mut written = Vec::new();
                assert_eq!(framer.write(&frame.message, &mut written), Ok(()));
                let again = framer.next(&mut Input::new(&written));
                let again = again.ok().flatten().map(|again| again.message);
                assert_eq!(again.as_ref(), Some(&frame.message), "it says the same");
                whole.push(frame.raw.to_vec());
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert_eq!(whole.concat().len(), input.consumed());

    let mut held = Vec::new();
    let mut pieces = Vec::new();
    let mut failed = None;
    for piece in stream.chunks(piece) {
        held.extend_from_slice(piece);
        let mut input = Input::new(&held);
        loop {
            match framer.next(&mut input) {
                Ok(Some(frame)) => pieces.push(frame.raw.to_vec()),
                Ok(None) => break,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let read = input.consumed();
        held.drain(..read);
        if failed.is_some() {
            break;
        }
    }
    assert_eq!((pieces, failed), (whole, end), "pieces make no difference");
}
