//! The same messages for this painter and for IronRDP alone.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

use ironrdp_core::{Encode as _, encode_vec};
use ironrdp_graphics::image_processing::PixelFormat;
use ironrdp_graphics::rdp6::{BitmapStreamEncoder, RgbChannels};
use ironrdp_pdu::Action;
use ironrdp_pdu::fast_path::EncryptionFlags;
use ironrdp_session::image::DecodedImage;
use ironrdp_session::{ActiveStage, ActiveStageBuilder};
use ironrdp_svc::StaticChannelSet;
use jump_core::screen::Painted as _;
use proptest::prelude::*;

use super::super::painting::bands;
use super::*;

const SIZE: Size = Size {
    width: 37,
    height: 23,
};

fn stage() -> (ActiveStage, DecodedImage) {
    let stage = ActiveStageBuilder {
        static_channels: StaticChannelSet::new(),
        user_channel_id: 1002,
        io_channel_id: 1003,
        message_channel_id: None,
        share_id: 1,
        compression_type: None,
        enable_server_pointer: true,
        pointer_software_rendering: false,
    }
    .build();
    (
        stage,
        DecodedImage::new(PixelFormat::RgbA32, SIZE.width, SIZE.height),
    )
}

/// What callers would see, as the receiver does it: this painter's picture until it is handed over, IronRDP's then.
struct Client {
    bitmaps: Option<Bitmaps>,
    picture: Picture,
    stage: ActiveStage,
    image: DecodedImage,
    /// Parts of this painter.
    told: Vec<Area>,
}

impl Client {
    fn new() -> Self {
        let (stage, image) = stage();
        Self {
            bitmaps: Some(Bitmaps::default()),
            picture: Picture::new(SIZE).unwrap(),
            stage,
            image,
            told: Vec::new(),
        }
    }

    /// Says whether the session goes on.
    fn take(&mut self, message: &[u8]) -> bool {
        let action = action(message);
        if let Some(bitmaps) = &mut self.bitmaps {
            match bitmaps.sort(action, message) {
                Kind::Kept => return true,
                Kind::Bitmaps => {
                    if let Some(told) = bitmaps.paint(action, message, &mut self.picture) {
                        self.told.extend(told);
                        return true;
                    }
                    self.hand_over();
                }
                Kind::NotPainted => {}
                Kind::Others => self.hand_over(),
            }
        }
        let processed = self.stage.process(&mut self.image, action, message, None);
        if self.bitmaps.is_some() {
            assert_eq!(self.stage.take_damage_regions(), []);
        }
        processed.is_ok()
    }

    fn hand_over(&mut self) {
        let bitmaps = self.bitmaps.take().unwrap();
        if bitmaps.painted {
            self.stage
                .composite_rgba32(&mut self.image, bands(&self.picture))
                .unwrap();
        }
        for message in bitmaps.kept() {
            let _ = self
                .stage
                .process(&mut self.image, Action::FastPath, message, None);
        }
    }

    fn seen(&self) -> Vec<u8> {
        match self.bitmaps {
            Some(_) => self.picture.bytes().to_vec(),
            None => opaque(&self.image),
        }
    }
}

fn action(message: &[u8]) -> Action {
    ironrdp_pdu::find_size(message).unwrap().unwrap().action
}

fn opaque(image: &DecodedImage) -> Vec<u8> {
    let mut pixels = image.data().to_vec();
    for pixel in pixels.as_chunks_mut::<4>().0 {
        pixel[3] = 255;
    }
    pixels
}

/// How a bitmap comes.
#[derive(Clone, Copy, Debug)]
enum Codec {
    /// Uncompressed, of a depth in bits.
    Raw(u16),
    /// MS-RDPBCGR §2.2.9.1.1.3.1.2.4, of a depth in bits.
    Interleaved(u16),
    /// MS-RDPEGDI §2.2.2.5.1.
    Planar { rle: bool },
    /// Bytes that mean nothing.
    Garbage(u16),
}

#[derive(Clone, Debug)]
struct Bitmap {
    codec: Codec,
    left: u16,
    top: u16,
    width: u16,
    height: u16,
    /// Columns that are sent and not shown.
    more: u16,
    seed: u8,
}

impl Bitmap {
    fn area(&self) -> Area {
        Area {
            x: self.left.into(),
            y: self.top.into(),
            width: self.width.into(),
            height: self.height.into(),
        }
    }

    /// Bytes that differ from row to row and have runs.
    fn bytes(&self, length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| ((at / 5) as u8).wrapping_mul(self.seed | 1))
            .collect()
    }

    /// `TS_BITMAP_DATA`.
    fn encode(&self) -> Vec<u8> {
        let (width, height) = (usize::from(self.width + self.more), usize::from(self.height));
        let pixels = width * height;
        let (depth, flags, data) = match self.codec {
            Codec::Raw(depth) => {
                let row = (width * usize::from(depth.div_ceil(8))).next_multiple_of(4);
                (depth, 0, self.bytes(row * height))
            }
            Codec::Interleaved(depth) => {
                let bytes = usize::from(depth.div_ceil(8));
                let raw = self.bytes(pixels * bytes);
                let mut data = Vec::new();
                // Regular orders of a colour image: three bits of a code and five of a length (§2.2.9.1.1.3.1.2.4).
                for run in raw.chunks(31 * bytes) {
                    data.push(0x80 | (run.len() / bytes) as u8);
                    data.extend_from_slice(run);
                }
                (depth, 0x401, data)
            }
            Codec::Planar { rle } => {
                let raw = self.bytes(pixels * 3);
                let mut data = vec![0; pixels * 8 + 64];
                let length = BitmapStreamEncoder::new(width, height)
                    .encode_bitmap::<RgbChannels>(&raw, &mut data, rle)
                    .unwrap();
                data.truncate(length);
                (32, 0x401, data)
            }
            Codec::Garbage(depth) => (depth, 0x401, self.bytes(40)),
        };
        let mut encoded = Vec::new();
        let (right, bottom) = (self.left + self.width - 1, self.top + self.height - 1);
        let fields = [
            self.left,
            self.top,
            right,
            bottom,
            width as u16,
            self.height,
            depth,
            flags,
            data.len() as u16,
        ];
        encoded.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
        encoded.extend(data);
        encoded
    }
}

/// What a server sends.
#[derive(Clone, Debug)]
enum Sent {
    /// An update, cut into fragments at these places.
    Bitmaps { bitmaps: Vec<Bitmap>, cuts: Vec<usize> },
    /// On the channel of input and output.
    Slow(Bitmap),
    /// Two updates in a message.
    Pair(Bitmap, Bitmap),
    /// The pointer is hidden (MS-RDPBCGR §2.2.9.1.2.1.5).
    Pointer,
    /// The first fragment only.
    Begun(Bitmap),
}

fn update(bitmaps: &[Bitmap]) -> Vec<u8> {
    let mut update = vec![1, 0];
    update.extend((bitmaps.len() as u16).to_le_bytes());
    update.extend(bitmaps.iter().flat_map(Bitmap::encode));
    update
}

fn message(updates: &[(UpdateCode, Fragmentation, &[u8])]) -> Vec<u8> {
    let updates: Vec<u8> = updates
        .iter()
        .flat_map(|(update_code, fragmentation, data)| {
            let update = FastPathUpdatePdu {
                fragmentation: *fragmentation,
                update_code: *update_code,
                compression_flags: None,
                compression_type: None,
                data,
            };
            encode_vec(&update).unwrap()
        })
        .collect();
    let header = FastPathHeader::new(EncryptionFlags::empty(), updates.len());
    assert!(header.size() + updates.len() < 1 << 15, "it is one message");
    [encode_vec(&header).unwrap(), updates].concat()
}

/// A Share Data PDU with an update (MS-RDPBCGR §2.2.8.1.1.1.2).
fn slow(update: &[u8]) -> Vec<u8> {
    let mut content = ((update.len() + 18) as u16).to_le_bytes().to_vec();
    content.extend([0x17, 0, 0xea, 3, 1, 0, 0, 0, 0, 1]);
    content.extend((update.len() as u16 + 4).to_le_bytes());
    content.extend([number::UPDATE, 0, 0, 0]);
    content.extend_from_slice(update);
    crate::wire::send_data_indication(1002, 1003, &content).unwrap()
}

impl Sent {
    fn messages(&self) -> Vec<Vec<u8>> {
        let bitmap = UpdateCode::Bitmap;
        match self {
            Self::Bitmaps { bitmaps, cuts } => {
                let update = update(bitmaps);
                let mut places: Vec<usize> = cuts.iter().map(|cut| cut % update.len()).collect();
                places.sort_unstable();
                let starts = std::iter::once(0).chain(places.iter().copied());
                let ends = places.iter().copied().chain([update.len()]);
                let last = places.len();
                starts
                    .zip(ends)
                    .enumerate()
                    .map(|(number, (start, end))| {
                        let fragmentation = match number {
                            0 if last == 0 => Fragmentation::Single,
                            0 => Fragmentation::First,
                            number if number == last => Fragmentation::Last,
                            _ => Fragmentation::Next,
                        };
                        message(&[(bitmap, fragmentation, &update[start..end])])
                    })
                    .collect()
            }
            Self::Slow(bitmap) => vec![slow(&update(std::slice::from_ref(bitmap)))],
            Self::Pair(one, other) => {
                let (one, other) = (
                    update(std::slice::from_ref(one)),
                    update(std::slice::from_ref(other)),
                );
                let single = Fragmentation::Single;
                vec![message(&[(bitmap, single, &one), (bitmap, single, &other)])]
            }
            Self::Pointer => vec![message(&[(
                UpdateCode::HiddenPointer,
                Fragmentation::Single,
                &[],
            )])],
            Self::Begun(bitmap) => {
                let update = update(std::slice::from_ref(bitmap));
                vec![message(&[(UpdateCode::Bitmap, Fragmentation::First, &update)])]
            }
        }
    }
}

fn codec() -> impl Strategy<Value = Codec> {
    prop_oneof![
        prop::sample::select(vec![15u16, 16, 24, 32]).prop_map(Codec::Raw),
        prop::sample::select(vec![15u16, 16, 24]).prop_map(Codec::Interleaved),
        any::<bool>().prop_map(|rle| Codec::Planar { rle }),
    ]
}

/// Bitmaps on the screen.
fn bitmap(codec: impl Strategy<Value = Codec>) -> impl Strategy<Value = Bitmap> {
    (codec, 0..SIZE.width, 0..SIZE.height, 0u16..4, any::<u8>()).prop_flat_map(
        |(codec, left, top, more, seed)| {
            (1..=SIZE.width - left, 1..=SIZE.height - top).prop_map(move |(width, height)| Bitmap {
                codec,
                left,
                top,
                width,
                height,
                more,
                seed,
            })
        },
    )
}

/// What is painted here.
fn ours() -> impl Strategy<Value = Sent> {
    prop_oneof![
        4 => (prop::collection::vec(bitmap(codec()), 1..3), prop::collection::vec(0usize..4000, 0..4))
            .prop_map(|(bitmaps, cuts)| Sent::Bitmaps { bitmaps, cuts }),
        2 => bitmap(codec()).prop_map(Sent::Slow),
        1 => (bitmap(codec()), bitmap(codec())).prop_map(|(one, other)| Sent::Pair(one, other)),
        1 => Just(Sent::Pointer),
    ]
}

/// What is not: another codec, what is beyond the screen or cannot be decoded, or an update that never ends.
fn others() -> impl Strategy<Value = Sent> {
    let indexed = prop_oneof![
        Just(Codec::Raw(8)),
        Just(Codec::Interleaved(8)),
        prop::sample::select(vec![15u16, 16, 24, 32]).prop_map(Codec::Garbage),
    ];
    let beyond = bitmap(codec()).prop_map(|bitmap| Bitmap {
        left: SIZE.width - bitmap.width + 1,
        ..bitmap
    });
    let single = |bitmap| Sent::Bitmaps {
        bitmaps: vec![bitmap],
        cuts: Vec::new(),
    };
    prop_oneof![
        bitmap(indexed.clone()).prop_map(single),
        bitmap(indexed).prop_map(Sent::Slow),
        beyond.prop_map(single),
        bitmap(codec()).prop_map(Sent::Begun),
    ]
}

proptest! {
    #[test]
    fn bitmaps_look_as_ironrdp_paints_them(sent in prop::collection::vec(ours(), 1..12)) {
        let mut client = Client::new();
        let (mut stage, mut image) = stage();
        let mut wanted = Vec::new();
        for sent in &sent {
            for message in sent.messages() {
                prop_assert!(client.take(&message));
                let outputs = stage.process(&mut image, action(&message), &message, None);
                prop_assert!(outputs.is_ok());
            }
            match sent {
                Sent::Bitmaps { bitmaps, .. } => wanted.extend(bitmaps.iter().map(Bitmap::area)),
                Sent::Slow(bitmap) => wanted.push(bitmap.area()),
                Sent::Pair(one, other) => wanted.extend([one.area(), other.area()]),
                Sent::Pointer | Sent::Begun(_) => {}
            }
        }
        prop_assert!(client.bitmaps.is_some(), "all of it is painted without IronRDP");
        prop_assert!(client.seen() == opaque(&image));
        prop_assert_eq!(client.told, wanted);
    }

    #[test]
    fn what_is_handed_over_looks_as_if_ironrdp_had_painted_all(
        before in prop::collection::vec(ours(), 0..6),
        between in others(),
        after in prop::collection::vec(prop_oneof![ours(), others()], 0..6),
    ) {
        let mut client = Client::new();
        let (mut stage, mut image) = stage();
        let mut take = |sent: &Sent| {
            for message in sent.messages() {
                let _ = client.take(&message);
                let _ = stage.process(&mut image, action(&message), &message, None);
            }
            client.bitmaps.is_none()
        };
        let handed_over = before.iter().any(&mut take);
        prop_assert!(!handed_over);
        let handed_over = take(&between);
        let codec = match &between {
            Sent::Bitmaps { bitmaps, .. } => Some(bitmaps[0].codec),
            Sent::Slow(bitmap) => Some(bitmap.codec),
            _ => None,
        };
        // Of few pixels what means nothing may be a bitmap.
        if !matches!(codec, Some(Codec::Garbage(_))) {
            prop_assert_eq!(handed_over, !matches!(between, Sent::Begun(_)));
        }
        for sent in &after {
            take(sent);
        }
        prop_assert!(client.seen() == opaque(&image));
    }

    #[test]
    fn s27_damaged_bitmaps_are_painted_or_refused_as_ironrdp_does(
        sent in prop::collection::vec(prop_oneof![ours(), others()], 1..6),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1u8..), 1..5),
    ) {
        let mut messages: Vec<Vec<u8>> = sent.iter().flat_map(Sent::messages).collect();
        for (message, byte, change) in damage {
            let message = message.index(messages.len());
            let message = &mut messages[message];
            // Behind what says where the message ends and what channel it is on, which is looked at before.
            let head = match action(message) {
                Action::FastPath => 3,
                Action::X224 => 15,
            };
            let byte = head + byte.index(message.len() - head);
            message[byte] ^= change;
        }
        let mut client = Client::new();
        let (mut stage, mut image) = stage();
        for message in &messages {
            let goes_on = stage.process(&mut image, action(message), message, None).is_ok();
            prop_assert_eq!(client.take(message), goes_on);
            if !goes_on {
                break;
            }
        }
        prop_assert!(client.seen() == opaque(&image));
    }
}

#[test]
fn s27_an_update_that_never_ends_is_not_kept_for_ever() {
    let mut bitmaps = Bitmaps::default();
    let first = message(&[(UpdateCode::Bitmap, Fragmentation::First, &[])]);
    assert_eq!(bitmaps.sort(Action::FastPath, &first), Kind::Kept);
    // Empty fragments, which no bound on an update counts.
    let next = message(&[(UpdateCode::Bitmap, Fragmentation::Next, &[])]);
    let kept = (0..3_000_000).take_while(|_| bitmaps.sort(Action::FastPath, &next) == Kind::Kept);
    assert!(kept.count() < 2_000_000);
    assert!(bitmaps.kept.len() <= MAX_KEPT);
    assert_eq!(bitmaps.kept().next(), Some(&first[..]));
}

/// The messages of an update that is too large for one.
fn fragments(update: &[u8]) -> Vec<Vec<u8>> {
    let pieces: Vec<&[u8]> = update.chunks(16_000).collect();
    let last = pieces.len() - 1;
    let fragments = pieces.iter().enumerate().map(|(number, piece)| {
        let fragmentation = match number {
            number if number == last => Fragmentation::Last,
            0 => Fragmentation::First,
            _ => Fragmentation::Next,
        };
        message(&[(UpdateCode::Bitmap, fragmentation, piece)])
    });
    fragments.collect()
}

const ONE: Bitmap = Bitmap {
    codec: Codec::Raw(32),
    left: 0,
    top: 0,
    width: 1,
    height: 1,
    more: 64,
    seed: 3,
};

#[test]
fn large_updates_and_bitmaps_leave_no_large_buffers() {
    let mut bitmaps = Bitmaps::default();
    let mut picture = Picture::new(Size {
        width: 1000,
        height: 1000,
    })
    .unwrap();
    let large = Bitmap {
        codec: Codec::Interleaved(24),
        width: 1000,
        height: 20,
        ..ONE
    };
    for (bitmap, count) in [(ONE, 10_000), (large, 50)] {
        let update = update(&vec![bitmap; count]);
        assert!(update.len() > 2 << 20, "{} bytes", update.len());
        let messages = fragments(&update);
        let (last, first) = messages.split_last().unwrap();
        for message in first {
            assert_eq!(bitmaps.sort(Action::FastPath, message), Kind::Kept);
        }
        assert_eq!(bitmaps.sort(Action::FastPath, last), Kind::Bitmaps);
        let painted = bitmaps.paint(Action::FastPath, last, &mut picture);
        assert_eq!(painted.unwrap().len(), count);
        for buffer in [&bitmaps.kept, &bitmaps.update, &bitmaps.pixels] {
            assert!(buffer.capacity() <= MAX_SPARE);
        }
    }
    // One order of 24 bits, of which the rest is black.
    let mut tall = update(&[Bitmap {
        codec: Codec::Garbage(24),
        width: 1000,
        height: 1000,
        more: 0,
        ..ONE
    }]);
    tall.truncate(22);
    tall[20..22].copy_from_slice(&4u16.to_le_bytes());
    tall.extend([0x81, 1, 2, 3]);
    let tall = message(&[(UpdateCode::Bitmap, Fragmentation::Single, &tall)]);
    assert!(bitmaps.paint(Action::FastPath, &tall, &mut picture).is_some());
    assert!(bitmaps.pixels.capacity() <= MAX_SPARE);
}

#[test]
fn s27_what_takes_long_is_not_painted_while_nobody_sees_the_picture() {
    let mut bitmaps = Bitmaps::default();
    let size = Size {
        width: 1024,
        height: 1024,
    };
    let mut picture = Picture::new(size).unwrap();
    let whole = Bitmap {
        codec: Codec::Garbage(24),
        width: size.width,
        height: size.height,
        more: 0,
        ..ONE
    };
    let mut paint = |bitmaps: &mut Bitmaps, count: usize, bitmap: &Bitmap| {
        let one = update(std::slice::from_ref(bitmap));
        let mut head = one[4..20].to_vec();
        head.extend([4, 0, 0x81, 1, 2, 3]);
        let mut update = vec![1, 0];
        update.extend((count as u16).to_le_bytes());
        update.extend(head.repeat(count));
        let message = message(&[(UpdateCode::Bitmap, Fragmentation::Single, &update)]);
        bitmaps.paint(Action::FastPath, &message, &mut picture).is_some()
    };
    assert!(paint(&mut bitmaps, 4, &whole));
    assert!(!paint(&mut bitmaps, 5, &whole));
    let wide = |more| Bitmap {
        width: 1,
        more,
        ..whole.clone()
    };
    assert!(paint(&mut bitmaps, 1, &wide(64)));
    assert!(!paint(&mut bitmaps, 1, &wide(65)));
}
