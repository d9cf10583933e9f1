//! The steps that take long, with a cache: embedding voices, generating and reading faces.

use s2f_metrics::Vectors;
use s2f_pairs::{PairSet, Payload};
use speech2face::{SOFTWARE, Speech2Face};

use crate::cache::{Cache, Columns};
use crate::context::Readings;
use crate::distributions::{Prediction, Predictor, SAMPLES, predictions};
use crate::encoder::Encoder;
use crate::items::Items;
use crate::loader::PairLoader;
use crate::readings::{DECODED, PHOTOGRAPH, columns as read_pictures, draw, reading};
use crate::voices::{ClipLengths, column};
use crate::{EvalError, EvaluationEvent, EvaluationOptions, FaceReader};

/// What all steps of an evaluation share.
pub(super) struct Steps<'a> {
    pub(super) set: &'a PairSet,
    pub(super) items: &'a Items,
    pub(super) options: &'a EvaluationOptions<'a>,
    pub(super) cache: &'a Cache,
    /// Hash of the pairs and of the part of their voices that is used.
    pub(super) pairs_sha256: &'a str,
}

impl Steps<'_> {
    /// Features of all voices, from the cache if they are there.
    pub(super) fn embed(
        &self,
        encoder: &Encoder<'_>,
        clips: &ClipLengths,
        on_event: &mut dyn FnMut(EvaluationEvent),
    ) -> Result<Columns, EvalError> {
        let pairs = self.items.len();
        on_event(EvaluationEvent::Stage { name: "embedding voices", pairs });
        let key = encoder.key().map(|key| self.key(&key, clips));
        let audio = Payload { audio: true, ..Payload::default() };
        let mut loader = PairLoader::new(self.set, self.options.selection, self.items, audio);
        let compute = |rows: &[usize]| {
            self.options.check_cancelled()?;
            clips.columns(encoder, &loader.load(rows)?)
        };
        let mut done = |rows| on_event(EvaluationEvent::Done(rows));
        self.cache.columns("voices", key.as_deref(), pairs, compute, &mut done)
    }

    /// Distributions of faces for all voices against the true faces, if the model has them.
    pub(super) fn predict(
        &self,
        model: &Speech2Face,
        clips: &ClipLengths,
        on_event: &mut dyn FnMut(EvaluationEvent),
    ) -> Result<Option<Vec<Prediction>>, EvalError> {
        let seed = self.options.seed;
        let Some(predictor) = Predictor::new(model, self.items, clips.policy, seed)? else {
            return Ok(None);
        };
        let pairs = self.items.len();
        on_event(EvaluationEvent::Stage { name: "predicting distributions of faces", pairs });
        let key = Encoder::Model(model).key().map(|key| self.key(&key, clips));
        let key = key.map(|key| format!("{key} {SAMPLES} {seed}"));
        let audio = Payload { audio: true, ..Payload::default() };
        let mut loader = PairLoader::new(self.set, self.options.selection, self.items, audio);
        let compute = |rows: &[usize]| {
            self.options.check_cancelled()?;
            predictor.columns(rows, loader.load(rows)?)
        };
        let mut done = |rows| on_event(EvaluationEvent::Done(rows));
        let columns =
            self.cache.columns("distributions", key.as_deref(), pairs, compute, &mut done)?;
        Ok(Some(predictions(&columns)))
    }

    /// Readings of the pictures of some of the pairs, and of the model's mean face, `[D]`;
    /// `features` has those of [`Self::embed`].
    pub(super) fn read(
        &self,
        model: &Speech2Face,
        reader: &FaceReader,
        clips: &ClipLengths,
        features: &Columns,
        mean_face: &[f32],
        on_event: &mut dyn FnMut(EvaluationEvent),
    ) -> Result<Readings, EvalError> {
        let count = self.items.len();
        let shown = self.options.max_pictures.min(count);
        let chosen: Vec<usize> = (0..shown).map(|n| n * count / shown).collect();
        on_event(EvaluationEvent::Stage { name: "generating and reading faces", pairs: shown });
        let key = Encoder::Model(model).key().map(|key| self.key(&key, clips));
        let key = key.map(|key| format!("{key} {shown}"));
        let payload = Payload { audio: false, face: true, feature: true };
        let mut loader = PairLoader::new(self.set, self.options.selection, self.items, payload);
        let main = clips.main_column();
        let mut names: Vec<String> = clips.lengths.iter().map(|&seconds| column(seconds)).collect();
        if !names.contains(&main) {
            names.push(main.clone());
        }
        let compute = |rows: &[usize]| {
            self.options.check_cancelled()?;
            let indices: Vec<usize> = rows.iter().map(|&row| chosen[row]).collect();
            let voices: Vec<(String, Vectors)> = names
                .iter()
                .filter_map(|name| Some((name.clone(), features.get(name)?.select(&indices))))
                .collect();
            read_pictures(model, reader, &loader.load(&indices)?, &voices)
        };
        let mut done = |rows| on_event(EvaluationEvent::Done(rows));
        let columns = self.cache.columns("readings", key.as_deref(), shown, compute, &mut done)?;
        let spread = |name: &str| {
            let mut all = vec![None; count];
            if let Some(rows) = columns.get(name) {
                chosen.iter().zip(rows.rows()).for_each(|(&pair, row)| all[pair] = reading(row));
            }
            all
        };
        let mut was_read = vec![false; count];
        chosen.iter().for_each(|&pair| was_read[pair] = true);
        Ok(Readings {
            was_read,
            voice: spread(&main),
            by_length: clips.lengths.iter().map(|&seconds| spread(&column(seconds))).collect(),
            decoded: spread(DECODED),
            photograph: spread(PHOTOGRAPH),
            mean_face: reader.read(&draw(model, mean_face)?)?,
        })
    }

    /// Everything that features depend on; `encoder` is the [key](Encoder::key) of the encoder.
    fn key(&self, encoder: &str, clips: &ClipLengths) -> String {
        format!("{SOFTWARE} {encoder} {} {}", self.pairs_sha256, clips.key())
    }
}
