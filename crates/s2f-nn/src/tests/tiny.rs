//! Networks small enough to be compared, differentiated and trained in a test.

use crate::face_decoder::{LandmarksConfig, TextureConfig};
use crate::voice_encoder::{ConvLayer, ConvolutionsConfig, SegmentPooling, VoiceInput};
use crate::{
    FaceDecoderConfig, SpeakerEncoderConfig, TrunkConfig, VggFaceConfig, VoiceEncoderConfig,
};

/// The network of `reference/nn/voice_encoder.py` and `reference/train/steps.py`: 7-D.
pub(crate) fn tiny_voice_encoder() -> VoiceEncoderConfig {
    with_convolutions(tiny_convolutions())
}

/// [`tiny_voice_encoder`] with other convolutions.
pub(crate) fn with_convolutions(convolutions: ConvolutionsConfig) -> VoiceEncoderConfig {
    VoiceEncoderConfig {
        trunk: TrunkConfig::Convolutions(convolutions),
        hidden: Some(8),
        output: Some(7),
        output_relu: false,
        pooling: SegmentPooling::Mean,
    }
}

/// The trunk of [`tiny_voice_encoder`].
pub(crate) fn tiny_convolutions() -> ConvolutionsConfig {
    let layer = |channels, stride, pool| ConvLayer { channels, stride, pool };
    ConvolutionsConfig {
        input: VoiceInput::Complex,
        layers: vec![
            layer(3, [2, 2], false),
            layer(4, [1, 2], true),
            layer(5, [1, 1], false),
            layer(6, [2, 2], false),
        ],
        batch_norm: true,
    }
}

/// A voice encoder with a small speaker encoder: 6-D.
pub(crate) fn tiny_speaker_trunk() -> VoiceEncoderConfig {
    VoiceEncoderConfig {
        trunk: TrunkConfig::SpeakerEncoder(SpeakerEncoderConfig {
            layers: 2,
            hidden: 6,
            output: 16,
        }),
        hidden: None,
        output: Some(6),
        output_relu: false,
        pooling: SegmentPooling::Mean,
    }
}

/// The networks of `reference/nn/face_decoder.py`: 6-D to 16 × 16 pixels.
pub(crate) fn tiny_face_decoder(texture: TextureConfig) -> FaceDecoderConfig {
    let landmarks = LandmarksConfig { count: LANDMARKS.len(), hidden: 3 };
    FaceDecoderConfig { feature: 6, hidden: 5, landmarks, texture, size: 16 }
}

/// Each kind of texture for [`tiny_face_decoder`], with its name in the reference file.
pub(crate) fn tiny_textures() -> [(&'static str, TextureConfig); 2] {
    [
        ("deconvolution", TextureConfig::Deconvolution { base: 4, channels: vec![3, 2, 2] }),
        ("basis", TextureConfig::Basis { components: 3, hidden: 4 }),
    ]
}

/// Mean landmarks for [`tiny_face_decoder`], pixels.
pub(crate) const LANDMARKS: [[f32; 2]; 4] = [[4.0, 5.0], [11.0, 5.0], [8.0, 9.0], [8.0, 12.0]];
/// Points of zero displacement for [`tiny_face_decoder`], pixels.
pub(crate) const BORDER: [[f32; 2]; 4] = [[-2.0, -2.0], [17.0, -2.0], [-2.0, 17.0], [17.0, 17.0]];

/// The network of `reference/nn/vgg_face.py`.
pub(crate) fn tiny_vgg_face() -> VggFaceConfig {
    VggFaceConfig { side: 64, channels: [2, 3, 4, 5, 6], hidden: 8, persons: 7 }
}
