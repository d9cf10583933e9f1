use rand::SeedableRng;
use s2f_audio::{Limits, formants, pitch, read};
use s2f_testing::{assert_near, project, signal_to_noise_db};

use super::*;

const CLIPS: Clips = Clips { seconds: 2.0, anywhere: true, segments: 1 };

/// Some of everything.
const SOME: Augmentation = Augmentation {
    speed: 0.1,
    pitch: 1.0,
    microphone_db: 4.0,
    band_limit: 0.5,
    reverberation: 0.5,
    noise: 0.5,
    noise_db: [10.0, 20.0],
    coding: 0.5,
};

fn clip(augmentation: &Augmentation, voice: &Waveform, rng: &mut StdRng) -> Clip {
    CLIPS.cut(voice, augmentation, rng).unwrap()
}

fn tone(hz: f64, seconds: f64) -> Waveform {
    let samples: Vec<f32> = (0..(seconds * RATE_HZ) as usize)
        .map(|i| (0.3 * (std::f64::consts::TAU * hz * i as f64 / RATE_HZ).sin()) as f32)
        .collect();
    Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap()
}

/// Frequency of the largest bin, Hz.
fn loudest_hz(waveform: &Waveform) -> f64 {
    let bins = spectrum(waveform.samples());
    let loudest =
        (0..bins.len()).max_by(|&a, &b| bins[a].norm().total_cmp(&bins[b].norm())).unwrap();
    loudest as f64 * RATE_HZ / waveform.samples().len() as f64
}

#[test]
fn speed_scales_the_pitch() {
    let mut rng = StdRng::seed_from_u64(1);
    let augmentation = Augmentation { speed: 0.2, ..Default::default() };
    for _ in 0..5 {
        let clip = clip(&augmentation, &tone(200.0, 4.0), &mut rng);
        assert_eq!(clip.waveform.samples().len(), 32_000);
        // A bin is 0.5 Hz.
        assert!((loudest_hz(&clip.waveform) - 200.0 * clip.speed).abs() < 0.5);
    }
}

#[test]
fn noise_has_the_configured_ratio() {
    let mut rng = StdRng::seed_from_u64(2);
    let augmentation = Augmentation { noise: 1.0, noise_db: [10.0, 10.0], ..Default::default() };
    let clip = clip(&augmentation, &tone(200.0, 2.0), &mut rng);
    let power: Vec<f32> = spectrum(clip.waveform.samples()).iter().map(|b| b.norm_sqr()).collect();
    let signal = power[400]; // 200 Hz
    let ratio_db = 10.0 * (signal / (power.iter().sum::<f32>() - signal)).log10();
    assert!((ratio_db - 10.0).abs() < 0.5, "{ratio_db}");
}

#[test]
fn the_same_seed_gives_the_same_clip_and_short_recordings_are_repeated() {
    let clip = |seed| clip(&SOME, &tone(150.0, 1.1), &mut StdRng::seed_from_u64(seed));
    for seed in 0..20 {
        assert_eq!(clip(seed).waveform.samples(), clip(seed).waveform.samples());
        assert!(clip(seed).waveform.samples().iter().all(|s| s.is_finite()));
    }
    assert_ne!(clip(1).waveform.samples(), clip(2).waveform.samples());
}

#[test]
fn without_augmentation_a_clip_is_the_recording_from_its_start() {
    let clips = Clips { seconds: 3.0, anywhere: false, segments: 1 };
    let voice = tone(150.0, 2.0);
    let mut rng = StdRng::seed_from_u64(1);
    let clip = clips.cut(&voice, &Augmentation::default(), &mut rng).unwrap();
    let (clip, voice) = (clip.waveform.samples(), voice.samples());
    assert_eq!((clip.len(), clips.frames(FrontEnd::Spectrogram)), (48_000, 298));
    assert_eq!(clip[..32_000], *voice);
    assert_eq!(clip[32_000..], voice[..16_000]);
}

#[test]
fn a_pitch_is_drawn_and_the_formants_stay() {
    let voice = read(&project("examples/voices/high.flac"), &Limits::default()).unwrap();
    let clips = Clips { seconds: 6.0, anywhere: false, segments: 1 };
    let plain = voice.first_clip();
    let augmentation = Augmentation { pitch: 3.0, ..Default::default() };
    for seed in 0..3 {
        let mut rng = StdRng::seed_from_u64(seed);
        let clip = clips.cut(&voice, &augmentation, &mut rng).unwrap();
        assert!(clip.speed == 1.0 && clip.pitch != 1.0);
        // The tolerances of `shift_pitch` on real voices.
        let [own, found] = [&plain, &clip.waveform].map(|v| pitch(v).unwrap().median_hz);
        assert_near(found / own / clip.pitch, 1.0, 0.03, &(seed, clip.pitch));
        let [own, found] = [&plain, &clip.waveform].map(|v| formants(v).unwrap().spacing_hz);
        assert_near(found / own, 1.0, 0.03, &(seed, clip.pitch));
    }
}

#[test]
fn a_whole_recording_is_augmented() {
    let voice = tone(150.0, 1.7);
    let rng = || StdRng::seed_from_u64(1);
    assert_eq!(Augmentation::default().augmented(&voice, &mut rng()), Some(voice.clone()));
    let [once, again] = [0; 2].map(|_| SOME.augmented(&voice, &mut rng()).unwrap());
    assert_eq!(once, again);
    let speed = SOME.draw_speed(&mut rng());
    assert_near(once.seconds(), voice.seconds() / speed, 1e-4, &speed);
    let silence = Waveform::from_interleaved(&[0.0; 16_000], 1, Waveform::RATE_HZ).unwrap();
    assert_eq!(SOME.augmented(&silence, &mut rng()), None);
}

#[test]
fn a_telephone_passes_its_band() {
    // In the band, 8-bit µ-law leaves 38 dB for a sine; outside, the filter has 24 dB per octave.
    for (hz, passes) in [(1_000.0, true), (3_000.0, true), (80.0, false), (6_000.0, false)] {
        let samples: Vec<f32> = tone(1_000.0, 1.0)
            .samples()
            .iter()
            .zip(tone(hz, 1.0).samples())
            .map(|(a, b)| a + b)
            .collect();
        // An odd length, which 8 kHz does not have.
        let voice = Waveform::from_interleaved(&samples[..15_999], 1, Waveform::RATE_HZ).unwrap();
        let found = telephone(&voice);
        assert_eq!(found.samples().len(), 15_999);
        assert_near(rms(found.samples()), rms(voice.samples()), 1e-3, &hz);
        let power = |w: &Waveform| spectrum(w.samples())[hz as usize].norm_sqr();
        let change_db = f64::from(10.0 * (power(&found) / power(&voice)).log10());
        assert_eq!(change_db > -3.0, passes, "{hz} Hz: {change_db} dB");
    }
    let voice = tone(1_000.0, 1.0);
    let ratio_db = signal_to_noise_db(voice.samples(), telephone(&voice).samples());
    assert!((36.0..42.0).contains(&ratio_db), "{ratio_db} dB");
}

#[test]
fn added_noise_is_pink_and_has_the_ratio() {
    let voice = tone(300.0, 4.0);
    let noisy = with_noise(&voice, 10.0, 7);
    assert_eq!(noisy, with_noise(&voice, 10.0, 7));
    assert_ne!(noisy, with_noise(&voice, 10.0, 8));
    assert_near(signal_to_noise_db(voice.samples(), noisy.samples()), 10.0, 0.01, &"ratio");
    // Each octave has the same power. That of 500 Hz has 2000 bins at 0.25 Hz: the standard
    // deviation of its power is 1/√2000 = 0.1 dB.
    let bins = spectrum(noisy.samples());
    let octave = |hz: usize| bins[4 * hz..8 * hz].iter().map(|b| b.norm_sqr()).sum::<f32>();
    for hz in [1_000, 2_000, 4_000] {
        let ratio_db = 10.0 * (octave(hz) / octave(500)).log10();
        assert!(ratio_db.abs() < 0.5, "{hz} Hz: {ratio_db} dB");
    }
}
