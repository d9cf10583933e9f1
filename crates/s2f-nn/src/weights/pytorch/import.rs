//! A foreign checkpoint to a safetensors file with our names.

use burn::module::Module;
use burn::tensor::Device;

use super::Checkpoint;
use crate::vgg_face::ChannelOrder;
use crate::weights::names::{nearest, paired, parameters, unwrapped, vgg_face_layouts};
use crate::weights::{KeyMap, WeightsError};
use crate::{ModelConfig, VggFaceConfig};

/// The first convolution of VGG-Face, the only one that sees colours.
const COLOURS: &str = "conv1_1.weight";

/// A network that weights can be imported for.
#[derive(Debug, Clone, PartialEq)]
pub enum Import {
    /// VGG-Face as published, with the order in which the file's weights read colours. What is
    /// written always reads R G B.
    VggFace(ChannelOrder),
    /// The voice encoder of a model.
    VoiceEncoder(ModelConfig),
    /// The face decoder of a model.
    FaceDecoder(ModelConfig),
    /// Both, and the mean feature.
    Model(ModelConfig),
}

/// What an import gives.
#[derive(Debug)]
pub struct Imported {
    /// A safetensors file in single precision, with our names.
    pub bytes: Vec<u8>,
    /// What was taken off, left out or recognised, in words.
    pub notes: Vec<String>,
}

impl Import {
    /// Takes the network's weights out of a file.
    ///
    /// Dictionaries and classes around all names (`state_dict`, `module`, …) are taken off first
    /// and what training keeps beside the weights is left out; `map` then translates what is left.
    /// Without one, the layouts of VGG-Face that circulate are recognised, and other networks have
    /// to have our names.
    ///
    /// # Errors
    /// [`WeightsError`] with the file's name: its names do not fit, a shape or number type differs,
    /// a weight is not finite, or the file is damaged.
    pub fn read(
        &self,
        checkpoint: &Checkpoint,
        map: Option<&KeyMap>,
    ) -> Result<Imported, WeightsError> {
        let device = Device::flex();
        let read = match self {
            Self::VggFace(channels) => {
                let network = VggFaceConfig::paper().init(&device)?;
                imported(checkpoint, &network, map, &vgg_face_layouts(), *channels)
            }
            Self::VoiceEncoder(config) => {
                let network = config.init(&device)?.voice_encoder;
                imported(checkpoint, &network, map, &[], ChannelOrder::Rgb)
            }
            Self::FaceDecoder(config) => {
                let network = config.init(&device)?.face_decoder;
                imported(checkpoint, &network, map, &[], ChannelOrder::Rgb)
            }
            Self::Model(config) => {
                let network = config.init(&device)?;
                imported(checkpoint, &network, map, &[], ChannelOrder::Rgb)
            }
        };
        read.map_err(|problem| problem.in_file(&checkpoint.path))
    }
}

fn imported<M: Module>(
    checkpoint: &Checkpoint,
    network: &M,
    map: Option<&KeyMap>,
    layouts: &[(&'static str, KeyMap)],
    channels: ChannelOrder,
) -> Result<Imported, WeightsError> {
    let ours = parameters(network);
    let (short, mut notes) = unwrapped(&checkpoint.names());
    let theirs: Vec<&str> = short.keys().map(String::as_str).collect();
    let same = KeyMap::default();
    let map = match (map, nearest(&theirs, &ours, layouts)) {
        (Some(map), _) => map,
        (None, None) => &same,
        (None, Some((layout, map))) => {
            notes.push(format!("names are those of {layout}"));
            map
        }
    };
    let pairs = paired(&theirs, &ours, map)?;

    let mut writer = Writer::new(&ours)?;
    for (name, shape) in &ours {
        // Both maps hold these names, or the pairing had failed.
        let theirs = pairs.get(name).and_then(|theirs| short.get(theirs));
        let theirs = theirs.map_or(name, |theirs| theirs);
        let start = writer.0.len();
        checkpoint.append(theirs, shape, &mut writer.0)?;
        if name == COLOURS && channels == ChannelOrder::Bgr {
            let plane = 4 * shape[2] * shape[3];
            writer.0[start..].chunks_mut(3 * plane).for_each(|kernel| {
                let (red, blue) = kernel.split_at_mut(2 * plane);
                red[..plane].swap_with_slice(blue);
            });
            notes.push("turned the first convolution from B G R to R G B".into());
        }
    }
    Ok(Imported { bytes: writer.0, notes })
}

/// A safetensors file that grows tensor by tensor, so that no second copy of it is needed: length
/// of the header, header (JSON, padded with spaces), numbers.
struct Writer(Vec<u8>);

impl Writer {
    fn new(tensors: &[(String, Vec<usize>)]) -> Result<Self, WeightsError> {
        const ALIGNMENT: usize = 8;
        let mut entries = serde_json::Map::new();
        let mut end = 0;
        for (name, shape) in tensors {
            let start = end;
            end += size_of::<f32>() * shape.iter().product::<usize>();
            let entry =
                serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]});
            entries.insert(name.clone(), entry);
        }
        let mut header = serde_json::Value::Object(entries).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
        let mut bytes = Vec::with_capacity(ALIGNMENT + header.len() + end);
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(header);
        Ok(Self(bytes))
    }
}
