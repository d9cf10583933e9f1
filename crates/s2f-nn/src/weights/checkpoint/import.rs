//! A foreign checkpoint to a safetensors file with our names.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use s2f_core::ChannelOrder;

use super::{Checkpoint, Layout, resemblyzer};
use crate::weights::names::{
    below, candidates, nearest, paired, parameters, unwrapped, vgg_face_layouts,
};
use crate::weights::{KeyMap, WeightsError, load};
use crate::{ModelConfig, SpeakerEncoder, SpeakerEncoderConfig, VggFaceConfig};

/// The first convolution of VGG-Face, the only one whose input channels are colours.
const COLOURS: &str = "conv1_1.weight";

/// A network that weights can be imported for.
#[derive(Debug, Clone, PartialEq)]
pub enum Import {
    /// VGG-Face as published, and the order in which the file's weights read colours. The imported
    /// weights always read R G B.
    VggFace(ChannelOrder),
    /// The speaker encoder, in Resemblyzer's layout.
    SpeakerEncoder(SpeakerEncoderConfig),
    /// The voice encoder of a model.
    VoiceEncoder(ModelConfig),
    /// The face decoder of a model.
    FaceDecoder(ModelConfig),
    /// Both, and the mean feature.
    Model(ModelConfig),
}

/// The result of an import.
#[derive(Debug)]
pub struct Imported {
    /// A safetensors file in single precision, with this crate's names.
    pub bytes: Vec<u8>,
    /// What was removed from names, left out or recognised, for the user to read.
    pub notes: Vec<String>,
}

impl Import {
    /// Reads the network's weights from a file.
    ///
    /// The tensors are searched in every part of the file; `prefix` chooses one, for example `G` or
    /// `ema.module`. Then prefixes that all names share (`state_dict`, `module`, …) are removed and
    /// tensors of the training are left out; then `layout` translates the names. Without one,
    /// common layouts of VGG-Face are recognised, and other networks need this crate's names.
    ///
    /// # Errors
    /// [`WeightsError`] with the file's name: its names do not fit, a shape or type differs, a
    /// weight is not finite, or the file is damaged.
    pub fn read(
        &self,
        checkpoint: &Checkpoint,
        layout: Option<&Layout>,
        prefix: Option<&str>,
    ) -> Result<Imported, WeightsError> {
        let device = Device::flex();
        let read = match self {
            Self::VggFace(channels) => {
                let network = VggFaceConfig::paper().init(&device)?;
                imported(checkpoint, &network, layout, prefix, &vgg_face_layouts(), *channels)
            }
            Self::SpeakerEncoder(config) => {
                let known = [resemblyzer::layout(config.layers)];
                imported(
                    checkpoint,
                    &config.init(&device)?,
                    layout,
                    prefix,
                    &known,
                    ChannelOrder::Rgb,
                )
            }
            Self::VoiceEncoder(config) => {
                let network = config.init(&device)?.voice_encoder;
                imported(checkpoint, &network, layout, prefix, &[], ChannelOrder::Rgb)
            }
            Self::FaceDecoder(config) => {
                let network = config.init(&device)?.face_decoder;
                imported(checkpoint, &network, layout, prefix, &[], ChannelOrder::Rgb)
            }
            Self::Model(config) => {
                let network = config.init(&device)?;
                imported(checkpoint, &network, layout, prefix, &[], ChannelOrder::Rgb)
            }
        };
        read.map_err(|problem| problem.in_file(&checkpoint.path))
    }
}

impl SpeakerEncoder {
    /// The network with the published weights, from Resemblyzer's `pretrained.pt`.
    ///
    /// # Errors
    /// [`WeightsError`] if the file is missing or is another file.
    pub fn from_pytorch(path: &Path, device: &Device) -> Result<Self, WeightsError> {
        let config = SpeakerEncoderConfig::ge2e();
        let import = Import::SpeakerEncoder(config.clone());
        let imported = import.read(&Checkpoint::open(path)?, None, None)?;
        load(config.init(device)?, &imported.bytes).map_err(|problem| problem.in_file(path))
    }
}

fn imported<M: Module>(
    checkpoint: &Checkpoint,
    network: &M,
    layout: Option<&Layout>,
    prefix: Option<&str>,
    layouts: &[(&'static str, KeyMap)],
    channels: ChannelOrder,
) -> Result<Imported, WeightsError> {
    let ours = parameters(network);
    let map = layout.map(|layout| &layout.names);
    let names = checkpoint.names();
    let prefix = match prefix {
        Some(prefix) => prefix.to_owned(),
        None => match candidates(&names, &ours, map, layouts) {
            // None fits: the message is about the whole file.
            found if found.len() < 2 => found.into_iter().next().unwrap_or_default(),
            candidates => return Err(WeightsError::Ambiguous { candidates }),
        },
    };
    let names = below(&names, &prefix);
    if names.is_empty() {
        let candidates = candidates(&checkpoint.names(), &ours, map, layouts);
        return Err(WeightsError::NoSuchPart { prefix, candidates });
    }
    // Without the prefix, but the names in the file are needed to read from it.
    let start = if prefix.is_empty() { 0 } else { prefix.len() + 1 };
    let inner: Vec<&str> = names.iter().map(|name| &name[start..]).collect();
    let (mut short, mut notes) = unwrapped(&inner);
    if start > 0 {
        short.values_mut().for_each(|name| name.insert_str(0, &format!("{prefix}.")));
        notes.insert(0, format!("used the tensors in {prefix}"));
    }
    let theirs: Vec<&str> = short.keys().map(String::as_str).collect();
    let layout = match (layout, nearest(&theirs, &ours, layouts)) {
        (Some(layout), _) => layout.clone(),
        (None, None) => Layout::default(),
        (None, Some((name, map))) => {
            notes.push(format!("recognised the layout {name}"));
            map.clone().into()
        }
    };
    let pairs = paired(&theirs, &ours, &layout.names)?;
    let place = |name: &str| short.get(name).map_or(name, String::as_str).to_owned();

    let mut writer = Writer::new(&ours)?;
    for (name, shape) in &ours {
        // Both maps hold these names, or the pairing would have failed.
        let theirs = place(pairs.get(name).map_or(name, String::as_str));
        let start = writer.0.len();
        layout.append(checkpoint, (name, shape), &theirs, &mut writer.0)?;
        if name == COLOURS && channels == ChannelOrder::Bgr {
            let plane = 4 * shape[2] * shape[3];
            writer.0[start..].chunks_mut(3 * plane).for_each(|kernel| {
                let (red, blue) = kernel.split_at_mut(2 * plane);
                red[..plane].swap_with_slice(blue);
            });
            notes.push("converted the first convolution from B G R to R G B".into());
        }
    }
    Ok(Imported { bytes: writer.0, notes })
}

/// A safetensors file that is written tensor by tensor, so that it needs no second copy: length of
/// the header, header (JSON, padded with spaces), values.
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use burn::tensor::Tensor;
    use safetensors::SafeTensors;

    use super::*;
    use crate::tests::{Reference, cpu, largest_difference, tiny_vgg_face};
    use crate::{VggFace, normalise};

    /// Written by `reference/pytorch/checkpoints.py`.
    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../reference/pytorch/tiny");
    const VALUES: &[u8] =
        include_bytes!("../../../../../reference/pytorch/tiny/values.safetensors");
    const CONFIG: &[u8] = include_bytes!("../../../../../reference/pytorch/tiny/config.json");

    fn config() -> ModelConfig {
        serde_json::from_slice(CONFIG).unwrap()
    }

    fn open(name: &str) -> Checkpoint {
        Checkpoint::open(&Path::new(FOLDER).join(name)).unwrap()
    }

    #[test]
    fn a_pytorch_model_gives_pytorchs_feature_and_picture() {
        let device = cpu();
        let reference = Reference::new(VALUES);
        for (name, notes) in [("zip.pth", 0), ("legacy.pth", 3), ("evil-beside-weights.pth", 0)] {
            let imported = Import::Model(config()).read(&open(name), None, None).unwrap();
            assert_eq!(imported.notes.len(), notes, "{name}: {:?}", imported.notes);
            let model = load(config().init(&device).unwrap(), &imported.bytes).unwrap();
            let feature = model.voice_encoder.forward(reference.floats("spectrogram", &device));
            // Sums of float32 products in another order.
            let expected = reference.floats("feature", &device);
            assert!(largest_difference(feature.clone(), expected) < 1e-5, "{name}");
            let decoder = &model.face_decoder;
            let face = decoder.forward(normalise(feature, &config().face_space));
            let expected = reference.floats("landmarks", &device);
            assert!(largest_difference(face.landmarks.clone(), expected) < 1e-4, "{name}");
            let expected = reference.floats("picture", &device);
            // The texture is noise: it changes by up to 1 per pixel.
            assert!(largest_difference(decoder.render(face), expected) < 1e-3, "{name}");
        }
    }

    #[test]
    fn a_key_map_translates_the_names_of_another_program() {
        let voice = Import::VoiceEncoder(config());
        let map = [("cnn", "convolutions"), ("bn", "norms"), ("fc.0", "hidden")];
        let map = map.into_iter().chain([("fc.2", "output"), ("temperature", "")]);
        let map = KeyMap::new(map.map(|(a, b)| (a.to_owned(), b.to_owned()))).into();
        let imported = voice.read(&open("renamed.pth"), Some(&map), None).unwrap();
        let whole = voice.read(&open("whole-module.pth"), None, None).unwrap();
        // Double precision holds the same values.
        assert!(imported.bytes == whole.bytes);
        let problem = voice.read(&open("renamed.pth"), None, None).unwrap_err().to_string();
        let expected = "renamed.pth: no weights for convolutions.0.weight, convolutions.0.bias, \
                        convolutions.1.weight and 25 more, and unexpected tensors bn.0.bias, ";
        assert!(problem.contains(expected), "{problem}");
        let map = KeyMap::new([("cnn".into(), "convolution".into())]).into();
        let problem = voice.read(&open("renamed.pth"), Some(&map), None).unwrap_err().to_string();
        assert!(problem.contains("key map: the network has no convolution;"), "{problem}");
    }

    #[test]
    fn damaged_files_are_refused_and_no_code_in_them_runs() {
        let nan =
            Import::Model(config()).read(&open("nan.pth"), None, None).unwrap_err().to_string();
        assert!(nan.contains("nan.pth: tensor face_decoder.first.weight holds NaN;"), "{nan}");
        let evil = Checkpoint::open(&Path::new(FOLDER).join("evil.pth")).unwrap_err().to_string();
        assert!(evil.contains("evil.pth: not a complete PyTorch checkpoint file: "), "{evil}");
        assert!(!Path::new("evil-was-here").exists());
        let mut other = config();
        other.face_decoder.hidden = 6;
        let shape =
            Import::Model(other).read(&open("zip.pth"), None, None).unwrap_err().to_string();
        let expected =
            "tensor face_decoder.first.weight has the shape [5, 7], the network needs [6, 7]";
        assert!(shape.contains(expected), "{shape}");
        let wrong = Import::FaceDecoder(config()).read(&open("whole-module.pth"), None, None);
        let wrong = wrong.unwrap_err().to_string();
        assert!(wrong.contains("whole-module.pth: no weights for first.weight, "), "{wrong}");
    }

    #[test]
    fn checkpoints_that_hold_other_objects_too_are_opened() {
        let Some(folder) = s2f_testing::data("data/faults") else { return };
        // As PyTorch 2 reads them: two values under this name.
        for name in ["plain", "defaultdict", "dict_subclass"] {
            let path = folder.join(format!("checkpoint_{name}.pth"));
            let checkpoint = Checkpoint::open(&path).unwrap();
            assert_eq!(checkpoint.names(), ["state_dict.weight"], "{name}");
            let mut values = Vec::new();
            checkpoint.append("state_dict.weight", &[2], &mut values).unwrap();
            assert_eq!(values.len(), 8);
        }
    }

    #[test]
    fn the_part_that_fits_is_used_and_several_are_listed() {
        /// A safetensors file of these parts, each with a network of one tensor and its shape.
        fn parts(parts: &[(&str, usize)]) -> PathBuf {
            let values = [0_u8; 64];
            let views = parts.iter().map(|(name, length)| {
                let view = safetensors::tensor::TensorView::new(
                    safetensors::Dtype::F32,
                    vec![*length],
                    &values[..4 * length],
                );
                ((*name).to_owned(), view.unwrap())
            });
            let bytes = safetensors::serialize(views, None).unwrap();
            temporary(&format!("parts-{}.safetensors", parts.len()), &bytes)
        }
        let ours = [("weight".to_owned(), vec![2])];
        let found = |names: &[&str]| {
            let all: Vec<(&str, usize)> = names.iter().map(|name| (*name, 2)).collect();
            let path = parts(&all);
            let checkpoint = Checkpoint::open(&path).unwrap();
            std::fs::remove_file(path).unwrap();
            candidates(&checkpoint.names(), &ours, None, &[])
        };
        assert_eq!(found(&["weight"]), [""]);
        assert_eq!(found(&["state_dict.module.weight"]), [""]);
        assert_eq!(found(&["model_state.weight", "optimizer.state.0"]), [""]);
        assert_eq!(found(&["G.weight", "config.size"]), ["G"]);
        assert_eq!(found(&["G.weight", "D.weight"]), ["D", "G"]);
        assert_eq!(found(&["a.b.net.weight", "other.x"]), ["a.b"]);
        assert_eq!(found(&["bias"]), [""; 0]);
    }

    fn temporary(name: &str, bytes: &[u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("s2f-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn cut_or_changed_files_give_errors_or_other_values() {
        let keras = "../reimplementations/saiteja-talluri.h5";
        for path in ["zip.pth", "legacy.pth", "values.safetensors", keras] {
            let (whole, name) = (std::fs::read(Path::new(FOLDER).join(path)).unwrap(), path);
            let name = name.rsplit('/').next().unwrap();
            for end in (0..whole.len()).step_by(whole.len() / 97) {
                let path = temporary(&format!("cut-{name}"), &whole[..end]);
                assert!(Checkpoint::open(&path).is_err(), "{name} cut at {end}");
            }
            for at in (0..whole.len()).step_by(whole.len() / 997) {
                let mut bytes = whole.clone();
                bytes[at] ^= 0xff;
                let path = temporary(&format!("changed-{name}"), &bytes);
                // An error or other values; neither a panic nor memory beyond the network's size.
                if let Ok(checkpoint) = Checkpoint::open(&path) {
                    let _ = Import::Model(config()).read(&checkpoint, None, None);
                }
            }
            for kind in ["cut", "changed"] {
                std::fs::remove_file(temporary(&format!("{kind}-{name}"), &[])).unwrap();
            }
        }
    }

    #[test]
    fn imported_vgg_face_reads_rgb_for_every_layout_and_order() {
        /// Written by `reference/nn/vgg_face.py`.
        const VGG_FACE: &[u8] = include_bytes!("../../../../../reference/nn/vgg_face.safetensors");
        let device = cpu();
        let reference = Reference::new(VGG_FACE);
        let weights = reference.weights("network.");
        let torchvision = [("conv1_1", "features.0"), ("conv1_2", "features.2")];
        let file = SafeTensors::deserialize(&weights).unwrap();
        let renamed = file.iter().map(|(name, view)| {
            let (layer, part) = name.split_once('.').unwrap();
            let theirs = torchvision.iter().find(|(ours, _)| *ours == layer).map(|(_, b)| *b);
            (format!("module.{}.{part}", theirs.unwrap_or(layer)), view)
        });
        let renamed = safetensors::serialize(renamed, None).unwrap();
        let path = temporary("vgg.safetensors", &renamed);
        let checkpoint = Checkpoint::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        let layouts = [(
            "half torchvision",
            KeyMap::new(torchvision.map(|(ours, theirs)| (theirs.to_owned(), ours.to_owned()))),
        )];
        for (order, name) in [(ChannelOrder::Rgb, "rgb"), (ChannelOrder::Bgr, "bgr")] {
            let network = tiny_vgg_face().init(&device).unwrap();
            let found = imported(&checkpoint, &network, None, None, &layouts, order).unwrap();
            let network: VggFace = load(network, &found.bytes).unwrap();
            let fc7 = network.fc7(reference.floats("faces", &device));
            for (layer, found) in [("fc7", fc7.clone()), ("fc8", network.fc8(fc7))] {
                let expected: Tensor<2> = reference.floats(&format!("{name}.{layer}"), &device);
                let scale = expected.clone().abs().max().into_scalar::<f32>();
                // Float32 sums through 15 layers.
                assert!(largest_difference(found, expected) < 1e-4 * scale, "{name} {layer}");
            }
        }
    }
}
