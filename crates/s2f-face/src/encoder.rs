//! Face encoders: networks that turn an aligned face into a feature.

use s2f_core::FaceSpace;

use crate::{FaceError, PairFace};

/// Turns aligned faces into features. Can be shared by threads.
///
/// To add a face encoder, implement this trait.
pub trait FaceEncoder: Send + Sync {
    /// The face space of the features: its name, the number of dimensions, and whether features are
    /// normalised to unit length.
    fn face_space(&self) -> &FaceSpace;

    /// The features of `faces`, in their order: [`FaceSpace::dimension`] finite values each. The
    /// feature of a face does not depend on the other faces of the call.
    ///
    /// # Errors
    /// [`FaceError::Encode`] if the network fails, [`FaceError::BadFeature`] if it works, but the
    /// feature of a face is not finite or cannot be normalised.
    fn encode(&self, faces: &[PairFace]) -> Result<Vec<Vec<f32>>, FaceError>;
}
