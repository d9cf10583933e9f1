//! A head from known parts: linear means and fixed covariances, for example of regressions in
//! closed form.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};

use super::{FLOOR, FaceDistributionHead};
use crate::ConfigError;
use crate::config::Checks;

const CHECKS: Checks = Checks("face distribution");

/// One component of a mixture for voices with embedding e, and of the prior:
///
/// ```text
/// weight ∝ exp(logit(e)), x = mean(e) + σ·(Bᵀ S z + n), z and n standard normal
/// ```
///
/// with σ = `noise`, B = `factors` and S = `scales`, as in [the module](super).
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentParts {
    /// `[E]` and constant.
    pub logit: (Vec<f64>, f64),
    /// `[D, E]`, row by row, and constants `[D]`.
    pub mean: (Vec<f64>, Vec<f64>),
    /// `[R, D]`, row by row; orthonormal on the identity.
    pub factors: Vec<f64>,
    /// Deviations of the factors, `[R]`, relative to the noise.
    pub scales: Vec<f64>,
    /// Deviations of the noise, `[D]`; at least a tenth of the population's is used.
    pub noise: Vec<f64>,
    /// Logit of the prior.
    pub prior_logit: f64,
    /// Mean of the prior, `[D]`.
    pub prior_mean: Vec<f64>,
    /// Deviations of the prior's noise, `[D]`.
    pub prior_noise: Vec<f64>,
}

impl FaceDistributionHead {
    /// The head with these components, in the units of the population that
    /// [`starting_from`](Self::starting_from) gave it. The identity's deviation in those units
    /// must be the same in each dimension, or the factors would not stay orthonormal.
    ///
    /// # Errors
    /// [`ConfigError::Mismatch`] if a number of components or a length differs from the head's.
    pub fn with_components(mut self, parts: &[ComponentParts]) -> Result<Self, ConfigError> {
        let [components, rank, dimension] = self.factors.dims();
        let device = self.factors.device();
        let [voice_centre, voice_deviation] =
            [&self.voice.centre, &self.voice.deviation].map(plain);
        let [face_centre, face_deviation] = [&self.face.centre, &self.face.deviation].map(plain);
        let width = voice_centre.len();
        let equal = |key, value, expected| CHECKS.equal(key, value, "the head's size", expected);
        equal("number of components", parts.len(), components)?;
        for part in parts {
            equal("length of a logit's weights", part.logit.0.len(), width)?;
            equal("length of a mean's weights", part.mean.0.len(), width * dimension)?;
            equal("length of the factors", part.factors.len(), rank * dimension)?;
            equal("length of the scales", part.scales.len(), rank)?;
            let lengths = [&part.mean.1, &part.noise, &part.prior_mean, &part.prior_noise];
            for values in lengths {
                equal("length of a mean or of noise", values.len(), dimension)?;
            }
        }

        // Of an embedding in raw units, as the layers read it.
        let unit = |e: usize| voice_deviation[e] * (width as f64).sqrt();
        let at_centre = |weights: &[f64], constant: f64| {
            constant + weights.iter().zip(&voice_centre).map(|(w, c)| w * c).sum::<f64>()
        };
        let each = |of: &dyn Fn(&ComponentParts) -> Vec<f64>| -> Vec<f64> {
            parts.iter().flat_map(of).collect()
        };
        let standard = |values: &[f64]| -> Vec<f64> {
            (0..dimension).map(|d| (values[d] - face_centre[d]) / face_deviation[d]).collect()
        };
        let log_noise = |noise: &[f64]| -> Vec<f64> {
            let above = |d: usize| (noise[d] / face_deviation[d]).powi(2) - FLOOR * FLOOR;
            (0..dimension).map(|d| 0.5 * above(d).max(1e-6).ln()).collect()
        };
        let logits = (0..width).flat_map(|e| parts.iter().map(move |part| (part, e)));
        let logits = logits.map(|(part, e)| part.logit.0[e] * unit(e)).collect();
        self.logits.weight = matrix([width, components], logits, &device);
        let constants = parts.iter().map(|part| at_centre(&part.logit.0, part.logit.1)).collect();
        self.logits.bias = Some(vector(constants, &device));
        let rows = (0..width).flat_map(|e| {
            let of = move |part: &ComponentParts, d: usize| part.mean.0[d * width + e];
            let face_deviation = &face_deviation;
            parts.iter().flat_map(move |part| {
                (0..dimension).map(move |d| of(part, d) * unit(e) / face_deviation[d])
            })
        });
        self.means.weight = matrix([width, components * dimension], rows.collect(), &device);
        let constants = each(&|part| {
            let rows = part.mean.0.chunks_exact(width).zip(&part.mean.1);
            standard(&rows.map(|(row, &constant)| at_centre(row, constant)).collect::<Vec<_>>())
        });
        self.means.bias = Some(vector(constants, &device));
        let scales = each(&|part| part.scales.iter().map(|s| s.max(1e-6).ln()).collect());
        self.log_scales.weight =
            matrix([width, components * rank], vec![0.0; width * components * rank], &device);
        self.log_scales.bias = Some(vector(scales.clone(), &device));
        let factors = TensorData::new(each(&|part| part.factors.clone()), self.factors.dims());
        self.factors = Param::from_tensor(Tensor::from_data(factors.convert::<f32>(), &device));
        let rows = [components, dimension];
        self.log_noise = matrix(rows, each(&|part| log_noise(&part.noise)), &device);
        self.prior_logits = vector(parts.iter().map(|part| part.prior_logit).collect(), &device);
        self.prior_means = matrix(rows, each(&|part| standard(&part.prior_mean)), &device);
        self.prior_log_scales = matrix([components, rank], scales, &device);
        self.prior_log_noise = matrix(rows, each(&|part| log_noise(&part.prior_noise)), &device);
        Ok(self)
    }
}

fn plain(values: &Param<Tensor<1>>) -> Vec<f64> {
    values.val().into_data().iter().collect()
}

fn vector(values: Vec<f64>, device: &Device) -> Param<Tensor<1>> {
    let data = TensorData::new(values.clone(), [values.len()]).convert::<f32>();
    Param::from_tensor(Tensor::from_data(data, device))
}

fn matrix(shape: [usize; 2], values: Vec<f64>, device: &Device) -> Param<Tensor<2>> {
    let data = TensorData::new(values, shape).convert::<f32>();
    Param::from_tensor(Tensor::from_data(data, device))
}
