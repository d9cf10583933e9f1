use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::{Device, Tensor, TensorData};

use super::random;
use crate::burn::{BlockOptions, conv_block, with_burn};
use crate::finish::Activation;

pub(super) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

pub(super) fn largest(values: &[f32]) -> f32 {
    values.iter().fold(1e-20_f32, |largest, value| largest.max(value.abs()))
}

/// Largest difference, relative to `scale`.
pub(super) fn difference(a: &[f32], b: &[f32], scale: f32) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0_f32, |error, (a, b)| error.max((a - b).abs())) / scale
}

/// Output, running statistics and gradients of a block.
fn results(
    device: &Device,
    normalised: bool,
    options: BlockOptions,
    block: impl Fn(Tensor<4>, &Conv2d, Option<&BatchNorm>, BlockOptions) -> Tensor<4>,
) -> Vec<Vec<f32>> {
    let tensor = |seed: u64, shape: [usize; 4]| {
        let data = TensorData::new(random(seed, shape.iter().product()), shape);
        Tensor::<4>::from_data(data, device)
    };
    let learnt = |seed: u64, shape: [usize; 4]| {
        let tensor = tensor(seed, shape);
        if device.is_autodiff() { tensor.require_grad() } else { tensor }
    };
    let fresh = |old: Tensor<1>, seed: u64| {
        let data = TensorData::new(random(seed, old.dims()[0]), old.dims());
        let tensor = Tensor::<1>::from_data(data, device);
        if device.is_autodiff() { tensor.require_grad() } else { tensor }
    };
    let mut convolution = Conv2dConfig::new([5, 20], [4, 4]).with_stride([1, 2]).init(device);
    convolution.weight = convolution.weight.map(|_| learnt(1, [20, 5, 4, 4]));
    convolution.bias = convolution.bias.map(|bias| bias.map(|bias| fresh(bias, 2)));
    let norm = normalised.then(|| {
        let mut norm = BatchNormConfig::new(20).init(device);
        norm.gamma = norm.gamma.map(|gamma| fresh(gamma, 3));
        norm
    });
    let mut input = tensor(4, [2, 13, 12, 5]);
    if device.is_autodiff() {
        input = input.require_grad();
    }
    let output = block(input.clone(), &convolution, norm.as_ref(), options);
    let shape: [usize; 4] = output.dims();
    let mut results = vec![values(output.clone())];
    if let Some(norm) = &norm {
        results.push(values(norm.running_mean.value_sync()));
        results.push(values(norm.running_var.value_sync()));
    }
    if device.is_autodiff() {
        let loss = (output * tensor(5, shape)).sum();
        let gradients = loss.backward();
        results.push(values(input.grad(&gradients).unwrap()));
        results.push(values(convolution.weight.val().grad(&gradients).unwrap()));
        let bias = convolution.bias.as_ref().unwrap();
        results.push(values(bias.val().grad(&gradients).unwrap()));
        if let Some(norm) = &norm {
            results.push(values(norm.gamma.val().grad(&gradients).unwrap()));
            results.push(values(norm.beta.val().grad(&gradients).unwrap()));
        }
    }
    results
}

/// On the CPU, the kernels and Burn's operations agree, gradients and running statistics included.
#[test]
fn blocks_equal_burn() {
    use Activation::{None, Relu, Relu6};
    for device in [Device::flex(), Device::flex().autodiff()] {
        for normalised in [false, true] {
            for (activation, pool) in
                [(Relu, false), (Relu, true), (Relu6, false), (Relu6, true), (None, false)]
            {
                let options = BlockOptions { activation, pool };
                let ours = results(&device, normalised, options, conv_block);
                let theirs = results(&device, normalised, options, with_burn);
                assert_eq!(ours.len(), theirs.len());
                for (index, (a, b)) in ours.iter().zip(&theirs).enumerate() {
                    // The gradient of a bias before a normalisation is a sum that is nearly 0:
                    // the error is relative to the gradient of the weights, which comes before.
                    let bias = if normalised { 5 } else { 3 };
                    let scale = largest(if index == bias { &theirs[index - 1] } else { b });
                    let difference = difference(a, b, scale);
                    assert!(
                        difference < 2e-4,
                        "{options:?} {normalised} {index} {difference} {:?}",
                        device.is_autodiff()
                    );
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "uneven padding")]
fn a_dilated_convolution_is_refused() {
    let device = Device::flex();
    let convolution = Conv2dConfig::new([1, 1], [2, 2]).with_dilation([2, 2]).init(&device);
    let options = BlockOptions { activation: Activation::None, pool: false };
    conv_block(Tensor::ones([1, 4, 4, 1], &device), &convolution, None, options);
}

#[test]
#[should_panic(expected = "a kernel of 4 on an input of 3")]
fn an_input_below_the_kernel_is_refused() {
    let device = Device::flex();
    let convolution = Conv2dConfig::new([1, 1], [4, 4]).init(&device);
    let options = BlockOptions { activation: Activation::None, pool: false };
    conv_block(Tensor::ones([1, 3, 9, 1], &device), &convolution, None, options);
}
