//! The forward pass of the network YuNet n.
//!
//! The ONNX runtime only reads the weights from the file. It would spend three quarters of the time
//! on depthwise convolutions, which this module computes ten times as fast.
//!
//! Source: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023. Every layer except
//! the first is a unit of a pointwise (1 x 1) and a depthwise (3 x 3) convolution.

mod planes;

use std::path::Path;

use image::RgbImage;
use planes::{Depthwise, Planes, Pointwise};
use rten::Model;
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use s2f_core::onnx::{one_thread, unoptimised};

use crate::FaceError;

/// The strides of the three output levels: distances between cells, in pixels.
pub(crate) const STRIDES: [usize; 3] = [8, 16, 32];

/// Values per cell: two scores before the sigmoid, a box, five points.
pub(crate) const CELL: usize = 1 + 1 + 4 + 10;

/// The output of one level.
pub(crate) struct Cells {
    /// Distance between cells, in pixels.
    pub(crate) stride: usize,
    /// Cells in a row.
    pub(crate) columns: usize,
    /// `[CELL, rows x columns]`.
    pub(crate) values: Vec<f32>,
}

/// The network and its weights.
pub(crate) struct YuNet {
    stem: Pointwise,
    /// The stages of the backbone: `model0` to `model5` of the file.
    backbone: Vec<Vec<Unit>>,
    /// For the strides 32, 16 and 8.
    lateral: [Unit; 3],
    /// For the strides 8, 16 and 32.
    shared: [Unit; 3],
    heads: [Unit; 3],
}

/// A pointwise and then a depthwise convolution.
struct Unit {
    pointwise: Pointwise,
    depthwise: Depthwise,
}

/// The layers of the backbone in the file: for each unit of each stage the name of its pointwise
/// layer, and the numbers of weight and bias of its depthwise layer, which lost its name when the
/// batch normalisation was folded in.
const BACKBONE: [&[(&str, [u32; 2])]; 6] = [
    &[("model0.conv2", [462, 463])],
    &[("model1.conv1", [465, 466]), ("model1.conv2", [468, 469])],
    &[("model2.conv1", [471, 472]), ("model2.conv2", [474, 475])],
    &[("model3.conv1", [477, 478]), ("model3.conv2", [480, 481])],
    &[("model4.conv1", [483, 484]), ("model4.conv2", [486, 487])],
    &[("model5.conv1", [489, 490]), ("model5.conv2", [492, 493])],
];

/// Stages of the backbone without pooling before them: the first, whose convolution has stride 2,
/// and the third, which keeps the size of the second.
const NOT_HALVED: [usize; 2] = [0, 2];

impl YuNet {
    /// Reads `yunet_n_dynamic.onnx`.
    ///
    /// # Errors
    /// [`FaceError::Read`] if the file cannot be read, [`FaceError::Model`] if it is not this
    /// network.
    pub(crate) fn open(path: &Path) -> Result<Self, FaceError> {
        let bytes =
            std::fs::read(path).map_err(|source| FaceError::Read { path: path.into(), source })?;
        let model = unoptimised().load(bytes).map_err(|error| error.to_string());
        model
            .and_then(|model| Self::from_arrays(&Arrays(model)))
            .map_err(|reason| FaceError::Model { path: path.into(), reason })
    }

    fn from_arrays(arrays: &Arrays) -> Result<Self, String> {
        let unit = |name: &str, [weight, bias]: [u32; 2], inputs: usize, outputs: usize| {
            Ok::<_, String>(Unit {
                pointwise: arrays.pointwise(&format!("{name}.conv1"), inputs, outputs)?,
                depthwise: Depthwise::new(
                    &arrays.take(&weight.to_string(), 9 * outputs)?,
                    &arrays.take(&bias.to_string(), outputs)?,
                ),
            })
        };
        let mut backbone = Vec::new();
        let mut channels = 16;
        for stage in BACKBONE {
            let mut units = Vec::new();
            for (name, numbers) in stage {
                let outputs =
                    if *name == "model0.conv2" || *name == "model1.conv1" { 16 } else { 64 };
                units.push(unit(&format!("backbone.{name}"), *numbers, channels, outputs)?);
                channels = outputs;
            }
            backbone.push(units);
        }
        let neck = |level: usize, number: u32| {
            unit(&format!("neck.lateral_convs.{level}"), [number, number + 1], 64, 64)
        };
        let shared = |level: usize, number: u32| {
            let name = format!("bbox_head.multi_level_share_convs.{level}.0");
            unit(&name, [number, number + 1], 64, 64)
        };
        Ok(Self {
            stem: Pointwise::new(&arrays.take("459", 27 * 16)?, &arrays.take("460", 16)?),
            backbone,
            lateral: [neck(2, 495)?, neck(1, 498)?, neck(0, 501)?],
            shared: [shared(0, 504)?, shared(1, 507)?, shared(2, 510)?],
            heads: [arrays.head(0)?, arrays.head(1)?, arrays.head(2)?],
        })
    }

    /// The output for a picture at each of [`STRIDES`]. The picture is padded with black, right and
    /// bottom, to multiples of the largest stride.
    pub(crate) fn run(&self, picture: &RgbImage) -> [Cells; 3] {
        let mut x = self.stem.apply(&Planes::stem(picture, STRIDES[2]));
        x.relu();
        let mut scales = Vec::with_capacity(3);
        for (stage, units) in self.backbone.iter().enumerate() {
            if !NOT_HALVED.contains(&stage) {
                let half = x.halved();
                // The neck reads the inputs of the poolings before the last two stages.
                let whole = std::mem::replace(&mut x, half);
                if stage > 3 {
                    scales.push(whole);
                }
            }
            x = units.iter().fold(x, |x, unit| unit.apply(&x, true));
        }
        scales.push(x);
        let coarse = self.lateral[0].apply(&scales[2], true);
        scales[1].add_doubled(&coarse);
        let middle = self.lateral[1].apply(&scales[1], true);
        scales[0].add_doubled(&middle);
        let fine = self.lateral[2].apply(&scales[0], true);
        let scales = [fine, middle, coarse];
        [0, 1, 2].map(|level| {
            let x = self.shared[level].apply(&scales[level], true);
            let x = self.heads[level].apply(&x, false);
            Cells { stride: STRIDES[level], columns: x.width(), values: x.values() }
        })
    }
}

impl Unit {
    fn apply(&self, x: &Planes, relu: bool) -> Planes {
        let mut between = self.pointwise.apply(x);
        between.clear_border();
        self.depthwise.apply(&between, relu)
    }
}

/// The weights in the file, by name.
struct Arrays(Model);

impl Arrays {
    fn take(&self, name: &str, length: usize) -> Result<Vec<f32>, String> {
        let missing = || format!("it has no weights `{name}` of {length} values");
        let node = self.0.find_node(name).ok_or_else(missing)?;
        let [value] = self.0.run_n(vec![], [node], Some(one_thread())).map_err(|_| missing())?;
        let tensor: Tensor<f32> = value.try_into().map_err(|_| missing())?;
        if tensor.len() == length { Ok(tensor.to_vec()) } else { Err(missing()) }
    }

    fn pointwise(&self, name: &str, inputs: usize, outputs: usize) -> Result<Pointwise, String> {
        let weight = self.take(&format!("{name}.weight"), inputs * outputs)?;
        Ok(Pointwise::new(&weight, &self.take(&format!("{name}.bias"), outputs)?))
    }

    /// The four heads of a level, combined to one with [`CELL`] output channels.
    fn head(&self, level: usize) -> Result<Unit, String> {
        let mut arrays = [const { Vec::new() }; 4];
        for (part, outputs) in [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)] {
            let name = |layer: &str| format!("bbox_head.multi_level_{part}.{level}.{layer}");
            for (array, (layer, length)) in arrays.iter_mut().zip([
                ("conv1.weight", 64 * outputs),
                ("conv1.bias", outputs),
                ("conv2.weight", 9 * outputs),
                ("conv2.bias", outputs),
            ]) {
                array.extend(self.take(&name(layer), length)?);
            }
        }
        let [weight, bias, kernel, kernel_bias] = arrays;
        Ok(Unit {
            pointwise: Pointwise::new(&weight, &bias),
            depthwise: Depthwise::new(&kernel, &kernel_bias),
        })
    }
}
