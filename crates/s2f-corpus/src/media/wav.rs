//! Writes WAV, the one format that needs no encoder.

use s2f_audio::Waveform;

/// A voice as a WAV file of 16 bit, 16 kHz, mono; samples beyond full scale are clipped.
pub fn encode_wav(samples: &[f32]) -> Vec<u8> {
    const RATE: u32 = Waveform::RATE_HZ;
    let length = 2 * samples.len() as u32;
    let mut wav = Vec::with_capacity(44 + length as usize);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + length).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16u32.to_le_bytes()); // bytes that follow
    wav.extend_from_slice(&1u16.to_le_bytes()); // PCM
    wav.extend_from_slice(&1u16.to_le_bytes()); // channels
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&(2 * RATE).to_le_bytes()); // bytes per second
    wav.extend_from_slice(&2u16.to_le_bytes()); // bytes per sample
    wav.extend_from_slice(&16u16.to_le_bytes()); // bits
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&length.to_le_bytes());
    for sample in samples {
        wav.extend_from_slice(&((sample * 32_767.0).round() as i16).to_le_bytes());
    }
    wav
}

#[cfg(test)]
mod tests {
    use s2f_audio::{Limits, decode};

    use super::*;

    #[test]
    fn wav_is_read_back() {
        let samples: Vec<f32> = (0..20_000).map(|n| (n as f32 * 0.1).sin() * 0.9).collect();
        let back = decode(encode_wav(&samples), "made.wav", &Limits::default()).unwrap();
        assert_eq!(back.samples().len(), samples.len());
        for (a, b) in samples.iter().zip(back.samples()) {
            // Half a step, and the scales 32 767 and 32 768.
            assert!((a - b).abs() <= 0.5 / 32_767.0 + 1.0 / 32_768.0, "{a} {b}");
        }
    }
}
