//! What a server sent after its first words, in a file that every replayer reads.

use std::path::Path;

use jump_core::{Error, ErrorKind, Result};
use jump_proto_vnc::wire::{Input, PixelFormat, Size};

const OPERATION: &str = "keep a VNC server's stream";

/// A server's messages after ServerInit, and how they are to be read.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) size: Size,
    pub(crate) format: PixelFormat,
    pub(crate) messages: Vec<u8>,
}

impl Recording {
    /// U16 width and height, the pixel format (RFC 6143 §7.4), the messages.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut bytes = Vec::with_capacity(20 + self.messages.len());
        bytes.extend(self.size.width.to_be_bytes());
        bytes.extend(self.size.height.to_be_bytes());
        bytes.extend(self.format.to_bytes());
        bytes.extend(&self.messages);
        std::fs::write(path, bytes).map_err(|error| Error::from_io(ErrorKind::Storage, OPERATION, error))
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(path).map_err(|error| Error::from_io(ErrorKind::Storage, OPERATION, error))?;
        let mut input = Input::new(&bytes);
        let mut head = || Some((input.u16()?, input.u16()?, input.array()?, input.rest().to_vec()));
        let (width, height, format, messages) =
            head().ok_or_else(|| Error::new(ErrorKind::InvalidArgument, OPERATION, "it is cut"))?;
        let format = PixelFormat::read(&format).map_err(|error| error.into_error(OPERATION))?;
        Ok(Self {
            size: Size { width, height },
            format,
            messages,
        })
    }
}

#[cfg(test)]
mod tests {
    use jump_testkit::folder::Folder;

    use super::*;

    #[test]
    fn a_recording_survives_its_file_and_a_cut_one_is_refused() {
        let folder = Folder::new().unwrap();
        let path = folder.join("recording");
        let recording = Recording {
            size: Size {
                width: 1920,
                height: 1080,
            },
            format: PixelFormat::BGRX8888,
            messages: vec![2, 2],
        };
        recording.write(&path).unwrap();
        let read = Recording::read(&path).unwrap();
        assert_eq!(
            (read.size, read.format, &read.messages),
            (recording.size, recording.format, &recording.messages)
        );
        std::fs::write(&path, [0; 19]).unwrap();
        Recording::read(&path).unwrap_err();
    }
}
