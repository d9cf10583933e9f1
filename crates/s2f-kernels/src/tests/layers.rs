use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;

use super::blocks::{difference, largest, values};
use super::{Reference, error, random};
use crate::burn::{BlockOptions, conv_block, conv_transpose_block, linear, with_burn};
use crate::finish::{Activation, Finish};
use crate::inner::Packed;
use crate::isa::Isa;
use crate::layer::{Kind, Layer};
use crate::linear::Weights;

/// As for full convolutions: sums in `f32` in another order.
const TOLERANCE: f64 = 3e-5;

/// A kind, an input, weights, stride and padding.
type Case = (Kind, [usize; 4], [usize; 4], [usize; 2], [usize; 2]);

/// Visits the indices of output, input and kernel of each product of a layer, by definition.
fn products(case: Case, output: [usize; 3], visit: &mut dyn FnMut(usize, usize, usize)) {
    let (kind, [batch, height, width, channels], weight, stride, padding) = case;
    let [output_height, output_width, outputs] = output;
    let is_transposed = matches!(kind, Kind::Transposed { .. });
    // The larger image, and the smaller one: a pixel of it meets the kernel's taps in the larger.
    let [large, small] = if is_transposed {
        [[output_height, output_width], [height, width]]
    } else {
        [[height, width], [output_height, output_width]]
    };
    for image in 0..batch {
        for (y, x) in (0..small[0]).flat_map(|y| (0..small[1]).map(move |x| (y, x))) {
            for (tap_y, tap_x) in (0..weight[2]).flat_map(|y| (0..weight[3]).map(move |x| (y, x))) {
                let far_y = (y * stride[0] + tap_y).wrapping_sub(padding[0]);
                let far_x = (x * stride[1] + tap_x).wrapping_sub(padding[1]);
                if far_y >= large[0] || far_x >= large[1] {
                    continue;
                }
                let near = (image * small[0] + y) * small[1] + x;
                let far = (image * large[0] + far_y) * large[1] + far_x;
                let [to, from] = if is_transposed { [far, near] } else { [near, far] };
                for first in 0..weight[0] {
                    for second in 0..weight[1] {
                        let kernel = (first * weight[1] + second) * weight[2] + tap_y;
                        let kernel = kernel * weight[3] + tap_x;
                        let [output, input] = match kind {
                            Kind::Full => [first, second],
                            Kind::Depthwise => [first, first],
                            Kind::Transposed { .. } => [second, first],
                        };
                        visit(to * outputs + output, from * channels + input, kernel);
                    }
                }
            }
        }
    }
}

/// Weights `[a, b, 1, 1]` with their first two axes swapped.
fn swapped(values: &[f32], [first, second, ..]: [usize; 4]) -> Vec<f32> {
    (0..first * second).map(|index| values[index % first * second + index / first]).collect()
}

fn check(case: Case, seed: u64) {
    let (kind, input, weight, stride, padding) = case;
    let layer = Layer::new(kind, input, weight, stride, padding);
    let outputs = layer.output()[2];
    let kernels = random(seed, weight.iter().product());
    let source = random(seed + 1, input.iter().product());
    let gradient = random(seed + 2, layer.output_length());
    let bias = random(seed + 3, outputs);
    let expected = Reference::of(&kernels, &source, &gradient, |visit| {
        products(case, layer.output(), visit);
    });
    let finished: Vec<f64> = (expected.output.iter().enumerate())
        .map(|(index, sum)| (sum + f64::from(bias[index % outputs])).clamp(0.0, 6.0))
        .collect();
    let finish = Finish { bias: Some(&bias), activation: Activation::Relu6, norm: None };
    let other_order = swapped(&kernels, weight);
    for isa in Isa::all() {
        let name = isa.name();
        let mut orders = vec![Weights::ByOutput(&kernels)];
        if matches!(layer, Layer::Pointwise(_)) {
            orders.push(Weights::ByInput(&other_order));
        }
        for weights in orders {
            let mut found = vec![f32::NAN; gradient.len()];
            layer.convolve(isa, weights, &source, finish, false, &mut found);
            assert!(error(&found, &finished) < TOLERANCE, "{name} {case:?}");
            let mut found = vec![f32::NAN; source.len()];
            layer.input_gradient(isa, weights, &gradient, &mut found);
            assert!(error(&found, &expected.input_gradient) < TOLERANCE, "{name} {case:?} input");
        }
        let mut found = vec![f32::NAN; kernels.len()];
        layer.kernel_gradient(isa, &source, &gradient, &mut found);
        assert!(error(&found, &expected.kernel_gradient) < TOLERANCE, "{name} {case:?} kernel");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn depthwise_equals_its_definition(
        size in prop::array::uniform2(1_usize..15),
        channels in 1_usize..50,
        kernel in prop::array::uniform2(1_usize..5),
        stride in prop::array::uniform2(1_usize..4),
        padding in prop::array::uniform2(0_usize..3),
        seed: u64,
    ) {
        let fits = |axis: usize| kernel[axis] <= size[axis] + 2 * padding[axis];
        prop_assume!(fits(0) && fits(1));
        let input = [2, size[0], size[1], channels];
        check((Kind::Depthwise, input, [channels, 1, kernel[0], kernel[1]], stride, padding),
            seed >> 8);
    }

    #[test]
    fn padded_and_pointwise_equal_their_definition(
        size in prop::array::uniform2(3_usize..12),
        inputs in 1_usize..40,
        outputs in prop_oneof![1_usize..70, Just(16), Just(32), Just(96)],
        kernel in 1_usize..4,
        stride in 1_usize..3,
        padding in prop::array::uniform2(0_usize..3),
        seed: u64,
    ) {
        let input = [2, size[0], size[1], inputs];
        let weight = [outputs, inputs, kernel, kernel];
        check((Kind::Full, input, weight, [stride; 2], padding), seed >> 8);
        check((Kind::Full, input, [outputs, inputs, 1, 1], [1, 1], [0, 0]), seed >> 8);
    }

    #[test]
    fn transposed_equals_its_definition(
        size in prop::array::uniform2(1_usize..9),
        inputs in 1_usize..40,
        outputs in 1_usize..40,
        kernel in prop::array::uniform2(1_usize..6),
        stride in prop::array::uniform2(1_usize..4),
        padding in prop::array::uniform2(0_usize..3),
        more in prop::array::uniform2(0_usize..3),
        seed: u64,
    ) {
        let fits = |axis: usize| {
            more[axis] < stride[axis]
                && (size[axis] - 1) * stride[axis] + kernel[axis] + more[axis] > 2 * padding[axis]
        };
        prop_assume!(fits(0) && fits(1));
        let kind = Kind::Transposed { padding_out: more };
        let input = [2, size[0], size[1], inputs];
        check((kind, input, [inputs, outputs, kernel[0], kernel[1]], stride, padding), seed >> 8);
    }

    #[test]
    fn linear_equals_its_definition(
        rows in 1_usize..5,
        inputs in 1_usize..300,
        outputs in 1_usize..300,
        seed: u64,
    ) {
        let seed = seed >> 8;
        let [source, weights] = [random(seed, rows * inputs), random(seed + 1, inputs * outputs)];
        let bias = random(seed + 2, outputs);
        let other_order = swapped(&weights, [outputs, inputs, 1, 1]);
        let expected: Vec<f64> = (0..rows * outputs)
            .map(|index| {
                let (row, output) = (index / outputs, index % outputs);
                let source = &source[row * inputs..][..inputs];
                let products = source.iter().zip(&weights[output * inputs..]);
                let sum: f64 = products.map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                sum + f64::from(bias[output])
            })
            .collect();
        for isa in Isa::all() {
            for weights in [Weights::ByOutput(&weights), Weights::ByInput(&other_order)] {
                let mut found = vec![f32::NAN; rows * outputs];
                crate::linear::linear(isa, weights, Some(&bias), rows, &source, &mut found);
                prop_assert!(error(&found, &expected) < TOLERANCE, "{}", isa.name());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn inner_products_equal_their_definition(
        left in 1_usize..120,
        right in 1_usize..120,
        depth in 1_usize..80,
        seed: u64,
    ) {
        let [a, b] = [(left, 0), (right, 1)].map(|(rows, n)| random((seed >> 8) + n, rows * depth));
        let product = |row: usize, column: usize| -> f64 {
            let pairs = a[row * depth..][..depth].iter().zip(&b[column * depth..]);
            pairs.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
        };
        let expected: Vec<f64> =
            (0..left * right).map(|index| product(index / right, index % right)).collect();
        for isa in Isa::all() {
            let mut found = vec![f32::NAN; left * right];
            Packed::new(isa, &b, depth).products(isa, &a, &mut found);
            prop_assert!(error(&found, &expected) < TOLERANCE, "{}", isa.name());
        }
    }
}

fn tensor<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let data = TensorData::new(random(seed, shape.iter().product()), shape);
    Tensor::from_data(data, device)
}

/// Output and gradients of input, weights and bias of a layer.
fn results(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    mut forward: impl FnMut(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>,
) -> Vec<Vec<f32>> {
    let is_autodiff = input.device().is_autodiff();
    let output = forward(input.clone(), weight.clone(), bias.clone());
    let mut results = vec![values(output.clone())];
    if is_autodiff {
        let gradients = (output.clone() * tensor(9, output.dims(), &output.device())).sum();
        let gradients = gradients.backward();
        results.push(values(input.grad(&gradients).unwrap()));
        results.push(values(weight.grad(&gradients).unwrap()));
        results.push(values(bias.grad(&gradients).unwrap()));
    }
    results
}

fn equal(ours: &[Vec<f32>], theirs: &[Vec<f32>], what: &str) {
    assert_eq!(ours.len(), theirs.len());
    for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let difference = difference(a, b, largest(b));
        assert!(difference < 1e-4, "{what}: {index} {difference}");
    }
}

#[test]
fn layers_equal_burn() {
    for device in [Device::flex(), Device::flex().autodiff()] {
        let learnt =
            |tensor: Tensor<4>| if device.is_autodiff() { tensor.require_grad() } else { tensor };
        let input = || learnt(tensor(1, [2, 9, 8, 6], &device));
        let bias = |size: usize| {
            let bias = tensor(3, [size], &device);
            if device.is_autodiff() { bias.require_grad() } else { bias }
        };
        let options = BlockOptions { activation: Activation::Relu6, pool: false };
        for (groups, kernel, stride, padding) in
            [(6, 3, 2, [1, 1]), (1, 1, 1, [0, 0]), (1, 3, 2, [1, 0]), (6, 2, 1, [0, 1])]
        {
            let padding = PaddingConfig2d::Explicit(padding[0], padding[1], padding[0], padding[1]);
            let mut layer: Conv2d = Conv2dConfig::new([6, 6], [kernel, kernel])
                .with_stride([stride, stride])
                .with_groups(groups)
                .with_padding(padding)
                .init(&device);
            let shape = [6, 6 / groups, kernel, kernel];
            let mut with = |block: fn(Tensor<4>, &Conv2d, BlockOptions) -> Tensor<4>| {
                results(
                    input(),
                    learnt(tensor(2, shape, &device) * 3.0),
                    bias(6),
                    |x, weight, bias| {
                        layer.weight = layer.weight.clone().map(|_| weight.clone());
                        layer.bias = layer.bias.clone().map(|old| old.map(|_| bias.clone()));
                        block(x, &layer, options)
                    },
                )
            };
            let ours = with(|x, layer, options| conv_block(x, layer, None, options));
            let theirs = with(|x, layer, options| with_burn(x, layer, None, options));
            equal(&ours, &theirs, &format!("{groups} {kernel}"));
        }
        let mut layer = ConvTranspose2dConfig::new([6, 4], [5, 5])
            .with_stride([2, 2])
            .with_padding([2, 2])
            .with_padding_out([1, 1])
            .init(&device);
        let mut with = |kernels: bool| {
            results(
                input(),
                learnt(tensor(2, [6, 4, 5, 5], &device)),
                bias(4),
                |x, weight, bias| {
                    layer.weight = layer.weight.clone().map(|_| weight.clone());
                    layer.bias = layer.bias.clone().map(|old| old.map(|_| bias.clone()));
                    if kernels {
                        return conv_transpose_block(x, &layer, Activation::Relu);
                    }
                    let x = layer.forward(x.permute([0, 3, 1, 2]));
                    burn::tensor::activation::relu(x).permute([0, 2, 3, 1])
                },
            )
        };
        equal(&with(true), &with(false), "transposed");
    }
}

#[test]
fn fully_connected_layers_equal_burn() {
    let device = Device::flex();
    let mut layer: Linear = LinearConfig::new(40, 70).init(&device);
    for transposed in [false, true] {
        if transposed {
            let weight = tensor(1, [70, 40], &device).transpose();
            layer.weight = layer.weight.map(|_| weight);
        }
        for rows in [1, 3, 9] {
            let x = tensor(2, [rows, 40], &device);
            let expected = values(layer.forward(x.clone()).clamp_min(0.0));
            let found = values(linear(x, &layer, Activation::Relu));
            assert!(difference(&found, &expected, largest(&expected)) < 1e-5);
        }
    }
}
