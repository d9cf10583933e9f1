//! Pictures of faces: reading, detection, alignment, landmarks, and photographs brought to one
//! shape, light and background for a face decoder to learn from.
//!
//! Pixel coordinates everywhere: the centre of the top left pixel is (0, 0), x to the right, y
//! down; "left" and "right" are sides of the picture.

pub mod align;
mod background;
mod detect;
mod error;
pub mod landmarks;
pub mod normalise;
pub mod picture;
mod spline;

pub use align::{Similarity, mobileface_crop};
pub use detect::{Detection, Detector};
pub use error::FaceError;
pub use normalise::{MeanShape, NormalisedFace};
pub use picture::read_picture;
pub use spline::ThinPlate;
