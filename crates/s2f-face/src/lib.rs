//! Pictures of faces: reading, detection, alignment, landmarks, face encoders, and portraits with
//! one shape, lighting and background from which a face decoder learns.
//!
//! | file | subject |
//! |---|---|
//! | `picture.rs`, `resample.rs` | reading PNG and JPEG; interpolation between pixels |
//! | `detect.rs`, `yunet.rs` | the face detector: box and five points |
//! | `similarity.rs`, `align.rs`, `pair_face.rs` | aligned crops of a face |
//! | `quality.rs` | size, head pose and sharpness of a face, as measured |
//! | `encoder.rs`, `onnx_encoder.rs` | face encoders: a feature per aligned face |
//! | `landmarks.rs`, `frame.rs`, `mean_shape.rs` | 106 landmarks, the frame and the mean shape |
//! | `portrait.rs`, `background.rs`, `normalise.rs`, `spline.rs` | normalised faces |
//! | `averages.rs`, `ageing.rs`, `hair.rs` | averages of many portraits: ageing and long hair |
//! | `layers.rs`, `noise.rs` | background, shirt and hair around a normalised face |
//!
//! Coordinates are pixels: the centre of the top left pixel is (0, 0), x points right and y down.
//! "Left" and "right" are sides of the picture. Nothing here names the tensor library.
//!
//! ```
//! use image::{Rgb, RgbImage};
//! use s2f_face::{HeadPose, MOBILEFACE_TEMPLATE, PAIR_SIDE, PairFace, face_side};
//!
//! # fn main() -> Result<(), s2f_face::FaceError> {
//! // A detector gives five points per face; these are of a frontal face, twice as large as
//! // MobileFace's template.
//! let photograph = RgbImage::from_pixel(400, 300, Rgb([128, 96, 80]));
//! let points = MOBILEFACE_TEMPLATE.map(|[x, y]| [40.0 + 2.0 * x, 30.0 + 2.0 * y]);
//!
//! assert!((face_side(&points)? - 224.0).abs() < 0.01); // pixels
//! assert!(HeadPose::of(&points)?.angle_deg < 20.0); // nearly frontal
//! let face = PairFace::cut(&photograph, &points)?;
//! assert_eq!(face.picture().dimensions(), (PAIR_SIDE, PAIR_SIDE));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod picture;
mod picture_error;
mod resample;

mod detect;
mod yunet;

mod align;
mod pair_face;
mod quality;
mod similarity;

mod encoder;
mod onnx_encoder;
mod onnx_lengths;

mod frame;
mod landmarks;
mod mean_shape;

mod ageing;
mod averages;
mod background;
mod hair;
mod layers;
mod linear;
mod noise;
mod normalise;
mod portrait;
mod raster;
mod spline;
mod wrinkles;

mod error;
#[cfg(test)]
mod reference;

pub use ageing::Ageing;
pub use align::{MOBILEFACE_SIDE, MOBILEFACE_TEMPLATE, mobileface_crop};
pub use averages::{MIN_PEOPLE, MeasuredPortrait, PORTRAIT_POINTS, PortraitSums};
pub use detect::{Detection, Detector};
pub use encoder::FaceEncoder;
pub use error::FaceError;
pub use frame::{
    BACKGROUND, BORDER_MARGIN, BORDER_POINTS, BORDER_POINTS_PER_SIDE, FRAME, MIDDLE,
    PUPIL_DISTANCE, PUPIL_ROW, border_points,
};
pub use hair::{Hair, Hairstyle};
pub use landmarks::{
    LANDMARK_COUNT, LANDMARKS, Landmark, LandmarkGroup, MOUTH_CORNERS, POLYLINES, PUPILS,
    TEMPLATE_POINTS, alignment_points, select_landmarks,
};
pub use layers::FaceLayers;
pub use mean_shape::{MeanShape, mirror_landmarks};
pub use normalise::NormalisedFace;
pub use onnx_encoder::{OnnxEncoder, OnnxPreprocessing};
pub use pair_face::{FacePart, PAIR_SIDE, PAIR_TEMPLATE, PAIR_ZOOM, PairFace, UnknownFacePart};
pub use picture::{MAX_FILE_BYTES, decode_picture, read_picture};
pub use picture_error::{MAX_PIXELS, MAX_SIDE, PictureError};
pub use portrait::{ColourCorrection, PlainPortrait};
pub use quality::{HeadPose, face_side, sharpness};
pub use similarity::Similarity;
pub use spline::ThinPlateSpline;
