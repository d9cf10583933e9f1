//! Work of the kernels whose instructions `cargo xtask check instructions` counts.
//!
//!     cargo run --release -p s2f-kernels --example instructions -- CASE REPEATS
//!
//! Without arguments, it prints the names of the cases. Two numbers of repeats tell apart what a
//! case takes and what the program takes to start.
#![allow(clippy::print_stdout, reason = "it prints the names of its cases")]

use std::hint::black_box;

use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2dConfig};
use burn::nn::{LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};
use s2f_kernels::convolution::{self, Finish, Shape};
use s2f_kernels::isa::Isa;
use s2f_kernels::lstm::{Lstm, Weights};
use s2f_kernels::spline::Warp;
use s2f_kernels::{Activation, BlockOptions, conv_block, conv_transpose_block, linear};

/// A name, and what prepares the case; the result is repeated.
type Case = (&'static str, fn() -> Box<dyn FnMut()>);

const CASES: [Case; 10] = [
    ("convolution", || convolution([20, 62, 64], 64, [1, 1])),
    ("convolution of stride 2", || convolution([18, 60, 64], 64, [2, 2])),
    ("convolution of one channel", || convolution([98, 257, 1], 8, [2, 2])),
    ("gradient of the kernels", || {
        let shape = shape([20, 62, 64], 64, [1, 1]);
        let source = values(shape.input_length());
        let gradient = values(shape.output_length());
        let mut kernels = vec![0.0; shape.kernel_length()];
        Box::new(move || {
            convolution::kernel_gradient(Isa::best(), &shape, &source, &gradient, &mut kernels);
            black_box(&kernels);
        })
    }),
    ("depthwise convolution", || {
        block([28, 28], Conv2dConfig::new([96, 96], [3, 3]).with_groups(96))
    }),
    ("pointwise convolution", || block([28, 28], Conv2dConfig::new([32, 96], [1, 1]))),
    ("transposed convolution", || {
        let device = Device::flex();
        let layer = ConvTranspose2dConfig::new([64, 32], [5, 5])
            .with_stride([2, 2])
            .with_padding([2, 2])
            .with_padding_out([1, 1])
            .init(&device);
        let input = Tensor::<4>::ones([1, 14, 14, 64], &device);
        Box::new(move || {
            black_box(conv_transpose_block(input.clone(), &layer, Activation::Relu));
        })
    }),
    ("fully connected layer", || {
        let device = Device::flex();
        let layer = LinearConfig::new(1024, 1024).init(&device);
        let input = Tensor::<2>::ones([1, 1024], &device);
        Box::new(move || {
            black_box(linear(input.clone(), &layer, Activation::Relu));
        })
    }),
    ("long short-term memory", || {
        const HIDDEN: usize = 256;
        const INPUTS: usize = 40;
        let [input, state] = [INPUTS, HIDDEN].map(|rows| values(rows * 4 * HIDDEN));
        let bias = values(4 * HIDDEN);
        let layer = Weights { input: &input, state: &state, bias: &bias };
        let (lstm, frames) = (Lstm::new(&[layer]), values(16 * 7 * INPUTS));
        Box::new(move || {
            black_box(lstm.last_states(Isa::best(), &frames, 7));
        })
    }),
    ("warp", || {
        const SIZE: usize = 224;
        const NODES: usize = 57;
        let mut upsampling = vec![0.0; SIZE * NODES];
        for (pixel, row) in upsampling.chunks_exact_mut(NODES).enumerate() {
            row[(pixel / 4).saturating_sub(1).min(NODES - 4)..][..4].fill(0.25);
        }
        let landmarks: Vec<f32> =
            (0..106).flat_map(|n| [(n % 11 * 20) as f32, (n / 11 * 22) as f32]).collect();
        let mean: Vec<f32> = landmarks.iter().map(|at| at + 1.5).collect();
        let texture = values(3 * SIZE * SIZE);
        Box::new(move || {
            let border = &[[-9.0, -9.0], [232.0, -9.0], [-9.0, 232.0], [232.0, 232.0]];
            let (mean, upsampling) = (&mean, &upsampling);
            let warp =
                Warp { mean, border, size: SIZE, upsampling, smoothing: 1e-6, nearest: 1e-12 };
            black_box(warp.render(Isa::best(), &texture, &landmarks));
        })
    }),
];

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, repeats] = arguments.as_slice() else {
        CASES.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    };
    let repeats: usize = repeats.parse().map_err(|_| format!("{repeats} is not a number"))?;
    let case = CASES.iter().find(|(other, _)| other == name);
    let (_, prepare) = case.ok_or_else(|| format!("no case is named {name}"))?;
    let mut work = prepare();
    (0..repeats).for_each(|_| work());
    Ok(())
}

/// Different values around 0, none of them so small that it would take longer.
fn values(count: usize) -> Vec<f32> {
    (0..count).map(|index| 0.01 * (index * 37 % 101) as f32 - 0.503).collect()
}

fn shape(input: [usize; 3], outputs: usize, stride: [usize; 2]) -> Shape {
    Shape { batch: 1, input, outputs, kernel: [4, 4], stride }
}

fn convolution(input: [usize; 3], outputs: usize, stride: [usize; 2]) -> Box<dyn FnMut()> {
    let shape = shape(input, outputs, stride);
    let (kernels, source) = (values(shape.kernel_length()), values(shape.input_length()));
    let mut output = vec![0.0; shape.output_length()];
    Box::new(move || {
        let finish = Finish { activation: Activation::Relu, ..Finish::default() };
        convolution::convolve(Isa::best(), &shape, &kernels, &source, finish, false, &mut output);
        black_box(&output);
    })
}

fn block([height, width]: [usize; 2], config: Conv2dConfig) -> Box<dyn FnMut()> {
    let device = Device::flex();
    let [inputs, _] = config.channels;
    let border = config.kernel_size[0] / 2;
    let padding = PaddingConfig2d::Explicit(border, border, border, border);
    let layer: Conv2d = config.with_padding(padding).init(&device);
    let input = Tensor::<4>::ones([1, height, width, inputs], &device);
    let options = BlockOptions { activation: Activation::Relu6, pool: false };
    Box::new(move || {
        black_box(conv_block(input.clone(), &layer, None, options));
    })
}
