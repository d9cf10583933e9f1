//! Networks as ONNX files: opset 17, weights inside, any batch size.
//!
//! One source file per network mirrors its `forward`; they share a small graph builder. ONNX has
//! neither a solver nor an inverse, so the warp's spline is solved by elimination in a `Loop`.

mod decoder;
mod distribution;
mod graph;
mod proto;
mod speaker;
mod voice;
mod warp;

use graph::Graph;
use prost::Message;
use proto::{Axis, Entry, ModelProto, OperatorSet};
use safetensors::SafeTensors;

use super::{Precision, WeightsError, save};
use crate::{
    FaceDecoder, FaceDecoderConfig, FaceDistributionConfig, FaceDistributionHead, VoiceEncoder,
    VoiceEncoderConfig,
};

/// The oldest version of the operators that has `GridSample` in all common runtimes.
const OPSET: i64 = 17;
/// The version of the file format that belongs to it.
const IR_VERSION: i64 = 8;
/// Largest size of a protocol buffer.
const MAX_BYTES: usize = i32::MAX as usize;

/// The number of frames that the voice encoder of an ONNX file accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// Any number from the network's smallest.
    Dynamic,
    /// This number only, for which some runtimes compile faster code.
    Fixed(usize),
}

impl Frames {
    /// The axis of the input.
    fn axis(self) -> Axis {
        match self {
            Self::Dynamic => Axis::Named("frames".into()),
            Self::Fixed(frames) => Axis::Fixed(frames as i64),
        }
    }
}

/// An ONNX file.
#[derive(Debug)]
pub struct OnnxFile {
    /// The file.
    pub bytes: Vec<u8>,
    /// Names of the outputs.
    pub outputs: Vec<String>,
}

/// The voice encoder as ONNX.
///
/// # Shapes
/// - input `spectrogram`: `[batch, 2 (real, imaginary), frames, 257]`, compressed; of a speaker
///   encoder `mel`: `[batch, frames, 40]`, power
/// - output `feature`: `[batch, D]`, not normalised; without layers after the trunk `embedding`:
///   `[batch, E]`, for [`face_distribution`]
/// - output `score`, with [`SegmentPooling::Attention`](crate::SegmentPooling::Attention) only:
///   `[batch, 1]`; its softmax over the segments of a voice gives the weights of their features
///
/// `metadata` are key–value pairs that ONNX tools display.
///
/// # Errors
/// [`WeightsError::Config`] for a configuration that cannot be built or too few frames,
/// [`WeightsError::Missing`] if it is not that of the network,
/// [`WeightsError::NotExportable`] for a file beyond 2 GB, [`WeightsError::Device`].
///
/// ```
/// use burn::tensor::Device;
/// use s2f_nn::VoiceEncoderConfig;
/// use s2f_nn::weights::onnx::{Frames, voice_encoder};
///
/// let config = VoiceEncoderConfig::compact();
/// let encoder = config.init(&Device::flex())?;
/// let file = voice_encoder(&encoder, &config, Frames::Dynamic, &[])?;
/// assert_eq!(file.outputs, ["feature"]);
/// # Ok::<(), s2f_nn::weights::WeightsError>(())
/// ```
pub fn voice_encoder(
    network: &VoiceEncoder,
    config: &VoiceEncoderConfig,
    frames: Frames,
    metadata: &[(String, String)],
) -> Result<OnnxFile, WeightsError> {
    config.check()?;
    if let Frames::Fixed(frames) = frames {
        config.check_frames(frames)?;
    }
    let weights = save(network, Precision::Full)?;
    let mut graph = Graph::new("voice_encoder", read(&weights)?);
    voice::build(&mut graph, config, frames)?;
    file(graph, metadata)
}

/// The head of a face distribution as ONNX.
///
/// # Shapes
/// - input `embedding`: `[batch, E]`
/// - output `feature`: `[batch, D]`, the mean of the distribution, not normalised
/// - output `weights`: `[batch, K]`, of the components
/// - output `means`: `[batch, K, D]`
/// - output `deviations`: `[batch, K, R]`, of the factors
/// - outputs `factors`: `[K, R, D]`, and `noise`: `[K, D]`, which are the same for all voices
///
/// With standard normal z, `[D]`, and f, `[R]`, a sample of component k is
/// meansₖ + noiseₖ · (z + (f · deviationsₖ) factorsₖ).
///
/// # Errors
/// As [`voice_encoder`].
pub fn face_distribution(
    network: &FaceDistributionHead,
    config: &FaceDistributionConfig,
    metadata: &[(String, String)],
) -> Result<OnnxFile, WeightsError> {
    config.check()?;
    let weights = save(network, Precision::Full)?;
    let mut graph = Graph::new("face_distribution", read(&weights)?);
    distribution::build(&mut graph, network, config)?;
    file(graph, metadata)
}

/// The face decoder as ONNX.
///
/// The output `picture` needs three points of the warp's border that are not on one line; otherwise
/// it is left out.
///
/// # Shapes
/// - input `feature`: `[batch, D]`, in the normalisation of the face space
/// - output `landmarks`: `[batch, landmarks, 2 (x, y)]`, pixels
/// - output `texture`: `[batch, 3 (R, G, B), size, size]`, about 0 to 1
/// - output `picture`: `[batch, 3 (R, G, B), size, size]`, the texture warped to the landmarks, not
///   clamped
///
/// # Errors
/// As [`voice_encoder`].
pub fn face_decoder(
    network: &FaceDecoder,
    config: &FaceDecoderConfig,
    border: &[[f32; 2]],
    metadata: &[(String, String)],
) -> Result<OnnxFile, WeightsError> {
    config.check()?;
    let weights = save(network, Precision::Full)?;
    let mut graph = Graph::new("face_decoder", read(&weights)?);
    decoder::build(&mut graph, config, border)?;
    file(graph, metadata)
}

fn read(weights: &[u8]) -> Result<SafeTensors<'_>, WeightsError> {
    SafeTensors::deserialize(weights).map_err(|error| WeightsError::Malformed {
        format: "safetensors",
        reason: error.to_string(),
    })
}

fn file(graph: Graph<'_>, metadata: &[(String, String)]) -> Result<OnnxFile, WeightsError> {
    let graph = graph.finish();
    let outputs = graph.output.iter().map(|output| output.name.clone()).collect();
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "speech2face".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: metadata
            .iter()
            .map(|(key, value)| Entry { key: key.clone(), value: value.clone() })
            .collect(),
    };
    let bytes = model.encoded_len();
    if bytes > MAX_BYTES {
        return Err(WeightsError::NotExportable {
            format: "ONNX",
            reason: format!(
                "it would have {bytes} bytes; hint: the limit of the format is {MAX_BYTES} bytes, \
                 use a smaller network or another format"
            ),
        });
    }
    Ok(OnnxFile { bytes: model.encode_to_vec(), outputs })
}

#[cfg(test)]
mod tests;
