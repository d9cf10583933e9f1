use proptest::prelude::*;

use super::{Reference, error, random};
use crate::convolution;
use crate::direct::{self, Shape};
use crate::finish::{Activation, Finish};
use crate::isa::Isa;

/// Sums of a few hundred to a few thousand products of values below 1 in `f32`, in another order
/// than the reference; Winograd's F(4, 4) loses about five bits more than a direct sum. Measured:
/// up to 7e-6 (documentation of the crate).
const TOLERANCE: f64 = 3e-5;

fn check(shape: Shape, seed: u64, pool: bool) {
    let kernels = random(seed, shape.kernel_length());
    let source = random(seed + 1, shape.input_length());
    let gradient = random(seed + 2, shape.output_length());
    let channels: Vec<Vec<f32>> = (3..6).map(|n| random(seed + n, shape.outputs)).collect();
    let expected = Reference::new(&shape, &kernels, &source, &gradient);
    let norm = Some([&channels[1][..], &channels[2]]);
    let finish = Finish { bias: Some(&channels[0]), activation: Activation::Relu, norm };
    let output = finished(&shape, &expected.output, &channels, pool);
    for isa in Isa::all() {
        let name = isa.name();
        let mut found = vec![f32::NAN; output.len()];
        convolution::convolve(isa, &shape, &kernels, &source, finish, pool, &mut found);
        assert!(error(&found, &output) < TOLERANCE, "{name} {shape:?}");
        direct::convolve(isa, &shape, &kernels, &source, finish, pool, &mut found);
        assert!(error(&found, &output) < TOLERANCE, "{name} {shape:?} direct");

        let mut found = vec![f32::NAN; source.len()];
        convolution::input_gradient(isa, &shape, &kernels, &gradient, &mut found);
        assert!(error(&found, &expected.input_gradient) < TOLERANCE, "{name} {shape:?} input");
        direct::input_gradient(isa, &shape, &kernels, &gradient, &mut found);
        assert!(error(&found, &expected.input_gradient) < TOLERANCE, "{name} {shape:?} input");

        let mut found = vec![f32::NAN; kernels.len()];
        convolution::kernel_gradient(isa, &shape, &source, &gradient, &mut found);
        assert!(error(&found, &expected.kernel_gradient) < TOLERANCE, "{name} {shape:?} kernel");
        direct::kernel_gradient(isa, &shape, &source, &gradient, &mut found);
        assert!(error(&found, &expected.kernel_gradient) < TOLERANCE, "{name} {shape:?} kernel");
    }
}

/// Bias, ReLU, normalisation and pool.
fn finished(shape: &Shape, sums: &[f64], channels: &[Vec<f32>], pool: bool) -> Vec<f64> {
    let finish = |(index, sum): (usize, &f64)| {
        let [bias, scale, shift] =
            [0, 1, 2].map(|kind: usize| f64::from(channels[kind][index % shape.outputs]));
        (sum + bias).max(0.0) * scale + shift
    };
    let values: Vec<f64> = sums.iter().enumerate().map(finish).collect();
    if !pool {
        return values;
    }
    let [height, width, outputs] = shape.output();
    let mut pooled = Vec::new();
    for image in values.chunks_exact(height * width * outputs) {
        for rows in image.chunks_exact(2 * width * outputs) {
            let (first, second) = rows.split_at(width * outputs);
            pooled.extend(first.iter().zip(second).map(|(a, b)| a.max(*b)));
        }
    }
    pooled
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn four_by_four_equals_its_definition(
        batch in 1_usize..3,
        height in 5_usize..19,
        width in 4_usize..19,
        inputs in 1_usize..40,
        outputs in 1_usize..40,
        stride_y in 1_usize..3,
        stride_x in 1_usize..3,
        pool: bool,
        seed: u64,
    ) {
        let (input, stride) = ([height, width, inputs], [stride_y, stride_x]);
        let pool = pool && (height - 4) / stride_y >= 1;
        let kernel = [4, 4];
        check(Shape { batch, input, outputs, kernel, stride }, seed >> 8, pool);
    }

    #[test]
    fn any_kernel_equals_its_definition(
        height in 6_usize..14,
        width in 6_usize..14,
        inputs in 1_usize..20,
        outputs in 1_usize..50,
        kernel in prop::array::uniform2(1_usize..6),
        stride in prop::array::uniform2(1_usize..5),
        seed: u64,
    ) {
        let input = [height, width, inputs];
        check(Shape { batch: 2, input, outputs, kernel, stride }, seed >> 8, false);
    }
}

#[test]
fn many_channels_and_tiles() {
    // More columns than a group of panels, more tiles than a round of the gradient.
    for (input, outputs, stride) in
        [([40, 83, 33], 161, [1, 1]), ([31, 33, 70], 150, [2, 2]), ([12, 97, 64], 48, [1, 2])]
    {
        let kernel = [4, 4];
        check(Shape { batch: 2, input, outputs, kernel, stride }, 7, true);
    }
}

/// All results of a shape, with a number of threads.
fn bytes(isa: Isa, shape: &Shape, threads: usize) -> Vec<u32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let kernels = random(1, shape.kernel_length());
    let source = random(2, shape.input_length());
    let gradient = random(3, shape.output_length());
    let mut output = vec![0.0; shape.output_length()];
    let mut input = vec![0.0; source.len()];
    let mut kernel = vec![0.0; kernels.len()];
    pool.install(|| {
        let finish = Finish { activation: Activation::Relu, ..Finish::default() };
        convolution::convolve(isa, shape, &kernels, &source, finish, false, &mut output);
        convolution::input_gradient(isa, shape, &kernels, &gradient, &mut input);
        convolution::kernel_gradient(isa, shape, &source, &gradient, &mut kernel);
    });
    [output, input, kernel].concat().into_iter().map(f32::to_bits).collect()
}

#[test]
fn threads_do_not_change_a_bit() {
    for (channels, stride) in [(3, [2, 2]), (20, [1, 1]), (36, [2, 2]), (17, [1, 2])] {
        let shape = Shape {
            batch: 3,
            input: [37, 30, channels],
            outputs: 2 * channels,
            kernel: [4, 4],
            stride,
        };
        for isa in Isa::all() {
            let one = bytes(isa, &shape, 1);
            for threads in [2, 3, 7] {
                assert!(one == bytes(isa, &shape, threads), "{} {threads}", isa.name());
            }
        }
    }
}
