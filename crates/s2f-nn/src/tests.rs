//! What the tests of several files share, and the tests that concern several networks.

mod configurations;
mod device;
mod parity;
mod published;
mod reference;
mod tiny;

pub(crate) use device::cpu;
pub(crate) use published::npy;
pub(crate) use reference::{Reference, largest_difference};
pub(crate) use tiny::{
    BORDER, LANDMARKS, tiny_convolutions, tiny_face_decoder, tiny_speaker_trunk, tiny_textures,
    tiny_vgg_face, tiny_voice_encoder, with_convolutions,
};
