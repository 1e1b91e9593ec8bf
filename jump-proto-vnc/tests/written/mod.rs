//! Recordings written in memory.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::io::Cursor;
use std::sync::LazyLock;
use std::time::Duration;

use jump_core::Result;
use jump_core::id::SessionId;
use jump_core::keys::SealingKey;
use jump_core::recording::codec::Encoder;
use jump_core::recording::{Record, RecordKind, RecordingInfo, RecordingReader};
use jump_core::secret::Secret;
use jump_core::session::RecordingMode;
use jump_core::time::Timestamp;

pub(crate) static KEY: LazyLock<SealingKey> = LazyLock::new(|| SealingKey::from_seed(Secret::new([1; 32])));

pub(crate) fn info() -> RecordingInfo {
    RecordingInfo {
        session: SessionId::from_bytes([7; 16]),
        user_name: "ada".to_owned(),
        item_name: "desk".to_owned(),
        protocol: "vnc".to_owned(),
        started: Timestamp::UNIX_EPOCH,
        mode: RecordingMode::BestEffort,
    }
}

/// Bytes that passed, and when, in milliseconds.
pub(crate) struct Part(pub(crate) u64, pub(crate) RecordKind, pub(crate) Vec<u8>);

pub(crate) struct Written {
    pub(crate) file: Vec<u8>,
    /// The length of its header.
    pub(crate) header: usize,
}

impl Written {
    /// A whole recording, one chunk for every part.
    pub(crate) fn new(parts: &[Part]) -> Self {
        Self::losing(parts, 0, usize::MAX)
    }

    /// The same, of which so many bytes were lost from the part with this number on.
    pub(crate) fn losing(parts: &[Part], lost: u64, from: usize) -> Self {
        let (mut encoder, mut file) = Encoder::new(&info(), &KEY.public()).unwrap();
        let header = file.len();
        for (index, Part(at, kind, bytes)) in parts.iter().enumerate() {
            let record = Record {
                at: Duration::from_millis(*at),
                channel: 0,
                kind: *kind,
                payload: bytes.clone().into(),
            };
            encoder.push(&record).unwrap();
            file.extend_from_slice(encoder.seal(if index >= from { lost } else { 0 }).unwrap());
            encoder.clear(1024);
        }
        file.extend_from_slice(encoder.finish(lost).unwrap());
        Self { file, header }
    }

    pub(crate) fn cut(&self, length: usize) -> Self {
        Self {
            file: self.file[..length].to_vec(),
            header: self.header,
        }
    }

    pub(crate) fn open(&self) -> Result<RecordingReader<Cursor<&[u8]>>> {
        RecordingReader::open(Cursor::new(&self.file), &KEY)
    }
}

/// What a PNG shows.
pub(crate) fn pixels_of_png(file: &[u8]) -> Vec<[u8; 4]> {
    let mut reader = ::png::Decoder::new(Cursor::new(file)).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut bytes).unwrap();
    assert_eq!(frame.color_type, ::png::ColorType::Rgb);
    bytes
        .chunks_exact(3)
        .map(|colour| [colour[0], colour[1], colour[2], 255])
        .collect()
}
