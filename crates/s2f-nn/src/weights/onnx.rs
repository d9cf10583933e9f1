//! Networks as ONNX files: opset 17, weights inside, any batch size.
//!
//! One file per network mirrors its `forward`; a small graph builder is shared. ONNX has neither a
//! solver nor an inverse, so the warp's spline is solved by elimination in a `Loop`; see
//! [`face_decoder`].

mod decoder;
mod graph;
mod proto;
mod voice;
mod warp;

use prost::Message;
use safetensors::SafeTensors;

use super::{Precision, WeightsError, save};
use crate::{FaceDecoder, FaceDecoderConfig, VoiceEncoder, VoiceEncoderConfig};
use graph::Graph;
use proto::{Entry, ModelProto, OperatorSet};

/// First version of the operators with `GridSample` in every runtime that is in use.
const OPSET: i64 = 17;
/// Version of the file format that goes with it.
const IR_VERSION: i64 = 8;
/// A protocol buffer cannot be larger.
const MAX_BYTES: usize = i32::MAX as usize;

/// How many frames the voice encoder of an ONNX file takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// Any number that is enough for the network.
    Dynamic,
    /// So many and no others, which some runtimes turn into faster code.
    Fixed(usize),
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
/// - input `spectrogram`: `[batch, 2, frames, 257]`, compressed real and imaginary part
/// - output `feature`: `[batch, D]`, not normalised
/// - output `score`, with [`SegmentPooling::Attention`](crate::SegmentPooling::Attention) only:
///   `[batch, 1]`; its softmax over the segments of a voice weighs their features
///
/// `metadata` are keys with texts that any reader of the file shows.
///
/// # Errors
/// [`WeightsError::NotExportable`] for a file beyond 2 GB or fewer frames than the network needs,
/// [`WeightsError::Device`].
pub fn voice_encoder(
    network: &VoiceEncoder,
    config: &VoiceEncoderConfig,
    frames: Frames,
    metadata: &[(String, String)],
) -> Result<OnnxFile, WeightsError> {
    if let Frames::Fixed(frames) = frames {
        config.shapes(frames)?;
    }
    let weights = save(network, Precision::Full)?;
    let mut graph = Graph::new("voice_encoder", read(&weights)?);
    voice::build(&mut graph, config, frames)?;
    file(graph, metadata)
}

/// The face decoder as ONNX.
///
/// The warp's border has to hold three points that are not on one line, or `picture` is left out.
///
/// # Shapes
/// - input `feature`: `[batch, D]`, in the normalisation of the face space
/// - output `landmarks`: `[batch, landmarks, 2]`, pixels
/// - output `texture`: `[batch, 3, size, size]`, R G B, about 0 to 1
/// - output `picture`: `[batch, 3, size, size]`, the texture bent to the landmarks, not clamped
///
/// # Errors
/// [`WeightsError::NotExportable`] for a file beyond 2 GB, [`WeightsError::Device`].
pub fn face_decoder(
    network: &FaceDecoder,
    config: &FaceDecoderConfig,
    border: &[[f32; 2]],
    metadata: &[(String, String)],
) -> Result<OnnxFile, WeightsError> {
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
            reason: format!("it would have {bytes} bytes, an ONNX file at most {MAX_BYTES}"),
        });
    }
    Ok(OnnxFile { bytes: model.encode_to_vec(), outputs })
}

#[cfg(test)]
mod tests;
