//! Training of a face distribution on a frozen speaker encoder, from voices and faces of different
//! people: the voice says sex and age, and faces go with sex and age.
//!
//! All parts are regressions in closed form, so the result depends on nothing but the data and the
//! seed. They are scored on corpora and groups of languages that were left out.

mod calibration;
mod faces;
mod heads;
mod left_out;
mod pictures;
mod recordings;
mod scores;

use std::collections::BTreeSet;
use std::path::Path;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use calibration::Calibration;
use faces::Identities;
use heads::Heads;
pub use pictures::PictureScores;
use pictures::{Drawn, Gallery, ages_read, sheet_of_faces};
use recordings::{CHUNK, Examples, Labelled, Measured, Version, labelled, measure};
use s2f_core::{Sex, Trait};
use s2f_nn::{
    FaceDistributionConfig, FaceDistributionHead, Model, ModelConfig, Reliability, SpeakerEncoder,
    VoiceEncoder, VoiceEncoderConfig, normalise,
};
pub use scores::{FaceDistributionScores, TraitCorpusScores};
use serde::{Deserialize, Serialize};
use speech2face::{DataId, ModelId, RunFolder, TrainingRecord};

use crate::card::{Card, DataUse, file_name};
use crate::data::absolute;
use crate::devices::Devices;
use crate::event::TrainEvent;
use crate::face_network::FaceNetwork;
use crate::faces::{Faces, files as face_files};
use crate::frozen::FrozenDecoder;
use crate::networks::Networks;
use crate::run::{Invocation, Run, ThisSession, check_folder};
use crate::{FaceDistributionTraining, TrainError};

const SUMMARY: &str = "From a few seconds of speech, this model estimates sex and age, and draws \
one mean face, or several plausible ones, of people who may sound like this.";
const LIMITS: [&str; 2] = [
    "Nobody's voice and face are both in the data: a voice goes with all faces of its sex and age. \
     That is an assumption, not a finding.",
    "Within a sex and an age, faces of two voices differ by chance only.",
];

/// What the heads for sex are fitted to: each recording as it is and augmented, alike.
const FOR_TRAINING: [(Version, f64); 2] = [(Version::Clean, 0.5), (Version::Augmented, 0.5)];

/// The voice embeddings of a run, kept to resume it.
#[derive(Serialize, Deserialize)]
struct Kept {
    data: DataId,
    measured: Vec<Measured>,
}

impl Kept {
    /// Whether they are whole, and those of these recordings. A file may be damaged, or of another
    /// version of the program.
    fn is_of(&self, data: &DataId, recordings: usize, width: usize) -> bool {
        let is_whole = |measured: &Measured| {
            let has_width = |of: &Vec<f32>| of.len() == width && of.iter().all(|x| x.is_finite());
            measured.embeddings.len() == Version::ALL.len()
                && measured.embeddings.iter().flatten().all(has_width)
        };
        self.data == *data
            && self.measured.len() == recordings
            && self.measured.iter().all(is_whole)
    }
}

/// Trains a face distribution, and writes a model with the published speaker encoder and the face
/// decoder.
///
/// The run folder `out` gets `config.toml`, `environment.json`, the voice embeddings, the model
/// folder with its card, and `scores.json`. `invocation` is recorded in it. It is not made if the
/// configuration or the data cannot be used. If the run is interrupted, it resumes after the
/// embeddings.
///
/// # Errors
/// [`TrainError`].
pub fn train_face_distribution(
    config: &FaceDistributionTraining,
    out: &Path,
    devices: &Devices,
    invocation: &Invocation,
    mut on_event: impl FnMut(&TrainEvent),
) -> Result<FaceDistributionScores, TrainError> {
    check_folder(out)?;
    config.check(devices)?;
    let device = devices.only()?.clone();
    let decoder = FrozenDecoder::open(&config.face_decoder, &device)?;
    config.network.check_face_space(&decoder.face_space)?;
    let voices = labelled(&config.data)?;
    // Opened now, so that a missing network is named before the long part.
    let reader = Networks::new(config.data.models.as_deref()).age_sex_reader(
        ("data.face_detector", &config.data.face_detector),
        ("data.age_sex_reader", &config.data.age_sex_reader),
        &device,
    )?;
    let encoder = voice_encoder(config)?;

    let mut files: Vec<_> = voices.iter().map(|voice| voice.file.clone()).collect();
    files.push(speaker_encoder_file(config)?);
    let training = decoder.training.as_ref().ok_or_else(no_portraits)?;
    files.extend(face_files(&training.data)?);
    let data = DataId::of_files(&files)?;
    let trained_on = vec![
        TrainingRecord::Recordings { path: absolute(&config.data.root), data: data.clone() },
        TrainingRecord::Faces { path: absolute(&training.data.root), data: data.clone() },
    ];
    let session = ThisSession {
        invocation: invocation.clone(),
        device: devices.name(),
        seed: config.seed,
        data: data.clone(),
        trained_on,
    };
    let run = Run::open(out, config, &session)?;

    let measured = embeddings(config, &run, &voices, &encoder, &data, &mut on_event)?;
    let fit = |chosen: &dyn Fn(&Labelled) -> bool| {
        let for_sex = Examples::new(&voices, &measured, &FOR_TRAINING, chosen);
        let with_age = |voice: &Labelled| voice.age.is_some() && chosen(voice);
        let for_age = Examples::new(&voices, &measured, &FOR_TRAINING, with_age);
        Heads::fit(&for_sex, &for_age, &config.regression)
    };
    let left_out = left_out::left_out(&voices, &measured, fit)?;
    let calibration = Calibration::of(&left_out, &config.prior)?;
    let heads = fit(&|_| true)?;

    let faces = Faces::load(&training.data, training.seed, &device)?;
    let face_encoder = FaceNetwork::open(&training.data, &device)?;
    let of = |sex: Sex, seed: u64| {
        let (network, space) = (&decoder.network, &decoder.face_space);
        let (settings, set) = (&config.faces, &faces.train);
        Identities::of(sex, settings, seed, set, network, &face_encoder, space)
    };
    let identities = [of(Sex::Female, config.seed)?, of(Sex::Male, config.seed.wrapping_add(1))?];
    let assemble =
        |heads: &Heads| head(config, heads, &calibration, &identities, &voices, &measured, &device);
    let [components_s, weights_s] = calibration.half_information_s();
    let drawn = Drawn {
        decoder: &decoder.network,
        space: &decoder.face_space,
        reliability: Reliability { components_s, weights_s },
        device: &device,
    };
    let mut gallery = Gallery::default();
    for (fold, heads) in &left_out.folds {
        gallery.add(&drawn, &assemble(heads)?, &voices, &measured, fold, &reader)?;
    }
    let head = assemble(&heads)?;
    let ages = ages_read(&drawn, &head, &identities, &reader)?;

    let embedded = Examples::new(&voices, &measured, &[(Version::Clean, 1.0)], |_| true);
    let model = Model {
        mean_feature: Param::from_tensor(mean_feature(&head, &embedded, &decoder, &device)),
        voice_encoder: encoder,
        face_decoder: decoder.network.clone(),
        face_distribution: Some(head.clone()),
    };
    let id = write(&run, config, &decoder, drawn.reliability, &model)?;
    let shown = sheet_of_faces(&drawn, &head, &voices, &measured, &id)?;
    run.write(&run.folder().voices_file(), &shown)?;
    let scores = FaceDistributionScores::new(&left_out, &calibration, gallery.scores(), ages);
    run.write_json(&run.folder().scores_file(), &scores)?;
    let mut data = uses(&voices);
    data.push(DataUse {
        name: file_name(&training.data.root),
        used_for: "faces by sex and age, in averages and covariances",
        amount: format!("portraits of {} people", faces.train.len() / 2),
    });
    let licences = Vec::new();
    let card = Card { name: &config.name, summary: SUMMARY, data, licences, limits: &LIMITS };
    run.write_card(&run.model_card_file(), &card, &scores)?;
    Ok(scores)
}

/// What the recordings of each corpus are used for.
fn uses(voices: &[Labelled]) -> Vec<DataUse> {
    let corpora: BTreeSet<&str> = voices.iter().map(|voice| voice.corpus.as_str()).collect();
    let of_corpus = |corpus: &str| {
        let own: Vec<_> = voices.iter().filter(|voice| voice.corpus == corpus).collect();
        let speakers: BTreeSet<&str> = own.iter().map(|voice| voice.speaker.as_str()).collect();
        let used_for = match own.iter().any(|voice| voice.age.is_some()) {
            true => "sex and age of voices; left out in turn for the scores",
            false => "sex of voices; left out in turn for the scores",
        };
        let amount = format!("{} recordings of {} speakers", own.len(), speakers.len());
        DataUse { name: corpus.to_owned(), used_for, amount }
    };
    corpora.into_iter().map(of_corpus).collect()
}

/// The embeddings, from the run folder if they are there.
fn embeddings(
    config: &FaceDistributionTraining,
    run: &Run,
    voices: &[Labelled],
    encoder: &VoiceEncoder,
    data: &DataId,
    on_event: &mut impl FnMut(&TrainEvent),
) -> Result<Vec<Measured>, TrainError> {
    let file = run.folder().embeddings_file();
    if let Some(kept) = read_kept(run.folder())
        && kept.is_of(data, voices.len(), config.network.embedding)
    {
        return Ok(kept.measured);
    }
    on_event(&TrainEvent::Started { step: 0, steps: voices.len().div_ceil(CHUNK) });
    let measured = measure(voices, encoder, &config.augmentation, config.seed, |step| {
        on_event(&TrainEvent::Step { step, losses: Vec::new() });
    })?;
    let kept = Kept { data: data.clone(), measured };
    run.write_json(&file, &kept)?;
    Ok(kept.measured)
}

fn read_kept(folder: &RunFolder) -> Option<Kept> {
    serde_json::from_slice(&std::fs::read(folder.embeddings_file()).ok()?).ok()
}

fn speaker_encoder_file(
    config: &FaceDistributionTraining,
) -> Result<std::path::PathBuf, TrainError> {
    let networks = Networks::new(config.data.models.as_deref());
    networks.published("data.speaker_encoder", "ge2e", &config.data.speaker_encoder)
}

fn voice_encoder(config: &FaceDistributionTraining) -> Result<VoiceEncoder, TrainError> {
    let device = Device::flex();
    let network = SpeakerEncoder::from_pytorch(&speaker_encoder_file(config)?, &device)?;
    let encoder = encoder_config().init(&device)?;
    Ok(encoder.with_speaker_encoder(network)?)
}

/// The published speaker encoder without a head of its own.
fn encoder_config() -> VoiceEncoderConfig {
    VoiceEncoderConfig { output: None, ..VoiceEncoderConfig::ge2e(256) }
}

/// The head: heads, calibration and faces together.
fn head(
    config: &FaceDistributionTraining,
    heads: &Heads,
    calibration: &Calibration,
    identities: &[Identities; 2],
    voices: &[Labelled],
    measured: &[Measured],
    device: &Device,
) -> Result<FaceDistributionHead, TrainError> {
    let prior = calibration.prior;
    let rank = config.network.rank;
    let [women, men] = [Sex::Female, Sex::Male].map(|sex| {
        let age = calibration.age(&heads.age_of(sex));
        let of_sex = &identities[usize::from(sex == Sex::Male)];
        let width = age.weights.len();
        let logit = match sex {
            Sex::Female => calibration.logit(&heads.sex),
            Sex::Male => (vec![0.0; width], 0.0),
        };
        of_sex.component(sex, logit, &age, calibration.age_variance(), prior, rank)
    });
    let women = s2f_nn::ComponentParts { prior_logit: calibration.prior_logit, ..women };
    let embedded = Examples::new(voices, measured, &[(Version::Clean, 1.0)], |_| true);
    let columns = embedded.embeddings.column_iter();
    let moments: Vec<(f32, f32)> = columns
        .map(|column| (column.mean() as f32, (column.variance().sqrt() as f32).max(1e-4)))
        .collect();
    let (centre, deviation): (Vec<f32>, Vec<f32>) = moments.into_iter().unzip();
    let variance = identities.iter().map(|of_sex| of_sex.variance(prior.1)).sum::<f64>() / 2.0;
    let identity = config.network.feature - Trait::ALL.len();
    let mut face_deviation = vec![variance.sqrt() as f32; identity];
    face_deviation.extend([1.0, prior.1.sqrt() as f32, 1.0]);
    let vector = |values: &[f32]| Tensor::<1>::from_floats(values, device);
    let zeros = vec![0.0; config.network.feature];
    let head = config.network.init(device)?.starting_from(
        [vector(&centre), vector(&deviation)],
        [vector(&zeros), vector(&face_deviation)],
    );
    Ok(head.with_components(&[women, men])?)
}

/// Mean of the features that the model predicts for the training voices, `[D]`.
fn mean_feature(
    head: &FaceDistributionHead,
    embedded: &Examples<'_>,
    decoder: &FrozenDecoder,
    device: &Device,
) -> Tensor<1> {
    let [rows, columns] = [embedded.embeddings.nrows(), embedded.embeddings.ncols()];
    let values = embedded.embeddings.transpose().iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let data = TensorData::new(values, [rows, columns]);
    let means = normalise(head.mean(Tensor::from_data(data, device)), &decoder.face_space);
    means.mean_dim(0).squeeze_dim(0)
}

fn write(
    run: &Run,
    config: &FaceDistributionTraining,
    decoder: &FrozenDecoder,
    reliability: Reliability,
    model: &Model,
) -> Result<ModelId, TrainError> {
    let reliability = Some(reliability);
    let model_config = ModelConfig {
        name: config.name.clone(),
        face_space: decoder.face_space.clone(),
        voice_encoder: encoder_config(),
        face_decoder: decoder.config.clone(),
        border: decoder.border.clone(),
        face_distribution: Some(FaceDistributionConfig { reliability, ..config.network.clone() }),
    };
    run.write_model(&model_config, model)
}

fn no_portraits() -> TrainError {
    TrainError::Data(
        "a face distribution needs the portraits that the face decoder was trained on; hint: set \
         face_decoder to the run folder of train face-decoder"
            .into(),
    )
}

#[cfg(test)]
mod tests;
