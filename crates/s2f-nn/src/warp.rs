//! The warp of the face decoder: a texture in the mean shape, bent to given landmarks.
//!
//! Cole et al., "Synthesizing Normalized Faces from Facial Identity Features", CVPR 2017: the
//! displacement of the landmarks from their mean is interpolated by a polyharmonic spline, x and y
//! apart, with further control points of zero displacement on the border of the picture.
//!
//! Here: rendered(y) = T(y − u(y)) with the thin-plate spline u that takes the value Lᵢ − mᵢ at
//! Lᵢ (landmark) and 0 at the border points; bilinear sampling; differentiable in the texture and
//! in the landmarks, through the spline's system of equations too.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use nalgebra::DMatrix;

/// Nodes of the coarse grid along each side, on which the spline is evaluated before cubic
/// interpolation takes it to every pixel; 224 px: one node in 4 px.
const NODES: usize = 57;
/// Added to the diagonal, in units of the picture's side squared: it keeps the system regular
/// where two landmarks meet, and costs under 0.01 px elsewhere.
const SMOOTHING: f64 = 1e-6;
/// Below this a squared distance counts as 0, where r² ln r² is 0 and its logarithm is not finite.
const NEAREST: f64 = 1e-12;

/// Bends textures to landmarks. Positions are in pixels, x to the right, y down, the centre of the
/// top left pixel at (0, 0).
#[derive(Module, Debug)]
pub struct Warp {
    /// Where the landmarks are in the texture, x₀, y₀, x₁, …, pixels. A vector, since those are
    /// stored at full precision.
    mean: Param<Tensor<1>>,
    /// Where nothing moves, `[border, 2]`, pixels.
    #[module(skip)]
    border: Vec<[f32; 2]>,
    #[module(skip)]
    size: usize,
}

impl Warp {
    /// A warp of `size` × `size` pictures around `mean` landmarks, with control points that never
    /// move at `border`.
    pub fn new(mean: &[[f32; 2]], border: &[[f32; 2]], size: usize, device: &Device) -> Self {
        let mean = Param::from_tensor(points(mean, device).flatten(0, 1)).no_grad();
        Self { mean, border: border.to_vec(), size }
    }

    /// The landmarks of the texture, `[landmarks, 2]`, pixels.
    pub fn mean(&self) -> Tensor<2> {
        let mean = self.mean.val();
        let [numbers] = mean.dims();
        mean.reshape([numbers / 2, 2])
    }

    /// Bends each texture to its landmarks.
    ///
    /// # Shapes
    /// - `texture`: `[batch, channels, size, size]`
    /// - `landmarks`: `[batch, landmarks, 2]`, pixels
    /// - output: `[batch, channels, size, size]`
    pub fn forward(&self, texture: Tensor<4>, landmarks: Tensor<3>) -> Tensor<4> {
        let displacement = self.displacement(landmarks); // [batch, 2, size, size]
        let device = texture.device();
        let size = self.size as i64;
        let along = Tensor::<1, Int>::arange(0..size, &device).float();
        let x = along.clone().reshape([1, 1, size]); // [1, 1, size]
        let y = along.reshape([1, size, 1]); // [1, size, 1]
        let [batch, ..] = displacement.dims();
        let plane = |axis: usize| -> Tensor<3> {
            displacement.clone().narrow(1, axis, 1).reshape([batch, self.size, self.size])
        };
        sample(texture, x - plane(0), y - plane(1))
    }

    /// u at every pixel, `[batch, 2 (x, y), size, size]`, for landmarks `[batch, landmarks, 2]`.
    pub fn displacement(&self, landmarks: Tensor<3>) -> Tensor<4> {
        let device = landmarks.device();
        let [batch, count, _] = landmarks.dims();
        let border = points(&self.border, &device).unsqueeze::<3>().repeat_dim(0, batch); // [batch, border, 2]
        let moved = landmarks.clone() - self.mean().unsqueeze::<3>(); // [batch, landmarks, 2]
        let [_, fixed, _] = border.dims();

        // Lengths in units of the picture's side, centred: the spline does not depend on it (its
        // affine part takes up what ln(unit) adds), the conditioning of the system does.
        let unit = |p: Tensor<3>| p / self.size as f64 - 0.5;
        let control = unit(Tensor::cat(vec![landmarks, border], 1)); // [batch, n, 2]
        let n = count + fixed;
        let values = Tensor::cat(vec![moved, Tensor::zeros([batch, fixed + 3, 2], &device)], 1); // [batch, n + 3, 2]

        let bend = kernel(control.clone(), control.clone())
            + Tensor::<2>::eye(n, &device).unsqueeze::<3>() * SMOOTHING; // [batch, n, n]
        let affine = with_one(control.clone()); // [batch, n, 3]
        let top = Tensor::cat(vec![bend, affine.clone()], 2); // [batch, n, n + 3]
        let bottom = Tensor::cat(
            vec![affine.swap_dims(1, 2), Tensor::zeros([batch, 3, 3], &device)],
            2,
        ); // [batch, 3, n + 3]
        let weights = solve(Tensor::cat(vec![top, bottom], 1), values); // [batch, n + 3, 2]

        let nodes = unit(self.nodes(&device)).repeat_dim(0, batch); // [batch, NODES², 2]
        let basis = Tensor::cat(vec![kernel(nodes.clone(), control), with_one(nodes)], 2); // [batch, NODES², n + 3]
        let coarse = basis.matmul(weights); // [batch, NODES², 2]
        let coarse = coarse.swap_dims(1, 2).reshape([batch, 2, NODES, NODES]);
        let up = upsampling(self.size, &device).unsqueeze::<4>(); // [1, 1, size, NODES]
        up.clone().matmul(coarse).matmul(up.swap_dims(2, 3)) // [batch, 2, size, size]
    }

    /// Positions of the coarse grid, row by row, `[1, NODES², 2]`, pixels.
    fn nodes(&self, device: &Device) -> Tensor<3> {
        let step = (self.size - 1) as f32 / (NODES - 1) as f32;
        let nodes: Vec<[f32; 2]> = (0..NODES * NODES)
            .map(|i| [(i % NODES) as f32 * step, (i / NODES) as f32 * step])
            .collect();
        points(&nodes, device).unsqueeze()
    }
}

/// `[n, 2]` from a list.
fn points(list: &[[f32; 2]], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(list.concat(), [list.len(), 2]), device)
}

/// (x, y) as (1, x, y), `[batch, n, 3]`.
fn with_one(positions: Tensor<3>) -> Tensor<3> {
    let [batch, n, _] = positions.dims();
    let device = positions.device();
    Tensor::cat(vec![Tensor::ones([batch, n, 1], &device), positions], 2)
}

/// φ(r) = r² ln r = ½ r² ln r² between `a` `[batch, n, 2]` and `b` `[batch, m, 2]`: `[batch, n, m]`.
fn kernel(a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
    let along = |axis: usize| a.clone().narrow(2, axis, 1) - b.clone().narrow(2, axis, 1).swap_dims(1, 2);
    let square = along(0).square() + along(1).square();
    // NEAREST · ln(NEAREST) is 3e-11: 0 for every purpose, and so is the derivative there.
    square.clone() * square.clamp_min(NEAREST).log() * 0.5
}

/// x with A·x = b, exact to working precision and differentiable in both.
///
/// P = A⁻¹ is computed on the host in double precision and carries no gradient. One step of
/// iterative refinement, x = P·b + P·(b − A·P·b), then has the value A⁻¹·b and, since A·P = 1, the
/// derivative P·db − P·dA·P·b, which is that of the solution.
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
/// landmarks on one line, or not a number) gives zeros: the texture then stays where it is.
fn inverse(matrices: Tensor<3>) -> Tensor<3> {
    let [batch, n, _] = matrices.dims();
    let device = matrices.device();
    let values: Vec<f64> = matrices.into_data().iter::<f64>().collect();
    let inverses: Vec<f32> = values
        .chunks_exact(n * n)
        .flat_map(|matrix| {
            let inverse = DMatrix::from_row_slice(n, n, matrix).try_inverse();
            let inverse = inverse.unwrap_or_else(|| DMatrix::zeros(n, n));
            // The inverse of a symmetric matrix is symmetric: the order of rows is that of columns.
            inverse.as_slice().iter().map(|&value| value as f32).collect::<Vec<f32>>()
        })
        .collect();
    Tensor::from_data(TensorData::new(inverses, [batch, n, n]), &device)
}

/// Cubic interpolation (Catmull–Rom) from [`NODES`] values along a side to `size` pixels, as a
/// matrix `[size, NODES]`; beyond the ends the line is continued straight.
fn upsampling(size: usize, device: &Device) -> Tensor<2> {
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
    Tensor::from_data(TensorData::new(matrix, [size, NODES]), device)
}

/// Bilinear samples of `picture` at (`x`, `y`); outside, the nearest pixel of the edge.
///
/// # Shapes
/// - `picture`: `[batch, channels, height, width]`
/// - `x`, `y`: `[batch, rows, columns]`, pixels of `picture`
/// - output: `[batch, channels, rows, columns]`
pub fn sample(picture: Tensor<4>, x: Tensor<3>, y: Tensor<3>) -> Tensor<4> {
    let [batch, channels, height, width] = picture.dims();
    let [_, rows, columns] = x.dims();
    let pixels = rows * columns;
    let x = x.clamp(0.0, (width - 1) as f64).reshape([batch, 1, pixels]);
    let y = y.clamp(0.0, (height - 1) as f64).reshape([batch, 1, pixels]);
    // The last cell starts one pixel before the edge, so that its far corner exists.
    let left = x.clone().detach().floor().clamp_max((width - 2) as f64);
    let top = y.clone().detach().floor().clamp_max((height - 2) as f64);
    let (right_share, bottom_share) = (x - left.clone(), y - top.clone()); // [batch, 1, pixels]
    let corner = (top * width as f64 + left).int(); // [batch, 1, pixels]
    let flat = picture.reshape([batch, channels, height * width]);
    let at = |offset: usize| {
        let index = (corner.clone() + offset as i64).repeat_dim(1, channels);
        flat.clone().gather(2, index) // [batch, channels, pixels]
    };
    let between = |a: Tensor<3>, b: Tensor<3>, share: &Tensor<3>| a.clone() + (b - a) * share.clone();
    let upper = between(at(0), at(1), &right_share);
    let lower = between(at(width), at(width + 1), &right_share);
    between(upper, lower, &bottom_share).reshape([batch, channels, rows, columns])
}
