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
                    faces.map(|(texture, to)| warp.render(Isa::best(), texture, to)).collect()
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
                let displacement = self.with_kernel(|warp| {
                    let faces = to.chunks_exact(2 * count);
                    faces.map(|to| warp.displacement(Isa::best(), to)).collect()
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

    /// What `work` gives for each face with the same warp, for the kernel on a CPU without
    /// gradients.
    fn with_kernel(&self, work: impl FnOnce(spline::Warp<'_>) -> Vec<Vec<f32>>) -> Vec<f32> {
        let mean: Vec<f32> = self.mean.val().into_data().iter().collect();
        let faces = work(spline::Warp {
            mean: &mean,
            border: &self.border,
            size: self.size,
            upsampling: &upsampling(self.size),
            smoothing: SMOOTHING,
            nearest: NEAREST as f32,
        });
        faces.concat()
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
mod tests;
