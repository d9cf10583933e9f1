//! Opus, which the demuxers know and need a decoder for (RFC 6716; its header: RFC 7845, 5.1).

use crate::error::Problem;
use opus_decoder::{OpusDecoder, OpusError, OpusMultistreamDecoder};
use symphonia::core::codecs::audio::AudioCodecParameters;

/// Opus always decodes to this rate, whatever was recorded.
pub(super) const RATE_HZ: u32 = 48_000;
/// The longest packet: 120 ms.
const MAX_FRAMES: usize = RATE_HZ as usize * 120 / 1000;

/// The decoder of one track of Opus.
pub(super) struct OpusTrack {
    decoder: Streams,
    channels: usize,
    pre_skip: u64,
    pcm: Vec<f32>,
}

enum Streams {
    One(Box<OpusDecoder>),
    Many(OpusMultistreamDecoder),
}

impl OpusTrack {
    /// A decoder as the identification header in `params` wants it.
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Self, Problem> {
        let damaged = |_: OpusError| Problem::Damaged("its Opus header".to_owned());
        let head = params.extra_data.as_deref().filter(|head| head.starts_with(b"OpusHead"));
        let head = head.ok_or_else(|| Problem::Damaged("it has no Opus header".to_owned()))?;
        let [channels, low, high] = head
            .get(9..12)
            .and_then(|bytes| <[u8; 3]>::try_from(bytes).ok())
            .ok_or_else(|| Problem::Damaged("its Opus header is cut off".to_owned()))?;
        let channels = usize::from(channels);
        // Mapping family 0, one or two channels, has no table after it.
        let decoder = match head.get(18..21) {
            Some(&[family, streams, coupled]) if family != 0 => {
                let mapping = head.get(21..21 + channels).unwrap_or_default();
                let (streams, coupled) = (usize::from(streams), usize::from(coupled));
                let decoder =
                    OpusMultistreamDecoder::new(RATE_HZ, channels, streams, coupled, mapping);
                Streams::Many(decoder.map_err(damaged)?)
            }
            _ => Streams::One(Box::new(OpusDecoder::new(RATE_HZ, channels).map_err(damaged)?)),
        };
        Ok(Self {
            decoder,
            channels,
            pre_skip: u64::from(u16::from_le_bytes([low, high])),
            pcm: vec![0.0; MAX_FRAMES * channels],
        })
    }

    /// Samples a channel to leave out at the start.
    pub(super) fn pre_skip(&self) -> u64 {
        self.pre_skip
    }

    /// Channels of what [`decode`](Self::decode) gives.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// The interleaved samples of one packet at 48 kHz.
    pub(super) fn decode(&mut self, packet: &[u8]) -> Result<&[f32], OpusError> {
        let frames = match &mut self.decoder {
            Streams::One(decoder) => decoder.decode_float(packet, &mut self.pcm, false)?,
            Streams::Many(decoder) => decoder.decode_float(packet, &mut self.pcm, false)?,
        };
        Ok(&self.pcm[..frames * self.channels])
    }
}
