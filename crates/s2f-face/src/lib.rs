//! Pictures of faces: reading, detection, alignment, landmarks, and photographs brought to one
//! shape, light and background for a face decoder to learn from.
//!
//! Pixel coordinates everywhere: the centre of the top left pixel is (0, 0), x to the right, y
//! down; "left" and "right" are sides of the picture.

mod align;
mod background;
mod detect;
mod encoder;
mod error;
mod landmarks;
mod linear;
mod normalise;
mod pair_face;
mod picture;
mod portrait;
mod quality;
mod raster;
#[cfg(test)]
mod reference;
mod runtime;
mod spline;
mod yunet;

pub use align::{MOBILEFACE_SIDE, MOBILEFACE_TEMPLATE, Similarity, mobileface_crop};
pub use detect::{Detection, Detector};
pub use encoder::{ChannelOrder, FaceEncoder, OnnxEncoder, OnnxSettings};
pub use error::FaceError;
pub use landmarks::{
    Group, LANDMARK_COUNT, LANDMARKS, Landmark, MOUTH_CORNERS, POLYLINES, PUPILS, TEMPLATE_POINTS,
    alignment_points, select_landmarks,
};
pub use normalise::{
    BACKGROUND, BORDER_MARGIN, BORDER_POINTS, BORDER_POINTS_PER_SIDE, FRAME, MIDDLE, MeanShape,
    NormalisedFace, PUPIL_DISTANCE, PUPIL_ROW, border_points, mirror_landmarks,
};
pub use pair_face::{FacePart, PAIR_SIDE, PAIR_TEMPLATE, PAIR_ZOOM, PairFace};
pub use picture::{MAX_FILE_BYTES, MAX_SIDE, decode_picture, read_picture};
pub use portrait::{Light, PlainPortrait};
pub use quality::{Turn, face_side, sharpness};
pub use spline::ThinPlate;
