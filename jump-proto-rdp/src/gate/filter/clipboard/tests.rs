//! Two ends that do what MS-RDPECLIP says, and a gate between them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

use proptest::prelude::*;

use super::*;
use crate::wire::{Domain, domain};

const LINE: Line = Line {
    user: 1007,
    channel: 1004,
};
const TEXT: u32 = 13;
const FILES: u32 = 0xc00a;
const FAILED: u16 = 2;

fn message(kind: Kind, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut message = (kind as u16).to_le_bytes().to_vec();
    message.extend_from_slice(&flags.to_le_bytes());
    message.extend_from_slice(&(body.len() as u32).to_le_bytes());
    message.extend_from_slice(body);
    message
}

fn capabilities() -> Vec<u8> {
    message(
        Kind::Capabilities,
        0,
        &[1, 0, 0, 0, 1, 0, 12, 0, 2, 0, 0, 0, 0x3e, 0, 0, 0],
    )
}

/// Text, and the list of files if there are any.
fn list(files: bool) -> Vec<u8> {
    let mut body = TEXT.to_le_bytes().to_vec();
    body.extend_from_slice(&[0, 0]);
    if files {
        body.extend_from_slice(&FILES.to_le_bytes());
        body.extend("FileGroupDescriptorW\0".encode_utf16().flat_map(u16::to_le_bytes));
    }
    message(Kind::FormatList, 0, &body)
}

/// What a side tells the other, of which nothing else may pass.
fn secret(side: Side, id: u32) -> Vec<u8> {
    format!("{side:?} has {id} ").repeat(40).into_bytes()
}

/// One end: what it has not sent, what it has received, and what it answers by itself.
#[derive(Debug, Default)]
struct End {
    chunks: VecDeque<Vec<u8>>,
    received: Vec<u8>,
    total: usize,
    heard: Vec<(Kind, u16, Vec<u8>)>,
    /// Whether the other is the real one's clipboard, as it sees it.
    formats: Vec<u32>,
}

impl End {
    fn say(&mut self, content: &[u8], size: usize) {
        let total = (content.len() as u32).to_le_bytes();
        let parts = content.chunks(size).count();
        for (index, part) in content.chunks(size).enumerate() {
            let flags = u32::from(index == 0) | u32::from(index + 1 == parts) << 1;
            self.chunks
                .push_back([&total[..], &flags.to_le_bytes(), part].concat());
        }
    }

    /// Takes whole messages of MCS with chunks in order; answers what is to be answered.
    fn hear(&mut self, side: Side, mut bytes: &[u8], size: usize) {
        while !bytes.is_empty() {
            let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
            let (one, rest) = bytes.split_at(length);
            bytes = rest;
            let data = match (domain(one).unwrap(), side) {
                (Domain::SendDataIndication(data), Side::Client)
                | (Domain::SendDataRequest(data), Side::Server) => data,
                other => panic!("{other:?}"),
            };
            let chunk = &one[data.range];
            let head = ChunkHead::read(chunk).unwrap();
            assert_eq!(head.first, self.received.is_empty(), "chunks are in order");
            if head.first {
                self.total = head.total;
            }
            assert_eq!(head.total, self.total, "no message begins within another");
            self.received.extend_from_slice(&chunk[ChunkHead::LENGTH..]);
            if head
                .left(head.total + chunk.len() - ChunkHead::LENGTH - self.received.len())
                .unwrap()
                == 0
            {
                let whole = std::mem::take(&mut self.received);
                self.take(side, &whole, size);
            }
        }
    }

    fn take(&mut self, side: Side, whole: &[u8], size: usize) {
        let header = Header::read(whole, whole.len()).unwrap();
        let body = whole[clipboard::HEADER..].to_vec();
        match header.kind {
            Kind::FormatList => {
                self.formats = clipboard::formats(whole, true)
                    .unwrap()
                    .iter()
                    .map(|format| format.id)
                    .collect();
                self.say(&clipboard::heard(), size);
            }
            Kind::DataRequest => {
                let id = clipboard::number(whole).unwrap();
                self.say(&message(Kind::DataResponse, 1, &secret(side, id)), size);
            }
            Kind::FileRequest => {
                let stream = clipboard::number(whole).unwrap();
                let body = [&stream.to_le_bytes()[..], &secret(side, stream)].concat();
                self.say(&message(Kind::FileResponse, 1, &body), size);
            }
            _ => {}
        }
        self.heard.push((header.kind, header.flags, body));
    }

    fn heard(&self, kind: Kind) -> Vec<(u16, &[u8])> {
        let heard = self.heard.iter().filter(|(heard, ..)| *heard == kind);
        heard.map(|(_, flags, body)| (*flags, body.as_slice())).collect()
    }
}

struct Between {
    clipboard: Clipboard,
    client: End,
    server: End,
    size: usize,
    dropped: Vec<Refused>,
}

impl Between {
    fn new(permissions: &SessionPermissions, size: usize) -> Self {
        let mut between = Self {
            clipboard: Clipboard::new(permissions),
            client: End::default(),
            server: End::default(),
            size,
            dropped: Vec::new(),
        };
        between.server.say(&capabilities(), size);
        between.server.say(&message(Kind::MonitorReady, 0, &[]), size);
        between.run();
        between.client.say(&capabilities(), size);
        between
            .client
            .say(&message(Kind::TempDirectory, 0, &[b'C'; 520]), size);
        between.client.say(&list(false), size);
        between.run();
        between
    }

    fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Lets a side send its next chunk.
    fn step(&mut self, side: Side) -> bool {
        let Some(chunk) = self.end(side).chunks.pop_front() else {
            return false;
        };
        let said = match side {
            Side::Client => send_data_request(LINE.user, LINE.channel, &chunk),
            Side::Server => send_data_indication(LINE.user, LINE.channel, &chunk),
        }
        .unwrap();
        let Ok(Domain::SendDataRequest(data) | Domain::SendDataIndication(data)) = domain(&said) else {
            panic!("{said:?}");
        };
        let verdict = self
            .clipboard
            .judge(side, LINE, BytesMut::from(&said[..]), data.range)
            .unwrap();
        self.dropped.extend(verdict.dropped);
        let size = self.size;
        if let Forward::Bytes(bytes) = verdict.forward {
            self.end(side.other()).hear(side.other(), &bytes, size);
        }
        for said_by in [side, side.other()] {
            let answers = self.clipboard.take_answers(said_by);
            self.end(said_by.other()).hear(said_by.other(), &answers, size);
        }
        true
    }

    fn run(&mut self) {
        while self.step(Side::Client) || self.step(Side::Server) {}
        assert!(!self.clipboard.waits(Side::Client) && !self.clipboard.waits(Side::Server));
    }
}

fn permitted(to_target: bool, from_target: bool, upload: bool, download: bool) -> SessionPermissions {
    let mut permissions = SessionPermissions::ALL;
    permissions.clipboard_to_target = to_target;
    permissions.clipboard_from_target = from_target;
    permissions.file_upload = upload;
    permissions.file_download = download;
    permissions
}

#[test]
fn a_direction_that_is_not_permitted_looks_like_an_empty_clipboard() {
    let mut between = Between::new(&permitted(false, true, true, true), 1600);
    assert_eq!(
        between.server.heard(Kind::FormatList),
        [(0, &[][..])],
        "it begins"
    );
    assert!(
        between.server.heard(Kind::TempDirectory).len() == 1,
        "the target has files"
    );
    between.client.say(&list(false), 1600);
    between.run();
    assert_eq!(between.server.heard(Kind::FormatList).len(), 1);
    assert_eq!(between.client.heard(Kind::FormatListResponse).len(), 2);
    between
        .server
        .say(&message(Kind::DataRequest, 0, &TEXT.to_le_bytes()), 1600);
    between.run();
    assert_eq!(between.server.heard(Kind::DataResponse), [(FAILED, &[][..])]);
    assert!(between.client.heard(Kind::DataRequest).is_empty());
    assert!(
        between
            .dropped
            .iter()
            .all(|what| *what == Refused::ClipboardToTarget)
    );
    // Data that nobody asked for.
    between
        .client
        .say(&message(Kind::DataResponse, 1, &secret(Side::Client, TEXT)), 1600);
    between.run();
    assert_eq!(between.server.heard(Kind::DataResponse).len(), 1);

    let mut between = Between::new(&permitted(true, false, false, false), 1600);
    between.server.say(&list(false), 1600);
    between.run();
    assert!(between.client.heard(Kind::FormatList).is_empty() && between.client.formats.is_empty());
    assert_eq!(between.server.heard(Kind::FormatListResponse).len(), 1);
    assert!(
        between.server.heard(Kind::TempDirectory).is_empty(),
        "no files, no folder"
    );
    assert_eq!(between.server.formats, [TEXT]);
}

#[test]
fn files_are_left_out_and_the_rest_passes() {
    let mut between = Between::new(&permitted(true, true, false, true), 1600);
    between.client.say(&list(true), 1600);
    between.server.say(&list(true), 1600);
    between.run();
    assert_eq!(
        (&between.server.formats[..], &between.client.formats[..]),
        (&[TEXT][..], &[TEXT, FILES][..])
    );
    for id in [FILES, 15] {
        between
            .server
            .say(&message(Kind::DataRequest, 0, &id.to_le_bytes()), 1600);
    }
    let request = [&7_u32.to_le_bytes()[..], &[0; 20]].concat();
    between.server.say(&message(Kind::FileRequest, 0, &request), 1600);
    between.run();
    assert_eq!(between.server.heard(Kind::DataResponse), [(FAILED, &[][..]); 2]);
    assert_eq!(
        between.server.heard(Kind::FileResponse),
        [(FAILED, &7_u32.to_le_bytes()[..])]
    );
    assert!(between.client.heard(Kind::DataRequest).is_empty());
    between.client.say(&message(Kind::FileRequest, 0, &request), 1600);
    between.run();
    assert_eq!(between.client.heard(Kind::FileResponse)[0].0, 1);
    assert!(
        between
            .dropped
            .iter()
            .all(|what| *what == Refused::ClipboardFiles)
    );
}

#[test]
fn what_is_no_clipboards_message_ends_the_session() {
    let wrong = [
        (Side::Client, message(Kind::MonitorReady, 0, &[])),
        (Side::Server, message(Kind::TempDirectory, 0, &[0; 520])),
        (Side::Client, vec![12, 0, 0, 0, 0, 0, 0, 0]),
        (Side::Client, vec![2, 0, 0, 0, 9, 0, 0, 0]),
        (Side::Server, message(Kind::DataRequest, 0, &[])),
    ];
    for (side, content) in wrong {
        let mut clipboard = Clipboard::new(&SessionPermissions::ALL);
        assert!(judge(&mut clipboard, side, &content).is_err(), "{content:?}");
    }
}

/// What becomes of a short message.
fn judge(clipboard: &mut Clipboard, side: Side, content: &[u8]) -> RdpResult<Verdict> {
    let chunk: Vec<u8> = in_chunks(content).next().unwrap();
    let said = send_data_request(LINE.user, LINE.channel, &chunk).unwrap();
    let start = said.len() - chunk.len();
    clipboard.judge(side, LINE, BytesMut::from(&said[..]), start..said.len())
}

#[test]
fn files_that_may_not_pass_are_neither_announced_nor_kept_nor_given_unasked() {
    // The general capability's flags: long names, and four of files (MS-RDPECLIP §2.2.2.1.1.1).
    let flags = |end: &End| end.heard(Kind::Capabilities)[0].1[12];
    let mut between = Between::new(&permitted(true, true, false, true), 1600);
    assert_eq!((flags(&between.client), flags(&between.server)), (0x3e, 0x3e));
    for side in [Side::Client, Side::Server] {
        between.end(side).say(&message(Kind::Lock, 0, &[0; 4]), 1600);
        between.end(side).say(&message(Kind::Unlock, 0, &[0; 4]), 1600);
        between
            .end(side)
            .say(&message(Kind::FileResponse, 1, &secret(side, 0)), 1600);
    }
    between.run();
    for kind in [Kind::Lock, Kind::Unlock] {
        assert_eq!(
            (between.server.heard(kind).len(), between.client.heard(kind).len()),
            (1, 0),
            "only the server's files can be had"
        );
    }
    assert_eq!(between.client.heard(Kind::FileResponse).len(), 1);
    assert!(between.server.heard(Kind::FileResponse).is_empty());
    assert_eq!(between.dropped, [Refused::ClipboardFiles]);

    let between = Between::new(&permitted(true, true, false, false), 1600);
    assert_eq!((flags(&between.client), flags(&between.server)), (2, 2));
}

#[test]
fn a_list_is_confirmed_once() {
    let mut between = Between::new(&SessionPermissions::ALL, 1600);
    for side in [Side::Client, Side::Server] {
        between.end(side).say(&clipboard::heard(), 1600);
    }
    between.run();
    // The client's first list was; the server has listed nothing.
    assert_eq!(between.client.heard(Kind::FormatListResponse).len(), 1);
    assert!(between.server.heard(Kind::FormatListResponse).is_empty());
}

#[test]
fn a_side_that_asks_and_asks_ends_the_session() {
    let ask = message(Kind::DataRequest, 0, &TEXT.to_le_bytes());
    let mut clipboard = Clipboard::new(&SessionPermissions::ALL);
    for _ in 0..MOST_REQUESTS {
        judge(&mut clipboard, Side::Server, &ask).unwrap();
    }
    let more = judge(&mut clipboard, Side::Server, &ask);
    assert!(matches!(more, Err(RdpError::Limit(_))), "{more:?}");

    // Nothing is taken as long as a message of the client's own is under way: what it is asked for meanwhile waits.
    let mut clipboard = Clipboard::new(&permitted(false, true, false, false));
    let refused = (0..MOST_ANSWERS).find_map(|_| {
        let judged = judge(&mut clipboard, Side::Server, &ask);
        assert!(clipboard.client.answers.len() <= MOST_ANSWERS);
        judged.err()
    });
    assert!(matches!(refused, Some(RdpError::Limit(_))), "{refused:?}");
    assert!(clipboard.client.answers.len() > MOST_ANSWERS - 100);
}

#[derive(Clone, Copy, Debug)]
enum Act {
    List(Side, bool),
    Ask(Side, u32),
    AskFile(Side),
    Step(Side),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let side = || prop_oneof![Just(Side::Client), Just(Side::Server)];
    let act = prop_oneof![
        1 => (side(), any::<bool>()).prop_map(|(side, files)| Act::List(side, files)),
        2 => (side(), prop_oneof![Just(TEXT), Just(15), Just(8)]).prop_map(|(side, id)| Act::Ask(side, id)),
        1 => side().prop_map(Act::AskFile),
        6 => side().prop_map(Act::Step),
    ];
    proptest::collection::vec(act, 0..60)
}

proptest! {
    /// Everything that is asked is answered once and in order, with what may pass and with nothing else, however the chunks of
    /// both sides come between each other.
    #[test]
    fn both_ends_stay_in_step(
        bits in proptest::array::uniform4(any::<bool>()),
        size in prop_oneof![Just(16_usize), Just(100), Just(1600)],
        acts in acts(),
    ) {
        let [to_target, from_target, upload, download] = bits;
        let mut between = Between::new(&permitted(to_target, from_target, upload, download), size);
        let mut asked: [Vec<u32>; 2] = Default::default();
        let mut files = [0, 0];
        let mut lists = [1, 0];
        let number = |side: Side| usize::from(side == Side::Server);
        for act in acts {
            match act {
                Act::List(side, files) => {
                    lists[number(side)] += 1;
                    between.end(side).say(&list(files), size);
                }
                Act::Ask(side, id) => {
                    asked[number(side)].push(id);
                    between.end(side).say(&message(Kind::DataRequest, 0, &id.to_le_bytes()), size);
                }
                Act::AskFile(side) => {
                    let request = [&(files[number(side)] as u32).to_le_bytes()[..], &[0; 20]].concat();
                    files[number(side)] += 1;
                    between.end(side).say(&message(Kind::FileRequest, 0, &request), size);
                }
                Act::Step(side) => {
                    between.step(side);
                }
            }
        }
        between.run();
        for (side, may, may_files) in [
            (Side::Server, to_target, to_target && upload),
            (Side::Client, from_target, from_target && download),
        ] {
            let end = between.end(side);
            let answers = end.heard(Kind::DataResponse);
            let expected = asked[number(side)].iter().map(|id| {
                if may && (*id != 15 || may_files) {
                    (1, secret(side.other(), *id))
                } else {
                    (FAILED, Vec::new())
                }
            });
            let answers: Vec<(u16, Vec<u8>)> = answers.iter().map(|(flags, body)| (*flags, body.to_vec())).collect();
            prop_assert_eq!(answers, expected.collect::<Vec<_>>());
            let answers = end.heard(Kind::FileResponse);
            prop_assert_eq!(answers.len(), files[number(side)]);
            prop_assert!(answers.iter().all(|(flags, _)| (*flags == 1) == may_files));
            prop_assert_eq!(end.heard(Kind::FormatListResponse).len(), lists[number(side)]);
            prop_assert!(may_files || !end.formats.contains(&FILES));
            prop_assert!(may || end.formats.is_empty());
        }
    }
}
