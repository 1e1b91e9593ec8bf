//! The film's index (ISO/IEC 14496-12 §8), and what stands before and between its parts.

use mp4_atom::{
    Avc1, Avcc, Co64, Codec, Colr, Dinf, Dref, Encode, FourCC, Ftyp, Hdlr, Header, Mdhd, Mdia, Minf, Moov,
    Mvhd, Stbl, Stsc, StscEntry, Stsd, Stss, Stsz, StszSamples, Stts, SttsEntry, Tkhd, Trak, Url, Visual,
    Vmhd,
};

use crate::encoder::Parameters;
use crate::{VideoResult, VideoSize};

/// Units of time in a second.
pub(crate) const TIMESCALE: u32 = 1000;

const TRACK: u32 = 1;

/// Where the pictures of a film lie, how long each is seen, and which can be begun with.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// How many pictures in a row are seen equally long.
    lasting: Vec<SttsEntry>,
    lengths: Vec<u32>,
    /// Numbers of pictures, from 1.
    keys: Vec<u32>,
    /// From which chunk on each has how many pictures.
    chunks: Vec<StscEntry>,
    /// Where each chunk begins.
    places: Vec<u64>,
    duration: u64,
}

impl Index {
    /// Notes the next picture: how long it is in bytes, and whether it can be begun with.
    pub(crate) fn picture(&mut self, length: u32, lasts: u32, key: bool) {
        self.lengths.push(length);
        if key {
            self.keys.push(number(self.lengths.len()));
        }
        self.duration += u64::from(lasts);
        match self.lasting.last_mut() {
            Some(same) if same.sample_delta == lasts => same.sample_count += 1,
            _ => self.lasting.push(SttsEntry {
                sample_count: 1,
                sample_delta: lasts,
            }),
        }
    }

    /// Notes that the last so many pictures lie at this place of the file.
    pub(crate) fn chunk(&mut self, place: u64, pictures: u32) {
        self.places.push(place);
        if self.chunks.last().map(|last| last.samples_per_chunk) != Some(pictures) {
            self.chunks.push(StscEntry {
                first_chunk: number(self.places.len()),
                samples_per_chunk: pictures,
                sample_description_index: 1,
            });
        }
    }

    pub(crate) fn pictures(&self) -> u32 {
        number(self.lengths.len())
    }

    /// Appends the index (§8.2.1, `moov`).
    pub(crate) fn write(
        self,
        size: VideoSize,
        parameters: &Parameters,
        out: &mut Vec<u8>,
    ) -> VideoResult<()> {
        let duration = self.duration;
        let side = |side: usize| u16::try_from(side).unwrap_or(u16::MAX);
        let (width, height) = size.encoded();
        let (width, height) = (side(width), side(height));
        let moov = Moov {
            mvhd: Mvhd {
                timescale: TIMESCALE,
                duration,
                rate: 1.into(),
                volume: 1.into(),
                next_track_id: TRACK + 1,
                ..Mvhd::default()
            },
            trak: vec![Trak {
                tkhd: Tkhd {
                    track_id: TRACK,
                    duration,
                    enabled: true,
                    in_movie: true,
                    width: width.into(),
                    height: height.into(),
                    ..Tkhd::default()
                },
                mdia: Mdia {
                    mdhd: Mdhd {
                        timescale: TIMESCALE,
                        duration,
                        language: "und".to_owned(),
                        ..Mdhd::default()
                    },
                    hdlr: Hdlr {
                        handler: FourCC::new(b"vide"),
                        name: "screen".to_owned(),
                    },
                    minf: Minf {
                        vmhd: Some(Vmhd::default()),
                        dinf: Dinf {
                            dref: Dref {
                                entries: vec![Url::default().into()],
                            },
                        },
                        stbl: self.table(width, height, parameters)?,
                        ..Minf::default()
                    },
                },
                ..Trak::default()
            }],
            ..Moov::default()
        };
        Ok(moov.encode(out)?)
    }

    /// The sample table (§8.5.1, `stbl`).
    fn table(self, width: u16, height: u16, parameters: &Parameters) -> VideoResult<Stbl> {
        let pictures = Avc1 {
            visual: Visual {
                data_reference_index: 1,
                width,
                height,
                ..Visual::default()
            },
            avcc: Avcc::new(&parameters.sequence, &parameters.picture)?,
            // ITU-T H.273: primaries of BT.709, sRGB's curve, the matrix of BT.601, 16 to 235.
            colr: Some(Colr::new(1, 13, 6, false)?),
            ..Avc1::default()
        };
        Ok(Stbl {
            stsd: Stsd {
                codecs: vec![Codec::Avc1(pictures)],
            },
            stts: Stts {
                entries: self.lasting,
            },
            stss: Some(Stss { entries: self.keys }),
            stsc: Stsc { entries: self.chunks },
            stsz: Stsz {
                samples: StszSamples::Different { sizes: self.lengths },
            },
            co64: Some(Co64 { entries: self.places }),
            ..Stbl::default()
        })
    }
}

/// Appends what a film begins with (ISO/IEC 14496-12 §4.3, `ftyp`).
pub(crate) fn begin(out: &mut Vec<u8>) -> VideoResult<()> {
    let brands = [b"isom", b"iso2", b"avc1", b"mp41"].map(FourCC::new);
    Ok(Ftyp {
        major_brand: FourCC::new(b"isom"),
        minor_version: 0x200,
        compatible_brands: brands.into(),
    }
    .encode(out)?)
}

/// Appends what pictures of this many bytes stand behind (§8.1.1, `mdat`).
pub(crate) fn data_header(length: usize, out: &mut Vec<u8>) -> VideoResult<()> {
    Ok(Header {
        kind: FourCC::new(b"mdat"),
        size: Some(length),
    }
    .encode(out)?)
}

/// There are fewer pictures than this goes up to.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
