//! `VoiceEncoder::forward` as ONNX.

use std::f64::consts::PI;

use super::graph::{Graph, Value, batch, fixed, float, int, ints};
use super::{Frames, speaker};
use crate::VoiceEncoderConfig;
use crate::voice_encoder::{
    BINS, COMPRESSION, ConvolutionsConfig, FLOOR, KERNEL, SegmentPooling, TrunkConfig, VoiceInput,
};
use crate::weights::WeightsError;

/// Added to a variance by Burn and PyTorch.
const EPSILON: f32 = 1e-5;

pub(super) fn build(
    graph: &mut Graph<'_>,
    config: &VoiceEncoderConfig,
    frames: Frames,
) -> Result<(), WeightsError> {
    let x = match &config.trunk {
        TrunkConfig::Convolutions(trunk) => convolutions(graph, trunk, frames)?,
        TrunkConfig::SpeakerEncoder(trunk) => speaker::embed(graph, trunk, frames)?,
    }; // [batch, features]
    let x = match config.hidden {
        Some(_) => {
            let x = graph.linear("hidden", &x)?;
            graph.relu(&x) // [batch, hidden]
        }
        None => x,
    };
    let (name, x) = match config.output {
        Some(_) => {
            let x = graph.linear("output", &x)?;
            ("feature", if config.output_relu { graph.relu(&x) } else { x })
        }
        None => ("embedding", x),
    };
    graph.output(name, &x, &[batch(), fixed(config.width()?)]);
    if config.pooling == SegmentPooling::Attention {
        let score = graph.linear("attention", &x)?;
        graph.output("score", &score, &[batch(), fixed(1)]);
    }
    Ok(())
}

/// `Convolutions::forward`, `[batch, channels · frequency]`.
fn convolutions(
    graph: &mut Graph<'_>,
    config: &ConvolutionsConfig,
    frames: Frames,
) -> Result<Value, WeightsError> {
    let frames = frames.axis();
    let spectrogram = graph.input("spectrogram", &[batch(), fixed(2), frames, fixed(BINS)]);
    let mut x = match config.input {
        VoiceInput::Complex => spectrogram,
        VoiceInput::Magnitude => magnitude(graph, &spectrogram),
        VoiceInput::MagnitudePhase => polar(graph, &spectrogram, false),
        VoiceInput::MagnitudeCompressedPhase => polar(graph, &spectrogram, true),
    }; // [batch, 1 or 2, frames, 257]
    let last = config.layers.len() - 1;
    for (index, layer) in config.layers.iter().enumerate() {
        let weight = graph.weight(&format!("convolutions.{index}.weight"))?;
        let bias = graph.weight(&format!("convolutions.{index}.bias"))?;
        let settings = vec![ints("kernel_shape", &[KERNEL; 2]), ints("strides", &layer.stride)];
        // [batch, channels, time, frequency]
        x = graph.node("Conv", &[&x, &weight, &bias], settings);
        if index == last {
            // [batch, channels, 1, frequency]
            x = graph.node("ReduceMean", &[&x], vec![ints("axes", &[2]), int("keepdims", 1)]);
        }
        x = graph.relu(&x);
        if config.batch_norm {
            let norm = |part: &str| format!("norms.{index}.{part}");
            let scale = graph.weight(&norm("weight"))?;
            let shift = graph.weight(&norm("bias"))?;
            let mean = graph.weight(&norm("running_mean"))?;
            let variance = graph.weight(&norm("running_var"))?;
            let inputs = [&x, &scale, &shift, &mean, &variance];
            x = graph.node("BatchNormalization", &inputs, vec![float("epsilon", EPSILON)]);
        }
        if layer.pool {
            let settings = vec![ints("kernel_shape", &[2, 1]), ints("strides", &[2, 1])];
            x = graph.node("MaxPool", &[&x], settings); // [batch, channels, time/2, frequency]
        }
    }
    Ok(graph.node("Flatten", &[&x], vec![int("axis", 1)]))
}

/// |S|^0.3 over its root mean square, `[batch, 2, frames, 257]` to `[batch, 1, frames, 257]`.
fn magnitude(graph: &mut Graph<'_>, spectrogram: &Value) -> Value {
    let square = graph.binary("Mul", spectrogram, spectrogram);
    let floor = graph.scalar(FLOOR);
    let square = graph.binary("Max", &square, &floor);
    let expansion = graph.scalar(1.0 / COMPRESSION);
    let power = graph.binary("Pow", &square, &expansion);
    let channels = graph.integers(&[1]);
    let power = graph.node("ReduceSum", &[&power, &channels], vec![int("keepdims", 1)]);
    let compression = graph.scalar(COMPRESSION / 2.0);
    let compressed = graph.binary("Pow", &power, &compression); // [batch, 1, frames, 257]
    let square = graph.binary("Mul", &compressed, &compressed);
    let settings = vec![ints("axes", &[1, 2, 3]), int("keepdims", 1)];
    let level = graph.node("ReduceMean", &[&square], settings);
    let level = graph.node("Sqrt", &[&level], vec![]); // [batch, 1, 1, 1]
    graph.binary("Div", &compressed, &level)
}

/// |S|^0.3 and the phase of S, compressed or not; `[batch, 2, frames, 257]`, also of the output.
fn polar(graph: &mut Graph<'_>, spectrogram: &Value, compressed: bool) -> Value {
    let expansion = graph.scalar(1.0 / COMPRESSION);
    let size = graph.node("Abs", &[spectrogram], vec![]);
    let size = graph.binary("Pow", &size, &expansion); // |Re S|, |Im S|
    let square = graph.binary("Mul", &size, &size);
    let channels = graph.integers(&[1]);
    let power = graph.node("ReduceSum", &[&square, &channels], vec![int("keepdims", 1)]);
    let compression = graph.scalar(COMPRESSION / 2.0);
    let magnitude = graph.binary("Pow", &power, &compression); // [batch, 1, frames, 257]

    // ONNX has no arctangent of two arguments.
    let sign = graph.node("Sign", &[spectrogram], vec![]);
    let parts = graph.binary("Mul", &size, &sign);
    let (real, imaginary) = (graph.narrow(&parts, 1, 0, 1), graph.narrow(&parts, 1, 1, 1));
    let zero = graph.scalar(0.0);
    let is_zero = graph.binary("Equal", &real, &zero);
    let tiny = graph.scalar(f32::MIN_POSITIVE.into());
    let divisor = graph.node("Where", &[&is_zero, &tiny, &real], vec![]);
    let slope = graph.binary("Div", &imaginary, &divisor);
    let angle = graph.node("Atan", &[&slope], vec![]);
    let (half_turn, back) = (graph.scalar(PI), graph.scalar(-PI));
    let is_below = graph.binary("Less", &imaginary, &zero);
    let turn = graph.node("Where", &[&is_below, &back, &half_turn], vec![]);
    let turned = graph.binary("Add", &angle, &turn);
    let is_left = graph.binary("Less", &real, &zero);
    let mut phase = graph.node("Where", &[&is_left, &turned, &angle], vec![]);
    if compressed {
        let sign = graph.node("Sign", &[&phase], vec![]);
        let size = graph.node("Abs", &[&phase], vec![]);
        let compression = graph.scalar(COMPRESSION);
        let size = graph.binary("Pow", &size, &compression);
        phase = graph.binary("Mul", &size, &sign);
    }
    graph.node("Concat", &[&magnitude, &phase], vec![int("axis", 1)])
}
