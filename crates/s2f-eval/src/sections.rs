//! The parts of a report, one file each: what is scored, and how it is shown.

mod attributes;
pub(crate) mod confusion;
mod consistency;
pub(crate) mod diversity;
mod groups;
mod lengths;
mod matching;
mod measures;
mod overview;
mod pictures;
mod retrieval;
mod similarity;
pub(crate) mod traits;

use speech2face::Speech2Face;

use crate::Reading;
use crate::items::{Control, Items, sex_group};
use crate::labels::Labels;
use crate::outcome::{Searches, search};
use crate::report::{Attachments, Cell, Section};
use crate::scorer::Scorer;
use crate::voices::Hearing;
use s2f_metrics::Distance;
use s2f_metrics::Vectors;

/// The distance of all scores but those that compare distances.
pub(crate) const MAIN: Distance = Distance::Relative;

/// With fewer speakers than this a group says next to nothing.
pub(crate) const FEW: usize = 20;

/// Everything that scores are computed from.
pub(crate) struct Context<'a> {
    pub(crate) items: &'a Items,
    pub(crate) model: &'a Speech2Face,
    pub(crate) hearing: &'a Hearing,
    /// Features of the voices, a row a pair, heard for `hearing.seconds`.
    pub(crate) voices: Vectors,
    /// The same by length, in the order of `hearing.lengths`.
    pub(crate) by_length: Vec<Vectors>,
    /// Of the first and the second half of what is heard.
    pub(crate) halves: [Vectors; 2],
    /// How far speech is above the noise, dB.
    pub(crate) noise_db: Vec<f64>,
    /// The model's mean face.
    pub(crate) centre: Vec<f32>,
    pub(crate) readings: Option<Readings>,
    pub(crate) labels: Option<Labels>,
    pub(crate) controls: Controls,
    /// Searches with the voices for faces, and with the controls.
    pub(crate) voice_to_face: Versions,
    /// Searches with the faces for voices.
    pub(crate) face_to_voice: Versions,
    /// Seed of what is drawn by lot.
    pub(crate) seed: u64,
}

/// What was read in the pictures of some pairs; one place a pair, `None` where it was not looked at
/// or showed no face.
pub(crate) struct Readings {
    /// Whether a pair's pictures were looked at.
    pub(crate) looked_at: Vec<bool>,
    pub(crate) voice: Vec<Option<Reading>>,
    /// The same by length, in the order of [`Hearing::lengths`].
    pub(crate) by_length: Vec<Vec<Option<Reading>>>,
    pub(crate) decoded: Vec<Option<Reading>>,
    pub(crate) photograph: Vec<Option<Reading>>,
    pub(crate) mean_face: Option<Reading>,
}

/// Whose voice takes the place of a pair's own.
pub(crate) struct Controls {
    /// Anybody else's.
    pub(crate) anybody: Vec<Option<usize>>,
    /// Somebody else's of the same stated sex.
    pub(crate) same_sex: Vec<Option<usize>>,
    /// Another one of the same speaker.
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

/// Searches in one direction, and the same with controls in place of the probes.
pub(crate) struct Versions {
    pub(crate) own: Searches,
    pub(crate) mean_face: Searches,
    pub(crate) another: Searches,
    /// Of the same stated sex.
    pub(crate) another_same_sex: Searches,
}

impl Versions {
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

/// Rows in another order; not numbers where there is none.
pub(crate) fn permuted(rows: &Vectors, order: &[Option<usize>]) -> Vectors {
    let nothing = vec![f32::NAN; rows.dimension()];
    Vectors::from_rows(order.iter().map(|row| row.map_or(&nothing[..], |row| rows.row(row))))
}

/// All parts but the comparison, in reading order, and their pictures.
pub(crate) fn all(
    context: &Context<'_>,
    scorer: &mut Scorer<'_>,
    attachments: &mut Attachments,
) -> Vec<Section> {
    let mut sections = vec![
        similarity::section(context, scorer),
        retrieval::section(context, scorer),
        matching::section(context, scorer),
        attributes::section(context, scorer),
    ];
    sections.extend(traits::section(context, scorer));
    sections.push(measures::section(context, scorer));
    sections.push(lengths::section(context, scorer));
    sections.push(consistency::section(context, scorer));
    sections.push(groups::section(context, scorer));
    sections.push(diversity::section(context, scorer));
    sections.push(pictures::map(context, attachments));
    sections
}

pub(crate) use overview::headlines;
pub(crate) use pictures::sheet;

/// Values of scores by name.
pub(crate) fn values(ids: impl IntoIterator<Item = String>) -> Vec<Cell> {
    ids.into_iter().map(Cell::Value).collect()
}

/// Chance levels of scores by name.
pub(crate) fn chances(ids: impl IntoIterator<Item = String>) -> Vec<Cell> {
    ids.into_iter().map(Cell::Chance).collect()
}

/// Whether enough is stated of the pairs for a control to say anything.
pub(crate) fn is_stated(items: &Items, control: Control) -> bool {
    let groups = items.groups(control);
    let stated = groups.iter().filter(|group| group.is_some()).count();
    2 * stated >= items.len()
}
