//! Encodes a waveform as FLAC, the format of the voices in pairs.

use flacenc::bitsink::ByteSink;
use flacenc::component::BitRepr;
use flacenc::config::Encoder;
use flacenc::error::Verify;
use flacenc::source::MemSource;

use crate::Waveform;

/// Samples per block: 64 ms, since speech changes quickly. Blocks four times as long make read
/// speech 2 % larger and are not faster.
const BLOCK: usize = 1024;
/// Order of the linear prediction. Twice the order saves 0.1 % and takes 1.5 times as long.
const ORDER: usize = 8;

/// The FLAC encoder failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "cannot encode a voice as FLAC ({reason}); hint: please report this, no voice should cause it"
)]
pub struct FlacError {
    /// The encoder's reason.
    pub reason: String,
}

/// Encodes `voice` as FLAC: 16 kHz, mono, 16 bit. Samples beyond full scale are clipped. The same
/// samples give the same bytes.
///
/// # Errors
/// [`FlacError`], which no waveform is known to cause.
pub fn encode_flac(voice: &Waveform) -> Result<Vec<u8>, FlacError> {
    let failed = |reason: String| FlacError { reason };
    let samples: Vec<i32> = voice.samples().iter().map(|&sample| to_16_bit(sample)).collect();
    let mut config = Encoder::default();
    config.multithread = false;
    config.block_size = BLOCK;
    config.subframe_coding.qlpc.lpc_order = ORDER;
    let config = config.into_verified().map_err(|(_, error)| failed(error.to_string()))?;
    let source = MemSource::from_samples(&samples, 1, 16, Waveform::RATE_HZ as usize);
    let mut stream = flacenc::encode_with_fixed_block_size(&config, source, BLOCK)
        .map_err(|error| failed(error.to_string()))?;
    // The minimum block size excludes the last block, which may be shorter (RFC 9639, 8.2). The
    // encoder includes it, and decoders would then expect a stream with variable block sizes.
    stream
        .stream_info_mut()
        .set_block_sizes(BLOCK, BLOCK)
        .map_err(|error| failed(error.to_string()))?;
    let mut sink = ByteSink::new();
    stream.write(&mut sink).map_err(|error| failed(error.to_string()))?;
    Ok(sink.into_inner())
}

/// The nearest of the 65 536 steps of 16 bit; −1 is the lowest.
fn to_16_bit(sample: f32) -> i32 {
    (sample * 32768.0).round().clamp(-32768.0, 32767.0) as i32
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn voice(samples: Vec<f32>) -> Waveform {
        Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap()
    }

    // Decoded by this crate and by ffmpeg, the samples are the rounded and clipped originals.
    #[test]
    fn decoding_gives_the_rounded_samples() {
        let mut random = StdRng::seed_from_u64(2);
        let time = |n: i32| n as f32 / 16_000.0;
        let noise = (0..16_000).map(|_| random.random_range(-1.0..1.0)).collect();
        let tone =
            |level: f32| (0..40_001).map(|n| level * (TAU * 200.0 * time(n)).sin()).collect();
        // Its last block has one sample.
        let click = (0..20_481).map(|n| f32::from(u8::from(n == 8000))).collect();
        for (name, samples) in
            [("noise", noise), ("tone", tone(0.3)), ("loud", tone(2.0)), ("click", click)]
        {
            let voice = voice(samples);
            let bytes = encode_flac(&voice).unwrap();
            assert_eq!(bytes, encode_flac(&voice).unwrap());
            let expected: Vec<i32> = voice.samples().iter().map(|&s| to_16_bit(s)).collect();
            let limits = crate::Limits::default();
            let decoded = crate::decode(bytes.clone(), name, &limits).unwrap();
            let found: Vec<i32> = decoded.samples().iter().map(|s| (s * 32768.0) as i32).collect();
            assert_eq!(found, expected, "{name}");
            if let Some(found) = decoded_by_ffmpeg(&bytes) {
                assert_eq!(found, expected, "{name}");
            }
        }
    }

    fn decoded_by_ffmpeg(flac: &[u8]) -> Option<Vec<i32>> {
        let mut ffmpeg = s2f_testing::ffmpeg()?;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), flac).unwrap();
        let output = ffmpeg
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(file.path())
            .args(["-f", "s16le", "pipe:1"])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let samples = output.stdout.as_chunks::<2>().0.iter();
        Some(samples.map(|&bytes| i16::from_le_bytes(bytes).into()).collect())
    }

    #[test]
    fn samples_beyond_full_scale_are_clipped() {
        let steps = [0.0, 1.0, -1.0, 2.0, -7.0, 0.5 / 32768.0, -0.25 / 32768.0].map(to_16_bit);
        assert_eq!(steps, [0, 32767, -32768, 32767, -32768, 1, 0]);
    }
}
