//! Headers of MPEG audio frames (ISO/IEC 11172-3, 2.4.1.3; ISO/IEC 13818-3, 2.4.2.3), and the frame
//! that LAME and others put first to describe the stream.

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) layer: u8,
    pub(super) rate_hz: u32,
    pub(super) kbit_per_s: u32,
    pub(super) channels: u32,
    /// Length of the frame in bytes; 0 if its bit rate is not stated.
    pub(super) size: u32,
    /// Frames of samples in it.
    pub(super) samples: u32,
    is_mpeg_1: bool,
}

/// What the first frame says about a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct StreamInfo {
    /// Number of frames after this one; `None` if it is not stated.
    pub(super) frames: Option<u32>,
    /// Delay and padding of the encoder, frames of samples.
    pub(super) gaps: Option<(u32, u32)>,
}

/// Bit rates by index, kbit/s: MPEG-1 layers I to III, MPEG-2 layer I, MPEG-2 layers II and III.
const KBIT_PER_S: [[u32; 15]; 5] = [
    [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const RATES_HZ: [u32; 3] = [44_100, 48_000, 32_000];

impl Header {
    /// Length of a header, bytes.
    pub(super) const BYTES: usize = 4;

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[0xff, second, third, fourth] = bytes else { return None };
        if second & 0xe0 != 0xe0 {
            return None;
        }
        // 0 is MPEG-2.5, which halves the rates again.
        let version = second >> 3 & 3;
        let layer = 4 - (second >> 1 & 3);
        let (bit_rate, rate) = (usize::from(third >> 4), usize::from(third >> 2 & 3));
        if version == 1 || layer == 4 || bit_rate == 15 || rate == 3 || fourth & 3 == 2 {
            return None;
        }
        let is_mpeg_1 = version == 3;
        let row = match (is_mpeg_1, layer) {
            (true, layer) => usize::from(layer) - 1,
            (false, 1) => 3,
            (false, _) => 4,
        };
        let kbit_per_s = KBIT_PER_S[row][bit_rate];
        let rate_hz = RATES_HZ[rate] >> [2, 0, 1, 0][usize::from(version)];
        let samples = match (is_mpeg_1, layer) {
            (_, 1) => 384,
            (false, 3) => 576,
            _ => 1152,
        };
        let padding = u32::from(third >> 1 & 1);
        let size = match layer {
            _ if kbit_per_s == 0 => 0,
            1 => (12_000 * kbit_per_s / rate_hz + padding) * 4,
            _ => samples / 8 * 1000 * kbit_per_s / rate_hz + padding,
        };
        let channels = if fourth >> 6 == 3 { 1 } else { 2 };
        Some(Self { layer, rate_hz, kbit_per_s, channels, size, samples, is_mpeg_1 })
    }

    /// Whether a frame with this header can follow one with the `other` in one stream.
    pub(super) fn continues(&self, other: &Self) -> bool {
        (self.layer, self.rate_hz, self.channels) == (other.layer, other.rate_hz, other.channels)
    }

    /// What this frame says about the stream, if it is there for that and holds no sound.
    pub(super) fn stream_info(&self, frame: &[u8]) -> Option<StreamInfo> {
        if self.layer != 3 {
            return None;
        }
        const VBRI: usize = Header::BYTES + 32;
        if frame.get(VBRI..VBRI + 4) == Some(b"VBRI") {
            let frames = frame.get(VBRI + 14..VBRI + 18).and_then(|b| b.first_chunk());
            let frames = frames.map(|bytes| u32::from_be_bytes(*bytes)).filter(|count| *count > 0);
            return Some(StreamInfo { frames, gaps: None });
        }
        // After the side information.
        let side = match (self.is_mpeg_1, self.channels) {
            (true, 2) => 32,
            (true, _) | (false, 2) => 17,
            (false, _) => 9,
        };
        let tag = |at: usize| matches!(frame.get(at..at + 4), Some(b"Xing" | b"Info"));
        // Some encoders count the checksum, some do not.
        let at = [Self::BYTES + side, Self::BYTES + side + 2].into_iter().find(|at| tag(*at))?;
        let word = |at: usize| frame.get(at..at + 4)?.first_chunk().map(|b| u32::from_be_bytes(*b));
        let flags = word(at + 4).unwrap_or(0);
        let frames = if flags & 1 != 0 { word(at + 8).filter(|frames| *frames > 0) } else { None };
        let fields = [(1, 4), (2, 4), (4, 100), (8, 4)];
        let length: usize = fields.iter().filter(|(bit, _)| flags & bit != 0).map(|f| f.1).sum();
        // The extension of LAME: a version, then the gaps in 12 bits each.
        let extension = at + 8 + length;
        let version = frame.get(extension..extension + 4);
        let gaps = match (version, frame.get(extension + 21..extension + 24)) {
            (Some(b"LAME" | b"Lavf" | b"Lavc" | b"L3.9"), Some(&[a, b, c])) => {
                let [a, b, c] = [a, b, c].map(u32::from);
                Some((a << 4 | b >> 4, (b & 15) << 8 | c))
            }
            _ => None,
        };
        Some(StreamInfo { frames, gaps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_layers() {
        // Layer, rate, bit rate, channels, size, samples; sizes by the formula of the standard.
        let check = |bytes: [u8; 4], expected: (u8, u32, u32, u32, u32, u32)| {
            let h = Header::parse(&bytes).unwrap();
            let found = (h.layer, h.rate_hz, h.kbit_per_s, h.channels, h.size, h.samples);
            assert_eq!(found, expected, "{bytes:x?}");
        };
        check([0xff, 0xfb, 0x90, 0x00], (3, 44_100, 128, 2, 417, 1152));
        check([0xff, 0xfb, 0x92, 0x00], (3, 44_100, 128, 2, 418, 1152));
        check([0xff, 0xf3, 0x48, 0xc0], (3, 16_000, 32, 1, 144, 576));
        check([0xff, 0xe3, 0x48, 0xc0], (3, 8_000, 32, 1, 288, 576));
        check([0xff, 0xfd, 0xe4, 0xc0], (2, 48_000, 384, 1, 1152, 1152));
        check([0xff, 0xff, 0x40, 0x00], (1, 44_100, 128, 2, 136, 384));
        check([0xff, 0xfb, 0x00, 0x00], (3, 44_100, 0, 2, 0, 1152));
        for none in [[0xff, 0xf9, 0x90, 0], [0xff, 0xfb, 0xf0, 0], [0xff, 0xfb, 0x9c, 0], [0; 4]] {
            assert_eq!(Header::parse(&none), None);
        }
        assert_eq!(Header::parse(&[0xff]), None);
    }
}
