//! The parameters that training a voice encoder changes.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use s2f_nn::losses::Contrast;
use s2f_nn::{
    FaceDistributionConfig, FaceDistributionHead, FrontEnd, SpeakerEncoder, Sum, VoiceEncoder,
    VoiceEncoderConfig,
};
use s2f_registry::Store;

use crate::batch::{BatchPart, Examples, Shard};
use crate::config::Start;
use crate::data::Moments;
use crate::frozen::open_model;
use crate::{TrainError, VoiceEncoderTraining};

/// Voices whose embeddings give a distribution its units.
const MEASURED_VOICES: usize = 512;
/// Smallest deviation of a dimension, as a share of the largest: a dimension that is the same for
/// all training people is not for all others, and weights are saved in half precision.
const LEAST_DEVIATION: f32 = 0.01;

/// The voice encoder, with the distribution of faces and the temperature of the contrastive loss if
/// there are any.
#[derive(Module, Debug)]
pub(crate) struct Learner {
    pub(crate) voice_encoder: VoiceEncoder,
    pub(crate) contrast: Option<Contrast>,
    pub(crate) distribution: Option<FaceDistributionHead>,
    #[module(skip)]
    freeze_trunk: bool,
}

/// The voices of a shard.
pub(crate) struct Voices {
    /// The predicted features, `[voices, D]`, not normalised.
    pub(crate) feature: Tensor<2>,
    /// What the distribution reads, `[voices, E]`, if there is one.
    pub(crate) embedding: Option<Tensor<2>>,
}

impl Learner {
    /// Fresh weights, or those of the configuration's `start`.
    pub(crate) fn new(
        config: &VoiceEncoderTraining,
        mean_feature: &[f32],
        device: &Device,
    ) -> Result<Self, TrainError> {
        let start = config.start.as_ref();
        let voice_encoder = match start {
            Some(Start { model: Some(path), .. }) => {
                let (model_config, model) = open_model(path)?;
                let (found, wanted) = (&model_config.voice_encoder, &config.network);
                let own = model.voice_encoder.fork(device).train();
                if found.trunk == wanted.trunk
                    && (found.output.is_none() || wanted.output.is_none())
                {
                    // One of them ends with its trunk: layers after it are new, or left out.
                    wanted.init(device)?.with_trunk_of(own)
                } else {
                    same_shape(path, found, wanted)?;
                    own
                }
            }
            Some(Start { speaker_encoder: Some(source), .. }) => {
                let file = Store::from_environment()?.find(source)?;
                let network = SpeakerEncoder::from_pytorch(&file, device)?;
                config.network.init(device)?.with_speaker_encoder(network)?
            }
            _ => config.network.init(device)?,
        };
        let contrast = (config.losses.contrastive > 0.0)
            .then(|| Contrast::new(Tensor::from_floats(mean_feature, device), device));
        let freeze_trunk = start.is_some_and(|start| start.freeze_trunk);
        Ok(Self { voice_encoder, contrast, distribution: None, freeze_trunk })
    }

    /// The learner with a distribution of faces, in the units of the training faces and of the
    /// first training voices.
    pub(crate) fn with_distribution(
        self,
        config: &FaceDistributionConfig,
        faces: &Moments,
        examples: &dyn Examples,
        device: &Device,
    ) -> Result<Self, TrainError> {
        // A copy with its own statistics: those of the learner would change, also after they are
        // restored from a checkpoint.
        let copy = self.valid().train();
        let mut rows: Vec<Vec<f32>> = Vec::new();
        let mut step = 0;
        while rows.len() < MEASURED_VOICES.min(examples.len()) {
            for shard in examples.batch(step, BatchPart::WHOLE)?.shards(1)? {
                let embeddings: Vec<f32> =
                    copy.embed(&shard, &device.clone().inner(), None).into_data().iter().collect();
                rows.extend(embeddings.chunks_exact(config.embedding).map(<[f32]>::to_vec));
            }
            step += 1;
        }
        let (voices, _) = Moments::of(rows.into_iter().map(Ok))?;
        let tensors = |Moments { mean, deviation }: &Moments| {
            let largest = deviation.iter().copied().fold(0.0, f32::max);
            let deviation: Vec<f32> =
                deviation.iter().map(|x| x.max(LEAST_DEVIATION * largest)).collect();
            [mean, &deviation].map(|values| Tensor::<1>::from_floats(values.as_slice(), device))
        };
        let head = config.init(device)?.starting_from(tensors(&voices), tensors(faces));
        Ok(Self { distribution: Some(head), ..self })
    }

    /// Draws the fresh weights in the order in which the first step of one device uses them.
    ///
    /// Weights are drawn when they are first used. Copying a network, for other devices and
    /// processes or for a second pass, would use them in the order of its fields: other weights
    /// from the same seed.
    pub(crate) fn draw_weights(&self) {
        if self.freeze_trunk {
            return; // a step copies the network
        }
        let is_mel = matches!(self.voice_encoder.front_end(), FrontEnd::Mel);
        let is_output = |path: &[String]| {
            path.first().is_some_and(|name| name == "output")
                && path.last().is_some_and(|name| name == "weight")
        };
        let is_trunk = |path: &[String]| is_mel && path.first().is_some_and(|name| name == "trunk");
        for wanted in [&is_trunk as &dyn Fn(&[String]) -> bool, &is_output, &|_| true] {
            self.voice_encoder.visit(&mut Draw { path: Vec::new(), wanted });
        }
    }

    /// The voices of a shard through the networks. With `sum`, batch normalisations use the
    /// statistics of all shards that are computed at the same time.
    pub(crate) fn forward(&self, shard: &Shard, device: &Device, sum: Option<&Sum>) -> Voices {
        if let Some(distribution) = &self.distribution {
            let embedding = self.embed(shard, device, sum);
            let feature = distribution.mean(embedding.clone());
            return Voices { feature, embedding: Some(embedding) };
        }
        let [voices, segments] = shard.shape();
        // [voices · segments, D]
        let features = self.voice_encoder.head(self.trunk(shard, device, sum));
        let [_, dimension] = features.dims();
        let feature = self.voice_encoder.pool(features.reshape([voices, segments, dimension]));
        Voices { feature, embedding: None }
    }

    /// The negative log likelihood of the faces in nats per dimension, given the voices and
    /// without them; `None` without a distribution.
    ///
    /// # Shapes
    /// - `face`: `[voices, D]`
    /// - term: `[1]`
    pub(crate) fn likelihood(
        &self,
        face: &Tensor<2>,
        embedding: Option<Tensor<2>>,
    ) -> Option<Tensor<1>> {
        let (distribution, embedding) = (self.distribution.as_ref()?, embedding?);
        let [_, dimension] = face.dims();
        let given_voice = distribution.log_likelihood(embedding, face.clone(), None); // [voices]
        let without = distribution.prior_log_likelihood(face.clone(), None); // [voices]
        Some((given_voice + without).mean() / -(dimension as f64))
    }

    /// Outputs of the trunk, averaged over the segments of each voice.
    ///
    /// # Shapes
    /// - output: `[voices, E]`
    fn embed(&self, shard: &Shard, device: &Device, sum: Option<&Sum>) -> Tensor<2> {
        let [voices, segments] = shard.shape();
        let features = self.trunk(shard, device, sum);
        let [_, width] = features.dims();
        features.reshape([voices, segments, width]).mean_dim(1).squeeze_dim(1)
    }

    /// # Shapes
    /// - output: `[voices · segments, E]`
    fn trunk(&self, shard: &Shard, device: &Device, sum: Option<&Sum>) -> Tensor<2> {
        let input = shard.inputs(device); // [voices · segments, channels, frames, bins]
        if self.freeze_trunk {
            return self.voice_encoder.valid().trunk(input).autodiff();
        }
        match sum {
            Some(sum) => self.voice_encoder.trunk_synchronised(input.autodiff(), sum),
            None => self.voice_encoder.trunk(input.autodiff()),
        }
    }
}

/// Uses the parameters whose path is wanted.
struct Draw<'a> {
    path: Vec<String>,
    wanted: &'a dyn Fn(&[String]) -> bool,
}

impl ModuleVisitor for Draw<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if (self.wanted)(&self.path) {
            drop(param.val());
        }
    }
}

fn same_shape(
    model: &str,
    found: &VoiceEncoderConfig,
    wanted: &VoiceEncoderConfig,
) -> Result<(), TrainError> {
    if found == wanted {
        return Ok(());
    }
    Err(TrainError::Data(format!(
        "the voice encoder of {model} has other layers than [network]; hint: copy voice_encoder \
         of its config.json to [network]"
    )))
}
