//! What of each protocol's recordings can be told in words.

use std::io::Read;

use jump_core::Result;
use jump_core::recording::RecordingReader;
use jump_core::text::Escaped;
use jump_playback::{Decoder, Typed};
use jump_proto_rdp::recording as rdp;
use jump_proto_vnc::decode::UpdateEvent;
use jump_proto_vnc::recording::{self as vnc, Side};

/// A decoder whose events have words.
pub(super) trait Told: Decoder {
    /// What happened; `None` if it is seen in the picture, or is what the rep typed or copied and that is not asked for.
    fn words(event: &Self::Event, input: bool) -> Option<String>;

    /// What was typed, line by line.
    fn typed(records: RecordingReader<impl Read>, told: &mut dyn FnMut(Typed) -> Result<()>) -> Result<()>;
}

impl Told for vnc::ScreenDecoder {
    fn words(event: &Self::Event, input: bool) -> Option<String> {
        Some(match event {
            vnc::ScreenEvent::Opened { size, name } => {
                format!("screen of {}x{}: {}", size.width, size.height, Escaped(name))
            }
            vnc::ScreenEvent::Update(UpdateEvent::Resized(size)) => {
                format!("screen of {}x{}", size.width, size.height)
            }
            vnc::ScreenEvent::Update(UpdateEvent::Name(name)) => format!("name: {}", Escaped(name)),
            vnc::ScreenEvent::Clipboard { side: Side::Rep, .. } if !input => return None,
            vnc::ScreenEvent::Clipboard { side, text } => {
                let whose = match side {
                    Side::Target => "from the target",
                    Side::Rep => "to the target",
                };
                match text {
                    Ok(text) => format!("clipboard {whose}: {}", Escaped(text)),
                    Err(error) => format!("clipboard {whose} that cannot be read: {error}"),
                }
            }
            vnc::ScreenEvent::Power(code) => format!("power request {code}"),
            vnc::ScreenEvent::NotPassed { what, messages } => {
                format!("not passed on: {} ({messages} in a row)", what.text())
            }
            _ => return None,
        })
    }

    fn typed(records: RecordingReader<impl Read>, told: &mut dyn FnMut(Typed) -> Result<()>) -> Result<()> {
        vnc::typed(records, told)
    }
}

impl Told for rdp::ScreenDecoder {
    fn words(event: &Self::Event, _: bool) -> Option<String> {
        Some(match event {
            rdp::ScreenEvent::Opened { width, height } => format!("screen of {width}x{height}"),
            rdp::ScreenEvent::NotPassed { what, messages } => {
                format!("not passed on: {} ({messages} in a row)", what.text())
            }
            rdp::ScreenEvent::ChannelRefused { name, what } => {
                format!("channel refused: {} ({})", Escaped(name), what.text())
            }
            _ => return None,
        })
    }

    fn typed(records: RecordingReader<impl Read>, told: &mut dyn FnMut(Typed) -> Result<()>) -> Result<()> {
        rdp::typed(records, told)
    }
}
