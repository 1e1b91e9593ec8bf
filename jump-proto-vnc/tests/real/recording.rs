//! A session with a real server, recorded as a gate does it, and played.

use std::fs::File;
use std::io::BufReader;

use bytes::Bytes;
use jump_core::keys::SealingKey;
use jump_core::recording::RecordKind::{FromRep, FromTarget};
use jump_core::recording::{RecordKind, Recorder, RecordingFolder, RecordingReader};
use jump_core::secret::Secret;
use jump_playback::{Ending, SheetLayout, png, sheet, survey};
use jump_proto_vnc::recording::{Film, FilmLimits, Player, ScreenDecoder};
use jump_proto_vnc::walk::{ServerMessageKind, Walker};
use jump_proto_vnc::wire::{ClientFramer, ClientMessage, Encoding, PixelFormat, Rectangle, Size};

use jump_testkit::vnc::VncServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::viewer::Viewer;
use super::written::{info, pixels_of_png};
use jump_testkit::waiting::soon;

const SIZE: Size = Size {
    width: 330,
    height: 210,
};

/// A client whose bytes of both directions are recorded.
struct Recorded {
    stream: TcpStream,
    recorder: Recorder,
    walker: Walker,
    bytes: Vec<u8>,
    /// How many records were made so far.
    records: usize,
}

impl Recorded {
    async fn record(&mut self, kind: RecordKind, bytes: Bytes) {
        self.recorder.record(0, kind, bytes).await.unwrap();
        self.records += 1;
    }

    async fn say(&mut self, message: ClientMessage<'_>) {
        let mut bytes = Vec::new();
        ClientFramer::new().write(&message, &mut bytes).unwrap();
        self.record(FromRep, Bytes::from(bytes.clone())).await;
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// Receives to the end of the next update; whether there was more in it than the cursor.
    async fn update(&mut self) -> bool {
        let mut message = Vec::new();
        loop {
            let walked = self.walker.walk(&self.bytes).unwrap();
            message.extend(self.bytes.drain(..walked.consumed));
            if walked.ends {
                if walked.message == Some(ServerMessageKind::FramebufferUpdate) {
                    // How many rectangles, and the encoding of the first one (RFC 6143 §7.6.1).
                    return message[2..4] != [0, 1] || message[12..16] != Encoding::CURSOR.0.to_be_bytes();
                }
                message.clear();
                continue;
            }
            let mut more = [0; 4099];
            let length = soon(self.stream.read(&mut more)).await.unwrap();
            assert!(length > 0, "the server has gone");
            let more = Bytes::copy_from_slice(&more[..length]);
            self.bytes.extend_from_slice(&more);
            self.record(FromTarget, more).await;
        }
    }

    /// Asks for the whole screen until it comes: on a busy machine the cursor, which has just changed, may be all that a
    /// server answers with.
    async fn ask(&mut self) {
        loop {
            self.say(ClientMessage::UpdateRequest {
                incremental: false,
                rectangle: Rectangle::whole(SIZE),
            })
            .await;
            if self.update().await {
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_session_shows_at_any_moment_what_was_on_the_screen() {
    let size = format!("{}x{}", SIZE.width, SIZE.height);
    let server = VncServer::tigervnc_with("None", &["-geometry", &size])
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = SealingKey::from_seed(Secret::new([9; 32]));
    let recordings = RecordingFolder::open(folder.path(), key.public()).unwrap();
    let (recorder, task) = recordings.start(info()).await.unwrap();
    let path = task.path().to_owned();
    let open = || RecordingReader::open(BufReader::new(File::open(&path).unwrap()), &key);

    let viewer = Viewer::start(TcpStream::connect(server.address()).await.unwrap())
        .await
        .unwrap();
    let mut init = Vec::new();
    viewer.init.write(&mut init).unwrap();
    recorder
        .record(0, FromRep, Bytes::from_static(&[1]))
        .await
        .unwrap();
    recorder.record(0, FromTarget, init.into()).await.unwrap();
    let mut client = Recorded {
        stream: viewer.stream,
        recorder,
        walker: Walker::new(PixelFormat::BGRX8888),
        bytes: Vec::new(),
        records: 2,
    };
    let stages = [
        (Encoding::ZRLE, PixelFormat::BGRX8888),
        (Encoding::TIGHT, PixelFormat::RGBX8888),
        (Encoding::HEXTILE, PixelFormat::BGRX8888),
        (Encoding::ZRLE, PixelFormat::RGBX8888),
    ];
    let mut dumps = Vec::new();
    for (index, (encoding, format)) in stages.into_iter().enumerate() {
        client.walker.set_format(format).unwrap();
        client.say(ClientMessage::SetPixelFormat(format)).await;
        let encodings = vec![encoding, Encoding::COPY_RECT, Encoding::CURSOR];
        client.say(ClientMessage::SetEncodings(encodings)).await;
        client
            .say(ClientMessage::Pointer {
                buttons: 0,
                x: 9,
                y: 9,
            })
            .await;
        let colours = ["#ff8800", "#12ab34", "#8800ff", "#00ffcc"];
        let pattern = ["-mod", "5", "7", "-fg", colours[index], "-bg", "#003366"];
        server.run("xsetroot", &pattern).await.unwrap();
        // The first whole picture may still have the cursor in it.
        client.ask().await;
        client.ask().await;
        dumps.push((client.records, server.screen().await.unwrap().pixels));
    }
    drop(client);
    let ended = task.finish().await.unwrap();
    assert_eq!(ended.lost, 0);

    let film = Film::new(open().unwrap(), FilmLimits::default()).unwrap();
    let times: Vec<_> = open().unwrap().map(|record| record.unwrap().at).collect();
    for (records, dump) in &dumps {
        let at = times[records - 1];
        let shown = film.seek(at, open).unwrap().unwrap();
        assert!(shown.pixels() == dump, "at {at:?}");
        let mut file = Vec::new();
        png(&shown.into(), &mut file).unwrap();
        assert!(&pixels_of_png(&file) == dump);
    }
    let mut player = Player::new(open().unwrap());
    while let Some(at) = player.next_at().unwrap() {
        player.play_to(at, &mut |_, _| {}).unwrap();
        let shown = film.seek(at, open).unwrap();
        assert_eq!(
            shown.map(|shown| shown.pixels().to_vec()),
            player.screen().screen().map(|screen| screen.pixels().to_vec()),
            "at {at:?}"
        );
    }
    assert!(player.screen().cursor().is_some());
    assert_eq!(player.screen().pointer(), Some((9, 9)));

    // A writer that is killed leaves a beginning of the file.
    let whole = std::fs::read(&path).unwrap();
    let found = survey::<ScreenDecoder>(open().unwrap()).unwrap();
    assert_eq!(found.ending, Ending::Clean);
    for length in [whole.len() - 1, whole.len() / 2] {
        let cut = RecordingReader::open(&whole[..length], &key).unwrap();
        let cut = survey::<ScreenDecoder>(cut).unwrap();
        assert_eq!(cut.ending, Ending::Unclean);
        assert!(cut.duration <= found.duration);
    }
    let layout = SheetLayout {
        columns: 3,
        pictures: 6,
        cell: jump_core::screen::Size {
            width: 100,
            height: 100,
        },
    };
    assert_eq!(sheet::<ScreenDecoder, _>(open, layout).unwrap().times.len(), 6);
    #[cfg(feature = "h264")]
    film_shows_what_playing_shows(open);
}

/// A film of the recording has a picture for each that an animation has, and each is what playing shows at its time.
#[cfg(feature = "h264")]
fn film_shows_what_playing_shows<R: std::io::Read>(open: impl Fn() -> jump_core::Result<RecordingReader<R>>) {
    use super::ffmpeg::{pictures, probe, psnr};
    use jump_playback::{apng, mp4};
    use jump_proto_vnc::framebuffer::Framebuffer;
    use std::io::Cursor;
    use std::time::Duration;

    let mut film = Vec::new();
    let made = mp4::<ScreenDecoder, _>(&open, 50, &mut film, &mut |_, _| {}).unwrap();
    assert_eq!((made.size, made.survey.ending), (SIZE.into(), Ending::Clean));
    let mut animation = Vec::new();
    apng::<ScreenDecoder, _>(&open, Duration::from_millis(20), &mut animation).unwrap();
    let animation = ::png::Decoder::new(Cursor::new(&animation)).read_info().unwrap();
    let count = animation
        .info()
        .animation_control()
        .map_or(1, |control| control.num_frames);

    let probed = probe(&film);
    assert_eq!(
        (probed.width, probed.height),
        (SIZE.width.into(), SIZE.height.into())
    );
    let begins = made.survey.first_painted.unwrap();
    let length = (made.survey.duration - begins).as_millis();
    // The last picture is looked at up to one interval late, and is seen for one interval.
    let longest = length + 40;
    assert!(
        (length..=longest).contains(&probed.duration.into()),
        "{probed:?}, {length}"
    );
    let shown = pictures(&film).pictures;
    assert_eq!(shown.len(), count as usize);
    assert_eq!(probed.pictures.len(), count as usize);
    let mut player = Player::new(open().unwrap());
    let mut seen = Vec::new();
    for found in &probed.pictures {
        let at = begins + Duration::from_millis(found.at);
        player.play_to(at, &mut |_, _| {}).unwrap();
        seen.push(player.screen().seen().unwrap());
    }
    for (number, picture) in shown.iter().enumerate() {
        let alike = |seen: &Framebuffer| psnr(picture, seen.pixels(), SIZE.width.into());
        let ratio = alike(&seen[number]);
        // The strongest colours there are, in lines of one pixel.
        assert!(ratio > 20.0, "{number}: {ratio:.1} dB");
        assert!(
            seen.iter().all(|other| alike(other) <= ratio),
            "{number} shows another time"
        );
    }
}
