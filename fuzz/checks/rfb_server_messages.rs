//! What must hold for any bytes that are taken for a server's first words and messages. An ordinary test replays the
//! corpus through this.

use jump_proto_vnc::wire::{Input, ServerInit, ServerMessage, limits};

pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    match ServerInit::read(&mut input) {
        Ok(Some(init)) => {
            assert!(init.name.len() <= limits::MAX_NAME_BYTES);
            assert!(init.size.pixels() * 4 <= limits::MAX_FRAMEBUFFER_BYTES);
            let mut written = Vec::new();
            assert_eq!(init.write(&mut written), Ok(()));
            assert_eq!(ServerInit::read(&mut Input::new(&written)), Ok(Some(init)));
        }
        Ok(None) => assert_eq!(input.consumed(), 0),
        Err(_) => {}
    }
    // Whether or not it said hello.
    for mut input in [input, Input::new(data)] {
        while let Ok(Some(frame)) = ServerMessage::next(&mut input) {
            let mut written = Vec::new();
            assert_eq!(frame.message.write(&mut written), Ok(()));
            assert_eq!(written.len(), frame.raw.len());
            let again = ServerMessage::next(&mut Input::new(&written)).ok().flatten();
            assert_eq!(again.map(|again| again.message), Some(frame.message));
            if let Some((_, cut)) = frame.raw.split_last() {
                let mut cut = Input::new(frame.raw.get(..cut.len()).unwrap_or_default());
                assert_eq!(ServerMessage::next(&mut cut), Ok(None), "no end, no message");
            }
        }
    }
}
