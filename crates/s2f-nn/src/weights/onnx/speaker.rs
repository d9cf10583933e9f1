//! `SpeakerEncoder::embed` as ONNX.

use super::Frames;
use super::graph::{Graph, Value, batch, fixed, int, ints};
use crate::SpeakerEncoderConfig;
use crate::speaker_encoder::{BANDS, PARTIAL_FRAMES, PARTIAL_HOP, partial_starts};
use crate::weights::WeightsError;

/// The embedding of each clip, `[batch, output]`.
pub(super) fn embed(
    graph: &mut Graph<'_>,
    config: &SpeakerEncoderConfig,
    frames: Frames,
) -> Result<Value, WeightsError> {
    let mel = graph.input("mel", &[batch(), frames.axis(), fixed(BANDS)]);
    let places = match frames {
        Frames::Dynamic => dynamic_places(graph, &mel),
        Frames::Fixed(frames) => fixed_places(graph, frames),
    }; // [partials, 160]
    let partials = graph.node("Gather", &[&mel, &places], vec![int("axis", 1)]);
    let shape = graph.node("Shape", &[&partials], vec![]); // of [batch, partials, 160, 40]
    let x = graph.reshape(&partials, &[-1, PARTIAL_FRAMES as i64, BANDS as i64]);
    let mut x = graph.node("Transpose", &[&x], vec![ints("perm", &[1, 0, 2])]);
    for layer in 0..config.layers {
        x = lstm(graph, layer, config.hidden, &x)?; // [160, batch · partials, hidden]
    }
    let last = graph.narrow(&x, 0, PARTIAL_FRAMES - 1, 1);
    let last = graph.reshape(&last, &[-1, config.hidden as i64]);
    let x = graph.linear("linear", &last)?;
    let x = graph.relu(&x);
    let embeddings = graph.unit_length(&x); // [batch · partials, output]
    let counts = graph.narrow(&shape, 0, 0, 2);
    let output = graph.integers(&[config.output as i64]);
    let shape = graph.node("Concat", &[&counts, &output], vec![int("axis", 0)]);
    let embeddings = graph.binary("Reshape", &embeddings, &shape); // [batch, partials, output]
    let settings = vec![ints("axes", &[1]), int("keepdims", 0)];
    let mean = graph.node("ReduceMean", &[&embeddings], settings);
    Ok(graph.unit_length(&mean))
}

/// The frames of each partial of a clip of `frames` frames.
fn fixed_places(graph: &mut Graph<'_>, frames: usize) -> Value {
    let starts = partial_starts(frames);
    let places = starts.iter().flat_map(|start| *start..start + PARTIAL_FRAMES);
    let places: Vec<i64> = places.map(|place| place as i64).collect();
    let places = graph.integers(&places);
    graph.reshape(&places, &[starts.len() as i64, PARTIAL_FRAMES as i64])
}

/// The same from the shape of the input: [`partial_starts`] as operators.
fn dynamic_places(graph: &mut Graph<'_>, mel: &Value) -> Value {
    let shape = graph.node("Shape", &[mel], vec![]);
    let frames = graph.narrow(&shape, 0, 1, 1);
    let [partial, hop, one] = [PARTIAL_FRAMES, PARTIAL_HOP, 1].map(|n| n as i64);
    let partial = graph.integers(&[partial]);
    let last = graph.binary("Sub", &frames, &partial);
    let rounding = graph.integers(&[hop - 1]);
    let hop = graph.integers(&[hop]);
    let one = graph.integers(&[one]);
    let gaps = graph.binary("Add", &last, &rounding);
    let gaps = graph.binary("Div", &gaps, &hop); // ⌈last / hop⌉
    let count = graph.binary("Add", &gaps, &one);
    let scalars = [0, 1].map(|n| {
        let value = graph.integers(&[n]);
        graph.reshape(&value, &[])
    });
    let count = graph.reshape(&count, &[]);
    let index = graph.node("Range", &[&scalars[0], &count, &scalars[1]], vec![]);
    let reached = graph.binary("Mul", &index, &last);
    let gaps = graph.binary("Max", &gaps, &one);
    let starts = graph.binary("Div", &reached, &gaps); // [partials]
    let starts = graph.reshape(&starts, &[-1, 1]);
    let along: Vec<i64> = (0..PARTIAL_FRAMES as i64).collect();
    let along = graph.integers(&along);
    graph.binary("Add", &starts, &along)
}

/// One layer, `[frames, batch, inputs]` to `[frames, batch, hidden]`.
fn lstm(
    graph: &mut Graph<'_>,
    layer: usize,
    hidden: usize,
    x: &Value,
) -> Result<Value, WeightsError> {
    let weights = |graph: &mut Graph<'_>, part: &str| {
        let values = graph.values(&format!("lstm.{layer}.{part}.weight"))?;
        let inputs = values.len() / (GATES.len() * hidden);
        let values = in_onnx_order(&values, hidden * inputs);
        Ok::<_, WeightsError>(graph.constant(&[1, GATES.len() * hidden, inputs], &values))
    };
    let input = weights(graph, "input")?;
    let state = weights(graph, "state")?;
    let mut bias = Vec::with_capacity(2 * GATES.len() * hidden);
    for part in ["input", "state"] {
        let values = graph.values(&format!("lstm.{layer}.{part}.bias"))?;
        bias.extend(in_onnx_order(&values, hidden));
    }
    let bias = graph.constant(&[1, bias.len()], &bias);
    let settings = vec![int("hidden_size", hidden as i64)];
    let states = graph.node("LSTM", &[x, &input, &state, &bias], settings);
    let direction = graph.integers(&[1]); // [frames, 1, batch, hidden]
    Ok(graph.binary("Squeeze", &states, &direction))
}

/// ONNX has the gates in the order input, output, forget, cell, PyTorch in the order input, forget,
/// cell, output.
const GATES: [usize; 4] = [0, 3, 1, 2];

/// Gates in PyTorch's order, each with `size` values, in ONNX's order.
fn in_onnx_order(values: &[f32], size: usize) -> Vec<f32> {
    GATES.iter().flat_map(|gate| &values[gate * size..(gate + 1) * size]).copied().collect()
}
