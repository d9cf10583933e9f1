//! `Warp::forward` as ONNX.
//!
//! The spline's system (kernel Φ with ε on its diagonal, bordered by the affine part) is symmetric
//! and indefinite, so elimination on it needs pivoting. Three fixed border points A, whose values
//! are 0, make it definite: if λ(x) are the barycentric coordinates of x with respect to A (Λ for
//! all other points), every solution has the form w = B·c, Bᵀ = [1, −Λ], and S = Bᵀ·(Φ + ε)·B is
//! positive definite (Wendland, "Scattered Data Approximation", chapter 10). S·c = v then needs no
//! pivoting: one `Loop` of elimination on [S, 1] gives S⁻¹, and one step of refinement against Φ
//! itself brings c to working precision.

use nalgebra::{Matrix3, RowVector3};

use super::graph::{Graph, Value, int, ints, text};
use super::proto::data_type;
use crate::warp::{NEAREST, NODES, SMOOTHING, upsampling};

/// A triangle with a smaller area, as a share of the picture's, counts as a line.
const SMALLEST_TRIANGLE: f64 = 1e-3;

/// The part of the warp that does not depend on the face. Lengths are in pixels or, if stated, in
/// units of the picture's side, centred.
pub(super) struct Plan {
    size: usize,
    /// Positions of the landmarks in the texture, x₀, y₀, x₁, …
    mean: Vec<f32>,
    /// The border points that are not anchors.
    others: Vec<[f32; 2]>,
    /// The three border points A.
    anchors: [[f32; 2]; 3],
    /// (1, x, y) in units · this = λ.
    lambda: Matrix3<f64>,
}

impl Plan {
    /// `None` if no three points of the border span a triangle.
    pub(super) fn new(mean: &[f32], border: &[[f32; 2]], size: usize) -> Option<Self> {
        let unit = |p: [f32; 2]| p.map(|at| f64::from(at) / size as f64 - 0.5);
        let row = |p: [f32; 2]| RowVector3::new(1.0, unit(p)[0], unit(p)[1]);
        let matrix = |chosen: [usize; 3]| Matrix3::from_rows(&chosen.map(|i| row(border[i])));
        // The determinant is twice the triangle's area; the largest one gives the smallest λ.
        let triangles = (0..border.len())
            .flat_map(|i| (0..i).flat_map(move |j| (0..j).map(move |k| [k, j, i])));
        let area = |chosen: &[usize; 3]| matrix(*chosen).determinant().abs() / 2.0;
        let chosen = triangles.max_by(|a, b| area(a).total_cmp(&area(b)))?;
        if area(&chosen) < SMALLEST_TRIANGLE {
            return None;
        }
        let others = (0..border.len()).filter(|i| !chosen.contains(i)).map(|i| border[i]).collect();
        Some(Self {
            size,
            mean: mean.to_vec(),
            others,
            anchors: chosen.map(|i| border[i]),
            lambda: matrix(chosen).try_inverse()?,
        })
    }

    /// The texture warped to the landmarks.
    pub(super) fn build(&self, graph: &mut Graph<'_>, texture: &Value, landmarks: &Value) -> Value {
        let displacement = self.displacement(graph, landmarks); // [batch, 2, size, size]
        let size = self.size;
        let pixels: Vec<f32> = (0..2)
            .flat_map(|axis| {
                (0..size * size).map(move |i| if axis == 0 { i % size } else { i / size })
            })
            .map(|at| at as f32)
            .collect();
        let pixels = graph.constant(&[1, 2, size, size], &pixels);
        let source = graph.binary("Sub", &pixels, &displacement);
        // Positions outside give the nearest pixel of the edge.
        let (first, last) = (graph.scalar(0.0), graph.scalar((size - 1) as f64));
        let source = graph.node("Clip", &[&source, &first, &last], vec![]);
        // For GridSample, the centre of the first pixel is at -1 and that of the last one at 1.
        let (middle, one) = (graph.scalar((size - 1) as f64 / 2.0), graph.scalar(1.0));
        let source = graph.binary("Div", &source, &middle);
        let source = graph.binary("Sub", &source, &one);
        // [batch, size, size, 2]
        let grid = graph.node("Transpose", &[&source], vec![ints("perm", &[0, 2, 3, 1])]);
        let settings = vec![text("mode", "bilinear"), int("align_corners", 1)];
        graph.node("GridSample", &[texture, &grid], settings)
    }

    /// u at every pixel, `[batch, 2, size, size]`.
    fn displacement(&self, graph: &mut Graph<'_>, landmarks: &Value) -> Value {
        let fixed = self.others.len();
        let m = self.mean.len() / 2 + fixed; // unknowns
        let n = m + self.anchors.len(); // control points
        let side = graph.scalar(self.size as f64);
        let centre = graph.scalar(0.5);

        // Control points: landmarks, border, anchors.
        let still = [&self.others[..], &self.anchors].concat();
        let still = graph.constant(&[1, n - m + fixed, 2], still.as_flattened());
        let still = expanded(graph, &still, landmarks, &[n - m + fixed, 2]);
        // [batch, n, 2]
        let control = graph.node("Concat", &[landmarks, &still], vec![int("axis", 1)]);
        let moving = graph.narrow(&control, 1, 0, m);
        let rest = [&self.mean[..], self.others.as_flattened()].concat();
        let rest = graph.constant(&[1, m, 2], &rest);
        let values = graph.binary("Sub", &moving, &rest); // [batch, m, 2]
        let control = graph.binary("Div", &control, &side);
        let control = graph.binary("Sub", &control, &centre);

        let bend = kernel(graph, &control, &control); // [batch, n, n]
        let smoothing = graph.constant(&[1, n, n], &eye(n, SMOOTHING as f32));
        let bend = graph.binary("Add", &bend, &smoothing);
        let lambda = self.lambda(graph, &control, m); // [batch, m, 3]
        // [batch, 3, m]
        let turned = graph.node("Transpose", &[&lambda], vec![ints("perm", &[0, 2, 1])]);

        // Bᵀ·x = x at all points but the anchors − Λ·x at the anchors.
        let reduced = |graph: &mut Graph<'_>, x: &Value| {
            let (over, anchors) = (graph.narrow(x, 1, 0, m), graph.narrow(x, 1, m, 3));
            let carried = graph.binary("MatMul", &lambda, &anchors);
            graph.binary("Sub", &over, &carried)
        };
        let half = reduced(graph, &bend); // [batch, m, n]
        let (over, anchors) = (graph.narrow(&half, 2, 0, m), graph.narrow(&half, 2, m, 3));
        let carried = graph.binary("MatMul", &anchors, &turned);
        let system = graph.binary("Sub", &over, &carried); // [batch, m, m]
        let inverse = inverse(graph, &system, m);

        // w = B·c.
        let weights = |graph: &mut Graph<'_>, c: &Value| {
            let carried = graph.binary("MatMul", &turned, c);
            let carried = graph.node("Neg", &[&carried], vec![]);
            graph.node("Concat", &[c, &carried], vec![int("axis", 1)]) // [batch, n, 2]
        };
        let first = graph.binary("MatMul", &inverse, &values); // [batch, m, 2]
        let w = weights(graph, &first);
        let reached = graph.binary("MatMul", &bend, &w);
        let reached = reduced(graph, &reached);
        let left = graph.binary("Sub", &values, &reached);
        let correction = graph.binary("MatMul", &inverse, &left);
        let c = graph.binary("Add", &first, &correction);
        let w = weights(graph, &c);

        // u(x) = φ(x)·w + λ(x)·a, with a such that the displacement of the anchors is 0.
        let bend_of_anchors = graph.narrow(&bend, 1, m, 3);
        let at_anchors = graph.binary("MatMul", &bend_of_anchors, &w); // [batch, 3, 2]
        let nodes = self.nodes();
        let positions: Vec<f32> = nodes.iter().flatten().map(|&at| at as f32).collect();
        let places = graph.constant(&[1, nodes.len(), 2], &positions);
        let bent = kernel(graph, &places, &control); // [batch, NODES², n]
        let bent = graph.binary("MatMul", &bent, &w);
        let lambda: Vec<f32> = nodes
            .iter()
            .flat_map(|[x, y]| {
                (RowVector3::new(1.0, *x, *y) * self.lambda).iter().copied().collect::<Vec<_>>()
            })
            .map(|value| value as f32)
            .collect();
        let lambda = graph.constant(&[1, nodes.len(), 3], &lambda);
        let affine = graph.binary("MatMul", &lambda, &at_anchors);
        let coarse = graph.binary("Sub", &bent, &affine); // [batch, NODES², 2]

        let coarse = graph.node("Transpose", &[&coarse], vec![ints("perm", &[0, 2, 1])]);
        let coarse = graph.reshape(&coarse, &[-1, 2, NODES as i64, NODES as i64]);
        let up = graph.constant(&[self.size, NODES], &upsampling(self.size));
        let rows = graph.binary("MatMul", &up, &coarse); // [batch, 2, size, NODES]
        let turned = graph.node("Transpose", &[&up], vec![ints("perm", &[1, 0])]);
        graph.binary("MatMul", &rows, &turned)
    }

    /// λ of the first `m` control points, `[batch, n, 2]` to `[batch, m, 3]`.
    fn lambda(&self, graph: &mut Graph<'_>, control: &Value, m: usize) -> Value {
        let row = |i: usize| self.lambda.row(i).iter().map(|&v| v as f32).collect::<Vec<_>>();
        let moving = graph.narrow(control, 1, 0, m);
        let constant = graph.constant(&[3], &row(0));
        let linear = graph.constant(&[2, 3], &[row(1), row(2)].concat());
        let product = graph.binary("MatMul", &moving, &linear);
        graph.binary("Add", &product, &constant)
    }

    /// The coarse grid's nodes, row by row, in units.
    fn nodes(&self) -> Vec<[f64; 2]> {
        let step = (self.size - 1) as f64 / (NODES - 1) as f64;
        let at = |i: usize| i as f64 * step / self.size as f64 - 0.5;
        (0..NODES * NODES).map(|i| [at(i % NODES), at(i / NODES)]).collect()
    }
}

/// φ(r) = ½ r² ln r² between `a` `[batch or 1, k, 2]` and `b` `[batch, n, 2]`: `[batch, k, n]`.
fn kernel(graph: &mut Graph<'_>, a: &Value, b: &Value) -> Value {
    let along = |graph: &mut Graph<'_>, axis: usize| {
        let a = graph.narrow(a, 2, axis, 1);
        let b = graph.narrow(b, 2, axis, 1);
        let b = graph.node("Transpose", &[&b], vec![ints("perm", &[0, 2, 1])]);
        let difference = graph.binary("Sub", &a, &b);
        graph.binary("Mul", &difference, &difference)
    };
    let (x, y) = (along(graph, 0), along(graph, 1));
    let square = graph.binary("Add", &x, &y);
    let nearest = graph.scalar(NEAREST);
    let logarithm = graph.binary("Max", &square, &nearest);
    let logarithm = graph.node("Log", &[&logarithm], vec![]);
    let product = graph.binary("Mul", &square, &logarithm);
    let half = graph.scalar(0.5);
    graph.binary("Mul", &product, &half)
}

/// The inverse of a positive definite matrix, `[batch, m, m]`: Gauss–Jordan on [S, 1].
fn inverse(graph: &mut Graph<'_>, system: &Value, m: usize) -> Value {
    let one = graph.constant(&[1, m, m], &eye(m, 1.0));
    let one = expanded(graph, &one, system, &[m, m]);
    let both = graph.node("Concat", &[system, &one], vec![int("axis", 2)]); // [batch, m, 2 m]
    let rows: Vec<i64> = (0..m as i64).collect();
    let rows = graph.integers(&rows);
    let rows = graph.reshape(&rows, &[1, m as i64, 1]);
    let both = graph.repeat(m, &both, |graph, k, both| {
        let row = graph.node("Gather", &[both, k], vec![int("axis", 1)]); // [batch, 1, 2 m]
        let pivot = graph.node("Gather", &[&row, k], vec![int("axis", 2)]); // [batch, 1, 1]
        let row = graph.binary("Div", &row, &pivot);
        let column = graph.node("Gather", &[both, k], vec![int("axis", 2)]); // [batch, m, 1]
        // Row k becomes itself divided by its pivot: row − (pivot − 1)·row/pivot.
        let own = graph.binary("Equal", &rows, k);
        // [1, m, 1]
        let own = graph.node("Cast", &[&own], vec![int("to", data_type::FLOAT.into())]);
        let column = graph.binary("Sub", &column, &own);
        let change = graph.binary("Mul", &column, &row);
        graph.binary("Sub", both, &change)
    });
    graph.narrow(&both, 2, m, m)
}

/// `x`, `[1, …shape]`, repeated along the batch of `like`.
fn expanded(graph: &mut Graph<'_>, x: &Value, like: &Value, shape: &[usize]) -> Value {
    let axes = graph.node("Shape", &[like], vec![]);
    let batch = graph.narrow(&axes, 0, 0, 1);
    let rest: Vec<i64> = shape.iter().map(|&axis| axis as i64).collect();
    let rest = graph.integers(&rest);
    let shape = graph.node("Concat", &[&batch, &rest], vec![int("axis", 0)]);
    graph.binary("Expand", x, &shape)
}

/// A matrix with `value` on the diagonal, row-major.
fn eye(n: usize, value: f32) -> Vec<f32> {
    (0..n * n).map(|i| if i % (n + 1) == 0 { value } else { 0.0 }).collect()
}
