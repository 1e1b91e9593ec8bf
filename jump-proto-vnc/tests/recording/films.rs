//! Films of recordings, as ffmpeg shows them.

#[path = "../../../jump-video/tests/ffmpeg/mod.rs"]
mod ffmpeg;

use std::time::Duration;

use jump_core::ErrorKind;
use jump_core::recording::RecordKind::FromTarget;
use jump_core::screen;
use jump_playback::{Ending, Mp4, mp4, scaled};
use jump_proto_vnc::recording::ScreenDecoder;
use jump_proto_vnc::wire::Size;

use super::written::{Part, Written};
use super::{in_the_middle, init, played, raw, rectangle, some_session, update};
use ffmpeg::{pictures, probe, psnr};

fn film(written: &Written, fps: u8) -> (Mp4, Vec<u8>) {
    let mut file = Vec::new();
    let mut told = Vec::new();
    let made = mp4::<ScreenDecoder, _>(|| written.open(), fps, &mut file, &mut |done, all| {
        told.push((done, all))
    })
    .unwrap();
    let length = made.survey.duration;
    assert_eq!(told.last(), Some(&(length, length)));
    assert!(told.is_sorted());
    (made, file)
}

#[test]
fn a_film_shows_every_picture_for_its_time() {
    let written = some_session();
    let (_, file) = film(&written, 1);
    let probed = probe(&file);
    let times: Vec<_> = probed.pictures.iter().map(|one| (one.at, one.lasts)).collect();
    assert_eq!(times, [(0, 2000), (2000, 87_000), (89_000, 1000)]);
    let shown = pictures(&file).pictures;
    assert_eq!(shown.len(), 3);
    let wanted = [1500, 3500, 90_500].map(|at| {
        let screen = played(&written, Duration::from_millis(at)).unwrap();
        in_the_middle(
            &screen,
            Size {
                width: 40,
                height: 30,
            },
        )
    });
    for (number, picture) in shown.iter().enumerate() {
        let ratios = wanted.each_ref().map(|wanted| psnr(picture, wanted.pixels(), 40));
        assert!(ratios[number] > 28.0, "{number}: {ratios:.1?} dB");
        let best = ratios.into_iter().fold(0.0, f64::max);
        assert!(ratios[number] >= best, "{number}: {ratios:.1?} dB");
    }
}

#[test]
fn more_pictures_a_second_show_more_exactly_when() {
    let (_, file) = film(&some_session(), 50);
    let times: Vec<_> = probe(&file).pictures.iter().map(|one| one.at).collect();
    assert_eq!(times, [0, 1100, 88_500]);
}

#[test]
fn a_screen_that_is_larger_than_a_film_may_be_is_made_smaller() {
    let paint = |x: u16, y: u16, width: u16, height: u16, colour: [u8; 4]| {
        // RRE without parts: one colour.
        let mut bytes = rectangle(x, y, width, height, 2);
        bytes.extend(0_u32.to_be_bytes());
        bytes.extend(colour);
        bytes
    };
    let written = Written::new(&[
        Part(0, FromTarget, init(5000, 100)),
        Part(
            10,
            FromTarget,
            update(&[
                paint(0, 0, 5000, 100, [200, 100, 50, 0]),
                paint(1000, 30, 1500, 40, [20, 180, 90, 0]),
            ]),
        ),
    ]);
    let (made, file) = film(&written, 10);
    let small = screen::Size {
        width: 3840,
        height: 76,
    };
    assert_eq!(made.size, small);
    let shown = pictures(&file);
    assert_eq!((shown.width, shown.height), (3840, 76));
    let wanted = scaled(&played(&written, Duration::MAX).unwrap().into(), small).unwrap();
    let ratio = psnr(&shown.pictures[0], wanted.rgba.as_chunks().0, 3840);
    assert!(ratio > 35.0, "{ratio:.1} dB");
}

#[test]
fn a_screen_of_odd_size_beside_others_stands_in_the_middle() {
    let written = Written::new(&[
        Part(0, FromTarget, init(33, 21)),
        Part(0, FromTarget, update(&[raw(0, 0, 33, 21, 200)])),
        Part(1000, FromTarget, update(&[rectangle(0, 0, 20, 61, -223)])),
        Part(1000, FromTarget, update(&[raw(0, 0, 20, 61, 90)])),
    ]);
    let (made, file) = film(&written, 10);
    let size = Size {
        width: 33,
        height: 61,
    };
    assert_eq!(made.size, size.into());
    let shown = pictures(&file);
    assert_eq!((shown.width, shown.height, shown.pictures.len()), (34, 62, 2));
    for (picture, at) in shown.pictures.iter().zip([0, 1000]) {
        let screen = played(&written, Duration::from_millis(at)).unwrap();
        let inside: Vec<_> = picture
            .chunks(34)
            .take(61)
            .flat_map(|row| &row[..33])
            .copied()
            .collect();
        let wanted = in_the_middle(&screen, size);
        let ratio = psnr(&inside, wanted.pixels(), 33);
        assert!(ratio > 28.0, "at {at}: {ratio:.1} dB");
    }
}

#[test]
fn a_recording_that_was_cut_off_is_a_film_to_its_end() {
    let written = some_session();
    let whole = written.file.len();
    let mut longest = 0;
    for length in (written.header..whole).step_by(97).chain([whole - 1]) {
        let cut = written.cut(length);
        let mut file = Vec::new();
        match mp4::<ScreenDecoder, _>(|| cut.open(), 10, &mut file, &mut |_, _| {}) {
            Ok(made) => {
                assert_eq!(made.survey.ending, Ending::Unclean);
                longest = longest.max(probe(&file).pictures.len());
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{length}");
                assert!(file.is_empty(), "{length}");
            }
        }
    }
    assert_eq!(longest, 3);
}

#[test]
fn what_cannot_be_shown_is_no_film() {
    let unpainted = Written::new(&[
        Part(1, FromTarget, init(40, 30)),
        Part(5, FromTarget, update(&[rectangle(0, 0, 50, 40, -223)])),
    ]);
    let hostile = Written::new(&[
        Part(1, FromTarget, init(40, 30)),
        Part(2, FromTarget, update(&[raw(0, 0, 40, 30, 1)])),
        Part(2500, FromTarget, update(&[raw(30, 30, 11, 1, 50)])),
    ]);
    for (written, kind) in [(unpainted, ErrorKind::NotFound), (hostile, ErrorKind::Protocol)] {
        let mut file = Vec::new();
        let error = mp4::<ScreenDecoder, _>(|| written.open(), 10, &mut file, &mut |_, _| {}).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(file.is_empty());
    }
}
