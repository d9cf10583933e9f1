//! Fast operations on a CPU for the networks of speech2face: convolutions, forward and backward;
//! without gradients the steps of an LSTM and bilinear samples of pictures.

#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]
#![allow(unsafe_code, reason = "vector instructions and threads that write parts of one buffer")]

pub mod lstm;
pub mod sample;
