//! `FaceDistributionHead::distributions` as ONNX.

use burn::tensor::Tensor;

use super::graph::{Graph, Value, batch, fixed, int};
use crate::FaceDistributionConfig;
use crate::face_distribution::{FaceDistributionHead, MAX_LOG_SCALE};
use crate::weights::WeightsError;

pub(super) fn build(
    graph: &mut Graph<'_>,
    network: &FaceDistributionHead,
    config: &FaceDistributionConfig,
) -> Result<(), WeightsError> {
    let FaceDistributionConfig { embedding: width, feature, components, rank, .. } = *config;
    let embedding = graph.input("embedding", &[batch(), fixed(width)]);
    let centre = graph.weight("voice.centre")?;
    let deviation = graph.weight("voice.deviation")?;
    let length = graph.scalar((width as f64).sqrt());
    let deviation = graph.binary("Mul", &deviation, &length);
    let x = graph.binary("Sub", &embedding, &centre);
    let x = graph.binary("Div", &x, &deviation);

    let logits = graph.linear("logits", &x)?; // [batch, K]
    let weights = graph.node("Softmax", &[&logits], vec![int("axis", 1)]);
    let by_component = |graph: &mut Graph<'_>, layer: &str, length: usize| {
        let values = graph.linear(layer, &x)?;
        Ok::<_, WeightsError>(graph.reshape(&values, &[-1, components as i64, length as i64]))
    };
    let means = by_component(graph, "means", feature)?;
    let unit = graph.weight("face.deviation")?;
    let middle = graph.weight("face.centre")?;
    let means = graph.binary("Mul", &means, &unit);
    let means = graph.binary("Add", &means, &middle); // [batch, K, D]
    let scales = by_component(graph, "log_scales", rank)?;
    let (lowest, highest) = (graph.scalar(-MAX_LOG_SCALE), graph.scalar(MAX_LOG_SCALE));
    let scales = graph.node("Clip", &[&scales, &lowest, &highest], vec![]);
    let deviations = graph.node("Exp", &[&scales], vec![]); // [batch, K, R]

    let mean = mean(graph, &weights, &means, components);
    graph.output("feature", &mean, &[batch(), fixed(feature)]);
    graph.output("weights", &weights, &[batch(), fixed(components)]);
    graph.output("means", &means, &[batch(), fixed(components), fixed(feature)]);
    graph.output("deviations", &deviations, &[batch(), fixed(components), fixed(rank)]);
    // The same for all voices.
    let (factors, noise) = network.constants();
    let factors = constant(graph, factors);
    graph.output("factors", &factors, &[fixed(components), fixed(rank), fixed(feature)]);
    let noise = constant(graph, noise);
    graph.output("noise", &noise, &[fixed(components), fixed(feature)]);
    Ok(())
}

fn constant<const N: usize>(graph: &mut Graph<'_>, tensor: Tensor<N>) -> Value {
    let shape = tensor.dims();
    let values: Vec<f32> = tensor.into_data().iter().collect();
    graph.constant(&shape, &values)
}

/// Σ weights · means, `[batch, D]`.
fn mean(graph: &mut Graph<'_>, weights: &Value, means: &Value, components: usize) -> Value {
    let weights = graph.reshape(weights, &[-1, components as i64, 1]);
    let parts = graph.binary("Mul", means, &weights);
    let axis = graph.integers(&[1]);
    graph.node("ReduceSum", &[&parts, &axis], vec![int("keepdims", 0)])
}
