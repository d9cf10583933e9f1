//! Names of the layers in common conversions of VGG-Face.

use super::KeyMap;

/// The layers in order.
const LAYERS: [&str; 16] = [
    "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1",
    "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3", "fc6", "fc7", "fc8",
];

/// Names of the layers in torchvision's VGG-16: `features`, then `classifier`.
const TORCHVISION: [&str; 16] = [
    "features.0",
    "features.2",
    "features.5",
    "features.7",
    "features.10",
    "features.12",
    "features.14",
    "features.17",
    "features.19",
    "features.21",
    "features.24",
    "features.26",
    "features.28",
    "classifier.0",
    "classifier.3",
    "classifier.6",
];

/// Names of the layers in the single `Sequential` of a converted Torch 7 file, where each fully
/// connected layer follows a flattening one.
const SEQUENTIAL: [&str; 16] = [
    "0", "2", "5", "7", "10", "12", "14", "17", "19", "21", "24", "26", "28", "32.1", "35.1",
    "38.1",
];

/// The layouts that need no key map, with descriptions.
pub(crate) fn layouts() -> [(&'static str, KeyMap); 4] {
    let named = |theirs: [&str; 16]| {
        KeyMap::new(theirs.into_iter().zip(LAYERS).map(|(a, b)| (a.to_owned(), b.to_owned())))
    };
    let underscored = LAYERS.iter().filter_map(|ours| {
        let stage = ours.strip_prefix("conv")?;
        Some((format!("conv_{stage}"), (*ours).to_owned()))
    });
    [
        ("conv1_1 … fc8", KeyMap::default()),
        ("features.0 … classifier.6, as in torchvision", named(TORCHVISION)),
        ("conv_1_1 … fc8", KeyMap::new(underscored)),
        ("0 … 38.1, from Torch 7", named(SEQUENTIAL)),
    ]
}
