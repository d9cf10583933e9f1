//! Time of one part of the way from a voice to a face, on the CPU.
//!
//!     cargo run --release -p speech2face --example inference -- spectrogram 10 FOLDER
//!
//! Part, number of runs, folder. Parts: `encoder-paper`, `encoder-compact`, `encoder-shipped`,
//! `face-decoder`, `train-face-decoder`, `mobileface`, `mobileface-forward`, `spectrogram`,
//! `cold-start`. Reads the input from the folder, as raw `float32`, writes its output beside it
//! as `PART.ours`, and prints the seconds of each run as JSON. `export` writes what other
//! runtimes need to compute the same: ONNX files and weights. `benches/peers.py` prepares the
//! folder and runs this beside them.
#![allow(clippy::print_stdout, reason = "it prints its result")]

use std::path::Path;
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use s2f_nn::weights::onnx::{self, Frames};
use s2f_nn::weights::{Precision, load_file, save_file};
use s2f_nn::{FaceDecoder, FaceDecoderConfig, MobileFace, VoiceEncoder, VoiceEncoderConfig};
use speech2face::audio::{Spectrogram, Waveform, spectrogram};
use speech2face::{Speech2Face, VoicePolicy, burn, embed_windows, nn as s2f_nn};

type Failure = Box<dyn std::error::Error>;

/// Runs that are not timed.
const WARM_UP: usize = 2;
/// Faces of a training step.
const FACES: usize = 8;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [part, runs, folder] = arguments.as_slice() else {
        return Err("usage: inference PART RUNS FOLDER".into());
    };
    let (runs, folder) = (runs.parse()?, Path::new(folder));
    let device = Device::flex();
    if part == "export" {
        return export(folder, &device);
    }
    let (seconds, output) = match part.as_str() {
        "encoder-paper" => encoder(&VoiceEncoderConfig::paper(), part, runs, folder, &device)?,
        "encoder-compact" => encoder(&VoiceEncoderConfig::compact(), part, runs, folder, &device)?,
        "encoder-shipped" => {
            let model = Speech2Face::shipped(&device)?;
            let voices = [clip(folder)?];
            time(WARM_UP, runs, || {
                let encoder = &model.networks().voice_encoder;
                let windows = embed_windows(encoder, &voices, &VoicePolicy::first_clip(), &device)?;
                values(windows[0].clone())
            })?
        }
        "face-decoder" => {
            let model = Speech2Face::shipped(&device)?;
            let (decoder, size) = (&model.networks().face_decoder, model.face_space().dimension);
            let feature = input(folder, "feature", [1, size], &device)?;
            time(WARM_UP, runs, || values(decoder.render(decoder.forward(feature.clone()))))?
        }
        "train-face-decoder" => train_face_decoder(runs, folder, &device.autodiff())?,
        "mobileface" | "mobileface-forward" => mobile_face(part, runs, folder, &device)?,
        "spectrogram" => {
            let clip = clip(folder)?;
            time(WARM_UP, runs, || Ok(spectrogram(&clip).into_data()))?
        }
        "cold-start" => {
            let shape = [1, 2, Spectrogram::CLIP_FRAMES, Spectrogram::BINS];
            let spectrogram = input(folder, "spectrogram", shape, &device)?;
            time(0, 1, || {
                let network = VoiceEncoderConfig::paper().init(&device)?;
                let network = load_file(network, &folder.join("encoder-paper.safetensors"))?;
                values(network.forward(spectrogram.clone()))
            })?
        }
        other => return Err(format!("{other}: no such part").into()),
    };
    let bytes: Vec<u8> = output.iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(folder.join(format!("{part}.ours")), bytes)?;
    println!("{{\"seconds\": {seconds:?}}}");
    Ok(())
}

/// Networks with random weights, the shipped decoder, and the shipped speaker encoder.
fn export(folder: &Path, device: &Device) -> Result<(), Failure> {
    device.seed(1);
    let presets = [
        ("encoder-paper", VoiceEncoderConfig::paper()),
        ("encoder-compact", VoiceEncoderConfig::compact()),
    ];
    for (name, config) in presets {
        let network: VoiceEncoder = config.init(device)?;
        save_file(&network, &folder.join(format!("{name}.safetensors")), Precision::Full)?;
        let frames = Frames::Fixed(Spectrogram::CLIP_FRAMES);
        let file = onnx::voice_encoder(&network, &config, frames, &[])?;
        std::fs::write(folder.join(format!("{name}.onnx")), file.bytes)?;
    }
    let decoder = face_decoder(device)?;
    save_file(&decoder, &folder.join("train-face-decoder.safetensors"), Precision::Full)?;
    let model = Speech2Face::shipped(device)?;
    let (networks, config) = (model.networks(), model.config());
    let file =
        onnx::face_decoder(&networks.face_decoder, &config.face_decoder, &config.border, &[])?;
    std::fs::write(folder.join("face-decoder.onnx"), file.bytes)?;
    let file = folder.join("encoder-shipped.safetensors");
    save_file(&networks.voice_encoder, &file, Precision::Full)?;
    Ok(())
}

fn encoder(
    config: &VoiceEncoderConfig,
    part: &str,
    runs: usize,
    folder: &Path,
    device: &Device,
) -> Result<(Vec<f64>, Vec<f32>), Failure> {
    let file = folder.join(format!("{part}.safetensors"));
    let network: VoiceEncoder = load_file(config.init(device)?, &file)?;
    let shape = [1, 2, Spectrogram::CLIP_FRAMES, Spectrogram::BINS];
    let spectrogram = input(folder, "spectrogram", shape, device)?;
    time(WARM_UP, runs, || values(network.forward(spectrogram.clone())))
}

/// The paper's decoder with random weights; where its landmarks are does not matter.
fn face_decoder(device: &Device) -> Result<FaceDecoder, Failure> {
    let config = FaceDecoderConfig::paper();
    let mean: Vec<[f32; 2]> =
        (0..config.landmarks.count).map(|n| [3.0 * n as f32, (n * n % 200) as f32]).collect();
    Ok(config.init(&mean, &[], device)?)
}

/// Forward and backward of squared errors, for some faces; the gradient of their features.
fn train_face_decoder(
    runs: usize,
    folder: &Path,
    device: &Device,
) -> Result<(Vec<f64>, Vec<f32>), Failure> {
    let file = folder.join("train-face-decoder.safetensors");
    let decoder = load_file(face_decoder(device)?, &file)?;
    let features = input(folder, "features", [FACES, 4096], device)?;
    time(WARM_UP, runs, || {
        let features = features.clone().require_grad();
        let face = decoder.forward(features.clone());
        let moved = face.landmarks - decoder.warp().mean().unsqueeze::<3>();
        let loss = face.texture.square().mean() + moved.square().mean();
        let gradient = features.grad(&loss.backward()).ok_or("no gradient of the features")?;
        values(Tensor::<2>::from_inner(gradient))
    })
}

/// Forward, or forward and the gradient of the picture for the sum of the features.
fn mobile_face(
    part: &str,
    runs: usize,
    folder: &Path,
    device: &Device,
) -> Result<(Vec<f64>, Vec<f32>), Failure> {
    let backward = part == "mobileface";
    let device = if backward { device.clone().autodiff() } else { device.clone() };
    let network = MobileFace::from_mxnet(&folder.join("mobileface.params"), &device)?;
    let shape = [1, 3, MobileFace::SIDE, MobileFace::SIDE];
    let picture = input(folder, "picture", shape, &device)?;
    time(WARM_UP, runs, || {
        if !backward {
            return values(network.forward(picture.clone()));
        }
        let picture = picture.clone().require_grad();
        let gradients = network.forward(picture.clone()).sum().backward();
        let gradient = picture.grad(&gradients).ok_or("no gradient reached the picture")?;
        values(Tensor::<4>::from_inner(gradient))
    })
}

/// Seconds of each run, and the output of the last one.
fn time(
    warm_up: usize,
    runs: usize,
    mut run: impl FnMut() -> Result<Vec<f32>, Failure>,
) -> Result<(Vec<f64>, Vec<f32>), Failure> {
    let (mut seconds, mut output) = (Vec::with_capacity(runs), Vec::new());
    for index in 0..warm_up + runs {
        let start = Instant::now();
        output = run()?;
        if index >= warm_up {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    Ok((seconds, output))
}

fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, Failure> {
    Ok(tensor.into_data().try_into_vec().map_err(|error| format!("{error:?}"))?)
}

fn clip(folder: &Path) -> Result<Waveform, Failure> {
    Ok(Waveform::from_interleaved(&floats(&folder.join("clip"))?, 1, Waveform::RATE_HZ)?)
}

fn input<const D: usize>(
    folder: &Path,
    name: &str,
    shape: [usize; D],
    device: &Device,
) -> Result<Tensor<D>, Failure> {
    Ok(Tensor::from_data(TensorData::new(floats(&folder.join(name))?, shape), device))
}

fn floats(file: &Path) -> Result<Vec<f32>, Failure> {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}
