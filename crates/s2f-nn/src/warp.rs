//! The warp of the face decoder: from a texture in the mean shape to a picture with given
//! landmarks.
//!
//! Cole et al., "Synthesizing Normalized Faces from Facial Identity Features", CVPR 2017: the
//! displacement of the landmarks from their mean is interpolated by a polyharmonic spline, x and y
//! separately, with further control points of zero displacement on the border of the picture.
//!
//! Here, rendered(y) = T(y − u(y)) with the thin-plate spline u that takes the value Lᵢ − mᵢ at
//! landmark Lᵢ and 0 at the border points. Sampling is bilinear. The result is differentiable in
//! the texture and in the landmarks, including through the spline's linear system.

mod sample;

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use nalgebra::DMatrix;
use s2f_kernels::isa::Isa;
use s2f_kernels::spline;

pub use sample::sample;

use crate::plain_cpu::is_plain_cpu;

/// Nodes along each side of the coarse grid on which the spline is evaluated; cubic interpolation
/// gives every pixel. At 224 pixels, one node per 4 pixels.
pub(crate) const NODES: usize = 57;
/// Added to the diagonal, in units of the picture's side squared: it keeps the system regular if
/// two landmarks coincide, and otherwise changes displacements by less than 0.01 pixels.
pub(crate) const SMOOTHING: f64 = 1e-6;
/// A smaller squared distance counts as 0, where r² ln r² is 0 but its logarithm is not finite.
pub(crate) const NEAREST: f64 = 1e-12;

/// Warps textures to landmarks. Positions are in pixels, x to the right, y down, with the centre of
/// the top left pixel at (0, 0).
#[derive(Module, Debug)]
pub struct Warp {
    /// Positions of the landmarks in the texture, x₀, y₀, x₁, …, pixels. A vector, since weights
    /// files store vectors at full precision.
    mean: Param<Tensor<1>>,
    /// Points of zero displacement, pixels.
    #[module(skip)]
    border: Vec<[f32; 2]>,
    #[module(skip)]
    size: usize,
}

impl Warp {
    /// A warp of pictures of `size` × `size` pixels around the `mean` landmarks, with points of
    /// zero displacement at `border`; `size` is at least 2.
    pub fn new(mean: &[[f32; 2]], border: &[[f32; 2]], size: usize, device: &Device) -> Self {
        let mean = Param::from_tensor(points(mean, device).flatten(0, 1)).no_grad();
        Self { mean, border: border.to_vec(), size }
    }

    /// The landmarks of the texture, `[landmarks, 2 (x, y)]`, pixels.
    pub fn mean(&self) -> Tensor<2> {
        let mean = self.mean.val();
        let [coordinates] = mean.dims();
        mean.reshape([coordinates / 2, 2])
    }

    /// Side of the pictures, pixels.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Warps each texture to its landmarks.
    ///
    /// # Shapes
    /// - `texture`: `[batch, channels, size, size]`
    /// - `landmarks`: `[batch, landmarks, 2 (x, y)]`, pixels
    /// - output: `[batch, channels, size, size]`
    ///
    /// ```
    /// use burn::tensor::{Device, Distribution, Tensor};
    /// use s2f_nn::Warp;
    ///
    /// let device = Device::flex();
    /// let mean = [[10.0, 12.0], [22.0, 12.0], [16.0, 22.0]];
    /// let border = [[0.0, 0.0], [31.0, 0.0], [0.0, 31.0], [31.0, 31.0]];
    /// let warp = Warp::new(&mean, &border, 32, &device);
    /// let texture = Tensor::random([1, 3, 32, 32], Distribution::Default, &device);
    /// let unchanged = warp.forward(texture.clone(), warp.mean().unsqueeze());
    /// assert!((unchanged - texture).abs().max().into_scalar::<f32>() < 1e-3);
    /// ```
    pub fn forward(&self, texture: Tensor<4>, landmarks: Tensor<3>) -> Tensor<4> {
        let device = texture.device();
        let [batch, channels, ..] = texture.dims();
        if is_plain_cpu(&device) && self.size <= spline::MAX_SIZE {
            let [pictures, to] = [texture.clone().into_data(), landmarks.clone().into_data()];
            if let (Ok(pictures), Ok(to)) = (pictures.as_slice(), to.as_slice()) {
                let length = channels * self.size * self.size;
                let faces = pictures.chunks_exact(length).zip(to.chunks_exact(to.len() / batch));
                let pictures = self.with_kernel(|warp| {
                    faces.flat_map(|(texture, to)| warp.render(Isa::best(), texture, to)).collect()
                });
                let shape = [batch, channels, self.size, self.size];
                return Tensor::from_data(TensorData::new::<f32, _>(pictures, shape), &device);
            }
        }
        let displacement = self.displacement(landmarks); // [batch, 2, size, size]
        let size = self.size as i64;
        let positions = Tensor::<1, Int>::arange(0..size, &device).float();
        let x = positions.clone().reshape([1, 1, size]); // [1, 1, size]
        let y = positions.reshape([1, size, 1]); // [1, size, 1]
        let axis = |axis: usize| -> Tensor<3> {
            displacement.clone().narrow(1, axis, 1).reshape([batch, self.size, self.size])
        };
        sample(texture, x - axis(0), y - axis(1))
    }

    /// The displacement u at every pixel.
    ///
    /// # Shapes
    /// - `landmarks`: `[batch, landmarks, 2 (x, y)]`, pixels
    /// - output: `[batch, 2 (x, y), size, size]`, pixels
    pub fn displacement(&self, landmarks: Tensor<3>) -> Tensor<4> {
        let device = landmarks.device();
        let [batch, count, _] = landmarks.dims();
        if is_plain_cpu(&device) {
            let to = landmarks.clone().into_data();
            if let Ok(to) = to.as_slice() {
                let displacement: Vec<f32> = self.with_kernel(|warp| {
                    let faces = to.chunks_exact(2 * count);
                    faces.flat_map(|to| warp.displacement(Isa::best(), to)).collect()
                });
                let shape = [batch, 2, self.size, self.size];
                return Tensor::from_data(TensorData::new(displacement, shape), &device);
            }
        }
        // [batch, border, 2]
        let border = points(&self.border, &device).unsqueeze::<3>().repeat_dim(0, batch);
        let moved = landmarks.clone() - self.mean().unsqueeze::<3>(); // [batch, landmarks, 2]
        let [_, fixed, _] = border.dims();

        // Lengths in units of the picture's side, centred. This does not change the spline, whose
        // affine part absorbs what ln(unit) adds, but makes the system well conditioned.
        let unit = |p: Tensor<3>| p / self.size as f64 - 0.5;
        let control = unit(Tensor::cat(vec![landmarks, border], 1)); // [batch, n, 2]
        let n = count + fixed;
        // [batch, n + 3, 2]
        let values = Tensor::cat(vec![moved, Tensor::zeros([batch, fixed + 3, 2], &device)], 1);

        let bend = kernel(control.clone(), control.clone())
            + Tensor::<2>::eye(n, &device).unsqueeze::<3>() * SMOOTHING; // [batch, n, n]
        let affine = with_one(control.clone()); // [batch, n, 3]
        let top = Tensor::cat(vec![bend, affine.clone()], 2); // [batch, n, n + 3]
        let bottom = vec![affine.swap_dims(1, 2), Tensor::zeros([batch, 3, 3], &device)];
        let bottom = Tensor::cat(bottom, 2); // [batch, 3, n + 3]
        let weights = solve(Tensor::cat(vec![top, bottom], 1), values); // [batch, n + 3, 2]

        let nodes = unit(self.nodes(&device)).repeat_dim(0, batch); // [batch, NODES², 2]
        // [batch, NODES², n + 3]
        let basis = Tensor::cat(vec![kernel(nodes.clone(), control), with_one(nodes)], 2);
        let coarse = basis.matmul(weights); // [batch, NODES², 2]
        let coarse = coarse.swap_dims(1, 2).reshape([batch, 2, NODES, NODES]);
        let up = TensorData::new(upsampling(self.size), [1, 1, self.size, NODES]);
        let up = Tensor::<4>::from_data(up, &device); // [1, 1, size, NODES]
        up.clone().matmul(coarse).matmul(up.swap_dims(2, 3)) // [batch, 2, size, size]
    }

    /// Calls `work` with the same warp for the kernel on a CPU without gradients.
    fn with_kernel(&self, work: impl FnOnce(spline::Warp<'_>) -> Vec<f32>) -> Vec<f32> {
        let mean: Vec<f32> = self.mean.val().into_data().iter().collect();
        work(spline::Warp {
            mean: &mean,
            border: &self.border,
            size: self.size,
            upsampling: &upsampling(self.size),
            smoothing: SMOOTHING,
            nearest: NEAREST as f32,
        })
    }

    /// Positions of the coarse grid's nodes, row by row, `[1, NODES², 2 (x, y)]`, pixels.
    fn nodes(&self, device: &Device) -> Tensor<3> {
        let step = (self.size - 1) as f32 / (NODES - 1) as f32;
        let nodes: Vec<[f32; 2]> = (0..NODES * NODES)
            .map(|i| [(i % NODES) as f32 * step, (i / NODES) as f32 * step])
            .collect();
        points(&nodes, device).unsqueeze()
    }
}

/// A list of points as `[n, 2 (x, y)]`.
fn points(list: &[[f32; 2]], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(list.concat(), [list.len(), 2]), device)
}

/// (x, y) as (1, x, y), `[batch, n, 3]`.
fn with_one(positions: Tensor<3>) -> Tensor<3> {
    let [batch, n, _] = positions.dims();
    let device = positions.device();
    Tensor::cat(vec![Tensor::ones([batch, n, 1], &device), positions], 2)
}

/// φ(r) = r² ln r = ½ r² ln r² between `a` `[batch, n, 2]` and `b` `[batch, m, 2]`:
/// `[batch, n, m]`.
fn kernel(a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
    let difference =
        |axis: usize| a.clone().narrow(2, axis, 1) - b.clone().narrow(2, axis, 1).swap_dims(1, 2);
    let square = difference(0).square() + difference(1).square();
    // NEAREST · ln(NEAREST) is 3e-11, which is as good as 0, and so is the derivative there.
    square.clone() * square.clamp_min(NEAREST).log() * 0.5
}

/// The solution x of A·x = b, exact to working precision and differentiable in both.
///
/// P = A⁻¹ is computed on the host in double precision, without a gradient. One step of iterative
/// refinement, x = P·b + P·(b − A·P·b), then has the value A⁻¹·b and, since A·P = 1, the derivative
/// P·db − P·dA·P·b, which is that of the solution.
///
/// # Shapes
/// - `a`: `[batch, n, n]`
/// - `b`: `[batch, n, k]`
/// - output: `[batch, n, k]`
fn solve(a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
    let inverse = inverse(a.clone().detach());
    let first = inverse.clone().matmul(b.clone().detach());
    first.clone() + inverse.matmul(b - a.matmul(first))
}

/// Inverses of `[batch, n, n]`, computed in double precision on the host. A singular matrix (all
/// control points on one line, or a NaN) gives zeros, which leave the texture unchanged.
fn inverse(matrices: Tensor<3>) -> Tensor<3> {
    let [batch, n, _] = matrices.dims();
    let device = matrices.device();
    let values: Vec<f64> = matrices.into_data().iter::<f64>().collect();
    let inverses: Vec<f32> = values
        .chunks_exact(n * n)
        .flat_map(|matrix| {
            let inverse = DMatrix::from_row_slice(n, n, matrix).try_inverse();
            let inverse = inverse.unwrap_or_else(|| DMatrix::zeros(n, n));
            // Column-major, but the inverse of a symmetric matrix is symmetric.
            inverse.as_slice().iter().map(|&value| value as f32).collect::<Vec<f32>>()
        })
        .collect();
    Tensor::from_data(TensorData::new(inverses, [batch, n, n]), &device)
}

/// Cubic interpolation (Catmull–Rom) from [`NODES`] values along a side to `size` pixels, as a
/// row-major matrix `[size, NODES]`; beyond the ends, values are extrapolated linearly.
pub(crate) fn upsampling(size: usize) -> Vec<f32> {
    let mut matrix = vec![0.0_f32; size * NODES];
    let last = NODES as i64 - 1;
    for (pixel, row) in matrix.chunks_exact_mut(NODES).enumerate() {
        let position = pixel as f64 * last as f64 / (size - 1) as f64;
        let node = (position.floor() as i64).min(last - 1);
        let t = position - node as f64;
        let weights = [
            ((-0.5 * t + 1.0) * t - 0.5) * t,
            (1.5 * t - 2.5) * t * t + 1.0,
            ((-1.5 * t + 2.0) * t + 0.5) * t,
            (0.5 * t - 0.5) * t * t,
        ];
        for (offset, weight) in (-1..).zip(weights) {
            let mut add = |node: i64, share: f64| row[node as usize] += (weight * share) as f32;
            match node + offset {
                outside if outside < 0 => {
                    add(0, 2.0);
                    add(1, -1.0);
                }
                outside if outside > last => {
                    add(last, 2.0);
                    add(last - 1, -1.0);
                }
                inside => add(inside, 1.0),
            }
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Reference, cpu, largest_difference};

    /// Written by `reference/nn/warp.py` with SciPy's exact thin-plate spline.
    const REFERENCE: &[u8] = include_bytes!("../../../reference/nn/warp.safetensors");
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
        let expected: Vec<f32> =
            reference.floats::<1>("rendered", device).into_data().iter().collect();
        let worst =
            chosen.iter().zip(&expected).map(|(&pixel, e)| (rendered[pixel as usize] - e).abs());
        // The texture's steepest slope is 1/4 per pixel: 0.2 px are 0.05.
        assert!(worst.fold(0.0, f32::max) < 0.05);
    }

    #[test]
    fn mean_landmarks_leave_the_texture_unchanged() {
        let device = cpu();
        let warp = warp(&Reference::new(REFERENCE), &device);
        let texture =
            Tensor::random([2, 3, SIZE, SIZE], burn::tensor::Distribution::Default, &device);
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
        let landmarks =
            warp.mean().unsqueeze::<3>() + Tensor::random([1, 5, 2], normal, device) * 0.7;
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
        let weights =
            Tensor::<4>::random([1, 1, 16, 16], burn::tensor::Distribution::Default, &device);
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
}
