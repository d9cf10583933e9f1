//! The key maps of `configs/import`, with checkpoints that `reference/pytorch/reimplementations.py`
//! wrote: in the layouts of those programs, with few channels.

use std::path::{Path, PathBuf};

use burn::tensor::{Tensor, TensorData};
use serde::Deserialize;

use super::*;
use crate::tests::{Reference, cpu, largest_difference};
use crate::voice_encoder::{BINS, ConvolutionsConfig};
use crate::weights::{Import, load};
use crate::{FaceDecoderConfig, ModelConfig, TrunkConfig, VoiceEncoderConfig};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const CHECKPOINTS: [(&str, &str); 3] =
    [("aqibahmad", "pt"), ("kacper-pietkun", "pt"), ("saiteja-talluri", "h5")];
const FEATURES: &[u8] =
    include_bytes!("../../../../../../reference/pytorch/reimplementations/features.safetensors");
const FRAMES: usize = 270;
/// The widths of the checkpoints.
const CHANNELS: [usize; 9] = [2, 3, 2, 3, 2, 4, 3, 2, 5];
const HIDDEN: usize = 4;
const OUTPUT: usize = 7;
/// Bins of frequency after the convolutions.
const FREQUENCIES: usize = 57;

#[derive(Deserialize)]
struct Program {
    config: ModelConfig,
    voice_encoder: Layout,
}

fn program(name: &str) -> Program {
    let path = Path::new(ROOT).join(format!("configs/import/{name}.toml"));
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn convolutions(config: &mut VoiceEncoderConfig) -> &mut ConvolutionsConfig {
    match &mut config.trunk {
        TrunkConfig::Convolutions(convolutions) => convolutions,
        TrunkConfig::SpeakerEncoder(_) => panic!("not convolutions"),
    }
}

/// The program with the widths of its checkpoint.
fn tiny(name: &str) -> Program {
    let mut program = program(name);
    let config = &mut program.config;
    for (layer, channels) in convolutions(&mut config.voice_encoder).layers.iter_mut().zip(CHANNELS)
    {
        layer.channels = channels;
    }
    config.voice_encoder.hidden = Some(HIDDEN);
    config.voice_encoder.output = Some(OUTPUT);
    config.face_space.dimension = OUTPUT;
    config.face_decoder = FaceDecoderConfig { feature: OUTPUT, ..FaceDecoderConfig::compact(4) };
    for stored in program.voice_encoder.stored.values_mut() {
        if let Some(split) = &mut stored.split {
            assert_eq!(*split, [FREQUENCIES, 512, 4096], "{name}");
            *split = vec![FREQUENCIES, CHANNELS[8], HIDDEN];
        }
    }
    program
}

fn checkpoint(name: &str, extension: &str) -> PathBuf {
    let folder = Path::new(ROOT).join("reference/pytorch/reimplementations");
    folder.join(format!("{name}.{extension}"))
}

/// The spectrogram of `reimplementations.py`, compressed as the front end does it.
fn spectrogram() -> Tensor<4> {
    let part = |factor: u64| {
        (0..(FRAMES * BINS) as u64).map(move |index| {
            let value = (index * factor % 1009) as f64 / 256.0 - 504.0 / 256.0;
            // The sign of zero is 0.
            if value == 0.0 { 0.0 } else { (value.signum() * value.abs().powf(0.3)) as f32 }
        })
    };
    let values: Vec<f32> = part(7919).chain(part(104_729)).collect();
    Tensor::from_data(TensorData::new(values, [1, 2, FRAMES, BINS]), &cpu())
}

#[test]
fn checkpoints_of_other_programs_give_their_features() {
    let features = Reference::new(FEATURES);
    for (name, extension) in CHECKPOINTS {
        let Program { config, voice_encoder } = tiny(name);
        let file = Checkpoint::open(&checkpoint(name, extension)).unwrap();
        let import = Import::VoiceEncoder(config.clone());
        let imported = import.read(&file, Some(&voice_encoder), None).unwrap();
        let network = config.voice_encoder.init(&cpu()).unwrap();
        let network = load(network, &imported.bytes).unwrap();
        let found = network.forward(spectrogram());
        let expected: Tensor<2> = features.floats(name, &cpu());
        let difference = largest_difference(found, expected);
        eprintln!("{name}: {difference:e}");
        // Features of about 1, float32 sums through eleven layers in another order.
        assert!(difference < 1e-4, "{name}: {difference}");
    }
}

#[test]
fn key_maps_describe_the_papers_network() {
    let paper = VoiceEncoderConfig::paper();
    for (name, _) in CHECKPOINTS {
        let Program { config, .. } = program(name);
        config.check().unwrap();
        let mut network = config.voice_encoder;
        convolutions(&mut network).input = convolutions(&mut paper.clone()).input;
        assert_eq!(VoiceEncoderConfig { output_relu: false, ..network }, paper, "{name}");
    }
}

#[test]
fn a_wrong_order_of_axes_is_named() {
    let (name, extension) = CHECKPOINTS[2];
    let file = Checkpoint::open(&checkpoint(name, extension)).unwrap();
    let stored = |split: Option<&[usize]>, axes: &[usize]| {
        Some(Stored { split: split.map(<[usize]>::to_vec), axes: axes.to_vec() })
    };
    for (entry, change, message) in [
        (
            "convolutions",
            stored(None, &[3, 2, 0, 0]),
            "axes [3, 2, 0, 0] is not an order of 0 to 3",
        ),
        ("convolutions", stored(None, &[0, 1, 2, 3]), "has the shape [4, 4, 2, 2], the network"),
        ("output.weight", stored(None, &[1, 0, 2]), "axes [1, 0, 2] does not fit [7, 4]"),
        ("output.weight", None, "has the shape [4, 7], the network needs [7, 4]"),
        ("hidden.weight", stored(Some(&[57, 5, 3]), &[2, 1, 0]), "split [57, 5, 3] does not fit"),
        ("hidden.weight", stored(Some(&[usize::MAX, 2, 2]), &[2, 1, 0]), "does not fit"),
        ("hidden.weight", stored(Some(&[285, 4]), &[2, 1, 0]), "split [285, 4] does not fit"),
    ] {
        let Program { config, mut voice_encoder } = tiny(name);
        voice_encoder.stored.remove(entry);
        voice_encoder.stored.extend(change.map(|change| (entry.to_owned(), change)));
        let read = Import::VoiceEncoder(config).read(&file, Some(&voice_encoder), None);
        let error = read.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}
