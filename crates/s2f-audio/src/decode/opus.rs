//! Decodes Opus packets of WebM, Ogg and MP4 (RFC 6716; identification header: RFC 7845, 5.1).

use ropus::OpusMSDecoder;

use crate::error::Problem;

/// Opus always decodes to this sampling rate, Hz.
pub(super) const RATE_HZ: u32 = 48_000;
/// Frames of the longest packet: 120 ms.
const MAX_FRAMES: usize = RATE_HZ as usize * 120 / 1000;
/// Maximum number of channels in RFC 7845's layouts; more are ambisonics and not a voice.
const MAX_CHANNELS: usize = 8;

/// The beginning of an identification header.
const MAGIC: &[u8] = b"OpusHead";

/// The decoder of one Opus track.
pub(super) struct OpusTrack {
    decoder: OpusMSDecoder,
    channels: usize,
    pre_skip: u64,
    pcm: Vec<i16>,
}

impl OpusTrack {
    /// A decoder for an identification header. Its integers are little endian, except in MP4, which
    /// leaves out the magic (Encapsulation of Opus in ISO Base Media File Format, 4.3.2).
    pub(super) fn new(head: &[u8], is_mp4: bool) -> Result<Self, Problem> {
        let damaged = || Problem::Damaged("its Opus header".to_owned());
        // After the magic: version, channels, pre-skip (2), rate (4), gain (2), mapping family.
        let head = if is_mp4 { Some(head) } else { head.strip_prefix(MAGIC) };
        let head = head.ok_or_else(damaged)?;
        let (&[_, channels, skip_0, skip_1, _, _, _, _, gain_0, gain_1, family], table) =
            head.split_first_chunk::<11>().ok_or_else(damaged)?;
        let integer = if is_mp4 { u16::from_be_bytes } else { u16::from_le_bytes };
        let (pre_skip, gain) = (integer([skip_0, skip_1]), integer([gain_0, gain_1]).cast_signed());
        let channels = usize::from(channels);
        if channels > MAX_CHANNELS {
            return Err(Problem::UnsupportedCodec(format!("Opus with {channels} channels")));
        }
        // Mapping family 0 is one stream of one or two channels, without a table.
        let (streams, coupled, mapping) = match (family, table) {
            (0, _) => (1, i32::from(channels == 2), &[0, 1][..]),
            (_, &[streams, coupled, ref mapping @ ..]) => {
                (i32::from(streams), i32::from(coupled), mapping)
            }
            _ => return Err(damaged()),
        };
        let mapping = mapping.get(..channels).ok_or_else(damaged)?;
        let rate = RATE_HZ.cast_signed();
        let mut decoder = OpusMSDecoder::new(rate, channels as i32, streams, coupled, mapping)
            .map_err(|_| damaged())?;
        decoder.set_gain(i32::from(gain));
        Ok(Self {
            decoder,
            channels,
            pre_skip: u64::from(pre_skip),
            pcm: vec![0; MAX_FRAMES * channels],
        })
    }

    /// A header for one stream of one or two channels.
    pub(super) fn header(channels: u8, pre_skip: u16) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.extend([1, channels]);
        head.extend(pre_skip.to_le_bytes());
        head.extend(RATE_HZ.to_le_bytes());
        head.extend([0; 3]); // gain and mapping family
        head
    }

    /// Frames to skip at the start.
    pub(super) fn pre_skip(&self) -> u64 {
        self.pre_skip
    }

    /// Number of channels that [`decode`](Self::decode) gives.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Replaces `samples` with those of one packet: interleaved, 48 kHz, without the last `padding`
    /// frames.
    pub(super) fn decode(
        &mut self,
        packet: &[u8],
        padding: u64,
        samples: &mut Vec<f32>,
    ) -> Result<(), &'static str> {
        let bad = "bad Opus packet";
        // A valid packet is far shorter: 120 ms at 510 kbit/s in each of eight streams.
        let Ok(length) = i32::try_from(packet.len()) else { return Err(bad) };
        let capacity = MAX_FRAMES as i32;
        let frames = match self.decoder.decode(Some(packet), length, &mut self.pcm, capacity, false)
        {
            Ok(frames) => usize::try_from(frames).unwrap_or(0),
            Err(_) => return Err(bad),
        };
        let kept = frames - usize::try_from(padding).unwrap_or(frames).min(frames);
        samples.clear();
        samples.extend(self.pcm[..kept * self.channels].iter().map(|&s| f32::from(s) / 32_768.0));
        Ok(())
    }
}
