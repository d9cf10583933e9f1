//! `FaceDecoder::forward` and `FaceDecoder::render` as ONNX.

use super::graph::{Graph, Value, batch, fixed, ints, text};
use super::warp;
use crate::FaceDecoderConfig;
use crate::face_decoder::TextureConfig;
use crate::texture::{CB, CR, LUMA};
use crate::weights::WeightsError;

pub(super) fn build(
    graph: &mut Graph<'_>,
    config: &FaceDecoderConfig,
    border: &[[f32; 2]],
) -> Result<(), WeightsError> {
    let (size, count) = (config.size, config.landmarks.count);
    let feature = graph.input("feature", &[batch(), fixed(config.feature)]);
    let hidden = graph.linear("first", &feature)?;
    let hidden = graph.relu(&hidden); // [batch, hidden]

    let x = graph.linear("landmarks.hidden", &hidden)?;
    let x = graph.relu(&x);
    let moved = graph.linear("landmarks.output", &x)?; // [batch, 2·landmarks]
    let mean = graph.weight("warp.mean")?;
    let landmarks = graph.binary("Add", &moved, &mean);
    let landmarks = graph.reshape(&landmarks, &[-1, count as i64, 2]);

    let texture = match &config.texture {
        TextureConfig::Deconvolution { base, channels } => {
            deconvolution(graph, &hidden, *base, channels)?
        }
        TextureConfig::Basis { .. } => basis(graph, &hidden, size)?,
    }; // [batch, 3, size, size]

    let picture = [batch(), fixed(3), fixed(size), fixed(size)];
    graph.output("landmarks", &landmarks, &[batch(), fixed(count), fixed(2)]);
    graph.output("texture", &texture, &picture);
    if let Some(warp) = warp::Plan::new(&graph.values("warp.mean")?, border, size) {
        let rendered = warp.build(graph, &texture, &landmarks);
        graph.output("picture", &rendered, &picture);
    }
    Ok(())
}

/// The paper's texture head.
fn deconvolution(
    graph: &mut Graph<'_>,
    hidden: &Value,
    base: usize,
    channels: &[usize],
) -> Result<Value, WeightsError> {
    let x = graph.linear("texture.map", hidden)?;
    let x = graph.relu(&x);
    let first = channels.first().map_or(0, |&channels| channels as i64);
    let mut x = graph.reshape(&x, &[-1, first, base as i64, base as i64]); // [batch, 256, 14, 14]
    for index in 0..channels.len().saturating_sub(1) {
        let weight = graph.weight(&format!("texture.layers.{index}.weight"))?;
        let bias = graph.weight(&format!("texture.layers.{index}.bias"))?;
        let settings = vec![
            ints("kernel_shape", &[5, 5]),
            ints("strides", &[2, 2]),
            ints("pads", &[2; 4]),
            ints("output_padding", &[1, 1]),
        ];
        x = graph.node("ConvTranspose", &[&x, &weight, &bias], settings);
        x = graph.relu(&x);
    } // [batch, 32, 224, 224]
    let weight = graph.weight("texture.colours.weight")?;
    let bias = graph.weight("texture.colours.bias")?;
    Ok(graph.node("Conv", &[&x, &weight, &bias], vec![ints("kernel_shape", &[1, 1])]))
}

/// The linear basis.
fn basis(graph: &mut Graph<'_>, hidden: &Value, size: usize) -> Result<Value, WeightsError> {
    let x = graph.linear("texture.hidden", hidden)?;
    let x = graph.relu(&x);
    let x = graph.linear("texture.coefficients", &x)?; // [batch, components]
    let basis = graph.weight("texture.basis")?;
    let mean = graph.weight("texture.mean")?;
    let values = graph.binary("MatMul", &x, &basis);
    let values = graph.binary("Add", &values, &mean); // [batch, values]

    let half = size / 2;
    let luma = graph.narrow(&values, 1, 0, size * size);
    let luma = graph.reshape(&luma, &[-1, 1, size as i64, size as i64]);
    let chroma = graph.narrow(&values, 1, size * size, 2 * half * half);
    let chroma = graph.reshape(&chroma, &[-1, 2, half as i64, half as i64]);
    let scales = graph.constant(&[4], &[1.0, 1.0, 2.0, 2.0]);
    let settings =
        vec![text("mode", "linear"), text("coordinate_transformation_mode", "half_pixel")];
    // [batch, 2, size, size]
    let chroma = graph.node("Resize", &[&chroma, &Value::none(), &scales], settings);

    let scaled = |graph: &mut Graph<'_>, x: &Value, factor: f32| {
        let factor = graph.scalar(factor.into());
        graph.binary("Mul", x, &factor)
    };
    let divided = |graph: &mut Graph<'_>, x: &Value, divisor: f32| {
        let divisor = graph.scalar(divisor.into());
        graph.binary("Div", x, &divisor)
    };
    let blue = graph.narrow(&chroma, 1, 0, 1);
    let blue = divided(graph, &blue, CB);
    let blue = graph.binary("Add", &luma, &blue);
    let red = graph.narrow(&chroma, 1, 1, 1);
    let red = divided(graph, &red, CR);
    let red = graph.binary("Add", &luma, &red);
    let of_red = scaled(graph, &red, LUMA[0]);
    let of_blue = scaled(graph, &blue, LUMA[2]);
    let green = graph.binary("Sub", &luma, &of_red);
    let green = graph.binary("Sub", &green, &of_blue);
    let green = divided(graph, &green, LUMA[1]);
    Ok(graph.node("Concat", &[&red, &green, &blue], vec![super::graph::int("axis", 1)]))
}
