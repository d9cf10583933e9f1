//! The networks of [face-api.js](https://github.com/justadudewhohacks/face-api.js) (MIT), with its
//! published weights: age and sex of a face, and its 68 landmarks.
//!
//! Both are built from the same blocks and read the same crop, [`SquareCrop`] of a detected face.
//! They measure faces that another network produced; training never changes them. Gradients flow to
//! the picture.

mod age_gender;
mod blocks;
mod crop;
mod landmark68;
mod manifest;

use std::path::Path;

pub use age_gender::{AgeGender, AgeSex};
pub use crop::{CROP_SIDE, SquareCrop};
pub use landmark68::{Landmark68, POINTS};

use crate::weights::{Arrays, WeightsError};

/// `network` with the published weights that `manifest` lists.
fn load<N>(
    manifest: &Path,
    network: N,
    fill: impl FnOnce(&mut N, &mut Arrays) -> Result<(), WeightsError>,
) -> Result<N, WeightsError> {
    manifest::read(manifest)?
        .into_network(network, fill)
        .map_err(|problem| problem.in_file(manifest))
}
