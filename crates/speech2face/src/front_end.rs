//! From a clip to what a voice encoder reads: the link between the networks' [`FrontEnd`] and
//! `s2f_audio`. Training and [`embed_voices`](crate::embed_voices) use it.

use s2f_audio::{MelSpectrogram, Spectrogram, Waveform, mel_spectrogram, spectrogram};
use s2f_nn::{FrontEnd, speaker_encoder, voice_encoder};

// Both crates define the number of frequency bins.
const _: () = assert!(voice_encoder::BINS == Spectrogram::BINS);
const _: () = assert!(speaker_encoder::BANDS == MelSpectrogram::BANDS);

/// Number of frames of a clip of `samples` samples at 16 kHz; at least 1.
pub fn frames(front_end: FrontEnd, samples: usize) -> usize {
    match front_end {
        FrontEnd::Spectrogram => samples.saturating_sub(Spectrogram::WINDOW) / Spectrogram::HOP + 1,
        FrontEnd::Mel => samples / MelSpectrogram::HOP + 1,
    }
}

/// The fewest samples that have `frames` frames.
pub fn min_samples(front_end: FrontEnd, frames: usize) -> usize {
    match front_end {
        FrontEnd::Spectrogram => frames.saturating_sub(1) * Spectrogram::HOP + Spectrogram::WINDOW,
        FrontEnd::Mel => (frames.saturating_sub(1) * MelSpectrogram::HOP).max(1),
    }
}

/// The values of a clip, row-major, in [`FrontEnd::shape`] for one clip and its
/// [number of frames](frames). A spectrogram needs at least 400 samples.
pub fn values(front_end: FrontEnd, clip: &Waveform) -> Vec<f32> {
    match front_end {
        FrontEnd::Spectrogram => spectrogram(clip).into_data(),
        FrontEnd::Mel => mel_spectrogram(clip).into_data(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_samples_belong_to_the_values() {
        for front_end in [FrontEnd::Spectrogram, FrontEnd::Mel] {
            for count in [1, 2, 160, 601] {
                let samples = min_samples(front_end, count);
                assert_eq!(frames(front_end, samples), count);
                assert!(count == 1 || frames(front_end, samples - 1) == count - 1);
                let clip = vec![0.1; samples];
                let clip = Waveform::from_interleaved(&clip, 1, Waveform::RATE_HZ).unwrap();
                let values = values(front_end, &clip).len();
                assert_eq!(values, front_end.shape(1, count).iter().product::<usize>());
            }
        }
    }
}
