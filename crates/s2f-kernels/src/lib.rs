//! Fast operations on a CPU for the networks of speech2face: convolutions, forward and backward;
//! without gradients fully connected layers, the steps of an LSTM, and warps of pictures.
//!
//! [`conv_block`], [`conv_transpose_block`] and [`linear`] are what networks call: a layer with all
//! that follows it as one operation of Burn; those of convolutions have gradients of their own.
//! Below are kernels on plain slices, NHWC, `f32`:
//!
//! | module | what |
//! |---|---|
//! | [`convolution`] | a convolution and its gradients, by whichever algorithm fits its shape |
//! | `depthwise`, `pointwise`, `transposed` | other kinds of convolutions |
//! | `winograd` | 4 × 4 kernels with stride 1 or 2 in each direction |
//! | `direct` | any kernel and stride |
//! | `norm` | batch normalisation with pool, forward and backward |
//! | [`isa`] | the instruction set, chosen at run time |
//! | [`lstm`] | the states of stacked LSTM layers |
//! | [`sample`](mod@sample) | bilinear samples of pictures |
//! | [`inner`] | inner products of all rows of two matrices |
//! | [`spline`] | warps of pictures by thin-plate splines |
//! | [`colours`] | luma and chroma to pictures |
//! | [`mapped`] | files in memory without a copy |
//!
//! Results do not depend on the number of threads: work is shared out so that each sum is taken in
//! one order. Threads are those of the current Rayon pool. They do depend on the instruction set.
//!
//! Accuracy of convolutions, as the largest error over the largest value against sums in `f64`
//! (inputs and weights uniform in ±1, up to 40 channels, three instruction sets): forward 3.7e-6,
//! gradient of the input 6.5e-6, gradient of the kernels 5.2e-6.

#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]
#![allow(unsafe_code, reason = "vector instructions and threads that write parts of one buffer")]
#![allow(clippy::needless_range_loop, reason = "indices over several arrays of registers at once")]

mod burn;
pub mod colours;
pub mod convolution;
mod depthwise;
mod direct;
mod finish;
pub mod inner;
pub mod isa;
mod layer;
mod linear;
pub mod lstm;
pub mod mapped;
mod norm;
mod pointwise;
mod product;
pub mod sample;
mod scratch;
pub mod spline;
mod transposed;
mod vector;
mod winograd;

pub use self::burn::{BlockOptions, Sum, affine, conv_block, conv_transpose_block, linear};
pub use self::finish::Activation;

#[cfg(test)]
mod tests;
