//! What a target plays, as samples (MS-RDPEA).
//!
//! [`sound`] makes both ends: [`SoundSink`] goes into the options of a connection, [`SoundReader`] gives what comes. Nothing is
//! left out: while more than [`MAX_WAITING`] bytes of samples have not been read, nothing at all is received, so a reader
//! has to be read from or dropped. Without one, a target is told that nobody listens.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ironrdp_rdpsnd::client::RdpsndClientHandler;
use ironrdp_rdpsnd::codec::AudioDecoder;
use ironrdp_rdpsnd::pdu::{AudioFormat, AudioFormatFlags, PitchPdu, VolumePdu, WaveFormat};
use jump_core::{Error, ErrorKind, Result};
use tokio::sync::watch;

/// From so many bytes of samples on that nobody has read, nothing is received: six seconds of a compact disc.
pub const MAX_WAITING: usize = 1 << 20;
/// The longest piece of sound that a target may send, in bytes as they come; Windows sends some thousands, xrdp 128 KiB.
const MAX_WAVE: usize = 256 << 10;
/// The most formats of a target that are answered; Windows has less than thirty.
const MAX_FORMATS: usize = 64;
/// Samples a second that are taken, and the most channels.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
const MAX_CHANNELS: u16 = 8;

const OPERATION: &str = "receive the target's sound";

/// Samples that belong together.
#[derive(Clone, PartialEq, Eq)]
pub struct SoundSamples {
    /// Samples of each channel in a second, 4000..=192000. It can change from one event to the next.
    pub rate: u32,
    /// Channels, 1..=8: 1 is in the middle, 2 are left and right.
    pub channels: u16,
    /// When they begin, in milliseconds of a clock of the target's; it wraps around, in old targets every 65.536 seconds.
    pub at: u32,
    /// The samples, those of one moment together, in the order of the channels.
    pub samples: Vec<i16>,
}

impl fmt::Debug for SoundSamples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoundSamples")
            .field("rate", &self.rate)
            .field("channels", &self.channels)
            .field("at", &self.at)
            .field("samples", &self.samples.len())
            .finish()
    }
}

/// What happens to a target's sound.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SoundEvent {
    /// It plays.
    Samples(SoundSamples),
    /// What is played is to be so loud, 0..=65535 (MS-RDPEA §2.2.4.2). The samples are as they came.
    Volume {
        /// On the left, or in the middle.
        left: u16,
        /// On the right.
        right: u16,
    },
    /// It has stopped for now.
    Stopped,
}

impl SoundEvent {
    const fn bytes(&self) -> usize {
        match self {
            SoundEvent::Samples(samples) => samples.samples.len() * 2,
            _ => size_of::<Self>(),
        }
    }
}

#[derive(Default)]
struct Queue {
    events: VecDeque<SoundEvent>,
    bytes: usize,
    /// Nobody will read any more.
    unread: bool,
    /// Nothing will come any more.
    over: bool,
    /// What the target sent that is no sound.
    wrong: Option<(ErrorKind, &'static str)>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something came, or was read, or one of both ends is gone.
    bell: watch::Sender<()>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Queue)) {
        change(&mut self.lock());
        self.bell.send_replace(());
    }

    fn push(&self, event: SoundEvent) {
        self.change(|queue| {
            if queue.unread {
                return;
            }
            // Only the newest of what is no sample is worth anything, and there may be any number of them.
            let last = queue.events.back_mut();
            match (&event, last) {
                (SoundEvent::Volume { .. }, Some(last @ SoundEvent::Volume { .. })) => *last = event,
                (SoundEvent::Stopped, Some(SoundEvent::Stopped)) => {}
                _ => {
                    queue.bytes += event.bytes();
                    queue.events.push_back(event);
                }
            }
        });
    }

    async fn until<T>(&self, mut look: impl FnMut(&mut Queue) -> Option<T>) -> T {
        let mut rung = self.bell.subscribe();
        loop {
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            // Its sender lives as long as this borrow.
            let _ = rung.changed().await;
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sound")
            .field("waiting", &self.lock().bytes)
            .finish()
    }
}

/// Both ends of the sound of one session.
#[must_use]
pub fn sound() -> (SoundSink, SoundReader) {
    let shared = Arc::new(Shared::default());
    (SoundSink(shared.clone()), SoundReader(shared))
}

/// Where the sound of a session goes: for [`RdpClientOptions::sound`](super::RdpClientOptions::sound).
#[derive(Debug)]
pub struct SoundSink(Arc<Shared>);

impl SoundSink {
    /// The end of the channel that knows what comes.
    pub(super) fn player(&self) -> Player {
        Player {
            shared: self.0.clone(),
            plays: false,
        }
    }

    /// Waits until there is room for more sound, or nobody wants it any more. Cancel-safe.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] if a piece is too long, [`ErrorKind::Protocol`] if one cannot be decoded.
    pub(super) async fn room(&self) -> Result<()> {
        self.0
            .until(|queue| match queue.wrong {
                Some((kind, message)) => Some(Err(Error::new(kind, OPERATION, message))),
                None => (queue.unread || queue.bytes < MAX_WAITING).then_some(Ok(())),
            })
            .await
    }

    /// Leaves out what comes from now on: the session is being closed.
    pub(super) fn silence(&self) {
        self.0.change(|queue| queue.unread = true);
    }
}

impl Drop for SoundSink {
    fn drop(&mut self) {
        self.0.change(|queue| queue.over = true);
    }
}

/// What a session plays. Dropping it lets the session go on in silence.
#[derive(Debug)]
pub struct SoundReader(Arc<Shared>);

impl SoundReader {
    /// The next event; `None` when the session is over and everything was read. Why it is over is for the session's own
    /// events to say. Cancel-safe.
    pub async fn next(&mut self) -> Option<SoundEvent> {
        self.0
            .until(|queue| match queue.events.pop_front() {
                Some(event) => {
                    queue.bytes -= event.bytes();
                    Some(Some(event))
                }
                None => queue.over.then_some(None),
            })
            .await
            .inspect(|_| {
                self.0.bell.send_replace(());
            })
    }
}

impl Drop for SoundReader {
    fn drop(&mut self) {
        self.0.change(|queue| {
            queue.unread = true;
            queue.events.clear();
            queue.bytes = 0;
        });
    }
}

/// What IronRDP tells of the channel, decoded and queued.
#[derive(Debug)]
pub(super) struct Player {
    shared: Arc<Shared>,
    plays: bool,
}

impl Player {
    fn decode(format: &AudioFormat, at: u32, data: &[u8]) -> Result<SoundSamples, (ErrorKind, &'static str)> {
        if data.len() > MAX_WAVE {
            return Err((ErrorKind::ResourceLimit, "a piece of sound has more than 256 KiB"));
        }
        let undecodable = |_| {
            (
                ErrorKind::Protocol,
                "a piece of sound is not in the format that it says",
            )
        };
        let mut samples = Vec::new();
        AudioDecoder::new(format)
            .and_then(|mut decoder| decoder.decode(data, &mut samples))
            .map_err(undecodable)?;
        Ok(SoundSamples {
            rate: format.n_samples_per_sec,
            channels: format.n_channels,
            at,
            samples,
        })
    }
}

impl RdpsndClientHandler for Player {
    fn get_flags(&self) -> AudioFormatFlags {
        AudioFormatFlags::VOLUME
    }

    fn get_formats(&self) -> &[AudioFormat] {
        &[]
    }

    fn choose_formats(&self, offered: &[AudioFormat]) -> Vec<AudioFormat> {
        chosen(offered)
    }

    fn wave(&mut self, format: &AudioFormat, at: u32, data: Cow<'_, [u8]>) {
        match Self::decode(format, at, &data) {
            Ok(samples) => {
                self.plays = true;
                self.shared.push(SoundEvent::Samples(samples));
            }
            Err(wrong) => self.shared.change(|queue| queue.wrong = Some(wrong)),
        }
    }

    fn set_volume(&mut self, volume: VolumePdu) {
        self.shared.push(SoundEvent::Volume {
            left: volume.volume_left,
            right: volume.volume_right,
        });
    }

    /// Not offered (MS-RDPEA §2.2.2.2, `TSSNDCAPS_PITCH`).
    fn set_pitch(&mut self, _: PitchPdu) {}

    /// Also called when the target begins to say what it can play.
    fn close(&mut self) {
        if std::mem::take(&mut self.plays) {
            self.shared.push(SoundEvent::Stopped);
        }
    }
}

/// The formats that a target may use: its uncompressed ones of 16 bits, or if it has none, all that can be decoded.
fn chosen(offered: &[AudioFormat]) -> Vec<AudioFormat> {
    let known = |format: &&AudioFormat| {
        RATES.contains(&format.n_samples_per_sec)
            && (1..=MAX_CHANNELS).contains(&format.n_channels)
            && AudioDecoder::supports(format)
    };
    let exact = |format: &&AudioFormat| format.format == WaveFormat::PCM && format.bits_per_sample == 16;
    let exactly: Vec<_> = offered
        .iter()
        .filter(known)
        .filter(exact)
        .take(MAX_FORMATS)
        .cloned()
        .collect();
    if exactly.is_empty() {
        return offered.iter().filter(known).take(MAX_FORMATS).cloned().collect();
    }
    exactly
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn format(format: WaveFormat, bits: u16, rate: u32, channels: u16) -> AudioFormat {
        AudioFormat {
            format,
            n_channels: channels,
            n_samples_per_sec: rate,
            n_avg_bytes_per_sec: rate * u32::from(channels * bits / 8),
            n_block_align: channels * bits / 8,
            bits_per_sample: bits,
            data: None,
        }
    }

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match Box::pin(future)
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(ready) => Some(ready),
            Poll::Pending => None,
        }
    }

    #[test]
    fn exact_formats_are_chosen_and_others_only_without_them() {
        let exact = format(WaveFormat::PCM, 16, 44_100, 2);
        let law = format(WaveFormat::MULAW, 8, 8_000, 1);
        let unknown = format(WaveFormat::AAC_MS, 16, 44_100, 2);
        let fast = format(WaveFormat::PCM, 16, 400_000, 2);
        let wide = format(WaveFormat::PCM, 16, 44_100, 9);
        let all = [unknown.clone(), law.clone(), fast, wide, exact.clone()];
        assert_eq!(chosen(&all), [exact]);
        assert_eq!(chosen(&all[..4]), [law]);
        assert_eq!(chosen(&[unknown]), []);
    }

    #[test]
    fn s27_a_target_may_offer_any_number_of_formats() {
        let many: Vec<_> = (0..100_000)
            .map(|_| format(WaveFormat::PCM, 16, 44_100, 2))
            .collect();
        assert_eq!(chosen(&many).len(), MAX_FORMATS);
    }

    #[test]
    fn what_is_read_makes_room_and_nothing_is_lost() {
        let (sink, mut reader) = sound();
        let mut player = sink.player();
        let stereo = format(WaveFormat::PCM, 16, 44_100, 2);
        let waves = MAX_WAITING / MAX_WAVE;
        for number in 0..waves {
            assert!(now(sink.room()).unwrap().is_ok());
            player.wave(&stereo, number as u32, Cow::Owned(vec![number as u8; MAX_WAVE]));
        }
        assert!(now(sink.room()).is_none());
        for number in 0..waves {
            let Some(Some(SoundEvent::Samples(heard))) = now(reader.next()) else {
                panic!("samples wait");
            };
            assert_eq!((heard.rate, heard.channels, heard.at), (44_100, 2, number as u32));
            assert_eq!(
                heard.samples,
                vec![i16::from_le_bytes([number as u8; 2]); MAX_WAVE / 2]
            );
            assert!(now(sink.room()).unwrap().is_ok());
        }
        assert!(now(reader.next()).is_none());
        player.set_volume(VolumePdu {
            volume_left: 1,
            volume_right: 2,
        });
        player.set_volume(VolumePdu {
            volume_left: 3,
            volume_right: 4,
        });
        player.close();
        drop(sink);
        assert_eq!(
            now(reader.next()),
            Some(Some(SoundEvent::Volume { left: 3, right: 4 }))
        );
        assert_eq!(now(reader.next()), Some(Some(SoundEvent::Stopped)));
        assert_eq!(now(reader.next()), Some(None));
    }

    #[test]
    fn a_session_goes_on_without_a_reader() {
        let (sink, reader) = sound();
        let mut player = sink.player();
        let stereo = format(WaveFormat::PCM, 16, 44_100, 2);
        for _ in 0..8 {
            player.wave(&stereo, 0, Cow::Owned(vec![0; MAX_WAVE]));
        }
        assert!(now(sink.room()).is_none());
        drop(reader);
        assert!(now(sink.room()).unwrap().is_ok());
        player.wave(&stereo, 0, Cow::Owned(vec![0; MAX_WAVE]));
        assert_eq!(sink.0.lock().bytes, 0);
    }

    #[test]
    fn s27_a_piece_of_sound_is_bounded_and_has_to_be_in_its_format() {
        let too_long = |player: &mut Player| {
            let pcm = format(WaveFormat::PCM, 16, 44_100, 2);
            player.wave(&pcm, 0, Cow::Owned(vec![0; MAX_WAVE + 1]));
        };
        let damaged = |player: &mut Player| {
            let mut adpcm = format(WaveFormat::DVI_ADPCM, 4, 22_050, 2);
            adpcm.n_block_align = 1024;
            player.wave(&adpcm, 0, Cow::Owned(vec![0xff; 3]));
        };
        let cases: [(fn(&mut Player), _); 2] = [
            (too_long, ErrorKind::ResourceLimit),
            (damaged, ErrorKind::Protocol),
        ];
        for (wave, kind) in cases {
            let (sink, _reader) = sound();
            wave(&mut sink.player());
            assert_eq!(now(sink.room()).unwrap().unwrap_err().kind(), kind);
        }
    }
}
