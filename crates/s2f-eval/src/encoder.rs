//! Where the features of voices come from: a model of this program, or another network.

use std::collections::HashMap;
use std::error::Error;

use s2f_audio::Waveform;
use s2f_core::{FaceSpace, Normalisation, hash};
use s2f_metrics::{Vectors, dot};
use s2f_pairs::{Pair, PairSet};
use speech2face::{RunFolder, Speech2Face, VoicePolicy};

use crate::identity::mean_face;
use crate::{EvalError, EvaluatedModel};

/// Another network than a [`Speech2Face`], whose features of voices are evaluated like a model's.
/// They are compared with the features of the faces of the pairs, so they are of that face space.
pub struct OtherNetwork<'a> {
    /// Name in the report.
    pub name: String,
    /// The features.
    pub features: VoiceFeatures<'a>,
    /// Its mean feature over the voices that it was trained on, `[D]`; `None` for the mean of the
    /// true faces that are evaluated.
    pub mean_feature: Option<Vec<f32>>,
    /// The pairs that it was trained on, for the leak check; empty if that is not known.
    pub trained_on: Vec<PairSet>,
}

/// Features of voices, `[D]` each, with D the dimension of the face space of the pairs without
/// traits. They are scaled to unit length if that space is.
pub enum VoiceFeatures<'a> {
    /// One for each pair, by `pair_id`, computed from its voice.
    Table(HashMap<String, Vec<f32>>),
    /// A function from voices to features. It is given whole voices, their beginnings and their
    /// halves.
    Function(&'a FeatureFunction<'a>),
}

/// Features of some voices, in their order.
pub type FeatureFunction<'a> =
    dyn Fn(&[Waveform]) -> Result<Vec<Vec<f32>>, Box<dyn Error + Send + Sync>> + 'a;

/// What is evaluated.
pub(crate) struct Evaluated<'a> {
    /// Name in the report.
    pub(crate) name: &'a str,
    pub(crate) encoder: Encoder<'a>,
    /// The run that trained it.
    pub(crate) run: Option<&'a RunFolder>,
    /// Further pairs that it was trained on.
    pub(crate) trained_on: &'a [PairSet],
}

impl<'a> Evaluated<'a> {
    pub(crate) fn model(evaluated: &'a EvaluatedModel) -> Self {
        let EvaluatedModel { name, model, run } = evaluated;
        Self { name, encoder: Encoder::Model(model), run: run.as_ref(), trained_on: &[] }
    }

    /// A network with features of the face space of the pairs, `space`.
    pub(crate) fn network(
        network: &'a OtherNetwork<'a>,
        space: &FaceSpace,
    ) -> Result<Self, EvalError> {
        let encoder = Encoder::Network { network, space: space.identity() };
        if let Some(mean) = &network.mean_feature {
            encoder.length(mean, "the mean feature")?;
        }
        Ok(Self { name: &network.name, encoder, run: None, trained_on: &network.trained_on })
    }
}

/// Computes the features of voices.
pub(crate) enum Encoder<'a> {
    Model(&'a Speech2Face),
    Network {
        network: &'a OtherNetwork<'a>,
        /// The face space of its features.
        space: FaceSpace,
    },
}

impl<'a> Encoder<'a> {
    /// The face space of the features.
    pub(crate) fn space(&self) -> &FaceSpace {
        match self {
            Self::Model(model) => model.face_space(),
            Self::Network { space, .. } => space,
        }
    }

    /// The model, which decodes features and may predict distributions.
    pub(crate) fn as_model(&self) -> Option<&'a Speech2Face> {
        match self {
            Self::Model(model) => Some(model),
            Self::Network { .. } => None,
        }
    }

    /// Whether there are features of parts of voices.
    pub(crate) fn embeds_parts(&self) -> bool {
        match self {
            Self::Model(_) => true,
            Self::Network { network, .. } => matches!(network.features, VoiceFeatures::Function(_)),
        }
    }

    /// Everything that features depend on besides the voices; `None` if it is unknown.
    pub(crate) fn key(&self) -> Option<String> {
        let model = self.as_model()?;
        // The hash of a model is that of its weights.
        let config = hash::sha256(format!("{:?}", model.config()).as_bytes());
        Some(format!("{} {config}", model.id().sha256))
    }

    /// Features of voices, `[voices, D]`; `pairs` are those that the voices are from.
    pub(crate) fn embed(
        &self,
        pairs: &[&Pair],
        voices: &[Waveform],
        policy: &VoicePolicy,
    ) -> Result<Vectors, EvalError> {
        let (network, dimension) = match self {
            Self::Model(model) => {
                let features = model.embed_voices(voices, policy)?;
                let values = features.iter().flat_map(|feature| feature.values().iter().copied());
                return Ok(Vectors::new(values.collect(), model.face_space().dimension));
            }
            Self::Network { network, space } => (network, space.dimension),
        };
        let ids = pairs.iter().map(|pair| &pair.info.pair_id);
        let rows: Vec<Vec<f32>> = match &network.features {
            VoiceFeatures::Table(table) => ids
                .clone()
                .map(|id| table.get(id).cloned().ok_or_else(|| self.unusable(missing(id))))
                .collect::<Result<_, _>>()?,
            VoiceFeatures::Function(embed) => {
                let part = |voice: &Waveform| match policy.max_s {
                    Some(seconds) => {
                        let samples = (seconds * f64::from(Waveform::RATE_HZ)).round() as usize;
                        voice.excerpt(0..samples, samples.min(voice.samples().len()))
                    }
                    None => voice.clone(),
                };
                let voices: Vec<Waveform> = voices.iter().map(part).collect();
                embed(&voices).map_err(EvalError::Network)?
            }
        };
        if rows.len() != voices.len() {
            let reason =
                format!("{} features were returned for {} voices", rows.len(), pairs.len());
            return Err(self.unusable(reason));
        }
        let mut values = Vec::with_capacity(rows.len() * dimension);
        for (row, id) in rows.iter().zip(ids) {
            values.extend(self.normalised(row, &format!("the feature of pair {id}"))?);
        }
        Ok(Vectors::new(values, dimension))
    }

    /// The mean face, `[D]`, not normalised.
    pub(crate) fn mean_face(&self, faces: &Vectors) -> Result<Vec<f32>, EvalError> {
        match self {
            Self::Model(model) => mean_face(model, faces),
            Self::Network { network, .. } => Ok(match &network.mean_feature {
                Some(mean) => mean.clone(),
                None => faces.mean().into_iter().map(|x| x as f32).collect(),
            }),
        }
    }

    /// A feature of another network as one of the face space; `what` names it in messages.
    fn normalised(&self, row: &[f32], what: &str) -> Result<Vec<f32>, EvalError> {
        let length = self.length(row, what)?;
        if self.space().normalisation != Normalisation::UnitLength {
            return Ok(row.to_vec());
        }
        if length == 0.0 {
            return Err(self.unusable(format!("{what} has length 0")));
        }
        Ok(row.iter().map(|&x| (f64::from(x) / length) as f32).collect())
    }

    /// The length of a vector, which must have the dimension of the face space and be finite.
    fn length(&self, row: &[f32], what: &str) -> Result<f64, EvalError> {
        let space = self.space();
        if row.len() != space.dimension {
            let reason = format!("{what} has {} values", row.len());
            return Err(self.unusable(reason));
        }
        let length = dot(row, row).sqrt();
        if !length.is_finite() {
            return Err(self.unusable(format!("{what} has values that are not finite")));
        }
        Ok(length)
    }

    fn unusable(&self, reason: String) -> EvalError {
        let name = match self {
            Self::Model(model) => model.id().name.clone(),
            Self::Network { network, .. } => network.name.clone(),
        };
        EvalError::Features { name, reason, space: Box::new(self.space().clone()) }
    }
}

fn missing(pair_id: &str) -> String {
    format!("there is none for pair {pair_id}")
}
