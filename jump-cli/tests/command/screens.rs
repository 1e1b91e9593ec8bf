//! Recordings of a screen in their forms.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jump_core::id::SessionId;
use jump_core::keys::SealingKey;
use jump_core::recording::codec::Encoder;
use jump_core::recording::{Record, RecordKind, RecordingInfo};
use jump_core::secret::Secret;
use jump_core::session::RecordingMode;
use jump_core::time::Timestamp;
use jump_playback::png;
use jump_proto_vnc::framebuffer::Framebuffer;
use jump_proto_vnc::wire::{PixelFormat, Rectangle, ServerInit, Size};

use crate::support::{Said, User};

#[cfg(feature = "h264")]
#[path = "../../../jump-video/tests/ffmpeg/mod.rs"]
mod ffmpeg;

const SCREEN: Size = Size {
    width: 30,
    height: 20,
};

/// A user with a recording of these bytes, each half a second after the one before, and the key that opens it.
struct Recorded {
    user: User,
    file: String,
    key: String,
}

impl Recorded {
    fn new(parts: &[(RecordKind, Vec<u8>)]) -> Self {
        let user = User::new();
        let key = SealingKey::from_seed(Secret::new([3; 32]));
        let info = RecordingInfo {
            session: SessionId::from_bytes([5; 16]),
            user_name: "ada".to_owned(),
            item_name: "desk".to_owned(),
            protocol: "vnc".to_owned(),
            started: Timestamp::UNIX_EPOCH,
            mode: RecordingMode::FailClosed,
        };
        let (mut encoder, mut file) = Encoder::new(&info, &key.public()).unwrap();
        for (at, (kind, bytes)) in (0..).step_by(500).zip(parts) {
            let record = Record {
                at: Duration::from_millis(at),
                channel: 0,
                kind: *kind,
                payload: bytes.clone().into(),
            };
            encoder.push(&record).unwrap();
        }
        file.extend_from_slice(encoder.seal(0).unwrap());
        encoder.clear(1024);
        file.extend_from_slice(encoder.finish(0).unwrap());
        let path = user.home.write("screen.jrec", file).unwrap();
        let seed = format!("jump-recording-key-1 {}\n", BASE64URL_NOPAD.encode(&[3; 32]));
        let key = user.home.write("key", seed).unwrap();
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Self {
            file: path.to_str().unwrap().to_owned(),
            key: key.to_str().unwrap().to_owned(),
            user,
        }
    }

    async fn run(&self, verb: &str, more: &[&str]) -> Said {
        let arguments = [&[verb, &self.file, "--key", &self.key][..], more].concat();
        self.user.run(&arguments).await
    }

    /// What `jump export` writes into a file.
    async fn export(&self, more: &[&str]) -> Vec<u8> {
        let to = self.user.home.join("out");
        let more = [more, &["-o", to.to_str().unwrap()]].concat();
        self.run("export", &more).await.ok();
        std::fs::read(to).unwrap()
    }
}

fn init() -> Vec<u8> {
    let mut bytes = Vec::new();
    ServerInit {
        size: SCREEN,
        pixel_format: PixelFormat::RGBX8888,
        name: b"desk\x1b]0;x".to_vec(),
    }
    .write(&mut bytes)
    .unwrap();
    bytes
}

/// The whole screen in one colour.
fn painted(colour: u8) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 1];
    bytes.extend(Rectangle::whole(SCREEN).to_bytes());
    bytes.extend([0; 4]);
    bytes.extend([colour, 1, 2, 0].repeat(SCREEN.pixels()));
    bytes
}

fn session() -> Recorded {
    let mut typed = vec![1];
    for key in [b'l', b's'] {
        typed.extend([4, 1, 0, 0, 0, 0, 0, key]);
    }
    let copied = |text: &[u8]| [&[3, 0, 0, 0, 0, 0, 0, text.len() as u8][..], text].concat();
    Recorded::new(&[
        (RecordKind::FromTarget, init()),
        (RecordKind::FromTarget, painted(10)),
        (RecordKind::FromRep, typed),
        (RecordKind::FromTarget, copied(b"hi")),
        (RecordKind::FromTarget, painted(200)),
        (
            RecordKind::Event,
            br#"{"event":"dropped","what":"resize","messages":3}"#.to_vec(),
        ),
    ])
}

#[tokio::test]
async fn a_recorded_screen_is_exported_as_pictures() {
    let recorded = session();
    for (more, colour) in [(&["--at", "0:01.2"][..], 10), (&[], 200)] {
        let mut screen = Framebuffer::new(SCREEN).unwrap();
        screen
            .fill(Rectangle::whole(SCREEN), [colour, 1, 2, 255])
            .unwrap();
        let mut wanted = Vec::new();
        png(&screen.into(), &mut wanted).unwrap();
        let made = recorded.export(&[&["--format", "png"][..], more].concat()).await;
        assert!(made == wanted, "{more:?}");
    }
    for format in ["sheet", "apng"] {
        let made = recorded.export(&["--format", format]).await;
        assert!(made.starts_with(b"\x89PNG\r\n\x1a\n"), "{format}");
        let animated = made.windows(4).any(|name| name == b"acTL");
        assert_eq!(animated, format == "apng");
    }
    for (wrong, code) in [
        (&["--format", "png", "--at", "0.4"][..], 5),
        (&["--format", "png", "--at", "90"], 2),
        (&["--format", "asciicast"], 2),
        (&["--at", "1"], 2),
        (&["--format", "png", "--every", "1"], 2),
        (&["--format", "apng", "--fps", "5"], 2),
        (&["--format", "mp4", "--fps", "0"], 2),
        (&["--channel", "0"], 2),
    ] {
        assert_eq!(recorded.run("export", wrong).await.code, code, "{wrong:?}");
    }
}

#[cfg(feature = "h264")]
#[tokio::test]
async fn a_recorded_screen_is_exported_as_a_film() {
    let recorded = session();
    let made = recorded.export(&["--format", "mp4", "--fps", "2"]).await;
    let probed = ffmpeg::probe(&made);
    assert_eq!((probed.width, probed.height), (30, 20));
    let times: Vec<_> = probed.pictures.iter().map(|one| (one.at, one.lasts)).collect();
    assert_eq!(times, [(0, 1500), (1500, 500)]);
    for (picture, colour) in ffmpeg::pictures(&made).pictures.iter().zip([10, 200]) {
        let ratio = ffmpeg::psnr(picture, &[[colour, 1, 2, 255]; 600], 30);
        assert!(ratio > 35.0, "{ratio:.1} dB");
    }
    let said = recorded
        .run("export", &["--format", "mp4", "-o", "/dev/full"])
        .await;
    assert_eq!(said.code, 1, "{said:?}");
}

#[cfg(not(feature = "h264"))]
#[tokio::test]
async fn a_film_that_is_not_built_in_is_said_to_need_a_feature() {
    let recorded = session();
    let to = recorded.user.home.join("out");
    let more = ["--format", "mp4", "-o", to.to_str().unwrap()];
    let said = recorded.run("export", &more).await;
    assert!(said.code == 1 && said.err.contains("`h264`"), "{said:?}");
    assert!(!to.exists());
}

#[tokio::test]
async fn what_was_typed_on_a_screen_is_told_only_if_asked_for() {
    let recorded = session();
    let text = recorded.run("export", &["--format", "text"]).await.ok();
    assert_eq!(
        text,
        "0:00.000 screen of 30x20: desk\\u{1b}]0;x\n0:01.500 clipboard from the target: hi\n\
         0:02.500 not passed on: another size of the screen (3 in a row)\n"
    );
    let text = recorded
        .run("export", &["--format", "text", "--input"])
        .await
        .ok();
    assert!(text.ends_with("0:01.000 typed: ls\n"), "{text}");
    let played = recorded.run("play", &[]).await.ok();
    assert!(played.contains("0:02.500 long, 2 updates"), "{played}");
}

#[tokio::test]
async fn a_screen_that_was_never_painted_is_said_to_be_so() {
    let recorded = Recorded::new(&[
        (RecordKind::FromTarget, init()),
        (RecordKind::FromTarget, vec![0, 0, 0, 0]),
    ]);
    let played = recorded.run("play", &[]).await.ok();
    assert!(played.contains("nothing was painted"), "{played}");
    let film = cfg!(feature = "h264").then_some("mp4");
    for format in ["png", "sheet", "apng"].into_iter().chain(film) {
        let said = recorded.run("export", &["--format", format]).await;
        assert_eq!((said.code, said.out.as_str()), (5, ""), "{said:?}");
        let to = recorded.user.home.join("out");
        let more = ["--format", format, "-o", to.to_str().unwrap()];
        assert_eq!(recorded.run("export", &more).await.code, 5, "{format}");
        assert!(!to.exists(), "{format}");
    }
}
