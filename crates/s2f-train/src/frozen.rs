//! The frozen face decoder that a voice encoder is trained against.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use nalgebra::{DMatrix, DVector};
use s2f_core::FaceSpace;
use s2f_face::border_points;
use s2f_nn::{FaceDecoder, FaceDecoderConfig, FaceDistribution, Model, ModelConfig, weights};
use speech2face::{ModelSource, ModelSourceError, RunFolder, RunFolderError};

use crate::{FaceDecoderTraining, TrainError, config};

/// A trained face decoder and its face space.
pub(crate) struct FrozenDecoder {
    pub(crate) network: FaceDecoder,
    pub(crate) config: FaceDecoderConfig,
    pub(crate) border: Vec<[f32; 2]>,
    pub(crate) face_space: FaceSpace,
    /// How it was trained, if it comes from a run folder.
    pub(crate) training: Option<FaceDecoderTraining>,
    /// The distribution of faces without a voice, if its model has one.
    prior: Option<FaceDistribution>,
}

/// Features from identities: x = y·map + offset, `[identity, D]` and `[D]`. The identity stays, the
/// traits are their linear regression on it.
fn expected_traits(prior: &FaceDistribution) -> (DMatrix<f64>, DVector<f64>) {
    let space = prior.space();
    let (identity, dimension) = (space.identity_dimension(), space.dimension);
    let mean = DVector::from_vec(prior.mean());
    let mut covariance = DMatrix::zeros(dimension, dimension);
    let mixture = prior.mixture();
    for (weight, component) in mixture.weights().iter().zip(mixture.components()) {
        let apart = DVector::from_column_slice(component.mean()) - &mean;
        let factors = component.factors();
        let factors = DMatrix::from_row_slice(factors.len() / dimension, dimension, factors);
        let noise = DMatrix::from_diagonal(&DVector::from_column_slice(component.noise()));
        let within = factors.tr_mul(&factors) + noise;
        covariance += (within + &apart * apart.transpose()) * *weight;
    }
    let of_identity = covariance.view((0, 0), (identity, identity)).into_owned();
    let with_traits = covariance.view((0, identity), (identity, dimension - identity)).into_owned();
    // The noise makes the covariance positive definite.
    let slopes = match of_identity.cholesky() {
        Some(factored) => factored.solve(&with_traits), // [identity, traits]
        None => DMatrix::zeros(identity, dimension - identity),
    };
    let mut map = DMatrix::identity(identity, dimension);
    map.view_mut((0, identity), slopes.shape()).copy_from(&slopes);
    let mut offset = DVector::zeros(dimension);
    let expected = slopes.tr_mul(&mean.rows(0, identity).into_owned());
    let constant = mean.rows(identity, dimension - identity) - expected;
    offset.rows_mut(identity, dimension - identity).copy_from(&constant);
    (map, offset)
}

impl FrozenDecoder {
    /// The decoder for a voice encoder with this many outputs: if they are those of the identity
    /// alone, one that reads identities. Their traits are then the expected ones given the
    /// identity, by linear regression in `prior` or, without it, zeros, the middle of each trait.
    pub(crate) fn for_outputs(self, outputs: Option<usize>) -> Result<Self, TrainError> {
        let space = &self.face_space;
        if space.traits.is_empty() || outputs != Some(space.identity_dimension()) {
            return Ok(self);
        }
        let (rows, columns) = (space.identity_dimension(), space.dimension);
        let (map, offset) = match &self.prior {
            Some(prior) => expected_traits(prior),
            None => (DMatrix::<f64>::identity(rows, columns), DVector::<f64>::zeros(columns)),
        };
        let device = self.network.devices().pop().unwrap_or_else(Device::flex);
        let values: Vec<f32> = map.transpose().iter().map(|&x| x as f32).collect();
        let map = Tensor::from_data(TensorData::new(values, [rows, columns]), &device);
        let values: Vec<f32> = offset.iter().map(|&x| x as f32).collect();
        let offset = Tensor::from_data(TensorData::new(values, [columns]), &device);
        Ok(Self {
            network: self.network.reading(map, offset),
            config: FaceDecoderConfig { feature: rows, ..self.config },
            face_space: self.face_space.identity(),
            ..self
        })
    }

    /// Opens the face decoder of a model (by its name, its folder or its run folder), or the run
    /// folder of a face decoder.
    pub(crate) fn open(name: &str, device: &Device) -> Result<Self, TrainError> {
        let source = match ModelSource::resolve(name) {
            Err(ModelSourceError::Run(RunFolderError::FaceDecoder { folder })) => {
                return Self::from_run(&RunFolder::at(&folder), device);
            }
            source => source?,
        };
        let (config, model) = networks(&source)?;
        Ok(Self {
            network: model.face_decoder.fork(device),
            config: config.face_decoder,
            border: config.border,
            prior: match &model.face_distribution {
                Some(head) => head.prior(&config.face_space).ok(),
                None => None,
            },
            face_space: config.face_space,
            training: None,
        })
    }

    fn from_run(run: &RunFolder, device: &Device) -> Result<Self, TrainError> {
        let training: FaceDecoderTraining = config::read(&run.config_file(), &[])?;
        let config = training.network.clone();
        // The file of weights has the mean landmarks.
        let mean = vec![[0.0; 2]; config.landmarks.count];
        let network = config.init(&mean, &border_points(), device)?;
        Ok(Self {
            network: weights::load_file(network, &run.face_decoder_file())?,
            config,
            border: border_points().to_vec(),
            face_space: training.data.face_space(),
            training: Some(training),
            prior: None,
        })
    }
}

/// The networks of a model by its name, its folder or its run folder, on the CPU.
pub(crate) fn open_model(name: &str) -> Result<(ModelConfig, Model), TrainError> {
    networks(&ModelSource::resolve(name)?)
}

fn networks(source: &ModelSource) -> Result<(ModelConfig, Model), TrainError> {
    let model = source.open(&Device::flex())?;
    Ok((model.config().clone(), model.networks().clone()))
}

#[cfg(test)]
mod tests {
    use s2f_core::{Normalisation, Trait};
    use s2f_nn::face_distribution::{GaussianMixture, LowRankGaussian};

    use super::*;

    // Women at (1, 0) with the trait 1, men at (-1, 0) with -1, the identity's variance 1: the
    // first dimension has the variance 1 + 1 and the covariance 1 with the trait.
    #[test]
    fn traits_are_their_regression_on_the_identity() {
        let component =
            |sex: f64| LowRankGaussian::new(vec![sex, 0.0, sex], vec![1.0; 3], vec![]).unwrap();
        let mixture =
            GaussianMixture::new(vec![0.5, 0.5], vec![component(1.0), component(-1.0)]).unwrap();
        let (name, normalisation) = ("two".into(), Normalisation::None);
        let space = FaceSpace { name, dimension: 2, normalisation, traits: Vec::new() };
        let prior = FaceDistribution::new(space.with_traits(&[Trait::Sex]), mixture).unwrap();
        let (map, offset) = expected_traits(&prior);
        let expected = DMatrix::from_row_slice(2, 3, &[1.0, 0.0, 0.5, 0.0, 1.0, 0.0]);
        assert!((map - expected).amax() < 1e-12 && offset.amax() < 1e-12);
    }

    #[test]
    fn the_shipped_decoder_reads_identities_for_an_encoder_of_identities() {
        let device = Device::flex();
        let open = || FrozenDecoder::open(speech2face::SHIPPED, &device).unwrap();
        let whole = open().for_outputs(Some(259)).unwrap();
        assert_eq!((whole.config.feature, whole.face_space.traits.len()), (259, 3));
        let decoder = open().for_outputs(Some(256)).unwrap();
        assert_eq!(decoder.config.feature, 256);
        assert_eq!(decoder.face_space, FaceSpace::mobileface());
        let face = decoder.network.forward(Tensor::zeros([1, 256], &device));
        assert_eq!(decoder.network.render(face).dims(), [1, 3, 224, 224]);
    }
}
