//! Films are what ffmpeg makes of them: their times, their sizes, and their pictures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a step that fails is a test that fails"
)]

mod ffmpeg;

use std::io::{self, Write};
use std::time::Duration;

use ffmpeg::{Shown, pictures, probe, psnr};
use jump_video::{VideoError, VideoSize, VideoWriter};

type Pixels = Vec<[u8; 4]>;

/// A screen with letters' edges, few colours, and a block that is elsewhere in each picture.
fn screen(width: u16, height: u16, number: usize) -> Pixels {
    let (width, height) = (usize::from(width), usize::from(height));
    let mut pixels = vec![[32, 60, 90, 255]; width * height];
    for (at, pixel) in pixels.iter_mut().enumerate() {
        let (x, y) = (at % width, at / width);
        if (x / 2 * 7 + y / 3 * 5) % 11 < 3 {
            *pixel = [240, 240, 240, 255];
        }
        if x / 16 == number % 5 && y / 16 == number / 5 % 3 {
            *pixel = [200, 40, (number * 16) as u8, 255];
        }
    }
    pixels
}

fn film(width: u16, height: u16, lasting: &[u64]) -> Vec<u8> {
    let size = VideoSize::new(width, height).unwrap();
    let mut writer = VideoWriter::new(Vec::new(), size, 25).unwrap();
    for (number, lasts) in lasting.iter().enumerate() {
        writer
            .picture(&screen(width, height, number), Duration::from_millis(*lasts))
            .unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn a_picture_is_seen_as_long_as_it_lasts() {
    let lasting = [40, 1, 2500, 86_400_000, 120];
    let probed = probe(&film(96, 64, &lasting));
    let mut begins = 0;
    let wanted: Vec<_> = lasting
        .iter()
        .map(|lasts| {
            let at = begins;
            begins += lasts;
            (at, *lasts)
        })
        .collect();
    let found: Vec<_> = probed.pictures.iter().map(|one| (one.at, one.lasts)).collect();
    assert_eq!(found, wanted);
    assert_eq!(probed.duration, begins);
    assert_eq!((probed.width, probed.height), (96, 64));
    assert_eq!(probed.codec, "h264");
    assert_eq!(probed.matrix, "smpte170m");
}

#[test]
fn times_that_are_rounded_add_up() {
    let size = VideoSize::new(16, 16).unwrap();
    let mut writer = VideoWriter::new(Vec::new(), size, 60).unwrap();
    for number in 0..300 {
        writer
            .picture(&screen(16, 16, number), Duration::from_secs(1) / 60)
            .unwrap();
    }
    let probed = probe(&writer.finish().unwrap());
    assert_eq!((probed.pictures.len(), probed.duration), (300, 4999));
}

#[test]
fn pictures_are_what_was_given_whatever_their_size() {
    for (width, height) in [
        (96, 64),
        (97, 63),
        (1, 1),
        (2, 50),
        (17, 33),
        (500, 300),
        (3840, 2160),
        (2160, 3840),
    ] {
        let count = if width > 1000 { 1 } else { 7 };
        let file = film(width, height, &vec![100; count]);
        let Shown {
            width: wide,
            height: high,
            pictures,
        } = pictures(&file);
        assert_eq!(
            (wide, high),
            (
                usize::from(width).next_multiple_of(2).max(16),
                usize::from(height).next_multiple_of(2).max(16)
            )
        );
        assert_eq!(pictures.len(), count);
        for (number, picture) in pictures.iter().enumerate() {
            let given = screen(width, height, number);
            let inside: Vec<_> = picture
                .chunks(wide)
                .take(height.into())
                .flat_map(|row| &row[..width.into()])
                .copied()
                .collect();
            let ratio = psnr(&inside, &given, width.into());
            assert!(
                ratio > 30.0,
                "picture {number} of {width}x{height}: {ratio:.1} dB"
            );
            let next = screen(width, height, number + 1);
            assert!(
                next == given || psnr(&inside, &next, width.into()) < ratio,
                "picture {number} of {width}x{height} is more like the next"
            );
        }
    }
}

#[test]
fn a_long_film_can_be_begun_every_ten_seconds() {
    let probed = probe(&film(64, 64, &[900; 40]));
    let keys: Vec<_> = probed
        .pictures
        .iter()
        .filter(|one| one.key)
        .map(|one| one.at)
        .collect();
    assert_eq!(keys, [0, 10_800, 21_600, 32_400]);
}

#[test]
fn many_chunks_are_one_film() {
    let size = VideoSize::new(640, 480).unwrap();
    let mut writer = VideoWriter::new(Vec::new(), size, 10).unwrap();
    // Noise does not get smaller.
    let mut state = 1_u32;
    for _ in 0..12 {
        let noise: Pixels = (0..640 * 480)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let [a, b, c, _] = state.to_be_bytes();
                [a, b, c, 255]
            })
            .collect();
        writer.picture(&noise, Duration::from_millis(100)).unwrap();
    }
    let file = writer.finish().unwrap();
    let chunks = file.windows(4).filter(|name| name == b"mdat").count();
    assert!(chunks >= 3, "{chunks}");
    assert_eq!(pictures(&file).pictures.len(), 12);
    assert_eq!(probe(&file).duration, 1200);
}

#[test]
fn what_is_no_film_is_said_to_be_none() {
    let size = VideoSize::new(16, 16).unwrap();
    let mut writer = VideoWriter::new(Vec::new(), size, 25).unwrap();
    let error = writer.picture(&[[0; 4]; 255], Duration::ZERO).unwrap_err();
    assert!(
        matches!(
            error,
            VideoError::Pixels {
                wanted: 256,
                found: 255
            }
        ),
        "{error}"
    );
    assert!(matches!(writer.finish(), Err(VideoError::NoPicture)));
}

/// Takes so many bytes and no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let whole = film(16, 16, &[100]).len();
    for room in [0, 10, whole - 1] {
        let size = VideoSize::new(16, 16).unwrap();
        let mut writer = VideoWriter::new(Full(room), size, 25).unwrap();
        writer
            .picture(&screen(16, 16, 0), Duration::from_millis(100))
            .unwrap();
        assert!(matches!(writer.finish(), Err(VideoError::Write(_))), "{room}");
    }
}
