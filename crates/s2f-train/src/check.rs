//! Configurations that could only fail later, or not at all, are refused before anything is read.

use s2f_audio::Waveform;
use s2f_face::FRAME;

use crate::TrainError;
use crate::config::{
    Augmentation, FaceDecoderTraining, Optimisation, RecordingData, Schedule, VoiceData,
    VoiceEncoderTraining,
};
use crate::devices::Precision;

/// The widest spread of playing speeds that still sounds like speech, as a standard deviation.
const MOST_SPEED: f64 = 0.3;

impl FaceDecoderTraining {
    /// # Errors
    /// [`TrainError::Setting`] with the key, what it must be and what it is.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let dimension = self.data.face_space().dimension;
        let (faces, network) = (&self.morphing, &self.network);
        check("data.held_out", "at least 2", self.data.held_out, |&n| n >= 2)?;
        check("morphing.pool", "at least 1", faces.pool, |&n| n >= 1)?;
        check("morphing.neighbours", "at least 1", faces.neighbours, |&n| n >= 1)?;
        check("morphing.feature_noise", "0 or more", faces.feature_noise, |x| *x >= 0.0)?;
        check(
            "network.feature",
            "256 with MobileFace, 4096 with VGG-Face",
            network.feature,
            |&n| n == dimension,
        )?;
        check("network.size", "224, as the faces are", network.size, |&n| n == FRAME)?;
        // Only the voice encoder computes in 16 bits.
        check("optimisation.precision", "float32", self.optimisation.precision, |&precision| {
            precision == Precision::Float32
        })?;
        check("losses.identity_batch", "at least 1", self.losses.identity_batch, |&n| n >= 1)?;
        self.optimisation.check()
    }
}

impl VoiceEncoderTraining {
    /// # Errors
    /// [`TrainError::Setting`] with the key, what it must be and what it is;
    /// [`TrainError::Network`] where the network cannot hear a clip.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let (clips, losses) = (&self.clips, &self.losses);
        check("clips.seconds", "from 1 to 60", clips.seconds, |x| {
            (Waveform::MIN_S..=60.0).contains(x)
        })?;
        check("clips.segments", "at least 1", clips.segments, |&n| n >= 1)?;
        self.network.shapes(clips.frames())?;
        self.augmentation.check()?;
        match &self.data {
            VoiceData::Recordings(data) => data.check()?,
            VoiceData::Pairs(_) => {
                check("augmentation.speed", "0 with pairs", self.augmentation.speed, |x| {
                    *x == 0.0
                })?;
            }
        }
        let weights = [
            ("losses.decoder", losses.decoder),
            ("losses.direction", losses.direction),
            ("losses.distillation", losses.distillation),
            ("losses.contrastive", losses.contrastive),
            ("losses.feature", losses.feature),
            ("losses.pixel", losses.pixel),
        ];
        for (key, weight) in weights {
            check(key, "0 or more", weight, |x| *x >= 0.0 && x.is_finite())?;
        }
        check("losses", "at least one above 0", "none", |_| weights.iter().any(|(_, w)| *w > 0.0))?;
        check("losses.vgg_face", "weights of VGG-Face for losses.distillation", "missing", |_| {
            losses.distillation == 0.0 || losses.vgg_face.is_some()
        })?;
        self.optimisation.check()
    }
}

impl RecordingData {
    fn check(&self) -> Result<(), TrainError> {
        let share = |x: &f64| (0.0..=1.0).contains(x);
        check("data.recordings.held_out", "from 0 to below 1", self.held_out, |x| {
            (0.0..1.0).contains(x)
        })?;
        check("data.recordings.pairing.strength", "from 0 to 1", self.pairing.strength, share)?;
        check("data.recordings.pairing.width", "above 0", self.pairing.width, |x| *x > 0.0)
    }
}

impl Augmentation {
    fn check(&self) -> Result<(), TrainError> {
        check("augmentation.speed", "from 0 to 0.3", self.speed, |x| {
            (0.0..=MOST_SPEED).contains(x)
        })?;
        check("augmentation.microphone_db", "0 or more", self.microphone_db, |x| *x >= 0.0)?;
        for (key, value) in [
            ("augmentation.band_limit", self.band_limit),
            ("augmentation.reverberation", self.reverberation),
            ("augmentation.noise", self.noise),
            ("augmentation.coding", self.coding),
        ] {
            check(key, "from 0 to 1", value, |x| (0.0..=1.0).contains(x))?;
        }
        let [from, to] = self.noise_db;
        check("augmentation.noise_db", "from low to high", from, |_| from <= to)
    }
}

impl Optimisation {
    fn check(&self) -> Result<(), TrainError> {
        let (steps, epochs) = (self.steps, self.epochs);
        let given = if steps.is_some() { "given beside epochs" } else { "missing" };
        check("optimisation.steps", "given, or epochs in its place", given, |_| {
            steps.is_some() != epochs.is_some()
        })?;
        check("optimisation.steps", "at least 1", steps.unwrap_or(1), |&n| n >= 1)?;
        check("optimisation.epochs", "at least 1", epochs.unwrap_or(1), |&n| n >= 1)?;
        // Batch normalisation has no variance of one.
        check("optimisation.batch", "at least 2", self.batch, |&n| n >= 2)?;
        check("optimisation.learning_rate", "above 0", self.learning_rate, |x| *x > 0.0)?;
        if let Schedule::Decay { factor, every } = self.schedule {
            check("optimisation.schedule.decay.factor", "above 0, at most 1", factor, |x| {
                *x > 0.0 && *x <= 1.0
            })?;
            check("optimisation.schedule.decay.every", "at least 1", every, |&n| n >= 1)?;
        }
        Ok(())
    }
}

fn check<T: ToString>(
    key: &'static str,
    wanted: &'static str,
    value: T,
    holds: impl FnOnce(&T) -> bool,
) -> Result<(), TrainError> {
    if holds(&value) {
        return Ok(());
    }
    Err(TrainError::Setting { key, wanted, found: value.to_string() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::read;

    fn experiment<T: serde::de::DeserializeOwned>(name: &str, setting: &str) -> T {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/compact").join(name);
        let settings: Vec<String> = setting.split_whitespace().map(str::to_owned).collect();
        read(&path, &settings).unwrap()
    }

    #[test]
    fn the_shipped_experiments_are_fine() {
        experiment::<FaceDecoderTraining>("face-decoder.toml", "").check().unwrap();
        experiment::<VoiceEncoderTraining>("voice-encoder.toml", "").check().unwrap();
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let named = |result: Result<(), TrainError>, key: &str| {
            let message = result.unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        };
        for setting in [
            "network.feature=128",
            "network.size=112",
            "optimisation.batch=1",
            "optimisation.precision=bfloat16",
            "morphing.pool=0",
        ] {
            let config: FaceDecoderTraining = experiment("face-decoder.toml", setting);
            named(config.check(), setting.split('=').next().unwrap());
        }
        for setting in [
            "data.recordings.held_out=1.5",
            "data.recordings.pairing.width=0.0",
            "augmentation.noise=2.0",
            "augmentation.noise_db=[9.0,3.0]",
            "augmentation.speed=nan",
            "optimisation.steps=0",
        ] {
            let config: VoiceEncoderTraining = experiment("voice-encoder.toml", setting);
            named(config.check(), setting.split('=').next().unwrap());
        }
    }
}
