//! The terms of the voice encoder's loss by name, and their weights.

use burn::module::Module;
use burn::tensor::{Bool, Device, Tensor};
use s2f_core::FaceSpace;
use s2f_nn::losses::{
    Contrast, decoder_loss, direction_loss, distillation_loss, feature_loss, pixel_loss,
};
use s2f_nn::{FaceDecoder, VggFace, VggFaceConfig, normalise, weights};

use crate::frozen::FrozenDecoder;
use crate::{TrainError, VoiceLosses};

/// A term before its weight.
pub(crate) type Term = (&'static str, Tensor<1>);

/// The networks and settings that the terms are computed with.
pub(crate) struct Terms {
    config: VoiceLosses,
    face_space: FaceSpace,
    decoder: FaceDecoder,
    vgg_face: Option<VggFace>,
}

/// Weights of the terms, in the order of [`Terms::of`], then that of the likelihood.
pub(crate) type Weights = Vec<f64>;

impl Terms {
    /// Copies the frozen networks to `device`.
    pub(crate) fn new(
        config: &VoiceLosses,
        frozen: &FrozenDecoder,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let open = |path| -> Result<VggFace, TrainError> {
            let network = VggFaceConfig::paper().init(device)?;
            Ok(weights::load_file(network, path)?.freeze())
        };
        let wanted = config.vgg_face.as_deref().filter(|_| config.distillation > 0.0);
        Ok(Self {
            config: config.clone(),
            face_space: frozen.face_space.clone(),
            decoder: frozen.network.clone().fork(device).freeze().train(),
            vgg_face: wanted.map(open).transpose()?,
        })
    }

    /// The weights of the configuration.
    pub(crate) fn weights(&self) -> Weights {
        let c = &self.config;
        [c.decoder, c.direction, c.distillation, c.contrastive, c.feature, c.pixel, c.likelihood]
            .into_iter()
            .filter(|&weight| weight > 0.0)
            .collect()
    }

    /// All terms with a weight above 0, but the likelihood, which needs more than a feature.
    ///
    /// # Shapes
    /// - `face`: `[batch, D]`, in the face space; `voice`: `[batch, D]`, the network's output
    /// - `is_same`: `[batch, batch]`, other voices of the same speaker
    pub(crate) fn of(
        &self,
        face: &Tensor<2>,
        voice: &Tensor<2>,
        contrast: Option<&Contrast>,
        is_same: &Tensor<2, Bool>,
    ) -> Vec<Term> {
        let c = &self.config;
        let placed = || normalise(voice.clone(), &self.face_space);
        let mut terms = Vec::new();
        if c.decoder > 0.0 {
            let first = |feature| self.decoder.first_layer(feature);
            terms.push(("decoder", decoder_loss(first(face.clone()), first(placed()))));
        }
        if c.direction > 0.0 {
            terms.push(("direction", direction_loss(face.clone(), voice.clone())));
        }
        if c.distillation > 0.0
            && let Some(vgg_face) = &self.vgg_face
        {
            let persons = |feature| vgg_face.fc8(feature);
            let loss = distillation_loss(persons(face.clone()), persons(placed()));
            terms.push(("distillation", loss));
        }
        if c.contrastive > 0.0
            && let Some(contrast) = contrast
        {
            let loss = contrast.forward(face.clone(), voice.clone(), is_same.clone());
            terms.push(("contrastive", loss));
        }
        if c.feature > 0.0 {
            terms.push(("feature", feature_loss(face.clone(), placed())));
        }
        if c.pixel > 0.0 {
            let [batch, _] = face.dims();
            let drawn = if c.pixel_batch == 0 { batch } else { c.pixel_batch.min(batch) };
            let picture = |feature: Tensor<2>| {
                self.decoder.render(self.decoder.forward(feature.narrow(0, 0, drawn)))
            };
            terms.push(("pixel", pixel_loss(picture(face.clone()), picture(placed()))));
        }
        terms
    }

    /// Weights at which each term has as large a gradient with respect to the voice's feature as
    /// the first: the paper's own procedure (supplementary material, at iteration 1000). A term
    /// without a gradient keeps its weight.
    pub(crate) fn balanced(
        &self,
        weights: &Weights,
        face: &Tensor<2>,
        voice: &Tensor<2>,
        contrast: Option<&Contrast>,
        is_same: &Tensor<2, Bool>,
    ) -> Weights {
        let size = |index: usize| {
            let voice = voice.clone().detach().require_grad();
            let (_, term) = self.of(face, &voice, contrast, is_same).swap_remove(index);
            let gradient = voice.grad(&term.backward());
            gradient.map_or(0.0, |gradient| gradient.square().sum().sqrt().into_scalar::<f64>())
        };
        let sizes: Vec<f64> = (0..weights.len()).map(size).collect();
        let Some((first, _)) = weights.first().zip(sizes.first()) else { return Vec::new() };
        let balance = |(&weight, &size): (&f64, &f64)| {
            if size > 0.0 { first * sizes[0] / size } else { weight }
        };
        weights.iter().zip(&sizes).map(balance).collect()
    }
}
