//! Reference values of SciPy, NumPy and PyTorch: `reference/audio/*.py`.

use s2f_audio::{Waveform, formants, pitch, spectrogram};
use s2f_testing::{npy, project};

#[test]
fn the_spectrogram_agrees_with_numpy() {
    let signal = npy::<f32>(&project("reference/audio/spectrogram_input.npy")).values;
    let expected = npy::<f32>(&project("reference/audio/spectrogram_output.npy"));
    let waveform = Waveform::from_interleaved(&signal, 1, Waveform::RATE_HZ).unwrap();
    let found = spectrogram(&waveform);
    assert_eq!(expected.shape, [2, found.frames(), 257]);
    assert_eq!(found.data().len(), expected.values.len());
    for (at, (found, expected)) in found.data().iter().zip(&expected.values).enumerate() {
        // The power law amplifies small errors: the transform's rounding error of about 1e-6 (of a
        // spectrum up to 20) next to a true zero becomes 1e-6^0.3 = 0.016. So its argument is
        // compared, |x|^(1/0.3).
        let [found, expected] =
            [found, expected].map(|&v| f64::from(v).abs().powf(1.0 / 0.3).copysign(f64::from(v)));
        assert!((found - expected).abs() < 1e-5, "at {at}: {found} and {expected}");
    }
    // The last 26 ms are zeros and stay zeros.
    let frames = found.frames();
    assert!(found.data()[(frames - 1) * 257..frames * 257].iter().all(|&v| v == 0.0));
}

#[test]
fn pitch_and_formants_of_synthetic_vowels() {
    let vowels = npy::<i16>(&project("reference/audio/vowels.npy"));
    let truth = npy::<f64>(&project("reference/audio/vowels_truth.npy")).values;
    let samples: Vec<f32> = vowels.values.iter().map(|&s| f32::from(s) / 32_768.0).collect();
    for (sound, truth) in samples.chunks(vowels.shape[1]).zip(truth.chunks(5)) {
        let voice = Waveform::from_interleaved(sound, 1, Waveform::RATE_HZ).unwrap();
        let pitch = pitch(&voice).unwrap();
        // A vibrato of 2 % changes the median of the frames a little.
        assert!((pitch.median_hz / truth[0] - 1.0).abs() < 0.01, "{pitch:?}, true {truth:?}");
        assert!(pitch.spread_semitones < 0.5 && pitch.voiced > 0.9, "{pitch:?}");
        let found = formants(&voice).unwrap();
        for (hz, true_hz) in found.medians_hz.iter().zip(&truth[1..]) {
            // Linear prediction is biased to the nearest harmonic, by up to half the pitch.
            let tolerance = 40.0 + 0.25 * truth[0];
            assert!((hz - true_hz).abs() < tolerance, "{found:?}, true {truth:?}");
        }
        let (numerator, denominator) = (1..5).fold((0.0, 0.0), |(numerator, denominator), i| {
            let multiple = i as f64 - 0.5;
            (numerator + multiple * truth[i], denominator + multiple * multiple)
        });
        assert!(
            (found.spacing_hz / (numerator / denominator) - 1.0).abs() < 0.02,
            "{found:?}, true {truth:?}"
        );
    }
}
