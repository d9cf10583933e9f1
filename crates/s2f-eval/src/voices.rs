//! What a model predicts from the voices of pairs, at several lengths.

use std::collections::btree_map::Entry;

use rayon::prelude::*;
use s2f_audio::{AudioError, Limits, Waveform, decode, signal_to_noise_db};
use s2f_metrics::Vectors;
use s2f_pairs::Pair;
use speech2face::VoicePolicy;

use crate::EvalError;
use crate::cache::Columns;
use crate::encoder::Encoder;
use crate::items::is_long_enough;

/// Names of the columns of [`ClipLengths::columns`] besides those of [`column`].
pub(crate) const WHOLE: &str = "whole";
pub(crate) const FIRST_HALF: &str = "first-half";
pub(crate) const SECOND_HALF: &str = "second-half";
pub(crate) const NOISE: &str = "signal-to-noise-db";

/// Name of the column of features of the first `seconds` of voices.
pub(crate) fn column(seconds: f64) -> String {
    format!("seconds-{seconds}")
}

/// The lengths of voice at which a model is evaluated.
///
/// Every feature comes from `embed_voices` of `speech2face`, the function of `reconstruct`, with a
/// [`VoicePolicy`]; shorter lengths only limit how much of each recording the policy sees.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClipLengths {
    /// Lengths of the scores by length, s, ascending.
    pub(crate) lengths: Vec<f64>,
    /// The length that every pair has, s.
    pub(crate) common: f64,
    /// The part of each voice that all other scores are measured on.
    pub(crate) policy: VoicePolicy,
}

impl ClipLengths {
    /// Name of the column of `policy`.
    pub(crate) fn main_column(&self) -> String {
        self.policy.max_s.map_or_else(|| WHOLE.to_owned(), column)
    }

    /// Everything that the features depend on besides the model and the pairs.
    pub(crate) fn key(&self) -> String {
        format!("{self:?}")
    }

    /// Features of some voices, `[pairs, D]` each: with `policy`; for each length, not a number
    /// where a recording is too short; of both halves of each voice, if the encoder embeds parts.
    /// And how far speech is above noise, dB.
    pub(crate) fn columns(
        &self,
        encoder: &Encoder<'_>,
        pairs: &[Pair],
    ) -> Result<Columns, EvalError> {
        let voices: Vec<Waveform> = pairs
            .par_iter()
            .map(|pair| decode(pair.audio.clone(), &pair.info.pair_id, &Limits::default()))
            .collect::<Result<_, AudioError>>()?;
        let all: Vec<&Pair> = pairs.iter().collect();
        let mut columns = Columns::new();
        for &seconds in &self.lengths {
            let policy = VoicePolicy { max_s: Some(seconds), ..self.policy };
            let found = embed_long_enough(encoder, pairs, &voices, &policy, seconds)?;
            columns.insert(column(seconds), found);
        }
        if let Entry::Vacant(main) = columns.entry(self.main_column()) {
            main.insert(encoder.embed(&all, &voices, &self.policy)?);
        }
        if encoder.embeds_parts() {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for voice in &voices {
                let used = self.policy.max_s.map_or(usize::MAX, samples).min(voice.samples().len());
                first.push(excerpt(&voice.samples()[..used / 2])?);
                second.push(excerpt(&voice.samples()[used / 2..used])?);
            }
            columns.insert(FIRST_HALF.into(), encoder.embed(&all, &first, &self.policy)?);
            columns.insert(SECOND_HALF.into(), encoder.embed(&all, &second, &self.policy)?);
        }
        let noise = voices.iter().map(|voice| signal_to_noise_db(voice.samples()) as f32).collect();
        columns.insert(NOISE.into(), Vectors::new(noise, 1));
        Ok(columns)
    }
}

/// Features of voices that have `seconds`, `[voices, D]`; not a number for the others.
fn embed_long_enough(
    encoder: &Encoder<'_>,
    pairs: &[Pair],
    voices: &[Waveform],
    policy: &VoicePolicy,
    seconds: f64,
) -> Result<Vectors, EvalError> {
    let enough: Vec<usize> =
        (0..pairs.len()).filter(|&n| is_long_enough(pairs[n].info.seconds, seconds)).collect();
    let chosen: Vec<Waveform> = enough.iter().map(|&n| voices[n].clone()).collect();
    let of: Vec<&Pair> = enough.iter().map(|&n| &pairs[n]).collect();
    let found = encoder.embed(&of, &chosen, policy)?;
    let dimension = encoder.space().dimension;
    let mut rows = vec![f32::NAN; pairs.len() * dimension];
    for (&row, feature) in enough.iter().zip(found.rows()) {
        rows[row * dimension..][..dimension].copy_from_slice(feature);
    }
    Ok(Vectors::new(rows, dimension))
}

fn excerpt(samples: &[f32]) -> Result<Waveform, AudioError> {
    Waveform::from_interleaved(samples, 1, Waveform::RATE_HZ)
}

fn samples(seconds: f64) -> usize {
    (seconds * f64::from(Waveform::RATE_HZ)).round() as usize
}

#[cfg(test)]
mod tests {
    use speech2face::Speech2Face;

    use super::*;

    #[test]
    fn the_main_feature_is_that_of_reconstruct() {
        let model = Speech2Face::shipped(&speech2face::Device::flex()).unwrap();
        let encoder = Encoder::Model(&model);
        let pair = crate::tests::samples::humming_pair(0, 0, 256, 14.0);
        let voice = decode(pair.audio.clone(), "voice", &Limits::default()).unwrap();
        let of = |policy| {
            let lengths = ClipLengths { lengths: vec![6.0, 10.0, 30.0], common: 6.0, policy };
            (lengths.main_column(), lengths.columns(&encoder, std::slice::from_ref(&pair)).unwrap())
        };
        let (main, columns) = of(VoicePolicy::default());
        let expected = model.embed_voice(&voice, &VoicePolicy::default()).unwrap();
        assert_eq!(columns[&main].row(0), expected.values());
        // Lengths cut the voice, and then the same function embeds it.
        let cut = excerpt(&voice.samples()[..160_000]).unwrap();
        let expected = model.embed_voice(&cut, &VoicePolicy::default()).unwrap();
        assert_eq!(columns[&column(10.0)].row(0), expected.values());
        assert!(columns[&column(30.0)].row(0)[0].is_nan());
        let (main, columns) = of(VoicePolicy::first_seconds(6.0));
        assert_eq!(main, column(6.0));
        let expected = model.embed_voice(&voice, &VoicePolicy::first_clip()).unwrap();
        assert_eq!(columns[&main].row(0), expected.values());
    }
}
