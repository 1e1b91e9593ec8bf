//! Pictures as H.264.

use openh264::OpenH264API;
use openh264::Timestamp;
use openh264::encoder::{
    ColorPrimaries, Encoder as OpenH264, EncoderConfig, FrameRate, FrameType, QpRange, RateControlMode,
    TransferCharacteristics, UsageType, VuiConfig,
};
use openh264::formats::{RgbaSliceU8, YUVBuffer};

use crate::{VideoError, VideoResult, VideoSize};

/// How coarsely everything is quantized (ITU-T H.264 §7.4.2.2, QP; 0 to 51): small letters stay sharp.
const QUANTIZER: u8 = 22;

// ITU-T H.264 §7.4.1, table 7-1.
const TYPE_MASK: u8 = 0x1f;
const SEQUENCE_PARAMETERS: u8 = 7;
const PICTURE_PARAMETERS: u8 = 8;

/// What a player must know before the first picture (ISO/IEC 14496-15 §5.3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// SPS (ITU-T H.264 §7.3.2.1).
    pub(crate) sequence: Vec<u8>,
    /// PPS (§7.3.2.2).
    pub(crate) picture: Vec<u8>,
}

/// One encoder for pictures of one size.
pub(crate) struct Encoder {
    encoder: OpenH264,
    size: VideoSize,
    planes: YUVBuffer,
    /// A picture as large as what is encoded, if the film is smaller.
    filled: Vec<u8>,
    parameters: Parameters,
}

impl Encoder {
    pub(crate) fn new(size: VideoSize, most_per_second: u8) -> VideoResult<Self> {
        // The library's conversion has the matrix of BT.601; a screen's colours are sRGB otherwise.
        let colours = VuiConfig::bt601()
            .color_primaries(ColorPrimaries::Bt709)
            .transfer_characteristics(TransferCharacteristics::Srgb);
        let config = EncoderConfig::new()
            .usage_type(UsageType::ScreenContentRealTime)
            .rate_control_mode(RateControlMode::Off)
            .qp(QpRange::new(QUANTIZER, QUANTIZER))
            .adaptive_quantization(false)
            .background_detection(false)
            .skip_frames(false)
            .max_frame_rate(FrameRate::from_hz(most_per_second.into()))
            .num_threads(1)
            .vui(colours);
        let (width, height) = size.encoded();
        Ok(Self {
            encoder: OpenH264::with_api_config(OpenH264API::from_source(), config)?,
            size,
            planes: YUVBuffer::new(width, height),
            filled: Vec::new(),
            parameters: Parameters::default(),
        })
    }

    /// Appends a picture to `out` as MP4 has it: each part behind its length (ISO/IEC 14496-15 §5.3.4.2). Whether it can be
    /// shown without those before it.
    pub(crate) fn encode(
        &mut self,
        pixels: &[[u8; 4]],
        at_milliseconds: u64,
        key: bool,
        out: &mut Vec<u8>,
    ) -> VideoResult<bool> {
        let dimensions = self.size.encoded();
        let bytes = if self.size.pixels() == dimensions.0 * dimensions.1 {
            pixels.as_flattened()
        } else {
            self.fill(pixels, dimensions);
            &self.filled
        };
        self.planes.read_rgba8(RgbaSliceU8::new(bytes, dimensions));
        if key {
            self.encoder.force_intra_frame();
        }
        let made = self
            .encoder
            .encode_at(&self.planes, Timestamp::from_millis(at_milliseconds))?;
        let key = match made.frame_type() {
            FrameType::IDR => true,
            FrameType::I | FrameType::P | FrameType::IPMixed => false,
            FrameType::Skip | FrameType::Invalid => {
                return Err(VideoError::Encoder("it left a picture out".to_owned()));
            }
        };
        let layers = (0..made.num_layers()).filter_map(|index| made.layer(index));
        for layer in layers {
            for part in (0..layer.nal_count()).filter_map(|index| layer.nal_unit(index)) {
                let part = without_start_code(part)?;
                match part.first().map(|first| first & TYPE_MASK) {
                    Some(SEQUENCE_PARAMETERS) => once(&mut self.parameters.sequence, part)?,
                    Some(PICTURE_PARAMETERS) => once(&mut self.parameters.picture, part)?,
                    _ => {
                        let length = u32::try_from(part.len())
                            .map_err(|_| VideoError::Encoder("a picture is too large".to_owned()))?;
                        out.extend(length.to_be_bytes());
                        out.extend(part);
                    }
                }
            }
        }
        Ok(key)
    }

    pub(crate) fn into_parameters(self) -> Parameters {
        self.parameters
    }

    /// Repeats the last pixel of each row and the last row until the picture is large enough.
    fn fill(&mut self, pixels: &[[u8; 4]], (width, height): (usize, usize)) {
        self.filled.clear();
        let rows = pixels.chunks_exact(usize::from(self.size.width()));
        let again = rows.clone().last().into_iter().cycle();
        for row in rows.chain(again).take(height) {
            self.filled.extend(row.as_flattened());
            for _ in row.len()..width {
                self.filled.extend(row.last().into_iter().flatten());
            }
        }
    }
}

/// A part of a byte stream without the code that it begins with (ITU-T H.264 Annex B).
fn without_start_code(part: &[u8]) -> VideoResult<&[u8]> {
    part.strip_prefix(&[0, 0, 0, 1])
        .or_else(|| part.strip_prefix(&[0, 0, 1]))
        .ok_or_else(|| VideoError::Encoder("a part without a beginning".to_owned()))
}

/// Parameters stand outside of the pictures, once for all of them.
fn once(known: &mut Vec<u8>, new: &[u8]) -> VideoResult<()> {
    if known.is_empty() {
        known.extend(new);
    } else if known != new {
        return Err(VideoError::Encoder("it changed its parameters".to_owned()));
    }
    Ok(())
}
