use s2f_core::FaceSpace;
use s2f_nn::{Model, normalise};

use super::*;
use crate::embed_voices;

const ALL: VoicePolicy = VoicePolicy {
    windows: Windows::All,
    window_s: 6.0,
    hop_s: 3.0,
    pause_power: 1e-3,
    max_windows: 20,
    max_s: None,
};

/// A recording with one level for each 3 s.
fn recording(levels: &[f32]) -> Waveform {
    let samples: Vec<f32> = levels.iter().flat_map(|&level| vec![level; 48_000]).collect();
    Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap()
}

/// The windows of a recording.
fn clips(policy: &VoicePolicy, voice: &Waveform) -> Vec<Waveform> {
    let ranges = policy.ranges(voice.samples()).into_iter();
    ranges.map(|range| voice.excerpt(range, policy.window())).collect()
}

fn first_samples(levels: &[f32]) -> Vec<f32> {
    clips(&ALL, &recording(levels)).iter().map(|clip| clip.samples()[0]).collect()
}

#[test]
fn the_default_is_the_documented_policy() {
    assert_eq!(VoicePolicy::default(), ALL);
    assert_eq!(ALL.frames(FrontEnd::Spectrogram), Spectrogram::CLIP_FRAMES);
}

#[test]
fn first_is_the_first_clip_regardless_of_the_rest() {
    let first = VoicePolicy::first_clip();
    let voice = recording(&[0.1, 0.2, 0.3, 0.4]);
    assert_eq!(clips(&first, &voice), [voice.first_clip()]);
    let short = recording(&[0.1]);
    assert_eq!(clips(&first, &short), [short.first_clip()]);
    assert_eq!(clips(&first, &short), clips(&ALL, &short));
}

#[test]
fn all_windows_overlap_by_half_and_leave_pauses_out() {
    assert_eq!(first_samples(&[0.1, 0.2, 0.3, 0.4]), [0.1, 0.2, 0.3]);
    assert_eq!(first_samples(&[0.1, 0.0, 0.0, 0.0, 0.2, 0.3]), [0.1, 0.0, 0.2]);
    assert_eq!(first_samples(&[0.0, 0.0, 0.0]).len(), 2);
}

#[test]
fn windows_of_the_default_length_are_those_of_the_waveform() {
    for seconds in [1.0, 5.9, 6.0, 6.1, 8.9, 9.0, 9.1, 31.0] {
        let count = (seconds * 16_000.0) as usize;
        let samples: Vec<f32> = (0..count).map(|n| (n as f32 * 0.37).sin()).collect();
        let voice = Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap();
        assert_eq!(clips(&ALL, &voice), voice.windows(3.0).collect::<Vec<_>>(), "{seconds}");
    }
}

#[test]
fn a_long_recording_is_sampled_evenly() {
    let levels: Vec<f32> = (0..101).map(|n| 0.5 + n as f32 / 1000.0).collect();
    let firsts = first_samples(&levels);
    assert_eq!(firsts.len(), 20);
    assert_eq!((firsts[0], firsts[19]), (levels[0], levels[99]));
    let steps = firsts.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(steps.clone().all(|step| (0.0049..0.0061).contains(&step)), "{firsts:?}");
}

/// A model with this voice encoder.
fn networks(encoder: VoiceEncoder) -> Model {
    let shipped = crate::Speech2Face::shipped(&Device::flex()).unwrap();
    Model { voice_encoder: encoder, face_distribution: None, ..shipped.networks().clone() }
}

/// The field of the policy that is refused, if any, with the compact encoder.
fn refused_field(policy: &VoicePolicy) -> Option<&'static str> {
    let device = Device::flex();
    let encoder = s2f_nn::VoiceEncoderConfig::compact().init(&device).unwrap();
    let voice = [recording(&[0.1])];
    let networks = networks(encoder);
    match embed_voices(&networks, &FaceSpace::mobileface(), &voice, policy, &device) {
        Ok(features) => {
            assert_eq!(features.len(), 1);
            None
        }
        Err(DecodeError::Policy { field, .. }) => Some(field),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_value_out_of_its_range_is_refused_by_name() {
    let short = VoicePolicy { window_s: 3.0, max_s: Some(0.5), ..ALL };
    assert_eq!(refused_field(&short), None);
    assert_eq!(refused_field(&VoicePolicy { hop_s: 0.01, ..short }), None);
    for value in [0.1, -1.0, 1e6, f64::INFINITY, f64::NAN] {
        let policy = VoicePolicy { window_s: value, ..ALL };
        assert_eq!(refused_field(&policy), Some("window_s"), "{value}");
    }
    for value in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        let policy = VoicePolicy { hop_s: value, ..ALL };
        assert_eq!(refused_field(&policy), Some("hop_s"), "{value}");
        let policy = VoicePolicy { max_s: Some(value), ..ALL };
        assert_eq!(refused_field(&policy), Some("max_s"), "{value}");
    }
    for value in [-1.0, f64::INFINITY, f64::NAN] {
        let policy = VoicePolicy { pause_power: value, ..ALL };
        assert_eq!(refused_field(&policy), Some("pause_power"), "{value}");
    }
    let error = VoicePolicy { window_s: 0.1, ..ALL }
        .check(FrontEnd::Spectrogram, 259)
        .unwrap_err()
        .to_string();
    let expected = "window_s of the voice policy is 0.1, and must be from 2.605 s, which the \
                    encoder needs, to 600 s; hint: ";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn limits_shorten_the_recording_and_the_window() {
    let voice = recording(&[0.1, 0.2, 0.3, 0.4]);
    let limited = clips(&VoicePolicy::first_seconds(9.0), &voice);
    assert_eq!(limited, clips(&ALL, &recording(&[0.1, 0.2, 0.3])));
    let short = VoicePolicy { window_s: 3.0, hop_s: 3.0, ..ALL };
    let levels: Vec<f32> = clips(&short, &voice).iter().map(|clip| clip.samples()[0]).collect();
    assert_eq!(levels, [0.1, 0.2, 0.3, 0.4]);
    assert_eq!(short.frames(FrontEnd::Spectrogram), 298);
    let odd = VoicePolicy { pause_power: 2.0, max_windows: 0, max_s: Some(0.0), ..ALL };
    assert_eq!(clips(&odd, &voice).len(), 1);
}

#[test]
fn windows_of_voices_through_the_trunk_and_the_head_give_their_features() {
    let device = Device::flex();
    let space = FaceSpace::mobileface();
    let voices = [recording(&[0.1, 0.2, 0.3]), recording(&[0.4])];
    for config in
        [s2f_nn::VoiceEncoderConfig::compact(), s2f_nn::VoiceEncoderConfig::ge2e(space.dimension)]
    {
        let encoder = config.init(&device).unwrap();
        let windows = embed_windows(&encoder, &voices, &ALL, &device).unwrap();
        assert_eq!(windows.iter().map(|w| w.dims()[0]).collect::<Vec<_>>(), [2, 1]);
        let networks = networks(encoder.clone());
        let features = embed_voices(&networks, &space, &voices, &ALL, &device).unwrap();
        for (windows, feature) in windows.into_iter().zip(features) {
            let feature_again = encoder.pool(encoder.head(windows).unsqueeze());
            let again = values(normalise(feature_again, &space)).unwrap();
            // The same sums, perhaps in other batches.
            let difference = s2f_testing::largest_difference(&again, feature.values());
            assert!(difference < 1e-6, "{difference}");
        }
    }
    let short = VoicePolicy { window_s: 1.5, ..ALL };
    let encoder = s2f_nn::VoiceEncoderConfig::ge2e(256).init(&device).unwrap();
    let error = embed_windows(&encoder, &voices, &short, &device).unwrap_err().to_string();
    assert!(error.contains("must be from 1.59 s, which the encoder needs"), "{error}");
}

#[test]
fn the_published_speaker_encoder_gives_the_published_embedding_of_a_recording() {
    let Some(file) = s2f_testing::data("models/ge2e/pretrained.pt") else { return };
    let clip = "data/voices/librispeech/1183-124566-0000.flac";
    let Some(clip) = s2f_testing::data(clip) else { return };
    let reference = |name: &str| {
        let path = s2f_testing::data(&format!("models/reference/ge2e/{name}.npy")).unwrap();
        s2f_testing::npy::<f32>(&path).values
    };
    let slices = s2f_testing::data("models/reference/ge2e/slices_i64.npy").unwrap();
    let slices = s2f_testing::npy::<i64>(&slices).values;
    let device = Device::flex();
    let network = s2f_nn::SpeakerEncoder::from_pytorch(&file, &device).unwrap();
    let voice = s2f_audio::read(&clip, &s2f_audio::Limits::default()).unwrap();

    // Resemblyzer appends zeros, up to the end of the last slice.
    let end = *slices.last().unwrap() as usize;
    let mut samples = voice.samples().to_vec();
    assert!(mean_power(&samples) > 1e-3, "zeros would change the gain of a quiet recording");
    samples.resize(end, 0.0);
    let padded = Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap();
    let frames = front_end::frames(FrontEnd::Mel, end);
    let mel = TensorData::new(front_end::values(FrontEnd::Mel, &padded), [1, frames, 40]);
    let mel = Tensor::<3>::from_data(mel, &device);
    let partials =
        slices.chunks(2).map(|slice| mel.clone().narrow(1, slice[0] as usize / 160, 160));
    let found = network.forward(Tensor::cat(partials.collect(), 0)); // [7, 256]
    // Float32 sums through three layers and 160 frames; values up to 0.3.
    const TOLERANCE: f32 = 1e-4;
    let expected = reference("partial_embeddings_f32");
    let partials = values(found.clone()).unwrap();
    assert!(s2f_testing::largest_difference(&partials, &expected) < TOLERANCE);
    let utterance = values(s2f_nn::unit_length(found.mean_dim(0))).unwrap();
    let expected = reference("embedding_f32");
    assert!(s2f_testing::largest_difference(&utterance, &expected) < TOLERANCE);

    // Other windows of the same recording say the same.
    let encoder = s2f_nn::VoiceEncoderConfig::ge2e(256).init(&device).unwrap();
    let encoder = encoder.with_speaker_encoder(network).unwrap();
    let windows = embed_windows(&encoder, &[voice], &ALL, &device).unwrap().remove(0);
    let expected = Tensor::<1>::from_floats(&expected[..], &device).unsqueeze::<2>();
    let cosines = (windows * expected).sum_dim(1);
    assert!(cosines.clone().min().into_scalar::<f32>() > 0.9, "{cosines}");
}
