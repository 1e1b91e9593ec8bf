//! What must hold for any bytes that are taken for a message of the extended clipboard. An ordinary test replays the
//! corpus through this.

use jump_proto_vnc::wire::clipboard::{
    ClipboardMessage, Formats, latin1_bytes, latin1_text, text, text_data,
};
use jump_proto_vnc::wire::limits;

pub(crate) fn check(data: &[u8]) {
    let plain = latin1_text(data);
    assert_eq!(latin1_bytes(&plain).1, 0, "Latin-1 has all of it");
    let Ok(message) = ClipboardMessage::read(data) else {
        return;
    };
    if let ClipboardMessage::Provide(contents) = &message {
        let all: usize = contents.iter().map(|(_, data)| data.len()).sum();
        assert!(all <= limits::MAX_CLIPBOARD_BYTES + 64);
        for (format, data) in contents {
            if let (Formats::TEXT, Ok(read)) = (*format, text(data)) {
                let written = text_data(&read);
                assert_eq!(written.and_then(|written| text(&written)), Ok(read));
            }
        }
    }
    // At the very limit the compressed form can be longer than the data.
    if let Ok(bytes) = message.to_bytes() {
        assert_eq!(ClipboardMessage::read(&bytes), Ok(message));
    }
}
