//! The terms of the voice encoder's loss by name, and their weights.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Bool, Device, Int, Tensor};
use s2f_core::FaceSpace;
use s2f_nn::losses::{
    Contrast, decoder_loss, direction_loss, distillation_loss, feature_loss, pixel_loss,
};
use s2f_nn::{FaceDecoder, VggFace, VggFaceConfig, normalise, weights};

use crate::frozen::FrozenDecoder;
use crate::{TrainError, VoiceLosses};

/// What a shard adds to a term of the batch's loss, before its weight.
pub(crate) struct Term {
    pub(crate) name: &'static str,
    /// Its gradient is what the shard adds to that of the term.
    pub(crate) loss: Tensor<1>,
    /// Whether its value counts: a term over the whole batch is computed by each shard.
    pub(crate) counts: bool,
}

/// The examples that terms are computed on, and their place in the batch.
pub(crate) struct Compared<'a> {
    /// `[voices, D]`, in the face space.
    pub(crate) face: &'a Tensor<2>,
    /// `[voices, D]`, the network's output.
    pub(crate) voice: &'a Tensor<2>,
    pub(crate) range: Range<usize>,
    /// Number of examples in the batch.
    pub(crate) of: usize,
}

/// What a term over the whole batch reads.
pub(crate) struct WholeBatch {
    /// `[batch, D]`, in the face space.
    pub(crate) face: Tensor<2>,
    /// `[batch, D]`, the network's output.
    pub(crate) voice: Tensor<2>,
    /// `[batch, batch]`, other voices of the same speaker.
    pub(crate) is_same: Tensor<2, Bool>,
}

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

    /// What a shard adds to each term with a weight above 0, but the likelihood, which needs more
    /// than a feature. `contrast` and `batch` are needed for the contrastive term only.
    pub(crate) fn of(
        &self,
        shard: &Compared<'_>,
        contrast: Option<&Contrast>,
        batch: Option<&WholeBatch>,
    ) -> Vec<Term> {
        let c = &self.config;
        let (face, voice) = (shard.face, shard.voice);
        let placed = || normalise(voice.clone(), &self.face_space);
        let mut terms = Vec::new();
        if c.decoder > 0.0 {
            let first = |feature| self.decoder.first_layer(feature);
            let loss = decoder_loss(first(face.clone()), first(placed()));
            terms.push(shard.mean("decoder", loss));
        }
        if c.direction > 0.0 {
            terms.push(shard.mean("direction", direction_loss(face.clone(), voice.clone())));
        }
        if c.distillation > 0.0
            && let Some(vgg_face) = &self.vgg_face
        {
            let persons = |feature| vgg_face.fc8(feature);
            let loss = distillation_loss(persons(face.clone()), persons(placed()));
            terms.push(shard.mean("distillation", loss));
        }
        if c.contrastive > 0.0
            && let Some((contrast, batch)) = contrast.zip(batch)
        {
            let WholeBatch { face, voice, is_same } = batch;
            // The parameters of the contrast have gradients for the first shard only.
            let is_first = shard.range.start == 0;
            let contrast = if is_first { contrast.clone() } else { contrast.clone().no_grad() };
            let loss = contrast.forward(face.clone(), voice.clone(), is_same.clone());
            terms.push(Term { name: "contrastive", loss, counts: is_first });
        }
        if c.feature > 0.0 {
            terms.push(shard.mean("feature", feature_loss(face.clone(), placed())));
        }
        if c.pixel > 0.0 {
            terms.push(self.pixel(shard, &placed()));
        }
        terms
    }

    /// The pixel loss of some pictures, spread evenly over the batch.
    fn pixel(&self, shard: &Compared<'_>, placed: &Tensor<2>) -> Term {
        let pictures = match self.config.pixel_batch {
            0 => shard.of,
            pictures => pictures.min(shard.of),
        };
        let places = (0..pictures).map(|picture| picture * shard.of / pictures);
        let own = places.filter(|place| shard.range.contains(place));
        let own: Vec<i64> = own.map(|place| (place - shard.range.start) as i64).collect();
        let share = own.len() as f64 / pictures as f64;
        let loss = if own.is_empty() {
            (placed.clone() * 0.0).sum()
        } else {
            let device = placed.device().inner();
            let own = Tensor::<1, Int>::from_ints(own.as_slice(), &device).autodiff();
            let picture = |feature: &Tensor<2>| {
                let chosen = feature.clone().select(0, own.clone());
                self.decoder.render(self.decoder.forward(chosen))
            };
            pixel_loss(picture(shard.face), picture(placed)) * share
        };
        Term { name: "pixel", loss, counts: true }
    }

    /// Weights at which each term has as large a gradient with respect to the features of the
    /// voices as the first: the paper's own procedure (supplementary material, at iteration 1000).
    /// A term without a gradient keeps its weight.
    pub(crate) fn balanced(
        &self,
        weights: &Weights,
        contrast: Option<&Contrast>,
        batch: &WholeBatch,
    ) -> Weights {
        let size = |index: usize| {
            let voice = batch.voice.clone().detach().require_grad();
            let (face, is_same) = (batch.face.clone(), batch.is_same.clone());
            let batch = WholeBatch { face, voice, is_same };
            let term = self.of(&Compared::all(&batch), contrast, Some(&batch)).swap_remove(index);
            let gradient = batch.voice.grad(&term.loss.backward());
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

impl<'a> Compared<'a> {
    /// All examples of a batch.
    fn all(batch: &'a WholeBatch) -> Self {
        let [of, _] = batch.face.dims();
        Self { face: &batch.face, voice: &batch.voice, range: 0..of, of }
    }

    /// What the shard adds to a mean over the batch, from its own mean.
    pub(crate) fn mean(&self, name: &'static str, mean: Tensor<1>) -> Term {
        let share = self.range.len() as f64 / self.of as f64;
        let loss = if share < 1.0 { mean * share } else { mean };
        Term { name, loss, counts: true }
    }
}
