//! What is decoded of recordings: any moment is what playing from the start shows, and pictures are what was painted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

#[cfg(feature = "h264")]
#[path = "recording/films.rs"]
mod films;
mod written;

use std::io::Cursor;
use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::protocol::Picture;
use jump_core::recording::RecordKind::{FromRep, FromTarget};
use jump_core::screen;
use jump_playback::{Ending, SheetLayout, Survey, apng, png, scaled, sheet};
use jump_proto_vnc::framebuffer::Framebuffer;
use jump_proto_vnc::recording::{Film, FilmLimits, Player, ScreenDecoder, ScreenEvent, Side, typed};
use jump_proto_vnc::wire::{PixelFormat, Rectangle, ServerInit, Size};
use proptest::prelude::*;
use written::{Part, Written, pixels_of_png};

fn init(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    ServerInit {
        size: Size { width, height },
        pixel_format: PixelFormat::BGRX8888,
        name: b"desk".to_vec(),
    }
    .write(&mut bytes)
    .unwrap();
    bytes
}

fn rectangle(x: u16, y: u16, width: u16, height: u16, encoding: i32) -> Vec<u8> {
    let mut bytes: Vec<u8> = [x, y, width, height]
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect();
    bytes.extend(encoding.to_be_bytes());
    bytes
}

fn raw(x: u16, y: u16, width: u16, height: u16, colour: u8) -> Vec<u8> {
    let mut bytes = rectangle(x, y, width, height, 0);
    for index in 0..usize::from(width) * usize::from(height) {
        bytes.extend([colour, colour.wrapping_add(index as u8), 7, 0]);
    }
    bytes
}

fn update(rectangles: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    bytes.extend((rectangles.len() as u16).to_be_bytes());
    bytes.extend(rectangles.concat());
    bytes
}

fn survey(written: &Written) -> jump_core::Result<Survey> {
    jump_playback::survey::<ScreenDecoder>(written.open().unwrap())
}

/// The screen when everything until `at` has happened.
fn played(written: &Written, at: Duration) -> Option<Framebuffer> {
    let mut player = Player::new(written.open().unwrap());
    player.play_to(at, &mut |_, _| {}).unwrap();
    player.screen().screen().cloned()
}

/// A screen in the middle of a larger one that is black.
fn in_the_middle(screen: &Framebuffer, largest: Size) -> Framebuffer {
    let mut canvas = Framebuffer::new(largest).unwrap();
    let Size { width, height } = screen.size();
    let (x, y) = ((largest.width - width) / 2, (largest.height - height) / 2);
    // At even places only.
    let (x, y) = (x - x % 2, y - y % 2);
    canvas
        .paint(Rectangle { x, y, width, height }, screen.pixels())
        .unwrap();
    canvas
}

fn some_session() -> Written {
    Written::new(&[
        Part(0, FromRep, vec![1]),
        Part(1, FromTarget, init(40, 30)),
        Part(1500, FromTarget, update(&[raw(0, 0, 40, 30, 50)])),
        Part(
            2600,
            FromTarget,
            update(&[raw(3, 4, 10, 9, 200), rectangle(0, 0, 20, 20, -223)]),
        ),
        Part(90_000, FromTarget, update(&[raw(1, 1, 5, 5, 90)])),
    ])
}

#[test]
fn a_png_is_what_was_painted() {
    let written = some_session();
    for at in [1500, 2600, 90_000] {
        let screen = played(&written, Duration::from_millis(at)).unwrap();
        let mut file = Vec::new();
        png(&Picture::from(screen.clone()), &mut file).unwrap();
        assert_eq!(pixels_of_png(&file), screen.pixels(), "at {at}");
    }
}

#[test]
fn an_animation_shows_every_picture_for_its_time() {
    let written = some_session();
    let mut file = Vec::new();
    let found = apng::<ScreenDecoder, _>(|| written.open(), Duration::from_secs(1), &mut file).unwrap();
    let largest = Size {
        width: 40,
        height: 30,
    };
    assert_eq!(found.largest, largest.into());
    assert_eq!(found.ending, Ending::Clean);
    let mut reader = ::png::Decoder::new(Cursor::new(&file)).read_info().unwrap();
    assert_eq!(reader.info().animation_control().unwrap().num_frames, 3);
    let mut canvas = vec![0; 40 * 30 * 3];
    let mut delays = Vec::new();
    for at in [1500, 3500, 90_500] {
        let mut part = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut part).unwrap();
        let control = *reader.info().frame_control().unwrap();
        delays.push(f64::from(control.delay_num) / f64::from(control.delay_den));
        let (x, y) = (control.x_offset as usize, control.y_offset as usize);
        let (width, height) = (control.width as usize, control.height as usize);
        for row in 0..height {
            let to = ((y + row) * 40 + x) * 3;
            canvas[to..to + width * 3].copy_from_slice(&part[row * width * 3..][..width * 3]);
        }
        let screen = in_the_middle(&played(&written, Duration::from_millis(at)).unwrap(), largest);
        let wanted: Vec<u8> = screen
            .pixels()
            .iter()
            .flat_map(|[r, g, b, _]| [*r, *g, *b])
            .collect();
        assert!(canvas == wanted, "at {at}");
    }
    // The last picture is seen for one interval; the one before for 87 s.
    assert_eq!(delays, [2.0, 87.0, 1.0]);
}

#[test]
fn a_sheet_shows_the_first_and_the_last_picture() {
    let written = some_session();
    let layout = SheetLayout {
        columns: 2,
        pictures: 5,
        cell: screen::Size {
            width: 20,
            height: 20,
        },
    };
    let made = sheet::<ScreenDecoder, _>(|| written.open(), layout).unwrap();
    assert_eq!(made.times.len(), 5);
    assert_eq!(made.times.first(), Some(&Duration::from_millis(1500)));
    assert_eq!(made.times.last(), Some(&Duration::from_millis(90_000)));
    assert_eq!((made.picture.width, made.picture.height), (42, 49));
    let first = scaled(
        &played(&written, Duration::from_millis(1500)).unwrap().into(),
        screen::Size {
            width: 20,
            height: 15,
        },
    )
    .unwrap();
    let of_sheet = made
        .picture
        .rgba
        .chunks(42 * 4)
        .take(15)
        .flat_map(|row| &row[..20 * 4]);
    assert!(of_sheet.eq(&first.rgba));
}

#[test]
fn a_session_without_a_picture_is_flagged_and_never_a_black_film() {
    // Its updates hold a cursor, a size and nothing.
    let written = Written::new(&[
        Part(1, FromTarget, init(40, 30)),
        Part(5, FromTarget, update(&[rectangle(0, 0, 50, 40, -223)])),
        Part(9, FromTarget, update(&[raw(0, 0, 0, 0, 1)])),
    ]);
    let found = survey(&written).unwrap();
    assert!(found.is_unpainted() && found.updates == 2, "{found:?}");
    let every = Duration::from_secs(1);
    let error = apng::<ScreenDecoder, _>(|| written.open(), every, Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let layout = SheetLayout {
        columns: 2,
        pictures: 5,
        cell: screen::Size {
            width: 20,
            height: 20,
        },
    };
    let error = sheet::<ScreenDecoder, _>(|| written.open(), layout).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!survey(&some_session()).unwrap().is_unpainted());
}

#[test]
fn a_recording_that_was_cut_off_plays_to_its_end() {
    let written = some_session();
    let mut ends = Vec::new();
    let whole = written.file.len();
    for length in (written.header..whole).step_by(41).chain(whole - 50..whole) {
        let cut = written.cut(length);
        let found = survey(&cut).unwrap();
        assert_eq!(found.ending, Ending::Unclean, "{length}");
        assert_eq!(
            played(&cut, Duration::MAX).map(|screen| screen.pixels().to_vec()),
            played(&written, found.duration)
                .filter(|_| found.duration > Duration::ZERO)
                .map(|screen| screen.pixels().to_vec()),
            "{length}"
        );
        ends.push(found.duration);
    }
    assert_eq!(ends.last(), Some(&Duration::from_millis(90_000)));
}

#[test]
fn what_comes_after_lost_bytes_is_not_guessed() {
    let written = Written::losing(
        &[
            Part(1, FromTarget, init(40, 30)),
            Part(2, FromTarget, update(&[raw(0, 0, 40, 30, 50)])),
            Part(3, FromTarget, vec![0xff; 20]),
        ],
        77,
        2,
    );
    let found = survey(&written).unwrap();
    assert_eq!(found.ending, Ending::Lost { bytes: 77 });
    assert_eq!(found.duration, Duration::from_millis(2));
}

#[test]
fn a_hostile_recording_is_an_error_with_its_time() {
    let written = Written::new(&[
        Part(1, FromTarget, init(40, 30)),
        Part(2500, FromTarget, update(&[raw(30, 30, 11, 1, 50)])),
    ]);
    let error = survey(&written).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("after 2.500 s"), "{error}");
    let error = Film::new(written.open().unwrap(), FilmLimits::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[test]
fn a_pixel_format_holds_from_the_next_message_on() {
    let mut wish = vec![0, 0, 0, 0];
    wish.extend(PixelFormat::RGB565.to_bytes());
    let first = update(&[raw(0, 0, 40, 30, 50)]);
    let (begin, rest) = first.split_at(100);
    let mut second = update(&[rectangle(0, 0, 1, 1, 0)]);
    second.extend(0xf800_u16.to_le_bytes());
    let written = Written::new(&[
        Part(0, FromRep, vec![1]),
        Part(1, FromTarget, init(40, 30)),
        Part(2, FromTarget, begin.to_vec()),
        Part(3, FromRep, wish),
        Part(4, FromTarget, rest.to_vec()),
        Part(5, FromTarget, second),
    ]);
    assert_eq!(
        played(&written, Duration::from_millis(4)).unwrap().pixels()[1199],
        [7, 50_u8.wrapping_add(1199_u16 as u8), 50, 255]
    );
    assert_eq!(
        played(&written, Duration::MAX).unwrap().pixels()[0],
        [255, 0, 0, 255]
    );
}

#[test]
fn updates_asked_for_before_a_change_of_the_format_are_in_the_old_one() {
    let request = [3, 1, 0, 0, 0, 0, 0, 1, 0, 1];
    let mut wish = vec![0, 0, 0, 0];
    wish.extend(PixelFormat::RGB565.to_bytes());
    wish.extend(request);
    let mut second = update(&[rectangle(0, 0, 1, 1, 0)]);
    second.extend(0x07e0_u16.to_le_bytes());
    let written = Written::new(&[
        Part(0, FromRep, [&[1][..], &request].concat()),
        Part(1, FromTarget, init(40, 30)),
        // The target's bytes are recorded a moment after the client's.
        Part(3, FromRep, wish),
        Part(4, FromTarget, update(&[raw(0, 0, 40, 30, 50)])),
        Part(5, FromTarget, second),
    ]);
    let first = played(&written, Duration::from_millis(4)).unwrap();
    assert_eq!(first.pixels()[0], [7, 50, 50, 255]);
    assert_eq!(
        played(&written, Duration::MAX).unwrap().pixels()[0],
        [0, 255, 0, 255]
    );
}

fn key(down: bool, keysym: u32) -> Vec<u8> {
    let mut bytes = vec![4, u8::from(down), 0, 0];
    bytes.extend(keysym.to_be_bytes());
    bytes
}

#[test]
fn input_and_clipboards_are_told_and_typing_is_read() {
    let press = |keysym| [key(true, keysym), key(false, keysym)].concat();
    let typed_bytes = [
        press(u32::from(b'l')),
        press(u32::from(b's')),
        press(0xff0d),
        key(true, 0xffe3),
        press(u32::from(b'c')),
        key(false, 0xffe3),
        press(0x0100_20ac),
    ]
    .concat();
    let written = Written::new(&[
        Part(0, FromRep, vec![1]),
        Part(1, FromTarget, init(40, 30)),
        Part(2, FromRep, typed_bytes[..37].to_vec()),
        Part(3, FromRep, typed_bytes[37..].to_vec()),
        Part(4, FromRep, vec![6, 0, 0, 0, 0, 0, 0, 2, b'h', b'i']),
        Part(5, FromTarget, vec![3, 0, 0, 0, 0, 0, 0, 1, 0xe4, 2]),
        Part(6, FromRep, vec![5, 1, 0, 3, 0, 4]),
        Part(20_000, FromRep, press(u32::from(b'x'))),
    ]);
    let mut events = Vec::new();
    let mut player = Player::new(written.open().unwrap());
    player
        .play_to(Duration::MAX, &mut |_, event| events.push(event))
        .unwrap();
    let clipboard = |side, text: &str| ScreenEvent::Clipboard {
        side,
        text: Ok(text.to_owned()),
    };
    for wanted in [
        clipboard(Side::Rep, "hi"),
        clipboard(Side::Target, "ä"),
        ScreenEvent::Bell,
        ScreenEvent::Pointer {
            buttons: 1,
            x: 3,
            y: 4,
        },
    ] {
        assert!(events.contains(&wanted), "{wanted:?}");
    }
    let mut lines = Vec::new();
    typed(written.open().unwrap(), &mut |line| {
        lines.push((line.at.as_millis(), line.text));
        Ok(())
    })
    .unwrap();
    let wanted = [(2, "ls<Return>"), (3, "<Ctrl+c>€"), (20_000, "x")];
    assert_eq!(lines, wanted.map(|(at, text)| (at, text.to_owned())));
}

/// Updates whose rectangles may come in two pieces, with resizes among them.
fn session() -> impl Strategy<Value = Vec<(u64, u8, u16, u16, u16, u16, u8)>> {
    proptest::collection::vec(
        (
            0_u64..3000,
            0_u8..5,
            0_u16..20,
            0_u16..20,
            1_u16..12,
            1_u16..12,
            any::<u8>(),
        ),
        1..25,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_moment_found_is_what_playing_shows(steps in session(), bytes in 1000_usize..60_000, apart in 1_u64..9000) {
        let mut parts = vec![Part(0, FromTarget, init(32, 32))];
        let mut now = 0;
        let mut size = (32, 32);
        for (pause, what, x, y, width, height, colour) in steps {
            now += pause;
            let inside = |at: u16, end: u16| at.min(end - 1);
            let (x, y) = (inside(x, size.0), inside(y, size.1));
            let (width, height) = (width.min(size.0 - x), height.min(size.1 - y));
            let bytes = match what {
                0 => {
                    size = (16 + width * 4, 16 + height * 3);
                    update(&[rectangle(0, 0, size.0, size.1, -223)])
                }
                1 => {
                    let mut copy = rectangle(x, y, width, height, 1);
                    copy.extend([0, 0, 0, 0]);
                    update(&[copy])
                }
                _ => update(&[raw(x, y, width, height, colour)]),
            };
            let (one, other) = bytes.split_at(usize::from(colour) % bytes.len());
            parts.push(Part(now, FromTarget, one.to_vec()));
            now += u64::from(what == 3);
            parts.push(Part(now, FromTarget, other.to_vec()));
        }
        let written = Written::new(&parts);
        let limits = FilmLimits { apart: Duration::from_millis(apart), changes: 900, bytes };
        let film = Film::new(written.open().unwrap(), limits).unwrap();
        prop_assert!(film.bytes() <= bytes);
        let times = parts.iter().flat_map(|part| [part.0, part.0.saturating_sub(1), part.0 + 1]);
        for at in times.map(Duration::from_millis) {
            let found = film.seek(at, || written.open()).unwrap().unwrap();
            let wanted = played(&written, at).unwrap();
            prop_assert_eq!(found.size(), wanted.size());
            prop_assert!(found.pixels() == wanted.pixels(), "at {:?}", at);
        }
    }
}
