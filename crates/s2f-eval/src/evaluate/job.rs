//! What takes long: hearing voices, drawing and reading faces.

use s2f_pairs::{PairSet, Payload};
use speech2face::{SOFTWARE, Speech2Face};

use super::{Event, Options};
use crate::cache::{Cache, Columns};
use crate::items::{Items, Loader};
use crate::readings::{DECODED, PHOTOGRAPH, columns as read_pictures, draw, reading};
use crate::sections::Readings;
use crate::voices::{Hearing, column};
use crate::{EvalError, FaceReader};
use s2f_metrics::Vectors;

/// What all steps of an evaluation share.
pub(super) struct Job<'a> {
    pub(super) set: &'a PairSet,
    pub(super) items: &'a Items,
    pub(super) options: &'a Options<'a>,
    pub(super) cache: &'a Cache,
    pub(super) pairs_sha256: &'a str,
}

impl Job<'_> {
    /// Features of all voices, from the cache where they are there.
    pub(super) fn hear(
        &self,
        model: &Speech2Face,
        hearing: &Hearing,
        told: &mut dyn FnMut(Event),
    ) -> Result<Columns, EvalError> {
        told(Event::Begin("hearing voices", self.items.len()));
        let key = format!("{SOFTWARE} {} {} {hearing:?}", model.id().sha256, self.pairs_sha256);
        let audio = Payload { audio: true, ..Payload::default() };
        let mut loader = Loader::new(self.set, self.options.part, self.items, audio);
        let compute = |rows: &[usize]| hearing.columns(model, &loader.load(rows)?);
        let mut done = |rows| told(Event::Done(rows));
        self.cache.columns("voices", &key, self.items.len(), compute, &mut done)
    }

    /// What is read in the pictures of some of the pairs, voices heard for each of the lengths.
    pub(super) fn read(
        &self,
        model: &Speech2Face,
        reader: &FaceReader,
        hearing: &Hearing,
        by_length: &[Vectors],
        centre: &[f32],
        told: &mut dyn FnMut(Event),
    ) -> Result<Readings, EvalError> {
        let count = self.items.len();
        let shown = self.options.pictures.min(count);
        let chosen: Vec<usize> = (0..shown).map(|n| n * count / shown).collect();
        told(Event::Begin("drawing and reading faces", shown));
        let sha256 = &model.id().sha256;
        let key = format!("{SOFTWARE} {sha256} {} {hearing:?} {shown}", self.pairs_sha256);
        let payload = Payload { audio: false, face: true, feature: true };
        let mut loader = Loader::new(self.set, self.options.part, self.items, payload);
        let compute = |rows: &[usize]| {
            let numbers: Vec<usize> = rows.iter().map(|&row| chosen[row]).collect();
            let lengths = hearing.lengths.iter().zip(by_length);
            let voices: Vec<(String, Vectors)> =
                lengths.map(|(&s, voices)| (column(s), voices.select(&numbers))).collect();
            read_pictures(model, reader, &loader.load(&numbers)?, &voices)
        };
        let mut done = |rows| told(Event::Done(rows));
        let columns = self.cache.columns("readings", &key, shown, compute, &mut done)?;
        let spread = |name: &str| {
            let mut all = vec![None; count];
            if let Some(rows) = columns.get(name) {
                chosen.iter().zip(rows.rows()).for_each(|(&pair, row)| all[pair] = reading(row));
            }
            all
        };
        let mut looked_at = vec![false; count];
        chosen.iter().for_each(|&pair| looked_at[pair] = true);
        Ok(Readings {
            looked_at,
            voice: spread(&column(hearing.seconds)),
            by_length: hearing.lengths.iter().map(|&seconds| spread(&column(seconds))).collect(),
            decoded: spread(DECODED),
            photograph: spread(PHOTOGRAPH),
            mean_face: reader.read(&draw(model, centre)?)?,
        })
    }
}
