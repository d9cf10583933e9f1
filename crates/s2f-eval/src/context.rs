//! What the sections of a report compute scores from.

use s2f_core::FaceSpace;
use s2f_metrics::{Distance, Vectors};
use speech2face::{FaceFeature, Speech2Face};

use crate::distributions::Prediction;
use crate::groups::{Control, sex_group};
use crate::identity::complete;
use crate::items::Items;
use crate::labels::Labels;
use crate::outcome::{Searches, search};
use crate::voices::ClipLengths;
use crate::{EvalError, FaceReading};

/// The distance of all scores except those that compare distances.
pub(crate) const MAIN: Distance = Distance::Relative;

/// What scores are computed from.
pub(crate) struct Context<'a> {
    pub(crate) items: &'a Items,
    /// The face space of the features.
    pub(crate) space: &'a FaceSpace,
    pub(crate) clips: &'a ClipLengths,
    /// Features of the voices, `[pairs, D]`, under the policy of `clips`, to be decoded.
    pub(crate) voice_features: Vectors,
    /// Their identities, `[pairs, D - T]` with T traits, to be compared.
    pub(crate) voices: Vectors,
    /// Identities by length, in the order of `clips.lengths`.
    pub(crate) by_length: Vec<Vectors>,
    /// Identities of the first and the second half of each voice, if there are features of parts.
    pub(crate) halves: Option<[Vectors; 2]>,
    /// Signal-to-noise ratio of each voice, dB.
    pub(crate) noise_db: Vec<f64>,
    /// The identity of the model's mean face, `[D - T]`.
    pub(crate) centre: Vec<f32>,
    pub(crate) readings: Option<Readings>,
    /// Distributions of faces, if the model has them, against the true faces.
    pub(crate) predictions: Option<Vec<Prediction>>,
    pub(crate) labels: Option<Labels>,
    pub(crate) controls: Controls,
    /// Searches for faces with voices, and with controls.
    pub(crate) voice_to_face: Conditions,
    /// Searches for voices with faces, and with controls.
    pub(crate) face_to_voice: Conditions,
    /// Random seed.
    pub(crate) seed: u64,
}

impl Context<'_> {
    /// The feature of a pair's true face, to be decoded by `model`.
    pub(crate) fn true_face(
        &self,
        model: &Speech2Face,
        pair: usize,
    ) -> Result<FaceFeature, EvalError> {
        let item = &self.items.items[pair];
        let feature = [self.items.faces.row(pair), &item.traits].concat();
        let photograph = self.readings.as_ref().and_then(|all| all.photograph[pair].as_ref());
        complete(model, &item.info, &feature, photograph)
    }
}

/// Readings of the pictures of some pairs, one element per pair; `None` if the picture was not read
/// or no face was detected.
pub(crate) struct Readings {
    /// Whether a pair's pictures were read.
    pub(crate) was_read: Vec<bool>,
    /// Of the face generated from the voice.
    pub(crate) voice: Vec<Option<FaceReading>>,
    /// The same by length, in the order of [`ClipLengths::lengths`].
    pub(crate) by_length: Vec<Vec<Option<FaceReading>>>,
    /// Of the face decoded from the true feature.
    pub(crate) decoded: Vec<Option<FaceReading>>,
    pub(crate) photograph: Vec<Option<FaceReading>>,
    /// Of the model's mean face.
    pub(crate) mean_face: Option<FaceReading>,
}

/// Which pair's voice replaces a pair's own.
pub(crate) struct Controls {
    /// Of another speaker.
    pub(crate) anybody: Vec<Option<usize>>,
    /// Of another speaker of the same stated sex.
    pub(crate) same_sex: Vec<Option<usize>>,
    /// Another clip of the same speaker.
    pub(crate) other_clip: Vec<Option<usize>>,
}

impl Controls {
    pub(crate) fn of(items: &Items, seed: u64) -> Self {
        Self {
            anybody: items.other_people(|_| Some(0), seed),
            same_sex: items.other_people(sex_group, seed),
            other_clip: items.other_clips(),
        }
    }
}

/// Searches in one direction, under all conditions.
pub(crate) struct Conditions {
    /// With each pair's own probe.
    pub(crate) own: Searches,
    /// With the mean face for everybody.
    pub(crate) mean_face: Searches,
    /// With another speaker's probe.
    pub(crate) another: Searches,
    /// With another speaker's probe of the same stated sex.
    pub(crate) another_same_sex: Searches,
}

impl Conditions {
    pub(crate) fn search(
        items: &Items,
        probes: &Vectors,
        targets: &Vectors,
        centre: &[f32],
        controls: &Controls,
        distances: &[Distance],
    ) -> Self {
        let run = |probes: &Vectors, distances: &[Distance]| {
            search(items, probes, targets, centre, distances)
        };
        let mean = Vectors::from_rows((0..items.len()).map(|_| centre));
        Self {
            own: run(probes, distances),
            mean_face: run(&mean, &[MAIN]),
            another: run(&permuted(probes, &controls.anybody), &[MAIN]),
            another_same_sex: run(&permuted(probes, &controls.same_sex), &[MAIN]),
        }
    }
}

/// Rows in another order; NaN for `None`.
pub(crate) fn permuted(rows: &Vectors, order: &[Option<usize>]) -> Vectors {
    let nothing = vec![f32::NAN; rows.dimension()];
    Vectors::from_rows(order.iter().map(|row| row.map_or(&nothing[..], |row| rows.row(row))))
}

/// Whether the corpus states enough about the pairs for a control: for at least half of them.
pub(crate) fn is_stated(items: &Items, control: Control) -> bool {
    let groups = items.groups(control);
    let stated = groups.iter().filter(|group| group.is_some()).count();
    2 * stated >= items.len()
}
