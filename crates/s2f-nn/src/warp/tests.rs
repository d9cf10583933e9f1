use super::*;
use crate::tests::{Reference, cpu, largest_difference};

/// Written by `reference/nn/warp.py` with SciPy's exact thin-plate spline.
const REFERENCE: &[u8] = include_bytes!("../../../../reference/nn/warp.safetensors");
const SIZE: usize = 224;

fn list(tensor: Tensor<2>) -> Vec<[f32; 2]> {
    tensor.into_data().iter::<f32>().collect::<Vec<_>>().as_chunks().0.to_vec()
}

fn warp(reference: &Reference, device: &Device) -> Warp {
    let read = |name| list(reference.floats(name, device));
    Warp::new(&read("mean"), &read("border"), SIZE, device)
}

#[test]
fn equals_the_exact_spline() {
    // Without gradients the kernel, with them the tensor library.
    [cpu(), cpu().autodiff()].iter().for_each(check_spline);
}

fn check_spline(device: &Device) {
    let reference = Reference::new(REFERENCE);
    let warp = warp(&reference, device);
    let landmarks: Tensor<2> = reference.floats("landmarks", device);
    let chosen = reference.integers("pixel");

    let found = warp.displacement(landmarks.clone().unsqueeze()).into_data();
    let found: Vec<f32> = found.iter().collect();
    let expected: Vec<f32> =
        reference.floats::<2>("displacement", device).into_data().iter().collect();
    let worst = chosen.iter().zip(expected.as_chunks::<2>().0).map(|(&pixel, [x, y])| {
        let pixel = pixel as usize;
        (found[pixel] - x).hypot(found[SIZE * SIZE + pixel] - y)
    });
    let worst = worst.fold(0.0, f32::max);
    // Displacements reach 15 px; the difference is due to the coarse grid.
    assert!(worst < 0.2, "{worst} px");

    let texture = (0..SIZE * SIZE).map(|pixel| {
        let (x, y) = ((pixel % SIZE) as f32, (pixel / SIZE) as f32);
        0.5 + 0.5 * (x / 2.0).sin() * (y / 3.0).cos()
    });
    let texture = TensorData::new(texture.collect::<Vec<f32>>(), [1, 1, SIZE, SIZE]);
    let rendered = warp.forward(Tensor::from_data(texture, device), landmarks.unsqueeze());
    let rendered: Vec<f32> = rendered.into_data().iter().collect();
    let expected: Vec<f32> = reference.floats::<1>("rendered", device).into_data().iter().collect();
    let worst =
        chosen.iter().zip(&expected).map(|(&pixel, e)| (rendered[pixel as usize] - e).abs());
    // The texture's steepest slope is 1/4 per pixel: 0.2 px are 0.05.
    assert!(worst.fold(0.0, f32::max) < 0.05);
}

#[test]
fn mean_landmarks_leave_the_texture_unchanged() {
    let device = cpu();
    let warp = warp(&Reference::new(REFERENCE), &device);
    let texture = Tensor::random([2, 3, SIZE, SIZE], burn::tensor::Distribution::Default, &device);
    let still = warp.mean().unsqueeze::<3>().repeat_dim(0, 2);
    let rendered = warp.forward(texture.clone(), still);
    // Rounding of pixel positions near 224 in f32, times a slope of up to 1 per pixel.
    assert!(largest_difference(rendered, texture) < 1e-3);
}

/// A small warp, for numerical derivatives.
fn small(device: &Device) -> (Warp, Tensor<4>, Tensor<3>) {
    device.seed(5);
    let mean = [[3.2, 4.1], [11.3, 3.7], [7.6, 9.8], [5.1, 12.2], [12.4, 11.9]];
    let border = [[-3.0, -3.0], [18.0, -3.0], [-3.0, 18.0], [18.0, 18.0]];
    let warp = Warp::new(&mean, &border, 16, device);
    let normal = burn::tensor::Distribution::Normal(0.0, 1.0);
    // A smooth texture: bilinear sampling has kinks at pixel borders, where finite differences
    // and the derivative differ by as much as the slope changes.
    let wave = |i: usize| {
        let (x, y) = ((i % 16) as f32, (i / 16 % 16) as f32);
        (0.19 * x + 0.4).sin() + (0.13 * y).cos() + 0.02 * x * y
    };
    let texture = TensorData::new((0..256).map(wave).collect::<Vec<f32>>(), [1, 1, 16, 16]);
    let landmarks = warp.mean().unsqueeze::<3>() + Tensor::random([1, 5, 2], normal, device) * 0.7;
    (warp, Tensor::from_data(texture, device), landmarks)
}

/// Compares the derivative of a weighted sum of the picture with central differences in every
/// value of `at`.
fn check_gradient<const D: usize>(
    at: Tensor<D>,
    step: f32,
    tolerance: f32,
    forward: impl Fn(Tensor<D>) -> Tensor<4>,
) {
    let device = at.device();
    let weights = Tensor::<4>::random([1, 1, 16, 16], burn::tensor::Distribution::Default, &device);
    let score = |x: Tensor<D>| (forward(x) * weights.clone()).sum();
    let at = at.detach().require_grad();
    let gradients = score(at.clone()).backward();
    let gradient: Vec<f32> = at.grad(&gradients).unwrap().into_data().iter().collect();
    let values: Vec<f32> = at.clone().into_data().iter().collect();
    let shape = at.dims();
    let largest = gradient.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
    assert!(largest > 0.0);
    for (index, derivative) in gradient.iter().enumerate() {
        let side = |sign: f32| {
            let mut values = values.clone();
            values[index] += sign * step;
            let moved = Tensor::from_data(TensorData::new(values, shape), &device);
            score(moved).into_scalar::<f32>()
        };
        let difference = (side(1.0) - side(-1.0)) / (2.0 * step);
        let error = (difference - derivative).abs() / largest;
        assert!(error < tolerance, "{index}: {derivative} against {difference}");
    }
}

#[test]
fn gradient_of_the_texture() {
    let (warp, texture, landmarks) = small(&cpu().autodiff());
    // Linear in the texture: the difference is rounding only.
    check_gradient(texture, 0.1, 1e-3, |t| warp.forward(t, landmarks.clone()));
}

#[test]
fn gradient_of_the_landmarks() {
    let (warp, texture, landmarks) = small(&cpu().autodiff());
    // 2 % of the largest: kinks of bilinear sampling, and f32 differences of sums of 256.
    check_gradient(landmarks, 0.02, 0.02, |l| warp.forward(texture.clone(), l));
}

#[test]
fn coinciding_or_infinite_landmarks_still_give_a_picture() {
    let device = cpu();
    let (warp, texture, _) = small(&device);
    let coinciding = Tensor::<3>::full([1, 5, 2], 8.0, &device);
    let infinite = Tensor::<3>::full([1, 5, 2], f32::INFINITY, &device);
    for landmarks in [coinciding, infinite] {
        let picture = warp.forward(texture.clone(), landmarks);
        assert_eq!(picture.dims(), [1, 1, 16, 16]);
    }
}
