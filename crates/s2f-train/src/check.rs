//! Configurations are checked against themselves, the face space, the devices and the memory of the
//! machine before any data is read and any folder is made.

mod distribution;
mod memory;

use s2f_audio::Waveform;
use s2f_core::{FaceSpace, Trait};
use s2f_face::{FRAME, LANDMARK_COUNT};
use s2f_nn::{
    FaceDistributionConfig, SpeakerEncoderConfig, TrunkConfig, VggFaceConfig, VoiceEncoderConfig,
};
use speech2face::front_end;

use crate::TrainError;
use crate::config::{
    Augmentation, BatchStatistics, Clips, FaceDecoderTraining, FaceDistributionTraining,
    Optimisation, Optimizer, PairDistribution, RecordingData, Schedule, Start, VoiceData,
    VoiceEncoderTraining,
};
use crate::devices::{Compute, ComputePrecision, Devices};
use crate::frozen::FrozenDecoder;
use crate::scoring::SCORED_SECONDS;

/// The widest spread of playing speeds that still sounds like speech, as a standard deviation.
const MAX_SPEED: f64 = 0.3;
/// The widest spread of pitches, as a standard deviation in semitones: two standard deviations are
/// an octave, by which the pitch can be changed at most.
const MAX_PITCH: f64 = 6.0;
/// The longest clip, seconds.
const MAX_SECONDS: f64 = 60.0;
/// The most ages that faces are drawn at: each takes the memory of all faces.
const MAX_AGES: usize = 16;
/// The most mixtures of faces that moments are computed from: each is drawn and read.
const MAX_DRAWS: usize = 100_000;
/// The loudest noise and the quietest, dB.
const NOISE_DB: f64 = 100.0;

impl FaceDecoderTraining {
    /// Checks the configuration as [`train_face_decoder`](crate::train_face_decoder) does at its
    /// start. Reads no data and writes nothing.
    ///
    /// # Errors
    /// [`TrainError::Value`] or [`TrainError::Network`] names the key, [`TrainError::Memory`] the
    /// memory that it would take; [`TrainError::Device`].
    pub fn check(&self, devices: &Devices) -> Result<(), TrainError> {
        devices.only()?;
        let (data, morphing, losses) = (&self.data, &self.morphing, &self.losses);
        at_least("data.held_out", data.held_out, 2)?;
        for folder in &data.folders {
            for gain in folder.gain {
                positive("data.folders.gain", f64::from(gain))?;
            }
            not_negative("data.folders.saturation", f64::from(folder.saturation))?;
        }
        if let Some(ageing) = &data.ageing {
            within("data.ageing.strength", decimal(ageing.strength), 0.01, 10.0)?;
            let ascending = ageing.ages.is_sorted_by(|a, b| a < b)
                && (2..=MAX_AGES).contains(&ageing.ages.len());
            let adults = ageing.ages.iter().all(|age| (16.0..=100.0).contains(age));
            if !(ascending && adults) {
                return Err(TrainError::Value {
                    key: "data.ageing.ages",
                    wanted: format!("two to {MAX_AGES} ages from 16 to 100 years, ascending"),
                    found: format!("{:?}", ageing.ages),
                });
            }
        }
        at_least("morphing.pool", morphing.pool, 1)?;
        at_least("morphing.neighbours", morphing.neighbours, 1)?;
        at_least("morphing.most_faces", morphing.most_faces, 2)?;
        not_negative("morphing.feature_noise", morphing.feature_noise)?;
        equal("network.size", self.network.size, FRAME)?;
        equal("network.landmarks.count", self.network.landmarks.count, LANDMARK_COUNT)?;
        self.network.check()?;
        self.network.check_face_space(&data.face_space())?;
        // Only the voice encoder computes in 16 bits, or a batch in parts or on several devices.
        equal("optimisation.precision", self.optimisation.precision, ComputePrecision::Float32)?;
        equal("optimisation.batch_norm", self.optimisation.batch_norm, BatchStatistics::Local)?;
        let parts = self.optimisation.gradient_accumulation;
        equal("optimisation.gradient_accumulation", parts, 1)?;
        let weights = [
            ("losses.texture", losses.texture),
            ("losses.landmarks", losses.landmarks),
            ("losses.identity", losses.identity),
        ];
        loss_weights(&weights)?;
        at_least("losses.identity_batch", losses.identity_batch, 1)?;
        self.optimisation.check(1)?;
        self.optimisation.steps(morphing.pool)?;
        memory::check_face_decoder(self, devices)
    }
}

impl FaceDistributionTraining {
    /// Checks the configuration as
    /// [`train_face_distribution`](crate::train_face_distribution) does at its start. Reads no data
    /// and writes nothing.
    ///
    /// # Errors
    /// [`TrainError::Value`] or [`TrainError::Network`] names the key; [`TrainError::Device`].
    pub fn check(&self, devices: &Devices) -> Result<(), TrainError> {
        devices.only()?;
        self.network.check()?;
        equal("network.components", self.network.components, 2)?;
        equal("network.traits", self.network.traits, Trait::ALL.len())?;
        at_least("data.language_groups", self.data.language_groups, 2)?;
        at_least("number of data.folders", self.data.folders.len(), 2)?;
        positive("regression.sex_penalty", self.regression.sex_penalty)?;
        positive("regression.age_penalty", self.regression.age_penalty)?;
        let (least, most) = ((self.network.rank + 4) as f64, MAX_DRAWS as f64);
        within("faces.draws", self.faces.draws as f64, least, most)?;
        at_least("faces.members", self.faces.members, 1)?;
        within("prior.age_log_deviation", self.prior.age_log_deviation, 0.05, 2.0)?;
        within("prior.age_median", self.prior.age_median, 17.0, 100.0)?;
        within("prior.women", self.prior.women, 0.001, 0.999)?;
        self.augmentation.check()
    }
}

impl VoiceEncoderTraining {
    /// Checks the configuration as [`train_voice_encoder`](crate::train_voice_encoder) does at its
    /// start. Reads the face decoder and no other data, and writes nothing.
    ///
    /// # Errors
    /// [`TrainError::Value`] or [`TrainError::Network`] names the key, [`TrainError::Memory`] the
    /// memory that it would take; [`TrainError::Device`]; as opening a model or a run folder if the
    /// face decoder cannot be opened.
    pub fn check(&self, devices: &Devices) -> Result<(), TrainError> {
        self.open_decoder(devices).map(drop)
    }

    /// Checks the configuration and opens its face decoder.
    pub(crate) fn open_decoder(&self, devices: &Devices) -> Result<FrozenDecoder, TrainError> {
        self.check_values(devices)?;
        let decoder = FrozenDecoder::open(&self.face_decoder, devices.first())?;
        // Pairs have the identity alone.
        let identity = decoder.face_space.identity_dimension();
        let decoder = decoder.for_outputs(match self.distribution {
            Some(_) => Some(identity),
            None => self.network.output,
        })?;
        let space = &decoder.face_space;
        match self.face_distribution(space)? {
            Some(distribution) => distribution.check_face_space(space)?,
            None => self.network.check_face_space(space)?,
        }
        let vgg_face = VggFaceConfig::paper().hidden;
        check(
            "losses.distillation",
            || format!("0 with face space {} of {} dimensions", space.name, space.dimension),
            self.losses.distillation,
            |&weight| weight == 0.0 || space.dimension == vgg_face,
        )?;
        memory::check_voice_encoder(self, &decoder, devices)?;
        Ok(decoder)
    }

    /// The distribution in a face space, if there is one.
    pub(crate) fn face_distribution(
        &self,
        space: &FaceSpace,
    ) -> Result<Option<FaceDistributionConfig>, TrainError> {
        let Some(PairDistribution { components, rank }) = self.distribution else {
            return Ok(None);
        };
        let config = FaceDistributionConfig {
            embedding: self.network.features()?,
            feature: space.dimension,
            traits: space.traits.len(),
            components,
            rank,
            reliability: None,
        };
        config.check()?;
        Ok(Some(config))
    }

    /// Numbers of frames that the network has to be able to read: those of a clip of the training
    /// and of the scores, and those of a clip of `reconstruct`, which every model must read.
    fn lengths(&self) -> Vec<usize> {
        let front_end = self.network.front_end();
        let reconstruct = front_end::frames(front_end, Waveform::CLIP_SAMPLES);
        let mut lengths = vec![self.clips.frames(front_end), reconstruct];
        if matches!(self.data, VoiceData::Pairs(_)) {
            let scored = SCORED_SECONDS.map(|seconds| Clips { seconds, ..self.clips });
            lengths.extend(scored.map(|clips| clips.frames(front_end)));
        }
        lengths
    }

    /// Checks what needs no other file.
    fn check_values(&self, devices: &Devices) -> Result<(), TrainError> {
        let losses = &self.losses;
        check("name", || "given".into(), format!("{:?}", self.name), |_| !self.name.is_empty())?;
        self.clips.check()?;
        self.check_distribution()?;
        self.network.check()?;
        for frames in self.lengths() {
            self.network.check_frames(frames)?;
        }
        if let Some(start) = &self.start {
            start.check(&self.network)?;
        }
        self.augmentation.check()?;
        match &self.data {
            VoiceData::Recordings(data) => data.check()?,
            VoiceData::Pairs(data) => {
                at_least("data.pairs.memory_mib", data.memory_mib, 1)?;
                // Retrieval needs two speakers.
                at_least("data.pairs.validation_pairs", data.validation_pairs, 2)?;
                // Another pitch would be another person's, whose face it is not.
                let Augmentation { speed, pitch, .. } = self.augmentation;
                check("augmentation.speed", || "0 with pairs".into(), speed, |x| *x == 0.0)?;
                check("augmentation.pitch", || "0 with pairs".into(), pitch, |x| *x == 0.0)?;
            }
        }
        loss_weights(&[
            ("losses.decoder", losses.decoder),
            ("losses.direction", losses.direction),
            ("losses.distillation", losses.distillation),
            ("losses.contrastive", losses.contrastive),
            ("losses.feature", losses.feature),
            ("losses.pixel", losses.pixel),
            ("losses.likelihood", losses.likelihood),
        ])?;
        let wanted = || "given, the weights of VGG-Face, with losses.distillation".into();
        check("losses.vgg_face", wanted, "missing", |_| {
            losses.distillation == 0.0 || losses.vgg_face.is_some()
        })?;
        Compute::new(devices.clone(), self.optimisation.precision)?;
        self.optimisation.check(devices.count_of_all())
    }
}

impl Start {
    fn check(&self, network: &VoiceEncoderConfig) -> Result<(), TrainError> {
        let given = if self.model.is_some() { "given together with" } else { "missing, as is" };
        let wanted = || "given, or start.speaker_encoder instead".into();
        check("start.model", wanted, format!("{given} start.speaker_encoder"), |_| {
            self.model.is_some() != self.speaker_encoder.is_some()
        })?;
        let Some(source) = &self.speaker_encoder else { return Ok(()) };
        let published = TrunkConfig::SpeakerEncoder(SpeakerEncoderConfig::ge2e());
        let wanted = || {
            "omitted unless network.speaker_encoder is { layers = 3, hidden = 256, output = 256 }"
                .into()
        };
        check("start.speaker_encoder", wanted, source, |_| network.trunk == published)
    }
}

impl Clips {
    fn check(&self) -> Result<(), TrainError> {
        within("clips.seconds", self.seconds, Waveform::MIN_S, MAX_SECONDS)?;
        at_least("clips.segments", self.segments, 1)
    }
}

impl RecordingData {
    fn check(&self) -> Result<(), TrainError> {
        let wanted = || "from 0 to below 1".into();
        check("data.recordings.held_out", wanted, self.held_out, |x| (0.0..1.0).contains(x))?;
        let wanted = || "above 0 without data.recordings.test_folders".into();
        check("data.recordings.held_out", wanted, self.held_out, |x| {
            *x > 0.0 || !self.test_folders.is_empty()
        })?;
        within("data.recordings.pairing.strength", self.pairing.strength, 0.0, 1.0)?;
        within("data.recordings.pairing.width", self.pairing.width, 0.01, 100.0)?;
        let ends = &self.pairing.age_bands;
        let wanted = || "positive and ascending".into();
        check("data.recordings.pairing.age_bands", wanted, format!("{ends:?}"), |_| {
            ends.iter().all(|end| end.is_finite() && *end > 0.0) && ends.is_sorted_by(|a, b| a < b)
        })
    }
}

impl Augmentation {
    fn check(&self) -> Result<(), TrainError> {
        within("augmentation.speed", self.speed, 0.0, MAX_SPEED)?;
        within("augmentation.pitch", self.pitch, 0.0, MAX_PITCH)?;
        within("augmentation.microphone_db", self.microphone_db, 0.0, NOISE_DB)?;
        within("augmentation.band_limit", self.band_limit, 0.0, 1.0)?;
        within("augmentation.reverberation", self.reverberation, 0.0, 1.0)?;
        within("augmentation.noise", self.noise, 0.0, 1.0)?;
        within("augmentation.coding", self.coding, 0.0, 1.0)?;
        let [from, to] = self.noise_db;
        within("augmentation.noise_db", from, -NOISE_DB, NOISE_DB)?;
        within("augmentation.noise_db", to, -NOISE_DB, NOISE_DB)?;
        let found = format!("[{from}, {to}]");
        check("augmentation.noise_db", || "from low to high".into(), found, |_| from <= to)
    }
}

impl Optimisation {
    /// Checks the plan for a batch that is divided among `devices`.
    fn check(&self, devices: usize) -> Result<(), TrainError> {
        let (steps, epochs) = (self.steps, self.epochs);
        let given = if steps.is_some() { "given together with epochs" } else { "missing" };
        let wanted = || "given, or optimisation.epochs instead".into();
        check("optimisation.steps", wanted, given, |_| steps.is_some() != epochs.is_some())?;
        at_least("optimisation.steps", steps.unwrap_or(1), 1)?;
        at_least("optimisation.epochs", epochs.unwrap_or(1), 1)?;
        let parts = self.gradient_accumulation;
        at_least("optimisation.gradient_accumulation", parts, 1)?;
        // Batch normalisation cannot compute the variance of a single example.
        let least = parts.saturating_mul(2 * devices);
        let wanted = || match parts {
            1 => format!("at least {least}, two for each device"),
            _ => format!("at least {least}, two for each device and part"),
        };
        check("optimisation.batch", wanted, self.batch, |&batch| batch >= least)?;
        let wanted = || format!("a multiple of optimisation.gradient_accumulation, {parts}");
        check("optimisation.batch", wanted, self.batch, |batch| batch.is_multiple_of(parts))?;
        positive("optimisation.learning_rate", self.learning_rate)?;
        if let Some(norm) = self.clip_gradient_norm {
            positive("optimisation.clip_gradient_norm", norm)?;
        }
        if let Some(decay) = self.ema_decay {
            let wanted = || "above 0 and below 1".into();
            check("optimisation.ema_decay", wanted, decay, |x| *x > 0.0 && *x < 1.0)?;
        }
        if let Schedule::Decay { factor, every } = self.schedule {
            let wanted = || "above 0 and at most 1".into();
            check("optimisation.schedule.decay.factor", wanted, factor, |x| *x > 0.0 && *x <= 1.0)?;
            at_least("optimisation.schedule.decay.every", every, 1)?;
        }
        match self.optimizer {
            Optimizer::Adam { beta_1, beta_2, epsilon } => {
                let below_1 = |x: &f32| (0.0..1.0).contains(x);
                let wanted = || "from 0 to below 1".into();
                check("optimisation.optimizer.adam.beta_1", wanted, beta_1, below_1)?;
                let wanted = || "from 0 to below 1".into();
                check("optimisation.optimizer.adam.beta_2", wanted, beta_2, below_1)?;
                positive("optimisation.optimizer.adam.epsilon", f64::from(epsilon))
            }
            Optimizer::AdamW { weight_decay } => {
                let decay = f64::from(weight_decay);
                within("optimisation.optimizer.adam-w.weight_decay", decay, 0.0, 1.0)
            }
        }
    }
}

/// Each weight is 0 or more, and one of them is above 0.
fn loss_weights(weights: &[(&'static str, f64)]) -> Result<(), TrainError> {
    for &(key, weight) in weights {
        not_negative(key, weight)?;
    }
    let wanted = || "a weight above 0 for at least one loss".into();
    check("losses", wanted, "none", |_| weights.iter().any(|(_, weight)| *weight > 0.0))
}

/// The number as it was typed: 0.01 is not a little less.
fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

fn at_least(key: &'static str, value: usize, min: usize) -> Result<(), TrainError> {
    check(key, || format!("at least {min}"), value, |&value| value >= min)
}

fn within(key: &'static str, value: f64, min: f64, max: f64) -> Result<(), TrainError> {
    check(key, || format!("from {min} to {max}"), value, |value| (min..=max).contains(value))
}

fn positive(key: &'static str, value: f64) -> Result<(), TrainError> {
    check(key, || "above 0".into(), value, |value| *value > 0.0 && value.is_finite())
}

fn not_negative(key: &'static str, value: f64) -> Result<(), TrainError> {
    check(key, || "0 or more".into(), value, |value| *value >= 0.0 && value.is_finite())
}

fn equal<T: ToString + PartialEq>(
    key: &'static str,
    value: T,
    expected: T,
) -> Result<(), TrainError> {
    check(key, || expected.to_string(), value, |value| *value == expected)
}

fn check<T: ToString>(
    key: &'static str,
    wanted: impl FnOnce() -> String,
    value: T,
    holds: impl FnOnce(&T) -> bool,
) -> Result<(), TrainError> {
    if holds(&value) {
        return Ok(());
    }
    Err(TrainError::Value { key, wanted: wanted(), found: value.to_string() })
}

#[cfg(test)]
mod tests;
