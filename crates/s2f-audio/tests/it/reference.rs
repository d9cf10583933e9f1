//! Reference values of SciPy, NumPy and PyTorch: `reference/audio/*.py`.

use crate::support::{floats, npy};
use s2f_audio::{Waveform, formants, pitch, spectrogram};

#[test]
fn the_spectrogram_agrees_with_numpy() {
    let (_, signal) = npy("reference/audio/spectrogram_input.npy", "<f4");
    let (shape, expected) = npy("reference/audio/spectrogram_output.npy", "<f4");
    let waveform = Waveform::from_interleaved(&floats(&signal), 1, Waveform::RATE_HZ).unwrap();
    let found = spectrogram(&waveform);
    assert_eq!(shape, [2, found.frames(), 257]);
    let expected = floats(&expected);
    assert_eq!(found.data().len(), expected.len());
    for (at, (found, expected)) in found.data().iter().zip(&expected).enumerate() {
        // The power law amplifies small errors: the transform's rounding error of about 1e-6 (of a
        // spectrum up to 20) next to a true zero becomes 1e-6^0.3 = 0.016. So its argument is
        // compared, |x|^(1/0.3).
        let [found, expected] =
            [found, expected].map(|&v| f64::from(v).abs().powf(1.0 / 0.3).copysign(f64::from(v)));
        assert!((found - expected).abs() < 1e-5, "at {at}: {found} and {expected}");
    }
    // The last 26 ms are zeros and stay zeros.
    let frames = shape[1];
    assert!(found.data()[(frames - 1) * 257..frames * 257].iter().all(|&v| v == 0.0));
}

#[test]
fn pitch_and_formants_of_synthetic_vowels() {
    let (shape, sounds) = npy("reference/audio/vowels.npy", "<i2");
    let (_, truth) = npy("reference/audio/vowels_truth.npy", "<f8");
    let sounds: Vec<f32> =
        sounds.as_chunks().0.iter().map(|&b| f32::from(i16::from_le_bytes(b)) / 32_768.0).collect();
    let truth: Vec<f64> = truth.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect();
    for (sound, truth) in sounds.chunks(shape[1]).zip(truth.chunks(5)) {
        let voice = Waveform::from_interleaved(sound, 1, Waveform::RATE_HZ).unwrap();
        let pitch = pitch(&voice).unwrap();
        // 2 % of vibrato move the median of the frames a little.
        assert!((pitch.median_hz / truth[0] - 1.0).abs() < 0.01, "{pitch:?}, true {truth:?}");
        assert!(pitch.spread_semitones < 0.5 && pitch.voiced > 0.9, "{pitch:?}");
        let found = formants(&voice).unwrap();
        for (hz, true_hz) in found.medians_hz.iter().zip(&truth[1..]) {
            // Linear prediction is drawn to the nearest harmonic, by up to half the pitch.
            let tolerance = 40.0 + 0.25 * truth[0];
            assert!((hz - true_hz).abs() < tolerance, "{found:?}, true {truth:?}");
        }
        let (over, under) = (1..5).fold((0.0, 0.0), |(over, under), i| {
            let multiple = i as f64 - 0.5;
            (over + multiple * truth[i], under + multiple * multiple)
        });
        assert!(
            (found.spacing_hz / (over / under) - 1.0).abs() < 0.02,
            "{found:?}, true {truth:?}"
        );
    }
}
