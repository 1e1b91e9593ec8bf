//! The SFTP filter on its own: what passes, what is answered, and what ends it, whatever either side sends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

use bytes::Bytes;
use jump_core::model::{PathLimits, PathPattern};
use jump_core::protocol::{SessionEvent, TransferDirection};
use jump_core::session::SessionPermissions;
use jump_proto_ssh::sftp::{Filter, Rules, Side, Violation};
use proptest::prelude::*;

/// The id of the filter's own questions while the client uses others.
const OWN: u32 = u32::MAX;

fn string(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes(), text].concat()
}

fn number(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn packet(kind: u8, fields: &[Vec<u8>]) -> Vec<u8> {
    let body = fields.concat();
    [number(u32::try_from(body.len() + 1).unwrap()), vec![kind], body].concat()
}

fn open(id: u32, path: &[u8], flags: u32) -> Vec<u8> {
    packet(3, &[number(id), string(path), number(flags), number(0)])
}

fn about(kind: u8, id: u32, text: &[u8]) -> Vec<u8> {
    packet(kind, &[number(id), string(text)])
}

fn read(id: u32, handle: &[u8], length: u32) -> Vec<u8> {
    packet(5, &[number(id), string(handle), vec![0; 8], number(length)])
}

fn write(id: u32, handle: &[u8], data: &[u8]) -> Vec<u8> {
    packet(6, &[number(id), string(handle), vec![0; 8], string(data)])
}

fn handle(id: u32, handle: &[u8]) -> Vec<u8> {
    about(102, id, handle)
}

fn data(id: u32, data: &[u8]) -> Vec<u8> {
    about(103, id, data)
}

fn status(id: u32, code: u32) -> Vec<u8> {
    packet(101, &[number(id), number(code), string(b"said"), string(b"en")])
}

fn name(id: u32, path: &[u8]) -> Vec<u8> {
    packet(
        104,
        &[number(id), number(1), string(path), string(path), number(0)],
    )
}

const READ: u32 = 1;
const NEW: u32 = 2 | 8 | 16;

fn rules(upload: Option<&[&str]>, download: Option<&[&str]>) -> Rules {
    let permissions = SessionPermissions {
        file_upload: upload.is_some(),
        file_download: download.is_some(),
        ..SessionPermissions::default()
    };
    let paths = |paths: Option<&[&str]>| -> Vec<PathPattern> {
        let paths = paths.unwrap_or_default().iter();
        paths.map(|path| PathPattern::new(path).unwrap()).collect()
    };
    let limits = PathLimits {
        upload: paths(upload),
        download: paths(download),
    };
    Rules::new(permissions, &limits)
}

/// A filter and everything that came out of it.
struct Play {
    filter: Filter,
    to_target: Vec<u8>,
    to_client: Vec<u8>,
    /// Ids and codes of the answers that were made here.
    answers: Vec<(u32, u32)>,
    events: Vec<SessionEvent>,
}

impl Play {
    fn fresh(rules: Rules) -> Self {
        Self {
            filter: Filter::new(rules),
            to_target: Vec::new(),
            to_client: Vec::new(),
            answers: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Begun, with what came out so far taken away.
    fn new(rules: Rules) -> Self {
        let mut play = Self::fresh(rules);
        play.client(&packet(1, &[number(3)])).unwrap();
        play.target(&packet(2, &[number(3)])).unwrap();
        play.taken();
        play
    }

    fn free() -> Self {
        Self::new(rules(Some(&[]), Some(&[])))
    }

    fn collect(&mut self, done: Result<(), Violation>) -> Result<(), Violation> {
        let done = done.and_then(|()| self.filter.advance());
        let output = self.filter.output();
        self.to_target.extend(output.to_target.drain(..).flatten());
        self.to_client.extend(output.to_client.drain(..).flatten());
        for answer in output.answers.drain(..) {
            let word = |at: usize| u32::from_be_bytes(answer[at..at + 4].try_into().unwrap());
            assert_eq!((word(0) as usize, answer[4]), (answer.len() - 4, 101));
            self.answers.push((word(5), word(9)));
        }
        self.events.append(&mut output.events);
        done
    }

    fn client(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let done = self.filter.from_client(Bytes::copy_from_slice(bytes));
        self.collect(done)
    }

    fn target(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let done = self.filter.from_target(Bytes::copy_from_slice(bytes));
        self.collect(done)
    }

    fn taken(&mut self) -> (Vec<u8>, Vec<u8>) {
        (
            std::mem::take(&mut self.to_target),
            std::mem::take(&mut self.to_client),
        )
    }

    /// The client opens a file, and the target does.
    fn open(&mut self, id: u32, flags: u32, called: &[u8]) {
        self.client(&open(id, b"/f", flags)).unwrap();
        self.target(&handle(id, called)).unwrap();
        self.taken();
    }
}

fn moved(direction: TransferDirection, filename: &str, filesize: u64) -> SessionEvent {
    SessionEvent::FileTransferred {
        direction,
        filename: filename.to_owned(),
        filesize,
    }
}

#[test]
fn what_is_permitted_passes_unchanged_and_is_counted() {
    let mut play = Play::free();
    let mut up = open(1, b"/new \xff", NEW);
    play.client(&up).unwrap();
    play.target(&handle(1, b"h")).unwrap();
    for bytes in [
        write(2, b"h", b"12345"),
        write(3, b"h", b"678"),
        about(4, 4, b"h"),
    ] {
        play.client(&bytes).unwrap();
        up.extend(bytes);
    }
    let down = [handle(1, b"h"), status(2, 0), status(3, 0), status(4, 0)].concat();
    play.target(&down[handle(1, b"h").len()..]).unwrap();
    assert_eq!(play.taken(), (up, down));
    assert_eq!(
        play.events,
        [moved(TransferDirection::Upload, "/new \u{fffd}", 8)]
    );
    assert!(play.filter.client_ended().is_ok() && play.filter.unfinished().is_empty());
}

#[test]
fn what_the_other_direction_would_need_is_answered_here() {
    let mut play = Play::new(rules(None, Some(&[])));
    let refused = [
        open(1, b"/f", NEW),
        open(2, b"/f", 1 | 2),
        open(3, b"/f", 8),
        about(13, 4, b"/f"),
        packet(9, &[number(5), string(b"/f"), number(0)]),
        packet(18, &[number(6), string(b"/f"), string(b"/g")]),
        packet(14, &[number(7), string(b"/f"), number(0)]),
        about(15, 8, b"/f"),
        packet(20, &[number(9), string(b"/f"), string(b"/g")]),
        packet(
            200,
            &[
                number(10),
                string(b"posix-rename@openssh.com"),
                string(b"/f"),
                string(b"/g"),
            ],
        ),
    ];
    play.client(&refused.concat()).unwrap();
    assert!(play.to_target.is_empty());
    assert_eq!(play.answers, (1..=10).map(|id| (id, 3)).collect::<Vec<_>>());
    play.open(11, READ, b"h");
    play.client(&write(12, b"h", b"data")).unwrap();
    play.client(&packet(10, &[number(13), string(b"h"), number(0)]))
        .unwrap();
    assert!(play.to_target.is_empty());
    assert_eq!(play.answers[10..], [(12, 4), (13, 3)]);

    let mut play = Play::new(rules(Some(&[]), None));
    // Without a flag, and with only CREAT, servers open for reading.
    play.client(&[open(1, b"/f", READ), open(2, b"/f", 0), open(3, b"/f", 8)].concat())
        .unwrap();
    play.open(4, NEW, b"h");
    play.client(&read(5, b"h", 10)).unwrap();
    assert_eq!(play.answers, [(1, 3), (2, 3), (3, 3), (5, 4)]);
    assert!(play.to_target.is_empty());
    play.client(&about(17, 6, b"/f")).unwrap();
    assert_eq!(play.to_target, about(17, 6, b"/f"), "looking needs either");
}

#[test]
fn a_path_is_used_only_after_the_target_said_where_it_leads() {
    let mut play = Play::new(rules(Some(&["/in"]), Some(&["/out"])));
    let request = open(1, b"/out/../out/f", READ);
    let later = read(2, b"h", 5);
    play.client(&[request.clone(), later.clone()].concat()).unwrap();
    assert!(play.filter.is_waiting());
    assert_eq!(play.taken().0, about(16, OWN, b"/out/../out/f"));
    play.target(&name(OWN, b"/out/f")).unwrap();
    assert_eq!(
        play.to_target, request,
        "the answer to the own question is not passed on"
    );
    assert_eq!(
        play.answers,
        [(2, 4)],
        "and what came behind waited: this handle is not open yet"
    );
    assert!(play.to_client.is_empty());

    for (path, real) in [
        (&b"/out/link"[..], &b"/etc/shadow"[..]),
        (b"out", b"/outside"),
        (b"x", b"relative"),
    ] {
        let mut play = Play::new(rules(Some(&["/in"]), Some(&["/out"])));
        play.client(&open(1, path, READ)).unwrap();
        play.taken();
        play.target(&name(OWN, real)).unwrap();
        assert!(play.to_target.is_empty());
        assert_eq!(play.answers, [(1, 3)]);
        assert!(matches!(
            &play.events[..],
            [SessionEvent::FileTransferFailed { .. }]
        ));
    }
}

#[test]
fn a_name_that_is_not_there_is_placed_in_its_folder_unless_a_link_is_there() {
    let begun = || {
        let mut play = Play::new(rules(Some(&["/in"]), Some(&["/out"])));
        play.client(&open(1, b"/in/new", NEW)).unwrap();
        play.taken();
        play.target(&status(OWN, 2)).unwrap();
        assert_eq!(play.taken().0, about(16, OWN, b"/in"));
        play.target(&name(OWN, b"/in")).unwrap();
        assert_eq!(play.taken().0, about(7, OWN, b"/in/new"));
        play
    };
    let mut play = begun();
    play.target(&status(OWN, 2)).unwrap();
    assert_eq!(play.to_target, open(1, b"/in/new", NEW));
    let mut play = begun();
    play.target(&packet(105, &[number(OWN), number(0)])).unwrap();
    assert!(play.to_target.is_empty());
    assert_eq!(play.answers, [(1, 3)]);
}

#[test]
fn what_acts_on_a_name_asks_for_its_folder_and_a_rename_for_both() {
    let mut play = Play::new(rules(Some(&["/in"]), Some(&["/out"])));
    let request = packet(18, &[number(1), string(b"/in/a"), string(b"b/c")]);
    play.client(&request).unwrap();
    assert_eq!(play.taken().0, about(16, OWN, b"/in"));
    play.target(&name(OWN, b"/in")).unwrap();
    assert_eq!(play.taken().0, about(16, OWN, b"b"));
    play.target(&name(OWN, b"/in/b")).unwrap();
    assert_eq!(play.taken().0, request);
    play.target(&status(1, 0)).unwrap();
    let event = SessionEvent::FileMoved {
        filename: "/in/a".to_owned(),
        destination: "/in/b/c".to_owned(),
    };
    assert_eq!(play.events, [event]);

    // A last part that is no name is asked for whole.
    play.client(&about(13, 2, b"/in/x/..")).unwrap();
    assert_eq!(play.taken().0, about(16, OWN, b"/in/x/.."));
    play.target(&name(OWN, b"/")).unwrap();
    assert_eq!(play.answers, [(2, 3)]);
    // Links cannot be made at all.
    play.client(&packet(20, &[number(3), string(b"/in/a"), string(b"/in/b")]))
        .unwrap();
    assert_eq!(play.answers[1..], [(3, 3)]);
}

#[test]
fn unknown_types_and_extensions_are_answered_and_not_announced() {
    let mut play = Play::fresh(rules(Some(&["/in"]), Some(&[])));
    play.client(&packet(1, &[number(6), string(b"what"), string(b"1")]))
        .unwrap();
    assert_eq!(play.taken().0, packet(1, &[number(3)]), "version 3 is asked for");
    let pair = |name: &[u8]| [string(name), string(b"1")].concat();
    let pairs = [
        "copy-data",
        "posix-rename@openssh.com",
        "hardlink@openssh.com",
        "limits@openssh.com",
    ];
    let all: Vec<u8> = pairs.iter().flat_map(|name| pair(name.as_bytes())).collect();
    play.target(&packet(2, &[number(3), all])).unwrap();
    let kept = [pair(b"posix-rename@openssh.com"), pair(b"limits@openssh.com")].concat();
    assert_eq!(play.taken().1, packet(2, &[number(3), kept]));
    play.client(&packet(200, &[number(1), string(b"copy-data"), string(b"h")]))
        .unwrap();
    play.client(&packet(42, &[number(2), vec![7; 99]])).unwrap();
    play.client(&open(3, b"/f", 0x40)).unwrap();
    assert!(play.to_target.is_empty());
    assert_eq!(play.answers, [(1, 8), (2, 8), (3, 8)]);

    play.client(&packet(200, &[number(4), string(b"limits@openssh.com")]))
        .unwrap();
    let huge = vec![0x7f; 32];
    play.target(&packet(201, &[number(4), huge])).unwrap();
    let most = |number: u64| number.to_be_bytes().to_vec();
    let ours = [most(256 << 10), most(255 << 10), most(255 << 10), most(256)].concat();
    assert_eq!(play.taken().1, packet(201, &[number(4), ours]));
}

#[test]
fn sixty_four_requests_at_once_are_nothing_special_and_ten_thousand_wait() {
    let mut play = Play::free();
    play.open(1, READ, b"h");
    let many: Vec<u8> = (2..66).flat_map(|id| read(id, b"h", 4)).collect();
    play.client(&many).unwrap();
    assert_eq!(play.taken().0, many);
    let answers: Vec<u8> = (2..66).rev().flat_map(|id| data(id, b"1234")).collect();
    play.target(&answers).unwrap();
    assert_eq!(play.taken().1, answers);

    let one = read(0, b"h", 4).len();
    let flood: Vec<u8> = (100..10_100).flat_map(|id| read(id, b"h", 4)).collect();
    play.client(&flood).unwrap();
    assert!(play.filter.is_waiting());
    assert_eq!(play.to_target.len() / one, 1024);
    for id in 100..10_100 {
        play.target(&data(id, b"1234")).unwrap();
    }
    assert_eq!(play.taken().0, flood);
    assert!(!play.filter.is_waiting());
}

#[test]
fn answers_that_nobody_takes_stop_the_client() {
    let mut filter = Filter::new(rules(None, Some(&[])));
    let mut all = packet(1, &[number(3)]);
    all.extend((0..1000).flat_map(|id| about(13, id, b"/f")));
    filter.from_client(all.into()).unwrap();
    filter.from_target(packet(2, &[number(3)]).into()).unwrap();
    filter.advance().unwrap();
    assert!(filter.is_waiting());
    assert_eq!(filter.output().answers.len(), 64);
}

#[test]
fn what_breaks_the_protocol_ends_it() {
    use Side::{Client, Target};
    use Violation::{DuplicateHandle, DuplicateId, Malformed, OutOfOrder, TooLong, Version, WrongAnswer};
    let by_client: [(&[u8], Violation); 8] = [
        (&[0, 5, 0, 0, 6], TooLong(Client)),
        (&[0, 1, 0, 0, 3], TooLong(Client)),
        (&[0, 0, 0, 4, 3], Malformed(Client)),
        (&packet(3, &[number(1), number(9), vec![0; 4]]), Malformed(Client)),
        (&[about(17, 1, b"/f"), vec![0]].concat(), Malformed(Client)),
        (&packet(1, &[number(3)]), OutOfOrder(Client)),
        (&[about(17, 1, b"a"), about(17, 1, b"b")].concat(), DuplicateId),
        (
            &packet(6, &[number(1), string(&[b'h'; 257]), vec![0; 12]]),
            Malformed(Client),
        ),
    ];
    for (at, (bytes, violation)) in by_client.iter().enumerate() {
        // One byte too many inside a packet, not behind it.
        let mut bytes = bytes.to_vec();
        if at == 4 {
            let length = u32::try_from(bytes.len() - 4).unwrap();
            bytes[..4].copy_from_slice(&length.to_be_bytes());
        }
        assert_eq!(Play::free().client(&bytes), Err(*violation), "{at}");
    }
    let by_target: [(&[u8], Violation); 9] = [
        (&status(9, 0), WrongAnswer),
        (&data(1, b"x"), WrongAnswer),
        (&handle(1, &[b'h'; 257]), Malformed(Target)),
        (&packet(2, &[number(3)]), OutOfOrder(Target)),
        (&[0, 5, 0, 0, 103], TooLong(Target)),
        (&[0, 1, 0, 0, 102, 0, 0, 0, 1], TooLong(Target)),
        (&[0, 0, 0, 1, 101], Malformed(Target)),
        (&status(1, 0), WrongAnswer),
        (&[handle(1, b"h"), handle(2, b"h")].concat(), DuplicateHandle),
    ];
    for (at, (bytes, violation)) in by_target.into_iter().enumerate() {
        let mut play = Play::free();
        play.client(&[open(1, b"/f", READ), open(2, b"/f", READ)].concat())
            .unwrap();
        assert_eq!(play.target(bytes), Err(violation), "{at}");
    }
    assert_eq!(
        Play::fresh(rules(Some(&[]), None)).client(&open(1, b"/f", READ)),
        Err(OutOfOrder(Client))
    );
    assert_eq!(
        Play::fresh(rules(Some(&[]), None)).client(&packet(1, &[number(2)])),
        Err(Version(Client))
    );
    let mut play = Play::fresh(rules(Some(&[]), None));
    assert_eq!(play.target(&packet(2, &[number(3)])), Err(OutOfOrder(Target)));
    let mut play = Play::fresh(rules(Some(&[]), None));
    play.client(&packet(1, &[number(6)])).unwrap();
    assert_eq!(play.target(&packet(2, &[number(6)])), Err(Version(Target)));
}

#[test]
fn a_request_cut_at_any_byte_is_refused_or_waited_for_and_never_passed_on() {
    let requests = [
        open(1, b"/some/file", READ),
        about(16, 1, b"/some/file"),
        read(1, b"h", 7),
        write(1, b"h", b"data"),
        packet(18, &[number(1), string(b"/a"), string(b"/b")]),
        packet(200, &[number(1), string(b"statvfs@openssh.com"), string(b"/a")]),
    ];
    for request in requests {
        for cut in 5..request.len() {
            // The length is true to what is left of it.
            let mut short = request[..cut].to_vec();
            short[..4].copy_from_slice(&u32::try_from(cut - 4).unwrap().to_be_bytes());
            let mut play = Play::free();
            play.open(9, 3, b"h");
            assert_eq!(
                play.client(&short),
                Err(Violation::Malformed(Side::Client)),
                "{short:?}"
            );
            assert!(play.to_target.is_empty());
            // The length promises more.
            let mut play = Play::free();
            play.client(&request[..cut]).unwrap();
            assert_eq!(play.filter.client_ended(), Err(Violation::Truncated));
            assert!(play.to_target.is_empty() && play.answers.len() <= 1);
        }
    }
}

#[test]
fn a_file_that_is_never_closed_is_said_to_have_failed() {
    let mut play = Play::free();
    play.open(1, READ, b"h");
    play.client(&read(2, b"h", 9)).unwrap();
    play.target(&data(2, b"123")).unwrap();
    let events = play.filter.unfinished();
    let [
        SessionEvent::FileTransferFailed {
            filesize: 3,
            direction: TransferDirection::Download,
            ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
}

/// A conversation: who speaks, and what.
fn conversation() -> Vec<(bool, Vec<u8>)> {
    vec![
        (true, packet(1, &[number(3)])),
        (false, packet(2, &[number(3), string(b"copy-data"), string(b"1")])),
        (
            true,
            [
                open(1, b"/in/a/../b", NEW),
                about(17, 2, b"/in"),
                write(3, b"h", b"early"),
            ]
            .concat(),
        ),
        (false, name(OWN, b"/in/b")),
        (false, name(OWN, b"/in")),
        (
            false,
            [handle(1, b"h"), packet(105, &[number(2), number(0)])].concat(),
        ),
        (
            true,
            [
                write(4, b"h", &[7; 40_000]),
                write(5, b"h", &[]),
                read(6, b"h", 1),
            ]
            .concat(),
        ),
        (false, [status(5, 0), status(4, 0)].concat()),
        (
            true,
            [about(4, 7, b"h"), open(8, b"/out/x", READ), about(77, 9, b"?")].concat(),
        ),
        (false, [status(7, 0), name(OWN, b"/out/x")].concat()),
        (false, handle(8, b"g")),
        (
            true,
            [read(10, b"g", 70_000), read(11, b"g", 9), open(12, b"/x", READ)].concat(),
        ),
        (
            false,
            [data(10, &[9; 70_000]), status(11, 1), name(OWN, b"/etc/x")].concat(),
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever pieces the bytes arrive in, the same comes out.
    #[test]
    fn pieces_make_no_difference(sizes in prop::collection::vec(1..5000_usize, 1..40)) {
        let play = |pieces: &mut dyn Iterator<Item = usize>| {
            let mut play = Play::fresh(rules(Some(&["/in"]), Some(&["/out"])));
            for (client, bytes) in conversation() {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let (piece, more) = rest.split_at(pieces.next().unwrap().min(rest.len()));
                    let piece = Bytes::copy_from_slice(piece);
                    if client { play.filter.from_client(piece) } else { play.filter.from_target(piece) }.unwrap();
                    rest = more;
                }
                play.collect(Ok(())).unwrap();
            }
            (play.to_target, play.to_client, play.answers, play.events)
        };
        let whole = play(&mut std::iter::repeat(usize::MAX));
        prop_assert_eq!(&whole, &play(&mut sizes.iter().copied().cycle()));
        prop_assert_eq!(whole.2.len(), 4, "{:?}", whole.2);
    }

    /// No bytes of either side make it panic.
    #[test]
    fn any_bytes_are_taken(turns in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..20)) {
        let mut play = Play::free();
        for (client, bytes) in turns {
            let done = if client { play.client(&bytes) } else { play.target(&bytes) };
            if done.is_err() {
                break;
            }
        }
    }
}
