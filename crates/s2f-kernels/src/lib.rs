//! Convolutions on a CPU, forward and backward, for the networks of speech2face.

#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]
#![allow(unsafe_code, reason = "vector instructions and threads that write parts of one buffer")]

mod burn;
pub mod convolution;
pub mod direct;
pub mod finish;
pub mod isa;
pub mod norm;
mod product;
mod scratch;
mod vector;
pub mod winograd;

pub use self::burn::{BlockOptions, conv_block};

#[cfg(test)]
mod tests;
