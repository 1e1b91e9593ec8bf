//! What ffmpeg says about a film, and shows of it.
#![allow(dead_code, reason = "not every test asks for everything")]
#![allow(clippy::disallowed_methods, reason = "ffmpeg is a process")]

use std::collections::HashMap;
use std::io::Write;
use std::process::Command;

use tempfile::NamedTempFile;

/// One picture; times in milliseconds.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) at: u64,
    pub(crate) lasts: u64,
    pub(crate) key: bool,
}

/// What is in a film; times in milliseconds.
#[derive(Debug)]
pub(crate) struct Probed {
    pub(crate) codec: String,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) matrix: String,
    pub(crate) duration: u64,
    pub(crate) pictures: Vec<Picture>,
}

/// The pictures of a film.
pub(crate) struct Shown {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pictures: Vec<Vec<[u8; 4]>>,
}

fn file_of(film: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::with_suffix(".mp4").unwrap();
    file.write_all(film).unwrap();
    file
}

/// Runs a program that must have nothing to complain about; what it says.
fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{program}: {complaints}"
    );
    output.stdout
}

/// The words of a line such as `packet|pts=0|flags=K_`.
fn words(line: &str) -> HashMap<&str, &str> {
    line.split('|').filter_map(|word| word.split_once('=')).collect()
}

pub(crate) fn probe(film: &[u8]) -> Probed {
    let file = file_of(film);
    let path = file.path().to_str().unwrap();
    let entries =
        "stream=codec_name,width,height,color_space,time_base,duration_ts:packet=pts,duration,flags";
    let said = run(
        "ffprobe",
        &["-v", "warning", "-show_entries", entries, "-of", "compact", path],
    );
    let said = String::from_utf8(said).unwrap();
    let stream = words(said.lines().find(|line| line.starts_with("stream|")).unwrap());
    assert_eq!(stream["time_base"], "1/1000");
    let number = |text: &str| text.parse().unwrap();
    Probed {
        codec: stream["codec_name"].to_owned(),
        width: number(stream["width"]) as usize,
        height: number(stream["height"]) as usize,
        matrix: stream["color_space"].to_owned(),
        duration: number(stream["duration_ts"]),
        pictures: said
            .lines()
            .filter(|line| line.starts_with("packet|"))
            .map(|line| {
                let packet = words(line);
                Picture {
                    at: number(packet["pts"]),
                    lasts: number(packet["duration"]),
                    key: packet["flags"].starts_with('K'),
                }
            })
            .collect(),
    }
}

/// Decodes every picture once.
pub(crate) fn pictures(film: &[u8]) -> Shown {
    let Probed { width, height, .. } = probe(film);
    let file = file_of(film);
    let path = file.path().to_str().unwrap();
    let colours = "scale=in_color_matrix=bt601:flags=accurate_rnd+full_chroma_int";
    let shown = run(
        "ffmpeg",
        &[
            "-v",
            "warning",
            "-i",
            path,
            "-vf",
            colours,
            "-fps_mode",
            "passthrough",
            "-pix_fmt",
            "rgba",
            "-f",
            "rawvideo",
            "-",
        ],
    );
    let (pixels, rest) = shown.as_chunks::<4>();
    assert!(rest.is_empty());
    Shown {
        width,
        height,
        pictures: pixels.chunks(width * height).map(<[[u8; 4]]>::to_vec).collect(),
    }
}

/// How alike two pictures of this width are in what a film keeps: the peak signal-to-noise ratio, in decibels, of brightness
/// (ITU-R BT.601) and of colours at half the resolution; the lower one. Where strong colours change from pixel to pixel it is
/// 26 to 33, because what is shown lies between neighbours and is cut off at 0 and 255.
pub(crate) fn psnr(one: &[[u8; 4]], other: &[[u8; 4]], width: usize) -> f64 {
    let brightness = |picture: &[[u8; 4]]| -> Vec<f64> {
        let weights = |[r, g, b, _]: &[u8; 4]| {
            [(r, 0.299), (g, 0.587), (b, 0.114)].map(|(c, part)| f64::from(*c) * part)
        };
        picture.iter().map(|pixel| weights(pixel).iter().sum()).collect()
    };
    let colours = |picture: &[[u8; 4]]| -> Vec<f64> {
        let rows: Vec<_> = picture.chunks_exact(width).collect();
        rows.chunks_exact(2)
            .flat_map(|two| two[0].chunks_exact(2).zip(two[1].chunks_exact(2)))
            .flat_map(|(upper, lower)| {
                [0, 1, 2].map(|colour| {
                    upper
                        .iter()
                        .chain(lower)
                        .map(|pixel| f64::from(pixel[colour]))
                        .sum::<f64>()
                        / 4.0
                })
            })
            .collect()
    };
    assert_eq!(one.len(), other.len());
    ratio(&brightness(one), &brightness(other)).min(ratio(&colours(one), &colours(other)))
}

fn ratio(one: &[f64], other: &[f64]) -> f64 {
    let squares: f64 = one
        .iter()
        .zip(other)
        .map(|(one, other)| (one - other).powi(2))
        .sum();
    let mean = squares / one.len().max(1) as f64;
    10.0 * (255.0_f64.powi(2) / mean.max(1e-9)).log10()
}
