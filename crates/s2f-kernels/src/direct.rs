//! Convolutions by their definition, without padding: for any kernel and stride, for few channels,
//! and as a reference.
//!
//! A row of outputs is a matrix product that reads the input in place: its rows are pixels, and its
//! depth is a row of the kernel, once for each row of the kernel.

mod gradient;

pub use gradient::{InputRows, input_gradient, kernel_gradient};

use crate::finish::Finish;
use crate::isa::{Isa, Kernel};
use crate::product::{self, Left, PANEL, Right, Sink};
use crate::scratch::{Space, each_chunk};
use crate::vector::Vector;

/// A convolution of an NHWC tensor with kernels `[outputs, inputs, height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Images.
    pub batch: usize,
    /// Height, width and channels of the input.
    pub input: [usize; 3],
    /// Channels of the output.
    pub outputs: usize,
    /// Height and width of the kernels; not larger than the input.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
}

impl Shape {
    /// Height, width and channels of the output.
    ///
    /// # Panics
    /// If the kernels are larger than the input, or a stride is 0.
    pub fn output(&self) -> [usize; 3] {
        let size = |axis: usize| {
            let (input, kernel) = (self.input[axis], self.kernel[axis]);
            assert!((1..=input).contains(&kernel), "a kernel of {kernel} on an input of {input}");
            (input - kernel) / self.stride[axis] + 1
        };
        [size(0), size(1), self.outputs]
    }

    /// Elements of the input.
    pub fn input_length(&self) -> usize {
        self.batch * self.input.iter().product::<usize>()
    }

    /// Elements of the output.
    pub fn output_length(&self) -> usize {
        self.batch * self.output().iter().product::<usize>()
    }

    /// Elements of the kernels.
    pub fn kernel_length(&self) -> usize {
        self.outputs * self.input[2] * self.kernel[0] * self.kernel[1]
    }

    /// Products of a row of a kernel.
    fn depth(&self) -> usize {
        self.kernel[1] * self.input[2]
    }
}

/// Writes the convolution of `source`: with `pool`, the larger one of each two rows of the output
/// alone, whose last row is left out where their number is odd.
pub fn convolve(
    isa: Isa,
    shape: &Shape,
    kernels: &[f32],
    source: &[f32],
    finish: Finish,
    pool: bool,
    target: &mut [f32],
) {
    let [height, width, outputs] = shape.output();
    let rows = if pool { height / 2 } else { height };
    assert_eq!(source.len(), shape.input_length());
    assert_eq!(target.len(), shape.batch * rows * width * outputs);
    let weights = pack(isa, shape, kernels);
    let row = width * outputs;
    if row == 0 {
        return;
    }
    each_chunk(target, row, 2, |index, target| {
        let (image, y) = (index / rows, index % rows);
        let run = |y: usize, target: &mut [f32]| {
            let start = (image * shape.input[0] + y * shape.stride[0]) * shape.input[1];
            let source = &source[start * shape.input[2]..];
            isa.run(Row { shape, weights: &weights, source, finish, target });
        };
        if pool {
            let mut second = Space::new(row);
            run(2 * y, target);
            run(2 * y + 1, &mut second);
            for (larger, other) in target.iter_mut().zip(second.iter()) {
                *larger = if *larger >= *other { *larger } else { *other };
            }
        } else {
            run(y, target);
        }
    });
}

/// Kernels as panels of columns: `[kernel height, kernel width, inputs, lanes of the panel]` each.
fn pack(isa: Isa, shape: &Shape, kernels: &[f32]) -> Vec<f32> {
    assert_eq!(kernels.len(), shape.kernel_length());
    let [height, width] = shape.kernel;
    let inputs = shape.input[2];
    let depth = height * shape.depth();
    let columns = shape.outputs.next_multiple_of(isa.lanes());
    let mut packed = vec![0.0; depth * columns];
    for (output, kernel) in kernels.chunks_exact(inputs * height * width).enumerate() {
        let (at, lanes) = place(isa, columns, depth, output);
        for (input, taps) in kernel.chunks_exact(height * width).enumerate() {
            for (tap, value) in taps.iter().enumerate() {
                packed[at + (tap * inputs + input) * lanes] = *value;
            }
        }
    }
    packed
}

/// Where a column of a packed matrix begins, and the lanes of its panel.
fn place(isa: Isa, columns: usize, depth: usize, column: usize) -> (usize, usize) {
    let panel = PANEL * isa.lanes();
    let start = column / panel * panel;
    (start * depth + column % panel, panel.min(columns - start))
}

/// A row of the output.
struct Row<'a> {
    shape: &'a Shape,
    weights: &'a [f32],
    /// From the first row of the input that it needs.
    source: &'a [f32],
    finish: Finish<'a>,
    target: &'a mut [f32],
}

impl Kernel for Row<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let shape = self.shape;
        let [inputs, outputs] = [shape.input[2], shape.outputs];
        let row_length = shape.input[1] * inputs;
        let depth = shape.depth();
        let rows = self.target.len() / outputs;
        let reach = (shape.kernel[0] - 1) * row_length + (rows - 1) * shape.stride[1] * inputs;
        assert!(reach + depth <= self.source.len());
        let left = Left {
            start: self.source.as_ptr(),
            row: shape.stride[1] * inputs,
            segments: shape.kernel[0],
            segment: row_length,
            depth,
            step: 1,
        };
        for start in (0..outputs).step_by(PANEL * V::LANES) {
            let count = outputs - start;
            let weights = &self.weights[start * depth * shape.kernel[0]..];
            // SAFETY: the assertion bounds what is read of the input; the weights hold the panels;
            // the target has `outputs` values for each row; the rest is as the caller promises.
            unsafe {
                let to = self.target.as_mut_ptr().add(start);
                if count > V::LANES {
                    let right = Right { start: weights.as_ptr(), step: PANEL * V::LANES };
                    let first = self.finish.vector::<V>(start, V::LANES);
                    let count = (count - V::LANES).min(V::LANES);
                    let second = self.finish.vector::<V>(start + V::LANES, count);
                    let finish = [first, second];
                    let mut sink = FinishRows { to, row: outputs, finish, count };
                    product::panel::<V, PANEL>(rows, left, right, &mut sink);
                } else {
                    let right = Right { start: weights.as_ptr(), step: V::LANES };
                    let finish = [self.finish.vector::<V>(start, count)];
                    let mut sink = FinishRows { to, row: outputs, finish, count };
                    product::panel::<V, 1>(rows, left, right, &mut sink);
                }
            }
        }
    }
}

/// Writes finished rows.
pub struct FinishRows<V, const W: usize> {
    /// The first row, in whole vectors but for the last.
    pub to: *mut f32,
    /// From one row to the next.
    pub row: usize,
    /// Of the columns.
    pub finish: [crate::finish::FinishVector<V>; W],
    /// Lanes of the last vector that are written.
    pub count: usize,
}

impl<V: Vector, const W: usize> Sink<V, W> for FinishRows<V, W> {
    #[inline(always)]
    unsafe fn begin(&self, _: usize) -> [V; W] {
        // SAFETY: as the caller promises.
        [unsafe { V::splat(0.0) }; W]
    }

    #[inline(always)]
    unsafe fn end(&mut self, row: usize, values: [V; W]) {
        for vector in 0..W {
            let value = self.finish[vector].apply(values[vector]);
            // SAFETY: as the caller promises.
            unsafe {
                let to = self.to.add(row * self.row + vector * V::LANES);
                if vector + 1 < W || self.count == V::LANES {
                    value.store(to);
                } else {
                    value.store_first(to, self.count);
                }
            }
        }
    }
}

/// Adds rows to what is there.
struct AddRows {
    to: *mut f32,
    row: usize,
    /// Lanes of the last vector that are written.
    count: usize,
}

impl<V: Vector, const W: usize> Sink<V, W> for AddRows {
    #[inline(always)]
    unsafe fn begin(&self, row: usize) -> [V; W] {
        // SAFETY: as the caller promises.
        unsafe {
            let mut values = [V::splat(0.0); W];
            for (vector, value) in values.iter_mut().enumerate() {
                let count = if vector + 1 < W { V::LANES } else { self.count };
                *value = V::load_first(self.to.add(row * self.row + vector * V::LANES), count);
            }
            values
        }
    }

    #[inline(always)]
    unsafe fn end(&mut self, row: usize, values: [V; W]) {
        for (vector, value) in values.into_iter().enumerate() {
            let count = if vector + 1 < W { V::LANES } else { self.count };
            // SAFETY: as the caller promises.
            unsafe { value.store_first(self.to.add(row * self.row + vector * V::LANES), count) }
        }
    }
}
